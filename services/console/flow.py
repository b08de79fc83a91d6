"""Where work stands and how long it stood there: the step of every order and of every node's work, and each step left.

A read model over the events of orders and of nodes. What a step is called, who moves it on, and whether anybody works on
it meanwhile, is a table here; nothing is decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

from chassis.changes import by_column
from chassis.log import Record
from chassis.projection import events_among
from chassis.states import replace
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
from contracts.message import Event
from contracts.order import (
    AuthorizationRequested,
    Bucket,
    FulfillmentDeclined,
    FulfillmentWithdrawn,
    HoldPlaced,
    HoldReleased,
    LineBackordered,
    LineReserved,
    LinesCancelled,
    LinesDelivered,
    LinesFulfilled,
    LinesPacked,
    LinesPicked,
    LinesShort,
    LinesWithdrawn,
    Move,
    OrderCancelled,
    OrderCompleted,
    OrderConfirmed,
    OrderImported,
    OrderPlaced,
    OrderReopened,
    QuantityMoved,
    ReleasedToFulfillment,
    ReservationLost,
    ShipGroupChanged,
)

__all__ = ["ABOUT", "ENDS", "FlowProjection", "Step", "StepKind"]


class Step(StrEnum):
    """Where an order, or the work of a node, stands. An order that goes in parts stands at the first of these that any of
    its open units has not left."""

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

_WORK: Mapping[type[Event], Step] = {
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
"""What an event of a node's work leads to."""

_PLACED = (OrderPlaced, OrderImported)

_MOVING: tuple[type[Event], ...] = (
    OrderImported,
    LineReserved,
    LineBackordered,
    ReservationLost,
    LinesCancelled,
    LinesWithdrawn,
    FulfillmentWithdrawn,
    ShipGroupChanged,
    ReleasedToFulfillment,
    FulfillmentDeclined,
    LinesPicked,
    LinesShort,
    LinesPacked,
    LinesFulfilled,
    LinesDelivered,
    OrderCancelled,
)
"""Events that move units of an order from one bucket to another."""

_MARKS: tuple[type[Event], ...] = (
    OrderPlaced,
    AuthorizationRequested,
    OrderConfirmed,
    OrderReopened,
    OrderCompleted,
    HoldPlaced,
    HoldReleased,
)

_FOLDED: Sequence[type[Event]] = (*_WORK, *_MOVING, *_MARKS)

_AT_NODES = (Bucket.RELEASED, Bucket.PICKED, Bucket.PACKED)

COUNTED = (Bucket.BACKORDERED, Bucket.RESERVED, *_AT_NODES, Bucket.FULFILLED, Bucket.DELIVERED)
"""Buckets whose units decide where an order stands; `ordered` is whatever is in none of them."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where something stands. Of an order: its holds, whether its payment was asked for, whether it was confirmed, whether
    it ended, and its units by the buckets of COUNTED."""

    order_id: str
    location: str | None
    step: Step
    since: datetime
    holds: int = 0
    asked: bool = False
    confirmed: bool = False
    ended: str = ""
    units: tuple[int, ...] = (0,) * len(COUNTED)


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
        since timestamptz not null, holds int not null, asked bool not null, confirmed bool not null,
        ended text not null, backordered bigint not null, reserved bigint not null, released bigint not null,
        picked bigint not null, packed bigint not null, fulfilled bigint not null, delivered bigint not null);
    create index if not exists standing_step on standing (step, since);
    create index if not exists standing_order on standing (order_id);
    create index if not exists standing_since on standing (since);
    create index if not exists standing_location on standing (location);
    create index if not exists standing_open on standing (location, since) where step <> 'done';
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
            "select thing, order_id, location, step, since, holds, asked, confirmed, ended, backordered, reserved,"
            " released, picked, packed, fulfilled, delivered from standing where thing = any(%s)",
            [list(things)],
        )
        return {
            thing: _Standing(order, location, Step(step), since, holds, asked, confirmed, ended, tuple(units))
            for thing, order, location, step, since, holds, asked, confirmed, ended, *units in rows
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
                "insert into visits select * from unnest(%b::text[], %b::text[], %b::text[], %b::text[],"
                " %b::timestamptz[], %b::timestamptz[])",
                by_column(rows),
            )
        if changed:
            rows_ = [
                (
                    thing,
                    each.order_id,
                    each.location,
                    each.step.value,
                    each.since,
                    each.holds,
                    each.asked,
                    each.confirmed,
                    each.ended,
                    *each.units,
                )
                for thing, each in sorted(changed.items())
            ]
            connection.execute(
                "insert into standing select * from unnest(%b::text[], %b::text[], %b::text[], %b::text[],"
                " %b::timestamptz[], %b::int[], %b::bool[], %b::bool[], %b::text[], %b::bigint[], %b::bigint[],"
                " %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[]) on conflict (thing) do update"
                " set (step, since, holds, asked, confirmed, ended, backordered, reserved, released, picked, packed,"
                " fulfilled, delivered) = (excluded.step, excluded.since, excluded.holds, excluded.asked,"
                " excluded.confirmed, excluded.ended, excluded.backordered, excluded.reserved, excluded.released,"
                " excluded.picked, excluded.packed, excluded.fulfilled, excluded.delivered)",
                by_column(rows_),
            )


def _moved(was: _Standing | None, envelope: Envelope, event: Event) -> _Standing | None:
    """Where something stands after an event; None where that says nothing of it."""
    if (step := _after_work(event)) is not None:
        order, location = str(getattr(event, "order_id", "")), getattr(event, "location", None)
        work = _Standing(order, location, step, envelope.time) if was is None else replace(was, step=step)
        return work if was is None or was.step == step else replace(work, since=envelope.time)
    if was is None:
        if not isinstance(event, _PLACED):
            return None
        was = _Standing(event.order_id, None, Step.RESERVING, envelope.time)
    now = _with(was, event)
    step = _step_of(now)
    return now if step == was.step else replace(now, step=step, since=envelope.time)


def _after_work(event: Event) -> Step | None:
    """The step of a node's work after an event; None of an event that is no such one. Of which nothing was found is over."""
    if isinstance(event, Picked) and not any(line.quantity for line in event.lines):
        return Step.DONE
    return _WORK.get(type(event))


def _with(was: _Standing, event: Event) -> _Standing:
    """An order after an event, but for its step."""
    now = replace(was, units=_units(was.units, event.moves)) if isinstance(event, QuantityMoved) else was
    match event:
        case HoldPlaced():
            return replace(now, holds=now.holds + 1)
        case HoldReleased():
            return replace(now, holds=max(0, now.holds - 1))
        case AuthorizationRequested():
            return replace(now, asked=True)
        case OrderConfirmed():
            return replace(now, confirmed=True)
        case OrderReopened():
            return replace(now, ended="")
        case OrderCompleted():
            return replace(now, ended=Step.COMPLETED)
        case OrderCancelled():
            return replace(now, ended=Step.CANCELLED)
    return now


def _units(units: tuple[int, ...], moves: Sequence[Move]) -> tuple[int, ...]:
    counts = dict(zip(COUNTED, units, strict=True))
    for move in moves:
        for bucket, by in ((move.source, -move.quantity), (move.target, move.quantity)):
            if bucket in counts:
                counts[bucket] += by
    return tuple(counts.values())


def _step_of(order: _Standing) -> Step:
    """Where an order stands: ended, held, or at what its open units have not left."""
    if order.ended:
        return Step(order.ended)
    if order.holds:
        return Step.HELD
    units = dict(zip(COUNTED, order.units, strict=True))
    if units[Bucket.BACKORDERED] > 0:
        return Step.BACKORDERED
    if not order.confirmed:
        return Step.AUTHORIZING if order.asked else Step.RESERVING
    if units[Bucket.RESERVED] > 0:
        return Step.CONFIRMED
    if any(units[bucket] > 0 for bucket in _AT_NODES):
        return Step.AT_NODES
    if units[Bucket.FULFILLED] > 0:
        return Step.ON_THE_WAY
    return Step.DELIVERED if units[Bucket.DELIVERED] > 0 else Step.CONFIRMED
