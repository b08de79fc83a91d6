"""A log of any length for the checker: a small one lived again and again under new names, without a broker.

What follows from a name follows from the new one: ids, chains, versions, numbers of transactions and places. It is made
while it is read, so it takes no room. All of a topic lies in one partition.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import orjson

from oms.verify.provider import Entry
from oms.verify.records import Bounds, Partition, Place, Record
from oms.verify.wire import GENESIS, chained_hash, derived_id, emitted_index
from tests.verify.installations import MemoryInstallation

__all__ = ["MultipliedBooks", "MultipliedLog"]

UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAMES = re.compile(rb'(%s|(?<="external_id":")[^"]+|(?<="sku":")[^"]+|\b0952\d{14}\b)' % UUID)
"""What is another in each life: ids, orders' numbers at their channels, SKUs, and the numbers of packages (SSCC)."""

_UUID = re.compile(UUID)
_BETWEEN = b"\x00"
"""Stands between the parts of a record while names are replaced: no text of a record holds it."""

SSCCS_A_LIFE = 10_000

Names = Mapping[bytes, bytes]
"""What each name is called in a life."""


@dataclass(frozen=True, slots=True)
class _Template:
    """A record, cut where names stand: every other piece is one. `chained`: the id of the event that it is or copies."""

    topic: str
    names: tuple[str, ...]
    pieces: tuple[bytes, ...]
    transaction: tuple[str, int, bytes] | None
    inbox: int | None
    letter: int | None
    event: bytes | None
    timestamp: int


class MultipliedLog:
    """`times` lives of what happened in an installation, one after the other (see Broker)."""

    def __init__(self, lived: MemoryInstallation, times: int) -> None:
        self.times = times
        self._records, self._bases = _merged(lived.log.logs)
        self._parts = {id_of(r): part for part, r in self._records if r.topic.endswith(".events")}
        self._names = _Names([record for _, record in self._records])
        self._length = Counter(record.topic for _, record in self._records)
        self._transactions: Counter[str] = Counter()
        self._templates = sorted(self._cut(), key=lambda template: not template.topic.endswith(".events"))

    @property
    def records(self) -> int:
        """How many there are."""
        return self.times * self._length.total()

    def bounds(self) -> Mapping[Partition, Bounds]:
        """See Source."""
        return {Partition(topic, 0): Bounds(0, self.times * many) for topic, many in self._length.items()}

    def uncommitted_ends(self) -> Mapping[Partition, int]:
        """See Broker."""
        return {where: bounds.end for where, bounds in self.bounds().items()}

    def committed(self, group: str, topic: str) -> Mapping[int, int | None]:
        """See Broker."""
        return {0: self.times * self._length[topic]}

    def read(self, since: Mapping[Partition, int], until: Mapping[Partition, int]) -> Iterator[Sequence[Record]]:
        """Everything at first, and nothing when asked for what came after that."""
        if any(since.values()):
            assert dict(since) == dict(until), "only the whole can be read"
            return
        heads = dict.fromkeys(self._length, GENESIS)
        for life in range(self.times):
            yield list(self._live(life, heads))

    def at(self, place: Place) -> Record | None:
        """See Source."""
        nothing = dict.fromkeys(self.bounds(), 0)
        every = (record for records in self.read(nothing, nothing) for record in records)
        return next((record for record in every if record.place == place), None)

    def called(self, life: int) -> Names:
        """What everything is called in a life."""
        return self._names.in_life(life)

    def _live(self, life: int, heads: dict[str, str]) -> Iterator[Record]:
        names, before = self.called(life), {}
        offsets = {topic: life * many for topic, many in self._length.items()}
        for template in self._templates:
            record = self._written(template, life, names, offsets[template.topic])
            offsets[template.topic] += 1
            if template.event is not None:
                if template.topic.endswith(".events"):
                    before[template.event] = heads[template.topic].encode()
                record = replace(record, headers=(*record.headers, ("ce_prev", before[template.event])))
                if template.topic.endswith(".events"):
                    heads[template.topic] = chained_hash(record)
            yield record

    def _written(self, template: _Template, life: int, names: Names, offset: int) -> Record:
        pieces = list(template.pieces)
        pieces[1::2] = [names[piece] for piece in pieces[1::2]]
        key, value, *texts = b"".join(pieces).split(_BETWEEN)
        headers = list(zip(template.names, texts, strict=True))
        if template.transaction is not None:
            incarnation, number, table = template.transaction
            number += life * self._transactions[incarnation]
            headers.append(("ce_txn", f"{incarnation}.{number}".encode() + table))
        if template.inbox is not None:
            service = dict(headers)["ce_source"].decode().strip("/")
            headers.append(("ce_inboxoffset", b"%d" % (template.inbox + life * self._length[f"{service}.inbox"])))
        if template.letter is not None:
            place = f"channel.orders/0/{template.letter + life * self._length['channel.orders']}"
            headers.append(("place", place.encode()))
        return Record(template.topic, 0, offset, template.timestamp, key, value, tuple(headers))

    def _cut(self) -> Iterator[_Template]:
        tables = _tables(record for _, record in self._records)
        self._transactions.update(name.rpartition(".")[0] for name in tables)
        told: set[tuple[str, str]] = set()
        for _, record in self._records:
            head = dict(record.headers)
            moved = {"ce_txn", "ce_inboxoffset", "ce_prev", "place"}
            kept = [(name, text) for name, text in record.headers if name not in moved]
            whole = _BETWEEN.join((record.key, record.value, *(text for _, text in kept)))
            transaction = head.get("ce_txn", b"").decode().partition(";")[0]
            incarnation, _, number = transaction.rpartition(".")
            table = b"" if (transaction, record.topic) in told else b";" + orjson.dumps(tables.get(transaction))
            told.add((transaction, record.topic))
            inbox = None
            if "ce_inboxoffset" in head:
                service = head["ce_source"].decode().strip("/")
                base = self._bases[Partition(f"{service}.inbox", self._parts[id_of(record)])]
                inbox = base + int(head["ce_inboxoffset"])
            yield _Template(
                record.topic,
                tuple(name for name, _ in kept),
                tuple(_NAMES.split(whole)),
                (incarnation, int(number), table) if transaction else None,
                inbox,
                int(head["place"].rpartition(b"/")[2]) if "place" in head else None,
                id_of(record) if "ce_prev" in head else None,
                record.timestamp,
            )


@dataclass
class MultipliedBooks:
    """The books of the provider of all these lives."""

    lived: MemoryInstallation
    log: MultipliedLog
    name: str = "sandbox"

    def entries(self) -> Iterator[Entry]:
        """See Books."""
        for life in range(self.log.times):
            names = self.log.called(life)
            for entry in self.lived.books.kept:
                yield replace(
                    entry, id=_new(entry.id, names), key=_new(entry.key, names), order=_new(entry.order, names)
                )


def id_of(record: Record) -> bytes:
    """The id of a record of ours."""
    return dict(record.headers)["ce_id"]


def _merged(logs: Mapping[Partition, list[Record]]) -> tuple[list[tuple[int, Record]], Mapping[Partition, int]]:
    """All records with the partition each was in, topic by topic, and the offset at which each partition begins now."""
    records: list[tuple[int, Record]] = []
    bases: dict[Partition, int] = {}
    lengths: Counter[str] = Counter()
    for where, found in sorted(logs.items()):
        bases[where] = lengths[where.topic]
        lengths[where.topic] += len(found)
        records += [(where.number, record) for record in found]
    return records, bases


def _tables(records: Iterable[Record]) -> Mapping[str, Mapping[str, int]]:
    """How many records each transaction has by topic."""
    tables: dict[str, Counter[str]] = {}
    for record in records:
        if transaction := dict(record.headers).get("ce_txn", b"").decode().partition(";")[0]:
            tables.setdefault(transaction, Counter())[f"{record.topic}-0"] += 1
    return tables


def _new(text: str, names: Names) -> str:
    return _UUID.sub(lambda found: names[found[0]], text.encode()).decode()


class _Names:
    """How names are made: the id of an order from its account and number, of an event from its cause, of a deadline
    from its stream; whatever else is called so is only another."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._found = {name for r in records for name in _NAMES.findall(_text(r))}
        self._rules: dict[bytes, tuple[Sequence[bytes], Callable[[Names, int], str]]] = {}
        for record in records:
            head = dict(record.headers)
            if record.topic.endswith(".events"):
                self._event(record, head)
                if b".OrderPlaced." in head["ce_type"]:
                    self._order(record)
            elif b".DeadlinePassed." in head.get("ce_type", b""):
                self._deadline(record, head)

    def in_life(self, life: int) -> Names:
        """What each is called in a life."""
        names: dict[bytes, bytes] = {}
        for name in self._in_order:
            rule = self._rules.get(name)
            names[name] = (rule[1](names, life) if rule else _another(name, life)).encode()
        return names

    @cached_property
    def _in_order(self) -> Sequence[bytes]:
        """Each after those that it follows from."""
        placed: dict[bytes, None] = {}
        waiting = sorted(self._found, reverse=True)
        while waiting:
            name = waiting[-1]
            needs = [need for need in self._rules[name][0] if need not in placed] if name in self._rules else []
            if needs and name not in placed:
                waiting += needs
            else:
                placed[waiting.pop()] = None
        return list(placed)

    def _order(self, record: Record) -> None:
        value = orjson.loads(record.value)
        tenant, account, external = value["tenant"], value["channel_account"], value["external_id"].encode()
        rule = lambda names, _: derived_id(tenant, "order", account, names[external].decode())  # noqa: E731
        self._rules[value["order_id"].encode()] = ((external,), rule)

    def _event(self, record: Record, head: Mapping[str, bytes]) -> None:
        cause, stream = head["ce_causationid"], head["ce_subject"].decode()
        index = emitted_index(id_of(record).decode(), cause.decode(), stream, 0, int(head["ce_sequence"]))
        rule = lambda names, _: derived_id(names[cause].decode(), _new(stream, names), str(index))  # noqa: E731
        self._rules[id_of(record)] = ((cause, *_UUID.findall(stream.encode())), rule)

    def _deadline(self, record: Record, head: Mapping[str, bytes]) -> None:
        stream, value = head["ce_subject"].decode(), orjson.loads(record.value)
        name, due = value["name"], value["due"]
        rule = lambda names, _: derived_id(_new(stream, names), "deadline", _new(name, names), due)  # noqa: E731
        self._rules[id_of(record)] = (_UUID.findall(f"{stream} {name}".encode()), rule)


def _text(record: Record) -> bytes:
    return _BETWEEN.join((record.key, record.value, *(text for _, text in record.headers)))


def _another(name: bytes, life: int) -> str:
    text = name.decode()
    if _UUID.fullmatch(name):
        return derived_id(text, str(life))
    if text.startswith("0952") and len(text) == 18:
        return f"{life:08}{int(text[:17]) % SSCCS_A_LIFE:09}0"
    return f"{text}.{life}"
