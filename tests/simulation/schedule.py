"""A schedule: what happens in one simulated course, act by act, made of a seed and of nothing else.

An act is a name and a number that all its choices are taken from. Any list of acts can be played, so a schedule that
fails is made shorter by leaving acts out, and simpler by putting 0 in the place of a number: 0 chooses the first, the
fewest, the most ordinary.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

__all__ = ["GO_ON", "Act", "Chance", "Schedule", "schedule"]

T = TypeVar("T")

CHOICES = 2**64
"""Numbers of acts lie below it."""

ACTS = (3, 16)
"""How many acts a schedule has, at least and at most."""

GO_ON = "go on"
"""The act that lets messages be delivered."""


class Act(NamedTuple):
    """Something happens: what, and the number that says how."""

    name: str
    number: int


Schedule = tuple[Act, ...]


class Chance:
    """Takes choices from a number, one after the other."""

    def __init__(self, number: int) -> None:
        self._rest = number

    def below(self, limit: int) -> int:
        """One of 0..limit-1."""
        self._rest, found = divmod(self._rest, limit)
        return found

    def between(self, low: int, high: int) -> int:
        """One of low..high."""
        return low + self.below(high - low + 1)

    def choice(self, options: Sequence[T]) -> T:
        """One of them; the first where nothing is left to choose by."""
        return options[self.below(len(options))]

    def happens(self, percent: int) -> bool:
        """Whether something out of the ordinary does."""
        return self.below(100) >= 100 - percent


def schedule(seed: int, weights: Mapping[str, int], first: Sequence[str] = ()) -> Schedule:
    """The schedule of a seed: the acts `first`, then others by their weights. Each seed leaves some kinds of acts out
    and has more of others, so that schedules differ more than by luck."""
    chance = random.Random(seed)
    mine = {name: weight * chance.choice((0, 0, 1, 1, 1, 4)) for name, weight in weights.items()}
    mine[GO_ON] = max(mine.get(GO_ON, 0), weights[GO_ON])
    length = chance.randint(*ACTS)
    names = [*first, *chance.choices(list(mine), list(mine.values()), k=length)]
    return tuple(Act(name, chance.randrange(CHOICES)) for name in names)
