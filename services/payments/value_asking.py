"""What a payment asks of ledgers of stored value: to hold, spend, release and take back; and how it is sent to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chassis.decider import Context, Send
from contracts.ids import aggregate_id, split_stream, stream
from contracts.message import Command
from contracts.money import Tender
from contracts.payments import (
    CallStep,
    Capture,
    HoldValue,
    IncreaseStarted,
    IssueCause,
    IssueValue,
    RedeemValue,
    ReleaseValue,
    StoredValueRequested,
    TenderRefund,
    ValueKind,
    ValuePart,
)
from contracts.payments.gift_codes import STORED_VALUE
from services.payments.methods import by_ledger
from services.payments.payment_state import Payment
from services.payments.value_calls import call_key

__all__ = ["ask", "hold_all", "hold_more", "order_of", "put_back", "release_unwanted", "spend"]


def hold_all(state: Payment, context: Context) -> Iterator[StoredValueRequested]:
    """Hold what the tenders of the round are to pay; nothing twice."""
    yield from _hold(state, state.tenders, f"value-{state.round}", context)


def hold_more(state: Payment, asked: IncreaseStarted, context: Context) -> Iterator[StoredValueRequested]:
    """Hold what the tenders of an increase are to pay; nothing twice."""
    yield from _hold(state, asked.tenders, f"increase-{asked.increase}", context, asked.increase)


def _hold(
    state: Payment, tenders: Sequence[Tender], attempt: str, context: Context, increase: str | None = None
) -> Iterator[StoredValueRequested]:
    for place, tender in enumerate(tenders):
        if not by_ledger(tender):
            continue
        name = aggregate_id(context.tenant, "authorization", context.stream, str(place), attempt)
        if state.values.call(CallStep.AUTHORIZE, name) is None:
            assert tender.reference is not None, "a tender without its ledger is declined before"
            part = ValuePart(
                step=CallStep.AUTHORIZE,
                kind=ValueKind(tender.method),
                value=tender.reference,
                tender=place,
                authorization=name,
                amount=tender.amount,
                increase=increase,
            )
            yield _asked(part, context)


def spend(state: Payment, part: Capture, context: Context) -> Iterator[StoredValueRequested]:
    """Spend a part of a capture out of its hold, unless that is asked for."""
    if state.values.wants(CallStep.CAPTURE, part.capture):
        held = state.values.holds[part.authorization].asked
        more = {"step": CallStep.CAPTURE, "amount": part.amount, "part": part.capture}
        yield _asked(held.model_copy(update=more), context)


def put_back(state: Payment, part: TenderRefund, context: Context) -> Iterator[StoredValueRequested]:
    """Give a part of a refund back to the ledger that paid it, unless that is asked for."""
    if state.values.wants(CallStep.REFUND, part.refund):
        spent = state.values.calls[call_key(CallStep.CAPTURE, part.capture)].asked
        more = {"step": CallStep.REFUND, "amount": part.amount, "part": part.refund}
        yield _asked(spent.model_copy(update=more), context)


def release_unwanted(state: Payment, context: Context) -> Iterator[StoredValueRequested]:
    """Release what nobody wants, held or still to be held; not while a part of it is being spent."""
    for name, hold in sorted(state.values.holds.items()):
        if hold.unwanted and hold.left and not state.values.spending(name):
            amount = hold.asked.amount.model_copy(update={"amount": hold.left})
            yield _asked(hold.asked.model_copy(update={"step": CallStep.VOID, "amount": amount}), context)


def order_of(context: Context) -> str:
    """The order's id, by which its payment's stream is named."""
    return split_stream(context.stream)[1]


def _asked(part: ValuePart, context: Context) -> StoredValueRequested:
    return StoredValueRequested(order_id=order_of(context), asked=part)


def ask(event: StoredValueRequested) -> Send:
    """The command to the ledger, which answers the payment."""
    return Send("payments", stream(STORED_VALUE, event.asked.value), _command(event), wants_answer=True)


def _command(event: StoredValueRequested) -> Command:
    asked, order_id = event.asked, event.order_id
    match asked.step:
        case CallStep.AUTHORIZE:
            return HoldValue(hold=asked.authorization, order_id=order_id, amount=asked.amount)
        case CallStep.VOID:
            return ReleaseValue(hold=asked.authorization, order_id=order_id)
    assert asked.part is not None, "what is spent or given back is a part of something"
    if asked.step is CallStep.CAPTURE:
        return RedeemValue(hold=asked.authorization, capture=asked.part, order_id=order_id, amount=asked.amount)
    return IssueValue(
        kind=asked.kind, entry=asked.part, amount=asked.amount, cause=IssueCause.REFUND, order_id=order_id
    )
