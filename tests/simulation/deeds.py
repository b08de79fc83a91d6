"""Everything that may happen in a simulated day, in one table: add a row, and every schedule may have it; but for what
comes in kept days alone.

A deed takes all its choices from the number of its act, does what it can with whatever it finds, and nothing where there
is nothing to do it to.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulation.channel_deeds import CHANNEL
from tests.simulation.day import Day, Deed
from tests.simulation.desk_deeds import DESKS
from tests.simulation.faults import FAULTS
from tests.simulation.money_deeds import MONEY
from tests.simulation.node_deeds import NODES
from tests.simulation.office_deeds import OFFICE
from tests.simulation.schedule import Act, Chance, Schedule, schedule
from tests.simulation.seldom_deeds import SELDOM
from tests.simulation.spans import SPANS

__all__ = ["DEEDS", "do", "schedule_of"]


DRAWN: Mapping[str, Deed] = {**CHANNEL, **DESKS, **NODES, **MONEY, **OFFICE, **FAULTS, **SPANS}
"""What a seed draws from, by name, with how often each comes."""

DEEDS: Mapping[str, Deed] = {**DRAWN, **SELDOM}
"""All that a schedule may have."""

FIRST = ("full shelves", "full shelves", "place")
"""With what every schedule begins, so that the rest has something to be about."""


def do(day: Day, act: Act) -> None:
    """One act happens."""
    DEEDS[act.name].do(day, Chance(act.number))


def schedule_of(seed: int) -> Schedule:
    """What happens under a seed."""
    return schedule(seed, {name: deed.weight for name, deed in DRAWN.items()}, FIRST)
