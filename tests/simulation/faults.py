"""What goes wrong inside: processes die and stand still, messages come twice and late, clocks are wrong and jump."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from tests.simulation.day import Day, Deed
from tests.simulation.schedule import GO_ON, Chance
from tests.simulation.world import BATCH_LOST_MAX, KINDS

__all__ = ["FAULTS", "to_next_deadline"]

SERVICES = tuple(KINDS)

LIES_MAX = timedelta(days=2)
"""How long messages may lie before they are handled: past days of that, everything has arrived before."""


def go_on(day: Day, chance: Chance) -> None:
    """Messages are delivered: in the order in which they were sent, or of any stream that some wait for."""
    crossing = chance.below(3)
    for _ in range(chance.between(1, 12)):
        if not day.world.serve(chance.below(4) if crossing else 0):
            return


def all_of_it(day: Day, chance: Chance) -> None:
    """Everything that is on its way arrives."""
    day.world.run()


def dies(day: Day, chance: Chance) -> None:
    """A process dies with messages handled and not committed; another starts in its place."""
    service, handled = chance.choice(SERVICES), chance.below(BATCH_LOST_MAX)
    day.world.die(service, handled)
    day.faults["process dies, its batch lost" if handled else "process dies after a commit"] += 1
    day.tell(f"a process of {service} dies with {handled} messages not committed, and starts again from the log")


def stands_still(day: Day, chance: Chance) -> None:
    """A service stops, or one that stopped goes on."""
    service = chance.choice(SERVICES)
    if service in day.world.stopped:
        day.world.stopped.discard(service)
        day.tell(f"{service} goes on")
        return
    day.world.stopped.add(service)
    day.faults["service stands still"] += 1
    day.tell(f"{service} stands still")


def later(day: Day, chance: Chance) -> None:
    """Time passes, to the next deadline or for hours or days; what is due is told twice."""
    if chance.happens(50):
        span = chance.choice((timedelta(hours=1), timedelta(days=1), timedelta(days=8), timedelta(days=35)))
        if span > LIES_MAX:
            day.world.stopped.clear()
            day.world.run()
        day.world.now += span
        day.world.fire()
    else:
        to_next_deadline(day)
    day.faults["clock forward past deadlines"] += 1
    day.tell(f"it is {day.world.now:%Y-%m-%d %H:%M}")


def to_next_deadline(day: Day) -> None:
    """It is as late as the deadline that is next, which is told."""
    open_ones = [each for each in day.world.deadlines() if each[0] > day.world.now]
    if open_ones:
        due, service = open_ones[0][0], open_ones[0][1]
        day.world.now = due - day.world.skew.get(service, timedelta(0))
    day.world.fire()


def earlier(day: Day, chance: Chance) -> None:
    """Every clock goes back."""
    day.world.now -= chance.choice((timedelta(seconds=5), timedelta(hours=1), timedelta(days=2)))
    day.faults["clock back"] += 1
    day.tell(f"it is {day.world.now:%Y-%m-%d %H:%M} again")


def skewed(day: Day, chance: Chance) -> None:
    """The clock of one service is wrong from now on."""
    service = chance.choice(SERVICES)
    day.world.skew[service] = chance.choice((timedelta(minutes=5), timedelta(minutes=-5), timedelta(days=30)))
    day.faults["clock of one service wrong"] += 1
    day.tell(f"the clock of {service} is ahead by {day.world.skew[service]}")


def twice(day: Day, chance: Chance) -> None:
    """Whoever sent something by a door sends it again, at once or as long after as doors promise to know it."""
    letters = [letter for letter in day.world.from_doors if day.world.remembers(letter)]
    if letters:
        place = chance.below(8)
        day.world.again(letters[-1 - place if place < len(letters) else 0])
        day.faults["door message again"] += 1


FAULTS: Mapping[str, Deed] = {
    GO_ON: Deed(30, go_on),
    "all of it": Deed(6, all_of_it),
    "dies": Deed(3, dies, fault=True),
    "stands still": Deed(2, stands_still, fault=True),
    "later": Deed(7, later, fault=True),
    "earlier": Deed(1, earlier, fault=True),
    "skewed": Deed(1, skewed, fault=True),
    "twice": Deed(4, twice, fault=True),
}
"""By name."""
