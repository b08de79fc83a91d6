"""Where work stands and how long it stood there: the step of every order and of every node's work, and each step left.

A read model over the events of orders and of nodes. What a step is called, who moves it on, and whether anybody works on
it meanwhile, is a table here; nothing is decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

from chassis.log import Record
from chassis.projection import events_among
from contracts.envelope import Envelope
from contracts.fulfillment import (
    Collected,
    FulfillmentAccepted,
    FulfillmentCancelled,
    FulfillmentOrderCreated,
    FulfillmentRejected,
    HandedOver,
    Packed,
    Picked,
    ReadyForPickup,
)
from contracts.ids import split_stream
from contracts.message import Event
from contracts.order import (
    AuthorizationRequested,
    HoldPlaced,
    HoldReleased,
    LineBackordered,
    LineReserved,
    LinesDelivered,
    LinesFulfilled,
    OrderCancelled,
    OrderCompleted,
    OrderConfirmed,
    OrderImported,
    OrderPlaced,
    OrderReopened,
    ReleasedToFulfillment,
)

__all__ = ["ABOUT", "ENDS", "FlowProjection", "Step", "StepKind"]


class Step(StrEnum):
    """The last thing that an order, or the work of a node, came to. An order that goes in parts stands where the last of
    them got to."""

    RESERVING = "reserving"
    BACKORDERED = "backordered"
    AUTHORIZING = "authorizing"
    CONFIRMED = "confirmed"
    AT_NODES = "at_nodes"
    ON_THE_WAY = "on_the_way"
    DELIVERED = "delivered"
    HELD = "held"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    TO_ACCEPT = "to_accept"
    TO_PICK = "to_pick"
    TO_PACK = "to_pack"
    TO_HAND_OVER = "to_hand_over"
    TO_COLLECT = "to_collect"
    DONE = "done"


class StepKind(StrEnum):
    """Whether somebody works while a thing stands at a step, or it only waits."""

    WORKING = "working"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class About:
    """A step in words: what it is called, whether it is work or a wait, and who moves it on."""

    title: str
    kind: StepKind
    mover: str


ABOUT: Mapping[Step, About] = {
    Step.RESERVING: About("Reserving stock", StepKind.WORKING, "Orderlog"),
    Step.BACKORDERED: About("Waiting for goods", StepKind.WAITING, "suppliers"),
    Step.AUTHORIZING: About("Securing the payment", StepKind.WORKING, "providers, payers"),
    Step.HELD: About("On hold", StepKind.WAITING, "the order desk"),
    Step.CONFIRMED: About("To be released", StepKind.WAITING, "Orderlog, its date"),
    Step.AT_NODES: About("At warehouses and stores", StepKind.WORKING, "the nodes"),
    Step.ON_THE_WAY: About("On the way", StepKind.WORKING, "carriers"),
    Step.DELIVERED: About("Delivered, to be closed", StepKind.WORKING, "Orderlog"),
    Step.TO_ACCEPT: About("To accept", StepKind.WAITING, "the node"),
    Step.TO_PICK: About("To pick", StepKind.WORKING, "pickers"),
    Step.TO_PACK: About("To pack", StepKind.WORKING, "packers"),
    Step.TO_HAND_OVER: About("To hand over", StepKind.WAITING, "carriers' pick-up"),
    Step.TO_COLLECT: About("To be collected", StepKind.WAITING, "customers"),
}
"""Steps at which something may stand, in the order in which an order passes them."""

ENDS = frozenset({Step.COMPLETED, Step.CANCELLED, Step.DONE})
"""Steps that nothing leaves by itself."""

_STEPS: Mapping[type[Event], Step] = {
    OrderPlaced: Step.RESERVING,
    OrderImported: Step.RESERVING,
    LineReserved: Step.RESERVING,
    LineBackordered: Step.BACKORDERED,
    AuthorizationRequested: Step.AUTHORIZING,
    OrderConfirmed: Step.CONFIRMED,
    OrderReopened: Step.CONFIRMED,
    ReleasedToFulfillment: Step.AT_NODES,
    LinesFulfilled: Step.ON_THE_WAY,
    LinesDelivered: Step.DELIVERED,
    OrderCompleted: Step.COMPLETED,
    OrderCancelled: Step.CANCELLED,
    FulfillmentOrderCreated: Step.TO_ACCEPT,
    FulfillmentAccepted: Step.TO_PICK,
    Picked: Step.TO_PACK,
    Packed: Step.TO_HAND_OVER,
    ReadyForPickup: Step.TO_COLLECT,
    HandedOver: Step.DONE,
    Collected: Step.DONE,
    FulfillmentRejected: Step.DONE,
    FulfillmentCancelled: Step.DONE,
}

_BEFORE_CONFIRMED = frozenset({Step.RESERVING, Step.BACKORDERED, Step.AUTHORIZING})
"""What lines of stock say counts only here: units that are sourced again later do not take the order back."""

_FOLDED: Sequence[type[Event]] = (*_STEPS, HoldPlaced, HoldReleased)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where something stands: `under` is the step that it goes on from once its last hold is released."""

    order_id: str
    location: str | None
    step: Step
    since: datetime
    holds: int
    under: Step


@dataclass(frozen=True, slots=True)
class _Left:
    thing: str
    standing: _Standing
    at: datetime


class FlowProjection:
    """`standing`: one row an order or node's work, with its step and since when. `visits`: one row a step that was left.
    All times are ours (UTC)."""

    name = "flow"
    topics = ("order.events", "fulfillment.events")
    tables: LiteralString = """
    create table if not exists standing (
        thing text primary key, order_id text not null, location text, step text not null,
        since timestamptz not null, holds int not null, under text not null);
    create index if not exists standing_step on standing (step, since);
    create index if not exists standing_order on standing (order_id);
    create table if not exists visits (
        thing text not null, order_id text not null, location text, step text not null,
        entered timestamptz not null, left_at timestamptz not null);
    create index if not exists visits_left on visits (step, left_at);
    create index if not exists visits_order on visits (order_id);
    """

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        happened = list(events_among(records, _FOLDED))
        if not happened:
            return
        standing = self._standing(connection, sorted({envelope.subject for envelope, _ in happened}))
        before, left = dict(standing), list[_Left]()
        for envelope, event in happened:
            now = _moved(standing.get(envelope.subject), envelope, event)
            if now is None:
                continue
            was = standing.get(envelope.subject)
            if was is not None and was.step != now.step:
                left.append(_Left(envelope.subject, was, envelope.time))
            standing[envelope.subject] = now
        self._write(connection, {thing: each for thing, each in standing.items() if before.get(thing) != each}, left)

    def _standing(self, connection: psycopg.Connection[Any], things: Sequence[str]) -> dict[str, _Standing]:
        rows = connection.execute(
            "select thing, order_id, location, step, since, holds, under from standing where thing = any(%s)",
            [list(things)],
        )
        return {
            thing: _Standing(order, location, Step(step), since, holds, Step(under))
            for thing, order, location, step, since, holds, under in rows
        }

    def _write(
        self, connection: psycopg.Connection[Any], changed: Mapping[str, _Standing], left: Sequence[_Left]
    ) -> None:
        if left:
            rows = [
                (
                    each.thing,
                    each.standing.order_id,
                    each.standing.location,
                    each.standing.step.value,
                    each.standing.since,
                    each.at,
                )
                for each in left
            ]
            connection.execute(
                "insert into visits select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[],"
                " %s::timestamptz[], %s::timestamptz[])",
                [list(column) for column in zip(*rows, strict=True)],
            )
        if changed:
            rows_ = [
                (thing, each.order_id, each.location, each.step.value, each.since, each.holds, each.under.value)
                for thing, each in sorted(changed.items())
            ]
            connection.execute(
                "insert into standing select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[],"
                " %s::timestamptz[], %s::int[], %s::text[]) on conflict (thing) do update set"
                " (step, since, holds, under) = (excluded.step, excluded.since, excluded.holds, excluded.under)",
                [list(column) for column in zip(*rows_, strict=True)],
            )


def _moved(was: _Standing | None, envelope: Envelope, event: Event) -> _Standing | None:
    """Where something stands after an event; None where that says nothing of it."""
    if was is None:
        step = _STEPS.get(type(event))
        if step is None:
            return None
        order = str(getattr(event, "order_id", "")) or split_stream(envelope.subject)[1]
        return _Standing(order, getattr(event, "location", None), step, envelope.time, 0, step)
    if isinstance(event, HoldPlaced | HoldReleased):
        holds = was.holds + (1 if isinstance(event, HoldPlaced) else -1)
        return _at(replace(was, holds=max(0, holds)), was.under, envelope.time)
    step = _STEPS[type(event)]
    if was.under in ENDS and not isinstance(event, OrderReopened):
        return None  # a parcel may arrive after its order was closed
    if isinstance(event, LineReserved | LineBackordered) and was.under not in _BEFORE_CONFIRMED:
        return None
    return _at(was, step, envelope.time)


def _at(was: _Standing, under: Step, time: datetime) -> _Standing:
    """Held as long as a hold is there, but for what has ended; `since` moves only with the step."""
    step = Step.HELD if was.holds and under not in ENDS else under
    return replace(was, step=step, under=under, since=was.since if step == was.step else time)
