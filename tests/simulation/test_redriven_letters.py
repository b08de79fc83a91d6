"""A dead letter that is a message of our own service, and is sent again: twice where whatever sent it died before that was
recorded. Its stream takes it once."""

from __future__ import annotations

from chassis.letter import REDRIVEN_FROM
from contracts.chassis import DiscardParked, MessageParked, RedriveStream
from contracts.message import Command
from tests.simulation.bench import Bench
from tests.simulation.test_loop import HERE, Mendable, kinds, prove_wire
from tests.simulation.test_settled_parking import parked, taken
from tests.small.venue import OpenHall, TakeSeats

FROM_THE_LETTERS = ((REDRIVEN_FROM, b"venue.inbox/0/7"),)
THIRTEEN = TakeSeats(booking="thirteen", seats=13)


def redriven(bench: Bench, command: Command) -> None:
    """A message of another service comes out of the dead letters."""
    sent = bench.envelope(HERE, command, "letter", source="/box_office")
    bench.write(HERE.encode(), command.encode(), sent, also=FROM_THE_LETTERS)
    bench.run()


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
