"""The console as an application: its pages, and what every answer says to the browser.

Every page is HTML made here, with one style sheet and one script of ours and nothing from anywhere else; without the
script all of it works and stands still. What a page shows or does it asks the HTTP doors for (inside.py), as whoever is
signed in, or the console's own read models (questions.py).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.accounts import Callers
from chassis.store import StoreAway
from chassis.tokens import TokensRefused
from services.console import (
    changes,
    exceptions_page,
    now_page,
    numbers_page,
    operators_page,
    orders_pages,
    runs_page,
    signing_in,
    stock_pages,
    studies_page,
    warehouse_pages,
)
from services.console.answering import CONSOLE, Parts, Refused, away, broken, missing, refused
from services.console.figures import Figures
from services.console.histories import Histories
from services.console.inside import Inside
from services.console.installation import Installation
from services.console.questions import Questions
from services.console.sessions import Sessions
from services.console.showing import HERE, make_templates

__all__ = ["beside_doors", "make_site"]

log = logging.getLogger("orderlog")

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

PAGES = (
    signing_in,
    now_page,
    orders_pages,
    exceptions_page,
    stock_pages,
    warehouse_pages,
    numbers_page,
    studies_page,
    runs_page,
    operators_page,
    changes,
)


def make_site(
    doors: ASGIApp,
    callers: Callers,
    questions: Questions,
    histories: Histories,
    positions: Sequence[Callable[[], object]],
    installation: Installation,
    figures: Figures,
    people: Callable[[str], Sequence[str]],
) -> Starlette:
    """The console over these doors, callers and read models; `installation` is what operators are told of, `figures` counts,
    and `people` says by what a person is found. `positions`: how far each store is that pages show; another as soon as
    it moved."""
    parts = Parts(Inside(doors), questions, histories, Sessions(callers), installation, figures, people)
    site = Starlette(
        routes=[
            Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
            *(route for pages in PAGES for route in pages.ROUTES),
        ],
        exception_handlers={
            Refused: refused,
            StoreAway: away,
            TokensRefused: signing_in.nobody,
            HTTPException: missing,
        },
        middleware=[Middleware(_Headers), Middleware(_Faults)],
        lifespan=_closing(parts),
    )
    site.state.parts, site.state.templates, site.state.watch = parts, make_templates(), changes.Watch(positions)
    site.state.accounts = signing_in.ByAccount(callers)
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


class _Faults:
    """Answers a fault with a page as all others are, with its headers, and tells the log what it was."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noted(message: Any) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            if begun or scope["type"] != "http":
                raise
            log.exception("a page of the console could not be made: %s %r", scope["method"], scope["path"])
            await broken(Request(scope))(scope, receive, send)
