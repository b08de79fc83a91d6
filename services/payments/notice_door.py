"""The door for what payment providers tell by themselves: `POST /payments/webhooks/{provider}`.

It stands before the guarded routes, since no provider has a token of ours: what comes in counts by its signature over
the raw bytes alone. It says yes as soon as the notice is in the inbox, and anything else has the provider tell it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.doors import BodyRefused, Door, Entry
from chassis.log import LogError
from contracts.envelope import Actor
from contracts.ids import stream
from services.payments.provider import NoticeLater, NoticeRefused, Notices
from services.payments.workers import outcome_of_notice

__all__ = ["NOTICE_BYTES_MAX", "PATH", "NoticeDoor"]

log = logging.getLogger("orderlog")

PATH = "/payments/webhooks/"
NOTICE_BYTES_MAX = 256 * 1024
"""The largest notice; those of providers have some kilobytes."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class NoticeDoor:
    """Takes notices for the `readers` that are set, by the provider's name in the path; all else goes to `app`."""

    def __init__(
        self, app: ASGIApp, door: Door, readers: Mapping[str, Notices], clock: Callable[[], datetime] = _utc_now
    ) -> None:
        self._app, self._door, self._readers, self._clock = app, door, readers, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        answer = await self._answer(Request(scope, receive), scope["path"].removeprefix(PATH))
        await answer(scope, receive, send)

    async def _answer(self, request: Request, name: str) -> Response:
        reader = self._readers.get(name)
        if reader is None or request.method != "POST":
            return PlainTextResponse("no such provider here\n", 404 if reader is None else 405)
        body = await _bounded(request)
        if body is None:
            return PlainTextResponse(f"a notice has {NOTICE_BYTES_MAX} bytes at most\n", 413)
        try:
            notice = await reader.read(
                body, {key.lower(): value for key, value in request.headers.items()}, self._clock()
            )
        except NoticeRefused as refused:
            log.warning("refused a notice of %s: %s", name, refused)
            return PlainTextResponse("this notice does not count\n", 400)
        except NoticeLater as later:
            log.warning("a notice of %s waits: %s", name, later)
            return PlainTextResponse("not now: tell it again\n", 503)
        if notice is None or notice.tenant != self._door.tenant:
            return PlainTextResponse("nothing to do\n")
        entry = Entry(
            "payments",
            stream("payment", notice.order_id),
            outcome_of_notice(notice),
            (notice.provider, notice.id),
            actor=Actor(kind="provider", subject=notice.provider),
            correlation=stream("order", notice.order_id),
        )
        try:
            await self._door.send(entry)
        except LogError:
            return PlainTextResponse("not now: tell it again\n", 503)
        except BodyRefused as refused:
            log.warning("refused a notice of %s: %s", name, refused)
            return PlainTextResponse("this notice cannot be kept\n", 400)
        return PlainTextResponse("taken\n")


async def _bounded(request: Request) -> bytes | None:
    """The raw body; None when it is too large, as soon as that is known."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > NOTICE_BYTES_MAX:
            return None
        parts.append(part)
    return b"".join(parts)
