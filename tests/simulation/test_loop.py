"""One process, its inbox, and what must not stop it: deadlines that stay, a broker that gives no producer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chassis.log import Indefinite, Record, TopicPartition
from chassis.memory import MemoryLog
from contracts.chassis import DeadlinePassed
from contracts.message import Command, Message
from tests.contracts import independent_reader
from tests.simulation.bench import LIMITS, Bench, in_partition
from tests.small.box_office import BOOKING, Book, BookingExpired
from tests.small.venue import OpenHall, TakeSeats

HERE = in_partition(0)


class PaintHall(Command):
    """A command of a later release: no stream of this one takes it."""

    colour: str = "red"


def kinds(messages: Sequence[Message]) -> list[str]:
    return [type(message).__name__ for message in messages]


def prove_wire(bench: Bench) -> None:
    records = [record for topic in ("venue.inbox", "venue.events") for record in bench.records(topic)]
    report = independent_reader.check(
        independent_reader.Record(r.topic, r.partition, r.offset, r.key or b"", r.value or b"", r.headers)
        for r in records
    )
    assert not report.violations, report.violations
    assert report.checked["ce_id event"] > 0


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
    """`lagging`: its readers bring nothing. `away`: it answers no commit and gives no producer."""

    lagging = away = False

    def producer(self, transactional_id: str) -> Any:
        if self.away:
            raise Indefinite("the broker gives no producer now")
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
