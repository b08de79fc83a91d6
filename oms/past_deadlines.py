"""Deadlines of all services that are past and were not taken: listed, the longest past first. For admins alone.

A deadline goes when its stream takes it, within a second or two. One that stays is of a stream that is parked, or of a
service that does not run or lies far behind; the step that it ends waits meanwhile.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, LiteralString, Protocol

from fastapi import APIRouter

from chassis.listing import CountAsked, Listing, PageAsked, text_key
from chassis.store import NoTables
from contracts.message import format_instant, parse_instant

__all__ = ["TAKEN_WITHIN", "Past", "Rows", "router", "row_of"]

TAKEN_WITHIN = timedelta(minutes=1)
"""What is past for less is no exception: services look for deadlines every second, and again after a restart."""

DEADLINES = Listing(
    "deadlines",
    "",
    "",
    {"due": "due"},
    {"due": parse_instant, "service": text_key, "stream": text_key, "name": text_key},
    moments=("due",),
)
"""Only for its cursors and moments: what is listed comes from several services."""

_PAST: LiteralString = (
    'select due, stream collate "C", name collate "C" from deadlines where partition = any(%s) and due < %s'
    ' and (due, %s, stream collate "C", name collate "C") > (%s, %s, %s, %s)'
    ' order by due, stream collate "C", name collate "C" limit %s'
)
_COUNTED: LiteralString = "select count(*) from deadlines where partition = any(%s) and due < %s"


class Rows(Protocol):
    """The tables of a service."""

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]: ...


@dataclass(frozen=True, slots=True, order=True)
class Past:
    """A deadline that is past: since when, of which stream of a service, and what it is called there."""

    due: datetime
    service: str
    stream: str
    name: str


_FIRST = Past(datetime(1970, 1, 1, tzinfo=UTC), "", "", "")


def router(
    tables: Mapping[str, Rows], partitions: int, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> APIRouter:
    """The route; `tables` by service, each of so many `partitions`, by which deadlines are found."""
    routes, numbers = APIRouter(tags=["deadlines"]), list(range(partitions))

    @routes.get("/deadlines/past")
    def list_past(asked: PageAsked, counting: CountAsked) -> dict[str, Any]:
        """Deadlines that were due for a minute and longer, and that their streams have not taken; the longest first."""
        if counting.oldest_by is not None:
            DEADLINES.oldest_by(counting.oldest_by)
        before = clock() - TAKEN_WITHIN
        after = _FIRST if asked.after is None else Past(*DEADLINES.place(asked.after))
        parts = [
            _of(service, each, [numbers, before], after, asked.limit + 1) for service, each in sorted(tables.items())
        ]
        found = list(islice(heapq.merge(*parts), asked.limit + 1))
        rows = found[: asked.limit]
        more = {"next": DEADLINES.cursor(_listed(rows[-1]))} if len(found) > asked.limit else {}
        late = counting.late_before
        return {
            "deadlines": [row_of(each) for each in rows],
            **more,
            **({"total": _count(tables, [numbers, before])} if counting.counted else {}),
            **({} if late is None else {"late": _count(tables, [numbers, min(late, before)])}),
        }

    return routes


def _of(service: str, tables: Rows, due: Sequence[Any], after: Past, limit: int) -> Iterator[Past]:
    place = (after.due, after.service, after.stream, after.name)
    for at, stream, name in _asked(tables, _PAST, [*due, service, *place, limit]):
        yield Past(at.astimezone(UTC), service, stream, name)


def _count(tables: Mapping[str, Rows], due: Sequence[Any]) -> int:
    return sum(count for each in tables.values() for (count,) in _asked(each, _COUNTED, due))


def _asked(tables: Rows, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
    try:
        return tables.rows(query, parameters)
    except NoTables:
        return []  # a service that never ran waits for nothing


def _listed(past: Past) -> tuple[Any, ...]:
    """A deadline as a row of its list: the columns, then the key."""
    return past.due, past.due, past.service, past.stream, past.name


def row_of(past: Past) -> dict[str, Any]:
    """A deadline as it is listed."""
    return {"service": past.service, "stream": past.stream, "name": past.name, "due": format_instant(past.due)}
