"""What the pages of the console share: who is signed in, forms of ours, and how a page or a refusal is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chassis.tokens import Grant, Role
from services.console.figures import Figures
from services.console.flow import ABOUT, Step
from services.console.histories import Histories
from services.console.inside import Answer, Inside
from services.console.installation import Installation
from services.console.questions import Questions
from services.console.sessions import COOKIE, Session, Sessions
from services.console.showing import behind

__all__ = [
    "CONSOLE",
    "Parts",
    "Refused",
    "age_of",
    "away",
    "came_of",
    "form_of",
    "page",
    "parts_of",
    "refused",
    "told",
    "who_of",
]

CONSOLE = "/console"
"""Where the console is, beside the HTTP doors."""

FORM_BYTES_MAX = 64 * 1024
FIELDS_MAX = 500
SAID_CHARS_MAX = 500

PENDING = "pending"
OUTCOMES = {PENDING: "taken, its outcome follows", "put down": "nobody looks after it any more", "looked after": "done"}
"""What doors say that did it, in words where theirs are not enough."""

SEEING = frozenset({Role.VIEWER, Role.CSR, Role.FINANCE, Role.WAREHOUSE, Role.ADMIN})
"""Who may come in; what each may see and do is the doors' business."""

PAGES = (
    (f"{CONSOLE}/", "Now"),
    (f"{CONSOLE}/orders", "Orders"),
    (f"{CONSOLE}/exceptions", "Exceptions"),
    (f"{CONSOLE}/stock", "Stock"),
    (f"{CONSOLE}/warehouse", "Warehouse"),
    (f"{CONSOLE}/numbers", "Numbers"),
    (f"{CONSOLE}/operators", "Operators"),
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What pages are made from."""

    inside: Inside
    questions: Questions
    histories: Histories
    sessions: Sessions
    installation: Installation
    figures: Figures
    people: Callable[[str], Sequence[str]]
    """What somebody looks for as that of a person (people.Digests.of_search)."""


class Refused(Exception):
    """A request that no page answers; the text is for people."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(title)
        self.status, self.title, self.detail = status, title, detail


# Who is there


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


def who_of(request: Request) -> tuple[Session, Grant]:
    """Whoever is signed in. Raises Refused with the way to the sign-in."""
    found = parts_of(request).sessions.of(request.cookies.get(COOKIE))
    if found is None:
        raise Refused(401, "Sign in", "")
    if not found[1].roles & SEEING:
        raise Refused(
            403, "This is not allowed to you", "The console is for those who may see orders or work in a warehouse."
        )
    return found


async def form_of(request: Request, session: Session | None) -> dict[str, str]:
    """The fields of a form of ours. Raises Refused where it is none, or of another site."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            raise Refused(413, "The form is too large", f"At most {FORM_BYTES_MAX} bytes are taken.")
    fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    origin = request.headers.get("origin")
    foreign = origin is not None and origin != "null" and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or (session is not None and not session.is_form(fields.get("form", ""))):
        raise Refused(403, "This form is not ours", "Load the page again, and send its form from there.")
    return fields


async def refused(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Refused)
    if problem.status == 401:
        wanted = f"{CONSOLE}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")
        asked = urlencode({"next": wanted}) if request.method == "GET" else ""
        return RedirectResponse(f"{CONSOLE}/sign-in?{asked}", status_code=303)
    return page(request, "problem.html", {"title": problem.title, "detail": problem.detail}, status=problem.status)


async def away(request: Request, error: Exception) -> Response:
    """The tables do not answer, or were never made: a page that says so and looks again."""
    detail = f"{error}. The page is there again as soon as they answer."
    return page(request, "problem.html", {"title": "The console's tables do not answer", "detail": detail}, status=503)


def page(request: Request, name: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """A page for whoever is signed in; nobody, where they are not."""
    found = parts_of(request).sessions.of(request.cookies.get(COOKIE))
    session, grant = found or (None, None)
    given = {
        "pages": PAGES if session else (),
        "here": f"{CONSOLE}{request.url.path}",
        "who": grant or {"subject": "nobody", "roles": []},
        "form": session.form if session else "",
        "about": ABOUT,
        "steps": list(Step),
        "said": _said(request),
        "age": "",
        **values,
    }
    text = request.app.state.templates.get_template(name).render(given)
    return Response(text, status, media_type="text/html; charset=utf-8")


def _said(request: Request) -> dict[str, Any] | None:
    """What came of an action, which the address says after it."""
    text = request.query_params.get("said")
    return None if text is None else {"text": text[:SAID_CHARS_MAX], "fine": request.query_params.get("fine") == "1"}


async def age_of(parts: Parts, now: datetime) -> str:
    """How far the tables are behind what was written, in words for the end of a page."""
    positions = await asyncio.to_thread(parts.questions.positions)
    latest = await asyncio.to_thread(parts.questions.latest)
    ages = await asyncio.to_thread(parts.installation.ages)
    far = ", ".join(f"{name} {position:,}" for name, position in sorted(positions.items()))
    moved = (
        "nothing was recorded yet" if latest is None else f"the last move was recorded {latest:%Y-%m-%d %H:%M:%S} UTC"
    )
    return f"{behind(ages)} Offsets followed: {far or 'none'}; {moved}; this page was made {now:%H:%M:%S} UTC."


def came_of(title: str, answer: Answer) -> tuple[str, bool]:
    """What came of something that was asked of a door, in words, and whether it was done."""
    if not answer.fine:
        return f"Nothing was done. {answer.trouble}", False
    said = answer.said or {}
    events = [event["type"] for event in said.get("events", ())]
    outcome = str(said.get("outcome", PENDING)).replace("_", " ")
    return f"{title}: {', '.join(events) or OUTCOMES.get(outcome, outcome)}.", True


def told(path: str, title: str, answer: Answer) -> Response:
    """Back to a page, which says what came of it."""
    text, fine = came_of(title, answer)
    joined = "&" if "?" in path else "?"
    return RedirectResponse(f"{path}{joined}{urlencode({'said': text, 'fine': int(fine)})}", status_code=303)
