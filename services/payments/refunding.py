"""Giving back what was captured, to the tenders that paid it: those that were used last get theirs first."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.decider import Context
from contracts.ids import aggregate_id
from contracts.message import Event
from contracts.payments import (
    PaymentRefunded,
    RefundPayment,
    RefundRefusal,
    RefundRefused,
    RefundRepeated,
    RefundStarted,
    TenderRefund,
)
from services.payments.going_back import Refunding, freed_parts
from services.payments.methods import asks_others
from services.payments.payment_state import Payment

__all__ = ["refund"]


def refund(command: RefundPayment, state: Payment, context: Context) -> Sequence[Event]:
    """All of it, at once where nobody outside is asked; the same refund again gives back nothing more."""
    if (known := state.refunds.get(command.refund)) is not None:
        return [_known(command, known.amount.amount, context)]
    if (open_ := state.refunding.get(command.refund)) is not None:
        return _once_more(command, open_, state, context)
    if (refusal := _refusal(command, state)) is not None:
        return [_refused(command, context, *refusal)]
    parts = drawn(command, state, context)
    if any(asks_others(state.tenders[part.tender]) for part in parts):
        return [_started(command, parts, context)]
    return [
        PaymentRefunded(
            order_id=command.order_id,
            refund=command.refund,
            amount=command.amount,
            lines=command.lines,
            other=command.other,
            cause=command.cause,
            refunds=parts,
            refunded=state.money(state.refunded + command.amount.amount),
            captured=state.money(state.captured),
            reply_to=context.reply_to,
        )
    ]


def _once_more(command: RefundPayment, known: Refunding, state: Payment, context: Context) -> Sequence[Event]:
    """One that is under way is answered when it is done; one that was refused goes on with what did not go back."""
    if known.asked.amount != command.amount:
        return [_known(command, known.asked.amount.amount, context)]
    if not known.refused:
        return []
    if (detail := _gone(known, state)) is not None:
        refused = _refused(command, context, RefundRefusal.ABOVE_CAPTURED, detail)
        done = sum(part.amount.amount for part in known.asked.refunds if part.refund in known.done)
        return [refused.model_copy(update={"refunded_part": state.money(done)})]
    return [_started(command, known.asked.refunds, context)]


def _gone(known: Refunding, state: Payment) -> str | None:
    """Why a refund that was refused cannot go on: another one gave the money back meanwhile."""
    left = {row.capture: row.left for row in state.taken}
    for part in freed_parts(known):
        if part.amount.amount > left[part.capture]:
            return f"{part.amount.amount} of {left[part.capture]} minor units that other refunds and disputes have left"
    return None


def _started(command: RefundPayment, parts: tuple[TenderRefund, ...], context: Context) -> RefundStarted:
    return RefundStarted(
        order_id=command.order_id,
        refund=command.refund,
        amount=command.amount,
        lines=command.lines,
        other=command.other,
        cause=command.cause,
        refunds=parts,
        reply_to=context.reply_to,
    )


def _known(command: RefundPayment, known: int, context: Context) -> Event:
    if known != command.amount.amount:
        return _refused(command, context, RefundRefusal.CONFLICT, f"it is known as a refund of {known} minor units")
    return RefundRepeated(
        order_id=command.order_id, refund=command.refund, amount=command.amount, reply_to=context.reply_to
    )


def _refusal(command: RefundPayment, state: Payment) -> tuple[RefundRefusal, str] | None:
    """Why nothing can go back, and the detail for people; nothing when all can."""
    amount = command.amount
    if state.authorized is None or not state.captured:
        return RefundRefusal.NOT_CAPTURED, "nothing of this order was captured"
    if amount.currency != state.authorized.amount.currency:
        return RefundRefusal.WRONG_CURRENCY, f"{amount.currency}, of a payment in {state.authorized.amount.currency}"
    if amount.amount <= 0:
        return RefundRefusal.NO_AMOUNT, f"{amount.amount} minor units"
    left, lost = sum(row.left for row in state.taken), sum(row.lost for row in state.taken)
    kept = sum(row.amount - row.refunded for row in state.taken)
    if amount.amount > kept:
        return RefundRefusal.ABOVE_CAPTURED, f"{amount.amount} of {kept} minor units that are captured and not refunded"
    if amount.amount > left:
        return RefundRefusal.CHARGED_BACK, f"{amount.amount} of {left} minor units, as {lost} are lost in disputes"
    return None


def _refused(command: RefundPayment, context: Context, reason: RefundRefusal, detail: str) -> RefundRefused:
    return RefundRefused(
        order_id=command.order_id,
        refund=command.refund,
        amount=command.amount,
        reason=reason,
        detail=detail,
        reply_to=context.reply_to,
    )


def drawn(command: RefundPayment, state: Payment, context: Context) -> tuple[TenderRefund, ...]:
    """The amount, drawn on captures in the reverse order of their use: the tender of the highest rank first, and of
    each its last capture first."""
    assert state.authorized is not None, "a refund of what was never captured is refused before"
    tenders, wanted, parts = state.authorized.tenders, command.amount.amount, []
    newest_first = reversed(state.taken)
    for taken in sorted(newest_first, key=lambda one: (tenders[one.tender].rank, one.tender), reverse=True):
        if part := min(wanted, taken.left):
            wanted -= part
            tender = tenders[taken.tender]
            parts.append(
                TenderRefund(
                    refund=aggregate_id(context.tenant, "refund", context.stream, command.refund, taken.capture),
                    tender=taken.tender,
                    capture=taken.capture,
                    amount=state.money(part),
                    executor=tender.refunds_by,
                    reference=tender.reference,
                )
            )
    return tuple(parts)
