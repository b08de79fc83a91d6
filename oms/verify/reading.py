"""What is asked of each record as it passes, and the facts that are kept of it for what is asked of all together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from oms.verify.findings import Findings
from oms.verify.records import Bounds, Partition, Place, Record
from oms.verify.schemas import Schemas
from oms.verify.spill import Spill
from oms.verify.wire import GENESIS, chained_hash, derived_id, emitted_index, instant

__all__ = ["DEAD", "EVENT", "INBOX", "INCOMING", "INTENT", "Message", "OpenTransaction", "Reading", "kind_of"]

EVENT, INBOX, INTENT, OUTGOING, INCOMING, DEAD = range(6)
"""Kinds of topics."""

UNSEALED = frozenset({INCOMING, DEAD})
"""Topics that hold what outsiders sent, for their 30 days."""

_FLOAT = re.compile(rb"(?:\":|[\[,])-?\d+(?:\.|[eE])")
_NULL = re.compile(rb"(?:\":|[\[,])null")
DEADLINE = "orderlog.chassis.DeadlinePassed.v1"
REDRIVEN = "orderlog.chassis.MessageRedriven.v1"


def kind_of(topic: str) -> int:
    """What kind of topic it is, by its name without the namespace."""
    if topic.startswith("channel."):
        return INCOMING if topic == "channel.orders" else OUTGOING
    return {"events": EVENT, "inbox": INBOX, "intents": INTENT, "dead-letters": DEAD}[topic.rpartition(".")[2]]


@dataclass(frozen=True, slots=True)
class Message:
    """A record whose headers and value were read."""

    record: Record
    kind: int
    head: Mapping[str, str]
    value: Any
    time: int

    @property
    def name(self) -> str:
        """The name of its type, without owner and version."""
        return self.head["ce_type"].split(".")[2]

    @property
    def service(self) -> str:
        """Whose topic it lies in."""
        return self.record.topic.partition(".")[0]


@dataclass(slots=True)
class OpenTransaction:
    """What was read so far of a transaction in one partition."""

    place: Place
    round: int
    said: int
    places: int
    said_all: int
    gone: int
    appended: int | None
    found: int = 0


@dataclass(slots=True)
class _Handling:
    """The last event of a partition: the next one of the same handling has the next index."""

    head: str = GENESIS
    offset: int = -1
    cause: str = ""
    stream: str = ""
    index: int = -1


@dataclass
class Reading:
    """One pass over all records. `hear` is told every event and message that could be read."""

    findings: Findings
    spill: Spill
    schemas: Schemas
    namespace: str
    murmur2: Callable[[bytes, int], int]
    hear: Callable[[Message], None]
    canaries: Sequence[bytes] = ()
    bounds: Mapping[Partition, Bounds] = field(default_factory=dict)
    round: int = 0
    topics: list[str] = field(default_factory=list)
    records: int = 0
    open: dict[Partition, dict[str, OpenTransaction]] = field(default_factory=lambda: defaultdict(dict))
    oldest: dict[Partition, int] = field(default_factory=dict)
    """The time of the first record that was read of a partition, in milliseconds."""
    _last: dict[Partition, _Handling] = field(default_factory=lambda: defaultdict(_Handling))
    _partitions: dict[str, int] = field(default_factory=dict)

    def begin(self, bounds: Mapping[Partition, Bounds]) -> None:
        """A round of reading begins, up to these ends."""
        self.bounds, self.round = bounds, self.round + 1
        for topic, number in sorted(bounds):
            self._partitions[topic] = max(self._partitions.get(topic, 0), number + 1)
            if topic not in self.topics:
                self.topics.append(topic)

    @property
    def open_transactions(self) -> int:
        """Of how many transactions and partitions a part was read."""
        return sum(map(len, self.open.values()))

    def trimmed(self, partition: Partition) -> bool:
        """Whether its oldest records are not kept any more."""
        return partition in self.bounds and self.bounds[partition].first > 0

    def head_at(self, partition: Partition, position: int) -> str | None:
        """The hash of the last event, if it lies before this offset; None when events come after it."""
        last = self._last[partition]
        return last.head if last.offset < position or last.offset < 0 else None

    def last_event(self, partition: Partition) -> Place | None:
        """Where the last event lies, if there is any."""
        offset = self._last[partition].offset
        return Place(*partition, offset) if offset >= 0 else None

    def take(self, record: Record) -> None:
        """One record, the next of its partition."""
        self.records += 1
        self.oldest.setdefault(Partition(record.topic, record.partition), record.timestamp)
        kind = kind_of(record.topic)
        head = {name: content.decode(errors="replace") for name, content in record.headers}
        if transaction := head.get("ce_txn"):
            self._count(record, transaction)
        if kind not in UNSEALED:
            self._search(record)
        if kind in (INCOMING, DEAD):
            self.hear(Message(record, kind, head, None, record.timestamp))
            return
        message = self._read(record, kind, head)
        if message is None:
            return
        if kind == EVENT:
            self._event(message)
        self._keep(message)
        self.hear(message)

    def _search(self, record: Record) -> None:
        """Look for texts that were planted as personal data."""
        for canary in self.canaries:
            found = canary in record.value or canary in record.key or any(canary in text for _, text in record.headers)
            self.findings.expect("I-20 canaries", not found, f"it holds {canary.decode()!r}", record.place)

    def _read(self, record: Record, kind: int, head: Mapping[str, str]) -> Message | None:
        place, expect = record.place, self.findings.expect
        time = instant(head.get("ce_time", ""))
        lacking = [name for name in ("ce_id", "ce_type", "ce_subject", "ce_causationid") if not head.get(name)]
        if kind == EVENT:
            lacking += [name for name in ("ce_sequence", "ce_inboxoffset") if not head.get(name, "").isdigit()]
        if lacking or time is None:
            expect("I-18 bytes", False, f"its headers lack or misspell {', '.join(lacking) or 'ce_time'}", place)
            return None
        try:
            value = orjson.loads(record.value)
        except orjson.JSONDecodeError as error:
            expect("I-18 bytes", False, f"the value is no JSON: {error}", place)
            return None
        fault = _misspelt(record.value, value)
        expect("I-18 bytes", fault is None, fault or "", place)
        fault = self.schemas.fault(head["ce_type"], value)
        expect("I-18 schema", fault is None, fault or "", place)
        return None if fault else Message(record, kind, head, value, time)

    def _count(self, record: Record, transaction: str) -> None:
        """Count a record into its transaction, of which the first in each partition says how many there are."""
        name, _, table = transaction.partition(";")
        partition = Partition(record.topic, record.partition)
        opened = self.open[partition].get(name)
        if table and opened is None:
            opened = self._opened(record, partition, table)
            self.open[partition][name] = opened
        elif table or opened is None:
            if self.trimmed(partition) and opened is None:
                self.findings.unjudged["records of transactions whose first record is not kept"] += 1
                return
            what = "says twice how many there are" if table else "has more records here than it says"
            self.findings.expect("I-14 whole", False, f"the transaction {name} {what}", record.place)
            return
        opened.found += 1
        if opened.found == opened.said:
            del self.open[partition][name]
            incarnation, _, number = name.rpartition(".")
            row = (incarnation, int(number), opened.found, opened.said, opened.places, opened.said_all, opened.gone)
            at = (opened.round, self.topics.index(record.topic), record.partition, opened.place.offset)
            self.spill.add("transactions", (*at, *row, opened.appended))

    def _opened(self, record: Record, partition: Partition, table: str) -> OpenTransaction:
        counts = orjson.loads(table)
        prefix = f"{self.namespace}-" if self.namespace else ""
        said = counts.get(f"{prefix}{record.topic}-{record.partition}", 0)
        places = [name.removeprefix(prefix).rpartition("-") for name in counts]
        gone = sum(self.trimmed(Partition(topic, int(number))) for topic, _, number in places)
        appended = None if kind_of(record.topic) == EVENT else record.timestamp
        return OpenTransaction(record.place, self.round, said, len(counts), sum(counts.values()), gone, appended)

    def _event(self, message: Message) -> None:
        record, head, expect = message.record, message.head, self.findings.expect
        place, stream = record.place, head["ce_subject"]
        last = self._last[Partition(record.topic, record.partition)]
        expect("I-14 chain", head.get("ce_prev") == last.head, "another event was before it, or it was another", place)
        last.head, last.offset = chained_hash(record), record.offset
        expect("I-11 key", record.key == stream.encode(), f"the key is {record.key!r}, the stream {stream}", place)
        belongs = self.murmur2(record.key, self._partitions[record.topic])
        expect("I-11 partition", belongs == record.partition, f"{stream} belongs in partition {belongs}", place)
        cause = head["ce_causationid"]
        guess = last.index + 1 if (last.cause, last.stream) == (cause, stream) else 0
        index = emitted_index(head["ce_id"], cause, stream, guess, int(head["ce_sequence"]))
        expect("I-12 id", index is not None, "its id does not follow from its cause, stream and place", place)
        last.cause, last.stream, last.index = cause, stream, guess if index is None else index

    def _keep(self, message: Message) -> None:
        record, head = message.record, message.head
        topic, event = self.topics.index(record.topic), message.kind == EVENT
        cause, identifier, subject = head["ce_causationid"], head["ce_id"], head["ce_subject"]
        if head["ce_type"] == DEADLINE and message.kind == INBOX:
            named = derived_id(subject, "deadline", message.value["name"], message.value["due"])
            self.findings.expect("I-12 deadline", identifier == named, f"its id should be {named}", record.place)
        row = (
            self.round,
            topic,
            record.partition,
            record.offset,
            _row_kind(message),
            hash(identifier),
            hash(cause),
            hash(subject),
            int(head["ce_sequence"]) if event else 0,
            int(head["ce_inboxoffset"]) if event else -1,
            message.time,
            hash(head.get("ce_txn", "").partition(";")[0]),
            hash(record.value),
        )
        self.spill.add("records", row)
        if head["ce_type"] == REDRIVEN and event:
            redriven = (topic, record.partition, int(head["ce_inboxoffset"]), hash(message.value["message_id"]))
            self.spill.add("redriven", redriven)


COPY, SENT, FROM_DOOR, PASSED = 10, 11, 12, 13
"""What else than an event a row of `records` may be: a copy of one, a message of ours, a message of a door,
a deadline that passed."""


def _row_kind(message: Message) -> int:
    if message.kind in (EVENT, OUTGOING):
        return message.kind
    if "ce_sequence" in message.head:
        return COPY
    if message.head["ce_type"] == DEADLINE:
        return PASSED
    return SENT if "ce_txn" in message.head else FROM_DOOR


def _misspelt(raw: bytes, value: Any) -> str | None:
    """What is not canonical in the bytes of a value. The patterns also fit texts, so they only say where to look."""
    if orjson.dumps(value) != raw:
        return "the value is not compact JSON, or says a key twice"
    if (_FLOAT.search(raw) or _NULL.search(raw)) and (found := _odd(value)):
        return f"the value holds {found}"
    return None


def _odd(value: Any) -> str | None:
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"the float {value}"
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, map(_odd, parts)), None)
