"""What the pages of the console share: who is signed in and what they may see, forms of ours, and how a page, a refusal or
a fault is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chassis.tokens import Grant, Role, TokensRefused
from contracts.channel import LINES_MAX
from services.console.figures import Figures
from services.console.flow import ABOUT, Step
from services.console.histories import Histories
from services.console.inside import WISH, Answer, Inside
from services.console.installation import Installation
from services.console.questions import Questions
from services.console.sessions import COOKIE, Session, Sessions
from services.console.showing import behind

__all__ = [
    "CONSOLE",
    "ORDERS_SEEN",
    "WORK_SEEN",
    "Parts",
    "Refused",
    "age_of",
    "away",
    "broken",
    "came_of",
    "form_of",
    "missing",
    "page",
    "parts_of",
    "refused",
    "resend",
    "told",
    "who_of",
]

CONSOLE = "/console"
"""Where the console is, beside the HTTP doors."""

FIELDS_MAX = LINES_MAX + 50
"""Fields of a form: one for each line that an order may have, and what it asks besides."""

FIELD_BYTES = 160
"""What a field of a line takes at most: its name, a number, and what is between."""

FORM_BYTES_MAX = FIELDS_MAX * FIELD_BYTES
SAID_CHARS_MAX = 500

PENDING = "pending"
OUTCOMES = {PENDING: "taken, its outcome follows", "put down": "nobody looks after it any more", "looked after": "done"}
"""What doors say that did it, in words where theirs are not enough."""

SEEING = frozenset({Role.VIEWER, Role.CSR, Role.FINANCE, Role.WAREHOUSE, Role.ADMIN})
"""Who may come in; what each may see and do is the doors' business."""

ORDERS_SEEN = frozenset({Role.VIEWER, Role.CSR, Role.FINANCE, Role.ADMIN})
WORK_SEEN = frozenset({Role.VIEWER, Role.CSR, Role.WAREHOUSE, Role.ADMIN})
"""Who may see orders, and the work of nodes, as at the doors (oms/access.py): for what the console's own tables tell."""

PAGES = (
    (f"{CONSOLE}/", "Now", SEEING),
    (f"{CONSOLE}/orders", "Orders", ORDERS_SEEN),
    (f"{CONSOLE}/exceptions", "Exceptions", SEEING),
    (f"{CONSOLE}/stock", "Stock", SEEING),
    (f"{CONSOLE}/warehouse", "Warehouse", WORK_SEEN),
    (f"{CONSOLE}/numbers", "Numbers", ORDERS_SEEN),
    (f"{CONSOLE}/operators", "Operators", frozenset({Role.ADMIN})),
)
"""The pages that every page leads to, and who is led there."""


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


def who_of(request: Request, allowed: frozenset[Role] = SEEING) -> tuple[Session, Grant]:
    """Whoever is signed in. Raises Refused with the way to the sign-in, or where they have none of the roles `allowed`, or
    the address is none that tables can be asked for."""
    found = parts_of(request).sessions.of(request.cookies.get(COOKIE))
    if found is None:
        raise Refused(401, "Sign in", "")
    if not found[1].roles & SEEING:
        raise Refused(
            403, "This is not allowed to you", "The console is for those who may see orders or work in a warehouse."
        )
    if not found[1].roles & allowed:
        named = ", ".join(sorted(allowed))
        raise Refused(403, "This is not allowed to you", f"It is for those who have one of the roles {named}.")
    for value in (*request.path_params.values(), *request.query_params.values()):
        if "\0" in str(value):
            raise Refused(
                400, "Nothing is called so", "What is looked for holds the character U+0000, which no text has."
            )
    return found


async def form_of(request: Request, session: Session | None) -> dict[str, str]:
    """The fields of a form of ours, and as `WISH` what somebody wants by it. Raises Refused where it is none, or of another
    site."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            raise Refused(413, "The form is too large", f"At most {FORM_BYTES_MAX} bytes are taken.")
    try:
        told = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise Refused(413, "The form has too many fields", f"At most {FIELDS_MAX} are taken.") from error
    fields, origin = dict(told), request.headers.get("origin")
    # A page that hides where it is (its origin is then "null") is none of ours: these say so to this address.
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    wish = "" if session is None else session.wish_of(fields.get("form", ""))
    if foreign or wish is None:
        raise Refused(403, "This form is not ours", "Load the page again, and send its form from there.")
    request.state.sent = dict(fields)
    if session is not None:
        parts_of(request).sessions.sent(request.cookies[COOKIE])
    return {**fields, WISH: wish}


async def refused(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Refused)
    if problem.status == 401:
        wanted = f"{CONSOLE}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")
        asked = urlencode({"next": wanted}) if request.method == "GET" else ""
        return RedirectResponse(f"{CONSOLE}/sign-in?{asked}", status_code=303)
    return _problem(request, problem.status, problem.title, problem.detail)


async def missing(request: Request, error: Exception) -> Response:
    """There is no such page, or nothing can be sent to it."""
    assert isinstance(error, HTTPException)
    title = "There is no such page" if error.status_code == 404 else f"This is not possible here ({error.detail})"
    return _problem(request, error.status_code, title, "The address may be cut or old.")


def broken(request: Request) -> Response:
    """A fault of ours, which the log tells."""
    detail = "A fault of ours. The log of the doors says what; whatever else there is can be used meanwhile."
    return _problem(request, 500, "This page could not be made", detail)


def _problem(request: Request, status: int, title: str, detail: str) -> Response:
    return page(request, "problem.html", {"title": title, "detail": detail}, status=status)


async def away(request: Request, error: Exception) -> Response:
    """The tables do not answer, or were never made: a page that says so and looks again."""
    detail = f"{error}. The page is there again as soon as they answer."
    return _problem(request, 503, "The console's tables do not answer", detail)


def page(request: Request, name: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """A page for whoever is signed in; nobody, where they are not, or nobody can tell."""
    try:
        session, grant = parts_of(request).sessions.of(request.cookies.get(COOKIE)) or (None, None)
    except TokensRefused:  # which signing_in.nobody tells; here a page about something else is shown to a stranger
        session, grant = None, None
    given = {
        "pages": [each[:2] for each in PAGES if grant and grant.roles & each[2]],
        "here": f"{CONSOLE}{request.url.path}",
        "who": grant or {"subject": "nobody", "roles": []},
        "form": session.carried if session else "",
        "about": ABOUT,
        "steps": list(Step),
        "said": _said(request, session),
        "age": "",
        **values,
    }
    text = request.app.state.templates.get_template(name).render(given)
    return Response(text, status, media_type="text/html; charset=utf-8")


def _said(request: Request, session: Session | None) -> dict[str, Any] | None:
    """What the console said of an action, which the address repeats after it; None of what anybody else wrote there."""
    text, fine, mark = (request.query_params.get(name, "") for name in ("said", "fine", "mark"))
    if session is None or not session.is_marked(f"{fine} {text}", mark):
        return None
    return {"text": text, "fine": fine == "1"}


def _saying(session: Session, text: str, fine: bool) -> dict[str, str]:
    """Parameters of an address whose page says this, as the console's own word to this session."""
    shown, well = text[:SAID_CHARS_MAX], str(int(fine))
    return {"said": shown, "fine": well, "mark": session.mark(f"{well} {shown}")}


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
    if answer.unknown:
        return f"Nobody can tell yet whether it was done. {answer.trouble}", False
    if not answer.fine:
        return f"Nothing was done. {answer.trouble}", False
    said = answer.said or {}
    events = [event["type"] for event in said.get("events", ())]
    outcome = str(said.get("outcome", PENDING)).replace("_", " ")
    return f"{title}: {', '.join(events) or OUTCOMES.get(outcome, outcome)}.", True


def told(request: Request, path: str, title: str, answer: Answer) -> Response:
    """Back to a page, which says what came of it; where nobody can tell, a page that can ask for the same again."""
    session, _ = who_of(request)
    text, fine = came_of(title, answer)
    if answer.unknown:
        values = {"title": "What came of it is not known", "detail": text, "back": path, "again": resend(request)}
        return page(request, "problem.html", values, status=503)
    joined = "&" if "?" in path else "?"
    return RedirectResponse(f"{path}{joined}{urlencode(_saying(session, text, fine))}", status_code=303)


def resend(request: Request) -> Mapping[str, Any]:
    """The form that was sent, to be sent again as the same wish, which is done once."""
    return {"action": f"{CONSOLE}{quote(request.scope['path'])}", "fields": request.state.sent}
