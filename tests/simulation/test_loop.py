"""One process, its inbox, and what must not stop it: deadlines that stay."""

from __future__ import annotations

from dataclasses import replace

from contracts.chassis import DeadlinePassed
from contracts.message import Command
from tests.simulation.bench import LIMITS, Bench, in_partition
from tests.small.box_office import BOOKING, Book, BookingExpired

HERE = in_partition(0)


class PaintHall(Command):
    """A command of a later release: no stream of this one takes it."""

    colour: str = "red"


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
