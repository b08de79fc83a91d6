"""What an order is worth, unit by unit: the value of each line, with its share of what belongs to the whole order.

Here lives arithmetic on the terms of an order. Who takes the money, and when, is the sagas' business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from contracts.money import Charge, Money, TaxLine, Tender, share, share_by_weight
from contracts.order import OrderLine, OrderTerms, RelationKind, Totals

__all__ = [
    "LineValue",
    "Part",
    "line_values",
    "own_value",
    "part_of",
    "parts_among",
    "parts_of_kits",
    "rated_among",
    "rated_lines",
    "tenders_for",
    "tenders_total",
    "totals",
]


class LineValue(NamedTuple):
    """The worth of a line over all its `units`, in minor units: its `own`, and its part of `other` charges, those of
    the order and its ship groups."""

    units: int
    own: int
    other: int


class Part(NamedTuple):
    """A component line of ours, the line of its kit, and its quantity in one kit."""

    line: str
    kit: str
    per: int


def parts_among(lines: Iterable[OrderLine]) -> tuple[Part, ...]:
    """The component lines among these."""
    return tuple(
        Part(line.line, line.relates_to.line, line.relates_to.quantity_per or 1)
        for line in lines
        if line.channel_line is None
        and line.relates_to is not None
        and line.relates_to.kind is RelationKind.COMPONENT_OF
    )


def parts_of_kits(terms: OrderTerms) -> tuple[Part, ...]:
    """The component lines that kits were exploded into: no channel sent them. What a channel itself calls a component is
    a line like any other, with an amount of its own."""
    return parts_among(terms.lines)


def rated_among(lines: Sequence[OrderLine]) -> tuple[OrderLine, ...]:
    """Those of these lines that can be fulfilled."""
    kits = {part.kit for part in parts_among(lines)}
    return tuple(line for line in lines if line.quantity > 0 and line.line not in kits)


def rated_lines(terms: OrderTerms) -> tuple[OrderLine, ...]:
    """The lines that can be fulfilled: a quantity at or below zero has no units to take a share with, and a kit has
    those of its components."""
    return rated_among(terms.lines)


def line_values(
    terms: OrderTerms, adjustments: Sequence[Charge] = (), only: Callable[[Charge], bool] | None = None
) -> Mapping[str, LineValue]:
    """The value of each line that has units. Charges of a group go over its lines, those of the order, and of a group
    that has none, over all; the lines' extended amounts are the weights. Lines that were added later have no share in
    either, so that those of the others stay. With `only` it is the value of those charges
    alone, without the goods."""
    lines, counted = rated_lines(terms), only or _any
    placed = [line for line in lines if line.added_by is None] or lines
    other = {line.line: 0 for line in lines}
    common = _charged(filter(counted, (*terms.charges, *adjustments)))
    for group in terms.ship_groups:
        if members := [line for line in placed if line.ship_group == group.group]:
            _spread(_charged(filter(counted, group.charges)), members, other)
        else:
            common += _charged(filter(counted, group.charges))
    _spread(common, placed, other)
    own = own_value if only is None else lambda line: _charged(filter(only, line.charges))
    return {line.line: LineValue(line.quantity, own(line), other[line.line]) for line in lines}


def _any(charge: Charge) -> bool:
    return True


def _spread(amount: int, lines: Sequence[OrderLine], other: dict[str, int]) -> None:
    if not lines or not amount:
        return
    weights = [max(0, line.amount.amount) for line in lines]
    for line, part in zip(lines, share_by_weight(amount, weights), strict=True):
        other[line.line] += part


def own_value(line: OrderLine) -> int:
    """What a line is worth, taxes that come on top and its own charges included, in minor units."""
    taxes = 0 if line.tax_included else _taxed(line.taxes)
    return line.amount.amount + taxes + _charged(line.charges)


def _charged(charges: Iterable[Charge]) -> int:
    return sum(charge.amount.amount + (0 if charge.tax_included else _taxed(charge.taxes)) for charge in charges)


def _taxed(taxes: Iterable[TaxLine]) -> int:
    return sum(tax.amount.amount for tax in taxes)


def part_of(value: LineValue, start: int, end: int) -> tuple[int, int]:
    """What the units [start, end) of a line are worth, counted from the bottom: own, and of other charges."""
    return share(value.own, value.units, start, end), share(value.other, value.units, start, end)


def totals(terms: OrderTerms) -> Totals:
    """The sums over the whole order, lines at or below zero included: that is what the channel added up."""
    of_lines = (charge for line in terms.lines for charge in line.charges)
    charges = [*terms.charges, *of_lines, *(charge for group in terms.ship_groups for charge in group.charges)]
    goods = sum(line.amount.amount for line in terms.lines)
    taxes = sum(_taxed(line.taxes) for line in terms.lines if not line.tax_included)
    taxes += sum(_taxed(charge.taxes) for charge in charges if not charge.tax_included)
    charged = sum(charge.amount.amount for charge in charges)
    amounts = [Money(amount=n, currency=terms.currency) for n in (goods, charged, taxes, goods + charged + taxes)]
    return Totals(goods=amounts[0], charges=amounts[1], taxes=amounts[2], total=amounts[3])


def tenders_total(terms: OrderTerms) -> int:
    """What the tenders pay together, in minor units."""
    return sum(tender.amount.amount for tender in terms.tenders)


def tenders_for(amount: int, tenders: Sequence[Tender], before: int = 0) -> tuple[Tender, ...]:
    """The tenders cut down to `amount` (minor units), used by rank and then by place, after `before` of them was used;
    each keeps its place."""
    used, after = _used(before, tenders), _used(before + amount, tenders)
    return tuple(
        tender.model_copy(update={"amount": Money(amount=end - start, currency=tender.amount.currency)})
        for tender, start, end in zip(tenders, used, after, strict=True)
    )


def _used(amount: int, tenders: Sequence[Tender]) -> list[int]:
    """What of each tender pays for `amount`."""
    left, used = amount, [0] * len(tenders)
    for place in sorted(range(len(tenders)), key=lambda place: (tenders[place].rank, place)):
        used[place] = min(left, tenders[place].amount.amount)
        left -= used[place]
    return used
