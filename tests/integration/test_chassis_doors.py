"""A door's message is known by its id for as long as the inbox could bring it again, over restarts and evictions."""

from __future__ import annotations

import signal

from contracts.chassis import MessageConflicted
from tests.integration.proofs import prove_tables, prove_wire
from tests.small.harness import World
from tests.small.venue import HallOpened, OpenHall
from tests.waiting import eventually


def test_the_same_message_again_is_nothing_and_another_body_is_a_conflict_once(world: World) -> None:
    # given a hall opened by a door, and a process that has forgotten it since
    world.start("venue")
    hall = world.open_hall("hall", 5)
    eventually(lambda: world.quiet(["venue"]))
    world.kill("venue", signal.SIGTERM)
    world.start("venue")
    # when the same message comes again, then with another body, and each again and again
    for seats in (5, 6, 5, 6, 6):
        world.send("venue", hall, OpenHall(seats=seats), "open hall")
    world.flush()
    eventually(lambda: world.quiet(["venue"]))
    # then the hall was opened once, and somebody is told once that another body came under a known id
    events = world.messages("venue.events")
    assert [type(event) for _, event in events] == [HallOpened, MessageConflicted]
    # and a third body is another conflict, and a new id is a new message
    world.send("venue", hall, OpenHall(seats=7), "open hall")
    world.send("venue", hall, OpenHall(seats=7), "open it again")
    world.flush()
    eventually(lambda: world.quiet(["venue"]))
    kinds = [type(event) for _, event in world.messages("venue.events")]
    assert kinds == [HallOpened, MessageConflicted, MessageConflicted, HallOpened]
    prove_wire(world)
    prove_tables(world, ["venue"])
    assert [row[1] for row in world.table("venue", "door_messages")] == [hall, hall]
