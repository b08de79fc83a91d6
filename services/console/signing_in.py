"""Signing in with an account or a token, and signing out."""

from __future__ import annotations

import asyncio
import logging

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from chassis.accounts import Callers
from services.console.answering import CONSOLE, form_of, parts_of, who_of
from services.console.sessions import COOKIE, SESSION_SECONDS
from services.console.tries import TRIES_SECONDS, Tries

__all__ = ["ROUTES", "ByAccount", "nobody"]

log = logging.getLogger("orderlog")

CHECKED_AT_ONCE = 2
"""Passwords that are checked at once: each takes 32 MiB and a core."""

WAITING_MAX = 20
"""Passwords that wait for their check; who comes then is asked to come again."""

NAME_CHARS_MAX = 128
UNKNOWN = "This name and password do not belong together, or the account is removed or expired."


class _Wrong(Exception):
    """Why nobody was signed in, for people."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class ByAccount:
    """Takes names and passwords for tokens, not too many at once, and not too many wrong ones."""

    def __init__(self, callers: Callers) -> None:
        self._callers, self._tries = callers, Tries()
        self._free, self._waiting = asyncio.Semaphore(CHECKED_AT_ONCE), 0

    async def token(self, name: str, password: str, address: str) -> str:
        """A token for whoever has this account. Raises _Wrong, and TokensRefused."""
        name = name[:NAME_CHARS_MAX]
        if self._waiting >= WAITING_MAX:
            raise _Wrong(503, "Very many sign in at this moment. Try again in a few seconds.")
        if not self._tries.begin(name, address):
            raise _Wrong(429, f"There were too many wrong tries. Wait {TRIES_SECONDS / 60:.0f} minutes.")
        self._waiting += 1
        try:
            async with self._free:
                account = await asyncio.to_thread(self._callers.accounts.check, name, password)
        finally:
            self._waiting -= 1
        if account is None:
            log.warning("a wrong name or password at the console's sign-in, from %s", address)
            raise _Wrong(401, UNKNOWN)
        self._tries.was_right(name, address)
        return self._callers.sign_in(account)


async def _sign_in(request: Request) -> Response:
    if request.method == "GET":
        return _page(request, request.query_params.get("next", ""))
    fields = await form_of(request, None)
    wanted = fields.get("next", "")
    try:
        session = await _session(request, fields)
    except _Wrong as wrong:
        return _page(request, wanted, wrong)
    answer = RedirectResponse(wanted if _is_ours(wanted) else f"{CONSOLE}/", status_code=303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, session, max_age=int(SESSION_SECONDS), path=CONSOLE, httponly=True, samesite="lax", secure=secure
    )
    return answer


async def _session(request: Request, fields: dict[str, str]) -> str:
    token = fields.get("token", "").strip()
    if not token:
        by_account: ByAccount = request.app.state.accounts
        address = request.client.host if request.client else "unknown"
        token = await by_account.token(fields.get("name", "").strip(), fields.get("password", ""), address)
    session = parts_of(request).sessions.begin(token)
    if session is None:
        raise _Wrong(401, "This token counts for nothing: it is unknown, revoked or expired.")
    return session


def _is_ours(address: str) -> bool:
    """A path of the console and nothing else, so that no link leads elsewhere through the sign-in."""
    return address.startswith(f"{CONSOLE}/") and "\\" not in address and "//" not in address


def _page(request: Request, wanted: str, wrong: _Wrong | None = None) -> Response:
    text = "" if wrong is None else wrong.text
    page = request.app.state.templates.get_template("sign_in.html").render(next=wanted, wrong=text)
    return Response(page, 200 if wrong is None else wrong.status, media_type="text/html; charset=utf-8")


async def nobody(request: Request, error: Exception) -> Response:
    """The answer while the file of tokens or accounts cannot be trusted: the log says why, a stranger is not told."""
    log.error("nobody is let in: %s", error)
    wrong = _Wrong(503, "Nobody can be let in now; the log of the doors says why to whoever runs them.")
    return _page(request, "", wrong)


async def _sign_out(request: Request) -> Response:
    session, _ = who_of(request)
    await form_of(request, session)
    parts_of(request).sessions.end(request.cookies[COOKIE])
    answer = RedirectResponse(f"{CONSOLE}/sign-in", status_code=303)
    answer.delete_cookie(COOKIE, path=CONSOLE)
    return answer


ROUTES = (
    Route("/sign-in", _sign_in, methods=["GET", "POST"]),
    Route("/sign-out", _sign_out, methods=["POST"]),
)
