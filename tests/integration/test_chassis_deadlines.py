"""Deadlines: fired again while their row stands, fired late when nobody was there, and taken once."""

from __future__ import annotations

import signal

from chassis.log import NewRecord
from contracts.chassis import DeadlinePassed
from contracts.message import Command
from tests.integration.proofs import await_outcomes, ended, prove
from tests.small.box_office import BookingConfirmed, BookingExpired
from tests.small.harness import World
from tests.small.venue import SeatsReturned, SeatsTaken
from tests.waiting import eventually

PATIENCE_MS = 1_500


class RefundTicket(Command):
    """A command of a later release: no stream of this one takes it."""


def fired(world: World) -> list[str]:
    return [stream for stream, message in world.messages("box_office.inbox") if isinstance(message, DeadlinePassed)]


def test_a_deadline_is_fired_again_while_its_row_stands(world: World) -> None:
    # given a booking without an answer, whose stream is parked, so that its deadline is dropped each time
    world.start("box_office")
    parked, free = world.booking("parked"), world.booking("free")
    for name in ("parked", "free"):
        world.book(name, world.hall("closed"), patience_ms=PATIENCE_MS)
    world.send("box_office", parked, RefundTicket(), "refund")
    world.flush()
    # when time passes, then the parked one's deadline is fired again and again, and the other's expires it
    eventually(lambda: fired(world).count(parked) >= 3, because="three times the same deadline")
    eventually(lambda: [row[:2] for row in world.table("box_office", "deadlines")] == [(parked, "answer")])
    assert world.events("box_office", BookingExpired) == [free]
    # and the same deadline once more changes nothing, since nobody waits for it any more
    before = fired(world).count(free)
    record, *_ = [
        record
        for record in world.records("box_office.inbox")
        if record.key == free.encode() and ("ce_type", DeadlinePassed.TYPE.encode()) in record.headers
    ]
    producer = world.kafka.producer(f"{world.namespace}-again")
    producer.begin()
    again = NewRecord(record.topic, record.partition, free.encode(), record.value or b"", record.headers)
    producer.send([again])
    producer.flush()
    producer.commit()
    eventually(lambda: fired(world).count(free) == before + 1 and world.quiet(["box_office"]))
    assert world.events("box_office", BookingExpired) == [free]


def test_deadlines_that_were_due_while_nobody_ran(world: World) -> None:
    # given bookings that wait for a venue that is down, and a box office that stops before they are due
    world.start("box_office")
    hall = world.open_hall("late", 10)
    names = [f"booking {number}" for number in range(20)]
    for name in names:
        world.book(name, hall, patience_ms=PATIENCE_MS)
    world.flush()
    eventually(lambda: len(world.table("box_office", "events")) >= len(names))
    world.kill("box_office", signal.SIGTERM)
    # when it starts again after they were due
    world.start("box_office")
    eventually(lambda: ended(world) == len(names), because="all bookings expired")
    # and the venue only now takes the seats, and takes them back
    world.start("venue")
    await_outcomes(world, names)
    # then its late answers changed nothing, and every seat is free again
    assert world.events("box_office", BookingConfirmed) == []
    changes = [event for _, event in world.messages("venue.events") if isinstance(event, SeatsTaken | SeatsReturned)]
    assert sum(isinstance(event, SeatsTaken) for event in changes) > 0
    assert changes[-1].free == 10
    prove(world, names)
