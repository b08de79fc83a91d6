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

__all__ = ["QUEUES", "Deed", "Queue", "Said", "row_name"]

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


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: whose it is, what happens if nobody acts, where the doors list it, and the columns that are shown (field
    of a row, title). `since`: the field with the moment since when a row waits, None of rows without one; `within`: how soon
    after it somebody should have acted, unless a setting says (exception_hours). `key`: the fields of a row that name it to `deeds`. `owners`: what the
    doors call it in their list of who looks after rows without an order; None where that is the order's owner."""

    name: str
    title: str
    owner: str
    if_nobody_acts: str
    path: str
    asked: Mapping[str, Any]
    rows: str
    columns: Sequence[tuple[str, str]]
    since: str | None = None
    within: timedelta | None = None
    key: Sequence[str] = ()
    deeds: Sequence[Deed] = ()
    owners: str | None = None


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


def _of_order(place: int = 0) -> Sequence[Deed]:
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


def _without_order(which: str, roles: frozenset[Role]) -> Sequence[Deed]:
    """Who looks after rows of a list that have no order, which the doors keep apart: taken, handed over, put down."""

    def body(owner: Callable[[Said], dict[str, Any]]) -> Callable[[Said, Names], dict[str, Any]]:
        return lambda said, names: {"list": which, "name": row_name(names), "reason": said.why, **owner(said)}

    path = _at("/exceptions/owners")
    return (
        Deed("take", "Look after it myself", roles, path, body(lambda said: {"owner": said.who})),
        Deed("hand over", "Hand over", roles, path, body(lambda said: {"owner": said.to}), hands_over=True),
        Deed("put down", "Put down", roles, path, body(lambda said: {})),
    )


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
        since="changed_at",
        within=timedelta(hours=4),
        key=("order_id",),
        deeds=(RELEASE, CANCEL, *_of_order()),
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
        since="claimed_at",
        within=timedelta(hours=168),
        key=("order",),
        deeds=_of_order(),
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
        since="changed_at",
        within=timedelta(hours=4),
        key=("order_id",),
        deeds=_of_order(),
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
        since="proposed_at",
        within=timedelta(hours=24),
        key=("order_id", "refund"),
        deeds=(APPROVE, DECLINE, *_of_order()),
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
        since="changed_at",
        within=timedelta(hours=24),
        key=("order_id", "refund"),
        deeds=(RETRY, WITHDRAW, *_of_order()),
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
        since="changed_at",
        within=timedelta(hours=48),
        key=("order_id",),
        deeds=_of_order(),
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
        since="changed_at",
        within=timedelta(hours=24),
        key=("order_id",),
        deeds=_of_order(),
    ),
    Queue(
        "returns to decide",
        "Returns that wait for a decision",
        "order desk",
        "Each is declined by itself at the moment that it says, and the customer is told so.",
        "/returns",
        {"stage": "requested"},
        "returns",
        (
            ("order_id", "Order"),
            ("number", "Return"),
            ("expected", "Units"),
            ("opened_at", "Since"),
            ("answer_by", "Declined at"),
        ),
        since="opened_at",
        within=timedelta(hours=24),
        key=("order_id", "number"),
        deeds=(APPROVE_RETURN, DECLINE_RETURN, *_of_order()),
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
        since="opened_at",
        within=timedelta(hours=48),
        key=("id",),
        deeds=_without_order("returns", CAME_BACK),
        owners="returns",
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
        key=("sku",),
        deeds=_without_order("counts", COUNTED),
        owners="counts",
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
        since="drafted_at",
        within=timedelta(hours=24),
        key=("id", "order_id"),
        deeds=(ISSUE, *_of_order(1)),
    ),
    Queue(
        "bank",
        "Bank entries that match nothing",
        "finance",
        "The money is with us, and nobody knows what it is for.",
        "/bank-entries",
        {"state": "unmatched"},
        "bank_entries",
        (
            ("entry", "Entry"),
            ("account", "Account"),
            ("amount", "Amount"),
            ("currency", "Currency"),
            ("booked_on", "Booked"),
        ),
        since="known_at",
        within=timedelta(hours=48),
        key=("account", "entry"),
        deeds=_without_order("bank", BOOKED),
        owners="bank",
    ),
    Queue(
        "dead letters",
        "Messages that could not be taken",
        "operations",
        "Parked streams stand still; dead letters are kept for 30 days.",
        "/dead-letters",
        {},
        "dead_letters",
        (("name", "Message"), ("service", "Service"), ("state", "State"), ("reason", "Reason"), ("since", "Since")),
        since="since",
        within=timedelta(hours=1),
        key=("name",),
        deeds=(REDRIVE, DISCARD, *_without_order("dead_letters", RUN)),
        owners="dead_letters",
    ),
    Queue(
        "standing",
        "Services that stand still",
        "operations",
        "What is meant for them waits in its topic, where nothing is lost; what waits with each is said beside it.",
        "/standing",
        {},
        "standing",
        (
            ("name", "Service or tables"),
            ("state", "State"),
            ("reason", "What it says"),
            ("behind", "Behind"),
            ("counted_in", "Counted in"),
            ("waits_with", "If nobody acts"),
            ("since", "Since"),
        ),
        since="since",
        within=timedelta(hours=1),
        key=("name",),
        deeds=_without_order("standing", RUN),
        owners="standing",
    ),
)
