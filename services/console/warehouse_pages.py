"""Warehouse: what a node has to accept, pick, pack and hand over; each step is one form, made for a scanner too.

A scanner that types as a keyboard ends a code with Enter. The field that has the focus takes the code: in the list it
finds the work by its id, its order's number or an article on it; on a work it counts a unit of an article (counting.py).
No code of a work or of an article does a step: that does a button, or the code that names the step.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.console.answering import (
    CONSOLE,
    ORDERS_SEEN,
    WORK_SEEN,
    Refused,
    age_of,
    form_of,
    page,
    parts_of,
    told,
    who_of,
)
from services.console.counting import NEXT_PACKAGE, SHORT_REASONS, Came, Count, NoNumber, count_of
from services.console.inside import WISH, Answer
from services.console.pick_list_pdf import DONE, WORKS_MAX, pick_list_pdf
from services.console.sheets import sheet

__all__ = ["ROUTES"]

ROWS = 100
EXPORT_ROWS_MAX = 200
"""Works of one CSV file: what a door lists at once."""

COLUMNS = ("id", "order_id", "location", "method", "stage", "quantity", "priority", "created_at")
STAGES = ("open", "accepted", "picked", "packed", "ready")
"""Those at which a node has something to do."""

PICKUP = "pickup"
"""The method of what is collected at the counter."""

TITLES: Mapping[str, str] = {
    "acceptance": "Accept",
    "rejection": "Reject",
    "pick": "Picked",
    "pack": "Packed",
    "hand-over": "Handed over",
    "ready": "Ready to be collected",
    "collection": "Collected",
}
"""What is done to a work: the last part of its address, and what the button says."""

COUNTED = ("pick", "pack")
"""Steps that are done only with what was counted."""

CODE_CHARS_MAX = 200
GTIN = re.compile(r"[0-9]{8,14}")
ARTICLES_ASKED_MAX = 100
"""Articles of a work whose GTINs are looked up, where a code is none of their names."""


class Told(StrEnum):
    """What came of a scan that counts nothing."""

    LACKS = "lacks"
    NOT_NEXT = "not_next"
    HERE = "here"
    NOTHING_TO_COUNT = "nothing_to_count"


CAME: Mapping[str, tuple[str, bool]] = {
    Came.COUNTED: ("{code}: counted.", True),
    Came.PACKAGE: ("What comes now goes into another package.", True),
    Came.ENOUGH: ("{code}: all units that are asked for are counted already. This one was not counted.", False),
    Came.UNKNOWN: ("{code} is not on this work. Nothing was counted.", False),
    Came.NO_MORE_PACKAGES: ("There are as many packages as can be.", False),
    Came.EMPTY_PACKAGE: ("The last package is still empty.", False),
    Told.LACKS: ("Nothing was done.", False),
    Told.NOT_NEXT: ("{code} is not what is done next here. Nothing was done.", False),
    Told.HERE: ("{code} is this work.", True),
    Told.NOTHING_TO_COUNT: ("{code} is on this work. There is nothing to count at this step.", True),
}
"""What the page says after a scan, and whether that is good."""


def _next(work: Mapping[str, Any]) -> str | None:
    """The step that is done next, where there is one."""
    collected = work.get("method") == PICKUP
    steps = {
        "open": "acceptance",
        "accepted": "pick",
        "picked": "ready" if collected else "pack",
        "packed": "ready" if collected else "hand-over",
        "ready": "collection",
    }
    return steps.get(work["stage"])


async def _work(request: Request) -> Response:
    _, grant = who_of(request, WORK_SEEN)
    given, parts = request.query_params, parts_of(request)
    scanned, hits = given.get("scan", "").strip(), None
    if scanned:
        hits = await _found(request, scanned)
        if len(hits) == 1:
            return RedirectResponse(f"{CONSOLE}/warehouse/{hits[0]['id']}", status_code=303)
    if hits:
        values: dict[str, Any] = {"works": hits, "more": None}
    else:
        answer = await _listed(request, ROWS)
        values = {"works": answer.said["fulfillment_orders"], "more": answer.said.get("next")}
    locations = await asyncio.to_thread(parts.questions.locations)
    values |= {"asked": given, "scanned": scanned[:CODE_CHARS_MAX], "hits": hits}
    # Not live with a code in the address: what it finds may become a single work, to which nobody asked to be led.
    shown = {
        **values,
        "locations": locations,
        "stages": STAGES,
        "live": not scanned,
        "sees_orders": bool(grant.roles & ORDERS_SEEN),
    }
    return page(request, "warehouse.html", {**shown, "age": await age_of(parts, datetime.now(UTC))})


async def _found(request: Request, scanned: str) -> Sequence[Mapping[str, Any]]:
    """Open work by what was scanned, of the node and at the stage that are chosen, as the doors list it."""
    session, _ = who_of(request)
    given, inside = request.query_params, parts_of(request).inside
    found = await asyncio.to_thread(parts_of(request).questions.works, scanned, given.get("location", ""))
    asked = {"limit": EXPORT_ROWS_MAX, "location": given.get("location") or None, "stage": _stages(request)}
    orders = sorted(set(found.values()))
    answers = await asyncio.gather(
        *(inside.get(session.token, "/fulfillment-orders", order=order, **asked) for order in orders)
    )
    if (failed := next((answer for answer in answers if not answer.fine), None)) is not None:
        raise Refused(failed.status, "Work is not shown", failed.trouble)
    works = [work for answer in answers for work in answer.said["fulfillment_orders"] if work["id"] in found]
    return sorted(works, key=lambda work: (work["created_at"], work["id"]))


def _stages(request: Request) -> list[str]:
    """The stage that is chosen, or all at which there is something to do."""
    chosen = request.query_params.get("stage", "")
    return [chosen] if chosen in STAGES else list(STAGES)


async def _listed(request: Request, limit: int) -> Answer:
    """The work that is asked for, at most so much. Raises Refused."""
    session, _ = who_of(request)
    given = request.query_params
    answer = await parts_of(request).inside.get(
        session.token,
        "/fulfillment-orders",
        limit=limit,
        after=given.get("after"),
        location=given.get("location") or None,
        stage=_stages(request),
    )
    if not answer.fine:
        raise Refused(answer.status, "Work is not shown", answer.trouble)
    return answer


async def _work_csv(request: Request) -> Response:
    answer = await _listed(request, EXPORT_ROWS_MAX)
    rows = ([work.get(name) for name in COLUMNS] for work in answer.said["fulfillment_orders"])
    return sheet("work", COLUMNS, rows)


async def _one(request: Request) -> Response:
    parts, work, (_, grant) = parts_of(request), await _seen(request), who_of(request)
    step, given = _next(work), request.query_params
    count = _counted(step or "", work, given)
    came = _came(request)
    text, fine = CAME.get(came, ("", True))
    values = {
        "work": work,
        "step": step,
        "title": TITLES.get(step or ""),
        "done_code": f"{DONE}{(step or '').upper()}",
        "count": count if step in COUNTED else None,
        "lacks": count.lacks() if came == Told.LACKS else (),
        "reasons": SHORT_REASONS,
        "sees_orders": bool(grant.roles & ORDERS_SEEN),
        "came": {"text": text.format(code=given.get("code", "")[:CODE_CHARS_MAX]), "fine": fine} if text else None,
        "unknown": given.get("code", "") if came == Came.UNKNOWN else "",
        "live": True,
    }
    return page(request, "work.html", {**values, "age": await age_of(parts, datetime.now(UTC))})


def _came(request: Request) -> str:
    """What the address says came of a scan; nothing of what anybody else wrote there."""
    session, _ = who_of(request)
    came, code, mark = (request.query_params.get(name, "") for name in ("came", "code", "mark"))
    return came if session.is_marked(f"{came} {code}", mark) else ""


async def _seen(request: Request) -> Mapping[str, Any]:
    """The work that the address names, as the doors show it. Raises Refused."""
    session, _ = who_of(request)
    answer = await parts_of(request).inside.get(session.token, f"/fulfillment-orders/{request.path_params['name']}")
    if not answer.fine:
        raise Refused(answer.status, "This work is not shown", answer.trouble)
    work: Mapping[str, Any] = answer.said
    return work


def _counted(step: str, work: Mapping[str, Any], fields: Mapping[str, str]) -> Count:
    try:
        return count_of(step, work, fields)
    except NoNumber as error:
        raise Refused(422, "This is no quantity", f"{error} Nothing was done.") from error


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


async def _scan(request: Request) -> Response:
    """A code was read on the page of a work: a unit is counted, or the step is done that the code names."""
    session, _ = who_of(request)
    fields, work = await form_of(request, session), await _seen(request)
    step, code = _next(work) or "", fields.get("scan", "").strip()[:CODE_CHARS_MAX]
    count = _counted(step, work, fields)
    if step and code == f"{DONE}{step.upper()}":
        return await _do(request, step, work, count, fields)
    if code.startswith(DONE):
        return _again(request, work, count, Told.NOT_NEXT, code)
    if step in COUNTED:
        if fields.get("all"):
            return _again(request, work, count.filled())
        if fields.get("next"):
            return _again(request, work, *count.scanned(NEXT_PACKAGE))
        if code and code != work["id"]:
            return _again(request, work, *count.scanned(await _article(request, count, code)), code)
        return _again(request, work, count, Told.HERE if code else None, code)
    if any(line["sku"] == code for line in work["lines"]):
        return _again(request, work, count, Told.NOTHING_TO_COUNT, code)
    if code in ("", work["id"]):
        return _again(request, work, count, Told.HERE if code else None, code)
    return RedirectResponse(f"{CONSOLE}/warehouse?{urlencode({'scan': code})}", status_code=303)


async def _article(request: Request, count: Count, code: str) -> str:
    """The article of a work that a code on its goods means: its name, or its GTIN, as it was described."""
    session, _ = who_of(request)
    articles = list(dict.fromkeys(line.sku for line in count.lines))[:ARTICLES_ASKED_MAX]
    if code in articles or not GTIN.fullmatch(code):
        return code
    inside = parts_of(request).inside
    answers = await asyncio.gather(*(inside.get(session.token, f"/items/{quote(sku, safe='')}") for sku in articles))
    # The same number is written with more or fewer zeros before it: GTIN-8, UPC, EAN-13, GTIN-14.
    described = {
        sku: str(answer.said.get("gtin", "")) for sku, answer in zip(articles, answers, strict=True) if answer.fine
    }
    return next((sku for sku, gtin in described.items() if gtin.lstrip("0") == code.lstrip("0")), code)


def _again(
    request: Request, work: Mapping[str, Any], count: Count, came: Came | Told | None = None, code: str = ""
) -> Response:
    """Back to the work with what was counted in the address, and what the page is to say."""
    session, _ = who_of(request)
    said = {"came": came.value, "code": code, "mark": session.mark(f"{came.value} {code}")} if came else {}
    return RedirectResponse(_address(work, {**count.fields(), **said}), status_code=303)


def _address(work: Mapping[str, Any], fields: Mapping[str, str]) -> str:
    return f"{CONSOLE}/warehouse/{work['id']}" + (f"?{urlencode(fields)}" if fields else "")


async def _step(request: Request) -> Response:
    session, _ = who_of(request)
    fields, work, step = await form_of(request, session), await _seen(request), request.path_params["step"]
    if step not in TITLES:
        raise Refused(404, "There is no such step", "Go back to the work and choose what is there.")
    return await _do(request, step, work, _counted(step, work, fields), fields)


async def _do(
    request: Request, step: str, work: Mapping[str, Any], count: Count, fields: Mapping[str, str]
) -> Response:
    """Tell the door that a step was done. What it is counted for is not done before it is counted."""
    session, _ = who_of(request)
    if step in COUNTED and count.lacks():
        return _again(request, work, count, Told.LACKS)
    path = "acceptance" if step == "rejection" else step
    # Each step of a work is done once: said twice, as by a second click, it is the same document.
    body = {"document": f"console-{work['id']}-{step}", **_body(step, count, fields)}
    address = f"/fulfillment-orders/{work['id']}/{path}"
    answer = await parts_of(request).inside.post(session.token, address, body, fields[WISH])
    return told(request, _address(work, {} if answer.fine else count.fields()), TITLES[step], answer)


def _body(step: str, count: Count, fields: Mapping[str, str]) -> dict[str, Any]:
    match step:
        case "acceptance":
            return {"accepted": True}
        case "rejection":
            reason = fields.get("reject_reason", "").strip()
            if not reason:
                raise Refused(422, "Say why not", "Work is rejected with a reason. Nothing was done.")
            return {"accepted": False, "reject_reason": reason}
        case "pick":
            return {"lines": count.picked()}
        case "pack":
            return {"packages": count.packed()}
        case "hand-over":
            return {"handed_to": fields.get("handed_to", "").strip() or None}
        case "ready":
            return {"shelf": fields.get("shelf", "").strip() or None}
    return {}


ROUTES = (
    Route("/warehouse", _work),
    Route("/warehouse.csv", _work_csv),
    Route("/warehouse/pick-list.pdf", _pick_list),
    Route("/warehouse/{name}", _one),
    Route("/warehouse/{name}/scan", _scan, methods=["POST"]),
    Route("/warehouse/{name}/{step}", _step, methods=["POST"]),
)
