"""Invoices that are charged to a card on file: what of that a payment asks its provider for, and what came of it.

State, evolve and deciders of a part of the payment. A charge is secured and taken whole, belongs to no capture of the order
(their money is on account), and is told to its invoice; what the invoice does not need goes back out of it. When and how much is
to be charged the invoice says (collecting.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.decider import Context, Send
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.ids import aggregate_id, provider_key, split_stream, stream
from contracts.message import Event
from contracts.money import Money
from contracts.payments import (
    CallStep,
    CardAuthorizationRequested,
    CardCaptureRequested,
    CardDecline,
    ProviderCall,
)
from contracts.payments.collecting import (
    ChargeMatched,
    ChargeUnneeded,
    CollectInvoice,
    CollectionFailed,
    CollectionFailure,
    CollectionStarted,
    CollectionTaken,
    ReturnCollected,
)
from contracts.payments.receivables import InvoicePaid, PaymentNotTaken, RecordPaymentReceived

if TYPE_CHECKING:
    from services.payments.payment_state import Payment

__all__ = [
    "InvoiceCharge",
    "InvoiceCharges",
    "ask",
    "collect",
    "evolve",
    "failed",
    "give_back",
    "matched",
    "not_matched",
    "tell",
]


@dataclass(frozen=True, slots=True)
class InvoiceCharge:
    """A charge of an invoice as it was `asked` for: `open` until it is taken or failed, `told` once the invoice hears that
    it was taken. `returns` counts how often the invoice said that it needs less of it."""

    asked: CollectionStarted
    open: bool = True
    told: bool = False
    returns: int = 0


InvoiceCharges = HashTrieMap[str, InvoiceCharge]
"""The charges of invoices by our ids of them."""


# Evolve


def evolve(charges: InvoiceCharges, event: Event) -> InvoiceCharges:
    """The charges after one more event of the payment."""
    match event:
        case CollectionStarted():
            return charges.insert(event.charge, InvoiceCharge(event))
        case CollectionTaken():
            return charges.insert(event.charge, replace(charges[event.charge], open=False, told=True))
        case CollectionFailed():
            for charge, each in charges.items():
                if (each.asked.invoice, each.asked.attempt) == (event.invoice, event.attempt):
                    return charges.insert(charge, replace(each, open=False))
        case ChargeUnneeded():
            return charges.insert(event.charge, replace(charges[event.charge], returns=event.number))
    return charges


# Decide


def collect(command: CollectInvoice, state: Payment, context: Context) -> Sequence[Event]:
    """Charge an invoice to the card that its tender names; asked for again it is the same charge."""
    names = (context.stream, "collection", command.invoice, str(command.attempt))
    charge = aggregate_id(context.tenant, "capture", *names)
    if charge in state.invoice_charges:
        return []
    said = {name: getattr(command, name) for name in ("order_id", "invoice", "attempt", "amount")}
    if command.tender >= len(state.tenders) or not state.tenders[command.tender].card_on_file:
        return [CollectionFailed(**said, reason=CollectionFailure.NO_CARD, reply_to=context.reply_to)]
    return [CollectionStarted(**said, tender=command.tender, charge=charge, reply_to=context.reply_to)]


def failed(state: Payment, call: ProviderCall, card: CardDecline, soft: bool) -> Sequence[CollectionFailed]:
    """The provider, or the payer's time, said no to a charge; nothing where its invoice knows that already."""
    each = state.invoice_charges[call.part or ""]
    if not each.open:
        return []
    return [
        CollectionFailed(
            order_id=each.asked.order_id,
            invoice=each.asked.invoice,
            attempt=each.asked.attempt,
            amount=each.asked.amount,
            reason=CollectionFailure.CARD_DECLINED,
            card=card,
            soft=soft,
            reply_to=each.asked.reply_to,
        )
    ]


def matched(answer: InvoicePaid, state: Payment, context: Context) -> Sequence[Event]:
    """The invoice took what was open of it."""
    return _matched(answer, answer.amount, state)


def not_matched(answer: PaymentNotTaken, state: Payment, context: Context) -> Sequence[Event]:
    """Nothing of the invoice was open any more: somebody else paid it meanwhile."""
    return _matched(answer, answer.amount.model_copy(update={"amount": 0}), state)


def _matched(answer: InvoicePaid | PaymentNotTaken, amount: Money, state: Payment) -> Sequence[Event]:
    asked = state.invoice_charges[answer.entry].asked
    return [ChargeMatched(order_id=asked.order_id, invoice=asked.invoice, charge=answer.entry, amount=amount)]


def give_back(command: ReturnCollected, state: Payment, context: Context) -> Sequence[Event]:
    """The invoice needs less of a charge than it took; told again it is the same."""
    if command.number <= state.invoice_charges[command.charge].returns:
        return []
    names = ("order_id", "invoice", "charge", "number", "amount")
    return [ChargeUnneeded(**{name: getattr(command, name) for name in names})]


# What is asked, and told


def ask(state: Payment, context: Context) -> Iterator[Event]:
    """Secure and take each charge that is wanted and not asked for; of one that is taken, say so."""
    number = 0
    for charge, each in sorted(state.invoice_charges.items()):
        name = aggregate_id(context.tenant, "authorization", context.stream, charge)
        row = state.prepaid.get(name)
        if row is not None and row.taken and not each.told:
            yield _taken(state, each, context)
        elif row is None and each.open and name in state.cards.secured:
            yield _capture(state, each, context, name, number)
            number += 1
        elif each.open and not any(known.call.authorization == name for known in state.cards.calls.values()):
            yield _authorization(state, each, context, name, number)
            number += 1


def _authorization(
    state: Payment, each: InvoiceCharge, context: Context, name: str, number: int
) -> CardAuthorizationRequested:
    tender = state.tenders[each.asked.tender]
    call = ProviderCall(
        step=CallStep.AUTHORIZE,
        key=provider_key(context.stream, CallStep.AUTHORIZE, state.cards.groups + number),
        tender=each.asked.tender,
        authorization=name,
        amount=each.asked.amount,
        provider=tender.provider,
        token=tender.card_on_file,
        part=each.asked.charge,
        collection=True,
    )
    return CardAuthorizationRequested(order_id=split_stream(context.stream)[1], call=call)


def _capture(state: Payment, each: InvoiceCharge, context: Context, name: str, number: int) -> CardCaptureRequested:
    secured = state.cards.secured[name]
    call = ProviderCall(
        step=CallStep.CAPTURE,
        key=provider_key(context.stream, CallStep.CAPTURE, state.cards.groups + number),
        tender=each.asked.tender,
        authorization=name,
        amount=each.asked.amount,
        provider=secured.provider,
        reference=secured.row.reference,
        final=True,
        part=each.asked.charge,
        prepaid=True,
        collection=True,
    )
    return CardCaptureRequested(order_id=split_stream(context.stream)[1], call=call)


def _taken(state: Payment, each: InvoiceCharge, context: Context) -> CollectionTaken:
    return CollectionTaken(
        order_id=each.asked.order_id,
        invoice=each.asked.invoice,
        attempt=each.asked.attempt,
        charge=each.asked.charge,
        provider=state.cards.charges[each.asked.charge].provider,
        amount=each.asked.amount,
        booked_on=context.now.date(),
    )


def tell(event: CollectionTaken) -> Send:
    """The invoice hears what was taken for it, and answers how much of that it needs."""
    received = RecordPaymentReceived(
        account=event.provider,
        entry=event.charge,
        amount=event.amount,
        booked_on=event.booked_on,
        collected=event.attempt,
    )
    return Send("payments", stream("invoice", event.invoice), received, wants_answer=True)
