"""What may be done to rows of the lists of what waits for a person, several at once: by whom, at which addresses of the HTTP
doors, and what is said there. A table; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chassis.tokens import Role
from services.console.inside import Inside
from services.console.order_actions import part

__all__ = [
    "APPROVE",
    "APPROVE_RETURN",
    "BOOKED",
    "CAME_BACK",
    "CANCEL",
    "COUNTED",
    "DECLINE",
    "DECLINE_RETURN",
    "DISCARD",
    "ISSUE",
    "REDRIVE",
    "RELEASE",
    "RETRY",
    "RUN",
    "WITHDRAW",
    "Deed",
    "Names",
    "Said",
    "of_order",
    "row_name",
    "without_order",
]

Names = Sequence[str]
"""What names a row at the doors: an order, or an order and its refund."""

SERVED = frozenset({Role.CSR, Role.ADMIN})
KEPT = frozenset({Role.CSR, Role.FINANCE, Role.ADMIN})
CAME_BACK = frozenset({Role.CSR, Role.WAREHOUSE, Role.ADMIN})
COUNTED = frozenset({Role.CSR, Role.WAREHOUSE, Role.FINANCE, Role.ADMIN})
BOOKED = frozenset({Role.FINANCE, Role.ADMIN})
RUN = frozenset({Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says who does something: why, who they are, and to whom they hand over where they do."""

    why: str
    who: str
    to: str = ""


@dataclass(frozen=True, slots=True)
class Deed:
    """What may be done to several rows at once, by whom: the addresses that are asked for one of them, and what is said
    there. `hands_over`: it has to be said to whom."""

    name: str
    title: str
    roles: frozenset[Role]
    paths: Callable[[Inside, str, Names], Awaitable[Sequence[str]]]
    body: Callable[[Said, Names], dict[str, Any]] = lambda said, names: {"detail": said.why}
    hands_over: bool = False


def _at(template: str) -> Callable[[Inside, str, Names], Awaitable[Sequence[str]]]:
    """An address made of as many of a row's names as it has places."""

    async def paths(inside: Inside, token: str, names: Names) -> Sequence[str]:
        return [template.format(*(part(name) for name in names))]

    return paths


async def _holds_of(inside: Inside, token: str, names: Names) -> Sequence[str]:
    """An address for each hold of an order; none where it has none, or is not shown."""
    order = f"/orders/{part(names[0])}"
    shown = await inside.get(token, order)
    return [f"{order}/holds/{part(hold['hold'])}/release" for hold in shown.said["holds"]] if shown.fine else []


RELEASE = Deed("release", "Release all holds", KEPT, _holds_of)
CANCEL = Deed("cancel", "Cancel what has not left", SERVED, _at("/orders/{}/cancel"))
APPROVE = Deed("approve", "Approve", KEPT, _at("/orders/{}/refunds/{}/approve"))
DECLINE = Deed("decline", "Do not approve", KEPT, _at("/orders/{}/refunds/{}/decline"))
APPROVE_RETURN = Deed("approve", "Approve", SERVED, _at("/orders/{}/returns/{}/approve"))
DECLINE_RETURN = Deed("decline", "Decline", SERVED, _at("/orders/{}/returns/{}/decline"))
RETRY = Deed("retry", "Try again", KEPT, _at("/orders/{}/refunds/{}/retry"))
WITHDRAW = Deed("withdraw", "Withdraw", BOOKED, _at("/orders/{}/refunds/{}/withdraw"))
ISSUE = Deed("issue", "Issue now", BOOKED, _at("/invoices/{}/retry"), lambda said, names: {})
REDRIVE = Deed("redrive", "Try again", RUN, _at("/dead-letters/{}/redrive"), lambda said, names: {})
DISCARD = Deed("discard", "Give up", RUN, _at("/dead-letters/{}/discard"), lambda said, names: {"reason": said.why})


def of_order(place: int = 0) -> Sequence[Deed]:
    """Who looks after a row is who looks after its order: taken, handed over, put down. `place`: of the order among what
    names the row."""
    path = _at(f"/orders/{{{place}}}/owner")
    return (
        Deed("take", "Look after it myself", KEPT, path, lambda said, names: {"owner": said.who}),
        Deed("hand over", "Hand over", KEPT, path, lambda said, names: {"owner": said.to}, hands_over=True),
        Deed("put down", "Put down", KEPT, path, lambda said, names: {}),
    )


def row_name(names: Names) -> str:
    """What a row without an order is called where it is kept who looks after it: its name, or all that names it as one
    text, as the doors say it (oms.owners.api.Ownership)."""
    if len(names) == 1:
        return names[0]
    return "/".join(name.replace("%", "%25").replace("/", "%2F") for name in names)


def without_order(which: str, roles: frozenset[Role]) -> Sequence[Deed]:
    """Who looks after rows of a list that have no order, which the doors keep apart: taken, handed over, put down."""

    def body(owner: Callable[[Said], dict[str, Any]]) -> Callable[[Said, Names], dict[str, Any]]:
        return lambda said, names: {"list": which, "name": row_name(names), "reason": said.why, **owner(said)}

    path = _at("/exceptions/owners")
    return (
        Deed("take", "Look after it myself", roles, path, body(lambda said: {"owner": said.who})),
        Deed("hand over", "Hand over", roles, path, body(lambda said: {"owner": said.to}), hands_over=True),
        Deed("put down", "Put down", roles, path, body(lambda said: {})),
    )
