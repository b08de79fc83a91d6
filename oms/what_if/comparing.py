"""Three views of one span: what happened, what unchanged policies give (the control), and what changed ones would have."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.log import Log
from chassis.service import Service
from oms.rebuild.outside import no_calls_outside
from oms.what_if.history import Happened, History, by_stream, history
from oms.what_if.outcomes import CHANGED_MAX, Changed, changed_most, figures, outcomes
from oms.what_if.policies import Policies
from oms.what_if.world import World

__all__ = ["DIFFERENCES_MAX", "Differs", "WhatIf", "differences", "first_field", "what_if"]

DIFFERENCES_MAX = 10
"""Streams that differ in the control that are told of."""

_NOT_COMPARED: Collection[str] = frozenset({"offset"})
"""Fields that say where a record lies, which is nowhere in a run."""


@dataclass(frozen=True, slots=True)
class Differs:
    """The first event of a stream that the control wrote otherwise: which of the stream's it is, its type on both sides
    (None: there is none), and the first field that differs with both values."""

    service: str
    stream: str
    sequence: int
    then: str | None
    control: str | None
    field: str | None = None
    values: tuple[Any, Any] = (None, None)


@dataclass(frozen=True)
class WhatIf:
    """What a run found. `streams`: those that the span or the control wrote; `differ`: those that the control wrote otherwise."""

    since: datetime
    until: datetime
    happened: dict[str, Any]
    control: dict[str, Any]
    changed: dict[str, Any]
    streams: int
    differ: Sequence[Differs]
    most: Sequence[Changed]
    orders_changed: int
    left_out: Counter[str]
    modelled: int
    calls_outside: int


def what_if(log: Log, services: Sequence[Service], since: datetime, until: datetime, policies: Policies) -> WhatIf:
    """Read the span, play it unchanged and changed, and compare.

    Raises LogError (of it TooMuch), and LookupError for an event that this release cannot read.
    """
    with _uncollected():
        return _compared(history(log, services, since, until), services, policies)


def _compared(past: History, services: Sequence[Service], policies: Policies) -> WhatIf:
    with no_calls_outside() as calls:
        control = World(past, services, Policies()).play()
        changed = World(past, services, policies).play()
    of_control, of_changed = outcomes(control.events), outcomes(changed.events)
    most = changed_most(of_control, of_changed)
    return WhatIf(
        past.since,
        past.until,
        figures(outcomes(past.events), policies.costs),
        figures(of_control, policies.costs),
        figures(of_changed, policies.costs),
        len(by_stream(past.events).keys() | by_stream(control.events).keys()),
        tuple(differences(past.events, control.events)),
        most[:CHANGED_MAX],
        len(most),
        changed.left_out,
        changed.modelled,
        calls.tried,
    )


@contextmanager
def _uncollected() -> Iterator[None]:
    """While this lasts nobody looks for garbage: all that a run makes it keeps to its end, so that looking through it again
    and again is a third of the work, for nothing. What is in no cycle goes at once, as ever."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def differences(then: Sequence[Happened], control: Sequence[Happened]) -> Iterator[Differs]:
    """Of each stream that was written otherwise the first event, those of the span that came first first."""
    happened, played = by_stream(then), by_stream(control)
    found = []
    for key in sorted(happened.keys() | played.keys()):
        one, other = happened.get(key, ()), played.get(key, ())
        for number in range(max(len(one), len(other))):
            before = one[number] if number < len(one) else None
            after = other[number] if number < len(other) else None
            differs = _differs(before, after)
            if differs is not None:
                found.append(((before or after), differs))
                break
    return (differs for _, differs in sorted(found, key=lambda each: _when(each[0])))


def _when(happened: Happened | None) -> tuple[Any, ...]:
    assert happened is not None
    return happened.envelope.time, happened.service, happened.stream


def _differs(before: Happened | None, after: Happened | None) -> Differs | None:
    some = before or after
    assert some is not None
    place = (some.service, some.stream, some.envelope.sequence or 0)
    kinds = [None if each is None else each.envelope.type for each in (before, after)]
    if before is None or after is None or kinds[0] != kinds[1]:
        return Differs(*place, kinds[0], kinds[1])
    if before.event == after.event:
        return None
    named = first_field(before.event.model_dump(mode="json"), after.event.model_dump(mode="json"), _NOT_COMPARED)
    return None if named is None else Differs(*place, kinds[0], kinds[1], named[0], (named[1], named[2]))


def first_field(one: Any, other: Any, left_out: Collection[str] = (), path: str = "") -> tuple[str, Any, Any] | None:
    """The first field by which two documents differ, with both values; None where none does. Fields whose names are
    `left_out` are not compared."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            if name not in left_out:
                found = first_field(one.get(name), other.get(name), left_out, f"{path}.{name}" if path else name)
                if found is not None:
                    return found
        return None
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            found = first_field(left, right, left_out, f"{path}[{number}]")
            if found is not None:
                return found
        return None
    return None if one == other else (path, one, other)
