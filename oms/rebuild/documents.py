"""What a rebuild found as JSON, and in words: the same for whoever asked at the command line and on the operators' page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chassis.comparison import Difference, Side, TableCompared
from oms.rebuild.channels import NAME as CHANNELS
from oms.rebuild.channels import NOT_OF_TOPICS
from oms.rebuild.running import Rebuilt
from oms.rebuild.showing import first_difference

__all__ = ["document_of", "explained", "rebuilt_of"]


def document_of(found: Rebuilt) -> dict[str, Any]:
    """All of it, for programs."""
    return {
        "service": found.service,
        "equal": found.equal,
        "offsets": found.offsets,
        "calls_outside": found.calls_outside,
        "swapped": found.swapped,
        "tables": [_table(one) for one in found.tables],
    }


def _table(one: TableCompared) -> dict[str, Any]:
    document: dict[str, Any] = {"table": one.table, "equal": one.equal, "outdated": one.outdated}
    for name, side in (("live", one.live), ("rebuilt", one.rebuilt)):
        document[name] = None if side is None else {"rows": side.rows, "sha256": side.sha256}
    if one.note is not None:
        document["note"] = one.note
    if one.first is not None:
        document["first"] = {"key": one.first.key, "live": one.first.live, "rebuilt": one.first.rebuilt}
    return document


def rebuilt_of(document: Mapping[str, Any]) -> Rebuilt:
    """What a document says. Raises KeyError or TypeError for what is none."""
    tables = tuple(_compared(each) for each in document["tables"])
    return Rebuilt(
        document["service"], tables, document["offsets"], document["calls_outside"], bool(document["swapped"])
    )


def _compared(document: Mapping[str, Any]) -> TableCompared:
    first = document.get("first")
    live, rebuilt = (None if document[name] is None else Side(**document[name]) for name in ("live", "rebuilt"))
    return TableCompared(
        document["table"],
        live,
        rebuilt,
        None if first is None else Difference(**first),
        document["outdated"],
        document.get("note"),
    )


def explained(found: Rebuilt) -> Iterator[str]:
    """What is to be said of tables beyond their numbers, for people: what was left out, and what differs."""
    for one in found.tables:
        yield from _explained(found, one)


def _explained(found: Rebuilt, one: TableCompared) -> Iterator[str]:
    if found.service == CHANNELS and one.table in NOT_OF_TOPICS:
        columns = ", ".join(sorted(NOT_OF_TOPICS[one.table]))
        yield f"{one.table}: {columns} is left out; it is no function of the topics"
    if one.outdated:
        yield f"{one.table}: {one.outdated} rows of another release, which are never read, are left out"
    if one.equal:
        return
    if one.note is not None:
        yield f"{one.table}: {one.note}"
    if one.live is not None and one.rebuilt is not None and one.live.rows != one.rebuilt.rows:
        yield f"{one.table}: {one.live.rows} rows are live, {one.rebuilt.rows} rebuilt"
    if one.first is not None:
        yield from first_difference(one.table, one.first, "live", "rebuilt")
