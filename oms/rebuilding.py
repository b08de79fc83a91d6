"""A service's tables made again from its topic beside the live ones, and compared table by table."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from chassis.rebuild import rebuild, table_hashes
from chassis.service import Service
from chassis.settings import Settings
from chassis.store import Store
from oms.reach import reach_log

__all__ = ["Comparison", "TableHashes", "declared", "rebuild_and_compare"]

ATTEMPTS = 10
"""How often a live database that moves on is caught up with before we say that it never stood still."""


@dataclass(frozen=True, slots=True)
class TableHashes:
    """One table, live and rebuilt: SHA-256 over its rows in the order of their keys."""

    table: str
    live: str
    rebuilt: str

    @property
    def equal(self) -> bool:
        return self.live == self.rebuilt


@dataclass(frozen=True, slots=True)
class Comparison:
    """All tables of a service; `settled` is false when the live ones moved on through every attempt."""

    service: str
    tables: tuple[TableHashes, ...]
    settled: bool

    @property
    def equal(self) -> bool:
        return self.settled and all(table.equal for table in self.tables)


def declared(service: str, namespace: str) -> Service:
    """The service as its composition root declares it; raises ModuleNotFoundError for an unknown one."""
    declare = import_module(f"services.{service}.app").declare
    found = declare(namespace)
    assert isinstance(found, Service)
    return found


def rebuild_and_compare(settings: Settings, name: str) -> Comparison:
    """Rebuild into a schema of its own, compare, and throw the copy away.

    Raises StoreAway, LogError, and ChainBroken where the log was changed.
    """
    service = declared(name, settings.namespace)
    log = reach_log(settings)
    live = Store(settings.database, service.schema, service.events)
    copy = Store(settings.database, f"{service.schema}_rebuilt", service.events)
    copy.drop()
    try:
        for _ in range(ATTEMPTS):
            rebuild(service, log, copy, range(settings.partitions))
            before = table_hashes(live)
            rebuilt = table_hashes(copy)
            settled = before["tracking"] == rebuilt["tracking"] and before == table_hashes(live)
            if settled:
                break
        tables = tuple(TableHashes(table, before[table], rebuilt[table]) for table in before)
        return Comparison(name, tables, settled)
    finally:
        copy.drop()
        copy.close()
        live.close()
