"""The console as an application: its pages, its sign-in, and what every answer says to the browser.

Every page is HTML made here, with one style sheet and one script of ours and nothing from anywhere else; without the
script all of it works and stands still. What a page shows or does it asks the HTTP doors for (inside.py), as whoever is
signed in, or the console's own read models (questions.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.store import StoreAway
from chassis.tokens import Tokens
from services.console import (
    changes,
    exceptions_page,
    now_page,
    numbers_page,
    operators_page,
    orders_pages,
    stock_pages,
    warehouse_pages,
)
from services.console.answering import CONSOLE, Parts, Refused, away, form_of, parts_of, refused, who_of
from services.console.figures import Figures
from services.console.histories import Histories
from services.console.inside import Inside
from services.console.installation import Installation
from services.console.questions import Questions
from services.console.sessions import COOKIE, SESSION_SECONDS, Sessions
from services.console.showing import HERE, make_templates

__all__ = ["beside_doors", "make_site"]

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

PAGES = (now_page, orders_pages, exceptions_page, stock_pages, warehouse_pages, numbers_page, operators_page, changes)


def make_site(
    doors: ASGIApp,
    tokens: Tokens,
    questions: Questions,
    histories: Histories,
    positions: Sequence[Callable[[], object]],
    installation: Installation,
    figures: Figures,
    people: Callable[[str], Sequence[str]],
) -> Starlette:
    """The console over these doors, tokens and read models; `installation` is what operators are told of, `figures` counts,
    and `people` says by what a person is found. `positions`: how far each store is that pages show; another as soon as
    it moved."""
    parts = Parts(Inside(doors), questions, histories, Sessions(tokens), installation, figures, people)
    site = Starlette(
        routes=[
            Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
            Route("/sign-in", _sign_in, methods=["GET", "POST"]),
            Route("/sign-out", _sign_out, methods=["POST"]),
            *(route for pages in PAGES for route in pages.ROUTES),
        ],
        exception_handlers={Refused: refused, StoreAway: away},
        middleware=[Middleware(_Headers)],
        lifespan=_closing(parts),
    )
    site.state.parts, site.state.templates, site.state.watch = parts, make_templates(), changes.Watch(positions)
    return site


def beside_doors(doors: ASGIApp, site: ASGIApp) -> ASGIApp:
    """One application: the console under its path, the doors under all others; a browser that asks for nothing is shown
    the console."""

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and path == "/":
            await RedirectResponse(f"{CONSOLE}/")(scope, receive, send)
        elif scope["type"] == "http" and (path == CONSOLE or path.startswith(f"{CONSOLE}/")):
            inner = {**scope, "path": path.removeprefix(CONSOLE) or "/", "root_path": ""}
            await site(inner, receive, send)
        else:
            await doors(scope, receive, send)

    return both


def _closing(parts: Parts) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await parts.inside.close()

    return lifespan


class _Headers:
    """What every answer says to the browser: run and load nothing but what is ours, keep nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower() for name, _ in message["headers"]}
                added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(each for each in added if each[0] not in said)]
            await send(message)

        await self._app(scope, receive, with_headers)


# Signing in


async def _sign_in(request: Request) -> Response:
    wanted = request.query_params.get("next", "")
    if request.method == "GET":
        return _sign_in_page(request, wanted)
    fields = await form_of(request, None)
    wanted = fields.get("next", "")
    name = parts_of(request).sessions.begin(fields.get("token", "").strip())
    if name is None:
        return _sign_in_page(request, wanted, "This token counts for nothing: it is unknown, revoked or expired.")
    answer = RedirectResponse(wanted if _is_ours(wanted) else f"{CONSOLE}/", status_code=303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, name, max_age=int(SESSION_SECONDS), path=CONSOLE, httponly=True, samesite="strict", secure=secure
    )
    return answer


def _is_ours(address: str) -> bool:
    """A path of the console and nothing else, so that no link leads elsewhere through the sign-in."""
    return address.startswith(f"{CONSOLE}/") and "\\" not in address and "//" not in address


def _sign_in_page(request: Request, wanted: str, wrong: str = "") -> Response:
    text = request.app.state.templates.get_template("sign_in.html").render(next=wanted, wrong=wrong)
    return Response(text, 401 if wrong else 200, media_type="text/html; charset=utf-8")


async def _sign_out(request: Request) -> Response:
    session, _ = who_of(request)
    await form_of(request, session)
    parts_of(request).sessions.end(request.cookies[COOKIE])
    answer = RedirectResponse(f"{CONSOLE}/sign-in", status_code=303)
    answer.delete_cookie(COOKIE, path=CONSOLE)
    return answer
