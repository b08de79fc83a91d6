"""Credit notes: what of a refund came back, how it is to be stated, and which invoices it corrects.

The gross of a credit note is what was paid back, to the minor unit: of a refund that was withdrawn the part that came
back before. Goods bear the taxes of their units; how an amount that is for no units bears taxes is in credited.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from chassis.decider import Send
from chassis.states import replace
from contracts.ids import aggregate_id, stream
from contracts.money import Charge, ChargeKind, Money, RefundRule, TenderMethod, share_by_weight
from contracts.order import OrderPlaced, RefundCause, RefundContents
from contracts.payments import CaptureLine, TenderRefund
from contracts.payments.invoices import (
    Correction,
    DocumentKind,
    InvoiceCharge,
    IssueCreditNote,
    MoveOnAccount,
)
from services.order.credited import Amounts, Ledger, rule_of
from services.order.invoice_content import Content, Tax, content_of, not_owed, prices_of, taxed_parts
from services.order.invoicing import heading, invoice_id, sums
from services.order.refund_state import Range, without
from services.order.refunding import BACK_ANYWAY
from services.order.value import LineValue, line_values, part_of

if TYPE_CHECKING:
    from services.order.documents import Credit
    from services.order.stream import OrderStream

__all__ = ["credit_note", "owed_no_more"]

REST = "rest"
"""Part of the id of a further credit note of a refund: its money came after it was withdrawn."""


def credit_note(state: OrderStream, refund: str) -> Sequence[Send]:
    """What payments are told of a refund of which something came back: a credit note, unless it was credited before, and
    what buyers on account owe less beside that. Nothing where nothing came back, or what it is for was never invoiced
    here."""
    known = state.documents.credits
    if not known or known[-1].refund != refund:
        return ()
    sofar = _Sofar(state)
    for credit in known[:-1]:
        sofar.credited(credit)
    stated = sofar.credited(known[-1])
    return () if stated is None else tuple(_sends(state, known[-1], stated))


class _Stated(NamedTuple):
    """What a credit note says, and of each invoice (by its fulfilment) what of the gross corrects it, in minor units;
    without `content` there is none, since as much was credited for its goods before."""

    content: Content | None
    gross: Mapping[str, int]


class _Sofar:
    """What was invoiced and credited of an order, in the order in which it happened: each credit note says what is more
    than those before it said."""

    def __init__(self, state: OrderStream) -> None:
        self._state = state
        self._values = line_values(state.order.terms, state.order.adjustments)
        self._prices = prices_of(state.order.terms, state.order.adjustments)
        self._ledger = Ledger(self._prices)
        self._room: dict[str, int] = {}
        self._over: dict[str, int] = {}
        self._units: dict[str, list[Range]] = {}

    def credited(self, credit: Credit) -> _Stated | None:
        """One more credit; nothing where no invoice is about it."""
        for key in self._state.documents.invoiced[len(self._room) : credit.invoices]:
            self._invoiced(key)
        refund = self._state.refunds.refunds[credit.refund].contents
        weights = self._weights(refund)
        if not any(weights.values()):
            return None
        if credit.amount < 0:
            self._over[credit.refund] = self._over.get(credit.refund, 0) - credit.amount
            return None
        credit = replace(credit, amount=self._not_credited_before(credit.amount, refund))
        if not credit.amount:
            return _Stated(None, dict.fromkeys(weights, 0))
        gross = _within(credit.amount, weights, self._room)
        for key, part in gross.items():
            self._room[key] -= part
        return _Stated(self._content(credit, refund), gross)

    def _not_credited_before(self, amount: int, refund: RefundContents) -> int:
        """An amount less what was credited for the same goods, or for none, and is not back."""
        for key, over in self._over.items():
            before = self._state.refunds.refunds[key].contents
            if not refund.lines or not before.lines or _overlap(refund, before):
                used = min(over, amount)
                self._over[key] -= used
                amount -= used
        return amount

    def _not_stated_before(self, refund: RefundContents) -> tuple[CaptureLine, ...]:
        """The units of a refund that no credit note says yet."""
        found = []
        for each in refund.lines:
            known = self._units.setdefault(each.line, [])
            parts = without(((each.from_unit, each.to_unit),), known)
            whole = parts == ((each.from_unit, each.to_unit),)
            for start, end in parts:
                amount = each.amount if whole else self._own(each.line, start, end)
                found.append(CaptureLine(line=each.line, from_unit=start, to_unit=end, amount=amount))
            known += parts
        return tuple(found)

    def _own(self, line: str, start: int, end: int) -> Money:
        return Money(amount=part_of(self._values[line], start, end)[0], currency=self._prices.currency)

    def _invoiced(self, key: str) -> None:
        left = self._state.fulfillment.fulfilled[key]
        self._ledger.invoice(left.ranges, left.covered)
        self._room[key] = left.covered

    def _weights(self, refund: RefundContents) -> Mapping[str, int]:
        """How much of a refund belongs to each invoice: what its units among those that are paid back are worth; of what
        is for no units, what was asked for."""
        left = {key: self._state.fulfillment.fulfilled[key] for key in self._room}
        if not refund.lines:
            return {key: one.covered for key, one in left.items()}
        return {
            key: sum(max(1, sum(_worth(self._values, units))) for units in _common(one.ranges, refund))
            for key, one in left.items()
        }

    def _content(self, credit: Credit, refund: RefundContents) -> Content:
        currency = self._prices.currency
        units = self._not_stated_before(refund)
        comes_back = _comes_back(refund.cause)
        said = content_of(self._prices, units, comes_back)
        with_units = bool(refund.lines) or refund.withheld is not None
        beside = self._ledger.credit(units, credit.amount + credit.fee, comes_back, with_units)
        charges = [*said.charges, *_charges(beside, refund, currency)]
        if credit.fee:
            fee = taxed_parts(-credit.fee, (), currency)
            charges.append(InvoiceCharge(kind=ChargeKind.FEE, code=refund.cause.value, **fee))
        content = Content(said.lines, tuple(charges))
        if content.gross != credit.amount:
            less = not_owed(credit.amount - content.gross, currency)
            content = Content(content.lines, (*content.charges, less))
        return content


def _comes_back(cause: RefundCause) -> Callable[[Charge], bool]:
    """Which charges come back with their units: by their rule, or whatever it says by the cause."""
    anyway = BACK_ANYWAY.get(cause, frozenset())
    return lambda charge: rule_of(charge) is RefundRule.BY_UNITS or charge.kind in anyway


def _charges(
    beside: Mapping[tuple[Tax, ...], Amounts], refund: RefundContents, currency: str
) -> Sequence[InvoiceCharge]:
    """What is for no units, one charge for each set of taxes that it bears."""
    return [
        InvoiceCharge(
            kind=ChargeKind.DISCOUNT,
            code=refund.cause.value,
            **taxed_parts(each.gross, each.taxes.items(), currency),
        )
        for each in beside.values()
    ]


def _within(amount: int, weights: Mapping[str, int], room: Mapping[str, int]) -> dict[str, int]:
    """An amount by weight, and of each no more than there is room for; should it be more than all together, the last that
    has a weight gets the rest."""
    found = dict(zip(weights, share_by_weight(amount, list(weights.values())), strict=True))
    found = {key: min(part, room[key]) for key, part in found.items()}
    rest = amount - sum(found.values())
    for key in sorted(found, key=lambda key: not weights[key]):
        more = min(rest, room[key] - found[key])
        found[key] += more
        rest -= more
    last = [key for key in found if weights[key]][-1]
    found[last] += rest
    return found


def _worth(values: Mapping[str, LineValue], units: CaptureLine) -> tuple[int, int]:
    return part_of(values[units.line], units.from_unit, units.to_unit)


def _overlap(one: RefundContents, other: RefundContents) -> bool:
    return any(
        each.line == with_.line and each.from_unit < with_.to_unit and with_.from_unit < each.to_unit
        for each in one.lines
        for with_ in other.lines
    )


def _common(ranges: Iterable[CaptureLine], refund: RefundContents) -> Sequence[CaptureLine]:
    """The units that left with a fulfilment and are paid back."""
    found = []
    for left in ranges:
        for back in refund.lines:
            start, end = max(left.from_unit, back.from_unit), min(left.to_unit, back.to_unit)
            if left.line == back.line and start < end:
                found.append(left.model_copy(update={"from_unit": start, "to_unit": end}))
    return found


# The message


def _sends(state: OrderStream, credit: Credit, stated: _Stated) -> Iterator[Send]:
    """A credit note says no more on account than its gross: what was credited before is owed less beside it."""
    terms, refund = state.order.terms, state.refunds.refunds[credit.refund].contents
    number = () if not credit.earlier else (REST,) if credit.earlier == 1 else (REST, str(credit.earlier))
    document = aggregate_id(terms.tenant, "credit_note", terms.order_id, refund.refund, *number)
    owed, said, left = _on_account(state, stated.gross, credit.parts), dict[str, int](), sum(stated.gross.values())
    for key, amount in owed.items():
        said[key] = min(amount, left)
        left -= said[key]
    if stated.content is not None:
        yield Send("payments", stream("invoice", document), _note(terms, refund, stated.content, stated.gross, said))
    for key, amount in owed.items():
        if less := amount - said[key]:
            money = Money(amount=-less, currency=terms.currency)
            yield Send(
                "payments", stream("invoice", invoice_id(terms, key)), MoveOnAccount(reference=document, amount=money)
            )


def _note(
    terms: OrderPlaced, refund: RefundContents, content: Content, gross: Mapping[str, int], owed: Mapping[str, int]
) -> IssueCreditNote:
    return IssueCreditNote(
        kind=DocumentKind.CREDIT_NOTE,
        refund=refund.refund,
        **heading(terms, [part.line for part in refund.lines] or [line.line for line in terms.lines]),
        **sums(content, terms.currency),
        on_account=Money(amount=sum(owed.values()), currency=terms.currency),
        corrects=_corrections(terms, gross, owed),
    )


def _corrections(terms: OrderPlaced, gross: Mapping[str, int], owed: Mapping[str, int]) -> tuple[Correction, ...]:
    """The gross goes by the units, and what is owed no more by the captures that it is given back out of."""
    return tuple(
        Correction(
            invoice=invoice_id(terms, key),
            gross=Money(amount=gross[key], currency=terms.currency),
            on_account=Money(amount=owed[key], currency=terms.currency),
        )
        for key in gross
        if gross[key] or owed[key]
    )


def _on_account(state: OrderStream, invoiced: Iterable[str], parts: Sequence[TenderRefund]) -> Mapping[str, int]:
    """What of a refund goes back to what was bought on account, by the fulfilment for which it was captured. Of a refund
    that was withdrawn nothing did: only what others were asked for can come back in part."""
    terms = state.order.terms
    found = dict.fromkeys(invoiced, 0)
    for key, amount in owed_no_more(terms, found, parts):
        found[key if key is not None else next(iter(found))] += amount
    return found


def owed_no_more(
    terms: OrderPlaced, fulfillments: Iterable[str], parts: Sequence[TenderRefund]
) -> Iterator[tuple[str | None, int]]:
    """The parts of a refund that go back to what was bought on account, in minor units, each with the one of these
    fulfilments for which it was captured; None for one that was captured for none of them."""
    known = tuple(fulfillments)
    for place, tender in enumerate(terms.tenders):
        if tender.method is TenderMethod.INVOICE:
            names = (stream("payment", terms.order_id),)
            captures = {aggregate_id(terms.tenant, "capture", *names, key, "0", str(place)): key for key in known}
            yield from ((captures.get(part.capture), part.amount.amount) for part in parts if part.tender == place)
