"""The refund saga: what was granted is paid back by payments, or becomes an exception that somebody owns.

It folds the order's own stream and outlives the order. Here are the table, what goes out, and what is made of answers
and of silence; its state is in refund_state.py, the amounts in refunding.py, the wishes of people in refund_granting.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chassis.decider import Context, Fold, Outgoing, Send
from chassis.saga import Step, ask, asked_by
from contracts.chassis import DeadlinePassed
from contracts.ids import stream
from contracts.message import Event, Message
from contracts.money import Money
from contracts.order import (
    RefundDecline,
    RefundDeclined,
    Refunded,
    RefundFailed,
    RefundGranted,
    StepAskedAgain,
    StepUnanswered,
)
from contracts.payments import (
    CaptureLine,
    PaymentRefunded,
    RefundPayment,
    RefundRefused,
    RefundRepeated,
    TenderRefund,
)
from services.order.refund_state import (
    ANSWER_WITHIN,
    PROPOSAL,
    REFUND,
    Refund,
    RefundsState,
    RefundStage,
    deadlines_of,
    evolve,
)

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["FINANCE_DESK", "FOLD", "STEPS", "asked_again", "deadline", "decide"]

FINANCE_DESK = "finance_desk"
"""Who looks after refunds that failed, until roles say otherwise."""


# The table


def _refund(state: OrderStream, key: str) -> Sequence[Send]:
    """The same message however often it is asked for: payments know it again by the refund's id."""
    decision, order_id = state.refunds.refunds[key].contents, state.order.terms.order_id
    currency = decision.amount.currency
    lines = tuple(CaptureLine(**line.model_dump()) for line in decision.lines)
    other = decision.amount.amount - sum(line.amount.amount for line in lines)
    message = RefundPayment(
        order_id=order_id,
        refund=key,
        amount=decision.amount,
        lines=lines,
        other=Money(amount=other, currency=currency),
        cause=decision.cause,
    )
    return [Send("payments", stream("payment", order_id), message, wants_answer=True)]


STEPS: Mapping[str, Step] = {
    REFUND: Step(
        name=REFUND,
        when="a refund is granted: units come back or need not, or the customer is appeased",
        asked_by=RefundGranted,
        keys=lambda event: (event.refund,),
        service="payments",
        sends=RefundPayment,
        answers=(PaymentRefunded, RefundRepeated, RefundRefused),
        answer_within=ANSWER_WITHIN,
        asks_max=4,
        on_silence=f"RefundFailed, which the {FINANCE_DESK} looks after",
        ask=_refund,
    )
}


def react(state: OrderStream, event: Event) -> Sequence[Outgoing]:
    """The message of a refund that was granted, or that is asked for again."""
    if isinstance(event, StepAskedAgain):
        return ask(STEPS, event.step, event.key, state)
    return asked_by(STEPS, event, state)


# Answers


def _on_refunded(message: PaymentRefunded, state: OrderStream, context: Context) -> Sequence[Event]:
    return _paid_back(state.refunds.refunds.get(message.refund), message.refunds)


def _on_repeated(message: RefundRepeated, state: OrderStream, context: Context) -> Sequence[Event]:
    """It was paid back before, and the answer was lost: who paid which part is in payments' events."""
    return _paid_back(state.refunds.refunds.get(message.refund), ())


def _paid_back(refund: Refund | None, parts: tuple[TenderRefund, ...]) -> Sequence[Event]:
    if refund is None or refund.stage is RefundStage.REFUNDED or not refund.granted:
        return ()
    decision = refund.contents
    names = ("refund", "number", "cause", "amount", "lines", "other", "fee", "to")
    return (Refunded(**{name: getattr(decision, name) for name in names}, refunds=parts),)


def _on_refused(message: RefundRefused, state: OrderStream, context: Context) -> Sequence[Event]:
    refund = state.refunds.refunds.get(message.refund)
    if refund is None or refund.stage is not RefundStage.GRANTED:
        return ()
    failed = RefundFailed(
        refund=message.refund,
        number=refund.contents.number,
        amount=refund.contents.amount,
        refunded_part=message.refunded_part,
        why=message.reason,
        detail=message.detail,
        owner=FINANCE_DESK,
    )
    return (failed,)


decide: Mapping[type[Message], Any] = {
    PaymentRefunded: _on_refunded,
    RefundRepeated: _on_repeated,
    RefundRefused: _on_refused,
}


# Silence


def deadline(message: DeadlinePassed, state: RefundsState, context: Context) -> Sequence[Event] | None:
    """What comes of a deadline of a refund, also of an order that has ended; None for the deadline of another fold."""
    step, _, key = message.name.partition("/")
    if step not in (REFUND, PROPOSAL):
        return None
    refund = state.refunds.get(key)
    if refund is None or deadlines_of(state).get(message.name) != message.due:
        return ()
    if step == PROPOSAL:
        return (_expired(refund),)
    asked = state.asks[message.name]
    if asked.asks < STEPS[REFUND].asks_max:
        return (asked_again(state, key, context),)
    failed = RefundFailed(
        refund=key,
        number=refund.contents.number,
        amount=refund.contents.amount,
        detail=f"payments has not answered {message.name}",
        owner=FINANCE_DESK,
    )
    return (StepUnanswered(step=REFUND, key=key, asks=asked.asks), failed)


def asked_again(state: RefundsState, key: str, context: Context) -> StepAskedAgain:
    """Payments are asked once more for a refund."""
    asks = state.asks[f"{REFUND}/{key}"].asks + 1
    return StepAskedAgain(step=REFUND, key=key, asks=asks, answer_by=context.now + ANSWER_WITHIN)


def _expired(refund: Refund) -> RefundDeclined:
    decision, decide_by = refund.contents, refund.decide_by
    assert decide_by is not None
    return RefundDeclined(
        refund=decision.refund,
        number=decision.number,
        amount=decision.amount,
        because=RefundDecline.EXPIRED,
        detail=f"nobody else decided by {decide_by:%Y-%m-%d %H:%M:%S} UTC",
    )


FOLD = Fold("refunds", 1, RefundsState(), evolve, react, deadlines_of)
