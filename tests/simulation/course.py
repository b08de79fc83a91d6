"""One schedule, played from its first act to the end of its day; what is seen of it, and whether all of it held."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from chassis.parking import ParkingFull
from chassis.taking import Unparkable
from tests.simulation import liveness
from tests.simulation.day import Day
from tests.simulation.deeds import do
from tests.simulation.healing import heal
from tests.simulation.safety import Safety
from tests.simulation.schedule import Schedule
from tests.simulation.world import KINDS, Broken, Kinds, World

__all__ = ["Course", "play"]


@dataclass(frozen=True)
class Course:
    """What became of a schedule: the day, what it broke (None: all held), and how far it came."""

    schedule: Schedule
    day: Day
    broken: Broken | None
    checked: int
    acts: Counter[str] = field(default_factory=Counter)

    @property
    def digest(self) -> str:
        """The same for the same schedule and code: over every message and event, in order."""
        return self.day.world.digest()


def play(acts: Schedule, kinds: Kinds = KINDS) -> Course:
    """Play a schedule on services made of these kinds; what breaks is caught and told."""
    day = Day(World(kinds=kinds), _several(acts))
    safety = Safety(day)
    day.world.watch.append(safety.watch)
    broken = None
    try:
        for act in acts:
            do(day, act)
        heal(day)
        liveness.check(day)
    except Broken as found:
        broken = found
    except (AssertionError, LookupError, ValueError, AttributeError, TypeError, ParkingFull, Unparkable) as error:
        # A fold that crashes, or a deed that a service's state does not allow: as much a find as a broken sum.
        broken = Broken(f"crash {type(error).__name__}", str(error))
        broken.__cause__ = error
    return Course(acts, day, broken, safety.checked, Counter(act.name for act in acts))


def _several(acts: Schedule) -> bool:
    """Whether the provider of this day lets an authorisation be captured more than once: three days in four."""
    return not acts or acts[0].number % 4 != 3
