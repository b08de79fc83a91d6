"""Pages are told when what they show moves, and ask for themselves again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from chassis.store import StoreAway
from services.console.answering import Refused, who_of

__all__ = ["ROUTES", "SCRIPT_WAITS_SECONDS", "Watch"]

LISTENERS_MAX = 200
"""Pages that are told of changes at once; the next one stands still."""

LOOK_SECONDS = 0.2
"""How often the read models are asked whether they moved, while any page is open."""

SCRIPT_WAITS_SECONDS = 0.2
"""How long the script of a page (static/console.js) gathers what moved before the page asks for itself again."""

SAY_AGAIN_SECONDS = 20.0
"""How long a page hears nothing at most: one that does is told nothing any more, and says so."""


class Watch:
    """Looks whether anything that pages show has moved, once for all pages that are open. `positions`: how far each of the
    stores is that pages show. One that raises StoreAway counts as not moved, and hides no move of another."""

    def __init__(self, positions: Sequence[Callable[[], object]]) -> None:
        self._positions = positions
        self._moved = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self.listeners = 0

    async def next(self) -> None:
        """Return when something moved. Raises TimeoutError after a while without."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="console-watch")
        await asyncio.wait_for(self._moved.wait(), SAY_AGAIN_SECONDS)

    async def _look(self) -> None:
        seen: list[object] = [None] * len(self._positions)
        while self.listeners:
            now = await asyncio.to_thread(self._after, seen)
            if now != seen:
                moved, self._moved = self._moved, asyncio.Event()
                moved.set()
                seen = now
            await asyncio.sleep(LOOK_SECONDS)

    def _after(self, seen: Sequence[object]) -> list[object]:
        return [_after(position, was) for position, was in zip(self._positions, seen, strict=True)]


def _after(position: Callable[[], object], was: object) -> object:
    """How far a store is; as before where it does not answer, which pages that are loaded meanwhile say."""
    try:
        return position()
    except StoreAway:
        return was


async def _changes(request: Request) -> Response:
    """Says each time that something moved, and that it is still there. What moved is not said: a page asks for itself
    again. Ends with the session."""
    who_of(request)
    watch: Watch = request.app.state.watch
    if watch.listeners >= LISTENERS_MAX:
        raise Refused(503, "Too many pages are open", "This one stands still; load it again by hand.")

    async def told() -> AsyncIterator[str]:
        watch.listeners += 1
        try:
            yield "data: moved\n\n"  # something may have, while the page was on its way
            while not await request.is_disconnected():
                try:
                    await watch.next()
                    yield "data: moved\n\n"
                except TimeoutError:
                    if not _signed_in(request):
                        return
                    yield "event: here\ndata: nothing moved\n\n"
        finally:
            watch.listeners -= 1

    return StreamingResponse(told(), media_type="text/event-stream")


def _signed_in(request: Request) -> bool:
    try:
        who_of(request)
    except Refused:
        return False
    return True


ROUTES = (Route("/changes", _changes),)
