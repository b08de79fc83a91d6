"""Nobody comes in unknown, and nobody does what their roles do not name: what stands before every HTTP route.

A request without a token that counts is refused before its body is read; a route that the rules do not name is open to
no role. Which role may do what is the business of whoever builds the application.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

from fastapi import Depends, FastAPI, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.description import SCHEME, describe
from chassis.problems import Problem, ProblemKind
from chassis.tokens import Grant, Holders, Role, TokensRefused
from chassis.web import GRANT, BodyLimit, add_problems, grant_of, without_nul

__all__ = ["Rules", "guarded_app"]

log = logging.getLogger("orderlog")

Rules = Mapping[tuple[str, str], frozenset[Role]]
"""Which roles may use a route: by its method and its path as OpenAPI writes it."""

CHALLENGE = 'Bearer realm="orderlog"'
OPEN_METHODS = frozenset({"GET", "HEAD"})
TOKEN_CHARS_MAX = 512

TOLD_A_MINUTE = 60
"""Refusals that the log tells one by one; of more it tells how many."""
MINUTE_SECONDS = 60.0
SHOWN_PATH_CHARS = 200


def guarded_app(title: str, description: str, tokens: Holders, rules: Rules) -> FastAPI:
    """An application whose routes are guarded by the rules; only its own description is open to all."""
    refusals = _Refusals()
    app = FastAPI(
        title=title,
        version="1",
        description=description,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        dependencies=[Depends(_authorise_by(rules, refusals)), Depends(without_nul)],
    )
    described = frozenset(path for path in (app.docs_url, app.openapi_url) if path)
    # The last one added is asked first: no body is read of who is unknown.
    app.add_middleware(BodyLimit)
    app.add_middleware(_Guard, tokens=tokens, described=described, refusals=refusals)
    add_problems(app)
    describe(app, rules)
    return app


class _Guard:
    """Lets pass who sends a token that counts, and notes in the scope whom it stands for."""

    def __init__(self, app: ASGIApp, tokens: Holders, described: frozenset[str], refusals: _Refusals) -> None:
        self._app, self._tokens, self._described, self._refusals = app, tokens, described, refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http" and not self._is_description(scope):
            try:
                scope[GRANT] = self._holder(scope)
            except Problem as problem:
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_description(self, scope: Scope) -> bool:
        return scope["path"] in self._described and scope["method"] in OPEN_METHODS

    def _holder(self, scope: Scope) -> Grant:
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        if not sent:
            raise self._unknown(scope, "no token", CHALLENGE, "No token was sent.")
        token = _token(sent)
        try:
            grant = self._tokens.holder(token) if token else None
        except TokensRefused as error:
            self._refusals.tell("nobody is let in: %s", str(error))
            raise Problem(
                ProblemKind.NOT_NOW,
                "Not now",
                "The doors cannot tell who asks; their log says why to whoever runs them. Nothing was done: send the "
                "same request with the same Idempotency-Key again in a moment.",
            ) from error
        if grant is None:
            challenge = f'{CHALLENGE}, error="invalid_token"'
            raise self._unknown(scope, "a token that does not count", challenge, "The token is unknown or expired.")
        return grant

    def _unknown(self, scope: Scope, what: str, challenge: str, found: str) -> Problem:
        host = (scope.get("client") or ("unknown",))[0]
        self._refusals.tell("refused %s %s of %s: %s", scope["method"], _shown(scope["path"]), host, what)
        detail = f"{found} Send a header `Authorization: Bearer TOKEN`; whoever runs this makes one with `oms token`."
        return Problem(
            ProblemKind.UNKNOWN_CALLER, "Who asks is not known", detail, headers={"WWW-Authenticate": challenge}
        )


def _token(sent: list[bytes]) -> str | None:
    """The token of the one Authorization header; None when there are more, or it is of another kind."""
    if len(sent) > 1 or len(sent[0]) > TOKEN_CHARS_MAX or not sent[0].isascii():
        return None
    scheme, _, token = sent[0].decode("ascii").partition(" ")
    return token.strip() if scheme.lower() == SCHEME else None


def _authorise_by(rules: Rules, refusals: _Refusals) -> Callable[[Request], Awaitable[None]]:
    async def authorise(request: Request) -> None:
        grant, route = grant_of(request), (request.method, request.scope["route"].path_format)
        allowed = rules.get(route, frozenset())
        if grant.roles & allowed:
            return
        refusals.tell("refused %s %s of %s:%s: not allowed", *route, grant.kind, grant.subject)
        names = " ".join(sorted(allowed))
        raise Problem(
            ProblemKind.NOT_ALLOWED,
            "This is not allowed to you",
            f"{grant.subject} may not {' '.join(route)}: it needs one of the roles {names or '(none has it)'}.",
            headers={"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{names}"'},
        )

    return authorise


class _Refusals:
    """Tells in the log who was refused, so many a minute and no more: no caller can fill the disk."""

    def __init__(self) -> None:
        self._since, self._told, self._untold = monotonic(), 0, 0

    def tell(self, text: str, *values: str) -> None:
        now = monotonic()
        if now - self._since >= MINUTE_SECONDS:
            if self._untold:
                log.warning("%d more refusals were not told one by one", self._untold)
            self._since, self._told, self._untold = now, 0, 0
        if self._told < TOLD_A_MINUTE:
            self._told += 1
            log.warning(text, *values)
        else:
            self._untold += 1


def _shown(path: str) -> str:
    """A path that a stranger chose, on one line of the log."""
    return ascii(path[:SHOWN_PATH_CHARS])
