"""Steps of a saga that nobody answers in time."""

from __future__ import annotations

from contracts.message import Event, Instant

__all__ = [
    "StepAskedAgain",
    "StepUnanswered",
]


class StepAskedAgain(Event):
    """A step was not answered in time and is asked for again, for the `asks`-th time."""

    step: str
    key: str
    asks: int
    answer_by: Instant


class StepUnanswered(Event):
    """A step was not answered in time and will not be asked for again without a person."""

    step: str
    key: str
    asks: int
