"""Making a state from another comes to what the library makes of it, of whatever dataclass."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest

from chassis.states import replace


@dataclass(frozen=True, slots=True)
class Base:
    seats: int
    name: str = "hall"


@dataclass(frozen=True, slots=True)
class Hall(Base):
    rows: tuple[int, ...] = field(default=(1, 2))


@dataclass(frozen=True)
class Unslotted:
    seats: int
    name: str = "hall"


@dataclass(frozen=True, slots=True)
class Checked:
    seats: int
    name: str = "hall"

    def __post_init__(self) -> None:
        if self.seats < 0:
            raise ValueError("fewer than none")


@pytest.mark.parametrize("state", [Base(3), Hall(3, "big", (4,)), Unslotted(3), Checked(3)])
def test_one_field_is_another_and_the_rest_stays(state: Any) -> None:
    made = replace(state, seats=7)
    assert made == dataclasses.replace(state, seats=7)
    assert type(made) is type(state)
    assert state.seats == 3


@pytest.mark.parametrize("state", [Hall(3), Unslotted(3)])
def test_a_field_that_is_not_there_is_refused(state: Any) -> None:
    with pytest.raises(TypeError):
        replace(state, chairs=7)


def test_what_looks_at_itself_once_made_still_does() -> None:
    with pytest.raises(ValueError, match="fewer than none"):
        replace(Checked(3), seats=-1)
