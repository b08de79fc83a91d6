"""What was recorded up to a moment: the `at` of every door that shows a stream.

Time (`ce_time`) never goes back along a stream nor from a cause to what it caused, so all events up to one instant are a
consistent cut over all services: whatever is in it, its causes are in it too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query

from chassis.problems import Problem, ProblemKind
from chassis.reading import Reads, Seen
from contracts.message import parse_instant

__all__ = ["At", "moment_of", "seen_at"]

At = Annotated[
    str | None,
    Query(
        description="As it was recorded then: an instant (RFC 3339), the same for all that is to be compared; or an"
        " offset of the stream's partition, up to which everything counts.",
        examples=["2026-01-05T09:00:00Z"],
    ),
]


def seen_at(reads: Reads, name: str, at: str | None) -> Seen:
    """A stream as it was recorded `at`, or as it is now; version 0 where nothing had happened by then. Raises Problem
    for an `at` that says neither."""
    return reads.stream(name) if at is None else reads.stream_as_recorded(name, moment_of(at))


def moment_of(at: str) -> datetime | int:
    """The instant, or the offset, that an `at` names. Raises Problem where it names neither."""
    if at.isascii() and at.isdigit():
        return int(at)
    try:
        return parse_instant(at)
    except ValueError as error:
        raise Problem(
            ProblemKind.BAD_REQUEST,
            "`at` cannot be read",
            f"{error}. Write an instant with its zone, such as 2026-01-05T09:00:00Z, or an offset.",
        ) from error
