"""The sourcing decision: where every open unit comes from, what was seen, and why each candidate lost."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.message import Event, Instant, Value
from contracts.order.terms import ShortagePolicy

__all__ = [
    "Allocation",
    "Candidate",
    "Distance",
    "SeenAvailability",
    "Shortage",
    "SourcingDecided",
]

Positive = Annotated[int, Field(gt=0)]


class SeenAvailability(Value):
    """What was available when it was decided, and the offset in inventory's events that this was read at."""

    sku: str
    location: str
    available: int
    offset: int


class Distance(StrEnum):
    """How far a location is from where goods go, nearest first: as its postcode begins, in its region, in its country,
    nobody said where it is, in another country."""

    POSTCODE = "postcode"
    REGION = "region"
    COUNTRY = "country"
    UNKNOWN = "unknown"
    ABROAD = "abroad"


class Candidate(Value):
    """A location that was considered: `units` of the order it could provide; why it lost, or that it was chosen.

    `lost_by` names the criterion of the rules. The figures that were compared: `lines` it could complete, its `stock` of
    these goods, its `priority`, its `distance` from the farthest address, and how many fulfillment orders it had `room`
    for that day, where that is limited.
    """

    location: str
    rank: int
    units: int
    chosen: bool
    lost_because: str | None = None
    lost_by: str | None = None
    lines: int = 0
    stock: int = 0
    priority: int = 0
    distance: Distance | None = None
    room: int | None = None


class Allocation(Value):
    """A part of a line to be claimed: `sequence` names the claim, `location` where, and the other locations that may
    serve it when it has to wait (`queue`). `ship_by` is the planned day, where one is known."""

    line: str
    sequence: int
    sku: str
    quantity: Positive
    unit: str
    location: str
    queue: bool = False
    eligible_locations: tuple[str, ...] = ()
    ship_by: Instant | None = None


class Shortage(Value):
    """Units that no location has, and what the policy makes of them."""

    line: str
    quantity: Positive
    policy: ShortagePolicy


class SourcingDecided(Event):
    """Where every open unit comes from, and what this was decided on. `decision` counts the order's decisions,
    `attempt` those since the last one that a refusal did not cause. Claims are answered by `answer_by`."""

    decision: int
    attempt: int
    rules_version: int
    allocations: tuple[Allocation, ...]
    shortages: tuple[Shortage, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    seen: tuple[SeenAvailability, ...] = ()
    answer_by: Instant | None = None
