"""What waits for a person, queue by queue: whose it is, how soon somebody should act, what happens if nobody does, and what
may be done to several at once.

A table over the lists of the HTTP doors; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chassis.tokens import Role
from services.console.inside import Inside
from services.console.order_actions import part

__all__ = ["QUEUES", "Deed", "Queue"]

Names = Sequence[str]
"""What names a row at the doors: an order, or an order and its refund."""

SERVED = frozenset({Role.CSR, Role.ADMIN})
KEPT = frozenset({Role.CSR, Role.FINANCE, Role.ADMIN})
BOOKED = frozenset({Role.FINANCE, Role.ADMIN})
RUN = frozenset({Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Deed:
    """What may be done to several rows at once, by whom: the addresses that are asked for one of them, and what is said
    there of the reason and of who does it."""

    name: str
    title: str
    roles: frozenset[Role]
    paths: Callable[[Inside, str, Names], Awaitable[Sequence[str]]]
    body: Callable[[str, str], dict[str, Any]] = lambda why, who: {"detail": why}


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: whose it is, what happens if nobody acts, where the doors list it, and the columns that are shown (field
    of a row, title). `within`: how soon somebody should have
    acted, unless a setting says (exception_hours). `key`: the fields of a row that name it to `deeds`."""

    name: str
    title: str
    owner: str
    if_nobody_acts: str
    path: str
    asked: Mapping[str, Any]
    rows: str
    columns: Sequence[tuple[str, str]]
    within: timedelta | None = None
    key: Sequence[str] = ()
    deeds: Sequence[Deed] = ()


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
TAKE = Deed("take", "Look after it myself", KEPT, _at("/orders/{}/owner"), lambda why, who: {"owner": who})
RETRY = Deed("retry", "Try again", KEPT, _at("/orders/{}/refunds/{}/retry"))
WITHDRAW = Deed("withdraw", "Withdraw", BOOKED, _at("/orders/{}/refunds/{}/withdraw"))
ISSUE = Deed("issue", "Issue now", BOOKED, _at("/invoices/{}/retry"), lambda why, who: {})
REDRIVE = Deed("redrive", "Try again", RUN, _at("/dead-letters/{}/redrive"), lambda why, who: {})
DISCARD = Deed("discard", "Give up", RUN, _at("/dead-letters/{}/discard"), lambda why, who: {"reason": why})


QUEUES = (
    Queue(
        "held",
        "Orders on hold",
        "order desk",
        "They stay where they are, their stock with them.",
        "/orders",
        {"held": "true"},
        "orders",
        (("number", "Order"), ("external_id", "Channel's id"), ("channel_account", "Channel"), ("changed_at", "Since")),
        within=timedelta(hours=4),
        key=("order_id",),
        deeds=(RELEASE, CANCEL, TAKE),
    ),
    Queue(
        "backorders",
        "Lines that wait for goods",
        "purchasing",
        "They are served in order of priority as goods come in.",
        "/claims",
        {"state": "waiting"},
        "claims",
        (("sku", "SKU"), ("waiting", "Units"), ("order", "Order"), ("location", "Where"), ("claimed_at", "Since")),
        within=timedelta(hours=168),
        key=("order",),
        deeds=(TAKE,),
    ),
    Queue(
        "payments",
        "Payments of which nobody can tell what became",
        "payments desk",
        "The order stays held; nothing is charged again.",
        "/payments",
        {"stage": "unresolved"},
        "payments",
        (("order_id", "Order"), ("currency", "Currency"), ("changed_at", "Since")),
        within=timedelta(hours=4),
        key=("order_id",),
        deeds=(TAKE,),
    ),
    Queue(
        "refunds to approve",
        "Refunds that wait for a second person",
        "finance",
        "The customer is not paid.",
        "/refunds",
        {"state": "proposed"},
        "refunds",
        (
            ("order_number", "Order"),
            ("amount", "Amount"),
            ("cause", "Cause"),
            ("reason", "Reason"),
            ("proposed_at", "Since"),
        ),
        within=timedelta(hours=24),
        key=("order_id", "refund"),
        deeds=(APPROVE, DECLINE, TAKE),
    ),
    Queue(
        "refunds",
        "Refunds that failed",
        "finance",
        "The customer is owed the money; nothing is tried again by itself.",
        "/refunds",
        {"state": "failed"},
        "refunds",
        (("order_number", "Order"), ("amount", "Amount"), ("cause", "Cause"), ("changed_at", "Since")),
        within=timedelta(hours=24),
        key=("order_id", "refund"),
        deeds=(RETRY, WITHDRAW, TAKE),
    ),
    Queue(
        "astray",
        "Packages that were lost or come back",
        "order desk",
        "The customer waits; the order stays open until it is settled.",
        "/shipments",
        {"astray": "true"},
        "shipments",
        (
            ("order_id", "Order"),
            ("location", "From"),
            ("carrier", "Carrier"),
            ("stage", "State"),
            ("changed_at", "Since"),
        ),
        within=timedelta(hours=48),
        key=("order_id",),
        deeds=(TAKE,),
    ),
    Queue(
        "notices",
        "Messages that did not reach the customer",
        "order desk",
        "The customer does not know.",
        "/orders",
        {"notice_failed": "true"},
        "orders",
        (("number", "Order"), ("failed_notices", "Messages"), ("channel_account", "Channel"), ("changed_at", "Since")),
        within=timedelta(hours=24),
        key=("order_id",),
        deeds=(TAKE,),
    ),
    Queue(
        "returns",
        "Goods that came back for no known order",
        "returns desk",
        "They lie where they are, and nobody is paid.",
        "/returns",
        {"unmatched": "true"},
        "returns",
        (("id", "Return"), ("stage", "State"), ("opened_at", "Since")),
        within=timedelta(hours=48),
    ),
    Queue(
        "counts",
        "Stock that was not found where it should be",
        "warehouse",
        "It is not sold until somebody counts it.",
        "/stock-items",
        {"suspect": "true"},
        "stock_items",
        (("sku", "SKU"), ("unit", "Unit")),
    ),
    Queue(
        "documents",
        "Invoices and credit notes that cannot be issued",
        "finance",
        "They wait, and with them what corrects them.",
        "/invoices",
        {"state": "waiting"},
        "invoices",
        (("order_id", "Order"), ("kind", "Kind"), ("seller", "Seller"), ("drafted_at", "Since")),
        within=timedelta(hours=24),
        key=("id",),
        deeds=(ISSUE,),
    ),
    Queue(
        "bank",
        "Bank entries that match nothing",
        "finance",
        "The money is with us, and nobody knows what it is for.",
        "/bank-entries",
        {"state": "unmatched"},
        "bank_entries",
        (("id", "Entry"), ("amount", "Amount"), ("currency", "Currency"), ("booked_on", "Booked")),
        within=timedelta(hours=48),
    ),
    Queue(
        "dead letters",
        "Messages that could not be taken",
        "operations",
        "Parked streams stand still; dead letters are kept for 30 days.",
        "/dead-letters",
        {},
        "dead_letters",
        (("name", "Message"), ("service", "Service"), ("state", "State"), ("reason", "Reason"), ("at", "Since")),
        within=timedelta(hours=1),
        key=("name",),
        deeds=(REDRIVE, DISCARD),
    ),
)
