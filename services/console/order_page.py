"""The page of one order: what it is, what became of it in every service, and why.

What is shown comes from the HTTP doors and from the streams of the services. What may be done is in order_actions.py.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from contracts.order import Bucket
from services.console.histories import Histories, all_of
from services.console.inside import Inside
from services.console.questions import Questions, as_of

__all__ = ["Entry", "Page", "order_page"]

Entry = dict[str, Any]
"""An event on the timeline: as the doors tell it, with its service, and the entry that caused it."""

STREAMS_MAX = 200
"""Streams whose events one timeline shows: an order, its payment, the work of nodes, shipments."""

EVENTS_MAX = 20_000
"""Events of one timeline; of more the last ones, and how many were left out."""

PAGE_EVENTS = 500
"""Events on one page of a timeline, the last page first."""


@dataclass(frozen=True, slots=True)
class Page:
    """An order as it is shown, or `trouble`: why it is not, with the `status` of that."""

    values: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""
    status: int = 200


async def order_page(
    inside: Inside,
    questions: Questions,
    histories: Histories,
    token: str,
    name: str,
    at: str | None = None,
    number: int | None = None,
) -> Page:
    """Everything about an order, as it was recorded `at` a moment where that is given, with a page of its timeline: the one
    of this `number`, or that of the last event that is shown. Raises StoreAway."""
    shown = await inside.get(token, f"/orders/{name}", at=at)
    if not shown.fine:
        return Page(trouble=shown.trouble, status=shown.status)
    try:
        then = datetime.now(UTC) if at is None else _moment(at)
    except ValueError:
        return Page(trouble="Say a moment with its zone, such as 2026-01-05T09:00:00Z.", status=400)
    order = shown.said
    identifier = order["order_id"]
    why, payment, noted = await asyncio.gather(
        inside.get(token, f"/orders/{identifier}/why", at=at),
        inside.get(token, f"/payments/{identifier}", at=at),
        inside.get(token, f"/orders/{identifier}/notes"),
    )
    notes = noted.said["notes"] if noted.fine else []
    visits = await asyncio.to_thread(questions.visits, identifier)
    things = sorted({visit.thing for visit in visits if visit.thing != f"order/{identifier}"})
    shipments = await _shipments(inside, token, order, at)
    streams = [
        f"order/{identifier}",
        f"payment/{identifier}",
        *things,
        *(f"shipment/{each['id']}" for each in shipments),
    ]
    everything, left_out = await asyncio.to_thread(_timeline, histories, streams[:STREAMS_MAX])
    entries = everything
    if at is not None:
        entries = [entry for entry in everything if _moment(entry["when"]) <= then]
        visits = as_of(visits, then)
        notes = [note for note in notes if _moment(note["when"]) <= then]
    pages = max(1, -(-len(everything) // PAGE_EVENTS))
    if number is None or not 0 < number <= pages:
        number = max(0, len(entries) - 1) // PAGE_EVENTS + 1
    first, end = (number - 1) * PAGE_EVENTS, number * PAGE_EVENTS
    moments = _moments(everything[first:end])
    return Page(
        {
            "order": order,
            "why": why.said if why.fine else {"sentence": why.trouble},
            "payment": payment.said if payment.fine else None,
            "shipments": shipments,
            "notes": notes,
            "visits": visits,
            "timeline": entries,
            "shown": entries[first:end],
            "page_number": number,
            "pages_of": pages,
            "left_out": left_out,
            "moments": moments,
            "chosen": _chosen(moments, then),
            "newest": everything[-1]["when"] if everything else None,
            "at": at,
            "then": then,
            "buckets": _buckets(order),
        }
    )


async def _shipments(inside: Inside, token: str, order: Mapping[str, Any], at: str | None) -> list[Any]:
    asked = [each["shipment"] for each in order["fulfillment_orders"] if each.get("shipment")]
    answers = await asyncio.gather(*(inside.get(token, f"/shipments/{name}", at=at) for name in asked[:STREAMS_MAX]))
    return [answer.said for answer in answers if answer.fine]


def _buckets(order: Mapping[str, Any]) -> list[str]:
    """Those in which any unit stands, in the order in which units pass them."""
    used = {name for line in order["lines"] for name in line["units"]}
    return [bucket.value for bucket in Bucket if bucket.value in used]


def _timeline(histories: Histories, streams: Sequence[str]) -> tuple[list[Entry], int]:
    """Events of all these streams in the order in which they were recorded, those of one moment by what caused what, each
    with the page that it is on; and how many of the first ones were left out."""
    read, found = 0, list[Entry]()
    for stream in streams:
        kind, last = stream.partition("/")[0].replace("_", " "), deque[Mapping[str, Any]](maxlen=EVENTS_MAX)
        for event in all_of(histories, stream):
            last.append(event)
            read += 1
        found += [{**event, "service": kind, "reason": _decided(event)} for event in last]
        found = sorted(found, key=lambda entry: (entry["when"], entry["version"]))[-EVENTS_MAX:]
    by_id = {entry["id"]: entry for entry in found}
    for place, entry in enumerate(found):
        entry["page"] = place // PAGE_EVENTS + 1
    for entry in found:
        cause = by_id.get(entry["caused_by"])
        entry["cause"] = None if cause is None else {name: cause[name] for name in ("id", "what", "page")}
    return found, read - len(found)


def _decided(event: Mapping[str, Any]) -> str:
    """Of an event that is a decision: what was decided and by what, in a sentence."""
    data = event["data"]
    match event["what"]:
        case "SourcingDecided":
            return _sourced(data)
        case "HoldPlaced":
            return f"Held ({data.get('kind')}): {data.get('detail') or 'no more is said'}. Blocks {', '.join(data.get('blocks', ()))}."
        case "LineBackordered":
            return f"{data.get('quantity', '')} of {data.get('sku', 'the line')} wait for supply."
        case "PaymentDeclined" | "CardDeclined":
            return f"Declined: {data.get('reason')}."
        case "ReturnRequested":
            return "Approved by the policy." if data.get("approved") else "Waits for a person to approve it."
    return ""


def _sourced(data: Mapping[str, Any]) -> str:
    """Which locations were looked at, which won, and why the others lost."""
    plan = ", ".join(f"{row['quantity']} of line {row['line']} from {row['location']}" for row in data["allocations"])
    short = ", ".join(f"{row['quantity']} of line {row['line']}: {row['policy']}" for row in data["shortages"])
    ranked = ", ".join(
        f"{row['rank']}. {row['location']} ({row['units']} units)"
        + (f" lost by {row.get('lost_by') or 'rank'}: {row['lost_because']}" if row.get("lost_because") else "")
        for row in sorted(data["candidates"], key=lambda row: row["rank"])
    )
    said = {"Planned": plan, "Missing": short, "Looked at": ranked}
    return " ".join(f"{name}: {text}." for name, text in said.items() if text)


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _moments(entries: Sequence[Entry]) -> dict[str, str]:
    """The moments at which something of this was recorded, each with what was recorded first then, and how much more."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(entry["when"], []).append(entry["what"])
    return {when: what[0] + (f" and {len(what) - 1} more" if len(what) > 1 else "") for when, what in found.items()}


def _chosen(moments: Iterable[str], then: datetime) -> int:
    """The place of the last of these moments that is not after this one."""
    return max(0, sum(_moment(moment) <= then for moment in moments) - 1)
