"""One process, its inbox, and what must not stop it: full parkings, huge and foreign records, standing deadlines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chassis import parking, taking
from chassis.decider import Context
from chassis.log import Indefinite, Record, TopicPartition
from chassis.memory import MemoryLog
from chassis.store import StoreBehind
from contracts.chassis import CommandOutdated, DeadlinePassed, MessageParked, MessageRedriven, RedriveStream
from contracts.message import Command, Event, Message
from contracts.topics import RECORD_BYTES_MAX
from tests.contracts import independent_reader
from tests.simulation.bench import LIMITS, Bench, in_partition
from tests.small.box_office import BOOKING, Book, BookingExpired
from tests.small.venue import HALL, Hall, HallOpened, OpenHall, SeatsTaken, TakeSeats, mended_take

HERE, ELSEWHERE = in_partition(0), in_partition(1)
PARKING = 4


class PaintHall(Command):
    """A command of a later release: no stream of this one takes it."""

    colour: str = "red"


class Mendable:
    """A hall's decider that crashes on thirteen seats until it is mended."""

    def __init__(self) -> None:
        self.mended = False
        self.kind = replace(HALL, decide={**HALL.decide, TakeSeats: self._take})

    def _take(self, command: TakeSeats, hall: Hall, context: Context) -> Sequence[Event]:
        if command.seats == 13 and not self.mended:
            raise RuntimeError("thirteen seats")
        return mended_take(command, hall, context)


@pytest.fixture
def small_parking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "PARKED_MAX", PARKING)


def kinds(messages: Sequence[Message]) -> list[str]:
    return [type(message).__name__ for message in messages]


def fill_the_parking(bench: Bench, more: int = 1) -> None:
    """A hall that cannot take a message, as many behind it as may be parked, `more` after them, then a redrive."""
    bench.send(HERE, OpenHall(seats=1_000), "open")
    bench.send(HERE, TakeSeats(booking="crashes", seats=13), "crashes")
    for number in range(PARKING - 1 + more):
        bench.send(HERE, TakeSeats(booking=f"behind {number}", seats=1), f"behind {number}")
    bench.send(HERE, RedriveStream(), "redrive")
    bench.send(ELSEWHERE, OpenHall(seats=5), "open elsewhere")


def prove_wire(bench: Bench) -> None:
    records = [record for topic in ("venue.inbox", "venue.events") for record in bench.records(topic)]
    report = independent_reader.check(
        independent_reader.Record(r.topic, r.partition, r.offset, r.key or b"", r.value or b"", r.headers)
        for r in records
    )
    assert not report.violations, report.violations
    assert report.checked["ce_id event"] > 0


# -- what a decider needs


class Lagging:
    """Has not followed far enough for the first times that it is asked."""

    def __init__(self, times: int) -> None:
        self.times = times

    def fetch(self, keys: Sequence[str]) -> Mapping[str, Any]:
        if self.times:
            self.times -= 1
            raise StoreBehind("it has not followed far enough")
        return {key: key for key in keys}


NEEDY = replace(HALL, needs=lambda message, state: ("something",))


def test_what_is_not_followed_yet_is_asked_for_again_at_once() -> None:
    # given two messages whose deciders need what is followed two steps later
    bench = Bench()
    loop = bench.start(NEEDY, loader=Lagging(2))
    bench.run(3)
    bench.send(HERE, OpenHall(seats=5), "open")
    bench.send(HERE, TakeSeats(booking="first", seats=1), "first")
    # when three steps are made, then both are handled, in order, and nothing was paused for it
    said = []
    for _ in range(3):
        bench.run(1)
        said.append(loop.waiting)
    assert kinds(bench.events(HERE)) == ["HallOpened", "SeatsTaken"]
    assert said == [None, None, None]
    prove_wire(bench)


def test_what_is_never_followed_is_waited_for_and_told() -> None:
    bench = Bench()
    loop = bench.start(NEEDY, loader=Lagging(LIMITS.behind_steps + 2))
    bench.send(HERE, OpenHall(seats=5), "open")
    bench.run(LIMITS.behind_steps + 3)
    assert loop.waiting == "it has not followed far enough"
    assert bench.events(HERE) == []
    bench.run(20)
    assert loop.waiting is None
    assert kinds(bench.events(HERE)) == ["HallOpened"]


# -- a full parking


def test_a_full_parking_stops_its_partition_and_no_other_and_says_so(small_parking: None) -> None:
    bench = Bench()
    loop = bench.start(Mendable().kind)
    fill_the_parking(bench)
    bench.run()
    assert kinds(bench.events(HERE)) == ["HallOpened", *["MessageParked"] * PARKING]
    assert kinds(bench.events(ELSEWHERE)) == ["HallOpened"]
    (stuck,) = [owned.stuck for owned in loop.partitions.owned.values() if owned.stuck]
    assert f"{HERE} has {PARKING} messages parked" in stuck
    assert "thirteen seats" in stuck


@pytest.mark.parametrize("restarted", [True, False], ids=["by a release", "by itself"])
@pytest.mark.parametrize("more", [1, 7])
def test_a_full_parking_is_emptied_as_soon_as_its_first_message_can_be_taken(
    small_parking: None, restarted: bool, more: int
) -> None:
    # given a partition that stands still, a redrive waiting behind the message that found no room
    bench, hall = Bench(), Mendable()
    bench.start(hall.kind)
    fill_the_parking(bench, more)
    bench.run()
    # when what crashed is mended, by a new release or by whatever it was that the decider needed
    hall.mended = True
    if restarted:
        bench.start(hall.kind)
    else:
        bench.now += timedelta(seconds=LIMITS.stuck_retry)
    bench.run(20)
    # then everything is taken in the order in which it came, and nothing is left
    taken = [event.booking for event in bench.events(HERE) if isinstance(event, SeatsTaken)]
    assert taken == ["crashes", *(f"behind {number}" for number in range(PARKING - 1 + more))]
    parked = [event for event in bench.events(HERE) if isinstance(event, MessageParked)]
    redriven = [event for event in bench.events(HERE) if isinstance(event, MessageRedriven)]
    assert [event.message_id for event in redriven] == [event.message_id for event in parked]
    assert not any(owned.stuck for owned in bench.loop.partitions.owned.values())
    prove_wire(bench)


def test_dead_letters_behind_a_message_that_waits_are_written_once(small_parking: None) -> None:
    bench, hall = Bench(), Mendable()
    bench.start(hall.kind)
    fill_the_parking(bench)
    bench.write(b"garbage", b"", bench.envelope(HERE, OpenHall(seats=1), "x"), partition=0)
    bench.run()
    assert bench.dead_letters() == []
    hall.mended = True
    bench.start(hall.kind)
    bench.run()
    assert len(bench.dead_letters()) == 1


# -- a door that says which version it saw


def test_of_two_that_saw_one_version_the_first_is_served_and_the_other_told() -> None:
    # given a hall at version 1, which two callers saw
    bench = Bench()
    bench.start(HALL)
    bench.send(HERE, OpenHall(seats=100), "open")
    bench.run()
    # when both take seats because of what they saw, in one batch, and each of them sends it again
    for _ in range(2):
        bench.send(HERE, TakeSeats(booking="a", seats=60, expected_version=1), "a")
        bench.send(HERE, TakeSeats(booking="b", seats=30, expected_version=1), "b")
    bench.run()
    # then one has seats, and the other a refusal that says where the stream stands, once
    assert kinds(bench.events(HERE)) == ["HallOpened", "SeatsTaken", "CommandOutdated"]
    refused = bench.events(HERE)[2]
    assert isinstance(refused, CommandOutdated)
    assert (refused.message_type, refused.expected_version, refused.version) == (TakeSeats.TYPE, 1, 2)
    # and it may look again and send something new
    bench.send(HERE, TakeSeats(booking="b", seats=30, expected_version=3), "b again")
    bench.run()
    assert kinds(bench.events(HERE))[3:] == ["SeatsTaken"]
    prove_wire(bench)


def test_who_saw_a_stream_before_it_began_says_version_0() -> None:
    bench = Bench()
    bench.start(HALL)
    bench.send(HERE, OpenHall(seats=100, expected_version=0), "open")
    bench.send(HERE, OpenHall(seats=100, expected_version=0), "open too")
    bench.run()
    assert kinds(bench.events(HERE)) == ["HallOpened", "CommandOutdated"]


def test_another_version_under_a_known_key_is_another_body() -> None:
    bench = Bench()
    bench.start(HALL)
    bench.send(HERE, OpenHall(seats=100), "open")
    bench.send(HERE, TakeSeats(booking="a", seats=1, expected_version=1), "a")
    bench.send(HERE, TakeSeats(booking="a", seats=1, expected_version=2), "a")
    bench.run()
    assert kinds(bench.events(HERE)) == ["HallOpened", "SeatsTaken", "MessageConflicted"]


def test_what_was_parked_and_is_taken_later_is_out_of_date() -> None:
    # given a hall that is parked at a message, and behind it a command of who saw version 1
    bench, hall = Bench(), Mendable()
    bench.start(hall.kind)
    bench.send(HERE, OpenHall(seats=100), "open")
    bench.send(HERE, TakeSeats(booking="crashes", seats=13), "crashes")
    bench.send(HERE, TakeSeats(booking="a", seats=1, expected_version=1), "a")
    bench.run()
    # when all is taken
    hall.mended = True
    bench.send(HERE, RedriveStream(), "redrive")
    bench.run()
    # then much has happened since
    assert kinds(bench.events(HERE))[3:] == ["MessageRedriven", "SeatsTaken", "MessageRedriven", "CommandOutdated"]
    prove_wire(bench)


# -- a door that repeats itself


def test_what_a_door_sends_again_to_a_parked_stream_takes_no_second_place_and_no_second_id() -> None:
    bench, hall = Bench(), Mendable()
    bench.start(hall.kind)
    # given a stream that took one message and is parked at another
    bench.send(HERE, OpenHall(seats=100), "open")
    bench.send(HERE, TakeSeats(booking="crashes", seats=13), "crashes")
    # when the door sends both again, and then other bodies under their ids
    for _ in range(2):
        bench.send(HERE, OpenHall(seats=100), "open")
        bench.send(HERE, TakeSeats(booking="crashes", seats=13), "crashes")
        bench.send(HERE, OpenHall(seats=101), "open")
        bench.send(HERE, TakeSeats(booking="crashes", seats=12), "crashes")
    bench.run()
    # then only the other bodies leave a trace, once
    assert kinds(bench.events(HERE)) == ["HallOpened", "MessageParked", "MessageConflicted", "MessageParked"]
    # and when all is taken, the second body is a conflict
    hall.mended = True
    bench.send(HERE, RedriveStream(), "redrive")
    bench.run()
    assert kinds(bench.events(HERE))[4:] == ["MessageRedriven", "SeatsTaken", "MessageRedriven", "MessageConflicted"]
    prove_wire(bench)


def test_what_cannot_be_read_under_an_id_that_was_taken_is_parked_once_however_often_it_comes() -> None:
    bench, hall = Bench(), Mendable()
    bench.start(hall.kind)
    bench.send(HERE, OpenHall(seats=100), "open")
    for _ in range(3):
        bench.write(HERE.encode(), b"no JSON", bench.envelope(HERE, OpenHall(seats=100), "open"))
    bench.run()
    assert kinds(bench.events(HERE)) == ["HallOpened", "MessageParked"]


# -- records that nobody of ours writes


def huge(bench: Bench) -> None:
    value = PaintHall(colour="x" * (RECORD_BYTES_MAX - 100_000)).encode()
    bench.write(HERE.encode(), value, bench.envelope(HERE, PaintHall(), "huge"))


def many_headers(bench: Bench) -> None:
    bench.send(HERE, OpenHall(seats=1), "reason", reason="x" * taking.HEADERS_BYTES_MAX)


def nobody_to_answer(bench: Bench) -> None:
    bench.send(HERE, TakeSeats(booking="b", seats=1), "nobody", reply_to="warehouse:booking/1")


def no_stream_to_answer(bench: Bench) -> None:
    bench.send(HERE, TakeSeats(booking="b", seats=1), "no stream", reply_to="box_office:")


def long_key(bench: Bench) -> None:
    key = b"x" * 5_000_000
    bench.write(key, b"{}", bench.envelope(HERE, OpenHall(seats=1), "key"), partition=0)


@pytest.mark.parametrize("put", [huge, many_headers, nobody_to_answer, no_stream_to_answer, long_key])
def test_a_record_that_could_stop_the_partition_for_ever_is_a_dead_letter(put: Callable[[Bench], None]) -> None:
    bench = Bench()
    bench.start()
    put(bench)
    bench.send(HERE, OpenHall(seats=3), "after")
    bench.run()
    (letter,) = bench.dead_letters()
    assert len(letter["reason"]) <= 4 * 2_000
    assert bench.events(HERE) == [HallOpened(seats=3, door_digest=OpenHall(seats=3).digest())]


# -- deadlines


def test_deadlines_that_stay_do_not_keep_others_from_being_fired() -> None:
    # given more parked bookings, whose deadlines are due and stay so, than one scan takes
    bench = Bench("box_office")
    bench.start(BOOKING, replace(LIMITS, deadlines_fired=2))
    names = [f"booking/{number}" for number in range(5)]
    for name in names:
        bench.send(name, Book(name=name, hall=HERE, seats=1, patience_ms=1_000), f"book {name}")
        bench.send(name, PaintHall(), f"park {name}")
    bench.run()
    # when another booking's deadline is due after theirs
    late = "booking/late"
    bench.send(late, Book(name="late", hall=HERE, seats=1, patience_ms=2_000), "late")
    bench.run(30)
    # then it is fired all the same
    assert [event for event in bench.events(late) if isinstance(event, BookingExpired)]
    fired = [name for name, message in bench.messages("box_office.inbox") if isinstance(message, DeadlinePassed)]
    assert sorted(fired) == sorted([*names, late])


# -- a broker that gives no producer


class AwayLog(MemoryLog):
    """`lagging`: its readers bring nothing. `away`: it answers no commit and gives no producer. `lost`: whether the
    producers that were made so far are cut off."""

    lagging = away = lost = False

    def producer(self, transactional_id: str) -> Any:
        if self.away:
            raise Indefinite("the broker gives no producer now")
        self.lost = False
        return AwayProducer(self, transactional_id)

    def reader(self) -> Any:
        return LaggingReader(self)


class AwayProducer:
    """As a real one, it may not be touched once it is closed."""

    def __init__(self, log: AwayLog, transactional_id: str) -> None:
        self._log, self._producer, self._closed = log, MemoryLog.producer(log, transactional_id), False

    def __getattr__(self, name: str) -> Any:
        assert not self._closed, "the producer is closed"
        return getattr(self._producer, name)

    def cut_off(self) -> bool:
        return self._log.lost

    def commit(self) -> None:
        if self._log.away:
            raise Indefinite("the commit was not answered")
        self._producer.commit()

    def close(self) -> None:
        self._closed = True


class LaggingReader:
    def __init__(self, log: AwayLog) -> None:
        self._log, self._reader = log, MemoryLog.reader(log)
        self.assign, self.close = self._reader.assign, self._reader.close

    def poll(self, limit: int, timeout: float) -> tuple[list[Record], dict[TopicPartition, int]]:
        return ([], {}) if self._log.lagging else self._reader.poll(limit, timeout)


def test_who_was_cut_off_has_another_producer_before_the_next_message_comes() -> None:
    # given a process that has handled something
    bench = Bench(log=AwayLog)
    log = bench.log
    assert isinstance(log, AwayLog)
    bench.start()
    bench.send(HERE, OpenHall(seats=5), "open")
    bench.run()
    # when the log was away for a while in which nothing came
    log.lost = True
    bench.run(1)
    # then the next step has a producer that was made since, and what comes is handled once
    assert not log.lost
    bench.send(HERE, TakeSeats(booking="a", seats=5), "a")
    bench.run()
    assert kinds(bench.events(HERE)) == ["HallOpened", "SeatsTaken"]
    prove_wire(bench)


def test_nothing_is_handled_until_a_producer_is_there_again_and_then_nothing_twice() -> None:
    # given a hall whose opening the store has not yet, when a commit goes unanswered
    bench = Bench(log=AwayLog)
    log = bench.log
    assert isinstance(log, AwayLog)
    bench.start()
    bench.run()
    log.lagging = True
    bench.send(HERE, OpenHall(seats=5), "open")
    bench.run()
    log.away = True
    bench.send(HERE, TakeSeats(booking="a", seats=5), "a")
    bench.run(1)
    # when no new producer is to be had for a while, and messages come
    for number in range(3):
        bench.send(HERE, TakeSeats(booking=f"b{number}", seats=5), f"b{number}")
        with pytest.raises(Indefinite):
            bench.run(1)
    # then, when there is one again, the hall is sold once
    log.away = log.lagging = False
    bench.run()
    assert kinds(bench.events(HERE)) == ["HallOpened", "SeatsTaken", *["SeatsRefused"] * 3]
    prove_wire(bench)
