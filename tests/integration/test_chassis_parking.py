"""What a stream cannot take is parked with it, in order; what is no message at all is a dead letter. Both last."""

from __future__ import annotations

import signal
from functools import partial

from contracts import topics
from contracts.chassis import MessageParked, MessageRedriven, RedriveFailed, RedriveStream
from contracts.message import Command, Message
from tests.integration.proofs import await_outcomes, prove_tables, prove_wire
from tests.small.box_office import Book, BookingConfirmed, BookingExpired, BookingRefused
from tests.small.harness import PARTITIONS, World
from tests.small.venue import SeatsTaken
from tests.waiting import eventually

LONG_MS = 3_600_000
"""Bookings that wait for a mended release, however long the processes of a test take to start."""


class PaintHall(Command):
    """A command of a later release: no stream of this one takes it."""


def happened(world: World, hall: str) -> list[Message]:
    return [event for stream, event in world.messages("venue.events") if stream == hall]


def parked(world: World, hall: str) -> list[str]:
    return [event.fault for event in happened(world, hall) if isinstance(event, MessageParked)]


def has_parked(world: World, hall: str, count: int) -> bool:
    return len(parked(world, hall)) == count


def test_a_parked_stream_keeps_its_order_over_a_restart_and_is_redriven_by_a_mended_release(world: World) -> None:
    # given a hall whose handler crashes on a booking, with others behind it
    for service in ("venue", "box_office"):
        world.start(service)
    broken, sound = world.open_hall("broken", 20), world.open_hall("sound", 20)
    for name, hall, seats in (("thirteen", broken, 13), ("behind", broken, 5), ("beside", sound, 1)):
        world.book(name, hall, seats, LONG_MS)
        world.flush()
        eventually(partial(has_parked, world, hall, {"thirteen": 1, "behind": 2}.get(name, 0)))
    # when the venue is started again, then the stream is still parked, and other streams go on
    world.kill("venue", signal.SIGTERM)
    world.start("venue")
    world.book("also behind", broken, 4, LONG_MS)
    world.book("also beside", sound, 1, LONG_MS)
    world.flush()
    eventually(lambda: parked(world, broken) == ["crashed", "behind_parked", "behind_parked"])
    eventually(lambda: len(world.events("box_office", BookingConfirmed)) == 2)
    # and a redrive fails for as long as the handler has its bug
    world.send("venue", broken, RedriveStream(), "too early")
    world.flush()
    eventually(lambda: any(isinstance(event, RedriveFailed) for event in happened(world, broken)))
    assert not any(isinstance(event, MessageRedriven) for event in happened(world, broken))
    # when the mended release redrives it, then everything is taken in the order in which it came
    world.kill("venue", signal.SIGTERM)
    world.start("venue", mended=True)
    world.send("venue", broken, RedriveStream(), "mended")
    world.flush()
    await_outcomes(world, ["thirteen", "behind", "beside", "also behind", "also beside"])
    taken = [event.booking for event in happened(world, broken) if isinstance(event, SeatsTaken)]
    assert taken == ["thirteen", "behind"]
    assert world.events("box_office", BookingRefused) == [world.booking("also behind")]
    assert world.events("box_office", BookingExpired) == []
    prove_wire(world)
    prove_tables(world)


def test_a_message_of_an_unknown_type_parks_its_stream_alone(world: World) -> None:
    # given a command that this release cannot take
    world.start("venue")
    hall, other = world.open_hall("painted", 5), world.open_hall("other", 5)
    world.send("venue", hall, PaintHall(), "paint")
    world.send("venue", hall, RedriveStream(), "redrive")
    world.flush()
    eventually(lambda: world.quiet(["venue"]))
    # then it is parked as it came, a redrive changes nothing, and other halls do not notice
    kinds = [type(event).__name__ for event in happened(world, hall)]
    assert kinds == ["HallOpened", "MessageParked", "RedriveFailed"]
    assert parked(world, hall) == ["undecodable"]
    world.send("venue", other, RedriveStream(), "redrive the other")
    world.flush()
    eventually(lambda: len(happened(world, other)) == 2)
    eventually(lambda: world.quiet(["venue"]))
    assert [type(event).__name__ for event in happened(world, other)] == ["HallOpened", "RedriveUnneeded"]
    prove_wire(world)


def test_what_is_no_message_is_a_dead_letter_once_and_its_partition_goes_on(world: World) -> None:
    # given records that nobody can read, and a message of a hall in use that somebody put into another partition
    for service in ("venue", "box_office"):
        world.start(service)
    hall = world.open_hall("good", 10)
    world.book("first", hall)
    world.flush()
    await_outcomes(world, ["first"])
    inbox = topics.inbox("box_office", world.namespace)
    good = next(record for record in world.records("box_office.inbox") if record.key == world.booking("first").encode())
    for number in range(PARTITIONS):
        world.write(inbox, b"garbage", b"\xff\xfe", None, partition=number)
    world.write(inbox, world.booking("x").encode(), b"{}", None)
    named = dict(good.headers)
    for header, value in {
        "ce_deadlines": b'{"answer": 1}',
        "ce_time": b"0001-01-01T00:00:00+14:00",
        "ce_tenant": b"a\0b",
        "ce_actor": b"[]",
    }.items():
        world.write_raw(inbox, good.key or b"", good.value or b"", {**named, header: value}, good.partition)
    world.write_raw(inbox, b"booking/a\0b", good.value or b"", named, good.partition)
    world.write_raw(inbox, good.key or b"", good.value or b"", named, (good.partition + 1) % PARTITIONS)
    world.flush()
    # when the box office has been killed and started again in between
    eventually(lambda: len(world.records("box_office.dead-letters")) == PARTITIONS + 7)
    world.kill("box_office")
    world.start("box_office")
    names = [f"after {number}" for number in range(9)]
    for name in names:
        world.book(name, hall)
    world.flush()
    # then each is a dead letter once, says why and where, and the rest goes on
    await_outcomes(world, ["first", *names])
    letters = [dict(record.headers) for record in world.records("box_office.dead-letters")]
    assert len({letter["place"] for letter in letters}) == len(letters) == PARTITIONS + 7
    reasons = sorted(letter["reason"].decode() for letter in letters)
    assert sum("is not the name of a stream" in reason for reason in reasons) == PARTITIONS
    assert sum("does not belong to partition" in reason for reason in reasons) == 1
    assert sum("U+0000" in reason for reason in reasons) == 2
    assert sum(isinstance(event, Book) for _, event in world.messages("box_office.events")) == 0
    prove_tables(world)
