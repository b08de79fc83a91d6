"""A dead letter that is a message of our own service, and is sent again: twice where whatever sent it died before that was
recorded. Its stream takes it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chassis.decider import Context
from chassis.letter import REDRIVEN_FROM
from contracts.chassis import DeadlinePassed, DiscardParked, MessageParked, RedriveStream
from contracts.envelope import Headers
from contracts.message import Command, Event
from tests.simulation.bench import Bench, in_partition
from tests.simulation.test_loop import HERE, Mendable, kinds, prove_wire
from tests.simulation.test_settled_parking import parked, taken
from tests.small.box_office import BOOKING, Book, BookingExpired
from tests.small.venue import OpenHall, TakeSeats

FROM_THE_LETTERS = ((REDRIVEN_FROM, b"venue.inbox/0/7"),)
THIRTEEN = TakeSeats(booking="thirteen", seats=13)


def redriven(bench: Bench, command: Command, also: Headers = FROM_THE_LETTERS) -> None:
    """A message of another service comes out of the dead letters."""
    sent = bench.envelope(HERE, command, "letter", source="/box_office")
    bench.write(HERE.encode(), command.encode(), sent, also=also)
    bench.run()


def comes(bench: Bench, command: Command) -> None:
    """The same message as its service sent it."""
    redriven(bench, command, also=())


class Late:
    """A booking's decider that crashes at deadlines until it is mended."""

    def __init__(self) -> None:
        self.mended = False
        self.kind = replace(BOOKING, decide={**BOOKING.decide, DeadlinePassed: self._passed})

    def _passed(self, message: DeadlinePassed, state: Any, context: Context) -> Sequence[Event]:
        if not self.mended:
            raise RuntimeError("too late")
        return BOOKING.decide[DeadlinePassed](message, state, context)


def a_hall(release: Mendable) -> Bench:
    bench = Bench()
    bench.start(release.kind)
    bench.send(HERE, OpenHall(seats=100), "open")
    bench.run()
    return bench


def test_a_message_that_is_sent_again_twice_is_taken_once_by_whichever_process() -> None:
    # given a dead letter that was sent again and taken
    bench = a_hall(Mendable())
    redriven(bench, OpenHall(seats=20))
    assert kinds(bench.events(HERE)) == ["HallOpened", "HallOpened"]
    # when it is sent once more, here and after a new process reads what happened, then nothing happens
    redriven(bench, OpenHall(seats=20))
    bench.start(Mendable().kind)
    redriven(bench, OpenHall(seats=20))
    assert kinds(bench.events(HERE)) == ["HallOpened", "HallOpened"]
    prove_wire(bench)


def test_one_that_was_parked_and_taken_after_all_is_known_when_it_comes_again() -> None:
    # given a dead letter that is sent again twice while its stream cannot take it
    release = Mendable()
    bench = a_hall(release)
    redriven(bench, THIRTEEN)
    redriven(bench, THIRTEEN)
    assert len(parked(bench)) == 1
    # when the stream can take it, and it comes a third time
    release.mended = True
    for key in ("redrive", "redrive again"):
        bench.send(HERE, RedriveStream(), key)
        bench.run()
    redriven(bench, THIRTEEN)
    # then it is taken once
    assert taken(bench) == [("thirteen", 13)]
    assert kinds(bench.events(HERE))[1:] == ["MessageParked", "MessageRedriven", "SeatsTaken", "RedriveUnneeded"]
    prove_wire(bench)


def test_one_that_was_taken_is_known_also_while_another_is_parked() -> None:
    bench = a_hall(Mendable())
    redriven(bench, OpenHall(seats=20))
    bench.send(HERE, THIRTEEN, "thirteen")
    bench.run()
    before = kinds(bench.events(HERE))
    redriven(bench, OpenHall(seats=20))
    assert kinds(bench.events(HERE)) == before == ["HallOpened", "HallOpened", "MessageParked"]


def test_one_that_was_discarded_is_not_taken_when_it_comes_again() -> None:
    release = Mendable()
    bench = a_hall(release)
    redriven(bench, THIRTEEN)
    (letter,) = parked(bench)
    bench.send(HERE, DiscardParked(offset=letter.offset), "discard")
    bench.run()
    release.mended = True
    redriven(bench, THIRTEEN)
    assert taken(bench) == []
    assert kinds(bench.events(HERE))[1:] == [MessageParked.__name__, "MessageDiscarded"]
    prove_wire(bench)


def test_what_was_never_a_dead_letter_is_known_once_it_was_parked_or_taken_out_of_the_letters() -> None:
    # given a message that was parked, came again meanwhile, and was taken after all
    release = Mendable()
    bench = a_hall(release)
    comes(bench, THIRTEEN)
    comes(bench, THIRTEEN)
    assert len(parked(bench)) == 1
    release.mended = True
    bench.send(HERE, RedriveStream(), "redrive")
    bench.run()
    # when it comes once more, here and after a new process reads what happened, then it was taken once
    comes(bench, THIRTEEN)
    bench.start(release.kind)
    comes(bench, THIRTEEN)
    assert taken(bench) == [("thirteen", 13)]
    prove_wire(bench)


def test_the_letter_itself_is_known_when_its_inbox_is_read_again() -> None:
    # given a dead letter of which a copy was taken
    bench = a_hall(Mendable())
    redriven(bench, OpenHall(seats=20))
    # when a later release, which can read it, meets the record that it was made of
    comes(bench, OpenHall(seats=20))
    assert kinds(bench.events(HERE)) == ["HallOpened", "HallOpened"]


def test_a_deadline_that_was_parked_is_told_again_as_long_as_it_is_waited_for() -> None:
    # given a booking whose deadline was parked and taken
    bench = Bench("box_office")
    release = Late()
    bench.start(release.kind)
    booking = in_partition(0, "booking")
    bench.send(booking, Book(name="1", hall=HERE, seats=1, patience_ms=1_000), "book")
    bench.run(20)
    assert [event.message_type for event in bench.events(booking) if isinstance(event, MessageParked)] == [
        DeadlinePassed.TYPE
    ]
    release.mended = True
    bench.send(booking, RedriveStream(), "redrive")
    bench.run()
    # then its event remembers no message
    (expired,) = [event for event in bench.events(booking) if isinstance(event, BookingExpired)]
    assert expired.door_digest is None
