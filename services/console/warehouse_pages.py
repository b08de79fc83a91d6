"""Warehouse: what a node has to accept, pick, pack and hand over; each step is one form, made for a scanner too.

A scanner that types as a keyboard ends a code with Enter: the field that has the focus finds the work by its id, its
order's number or an article on it, and the next press of Enter does the next step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.console.answering import CONSOLE, Refused, age_of, form_of, page, parts_of, told, who_of
from services.console.inside import Answer
from services.console.pick_list_pdf import WORKS_MAX, pick_list_pdf
from services.console.sheets import sheet

__all__ = ["ROUTES"]

ROWS = 100
EXPORT_ROWS_MAX = 200
"""Works of one CSV file: what a door lists at once."""

COLUMNS = ("id", "order_id", "location", "method", "stage", "quantity", "priority", "created_at")
STAGES = ("open", "accepted", "picked", "packed", "ready")
"""Those at which a node has something to do."""

GRAMS = 1_000
"""What a package weighs where nobody says."""

NEXT: Mapping[str, tuple[str, str]] = {
    "open": ("acceptance", "Accept"),
    "accepted": ("pick", "Picked as listed"),
    "picked": ("pack", "Packed into one package"),
    "packed": ("hand-over", "Handed over"),
    "ready": ("collection", "Collected"),
}
"""What is done next at each stage: the door's path, and what the button says."""


async def _work(request: Request) -> Response:
    who_of(request)
    given, parts = request.query_params, parts_of(request)
    if scanned := given.get("scan", "").strip():
        found = await asyncio.to_thread(parts.questions.works, scanned, given.get("location", ""))
        if len(found) == 1:
            return RedirectResponse(f"{CONSOLE}/warehouse/{found[0]}", status_code=303)
        text = "No open work is called so here." if not found else f"{len(found)} are open with that; choose one below."
        asked = {"location": given.get("location", ""), "said": text, "fine": 0}
        return RedirectResponse(f"{CONSOLE}/warehouse?{urlencode(asked)}", status_code=303)
    answer = await _listed(request, ROWS)
    locations = await asyncio.to_thread(parts.questions.locations)
    values = {"works": answer.said["fulfillment_orders"], "more": answer.said.get("next"), "asked": given}
    shown = {**values, "locations": locations, "stages": STAGES, "live": True}
    return page(request, "warehouse.html", {**shown, "age": await age_of(parts, datetime.now(UTC))})


async def _listed(request: Request, limit: int) -> Answer:
    """The work that is asked for, at most so much. Raises Refused."""
    session, _ = who_of(request)
    given = request.query_params
    stage = given.get("stage", "")
    answer = await parts_of(request).inside.get(
        session.token,
        "/fulfillment-orders",
        limit=limit,
        after=given.get("after"),
        location=given.get("location") or None,
        stage=[stage] if stage in STAGES else list(STAGES),
    )
    if not answer.fine:
        raise Refused(answer.status, "Work is not shown", answer.trouble)
    return answer


async def _work_csv(request: Request) -> Response:
    answer = await _listed(request, EXPORT_ROWS_MAX)
    rows = ([work.get(name) for name in COLUMNS] for work in answer.said["fulfillment_orders"])
    return sheet("work", COLUMNS, rows)


async def _one(request: Request) -> Response:
    session, _ = who_of(request)
    parts = parts_of(request)
    answer = await parts.inside.get(session.token, f"/fulfillment-orders/{request.path_params['name']}")
    if not answer.fine:
        raise Refused(answer.status, "This work is not shown", answer.trouble)
    values = {"work": answer.said, "next": NEXT.get(answer.said["stage"]), "live": True}
    return page(request, "work.html", {**values, "age": await age_of(parts, datetime.now(UTC))})


async def _pick_list(request: Request) -> Response:
    """What a location has accepted and not yet picked, on paper, as the doors list it."""
    session, _ = who_of(request)
    inside, location, now = parts_of(request).inside, request.query_params.get("location", ""), datetime.now(UTC)
    if not location:
        raise Refused(422, "Say which node", "A pick list is of one node: choose it on the warehouse page.")
    listed = await inside.get(
        session.token, "/fulfillment-orders", limit=WORKS_MAX, location=location, stage=["accepted"]
    )
    if not listed.fine:
        raise Refused(listed.status, "Work is not shown", listed.trouble)
    names = [each["id"] for each in listed.said["fulfillment_orders"]]
    answers = await asyncio.gather(*(inside.get(session.token, f"/fulfillment-orders/{name}") for name in names))
    works = [answer.said for answer in answers if answer.fine and answer.said["stage"] == "accepted"]
    if not works:
        raise Refused(404, "Nothing is to be picked", f"Nothing that {location} accepted waits to be picked.")
    more = f"; the first {WORKS_MAX}, more wait" if "next" in listed.said else ""
    paper = await asyncio.to_thread(pick_list_pdf, location, works, f"{now:%Y-%m-%d %H:%M} UTC{more}")
    headers = {"Content-Disposition": 'inline; filename="pick-list.pdf"'}
    return Response(paper, media_type="application/pdf", headers=headers)


async def _step(request: Request) -> Response:
    session, _ = who_of(request)
    fields = await form_of(request, session)
    name, step = request.path_params["name"], request.path_params["step"]
    inside = parts_of(request).inside
    seen = await inside.get(session.token, f"/fulfillment-orders/{name}")
    if not seen.fine:
        raise Refused(seen.status, "This work is not shown", seen.trouble)
    title = next((title for path, title in NEXT.values() if path == step), None)
    if title is None:
        raise Refused(404, "There is no such step", "Go back to the work and choose what is there.")
    body = {"document": f"console-{uuid4()}", **_body(step, seen.said, fields)}
    answer = await inside.post(session.token, f"/fulfillment-orders/{name}/{step}", body, fields.get("why"))
    return told(f"{CONSOLE}/warehouse/{name}", title, answer)


def _body(step: str, work: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    match step:
        case "acceptance":
            refused = fields.get("reject_reason", "").strip()
            return {"accepted": not refused, **({"reject_reason": refused} if refused else {})}
        case "pick":
            return {"lines": [_picked(line, fields) for line in work["lines"]]}
        case "pack":
            contents = [
                {"line": line["line"], "sequence": line["sequence"], "quantity": line["quantity"]}
                for line in work["picked"]
                if line["quantity"]
            ]
            return {"packages": [{"number": 1, "contents": contents, "weight_grams": _number(fields, "grams", GRAMS)}]}
        case "hand-over":
            return {"handed_to": fields.get("handed_to", "").strip() or None}
    return {}


def _picked(line: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    taken = _number(fields, f"line-{line['line']}-{line['sequence']}", line["quantity"])
    short = {"short_reason": "not found"} if taken < line["quantity"] else {}
    return {"line": line["line"], "sequence": line["sequence"], "quantity": taken, **short}


def _number(fields: Mapping[str, str], name: str, otherwise: int) -> int:
    """Raises Refused where a field is no whole number of none or more."""
    text = fields.get(name, "").strip()
    if not text:
        return otherwise
    if not text.isdecimal():
        raise Refused(422, "This is no quantity", f"{text!r} is no whole number. Nothing was done.")
    return int(text)


ROUTES = (
    Route("/warehouse", _work),
    Route("/warehouse.csv", _work_csv),
    Route("/warehouse/pick-list.pdf", _pick_list),
    Route("/warehouse/{name}", _one),
    Route("/warehouse/{name}/{step}", _step, methods=["POST"]),
)
