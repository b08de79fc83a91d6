"""Spans of a day in which several things come together: all goes well for a while, somebody interrupts, and whoever would
have to answer is silent. What acts of one deed each would meet by luck alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.simulation.day import Day, Deed
from tests.simulation.desk_deeds import cancel, change, refund, want_return
from tests.simulation.faults import to_next_deadline
from tests.simulation.healing import everybody_works
from tests.simulation.money_deeds import provider_declines
from tests.simulation.provider import Mood
from tests.simulation.schedule import Chance

__all__ = ["SPANS"]

ROUNDS = 8
"""Rounds of everybody's work after which an ordinary order has left."""

MUTE_MAX = 12
"""How often a provider that says nothing is asked in one span."""


def ordinary(day: Day, chance: Chance) -> None:
    """Nothing out of the ordinary happens for a while, so that what comes next meets orders that are far."""
    everybody_works(day, chance.between(1, ROUNDS))


def nothing(day: Day, chance: Chance) -> None:
    """Nobody says anything."""


WISHES: tuple[Callable[[Day, Chance], None], ...] = (nothing, cancel, change, refund, want_return)


def interrupted(day: Day, chance: Chance) -> None:
    """All goes well up to some step, and then somebody wants something else."""
    everybody_works(day, chance.between(1, ROUNDS))
    chance.choice((cancel, cancel, cancel, change, refund, want_return))(day, chance)
    if chance.happens(50):
        day.world.run()


def silence(day: Day, chance: Chance) -> None:
    """Somebody wants something, and a service says nothing to it for so long that whoever waits for it asks again, and at
    last asks a person."""
    everybody_works(day, chance.below(ROUNDS))
    service = chance.choice(("payments", "fulfillment", "shipping", "inventory", "order"))
    day.world.stopped.add(service)
    day.tell(f"{service} stands still")
    day.faults["service silent past deadlines"] += 1
    chance.choice(WISHES)(day, chance)
    everybody_works(day, 2)
    for _ in range(chance.between(1, 5)):
        to_next_deadline(day)
        day.world.run()
    if not chance.happens(20):
        day.world.stopped.discard(service)
        day.tell(f"{service} goes on")
        day.world.run()


def refused(day: Day, chance: Chance) -> None:
    """All goes well up to some step, somebody may want something, and then the provider declines all that it is asked."""
    everybody_works(day, chance.below(ROUNDS))
    chance.choice(WISHES)(day, chance)
    provider_declines(day, chance)


def mute(day: Day, chance: Chance) -> None:
    """The provider does what it is asked or does not, and says nothing, however often it is asked."""
    moods = chance.choice(((Mood.LOSES_ANSWER,), (Mood.LOSES_CALL,), (Mood.BUSY,), (Mood.TAKES,)))
    day.tell("the provider says nothing")
    for _ in range(chance.between(2, MUTE_MAX)):
        day.world.run()
        if day.desk.act(chance, moods):
            day.faults[f"provider {moods[0].value.replace('_', ' ')}"] += 1
        day.world.run()
        to_next_deadline(day)


SPANS: Mapping[str, Deed] = {
    "ordinary": Deed(16, ordinary),
    "interrupted": Deed(10, interrupted),
    "silence": Deed(8, silence, fault=True),
    "refused": Deed(4, refused, fault=True),
    "mute": Deed(2, mute, fault=True),
}
"""By name."""
