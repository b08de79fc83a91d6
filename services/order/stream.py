"""The stream of an order: the order, its three sagas, its notices, its packages that went astray and its documents as
folds of it, and one decider for each message that it takes.

Here is what needs them together: deadlines, and asking again after a hold. Each part is told in its own
file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chassis.decider import Context, StreamKind
from chassis.saga import Asked, name_of
from contracts.chassis import DeadlinePassed
from contracts.ids import stream
from contracts.message import Event, Message
from contracts.order import (
    ALL_STEPS,
    CancelOrder,
    ChangeDeclined,
    ChangeEnd,
    HoldKind,
    HoldReleased,
    ImportOrder,
    PlaceHold,
    PlaceOrder,
    RecordNoticeNotSent,
    RecordNoticeRefused,
    RecordNoticeSent,
    ReleaseHold,
    ShipNotBeforePassed,
    StepAskedAgain,
    StepUnanswered,
)
from services.order import (
    astray,
    cancel_answers,
    cancelling,
    changes_state,
    changing,
    channel_cancels,
    counter_answers,
    documents,
    exchange_advance,
    exchange_state,
    fulfillment_advance,
    fulfillment_answers,
    fulfillment_saga,
    looking_after,
    notice_content,
    notice_outcomes,
    notices,
    order,
    refund_granting,
    refund_saga,
    replacing,
    reservation_advance,
    reservation_answers,
    reservation_saga,
    return_answers,
    return_refunds,
    return_saga,
    returning,
    revising,
)
from services.order.astray import AstrayState
from services.order.changes_state import ChangesState
from services.order.channel_cancels import CancelsAhead
from services.order.customer import CUSTOMERS
from services.order.documents import DocumentsState
from services.order.exchange_state import ExchangesState
from services.order.fulfillment_state import COLLECT, DECIDE, NOT_BEFORE, WORK, FulfillmentState
from services.order.leaving import hand_out
from services.order.looking_after import LookedAfter
from services.order.notices import NoticesState
from services.order.order import OrderState
from services.order.refund_state import RefundsState
from services.order.reservation_answers import cancel_after_passed
from services.order.reservation_state import CANCEL_AFTER, INCREASE, ReservationState
from services.order.return_state import ReturnsState

__all__ = ["KINDS", "ORDER", "STEPS", "OrderStream"]

STEPS = {**reservation_saga.STEPS, **fulfillment_saga.STEPS, **refund_saga.STEPS, **return_saga.STEPS}

PATIENT = (WORK, COLLECT, DECIDE, INCREASE)
"""Steps that people take, at a node or a counter, and what only a change waits for: late, they may still come, and keep
nothing else from going on."""

MISSED = (HoldKind.NO_ANSWER, HoldKind.NOT_COLLECTED)
"""Holds for want of an answer, which may still come."""


class OrderStream(NamedTuple):
    """What deciders and reactions of an order see."""

    order: OrderState
    reservation: ReservationState
    fulfillment: FulfillmentState
    notices: NoticesState
    astray: AstrayState
    refunds: RefundsState
    documents: DocumentsState
    returns: ReturnsState
    changes: ChangesState
    ahead: CancelsAhead
    exchanges: ExchangesState
    looked_after: LookedAfter


def _deadline(message: DeadlinePassed, state: OrderStream, context: Context) -> Sequence[Event]:
    """A deadline that nobody waits for any more is ignored; else ask again, and at last a person."""
    if notices.notice_of_deadline(message.name) is not None:
        return notice_outcomes.again(message, state.notices)
    if (of_refund := refund_saga.deadline(message, state.refunds, context)) is not None:
        return of_refund
    if returning.concerns(message.name):
        return returning.deadline(message, state, context)
    if (change := changes_state.change_of_deadline(message.name)) is not None:
        return changing.expire(change, state, context)
    if not state.order.open:
        return ()
    if message.name == CANCEL_AFTER:
        return cancel_after_passed(state, message.due)
    if message.name == NOT_BEFORE:
        return (ShipNotBeforePassed(due=message.due),) if message.due in state.fulfillment.not_before else ()
    asked = state.reservation.asks.get(message.name) or state.fulfillment.asks.get(message.name)
    if asked is None or asked.due != message.due:
        return ()
    if asked.asks < STEPS[asked.step].asks_max:
        return (_again(asked.step, asked.key, asked.asks + 1, context),)
    return _give_up(asked, state)


def _again(step: str, key: str, asks: int, context: Context) -> StepAskedAgain:
    return StepAskedAgain(step=step, key=key, asks=asks, answer_by=context.now + STEPS[step].answer_within)


def _give_up(asked: Asked, state: OrderStream) -> Sequence[Event]:
    """A person has to look."""
    unanswered = StepUnanswered(step=asked.step, key=asked.key, asks=asked.asks)
    kind, detail = HoldKind.NO_ANSWER, f"{STEPS[asked.step].service} has not answered {name_of(asked.step, asked.key)}"
    if asked.step == COLLECT:
        location = state.fulfillment.works[asked.key].location
        kind, detail = HoldKind.NOT_COLLECTED, f"nobody collects what lies ready at {location}"
    blocks = () if asked.step in PATIENT else ALL_STEPS
    return unanswered, order.hold(state.order, kind, detail, blocks, step=asked.step, key=asked.key)


def _release_hold(message: ReleaseHold, state: OrderStream, context: Context) -> Sequence[Event]:
    """Released, and the step that ended in the hold is asked for again, unless it was answered since."""
    events = order.release_hold(message, state.order, context)
    held = state.order.holds.get(message.hold)
    events = (*events, *_declined_with(message, state, events))
    asked = None if held is None else _asked(held, state)
    if asked is None or asked.answered:
        return events
    # Counted on, not from one: whoever refuses what was asked for twice may still have served the first.
    return (*events, _again(asked.step, asked.key, asked.asks + 1, context))


def _declined_with(message: ReleaseHold, state: OrderStream, events: Sequence[Event]) -> Sequence[Event]:
    """The change that a hold asked about: who releases the hold has the order go on as it is."""
    proposed, released = state.changes.proposed, any(isinstance(event, HoldReleased) for event in events)
    if proposed is None or not released or proposed.hold != message.hold or state.changes.increase is not None:
        return ()
    return (ChangeDeclined(change=proposed.change, end=ChangeEnd.DECLINED, detail=message.detail),)


def _asked(held: order.Hold, state: OrderStream) -> Asked | None:
    """What was asked for, of a step that ended in a hold."""
    if held.step is None or held.key is None:
        return None
    name = name_of(held.step, held.key)
    return state.reservation.asks.get(name) or state.fulfillment.asks.get(name)


def _answered_since(state: OrderStream) -> Sequence[Event]:
    """The release of each hold that was placed for want of an answer, once nothing waits for the answer any more."""
    holds = sorted(state.order.holds.values(), key=lambda held: int(held.hold))
    missed = [(held, _asked(held, state)) for held in holds if held.kind in MISSED]
    return [
        HoldReleased(
            hold=held.hold,
            kind=held.kind,
            detail=f"nothing waits for {STEPS[asked.step].service} to answer {name_of(asked.step, asked.key)} any more",
            step=asked.step,
            key=asked.key,
        )
        for held, asked in missed
        if asked is not None and asked.answered
    ]


def _of_order(decide: Callable[[Any, OrderState, Context], Sequence[Event]]) -> Callable[..., Sequence[Event]]:
    """A decider that only looks at the order, as one of the stream."""
    return lambda message, state, context: decide(message, state.order, context)


def _of_notices(decide: Callable[[Any, NoticesState, Context], Sequence[Event]]) -> Callable[..., Sequence[Event]]:
    """A decider that only looks at the notices, as one of the stream."""
    return lambda message, state, context: decide(message, state.notices, context)


def _advance(state: OrderStream, context: Context) -> Sequence[Event]:
    return (
        hand_out(state.order)
        or _answered_since(state)
        or channel_cancels.advance(state, context)
        or replacing.advance(state, context)
        or reservation_advance.advance(state, context)
        or fulfillment_advance.advance(state, context)
        or return_refunds.advance(state, context)
        or exchange_advance.advance(state, context)
        or notice_content.advance(state, context)
    )


def _story(state: OrderStream) -> str | None:
    placed = state.order.placed
    return None if placed is None else stream("order", placed.order_id)


_DECIDE: Mapping[type[Message], Callable[[Any, Any, Context], Sequence[Event]]] = {
    PlaceOrder: revising.place_order,
    ImportOrder: revising.import_order,
    PlaceHold: _of_order(order.place_hold),
    ReleaseHold: _release_hold,
    CancelOrder: cancelling.cancel,
    RecordNoticeSent: _of_notices(notice_outcomes.record_sent),
    RecordNoticeNotSent: _of_notices(notice_outcomes.record_not_sent),
    RecordNoticeRefused: _of_notices(notice_outcomes.record_refused),
    DeadlinePassed: _deadline,
    **reservation_answers.decide,
    **fulfillment_answers.decide,
    **counter_answers.decide,
    **cancel_answers.decide,
    **changing.decide,
    **channel_cancels.decide,
    **astray.decide,
    **looking_after.decide,
    **notice_content.decide,
    **refund_saga.decide,
    **refund_granting.decide,
    **returning.decide,
    **return_answers.decide,
}

ORDER = StreamKind(
    kind="order",
    folds=(
        order.FOLD,
        reservation_saga.FOLD,
        fulfillment_saga.FOLD,
        notices.FOLD,
        astray.FOLD,
        refund_saga.FOLD,
        documents.FOLD,
        return_saga.FOLD,
        changes_state.FOLD,
        channel_cancels.FOLD,
        exchange_state.FOLD,
        looking_after.FOLD,
    ),
    decide=_DECIDE,
    state=OrderStream,
    advance=_advance,
    needs=reservation_advance.needs,
    story=_story,
)

KINDS = (ORDER, CUSTOMERS)
