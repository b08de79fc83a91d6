"""Two processes of one service share its partitions, and hand them over in the middle of a load."""

from __future__ import annotations

import signal

from chassis.runtime import Exit
from tests.integration.proofs import await_outcomes, book_until, ended, prove
from tests.small.harness import PARTITIONS, World
from tests.waiting import eventually


def owned(world: World, name: str) -> int:
    return len(world.health(name).get("partitions", {}))


def test_a_second_process_joins_and_the_first_leaves_under_load(world: World) -> None:
    # given one process of each service under load
    world.start("venue")
    world.start("box_office")
    halls = [world.open_hall(f"hall {number}", 60) for number in range(4)]
    for service in ("venue", "box_office"):
        world.start(service, f"{service}-second", waits=False)

    def shared() -> bool:
        return all(owned(world, name) == PARTITIONS // 2 for name in ("venue", "venue-second", "box_office-second"))

    # when a second of each joins, and then the first of each stops as asked
    names = book_until(world, halls, lambda: ended(world) > 30 and shared())
    assert [world.kill(name, signal.SIGTERM) for name in ("venue", "box_office")] == [Exit.STOPPED, Exit.STOPPED]
    late = [f"late {number}" for number in range(60)]
    for number, name in enumerate(late):
        world.book(name, halls[number % len(halls)])
    world.flush()
    # then the second ones have everything, and the order of every stream was kept
    await_outcomes(world, [*names, *late])
    eventually(lambda: owned(world, "venue-second") == owned(world, "box_office-second") == PARTITIONS)
    prove(world, [*names, *late])
