"""What waits for a person, queue by queue: whose it is, how soon somebody should act, what happens if nobody does, and what
may be done to several at once.

A table over the lists of the HTTP doors; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.console.deeds import (
    APPROVE,
    APPROVE_RETURN,
    BOOKED,
    CAME_BACK,
    CANCEL,
    COUNTED,
    DECLINE,
    DECLINE_RETURN,
    DISCARD,
    ISSUE,
    REDRIVE,
    RELEASE,
    RETRY,
    RUN,
    WITHDRAW,
    Deed,
    of_order,
    without_order,
)

__all__ = ["QUEUES", "Queue"]


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: whose it is, what happens if nobody acts, where the doors list it, and the columns that are shown (field
    of a row, title). `since`: the field with the moment since when a row waits, None of rows without one; `within`: how soon
    after it somebody should have acted, unless a setting says (exception_hours). `key`: the fields of a row that name it to
    `deeds`. `owners`: what the doors call it in their list of who looks after rows without an order; None where that is the
    order's owner."""

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


def _missing(cause: str, name: str, title: str) -> Queue:
    """Units that a node did not give, of one cause."""
    return Queue(
        name,
        title,
        "order desk",
        "They wait for goods at another node, or for whoever releases the hold of their order.",
        "/missing-units",
        {"cause": cause},
        "missing_units",
        (
            ("order_number", "Order"),
            ("line", "Line"),
            ("quantity", "Units"),
            ("location", "Node"),
            ("reason", "It says"),
            ("missing_at", "Since"),
        ),
        since="missing_at",
        within=timedelta(hours=24),
        key=("order_id",),
        deeds=(CANCEL, *of_order()),
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
        (
            ("number", "Order"),
            ("external_id", "Channel's id"),
            ("channel_account", "Channel"),
            ("hold_kinds", "Why"),
            ("held_since", "Since"),
        ),
        since="held_since",
        within=timedelta(hours=4),
        key=("order_id",),
        deeds=(RELEASE, CANCEL, *of_order()),
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
        deeds=of_order(),
    ),
    Queue(
        "past promise",
        "Lines that wait for goods past their promise",
        "purchasing",
        "They go on waiting, and the customer with them, who was promised otherwise.",
        "/claims",
        {"overdue": "true"},
        "claims",
        (
            ("sku", "SKU"),
            ("waiting", "Units"),
            ("order", "Order"),
            ("location", "Where"),
            ("claimed_at", "Waits since"),
            ("need_by", "Promised by"),
        ),
        since="need_by",
        within=timedelta(hours=24),
        key=("order",),
        deeds=of_order(),
    ),
    Queue(
        "addresses",
        "Orders without an address or a way for the goods",
        "order desk",
        "Nothing leaves: an address is to be corrected by a change of the order, or the label asked for again by releasing its hold.",
        "/orders",
        {"no_way": "true"},
        "orders",
        (
            ("number", "Order"),
            ("external_id", "Channel's id"),
            ("channel_account", "Channel"),
            ("hold_kinds", "Why"),
            ("held_since", "Since"),
        ),
        since="held_since",
        within=timedelta(hours=4),
        key=("order_id",),
        deeds=(RELEASE, CANCEL, *of_order()),
    ),
    _missing("rejected", "rejected", "Work that a node rejected, and no other has"),
    _missing("short", "short picks", "Units that a node did not find, and no other has to give"),
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
        deeds=of_order(),
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
        deeds=(APPROVE, DECLINE, *of_order()),
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
        deeds=(RETRY, WITHDRAW, *of_order()),
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
        deeds=of_order(),
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
        deeds=of_order(),
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
        deeds=(APPROVE_RETURN, DECLINE_RETURN, *of_order()),
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
        deeds=without_order("returns", CAME_BACK),
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
        deeds=without_order("counts", COUNTED),
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
        deeds=(ISSUE, *of_order(1)),
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
        deeds=without_order("bank", BOOKED),
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
        deeds=(REDRIVE, DISCARD, *without_order("dead_letters", RUN)),
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
        deeds=without_order("standing", RUN),
        owners="standing",
    ),
    Queue(
        "deadlines",
        "Steps past their deadline",
        "operations",
        "What ends the step is not done: nothing is asked again, nothing is given up, no hold is placed. The stream is parked,"
        " or its service does not run or lies behind.",
        "/deadlines/past",
        {},
        "deadlines",
        (("stream", "Stream"), ("service", "Service"), ("name", "Deadline"), ("due", "Due")),
        since="due",
        within=timedelta(hours=1),
        key=("service", "stream", "name"),
        deeds=without_order("deadlines", RUN),
        owners="deadlines",
    ),
)
