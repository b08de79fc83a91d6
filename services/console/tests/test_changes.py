"""Pages hear of what moved, whichever store it is in, and whichever store does not answer."""

from __future__ import annotations

import asyncio

import pytest

from chassis.store import StoreAway
from services.console.changes import Watch

SECONDS = 10.0
"""A page that is not told within this is never told."""


def _away() -> object:
    raise StoreAway("its tables were never made")


@pytest.mark.parametrize("there", (0, 1))
def test_a_store_that_does_not_answer_hides_no_move_of_another(there: int) -> None:
    asyncio.run(_told_of_a_move(there))


async def _told_of_a_move(there: int) -> None:
    # given two stores, one of which answers
    at, asked = 0, asyncio.Event()
    loop = asyncio.get_running_loop()

    def position() -> object:
        loop.call_soon_threadsafe(asked.set)
        return at

    positions = [_away, _away]
    positions[there] = position
    watch = Watch(positions)
    watch.listeners = 1
    async with asyncio.timeout(SECONDS):
        # and a page that was told of how it stands
        await watch.next()
        told = asyncio.create_task(watch.next())
        for _ in range(2):
            asked.clear()
            await asked.wait()
        assert not told.done()
        # when it moves, then the page is told again
        at = 1
        await told
    watch.listeners = 0
