"""What a payment does next: asks a provider or a ledger for what is wanted and not yet asked for, and ends what all of is done.

Asked again after every handling, so whatever brings an outcome (a worker, a notice, a person, a deadline) need not know
what waits for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from chassis.decider import Context
from contracts.ids import provider_key
from contracts.message import Event
from contracts.payments import (
    CallStep,
    Capture,
    CardCaptureRequested,
    CardRefundRequested,
    PaymentCaptured,
    PaymentRefunded,
    ProviderCall,
    TenderRefund,
)
from services.payments.card_asking import authorization_request, void_request
from services.payments.card_calls import CallStage, Secured, raises, serves_several
from services.payments.going_back import Refunding
from services.payments.invoice_charges import ask
from services.payments.methods import by_ledger, by_provider
from services.payments.payment_state import Capturing, Payment
from services.payments.prepaid import give_back_unwanted
from services.payments.securing import secure, secure_more
from services.payments.transfers import unmatched
from services.payments.value_asking import put_back, release_unwanted, spend

__all__ = ["advance"]


def advance(state: Payment, context: Context) -> Sequence[Event]:
    """The next events; none when everything waits for others."""
    for step in (secure, secure_more, ask, _unmatched, _let_go, _take, _give_back):
        if events := tuple(step(state, context)):
            return events
    return ()


def _unmatched(state: Payment, context: Context) -> Iterator[Event]:
    """Money that came in and that nobody needs is somebody's to send back."""
    if state.transfers.idle:
        yield unmatched(_order(context), state.transfers)


def _order(context: Context) -> str:
    """The order's id, by which its payment's stream is named."""
    return context.stream.partition("/")[2]


# Letting go


def _let_go(state: Payment, context: Context) -> Iterator[Event]:
    """Void what is secured and nobody wants, and what still waits for the payer to confirm it; give back what was taken of it
    at the order."""
    number = 0
    for name, row in sorted(state.cards.secured.items()):
        if row.open and row.unwanted and not state.cards.capturing(name):
            amount = row.row.amount.model_copy(update={"amount": row.left + row.surplus})
            yield void_request(context, number, state, row.row.tender, name, amount, row.provider, row.row.reference)
            number += 1
    for _, each in sorted(state.cards.calls.items()):
        if each.given_up and each.stage is CallStage.ACTION_REQUIRED and not raises(each.call):
            call = each.call
            yield void_request(
                context, number, state, call.tender, call.authorization, call.amount, call.provider, each.reference
            )
            number += 1
    yield from give_back_unwanted(state, context, number)
    yield from release_unwanted(state, context)


# Taking


def _take(state: Payment, context: Context) -> Iterator[Event]:
    for _, each in sorted(state.capturing.items()):
        if each.refused:
            continue
        if events := tuple(_take_of(state, each, context)):
            yield from events
            return


def _take_of(state: Payment, each: Capturing, context: Context) -> Iterator[Event]:
    """Ask for the parts that are neither taken nor asked for; of all that are taken, say so."""
    asked, number, used = each.asked, 0, Counter[str]()
    cards = [part for part in asked.captures if by_provider(state.tenders[part.tender]) and not part.prepaid]
    open_ = [part for part in cards if part.capture not in each.done]
    for part in open_:
        if any(state.cards.call_for(part.capture, step) for step in (CallStep.AUTHORIZE, CallStep.CAPTURE)):
            continue
        row = _covering(state, part, used)
        if row is None:
            tender = state.tenders[part.tender]
            yield authorization_request(
                state, context, part.tender, tender, number, amount=part.amount, part=part.capture
            )
        else:
            taken = used[row.row.authorization]
            used[row.row.authorization] += part.amount.amount
            group = state.cards.groups + number
            call = ProviderCall(
                step=CallStep.CAPTURE,
                key=provider_key(context.stream, CallStep.CAPTURE, group),
                tender=part.tender,
                authorization=row.row.authorization,
                amount=part.amount,
                provider=row.provider,
                reference=row.row.reference,
                final=not taken and _last(state, part, row),
                part=part.capture,
            )
            yield CardCaptureRequested(order_id=asked.order_id, call=call)
        number += 1
    values = [
        part for part in asked.captures if by_ledger(state.tenders[part.tender]) and part.capture not in each.done
    ]
    for part in values:
        yield from spend(state, part, context)
    if not open_ and not values:
        yield PaymentCaptured(
            order_id=asked.order_id,
            fulfillment=asked.fulfillment,
            sequence=asked.sequence,
            amount=asked.amount,
            lines=asked.lines,
            other=asked.other,
            captures=tuple(_as_taken(part, each) for part in asked.captures),
            captured=state.money(state.captured + asked.amount.amount),
            remaining=state.money(state.left),
            reply_to=asked.reply_to,
        )


def _covering(state: Payment, part: Capture, used: Counter[str]) -> Secured | None:
    """The authorisation that a part is taken of, that which it was drawn on before others; `used` is what this handling
    takes of each, in minor units. One that serves one capture is used up by it."""
    found = []
    for row in state.cards.usable(part.tender):
        taken = used[row.row.authorization]
        if row.left - taken >= part.amount.amount and (serves_several(row.row) or not taken):
            found.append(row)
    return next((row for row in found if row.row.authorization == part.authorization), next(iter(found), None))


def _last(state: Payment, part: Capture, row: Secured) -> bool:
    """Nothing more is taken of an authorisation: neither later nor, of a tender of it, by another part that is under way
    and may come after. Where it serves one capture as far as is known, the rest is let go of with that."""
    name = row.row.authorization
    if state.cards.raising(name) or state.cards.capturing(name):
        return False
    if row.left == part.amount.amount or not serves_several(row.row):
        return True
    if any(state.remaining.get(str(tender)) for tender in row.tenders):
        return False
    under_way = (each for each in state.capturing.values() if not each.refused)
    others = [
        other
        for each in under_way
        for other in each.asked.captures
        if other.capture not in (*each.done, part.capture) and other.tender in row.tenders
    ]
    return all(state.cards.call_for(other.capture, CallStep.CAPTURE) for other in others)


def _as_taken(part: Capture, each: Capturing) -> Capture:
    return part.model_copy(update={"authorization": each.done.get(part.capture, part.authorization)})


# Giving back


def _give_back(state: Payment, context: Context) -> Iterator[Event]:
    for _, each in sorted(state.refunding.items()):
        if each.refused:
            continue
        if events := tuple(_give_back_of(state, each, context)):
            yield from events
            return


def _give_back_of(state: Payment, each: Refunding, context: Context) -> Iterator[Event]:
    """Ask for the parts that neither went back nor are asked for; of all that went back, say so."""
    asked, number = each.asked, 0
    open_ = [part for part in asked.refunds if by_provider(state.tenders[part.tender]) and part.refund not in each.done]
    for part in open_:
        if state.cards.call_for(part.refund, CallStep.REFUND) is not None:
            continue
        charge = state.cards.charges[part.capture]
        group = state.cards.groups + number
        call = ProviderCall(
            step=CallStep.REFUND,
            key=provider_key(context.stream, CallStep.REFUND, group),
            tender=part.tender,
            authorization=charge.authorization,
            amount=part.amount,
            provider=charge.provider,
            reference=charge.reference,
            part=part.refund,
        )
        yield CardRefundRequested(order_id=asked.order_id, call=call)
        number += 1
    values = [part for part in asked.refunds if by_ledger(state.tenders[part.tender]) and part.refund not in each.done]
    for part in values:
        yield from put_back(state, part, context)
    if not open_ and not values:
        yield PaymentRefunded(
            order_id=asked.order_id,
            refund=asked.refund,
            amount=asked.amount,
            lines=asked.lines,
            other=asked.other,
            cause=asked.cause,
            refunds=tuple(_as_returned(part, each) for part in asked.refunds),
            refunded=state.money(state.refunded + asked.amount.amount),
            captured=state.money(state.captured),
            reply_to=asked.reply_to,
        )


def _as_returned(part: TenderRefund, each: Refunding) -> TenderRefund:
    return part.model_copy(update={"reference": each.done.get(part.refund, part.reference)})
