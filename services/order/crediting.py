"""Credit notes: what a refund that is paid is to be stated as, and which invoices it corrects.

The gross of a credit note is what was paid back, to the minor unit. Goods bear the taxes of their units; an amount that is
no range of units (goodwill, a share of shipping) bears those of what it is a part of, in proportion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from chassis.decider import Send
from contracts.ids import aggregate_id, stream
from contracts.money import ChargeKind, Money, TenderMethod, share, share_by_weight
from contracts.order import Refunded
from contracts.payments import CaptureLine
from contracts.payments.invoices import (
    Correction,
    DocumentKind,
    DocumentLine,
    InvoiceCharge,
    IssueCreditNote,
)
from services.order.fulfillment_state import BEFORE, Fulfilled, fulfilled_in_order
from services.order.invoice_content import Content, content_of, not_owed, taxed_parts
from services.order.invoicing import heading, invoice_id, sums
from services.order.value import LineValue, line_values, part_of

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["credit_note"]


def credit_note(state: OrderStream, event: Refunded) -> Sequence[Send]:
    """What payments are told of a refund; nothing where what it is for was never invoiced here."""
    terms, invoiced = state.order.terms, _invoiced(state)
    weights = _weights(state, event, invoiced)
    if not any(weights.values()):
        return ()
    content = _content(state, event, invoiced)
    note = IssueCreditNote(
        kind=DocumentKind.CREDIT_NOTE,
        refund=event.refund,
        **heading(terms, [part.line for part in event.lines] or [line.line for line in terms.lines]),
        **sums(content, terms.currency),
        on_account=Money(amount=sum(_on_account(state, event, invoiced).values()), currency=terms.currency),
        corrects=_corrections(state, event, weights, invoiced),
    )
    identifier = aggregate_id(terms.tenant, "credit_note", terms.order_id, event.refund)
    return (Send("payments", stream("invoice", identifier), note),)


def _invoiced(state: OrderStream) -> Mapping[str, Fulfilled]:
    """What left and was invoiced here, the first first."""
    left = fulfilled_in_order(state.fulfillment.fulfilled)
    return {key: one for key, one in left if key != BEFORE and one.asked}


def _weights(state: OrderStream, event: Refunded, invoiced: Mapping[str, Fulfilled]) -> Mapping[str, int]:
    """How much of a refund belongs to each invoice: what its units among those that are paid back are worth; of what is
    for no units, what was asked for."""
    if not event.lines:
        return {key: one.asked or 0 for key, one in invoiced.items()}
    values = line_values(state.order.terms, state.order.adjustments)
    return {
        key: sum(max(1, sum(_worth(values, units))) for units in _common(one.ranges, event))
        for key, one in invoiced.items()
    }


def _worth(values: Mapping[str, LineValue], units: CaptureLine) -> tuple[int, int]:
    return part_of(values[units.line], units.from_unit, units.to_unit)


def _common(ranges: Iterable[CaptureLine], event: Refunded) -> Sequence[CaptureLine]:
    """The units that left with a fulfilment and are paid back."""
    found = []
    for left in ranges:
        for back in event.lines:
            start, end = max(left.from_unit, back.from_unit), min(left.to_unit, back.to_unit)
            if left.line == back.line and start < end:
                found.append(left.model_copy(update={"from_unit": start, "to_unit": end}))
    return found


def _corrections(
    state: OrderStream, event: Refunded, weights: Mapping[str, int], invoiced: Mapping[str, Fulfilled]
) -> tuple[Correction, ...]:
    """The gross goes by the units, and what is owed no more by the captures that it is given back out of."""
    terms, currency = state.order.terms, event.amount.currency
    gross = dict(zip(weights, share_by_weight(event.amount.amount, list(weights.values())), strict=True))
    owed = _on_account(state, event, invoiced)
    return tuple(
        Correction(
            invoice=invoice_id(terms, key),
            gross=Money(amount=gross[key], currency=currency),
            on_account=Money(amount=owed[key], currency=currency),
        )
        for key in weights
        if gross[key] or owed[key]
    )


def _on_account(state: OrderStream, event: Refunded, invoiced: Mapping[str, Fulfilled]) -> Mapping[str, int]:
    """What of a refund goes back to what was bought on account, by the fulfilment for which it was captured."""
    terms = state.order.terms
    found = dict.fromkeys(invoiced, 0)
    for place, tender in enumerate(terms.tenders):
        if tender.method is TenderMethod.INVOICE:
            names = (stream("payment", terms.order_id),)
            captures = {aggregate_id(terms.tenant, "capture", *names, key, "0", str(place)): key for key in invoiced}
            for part in event.refunds:
                if part.tender == place:
                    found[captures.get(part.capture, next(iter(invoiced)))] += part.amount.amount
    return found


def _content(state: OrderStream, event: Refunded, invoiced: Mapping[str, Fulfilled]) -> Content:
    terms, adjustments = state.order.terms, state.order.adjustments
    units = [CaptureLine(line=b.line, from_unit=b.from_unit, to_unit=b.to_unit, amount=b.amount) for b in event.lines]
    all_of = content_of(terms, adjustments, units)
    own = [charge for charge in all_of.charges if charge.line is not None]
    other: Sequence[InvoiceCharge] = [charge for charge in all_of.charges if charge.line is None]
    if sum(part.gross.amount for part in other) != event.other.amount:
        left = [units for one in invoiced.values() for units in one.ranges]
        whole = content_of(terms, adjustments, left)
        basis: Sequence[DocumentLine | InvoiceCharge] = (_of_all(whole) if event.lines else ()) or whole.parts
        other = _part_of(event.other.amount, basis, event, terms.currency)
    charges = [*own, *other]
    if event.fee is not None and event.fee.amount:
        fee = taxed_parts(-event.fee.amount, (), terms.currency)
        charges.append(InvoiceCharge(kind=ChargeKind.FEE, code=event.cause.value, **fee))
    said = Content(all_of.lines, tuple(charges)).gross
    if said != event.amount.amount:
        charges.append(not_owed(event.amount.amount - said, terms.currency))
    return Content(all_of.lines, tuple(charges))


def _of_all(content: Content) -> Sequence[InvoiceCharge]:
    """Charges of the order and its groups that made it dearer."""
    return [charge for charge in content.charges if charge.line is None and charge.gross.amount > 0]


def _part_of(
    amount: int, basis: Sequence[DocumentLine | InvoiceCharge], event: Refunded, currency: str
) -> Sequence[InvoiceCharge]:
    """An amount that is a part of others, one charge for each set of taxes that these bear."""
    weights = [max(0, part.gross.amount) for part in basis]
    if not amount or not any(weights):
        return ()
    grosses: dict[tuple[tuple[str, str], ...], int] = {}
    taxes: dict[tuple[tuple[str, str], ...], dict[tuple[str, str], int]] = {}
    for part, gross in zip(basis, share_by_weight(amount, weights), strict=True):
        names = tuple((tax.jurisdiction, tax.rate) for tax in part.taxes)
        grosses[names] = grosses.get(names, 0) + gross
        for name, tax in zip(names, part.taxes, strict=True):
            taken = min(gross, part.gross.amount)
            added = share(tax.amount.amount, part.gross.amount, 0, taken) if taken > 0 else 0
            own = taxes.setdefault(names, {})
            own[name] = own.get(name, 0) + added
    return [
        InvoiceCharge(
            kind=ChargeKind.DISCOUNT,
            code=event.cause.value,
            **taxed_parts(gross, taxes.get(names, {}).items(), currency),
        )
        for names, gross in grosses.items()
    ]
