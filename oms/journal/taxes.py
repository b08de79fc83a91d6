"""How much of what is fulfilled or given back of an order is tax: by the same allocation as its value, so that the parts
of a line sum to its tax exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from contracts.money import Charge, TaxLine, TaxRemitter, share, share_by_weight
from contracts.order import OrderLine, OrderTerms, RefundLine
from contracts.payments import CaptureLine
from services.order.value import line_values, rated_lines

__all__ = ["Taxes", "taxes_of"]


@dataclass(slots=True)
class Taxes:
    """Of an order, by line: its units; and by line and remitter the tax of what is its own, and of its part of what
    belongs to the whole order, all in minor units. `other` is what that is worth, its tax included."""

    units: dict[str, int] = field(default_factory=dict)
    own: dict[tuple[str, TaxRemitter], int] = field(default_factory=dict)
    shared: dict[tuple[str, TaxRemitter], int] = field(default_factory=dict)
    other: int = 0

    def add_lines(self, lines: Iterable[OrderLine]) -> None:
        """Lines that came later: they have taxes of their own, and no part in what belongs to the whole order."""
        for line in lines:
            if line.quantity > 0:
                self.units[line.line] = line.quantity
                for tax in (*line.taxes, *_taxes(line.charges)):
                    _add(self.own, line.line, tax)

    def of_units(self, ranges: Iterable[CaptureLine | RefundLine], with_shared: bool = True) -> Counter[TaxRemitter]:
        """The tax of these units by remitter; of what is their own, and of their part of the rest."""
        found: Counter[TaxRemitter] = Counter()
        for part in ranges:
            units = self.units.get(part.line, 0)
            if not 0 <= part.from_unit <= part.to_unit <= units or not units:
                continue  # a line whose terms nobody told: its tax is not known
            for taxes in (self.own, self.shared) if with_shared else (self.own,):
                for remitter in TaxRemitter:
                    total = taxes.get((part.line, remitter), 0)
                    found[remitter] += share(total, units, part.from_unit, part.to_unit)
        return found

    def of_other(self, before: int, after: int) -> Counter[TaxRemitter]:
        """The tax of what was given back of the rest, between two sums of it in minor units."""
        found: Counter[TaxRemitter] = Counter()
        if 0 <= before <= after <= self.other:
            for (_, remitter), total in self.shared.items():
                found[remitter] += share(total, self.other, before, after) if self.other else 0
        return found


def taxes_of(terms: OrderTerms) -> Taxes:
    """The taxes of an order as it was placed."""
    lines = rated_lines(terms)
    taxes = Taxes(other=sum(value.other for value in line_values(terms).values()))
    taxes.add_lines(lines)
    if not lines:
        return taxes
    common: list[TaxLine] = list(_taxes(terms.charges))
    for group in terms.ship_groups:
        if members := [line for line in lines if line.ship_group == group.group]:
            _spread(taxes, members, _taxes(group.charges))
        else:
            common += _taxes(group.charges)
    _spread(taxes, lines, common)
    return taxes


def _taxes(charges: Iterable[Charge]) -> Iterable[TaxLine]:
    return (tax for charge in charges for tax in charge.taxes)


def _add(to: dict[tuple[str, TaxRemitter], int], line: str, tax: TaxLine, part: int | None = None) -> None:
    key = line, tax.remitted_by
    to[key] = to.get(key, 0) + (tax.amount.amount if part is None else part)


def _spread(taxes: Taxes, lines: Sequence[OrderLine], found: Iterable[TaxLine]) -> None:
    weights = [max(0, line.amount.amount) for line in lines]
    for tax in found:
        for line, part in zip(lines, share_by_weight(tax.amount.amount, weights), strict=True):
            _add(taxes.shared, line.line, tax, part)
