"""Taking the money for what was fulfilled: drawn on the tenders by rank, never above what is secured of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from chassis.decider import Context
from contracts.ids import aggregate_id
from contracts.message import Event
from contracts.payments import (
    Capture,
    CapturePayment,
    CaptureRefusal,
    CaptureRefused,
    CaptureRepeated,
    CaptureStarted,
    PaymentCaptured,
)
from services.payments.methods import asks_others
from services.payments.payment_state import Capturing, Payment, capture_key
from services.payments.prepaid import usable

__all__ = ["capture"]


def capture(command: CapturePayment, state: Payment, context: Context) -> Sequence[Event]:
    """All of it, at once where nobody outside is asked; the same capture again takes nothing."""
    if (known := state.captures.get(capture_key(command))) is not None:
        return [_repeated(command, known, context)]
    if (open_ := state.capturing.get(capture_key(command))) is not None:
        return _once_more(command, open_, context)
    if (reason := _capture_refusal(command, state)) is not None:
        return [_capture_refused(command, state, context, reason)]
    parts = _drawn(command, state, context)
    if any(asks_others(state.tenders[part.tender]) and not part.prepaid for part in parts):
        return [_started(command, parts, context)]
    return [
        PaymentCaptured(
            order_id=command.order_id,
            fulfillment=command.fulfillment,
            sequence=command.sequence,
            amount=command.amount,
            lines=command.lines,
            other=command.other,
            captures=parts,
            captured=state.money(state.captured + command.amount.amount),
            remaining=state.money(state.left - command.amount.amount),
            reply_to=context.reply_to,
        )
    ]


def _once_more(command: CapturePayment, known: Capturing, context: Context) -> Sequence[Event]:
    """One that is under way is answered when it is done; one that was refused goes on with what is not yet taken."""
    if known.asked.amount != command.amount:
        return [_repeated(command, known.asked.amount.amount, context)]
    return [_started(command, known.asked.captures, context)] if known.refused else []


def _started(command: CapturePayment, parts: tuple[Capture, ...], context: Context) -> CaptureStarted:
    return CaptureStarted(
        order_id=command.order_id,
        fulfillment=command.fulfillment,
        sequence=command.sequence,
        amount=command.amount,
        lines=command.lines,
        other=command.other,
        captures=parts,
        reply_to=context.reply_to,
    )


def _repeated(command: CapturePayment, known: int, context: Context) -> Event:
    named: dict[str, Any] = {
        "order_id": command.order_id,
        "fulfillment": command.fulfillment,
        "sequence": command.sequence,
        "amount": command.amount,
        "reply_to": context.reply_to,
    }
    if known == command.amount.amount:
        return CaptureRepeated(**named)
    return CaptureRefused(**named, reason=CaptureRefusal.CONFLICT)


def _capture_refusal(command: CapturePayment, state: Payment) -> CaptureRefusal | None:
    if state.voided:
        return CaptureRefusal.VOIDED
    if state.authorized is None:
        return CaptureRefusal.NOT_AUTHORIZED
    if command.amount.currency != state.authorized.amount.currency:
        return CaptureRefusal.WRONG_CURRENCY
    if not 0 <= command.amount.amount <= state.left:
        return CaptureRefusal.ABOVE_AUTHORIZED
    return None


def _capture_refused(
    command: CapturePayment, state: Payment, context: Context, reason: CaptureRefusal
) -> CaptureRefused:
    return CaptureRefused(
        order_id=command.order_id,
        fulfillment=command.fulfillment,
        sequence=command.sequence,
        amount=command.amount,
        reason=reason,
        remaining=None if state.authorized is None else state.money(state.left),
        reply_to=context.reply_to,
    )


def _drawn(command: CapturePayment, state: Payment, context: Context) -> tuple[Capture, ...]:
    """The amount, drawn on the tenders by rank; those of one rank in the order they were given."""
    assert state.authorized is not None, "a capture of what was never authorised is refused before"
    tenders = state.authorized.tenders
    wanted, captures, used = command.amount.amount, [], Counter[str]()
    for row in sorted(
        state.authorized.authorizations,
        key=lambda row: (tenders[row.tender].rank, row.tender),
    ):
        drawn = min(wanted, state.remaining.get(str(row.tender), 0))
        if not drawn:
            continue
        wanted -= drawn
        named = (context.stream, command.fulfillment, str(command.sequence), str(row.tender))
        for number, (source, amount) in enumerate(_sources(state, row.tender, drawn, used)):
            used[source or ""] += amount
            key = (*named, source or "anew") if number else named
            captures.append(
                Capture(
                    capture=aggregate_id(context.tenant, "capture", *key),
                    tender=row.tender,
                    authorization=source or row.authorization,
                    amount=state.money(amount),
                    prepaid=source is not None and source in state.prepaid,
                )
            )
    return tuple(captures)


def _sources(state: Payment, tender: int, amount: int, used: Counter[str]) -> list[tuple[str | None, int]]:
    """What is taken of which authorisation, charge at the order or hold of a tender: of one that covers it, else of several. What none of them
    has is secured anew (None). `used` is what the same capture takes of each for other tenders."""
    have = {each.row.authorization: each.left for each in state.cards.usable(tender)}
    have |= usable(state.prepaid, tender)
    have |= {each.asked.authorization: each.left for each in state.values.usable(tender)}
    have = {name: left - used[name] for name, left in have.items() if left > used[name]}
    for name, left in have.items():
        if left >= amount:
            return [(name, amount)]
    found: list[tuple[str | None, int]] = []
    for name, left in have.items():
        part = min(amount, left)
        amount -= part
        found.append((name, part))
    return [*found, (None, amount)] if amount else found
