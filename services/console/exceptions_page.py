"""Exceptions: everything that waits for a person, over all services, in one place.

Each queue is a list of the doors; whoever may not see one is not shown it. What happens if nobody acts stands beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.console.answering import age_of, page, parts_of, who_of

__all__ = ["QUEUES", "ROUTES", "Queue"]

ROWS_MAX = 50
"""Rows of each queue on the page; of more it is said that there are more."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: whose it is, what happens if nobody acts, where the doors list it, and the columns that are shown (field
    of a row, title)."""

    name: str
    title: str
    owner: str
    if_nobody_acts: str
    path: str
    asked: Mapping[str, Any]
    rows: str
    columns: Sequence[tuple[str, str]]


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
    ),
)


async def _exceptions(request: Request) -> Response:
    session, _ = who_of(request)
    parts = parts_of(request)
    answers = await asyncio.gather(
        *(parts.inside.get(session.token, each.path, limit=ROWS_MAX, **each.asked) for each in QUEUES)
    )
    found = []
    for queue, answer in zip(QUEUES, answers, strict=True):
        if answer.status == 403:
            continue
        rows = answer.said[queue.rows] if answer.fine else []
        shown = sorted((_row(row) for row in rows), key=_oldest)
        found.append(
            {"queue": queue, "rows": shown, "more": answer.fine and "next" in answer.said, "trouble": _trouble(answer)}
        )
    found.sort(key=lambda each: not each["rows"])
    return page(
        request, "exceptions.html", {"queues": found, "live": True, "age": await age_of(parts, datetime.now(UTC))}
    )


def _trouble(answer: Any) -> str:
    return "" if answer.fine else answer.trouble


TIMES = ("changed_at", "claimed_at", "proposed_at", "opened_at", "drafted_at", "at")
"""Fields that say since when a row waits."""


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A claim names its order as what it is for; moments are told to the second."""
    demand = row.get("demand") or {}
    order = {"order": demand["id"]} if demand.get("kind") == "order" else {}
    return {**row, **order, **{name: row[name][:19].replace("T", " ") for name in TIMES if row.get(name)}}


def _oldest(row: dict[str, Any]) -> str:
    return min((row[name] for name in TIMES if row.get(name)), default="")


ROUTES = (Route("/exceptions", _exceptions),)
