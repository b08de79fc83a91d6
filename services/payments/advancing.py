"""What a payment does next: asks a provider or a ledger for what is wanted and not yet asked for, and ends what all of is done.

Asked again after every handling, so whatever brings an outcome (a worker, a notice, a person, a deadline) need not know
what waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chassis.decider import Context
from contracts.ids import aggregate_id, provider_key
from contracts.message import Event
from contracts.money import Money
from contracts.payments import (
    CallStep,
    Capture,
    CardAuthorizationRequested,
    CardCaptureRequested,
    CardRefundRequested,
    CardVoidRequested,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentRefunded,
    ProviderCall,
    TenderRefund,
)
from services.payments.authorizing import at_once
from services.payments.card_calls import CallStage, CardCall
from services.payments.methods import asks_others, by_ledger, by_provider, by_transfer
from services.payments.payment_state import Capturing, Payment, Refunding
from services.payments.transfers import await_transfer, unmatched
from services.payments.value_asking import hold_all, put_back, release_unwanted, spend

__all__ = ["REQUESTS", "advance", "authorization_request", "void_request"]

REQUESTS: dict[
    CallStep, type[CardAuthorizationRequested | CardCaptureRequested | CardVoidRequested | CardRefundRequested]
] = {
    CallStep.AUTHORIZE: CardAuthorizationRequested,
    CallStep.CAPTURE: CardCaptureRequested,
    CallStep.VOID: CardVoidRequested,
    CallStep.REFUND: CardRefundRequested,
}


def advance(state: Payment, context: Context) -> Sequence[Event]:
    """The next events; none when everything waits for others."""
    for step in (_secure, _unmatched, _let_go, _take, _give_back):
        if events := tuple(step(state, context)):
            return events
    return ()


# Securing


def _secure(state: Payment, context: Context) -> Iterator[Event]:
    """Ask for every tender of the round that nobody was asked for; when all are secured, say so."""
    started = state.started
    if started is None:
        return
    asked = {each.call.tender for each in state.cards.calls.values() if each.round == state.round and _first(each)}
    waiting = [place for place, tender in enumerate(started.tenders) if by_provider(tender)]
    for number, place in enumerate(place for place in waiting if place not in asked):
        yield authorization_request(state, context, place, number)
    yield from hold_all(state, context)
    sent = [place for place, tender in enumerate(started.tenders) if by_transfer(tender)]
    for place in sent:
        if str(place) not in state.transfers.received:
            yield await_transfer(started.order_id, place, started.tenders[place].amount, context)
    whole = all(state.transfers.received.get(str(place)) == started.tenders[place].amount.amount for place in sent)
    others = [place for place, tender in enumerate(started.tenders) if asks_others(tender)]
    if whole and all(str(place) in state.secured for place in others):
        rows = tuple(
            state.secured[str(place)] if asks_others(tender) else at_once(place, tender, context)
            for place, tender in enumerate(started.tenders)
        )
        yield PaymentAuthorized(
            order_id=started.order_id,
            amount=started.amount,
            tenders=started.tenders,
            authorizations=rows,
            reply_to=started.reply_to,
        )


def _unmatched(state: Payment, context: Context) -> Iterator[Event]:
    """Money that came in and that nobody needs is somebody's to send back."""
    if state.transfers.idle:
        yield unmatched(_order(context), state.transfers)


def _first(each: CardCall) -> bool:
    """A call that secures a tender for the order, not one for a capture alone."""
    return each.call.step is CallStep.AUTHORIZE and each.call.part is None


def authorization_request(
    state: Payment, context: Context, place: int, number: int = 0, amount: Money | None = None, part: str | None = None
) -> CardAuthorizationRequested:
    """Secure a tender, or a part of it for a capture, as a new attempt: the `number`-th of this handling."""
    tender = state.tenders[place]
    group = state.cards.groups + number
    call = ProviderCall(
        step=CallStep.AUTHORIZE,
        key=provider_key(context.stream, CallStep.AUTHORIZE, group),
        tender=place,
        authorization=aggregate_id(context.tenant, "authorization", context.stream, str(place), f"attempt-{group}"),
        amount=amount or tender.amount,
        provider=tender.provider,
        token=tender.reference,
        part=part,
    )
    return CardAuthorizationRequested(order_id=_order(context), call=call)


def _order(context: Context) -> str:
    """The order's id, by which its payment's stream is named."""
    return context.stream.partition("/")[2]


# Letting go


def _let_go(state: Payment, context: Context) -> Iterator[Event]:
    """Void what is secured and nobody wants, and what still waits for the payer to confirm it."""
    number = 0
    for name, row in sorted(state.cards.secured.items()):
        if row.open and row.unwanted and not state.cards.capturing(name):
            amount = row.row.amount.model_copy(update={"amount": row.left})
            yield void_request(context, number, state, row.row.tender, name, amount, row.provider, row.row.reference)
            number += 1
    for _, each in sorted(state.cards.calls.items()):
        if each.given_up and each.stage is CallStage.ACTION_REQUIRED:
            call = each.call
            yield void_request(
                context, number, state, call.tender, call.authorization, call.amount, call.provider, each.reference
            )
            number += 1
    yield from release_unwanted(state, context)


def void_request(
    context: Context,
    number: int,
    state: Payment,
    tender: int,
    authorization: str,
    amount: Money,
    provider: str | None,
    reference: str | None,
) -> CardVoidRequested:
    """Let go of an authorisation: the `number`-th attempt of this handling."""
    group = state.cards.groups + number
    call = ProviderCall(
        step=CallStep.VOID,
        key=provider_key(context.stream, CallStep.VOID, group),
        tender=tender,
        authorization=authorization,
        amount=amount,
        provider=provider,
        reference=reference,
    )
    return CardVoidRequested(order_id=_order(context), call=call)


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
    asked, number = each.asked, 0
    open_ = [
        part for part in asked.captures if by_provider(state.tenders[part.tender]) and part.capture not in each.done
    ]
    for part in open_:
        if any(state.cards.call_for(part.capture, step) for step in (CallStep.AUTHORIZE, CallStep.CAPTURE)):
            continue
        row = state.cards.usable(part.tender, part.amount.amount)
        if row is None:
            yield authorization_request(state, context, part.tender, number, part.amount, part.capture)
        else:
            group = state.cards.groups + number
            call = ProviderCall(
                step=CallStep.CAPTURE,
                key=provider_key(context.stream, CallStep.CAPTURE, group),
                tender=part.tender,
                authorization=row.row.authorization,
                amount=part.amount,
                provider=row.provider,
                reference=row.row.reference,
                final=_last(state, each, part.tender),
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


def _last(state: Payment, each: Capturing, tender: int) -> bool:
    """Nothing more is taken of a tender: neither later, nor by another capture that is under way and may come after."""
    others = (other for other in state.capturing.values() if other is not each and not other.refused)
    parts = (part for other in others for part in other.asked.captures if part.capture not in other.done)
    return not state.remaining.get(str(tender)) and all(part.tender != tender for part in parts)


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
