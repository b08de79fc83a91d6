"""Which order a name means: its id, its number as people write it, or the id that its channel knows it by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString, Protocol
from uuid import UUID

from chassis.description import may_answer
from chassis.problems import Problem, ProblemKind
from contracts.ids import split_stream, stream

__all__ = ["NAMED", "NAMED_MAX", "Rows", "find_order", "location_of", "unknown_order"]

NAMED = may_answer(ProblemKind.AMBIGUOUS)
"""What may be answered wherever an order is called by a name of the channel's."""

NAMED_MAX = 10
"""Orders that share a name and are shown when it is asked for."""

READ_AS = str.maketrans("OIL", "011")
"""Letters that Crockford's base 32 does not have, as what they are taken for."""


class Rows(Protocol):
    """Asks the list of orders."""

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]: ...


def find_order(reads: Rows, name: str) -> str:
    """The stream of an order; raises Problem when nothing, or more than one order, is called so.

    What looks like an id may be the channel's own. An id that the list does not have is taken at its word: the order
    may have been placed a moment ago.
    """
    identifier = _identifier(name)
    rows = reads.rows(
        "select id from orders where id = %s or number like %s or external_id = %s order by id limit %s",
        [identifier, _number(name), name, NAMED_MAX],
    )
    if len(rows) > 1:
        raise Problem(
            ProblemKind.AMBIGUOUS,
            f"Several orders are called {name}",
            "Ask for one of them by its id.",
            orders=[f"/orders/{found}" for (found,) in rows],
        )
    if not rows and not identifier:
        raise unknown_order(name)
    return stream("order", rows[0][0] if rows else identifier)


def location_of(target: str) -> str:
    """Where an order is found by HTTP."""
    return f"/orders/{split_stream(target)[1]}"


def _identifier(name: str) -> str:
    try:
        return str(UUID(name))
    except ValueError:
        return ""


def _number(name: str) -> str:
    """A pattern for an order number as people write it: the dashes and the check symbol may be missing."""
    symbols = "".join(symbol for symbol in name.upper() if symbol.isascii() and symbol.isalnum()).translate(READ_AS)
    return f"{symbols[:5]}-{symbols[5:10]}-{symbols[10:] or '%'}" if len(symbols) in {10, 11} else ""


def unknown_order(name: str, at: str | None = None) -> Problem:
    """Says that no order is called so, or was `at` a moment, and how orders are called."""
    if at is not None:
        return Problem(
            ProblemKind.NOT_FOUND, f"No order was called {name} then", f"Nothing of it was recorded up to {at}."
        )
    return Problem(
        ProblemKind.NOT_FOUND,
        f"No order is called {name}",
        "Ask by its id, its number or the channel's external id. An order sent a moment ago may not be here yet.",
    )
