"""Where the orders of a search come from: of few that match all, of very many the last ones first.

A condition on the orders goes along, so that none is looked at for nothing; a page is full with whatever fills it first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, LiteralString

__all__ = ["Rows", "sources"]

WIDE_ROWS = 2_000
"""Names and goods that a search may match before it looks through the last orders first: where so many match, a page is
often full with these, while sorting all that match would take longest."""

NEWEST_ROWS = 3_000
"""Orders that are looked through so, one after the other with its names."""

SET_ROWS = 50_000
"""Names, and goods, that a search may match to be made a set of, so that the orders are gone through in their order and
asked of each only whether it is in it. The database makes one of as many as its memory for that has room for
(work_mem, 4 MB); what matches more is looked for by the names of each order."""

STANDING: LiteralString = " left join standing on standing.thing = 'order/' || cards.order_id"
NEWEST: LiteralString = " order by cards.recorded_at desc, cards.order_id desc limit %s"

FEW: LiteralString = (
    "(select order_id, min(because) as because from ("
    "select order_id, kind || ' ' || name as because from names where folded like %s"
    " union all select order_id, 'goods' from cards where words @@ websearch_to_tsquery('simple', %s)"
    " union all select order_id, 'name or e-mail' from unnest(%s::text[]) as person (order_id)"
    ") as each group by order_id) as hit join cards using (order_id)"
)
"""All orders that match, each with why."""

BECAUSE: LiteralString = (
    # The names of each order by its id: `|| ''` keeps the index of beginnings out, which has far too many here.
    " cross join lateral (select coalesce((select kind || ' ' || name from names where names.order_id = cards.order_id"
    " and folded || '' like %s limit 1), case when words @@ websearch_to_tsquery('simple', %s) then 'goods'"
    " when cards.order_id = any(%s) then 'name or e-mail' end) as because) as hit"
)
"""Why each order matches; null where it does not."""

IN_SET: LiteralString = (
    "(cards.order_id in (select order_id from names where folded like %s limit %s) or cards.order_id in (select order_id"
    " from cards as told where told.words @@ websearch_to_tsquery('simple', %s) limit %s) or cards.order_id = any(%s))"
)
"""Whether an order is among those that match."""

Rows = Callable[[LiteralString, Sequence[Any]], list[Any]]
"""Asks the console's tables; raises chassis.store.StoreAway while they do not answer."""


def sources(
    rows: Rows, wanted: str, people: Sequence[str], among: LiteralString, given: Sequence[Any]
) -> Iterator[tuple[LiteralString, list[Any]]]:
    """Where the orders come from that match and of which the condition `among` holds, with parameters. The first that
    fills a page has the right ones, and so has the last."""
    if not wanted:
        yield "(select null::text as because) as hit cross join cards" + STANDING + " where " + among, [*given]
        return
    prefix, named = _prefix(wanted), list(people)
    matching: list[Any] = [prefix, wanted, named]
    if _matches(rows, prefix, wanted, WIDE_ROWS) <= WIDE_ROWS:
        yield FEW + STANDING + " where " + among, [*matching, *given]
        return
    newest = "(select * from cards where " + among + NEWEST + ") as cards" + BECAUSE + STANDING
    yield newest + " where because is not null", [*given, NEWEST_ROWS, *matching]
    if _matches(rows, prefix, wanted, SET_ROWS) <= SET_ROWS:
        held: list[Any] = [prefix, SET_ROWS, wanted, SET_ROWS, named]
        yield "cards" + BECAUSE + STANDING + " where " + among + " and " + IN_SET, [*matching, *given, *held]
    else:
        yield "cards" + BECAUSE + STANDING + " where " + among + " and because is not null", [*matching, *given]


def _matches(rows: Rows, prefix: str, words: str, most: int) -> int:
    """How many names and goods a search matches; of more than `most`, some number above it."""
    [(many,)] = rows(
        "select (select count(*) from (select from names where folded like %s limit %s) as named) +"
        " (select count(*) from (select from cards where words @@ websearch_to_tsquery('simple', %s) limit %s) as told)",
        [prefix, most + 1, words, most + 1],
    )
    return int(many)


def _prefix(wanted: str) -> str:
    """A pattern for names that begin so."""
    escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}%"
