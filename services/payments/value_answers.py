"""What a payment does with the answers of ledgers of stored value. Late or twice they change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chassis.decider import Context
from contracts.message import Event
from contracts.payments import (
    CallStep,
    CaptureRefusal,
    DeclineReason,
    HoldValue,
    IssueValue,
    RedeemValue,
    RefundRefusal,
    ReleaseValue,
    StoredValueDeclined,
    StoredValueMoved,
    ValueHeld,
    ValueIssued,
    ValueRedeemed,
    ValueRefused,
    ValueReleased,
    ValueRepeated,
)
from services.payments.endings import capture_refused, increase_declined, payment_declined, refund_refused
from services.payments.payment_state import Payment
from services.payments.value_asking import order_of
from services.payments.value_calls import ValueCall

__all__ = ["held", "issued", "redeemed", "refused", "released", "repeated"]

STEPS: Mapping[str, CallStep] = {
    HoldValue.__name__: CallStep.AUTHORIZE,
    RedeemValue.__name__: CallStep.CAPTURE,
    ReleaseValue.__name__: CallStep.VOID,
    IssueValue.__name__: CallStep.REFUND,
}
"""What was asked for, by the command's name."""


def held(message: ValueHeld, state: Payment, context: Context) -> Sequence[Event]:
    """The ledger keeps it for the order."""
    return _moved(CallStep.AUTHORIZE, message.hold, message.value, state, context)


def redeemed(message: ValueRedeemed, state: Payment, context: Context) -> Sequence[Event]:
    """It is spent."""
    return _moved(CallStep.CAPTURE, message.capture, message.value, state, context)


def released(message: ValueReleased, state: Payment, context: Context) -> Sequence[Event]:
    """It may be spent by others again."""
    return _moved(CallStep.VOID, message.hold, message.value, state, context)


def issued(message: ValueIssued, state: Payment, context: Context) -> Sequence[Event]:
    """It is back in the ledger."""
    return _moved(CallStep.REFUND, message.entry, message.value, state, context)


def repeated(message: ValueRepeated, state: Payment, context: Context) -> Sequence[Event]:
    """It was done before."""
    return _moved(STEPS.get(message.request), message.about, message.value, state, context)


def _open(step: CallStep | None, about: str | None, value: str, state: Payment) -> ValueCall | None:
    """The request that is answered, if its answer is still waited for."""
    known = state.values.call(step, about) if step is not None and about is not None else None
    return known if known is not None and known.open and known.asked.value == value else None


def _moved(step: CallStep | None, about: str, value: str, state: Payment, context: Context) -> Sequence[Event]:
    known = _open(step, about, value, state)
    return [] if known is None else [StoredValueMoved(order_id=order_of(context), asked=known.asked)]


def refused(message: ValueRefused, state: Payment, context: Context) -> Sequence[Event]:
    """The ledger did not do it: what waits for it is declined or refused."""
    known = _open(STEPS.get(message.request), message.about, message.value, state)
    if known is None:
        return []
    asked = known.asked
    said = StoredValueDeclined(order_id=order_of(context), asked=asked, reason=message.reason)
    match asked.step:
        case CallStep.AUTHORIZE if asked.increase is not None:
            return [said, *increase_declined(state, asked.increase, DeclineReason.VALUE_REFUSED, message.reason)]
        case CallStep.AUTHORIZE:
            return [said, *payment_declined(state, DeclineReason.VALUE_REFUSED, message.reason)]
        case CallStep.CAPTURE:
            return [said, *capture_refused(state, asked.part, CaptureRefusal.VALUE_REFUSED)]
        case CallStep.REFUND:
            return [said, *refund_refused(state, asked.part, RefundRefusal.VALUE_REFUSED, message.reason)]
    return [said]
