"""Lists over read models: page by page, by a cursor over a key that never changes, the same at every door.

Rows that are there when a reader begins, and stay, are each shown once, whatever comes or changes meanwhile. By a moment
that changes (`oldest_by`) none of them is left out; one that changes meanwhile may come again, later.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, LiteralString, Protocol

import orjson
from fastapi import Depends, Query

from chassis.problems import Problem, ProblemKind
from chassis.reading import Followed
from contracts.message import Instant, format_instant, parse_instant

__all__ = [
    "PAGE_DEFAULT",
    "PAGE_MAX",
    "CountAsked",
    "Counting",
    "Listing",
    "PageAsked",
    "Rows",
    "any_of",
    "list_page",
    "number_key",
    "text_key",
]

PAGE_MAX = 200
"""Rows that one page shows."""

PAGE_DEFAULT = 50
CURSOR_CHARS_MAX = 2_000


class Rows(Protocol):
    """Asks the tables of a read model, and how far it is."""

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]: ...

    def followed_by(self, projection: str) -> Followed: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    limit: int
    after: str | None


def _asked(
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX, description="Rows of a page.")] = PAGE_DEFAULT,
    after: Annotated[
        str | None, Query(max_length=CURSOR_CHARS_MAX, description="The `next` of the page before.")
    ] = None,
) -> _Asked:
    return _Asked(limit, after)


PageAsked = Annotated[_Asked, Depends(_asked)]
"""Which page a caller asks for: `limit` rows `after` those of the page before."""


@dataclass(frozen=True, slots=True)
class Counting:
    """Which rows come first, and what of all is counted."""

    oldest_by: str | None = None
    counted: bool = False
    late_before: datetime | None = None


def _counting(
    oldest_by: Annotated[
        str | None,
        Query(
            pattern="^[a-z_]+$", description="The oldest first by this moment of a row; rows without it are left out."
        ),
    ] = None,
    counted: Annotated[bool, Query(description="Say in `total` how many there are on all pages.")] = False,
    late_before: Annotated[
        Instant | None, Query(description="Say in `late` of how many the moment of `oldest_by` was before.")
    ] = None,
) -> Counting:
    if late_before is not None and oldest_by is None:
        raise Problem(
            ProblemKind.BAD_REQUEST, "`late_before` says too little", "Say by which moment of a row, in `oldest_by`."
        )
    return Counting(oldest_by, counted, late_before)


CountAsked = Annotated[Counting, Depends(_counting)]
"""Which of a list's rows a caller wants first, and counted."""

NOT_COUNTED = Counting()


@dataclass(frozen=True)
class Listing:
    """A list: its `name` in the answer, the projection that fills `table`, and each shown column with its expression.

    `key` are the expressions by whose values the rows stand, and how each value is read from a cursor: unique together,
    and never changed of a row. `newest_first` turns the order round. `moments`: columns by which a caller may have the
    oldest first, since when a row stands as it does or when something of it was due.
    """

    name: str
    projection: str
    table: LiteralString
    columns: Mapping[str, LiteralString]
    key: Mapping[LiteralString, Callable[[Any], Any]]
    newest_first: bool = False
    moments: Sequence[str] = ()

    def oldest_by(self, moment: str) -> Listing:
        """The same list, the oldest first by one of its moments; raises Problem where it has no such one."""
        if moment not in self.moments:
            known = f"Of {self.name} ask by: {', '.join(self.moments)}." if self.moments else "This list has none."
            raise Problem(ProblemKind.BAD_REQUEST, f"`oldest_by` names no moment: {moment}", known)
        return replace(self, key={self.columns[moment]: parse_instant, **self.key}, newest_first=False)

    def count(self, conditions: Sequence[LiteralString], late: LiteralString) -> LiteralString:
        """The statement of how many rows there are, and of how many `late` holds."""
        where = f" where {' and '.join(conditions)}" if conditions else ""
        return f"select count(*), count(*) filter (where {late}) from {self.table}{where}"

    def query(self, conditions: Sequence[LiteralString]) -> LiteralString:
        """The statement, of rows of the columns and then the key; its last parameter is how many."""
        selected = ", ".join((*self.columns.values(), *self.key))
        where = f" where {' and '.join(conditions)}" if conditions else ""
        order = ", ".join(f"{part} desc" if self.newest_first else part for part in self.key)
        return f"select {selected} from {self.table}{where} order by {order} limit %s"

    def later(self) -> LiteralString:
        """The condition of those that stand behind a cursor."""
        key, places = ", ".join(self.key), ", ".join(["%s"] * len(self.key))
        return f"({key}) {'<' if self.newest_first else '>'} ({places})"

    def cursor(self, row: Sequence[Any]) -> str:
        """The place of a row."""
        key = [_told(value) for value in row[len(self.columns) :]]
        return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")

    def place(self, cursor: str) -> list[Any]:
        """The key's values in a cursor; raises Problem when it is none of this list."""
        try:
            values = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
            return [read(value) for read, value in zip(self.key.values(), values, strict=True)]
        except (ValueError, TypeError) as error:
            raise Problem(
                ProblemKind.BAD_REQUEST,
                "`after` cannot be read",
                "Leave it out, or send the `next` of the page before as it is.",
            ) from error

    def shown(self, row: Sequence[Any]) -> dict[str, Any]:
        """A row as people see it; what it lacks is left out."""
        named = zip(self.columns, row, strict=False)
        return {name: _told(value) for name, value in named if value is not None}


def any_of(values: Sequence[StrEnum] | None) -> list[str] | None:
    """The parameter of `= any(%s)`; None where nobody asked for any."""
    return [value.value for value in values] if values else None


def text_key(value: Any) -> str:
    """A text of a key, out of a cursor; raises ValueError when it is none that a table keeps."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"{value!r} is no text of a key")
    return value


def number_key(value: Any) -> int:
    """A number of a key, out of a cursor; raises ValueError when it is none that a table keeps."""
    if not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError(f"{value!r} is no number of a key")
    return value


def _told(value: Any) -> Any:
    return format_instant(value.astimezone(UTC)) if isinstance(value, datetime) else value


def list_page(
    reads: Rows,
    listing: Listing,
    asked: _Asked,
    conditions: Mapping[LiteralString, Any] | None = None,
    counting: Counting = NOT_COUNTED,
) -> dict[str, Any]:
    """A page of a list, with `next` where there are more, and how far its tables have followed.

    `conditions` are expressions with their parameter, for each place of it: None where nobody asked for it, True or
    False for an expression without one. Raises Problem for a cursor that cannot be read, or a moment that the list has not.
    """
    asked_for = {text: value for text, value in (conditions or {}).items() if value is not None and value is not False}
    parameters = [value for text, value in asked_for.items() for _ in range(text.count("%s"))]
    wanted = list(asked_for)
    if counting.oldest_by is not None:
        listing = listing.oldest_by(counting.oldest_by)
        wanted.append(f"{listing.columns[counting.oldest_by]} is not null")
    behind, place = list(wanted), list(parameters)
    if asked.after is not None:
        behind.append(listing.later())
        place += listing.place(asked.after)
    # First how far the tables are, then the rows: they are at least as new.
    followed = reads.followed_by(listing.projection)
    rows = reads.rows(listing.query(behind), [*place, asked.limit + 1])
    page = rows[: asked.limit]
    more = {"next": listing.cursor(page[-1])} if len(rows) > asked.limit else {}
    counts = _counts(reads, listing, wanted, parameters, counting)
    return {listing.name: [listing.shown(row) for row in page], **more, **counts, "followed": followed.document()}


def _counts(
    reads: Rows, listing: Listing, wanted: Sequence[LiteralString], parameters: Sequence[Any], counting: Counting
) -> dict[str, int]:
    if not counting.counted and counting.late_before is None:
        return {}
    if counting.oldest_by is None or counting.late_before is None:
        [(total, _)] = reads.rows(listing.count(wanted, "false"), parameters)
        return {"total": total}
    late: LiteralString = f"{listing.columns[counting.oldest_by]} < %s"
    [(total, old)] = reads.rows(listing.count(wanted, late), [counting.late_before, *parameters])
    return {**({"total": total} if counting.counted else {}), "late": old}
