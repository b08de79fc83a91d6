"""What a document says of units: what each costs, with the taxes in it, and the charges beside it.

Here is arithmetic on the terms of an order, whose sums are those of value.py to the minor unit; what was paid back of
them before is in credited.py. An amount that is made of
several (a line's goods, its discount, a fee) is shared out by the cumulative allocation of its running sums, so its parts
sum to the share of the whole; of a tax each part of units gets its own share, and net is what is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from contracts.money import Charge, ChargeKind, Money, TaxLine, share, share_by_weight
from contracts.order import OrderLine, OrderPlaced
from contracts.payments import CaptureLine
from contracts.payments.invoices import DocumentLine, DocumentTax, DocumentTotal, InvoiceCharge
from services.order.value import parts_of_kits, rated_lines

__all__ = [
    "NOT_OWED",
    "Content",
    "Piece",
    "Prices",
    "Tax",
    "any_charge",
    "content_of",
    "not_owed",
    "prices_of",
    "taxed_parts",
    "totals_of",
]

NOT_OWED = "not_owed"
"""The code of the discount by which a document says less than its lines: no order is asked for more than it owes in all."""

Tax = tuple[str, str]
"""A tax by its jurisdiction and rate."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of what a line costs over all its units, in minor units: the goods, or a charge, by the place of it."""

    place: str
    charge: Charge | None
    gross: int
    taxes: tuple[tuple[Tax, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """Lines and charges of a document."""

    lines: tuple[DocumentLine, ...]
    charges: tuple[InvoiceCharge, ...]

    @property
    def parts(self) -> Sequence[DocumentLine | InvoiceCharge]:
        """Lines and charges alike: what has a net, taxes and a gross."""
        return [*self.lines, *self.charges]

    @property
    def gross(self) -> int:
        """All of it, in minor units."""
        return sum(part.gross.amount for part in self.parts)


@dataclass(frozen=True, slots=True)
class Prices:
    """Of each line that has units, by its id: itself, the pieces of what is its `own` (the goods first), and its part of
    each charge of its group and of the order (`common`)."""

    currency: str
    lines: Mapping[str, OrderLine]
    own: Mapping[str, Sequence[Piece]]
    common: Mapping[str, Sequence[Piece]]

    def taken(self, units: CaptureLine) -> tuple[Sequence[Piece], Sequence[Piece]]:
        """What a range of a line's units gets of its own pieces and of the common ones."""
        quantity = self.lines[units.line].quantity
        return _taken(self.own[units.line], quantity, units), _taken(self.common[units.line], quantity, units)


def prices_of(terms: OrderPlaced, adjustments: Sequence[Charge]) -> Prices:
    """What the units of an order cost, and of what that is made."""
    lines = {line.line: line for line in rated_lines(terms)}
    kits = {part.line: part.kit for part in parts_of_kits(terms)}
    own = {name: _own(terms, line, kits) for name, line in lines.items()}
    return Prices(terms.currency, lines, own, _common(terms, adjustments))


def any_charge(charge: Charge) -> bool:
    """Every charge stands on an invoice."""
    return True


def content_of(prices: Prices, ranges: Iterable[CaptureLine], wanted: Callable[[Charge], bool] = any_charge) -> Content:
    """What units of lines cost, counted from the bottom, with their share of the charges that are `wanted`."""
    currency = prices.currency
    lines: list[DocumentLine] = []
    charged: dict[tuple[str | None, str], InvoiceCharge] = {}
    for units in ranges:
        line = prices.lines[units.line]
        (goods, *own), common = prices.taken(units)
        lines.append(_line(line, units, goods, currency))
        for of, pieces in ((line.line, own), (None, common)):
            for each in pieces:
                if each.charge is not None and wanted(each.charge):
                    _add(charged, of, each, currency)
    return Content(tuple(lines), tuple(charge for charge in charged.values() if charge.gross.amount or charge.taxes))


def _own(terms: OrderPlaced, line: OrderLine, kits: Mapping[str, str]) -> Sequence[Piece]:
    """The goods of a line, then its charges. The taxes of a component are its part of those of its kit."""
    if line.line in kits:
        return (Piece("", None, line.amount.amount, _of_kit(terms, kits[line.line], line.line)),)
    goods = Piece("", None, _gross(line.amount, line.tax_included, line.taxes), _named(line.taxes))
    return (goods, *_pieces("line", line.charges))


def _of_kit(terms: OrderPlaced, kit: str, component: str) -> tuple[tuple[Tax, int], ...]:
    """A component's part of all taxes on its kit, by what it costs of it."""
    parts = [part.line for part in parts_of_kits(terms) if part.kit == kit]
    amounts = {line.line: line.amount.amount for line in terms.lines}
    [sold] = [line for line in terms.lines if line.line == kit]
    taxes = [*sold.taxes, *(tax for charge in sold.charges for tax in charge.taxes)]
    weights = [max(0, amounts[name]) for name in parts]
    place = parts.index(component)
    return tuple((name, share_by_weight(amount, weights)[place]) for name, amount in _named(taxes))


def _common(terms: OrderPlaced, adjustments: Sequence[Charge]) -> Mapping[str, Sequence[Piece]]:
    """Of each line, its part of each charge of its group and of the order, as value.py spreads them: lines that were
    added later have none."""
    lines = rated_lines(terms)
    placed = [line for line in lines if line.added_by is None] or lines
    found: dict[str, list[Piece]] = {line.line: [] for line in lines}
    of_all = [*_pieces("order", (*terms.charges, *adjustments))]
    for group in terms.ship_groups:
        pieces = _pieces(f"group {group.group} ", group.charges)
        if members := [line for line in placed if line.ship_group == group.group]:
            _spread(pieces, members, found)
        else:
            of_all += pieces
    _spread(of_all, placed, found)
    return found


def _spread(pieces: Sequence[Piece], lines: Sequence[OrderLine], found: dict[str, list[Piece]]) -> None:
    weights = [max(0, line.amount.amount) for line in lines]
    sums = [0, *accumulate(piece.gross for piece in pieces)]
    shares = [share_by_weight(amount, weights) for amount in sums] if lines else []
    for number, piece in enumerate(pieces if lines else ()):
        taxes = [(name, share_by_weight(amount, weights)) for name, amount in piece.taxes]
        for place, line in enumerate(lines):
            part = shares[number + 1][place] - shares[number][place]
            own = tuple((name, parts[place]) for name, parts in taxes)
            found[line.line].append(Piece(piece.place, piece.charge, part, own))


def _pieces(place: str, charges: Sequence[Charge]) -> Sequence[Piece]:
    return [
        Piece(
            f"{place}{number}", charge, _gross(charge.amount, charge.tax_included, charge.taxes), _named(charge.taxes)
        )
        for number, charge in enumerate(charges)
    ]


def _gross(amount: Money, included: bool, taxes: Iterable[TaxLine]) -> int:
    return amount.amount + (0 if included else sum(tax.amount.amount for tax in taxes))


def _named(taxes: Iterable[TaxLine]) -> tuple[tuple[Tax, int], ...]:
    """Taxes by jurisdiction and rate, each once."""
    found: dict[Tax, int] = defaultdict(int)
    for tax in taxes:
        found[tax.jurisdiction, tax.rate] += tax.amount.amount
    return tuple(found.items())


def _taken(pieces: Sequence[Piece], units: int, taken: CaptureLine) -> Sequence[Piece]:
    """The parts of these amounts that a range of the units gets; they sum to its share of their sum."""
    start, end = taken.from_unit, taken.to_unit
    sums = [0, *accumulate(piece.gross for piece in pieces)]
    shares = [share(amount, units, start, end) for amount in sums]
    return [
        Piece(
            piece.place,
            piece.charge,
            shares[number + 1] - shares[number],
            tuple((name, share(amount, units, start, end)) for name, amount in piece.taxes),
        )
        for number, piece in enumerate(pieces)
    ]


def _line(line: OrderLine, units: CaptureLine, goods: Piece, currency: str) -> DocumentLine:
    return DocumentLine(
        line=line.line,
        sku=line.sku,
        description=line.description,
        from_unit=units.from_unit,
        to_unit=units.to_unit,
        quantity=units.to_unit - units.from_unit,
        unit=line.unit,
        **taxed_parts(goods.gross, goods.taxes, currency),
    )


def taxed_parts(gross: int, taxes: Iterable[tuple[Tax, int]], currency: str) -> dict[str, Any]:
    """`net`, `taxes` and `gross` of an amount; a tax of nothing on nothing is left out."""
    rows = tuple(
        DocumentTax(jurisdiction=name[0], rate=name[1], amount=Money(amount=amount, currency=currency))
        for name, amount in taxes
        if amount or gross
    )
    net = gross - sum(row.amount.amount for row in rows)
    return {
        "net": Money(amount=net, currency=currency),
        "taxes": rows,
        "gross": Money(amount=gross, currency=currency),
    }


def _add(charged: dict[tuple[str | None, str], InvoiceCharge], line: str | None, piece: Piece, currency: str) -> None:
    """One charge stands once on a document, whatever lines have a part of it."""
    assert piece.charge is not None, "goods are a line and no charge"
    key, gross, taxes = (line, piece.place), piece.gross, dict(piece.taxes)
    if (known := charged.get(key)) is not None:
        gross += known.gross.amount
        for tax in known.taxes:
            name = (tax.jurisdiction, tax.rate)
            taxes[name] = taxes.get(name, 0) + tax.amount.amount
    charged[key] = InvoiceCharge(
        kind=piece.charge.kind, code=piece.charge.code, line=line, **taxed_parts(gross, taxes.items(), currency)
    )


def not_owed(amount: int, currency: str) -> InvoiceCharge:
    """By what a document is less (negative), or more, than its lines and charges: no tax is reckoned on that."""
    return InvoiceCharge(kind=ChargeKind.DISCOUNT, code=NOT_OWED, **taxed_parts(amount, (), currency))


def totals_of(parts: Iterable[DocumentLine | InvoiceCharge], currency: str) -> tuple[DocumentTotal, ...]:
    """What all parts under each tax come to, and those under none; in the order of jurisdiction and rate."""
    bases: dict[tuple[str, str], int] = defaultdict(int)
    amounts: dict[tuple[str, str], int] = defaultdict(int)
    for part in parts:
        for tax in part.taxes:
            amounts[tax.jurisdiction, tax.rate] += tax.amount.amount
            bases[tax.jurisdiction, tax.rate] += part.net.amount
        if not part.taxes:
            bases["", "0"] += part.net.amount
    return tuple(
        DocumentTotal(
            jurisdiction=name[0] or None,
            rate=name[1],
            base=Money(amount=base, currency=currency),
            amount=Money(amount=amounts[name], currency=currency),
        )
        for name, base in sorted(bases.items())
    )
