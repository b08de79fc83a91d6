"""The refund saga: what was granted is paid back by payments, or becomes an exception that somebody owns.

It folds the order's own stream and outlives the order. Here are the table, what goes out, and what is made of answers
and of silence; its state is in refund_state.py, the amounts in refunding.py, the wishes of people in refund_granting.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chassis.decider import Context, Fold, Outgoing, Send
from chassis.saga import Step, ask, asked_by, asking, name_of
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
    IssueCause,
    IssueValue,
    PaymentRefunded,
    RefundPayment,
    RefundRefusal,
    RefundRefused,
    RefundRepeated,
    RefundReversed,
    TenderRefund,
    ValueIssued,
    ValueKind,
    ValueRefused,
    ValueRepeated,
)
from contracts.payments.gift_codes import STORED_VALUE, store_credit_id
from services.order.refund_state import (
    ANSWER_WITHIN,
    CREDIT,
    PROPOSAL,
    REFUND,
    Refund,
    RefundsState,
    RefundStage,
    deadlines_of,
    evolve,
    step_of,
)

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["FINANCE_DESK", "FOLD", "STEPS", "asked_again", "deadline", "decide"]

FINANCE_DESK = "finance_desk"
"""Who looks after refunds that failed, until roles say otherwise."""


ASKS_MAX = 4
"""How often payments are asked before a person is."""


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


def _credit(state: OrderStream, key: str) -> Sequence[Send]:
    """The customer's own ledger gets it, once, under the refund's id."""
    decision, terms = state.refunds.refunds[key].contents, state.order.terms
    if terms.customer is None:
        return ()
    whose, currency = terms.customer, decision.amount.currency
    message = IssueValue(
        kind=ValueKind.STORE_CREDIT,
        entry=key,
        amount=decision.amount,
        cause=IssueCause.REFUND,
        issuer=whose.issuer,
        customer=whose.id,
        order_id=terms.order_id,
    )
    ledger = store_credit_id(terms.tenant, whose.issuer, whose.id, currency)
    return [Send("payments", stream(STORED_VALUE, ledger), message, wants_answer=True)]


STEPS: Mapping[str, Step] = {
    CREDIT: Step(
        name=CREDIT,
        when="a refund is granted that goes to the customer's store credit",
        asked_by=RefundGranted,
        keys=lambda event: (event.refund,) if step_of(event) == CREDIT else (),
        service="payments",
        sends=IssueValue,
        answers=(ValueIssued, ValueRepeated, ValueRefused),
        answer_within=ANSWER_WITHIN,
        asks_max=ASKS_MAX,
        on_silence=f"RefundFailed, which the {FINANCE_DESK} looks after",
        ask=_credit,
    ),
    REFUND: Step(
        name=REFUND,
        when="a refund is granted that goes back the way it was paid: units come back or need not, or the customer is appeased",
        asked_by=RefundGranted,
        keys=lambda event: (event.refund,) if step_of(event) == REFUND else (),
        service="payments",
        sends=RefundPayment,
        answers=(PaymentRefunded, RefundRepeated, RefundRefused),
        answer_within=ANSWER_WITHIN,
        asks_max=ASKS_MAX,
        on_silence=f"RefundFailed, which the {FINANCE_DESK} looks after",
        ask=_refund,
    ),
}

_ASKING = asking(STEPS)


def react(state: OrderStream, event: Event) -> Sequence[Outgoing]:
    """The message of a refund that was granted, or that is asked for again."""
    if isinstance(event, StepAskedAgain):
        return ask(STEPS, event.step, event.key, state)
    return asked_by(_ASKING, event, state)


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
    return (Refunded(**{name: getattr(decision, name) for name in names}, refunds=parts, again=refund.told),)


def _on_refused(message: RefundRefused, state: OrderStream, context: Context) -> Sequence[Event]:
    refund = state.refunds.refunds.get(message.refund)
    return _failed(refund, message.detail, message.reason, message.refunded_part)


def _failed(
    refund: Refund | None, detail: str | None, why: RefundRefusal | None = None, part: Money | None = None
) -> Sequence[Event]:
    """Also once it has failed by silence: the answer that came late says that nothing more is to come."""
    if refund is None or not (refund.stage is RefundStage.GRANTED or refund.unanswered):
        return ()
    failed = RefundFailed(
        refund=refund.contents.refund,
        number=refund.contents.number,
        amount=refund.contents.amount,
        refunded_part=part,
        why=why,
        detail=detail,
        owner=FINANCE_DESK,
    )
    return (failed,)


def _on_reversed(message: RefundReversed, state: OrderStream, context: Context) -> Sequence[Event]:
    """What was back is not any more: somebody has it tried again."""
    refund = state.refunds.refunds.get(message.refund)
    if refund is None or not refund.granted:
        return ()
    still = sum(part.amount.amount for part in message.refunds)
    failed = RefundFailed(
        refund=message.refund,
        number=refund.contents.number,
        amount=refund.contents.amount,
        refunded_part=message.reversed.amount.model_copy(update={"amount": still}) if still else None,
        taken_back=message.reversed.amount,
        why=RefundRefusal.PROVIDER,
        detail=f"{message.provider} took it back after it was paid" + (f": {message.code}" if message.code else ""),
        owner=FINANCE_DESK,
    )
    return (failed,)


def _on_issued(message: ValueIssued, state: OrderStream, context: Context) -> Sequence[Event]:
    return _paid_back(state.refunds.refunds.get(message.entry), ())


def _on_issued_before(message: ValueRepeated, state: OrderStream, context: Context) -> Sequence[Event]:
    return _paid_back(state.refunds.refunds.get(message.about), ())


def _on_not_issued(message: ValueRefused, state: OrderStream, context: Context) -> Sequence[Event]:
    refund = state.refunds.refunds.get(message.about or "")
    return _failed(refund, f"the customer's store credit does not take it: {message.reason}")


decide: Mapping[type[Message], Any] = {
    PaymentRefunded: _on_refunded,
    RefundRepeated: _on_repeated,
    RefundRefused: _on_refused,
    RefundReversed: _on_reversed,
    ValueIssued: _on_issued,
    ValueRepeated: _on_issued_before,
    ValueRefused: _on_not_issued,
}


# Silence


def deadline(message: DeadlinePassed, state: RefundsState, context: Context) -> Sequence[Event] | None:
    """What comes of a deadline of a refund, also of an order that has ended; None for the deadline of another fold."""
    step, _, key = message.name.partition("/")
    if step not in (REFUND, CREDIT, PROPOSAL):
        return None
    refund = state.refunds.get(key)
    if refund is None or deadlines_of(state).get(message.name) != message.due:
        return ()
    if step == PROPOSAL:
        return (_expired(refund),)
    asked = state.asks[message.name]
    if asked.asks < STEPS[step].asks_max:
        return (asked_again(state, key, context),)
    failed = _failed(refund, f"payments has not answered {message.name}")
    return (StepUnanswered(step=step, key=key, asks=asked.asks), *failed)


def asked_again(state: RefundsState, key: str, context: Context) -> StepAskedAgain:
    """Payments are asked once more for a refund."""
    step = step_of(state.refunds[key].contents)
    asks = state.asks[name_of(step, key)].asks + 1
    return StepAskedAgain(step=step, key=key, asks=asks, answer_by=context.now + ANSWER_WITHIN)


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


FOLD = Fold("refunds", 3, RefundsState(), evolve, react, deadlines_of)
