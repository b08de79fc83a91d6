"""What the provider took and no capture asked it for: of cards that are charged at the order, before anything left, and for
invoices; what of it is drawn on or given back.

State and evolve of a part of the payment, and what is asked for it. Captures draw on what was taken at the order as goods
leave, without asking anybody; of what was taken for an invoice (invoice_charges.py) the invoice says how much it needs. What
nobody wants of a charge goes back out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.decider import Context
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.ids import aggregate_id, provider_key, split_stream
from contracts.message import Event
from contracts.money import CaptureTime, Tender
from contracts.payments import (
    Authorization,
    CallStep,
    Capture,
    CardCaptured,
    CardCaptureRequested,
    CardDeclined,
    CardRefundRequested,
    ProviderCall,
)
from contracts.payments.collecting import ChargeMatched, ChargeUnneeded
from services.payments.card_calls import Cards
from services.payments.methods import by_provider

if TYPE_CHECKING:
    from services.payments.payment_state import Payment

__all__ = [
    "Charges",
    "Prepaid",
    "at_order",
    "charge",
    "charged",
    "draw",
    "evolve",
    "give_back_unwanted",
    "held",
    "unwanted",
    "usable",
]


@dataclass(frozen=True, slots=True)
class Prepaid:
    """A charge of one authorisation, whole: `charge` is our id of it, `left` (minor units) what no capture has drawn on, or
    its invoice needs, and what is not asked back. `taken` once the provider said so; what nobody wants any more is
    `unwanted` and goes back: of a `collection` what is left once its invoice answered. `returns` counts how often that
    needed less of it."""

    charge: str
    tender: int
    left: int
    increase: str | None = None
    taken: bool = False
    unwanted: bool = False
    collection: bool = False
    returns: int = 0


Charges = HashTrieMap[str, Prepaid]
"""The charges by our id of their authorisation."""


def at_order(tender: Tender) -> bool:
    """Whether the money of a tender is taken once all of the order is secured, before anything leaves."""
    return by_provider(tender) and tender.capture is CaptureTime.AT_ORDER and tender.amount.amount > 0


def usable(charges: Charges, tender: int) -> dict[str, int]:
    """What is left, by authorisation, of what was taken of a tender and is wanted."""
    rows = sorted(charges.items())
    return {
        name: row.left
        for name, row in rows
        if row.tender == tender and row.taken and not row.unwanted and not row.collection and row.left
    }


def held(charges: Charges) -> int:
    """What the provider took that no capture has drawn on and nobody asked back, in minor units."""
    return sum(row.left for row in charges.values() if row.taken)


# Evolve


def evolve(charges: Charges, event: Event, cards: Cards) -> Charges:
    """The charges after one more event of the payment; `cards` are its calls."""
    match event:
        case CardCaptureRequested(call=call) if call.prepaid and call.part and call.authorization not in charges:
            row = Prepaid(call.part, call.tender, call.amount.amount, call.increase, collection=call.collection)
            return charges.insert(call.authorization, row)
        case CardCaptured(prepaid=True):
            return charges.insert(event.authorization, replace(charges[event.authorization], taken=True))
        case CardRefundRequested(call=call, tries=1) if call.prepaid:
            return _left(charges, call.authorization, -call.amount.amount)
        case CardDeclined():
            call = cards.calls[event.key].call
            if call.prepaid and call.step is CallStep.REFUND:
                return _left(charges, call.authorization, call.amount.amount)
            if call.prepaid and not call.collection:
                return charges.insert(call.authorization, replace(charges[call.authorization], unwanted=True))
        case ChargeMatched():
            name = cards.charges[event.charge].authorization
            return _left(charges.insert(name, replace(charges[name], unwanted=True)), name, -event.amount.amount)
        case ChargeUnneeded():
            name = cards.charges[event.charge].authorization
            return _left(charges.insert(name, replace(charges[name], returns=event.number)), name, event.amount.amount)
    return charges


def _left(charges: Charges, authorization: str, more: int) -> Charges:
    row = charges[authorization]
    return charges.insert(authorization, replace(row, left=row.left + more))


def unwanted(charges: Charges, increase: str | None = None) -> Charges:
    """Nobody wants what no capture has drawn on: of all, or of what was charged for an increase. What was charged for an
    invoice that says itself."""
    for name, row in charges.items():
        if not row.collection and (increase is None or row.increase == increase):
            charges = charges.insert(name, replace(row, unwanted=True))
    return charges


def draw(charges: Charges, cards: Cards, captures: Iterable[Capture]) -> tuple[Charges, Cards]:
    """Captures that draw on charges are known as parts of them from then on: a refund of one goes out of that charge."""
    for part in captures:
        if not part.prepaid:
            continue
        charges = _left(charges, part.authorization, -part.amount.amount)
        of = replace(cards.charges[charges[part.authorization].charge], amount=part.amount.amount)
        cards = replace(cards, charges=cards.charges.insert(part.capture, of))
    return charges, cards


# What is asked


def charge(
    state: Payment,
    context: Context,
    tenders: Sequence[Tender],
    rows: Iterable[Authorization],
    increase: str | None = None,
) -> Iterator[CardCaptureRequested]:
    """Take all that is secured of the tenders that are charged at the order, and was not asked for yet."""
    wanted = [row for row in rows if at_order(tenders[row.tender]) and row.authorization not in state.prepaid]
    for number, row in enumerate(wanted):
        call = ProviderCall(
            step=CallStep.CAPTURE,
            key=provider_key(context.stream, CallStep.CAPTURE, state.cards.groups + number),
            tender=row.tender,
            authorization=row.authorization,
            amount=row.amount,
            provider=state.cards.secured[row.authorization].provider,
            reference=row.reference,
            final=True,
            part=aggregate_id(context.tenant, "capture", context.stream, "at_order", row.authorization),
            increase=increase,
            prepaid=True,
        )
        yield CardCaptureRequested(order_id=split_stream(context.stream)[1], call=call)


def charged(state: Payment, rows: Iterable[Authorization]) -> bool:
    """Whether all that was asked for of these authorisations is taken."""
    asked = [state.prepaid[row.authorization] for row in rows if row.authorization in state.prepaid]
    return all(row.taken for row in asked)


def give_back_unwanted(state: Payment, context: Context, number: int) -> Iterator[CardRefundRequested]:
    """Give back what nobody wants of what was taken; `number` attempts are made in this handling already."""
    rows = [(name, row) for name, row in sorted(state.prepaid.items()) if row.taken and row.unwanted and row.left > 0]
    for place, (name, row) in enumerate(rows, start=number):
        taken = state.cards.charges[row.charge]
        call = ProviderCall(
            step=CallStep.REFUND,
            key=provider_key(context.stream, CallStep.REFUND, state.cards.groups + place),
            tender=row.tender,
            authorization=name,
            amount=state.cards.calls[taken.key].call.amount.model_copy(update={"amount": row.left}),
            provider=taken.provider,
            reference=taken.reference,
            part=aggregate_id(context.tenant, "refund", context.stream, row.charge, *_which(row)),
            prepaid=True,
            collection=row.collection,
        )
        yield CardRefundRequested(order_id=split_stream(context.stream)[1], call=call)


def _which(row: Prepaid) -> tuple[str, ...]:
    """What tells one part that goes back of a charge from another: of an invoice's there may be several."""
    return (str(row.returns),) if row.collection else ()
