"""Nodes and carriers of a what-if run: who has the same work as then says what was said then; of other work, a model.

The model: a node accepts, picks all, packs it into one package and hands it over (or lays it ready and hands it to the
customer), each after the median time that this step took in the span; it lets go of whatever it is asked to let go of;
the carrier delivers after the median. Nothing is short and nothing goes astray.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from contracts.fulfillment import (
    CancelAnswer,
    CancelRequested,
    Collected,
    FulfillmentAccepted,
    FulfillmentOrderCreated,
    HandedOver,
    Packed,
    PackedContent,
    PackedPackage,
    Picked,
    PickLine,
    ReadyForPickup,
    RecordAcceptance,
    RecordCancelDecision,
    RecordCollection,
    RecordHandOver,
    RecordPack,
    RecordPick,
    RecordReady,
)
from contracts.ids import stream
from contracts.message import Command, Event
from contracts.shipping import Delivered, LabelIssued, RecordTracking, Shipped, TrackingStatus
from oms.what_if.history import Happened, History, Key
from services.fulfillment.fulfillment_order_state import FulfillmentOrder

__all__ = ["Nodes", "Said"]

USUAL = timedelta(hours=1)
"""How long a step takes of which the span has no example."""

GRAMS = 1_000
"""What a modelled package weighs; nothing that is counted depends on it."""

_STEPS: Sequence[tuple[str, type[Event], type[Event]]] = (
    ("accept", FulfillmentOrderCreated, FulfillmentAccepted),
    ("pick", FulfillmentAccepted, Picked),
    ("pack", Picked, Packed),
    ("ready", Picked, ReadyForPickup),
    ("collect", ReadyForPickup, Collected),
    ("hand_over", Packed, HandedOver),
    ("deliver", Shipped, Delivered),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a modelled node or carrier will report: `command` makes it of the state of its work then, or None where there
    is nothing to report any more."""

    at: datetime
    service: str
    stream: str
    step: str
    command: Callable[[Any], Command | None]


class Nodes:
    """Who says what of the work of a run."""

    def __init__(self, past: History) -> None:
        self._then = dict(_works(past))
        self._took = _medians(past.events)
        self._modelled: set[Key] = set()

    @property
    def modelled(self) -> int:
        """How many fulfillment orders had other work than then."""
        return sum(service == "fulfillment" for service, _ in self._modelled)

    def models(self, key: Key) -> bool:
        """Whether what this stream hears from outside is modelled."""
        return key in self._modelled

    def answers(self, key: Key, event: Event, now: datetime) -> Iterator[Said]:
        """What is reported because of an event that was written `now`."""
        match event:
            case FulfillmentOrderCreated() if self._then.get(key) != _work(event):
                self._modelled.add(key)
                yield self._said(key, "accept", now, lambda state: RecordAcceptance(document="accept"))
            case FulfillmentAccepted() if key in self._modelled:
                yield self._said(key, "pick", now, _pick)
            case Picked() if key in self._modelled:
                yield self._said(key, "pack", now, _pack)
                yield self._said(key, "ready", now, _ready)
            case ReadyForPickup() if key in self._modelled:
                yield self._said(key, "collect", now, lambda state: RecordCollection(document="collect"))
            case CancelRequested() if key in self._modelled:
                yield Said(now, *key, f"let_go-{event.request}", _let_go)
            case LabelIssued() if self.models(
                work := ("fulfillment", stream("fulfillment_order", event.fulfillment_order))
            ):
                self._modelled.add(key)
                yield self._said(work, "hand_over", now, lambda state: RecordHandOver(document="hand_over"))
            case Shipped() if key in self._modelled:
                for number, package in enumerate(event.packages):
                    yield self._delivered(key, number, package.package, now)

    def _said(self, key: Key, step: str, now: datetime, command: Callable[[Any], Command | None]) -> Said:
        return Said(now + self._took[step], *key, step, command)

    def _delivered(self, key: Key, number: int, package: str, now: datetime) -> Said:
        at = now + self._took["deliver"]
        told = RecordTracking(
            carrier="what-if",
            event_id=f"delivered-{package}",
            package=package,
            status=TrackingStatus.DELIVERED,
            occurred_at=at,
        )
        return Said(at, *key, f"deliver-{number}", lambda state: told)


def _work(event: FulfillmentOrderCreated) -> tuple[Any, ...]:
    return event.location, event.method, event.lines


def _works(past: History) -> Iterator[tuple[Key, tuple[Any, ...]]]:
    for each in past.events:
        if isinstance(each.event, FulfillmentOrderCreated):
            yield (each.service, each.stream), _work(each.event)


def _medians(events: Sequence[Happened]) -> Mapping[str, timedelta]:
    """The median time of each step in what happened, to the millisecond."""
    began: dict[tuple[str, type[Event]], datetime] = {}
    took: dict[str, list[timedelta]] = defaultdict(list)
    for each in events:
        began.setdefault((each.stream, type(each.event)), each.envelope.time)
        for step, first, then in _STEPS:
            if isinstance(each.event, then) and (each.stream, first) in began:
                took[step].append(each.envelope.time - began[each.stream, first])
    return {
        step: timedelta(milliseconds=round(median(each / timedelta(milliseconds=1) for each in took[step])))
        if took[step]
        else USUAL
        for step, _, _ in _STEPS
    }


def _pick(state: FulfillmentOrder) -> Command | None:
    lines = tuple(PickLine(line=one.line, sequence=one.sequence, quantity=one.quantity) for one in state.to_pick)
    return RecordPick(document="pick", lines=lines) if lines else None


def _pack(state: FulfillmentOrder) -> Command | None:
    if state.for_pickup:
        return None
    contents = tuple(
        PackedContent(line=line, sequence=sequence, quantity=quantity)
        for (line, sequence), quantity in state.wanted.items()
        if quantity
    )
    packages = (PackedPackage(number=1, contents=contents, weight_grams=GRAMS),) if contents else ()
    return RecordPack(document="pack", packages=packages) if packages else None


def _ready(state: FulfillmentOrder) -> Command | None:
    return RecordReady(document="ready") if state.for_pickup else None


def _let_go(state: FulfillmentOrder) -> Command | None:
    lines = tuple(
        CancelAnswer(line=line, sequence=sequence, granted=units)
        for (line, sequence), units in state.asked_back.items()
    )
    return RecordCancelDecision(document=f"let_go-{state.request}", lines=lines) if state.cancel and lines else None
