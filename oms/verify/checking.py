"""One check of an installation: read everything that is there, then ask what must be true of it together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from oms.verify.facts import gather_facts
from oms.verify.findings import Findings
from oms.verify.inbound import check_inbound, gather_letter, gather_published
from oms.verify.ledgers import Ledgers
from oms.verify.log_rules import check_log
from oms.verify.orders import check_story
from oms.verify.positions import Broker, check_groups, check_transactions
from oms.verify.provider import Books, check_provider
from oms.verify.reading import DEAD, INCOMING, Message, Reading
from oms.verify.records import Partition
from oms.verify.schemas import Schemas
from oms.verify.spill import Spill
from oms.verify.stock import StockBooks
from oms.verify.stories import gather, stories
from oms.verify.tables import Position, Tables, check_tables, keep_tables
from oms.verify.wire import instant_of

__all__ = ["Checker", "Installation"]

MS_A_SECOND = 1_000


@dataclass(frozen=True)
class Installation:
    """Everything that is looked at. `namespace` is that of its topics; `murmur2` the partitioner. Without `tables` or
    `books` the rules about them are not applicable, and neither is that about personal data without `canaries`. What
    happened less than `grace` ago may still be on its way."""

    broker: Broker
    schemas: Schemas
    murmur2: Callable[[bytes, int], int]
    clock: Callable[[], datetime]
    grace: timedelta
    namespace: str = ""
    tables: Tables | None = None
    books: Sequence[Books] = ()
    canaries: Sequence[str] = ()


class Checker:
    """Keeps what it has read, so that it may be asked again when there is more. Raises Unreadable."""

    def __init__(self, of: Installation) -> None:
        self._of, self._spill, self._seen = of, Spill(), Findings()
        self._books, self._ledgers = StockBooks(self._seen), Ledgers(self._seen)
        canaries = [canary.encode() for canary in of.canaries]
        self._reading = Reading(self._seen, self._spill, of.schemas, of.namespace, of.murmur2, self._hear, canaries)
        self._reached: dict[Partition, int] = {}

    @property
    def records(self) -> int:
        """How many records were read so far."""
        return self._reading.records

    @property
    def kept(self) -> Mapping[str, int]:
        """How many entries are kept in memory, by what they are about; everything else lies on disk."""
        return {**self._books.kept, **self._ledgers.kept, "open transactions": self._reading.open_transactions}

    def check(self) -> Findings:
        """Read what is new, twice, and judge.

        A transaction reaches its partitions one after the other, so of what is read first, the rest is there when the
        second reading begins; of what only the second reading found, the rest may be missing, and it is not judged.
        """
        asked, rest = Findings(), self._of.clock() - self._of.grace
        with ExitStack() as held:
            snapshot = None if self._of.tables is None else held.enter_context(self._of.tables.snapshot())
            self._read()
            settled = self._reading.round
            if not self._read():
                settled = self._reading.round
            now_ms = int(self._of.clock().timestamp() * MS_A_SECOND)
            check_log(self._reading, self._spill, asked, settled, now_ms)
            self._tell(asked, rest)
            check_inbound(self._reading, self._spill, asked, instant_of(rest))
            if snapshot is not None:
                self._compare(keep_tables(snapshot, self._spill), asked, rest)
        check_groups(self._of.broker, self._reading.bounds, int(rest.timestamp() * MS_A_SECOND), asked)
        check_transactions(self._of.broker, asked)
        for books in self._of.books:
            check_provider(books, self._reading, self._spill, asked)
        self._excuse(asked)
        return self._seen.joined(asked)

    def close(self) -> None:
        """Throw away what was kept on disk."""
        self._spill.close()

    def _read(self) -> int:
        bounds = self._of.broker.bounds()
        self._reading.begin(bounds)
        since = {where: max(self._reached.get(where, 0), found.first) for where, found in bounds.items()}
        until = {where: found.end for where, found in bounds.items()}
        before = self._reading.records
        for records in self._of.broker.read(since, until):
            for record in records:
                self._reading.take(record)
        self._reached.update(until)
        return self._reading.records - before

    def _hear(self, message: Message) -> None:
        topic = self._reading.topics.index(message.record.topic)
        if message.kind == INCOMING:
            gather_published(message.record, self._spill)
        elif message.kind == DEAD:
            gather_letter(message.record, topic, message.head, self._of.namespace, self._spill)
        else:
            self._books.hear(message)
            self._ledgers.hear(message)
            gather(message, topic, self._spill)
            gather_facts(message, topic, self._spill)

    def _tell(self, asked: Findings, rest: datetime) -> None:
        for story in stories(self._reading, self._spill):
            check_story(story, instant_of(rest), asked)

    def _compare(self, positions: Mapping[tuple[str, int], Position], asked: Findings, rest: datetime) -> None:
        check_tables(positions, self._reading, self._spill, asked, instant_of(rest))

    def _excuse(self, asked: Findings) -> None:
        if self._of.tables is None:
            asked.excuse("I-15", "no database was named")
            asked.excuse("I-16 tables", "no database was named")
        if not self._of.books:
            asked.excuse("I-05", "no books of a payment provider were named")
            asked.excuse("I-08", "no books of a payment provider were named")
        if not self._of.canaries:
            asked.excuse("I-20", "no text was planted: name some with --canary")
