"""A person takes a parked message out of the way: given up, or another in its place. Its stream goes on, and the log says
who did it and why."""

from __future__ import annotations

import base64

from contracts.chassis import DiscardParked, EditParked, MessageDiscarded, MessageEdited, MessageParked, NotParked
from contracts.envelope import Actor, Envelope
from contracts.message import Command, Message
from tests.simulation.bench import Bench
from tests.simulation.test_loop import HERE, Mendable, kinds, prove_wire
from tests.small.venue import OpenHall, SeatsTaken, TakeSeats

ANNA = Actor(kind="person", subject="anna")


def parked(bench: Bench) -> list[MessageParked]:
    return [event for event in bench.events(HERE) if isinstance(event, MessageParked)]


def the(bench: Bench, kind: type[Message]) -> Message:
    (found,) = [event for event in bench.events(HERE) if isinstance(event, kind)]
    return found


def taken(bench: Bench) -> list[tuple[str, int]]:
    return [(event.booking, event.seats) for event in bench.events(HERE) if isinstance(event, SeatsTaken)]


def blocked(*behind: str) -> Bench:
    """A hall that cannot take thirteen seats, and bookings behind that."""
    bench = Bench()
    bench.start(Mendable().kind)
    bench.send(HERE, OpenHall(seats=100), "open")
    bench.send(HERE, TakeSeats(booking="thirteen", seats=13), "thirteen")
    for name in behind:
        bench.send(HERE, TakeSeats(booking=name, seats=1), name)
    bench.run()
    return bench


def by_anna(bench: Bench, command: Command, key: str, why: str) -> None:
    bench.send(HERE, command, key, actor=ANNA, reason=why)
    bench.run()


def test_a_discarded_message_is_never_taken_and_the_stream_goes_on_without_it() -> None:
    # given a hall that is parked, when a person discards what it cannot take
    bench = blocked("first", "second")
    by_anna(bench, DiscardParked(offset=parked(bench)[0].offset), "discard", "they called it off")
    # then what waited behind it is taken in its order, and the event says who and why
    assert taken(bench) == [("first", 1), ("second", 1)]
    assert isinstance(the(bench, MessageDiscarded), MessageDiscarded)
    heads = [Envelope.parse(record.headers) for record in bench.records("venue.events")]
    (said,) = [head for head in heads if head.type == MessageDiscarded.TYPE]
    assert (said.actor, said.reason) == (ANNA, "they called it off")
    # and a new process knows it as well
    bench.start(Mendable().kind)
    bench.send(HERE, TakeSeats(booking="third", seats=1), "third")
    bench.run()
    assert taken(bench)[-1] == ("third", 1)
    prove_wire(bench)


def test_a_door_that_brings_again_what_was_discarded_changes_nothing() -> None:
    # given what one release cannot take and what nobody can read, both discarded
    bench = blocked()
    envelope = bench.envelope(HERE, OpenHall(seats=1), "unreadable")
    bench.write(HERE.encode(), b"no", envelope)
    bench.run()
    for number, one in enumerate(parked(bench)):
        by_anna(bench, DiscardParked(offset=one.offset), f"discard {number}", "called off")
    before = len(bench.events(HERE))
    # when the door brings them again, then the first is known, and the second is parked under an id of its own
    bench.send(HERE, TakeSeats(booking="thirteen", seats=13), "thirteen")
    bench.run()
    assert len(bench.events(HERE)) == before
    bench.write(HERE.encode(), b"no", envelope)
    bench.run()
    assert kinds(bench.events(HERE))[before:] == ["MessageParked"]
    assert taken(bench) == []
    prove_wire(bench)


def test_one_behind_the_first_is_discarded_and_nothing_else_is_tried() -> None:
    bench = blocked("first", "second")
    by_anna(bench, DiscardParked(offset=parked(bench)[1].offset), "discard", "twice")
    assert kinds(bench.events(HERE)) == ["HallOpened", *["MessageParked"] * 3, "MessageDiscarded"]
    by_anna(bench, DiscardParked(offset=parked(bench)[0].offset), "discard both", "called off")
    assert taken(bench) == [("second", 1)]
    prove_wire(bench)


def test_an_edited_message_is_a_new_one_in_the_place_of_the_old() -> None:
    # given a hall that is parked, when a person puts other words in the place of what it cannot take
    bench = blocked("behind")
    old = parked(bench)[0]
    words = TakeSeats(booking="twelve", seats=12).encode().decode()
    by_anna(bench, EditParked(offset=old.offset, value=words), "edit", "thirteen was a slip")
    # then it is taken before those that waited behind it
    assert taken(bench) == [("twelve", 12), ("behind", 1)]
    # and it has an id of its own, and names what it was made of and who made it
    edited = the(bench, MessageEdited)
    assert isinstance(edited, MessageEdited)
    assert edited.message_id == old.message_id != edited.edited_id
    new = Envelope.parse((header.name, base64.b64decode(header.value)) for header in edited.headers)
    assert (new.id, new.actor, new.reason) == (edited.edited_id, ANNA, "thirteen was a slip")
    prove_wire(bench)
    # and neither the old one nor the edit does anything when it comes again
    before = len(bench.events(HERE))
    by_anna(bench, EditParked(offset=old.offset, value=words), "edit", "thirteen was a slip")
    bench.send(HERE, TakeSeats(booking="thirteen", seats=13), "thirteen")
    bench.run()
    assert len(bench.events(HERE)) == before


def test_an_edit_that_cannot_be_taken_either_waits_in_the_same_place_and_can_be_edited_again() -> None:
    bench = blocked("behind")
    offset = parked(bench)[0].offset
    by_anna(bench, EditParked(offset=offset, value='{"booking": 1}'), "worse", "a try")
    assert taken(bench) == []
    assert kinds(bench.events(HERE))[-2:] == ["MessageEdited", "RedriveFailed"]
    words = TakeSeats(booking="one", seats=1).encode().decode()
    by_anna(bench, EditParked(offset=offset, value=words), "better", "a second try")
    assert taken(bench) == [("one", 1), ("behind", 1)]
    prove_wire(bench)


def test_a_place_where_nothing_is_parked_is_named_and_nothing_is_done() -> None:
    bench = blocked("behind")
    by_anna(bench, DiscardParked(offset=999), "nothing", "a slip")
    assert the(bench, NotParked) == NotParked(offset=999, door_digest=DiscardParked(offset=999).digest())
    assert taken(bench) == []
    prove_wire(bench)


def test_what_asks_to_discard_and_cannot_be_read_is_parked_itself() -> None:
    bench = blocked()
    bench.write(HERE.encode(), b'{"offset": "x"}', bench.envelope(HERE, DiscardParked(offset=1), "unreadable"))
    bench.run()
    assert [event.fault for event in parked(bench)] == ["crashed", "undecodable"]
