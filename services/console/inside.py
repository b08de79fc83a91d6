"""The HTTP doors as the console asks them: in the same process, with the token of whoever is signed in.

So every rule about who may do what, every check of a body and every recorded actor is that of the doors, and of nothing
else. A door that fails, or does not answer in time, is an answer that says so: what is shown beside it stays.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["WISH", "Answer", "Inside"]

log = logging.getLogger("orderlog")

WAIT_SECONDS = 10
"""How long an action waits for what comes of it."""

ASK_SECONDS = 10.0
"""How long a door has to tell something; a page is shown without what it did not tell by then."""

DO_SECONDS = 40.0
"""How long a door has to take something and say what came of it, more than it waits for that itself."""

WISH = "wish"
"""The field of a form that names what somebody wants done by it (answering.form_of): the same form sent twice has the same."""

UNKNOWN_FROM = 500
"""The first status of those that do not say whether anything was done."""

LATE = {
    "title": "This part of the doors did not answer in time",
    "detail": "It has much to do, or hangs. Try again in a moment.",
}

NO_NAME = {"title": "There is nothing of that name", "detail": "A name has no control characters."}

KEYS = "Idempotency-Key"
"""What the doors tell programs to send again; the console does that by itself, and tells people of none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a door said: `said` is its JSON, or None of what is none."""

    status: int
    said: Any

    @property
    def fine(self) -> bool:
        """Whether it did what was asked."""
        return self.status < 400

    @property
    def unknown(self) -> bool:
        """Whether nobody can tell from it if what was asked was done: the same asked again says so, and is done once."""
        return self.status >= UNKNOWN_FROM

    @property
    def trouble(self) -> str:
        """What was wrong, and what to do, in the door's own words."""
        said = self.said if isinstance(self.said, dict) else {}
        told = " ".join(str(said[name]) for name in ("title", "detail") if said.get(name)) or _of(self.status)
        sentences = re.split(r"(?<=\.) ", told)
        ours = [each for each in sentences if KEYS not in each]
        if len(ours) < len(sentences) and not self.unknown:
            ours.append("Load the page again, and do it there.")
        return " ".join(ours)


class Inside:
    """A client of an application in this process."""

    def __init__(self, app: ASGIApp) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells each of these calls as if it went anywhere
        transport = httpx.ASGITransport(app=_telling(app), raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://doors")
        self._asked = set[asyncio.Task[httpx.Response]]()

    async def get(self, token: str, path: str, **parameters: Any) -> Answer:
        """Ask; parameters that are None are left out."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return await self._answer(ASK_SECONDS, "GET", path, params=given, headers=_who(token))

    async def post(self, token: str, path: str, body: Any, wish: str, reason: str | None = None) -> Answer:
        """Have something done, and wait for what comes of it: the same wish at the same path is done once."""
        key = sha256(f"{wish} {path}".encode()).hexdigest()
        said = {**_who(token), KEYS: f"console-{key}", "Prefer": f"wait={WAIT_SECONDS}"}
        if reason:
            said["X-Reason"] = reason
        headers = {name.encode(): text.encode() for name, text in said.items()}
        return await self._answer(DO_SECONDS, "POST", path, json=body, headers=headers)

    async def close(self) -> None:
        """Let the client go."""
        await self._client.aclose()

    async def _answer(self, seconds: float, method: str, path: str, **asked: Any) -> Answer:
        """What a door says within so many seconds. One that does not is not waited for, even where it cannot be broken off."""
        task = asyncio.create_task(self._client.request(method, path, **asked))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        try:
            await asyncio.wait({task}, timeout=seconds)
            if not task.done():
                log.warning("a door did not answer the console within %.0f s: %s %r", seconds, method, path)
                return Answer(504, LATE)
            return _read(task.result())
        except httpx.InvalidURL:
            return Answer(404, NO_NAME)
        finally:
            task.cancel()


def _telling(app: ASGIApp) -> ASGIApp:
    """The same, with each of its failures in the log: nobody else sees them."""

    async def telling(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            log.exception("a door failed that the console asked: %s %r", scope["method"], scope["path"])
            raise

    return telling


def _of(status: int) -> str:
    """What is said of an answer that says nothing itself."""
    return "The doors failed; their log says why." if status >= UNKNOWN_FROM else f"Answer {status}."


def _who(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _read(response: httpx.Response) -> Answer:
    try:
        return Answer(response.status_code, response.json())
    except ValueError:
        return Answer(response.status_code, None)
