"""What stands beside a log in memory: tables that were followed from it, the books of a provider, positions of groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from oms.verify.checking import Checker, Installation
from oms.verify.findings import Findings
from oms.verify.kafka import murmur2
from oms.verify.provider import Entry
from oms.verify.records import Partition
from oms.verify.schemas import Schemas
from oms.verify.tables import Position, Row, Snapshot
from oms.verify.wire import GENESIS, chained_hash, instant
from tests.verify.logs import MemorySource

__all__ = ["CANARY", "MemoryBooks", "MemoryInstallation", "MemoryTables"]

SCHEMAS = Schemas(Path(__file__).parents[2] / "contracts" / "schemas")
CANARY = "Zebedeus Quillfeather"
"""A name that is nowhere."""


@dataclass
class MemoryTables:
    """The tables of all services as rows that a test may change."""

    found: dict[tuple[str, int], Position] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    waiting: dict[str, dict[tuple[str, str], int]] = field(default_factory=dict)

    @classmethod
    def following(cls, log: MemorySource) -> MemoryTables:
        """Tables that have followed everything."""
        tables = cls()
        for where, records in log.logs.items():
            service, _, kind = where.topic.partition(".")
            if kind != "events":
                continue
            rows, waiting = tables.rows.setdefault(service, []), tables.waiting.setdefault(service, {})
            for record in records:
                head = {name: value.decode() for name, value in record.headers}
                stream = head["ce_subject"]
                rows.append(Row(stream, int(head["ce_sequence"]), record.partition, record.offset, record.value))
                for name, due in orjson.loads(head.get("ce_deadlines", "{}")).items():
                    waiting.pop((stream, name), None)
                    if due:
                        waiting[stream, name] = instant(due) or 0
            last = chained_hash(records[-1]) if records else GENESIS
            end = records[-1].offset + 1 if records else 0
            tables.found[service, where.number] = Position(where.number, end, last)
        return tables

    def copy(self) -> MemoryTables:
        rows = {service: list(found) for service, found in self.rows.items()}
        return MemoryTables(dict(self.found), rows, {service: dict(found) for service, found in self.waiting.items()})

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        yield self

    def positions(self, service: str) -> list[Position]:
        return [position for (name, _), position in self.found.items() if name == service]

    def events(self, service: str) -> list[Row]:
        return self.rows.get(service, [])

    def deadlines(self, service: str) -> list[tuple[str, str, int]]:
        return [(stream, name, due) for (stream, name), due in self.waiting.get(service, {}).items()]


@dataclass
class MemoryBooks:
    """A provider's books as entries that a test may change."""

    kept: list[Entry] = field(default_factory=list)
    name: str = "sandbox"

    def entries(self) -> list[Entry]:
        return self.kept

    def copy(self) -> MemoryBooks:
        return MemoryBooks(list(self.kept), self.name)


@dataclass
class MemoryBroker(MemorySource):
    """The log with what a broker knows besides."""

    groups: dict[tuple[str, int], int | None] = field(default_factory=dict)
    hanging: dict[Partition, int] = field(default_factory=dict)

    def uncommitted_ends(self) -> Mapping[Partition, int]:
        return {where: self.hanging.get(where, bounds.end) for where, bounds in self.bounds().items()}

    def committed(self, group: str, topic: str) -> Mapping[int, int | None]:
        ends = {where.number: bounds.end for where, bounds in self.bounds().items() if where.topic == topic}
        return {number: self.groups.get((group, number), end) for number, end in ends.items()}


@dataclass
class MemoryInstallation:
    """Everything together. `log` is what most breaks are about."""

    log: MemoryBroker
    books: MemoryBooks
    tables: MemoryTables
    now: datetime
    canary: str = CANARY

    def copy(self) -> MemoryInstallation:
        log = replace(self.log, logs={where: list(records) for where, records in self.log.logs.items()})
        log.groups, log.hanging, log.first = {}, {}, {}
        return MemoryInstallation(log, self.books.copy(), self.tables.copy(), self.now)

    def checked(self) -> Findings:
        """What the checker finds, when everything has come to rest."""
        of = Installation(
            self.log,
            SCHEMAS,
            murmur2,
            lambda: self.now,
            timedelta(),
            tables=self.tables,
            books=[self.books],
            canaries=[self.canary],
        )
        checker = Checker(of)
        try:
            return checker.check()
        finally:
            checker.close()
