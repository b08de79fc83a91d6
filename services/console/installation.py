"""What the operators' page is told of the installation. Who tells it is `oms`; here is only what is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

__all__ = ["COUNTED_MAX", "DUE_ROWS", "Due", "Followed", "Installation", "Remade", "Setting", "Waits"]

DUE_ROWS = 10
"""Deadlines of a service that are told one by one, the next first."""


COUNTED_MAX = 10_000
"""Deadlines of a service that are counted; of more it is said that there are more."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it is in force; `chosen`: it is not the default."""

    name: str
    value: str
    meaning: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline that a stream waits for."""

    stream: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Waits:
    """The deadlines of a service: how many wait, how many are past and not taken yet (of both COUNTED_MAX and one more are
    counted at most), and the next ones."""

    count: int
    past: int
    next: Sequence[Due]


@dataclass(frozen=True, slots=True)
class Followed:
    """Tables that follow topics: of which service, what they are called (`store`: those of its loop), how many offsets they
    are behind the ends. Offsets are no count of records: each transaction ends with one of its own."""

    service: str
    name: str
    behind: int


@dataclass(frozen=True, slots=True)
class Remade:
    """Tables of a service that are being made again beside the live ones: offsets followed of those that the live ones have.
    Not `at_work`: it was broken off, and the next time begins again."""

    service: str
    followed: int
    total: int
    at_work: bool

    @property
    def share(self) -> float:
        """How much of the way is gone, from 0 to 1."""
        return min(1.0, self.followed / self.total) if self.total else 0.0


class Installation(Protocol):
    """What runs the doors knows this."""

    def settings(self) -> Sequence[Setting]:
        """Settings in force in the process of the doors, secrets never."""

    def levels(self) -> Mapping[str, timedelta]:
        """How soon somebody should have dealt with what is in a list of exceptions, by its name, where a setting says."""

    def deadlines(self, now: datetime) -> Mapping[str, Waits]:
        """By service. Raises chassis.store.StoreAway."""

    def behind(self) -> Mapping[str, int | None] | None:
        """By service the messages in its inbox that are not handled; None where no position is known, and of all
        where the broker does not answer. May be some seconds old."""

    def followers(self) -> Sequence[Followed] | None:
        """How far all tables are, by service and name; None where the broker does not answer. May be some seconds old.
        Raises chassis.store.StoreAway."""

    def ages(self) -> Mapping[str, float | None]:
        """By service, and by name of what the console reads besides: for how many seconds its tables lack something that
        was written; 0 where they lack nothing that is known of, None where nobody knows. Some moments old at most."""

    def remade(self) -> Sequence[Remade]:
        """Tables that are being made again now. May be some seconds old. Raises chassis.store.StoreAway."""
