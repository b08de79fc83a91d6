"""Memory stays flat however many streams there are. `OMS_TEST_LONG=1` runs it with a million."""

from __future__ import annotations

import os
from functools import partial

import pytest

from tests.integration.proofs import prove_tables
from tests.small.harness import World
from tests.waiting import eventually

LONG = bool(os.environ.get("OMS_TEST_LONG"))
WARM_STREAMS, STREAMS, CHUNK = (100_000, 1_000_000, 10_000) if LONG else (10_000, 30_000, 2_000)
GROWTH_BYTES_MAX = 24 * 1024 * 1024
"""What may come after the warm-up: fragments and the client's buffers, not 20,000 streams (over 40 MB)."""


@pytest.mark.timeout(7200 if LONG else 180)
def test_memory_does_not_grow_with_the_number_of_streams(world: World) -> None:
    # given a process that keeps few streams in memory
    world.cached_streams = 500
    world.start("box_office")
    hall = world.hall("far away")

    def followed(count: int) -> bool:
        # Offsets, commit markers among them: near enough to keep the load a step ahead.
        return sum(int(row[2]) for row in world.table("box_office", "tracking")) >= count

    # when it handles many times as many
    warm = 0
    for first in range(0, STREAMS, CHUNK):
        for number in range(first, first + CHUNK):
            world.book(f"booking {number}", hall, patience_ms=86_400_000)
        world.flush()
        eventually(partial(followed, first + CHUNK), 60, "the load")
        if first + CHUNK == WARM_STREAMS:
            warm = world.health("box_office")["memory_bytes"]
    # then it needs no more memory than after the first of them
    assert world.health("box_office")["memory_bytes"] - warm < GROWTH_BYTES_MAX
    if not LONG:
        eventually(lambda: world.quiet(["box_office"]))
        prove_tables(world, ["box_office"])
