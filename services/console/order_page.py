"""The page of one order: what it is, what became of it in every service, and why.

What is shown comes from the HTTP doors and from the streams of the services. What may be done is in order_actions.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from contracts.order import Bucket
from services.console.histories import Histories
from services.console.inside import Inside
from services.console.questions import Questions

__all__ = ["Entry", "Page", "order_page"]

Entry = dict[str, Any]
"""An event on the timeline: as the doors tell it, with its service, and the entry that caused it."""

STREAMS_MAX = 200
"""Streams whose events one timeline shows: an order, its payment, the work of nodes, shipments."""


@dataclass(frozen=True, slots=True)
class Page:
    """An order as it is shown, or `trouble`: why it is not, with the `status` of that."""

    values: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""
    status: int = 200


async def order_page(
    inside: Inside, questions: Questions, histories: Histories, token: str, name: str, at: str | None
) -> Page:
    """Everything about an order, as it was recorded `at` a moment where that is given. Raises StoreAway."""
    shown = await inside.get(token, f"/orders/{name}", at=at)
    if not shown.fine:
        return Page(trouble=shown.trouble, status=shown.status)
    order = shown.said
    identifier = order["order_id"]
    why, payment, noted = await asyncio.gather(
        inside.get(token, f"/orders/{identifier}/why"),
        inside.get(token, f"/payments/{identifier}", at=at),
        inside.get(token, f"/orders/{identifier}/notes"),
    )
    notes = noted.said["notes"] if noted.fine else []
    visits = await asyncio.to_thread(questions.visits, identifier)
    things = sorted({visit.thing for visit in visits if visit.thing != f"order/{identifier}"})
    shipments = await _shipments(inside, token, order)
    streams = [
        f"order/{identifier}",
        f"payment/{identifier}",
        *things,
        *(f"shipment/{each['id']}" for each in shipments),
    ]
    entries = await asyncio.to_thread(_timeline, histories, streams[:STREAMS_MAX])
    moments = list(dict.fromkeys(entry["when"] for entry in entries))
    if at is not None:
        entries = [entry for entry in entries if _moment(entry["when"]) <= _moment(at)]
        visits = [visit for visit in visits if visit.entered <= _moment(at)]
        notes = [note for note in notes if _moment(note["when"]) <= _moment(at)]
    return Page(
        {
            "order": order,
            "why": why.said if why.fine else {"sentence": why.trouble},
            "payment": payment.said if payment.fine else None,
            "shipments": shipments if at is None else (),
            "notes": notes,
            "visits": visits,
            "timeline": entries,
            "moments": moments,
            "chosen": _chosen(moments, at),
            "at": at,
            "buckets": _buckets(order),
        }
    )


async def _shipments(inside: Inside, token: str, order: Mapping[str, Any]) -> list[Any]:
    asked = [each["shipment"] for each in order["fulfillment_orders"] if each.get("shipment")]
    answers = await asyncio.gather(*(inside.get(token, f"/shipments/{name}") for name in asked[:STREAMS_MAX]))
    return [answer.said for answer in answers if answer.fine]


def _buckets(order: Mapping[str, Any]) -> list[str]:
    """Those in which any unit stands, in the order in which units pass them."""
    used = {name for line in order["lines"] for name in line["units"]}
    return [bucket.value for bucket in Bucket if bucket.value in used]


def _timeline(histories: Histories, streams: Sequence[str]) -> list[Entry]:
    """Events of all these streams in the order in which they were recorded, those of one moment by what caused what."""
    found: list[Entry] = []
    for stream in streams:
        for event in histories(stream):
            kind = stream.partition("/")[0]
            found.append({**event, "service": kind.replace("_", " "), "reason": _decided(event)})
    found.sort(key=lambda entry: (entry["when"], entry["version"]))
    by_id = {entry["id"]: entry for entry in found}
    for entry in found:
        cause = by_id.get(entry["caused_by"])
        entry["cause"] = None if cause is None else {"id": cause["id"], "what": cause["what"]}
    return found


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


def _chosen(moments: Sequence[str], at: str | None) -> int:
    if at is None:
        return max(0, len(moments) - 1)
    return max(0, sum(_moment(moment) <= _moment(at) for moment in moments) - 1)
