"""How much of what is fulfilled or given back of an order is tax: by the same allocation as its value, so that the parts
of a line sum to its tax exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.money import Charge, TaxLine, TaxRemitter, share, share_by_weight
from contracts.order import OrderLine, OrderTerms, RefundLine, ShipGroup
from contracts.payments import CaptureLine
from services.order.value import parts_among, rated_among, rated_lines

__all__ = ["Taxes", "taxes_of"]


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the charges of a ship group, or of the order, bring: tax by line and remitter, and what they are worth."""

    taxes: Mapping[tuple[str, TaxRemitter], int]
    worth: int


@dataclass(slots=True)
class Taxes:
    """Of an order, by line: its units; and by line and remitter the tax of what is its own, and of its part of what
    belongs to the whole order, all in minor units. `other` is what that is worth, its tax included. `weights` are the
    amounts of the lines that charges are shared out over, by their ship groups."""

    units: dict[str, int] = field(default_factory=dict)
    own: dict[tuple[str, TaxRemitter], int] = field(default_factory=dict)
    shared: dict[tuple[str, TaxRemitter], int] = field(default_factory=dict)
    other: int = 0
    weights: dict[str, tuple[str, int]] = field(default_factory=dict)
    groups: dict[str, _Shared] = field(default_factory=dict)

    def add_lines(self, lines: Sequence[OrderLine]) -> None:
        """Lines with taxes of their own, those of a kit on its components. Lines that came later have no part in what
        belongs to the whole order."""
        known = {line.line: line for line in lines}
        for line in rated_among(lines):
            self.units[line.line] = line.quantity
            for tax in (*line.taxes, *_taxes(line.charges)):
                _add(self.own, line.line, tax.remitted_by, tax.amount.amount)
        parts = parts_among(lines)
        for kit in {part.kit: known[part.kit] for part in parts}.values():
            names = [part.line for part in parts if part.kit == kit.line]
            weights = {name: max(0, known[name].amount.amount) for name in names}
            for key, amount in _spread(weights, (*kit.taxes, *_taxes(kit.charges))).items():
                _add(self.own, *key, amount)

    def change_group(self, group: ShipGroup) -> None:
        """The charges of a ship group, of which nothing has left, are these from now on."""
        self._take_out(self.groups.get(group.group))
        members = {line: weight for line, (of, weight) in self.weights.items() if of == group.group}
        self.groups[group.group] = self._put_in(members, group.charges)

    def add_charges(self, charges: Sequence[Charge]) -> None:
        """Charges of the order itself."""
        self._put_in({}, charges)

    def _put_in(self, members: Mapping[str, int], charges: Sequence[Charge]) -> _Shared:
        weights = members or {line: weight for line, (_, weight) in self.weights.items()}
        taxes = _spread(weights, tuple(_taxes(charges))) if weights else {}
        found = _Shared(taxes, sum(map(_worth, charges)) if weights else 0)
        for key, amount in found.taxes.items():
            _add(self.shared, *key, amount)
        self.other += found.worth
        return found

    def _take_out(self, known: _Shared | None) -> None:
        if known is not None:
            for key, amount in known.taxes.items():
                _add(self.shared, *key, -amount)
            self.other -= known.worth

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
    taxes = Taxes()
    taxes.add_lines(terms.lines)
    taxes.weights = {line.line: (line.ship_group, max(0, line.amount.amount)) for line in rated_lines(terms)}
    taxes.add_charges(terms.charges)
    for group in terms.ship_groups:
        taxes.change_group(group)
    return taxes


def _taxes(charges: Iterable[Charge]) -> Iterable[TaxLine]:
    return (tax for charge in charges for tax in charge.taxes)


def _worth(charge: Charge) -> int:
    return charge.amount.amount + (0 if charge.tax_included else sum(tax.amount.amount for tax in charge.taxes))


def _add(to: dict[tuple[str, TaxRemitter], int], line: str, remitter: TaxRemitter, amount: int) -> None:
    to[line, remitter] = to.get((line, remitter), 0) + amount


def _spread(weights: Mapping[str, int], taxes: Sequence[TaxLine]) -> dict[tuple[str, TaxRemitter], int]:
    """Taxes over lines by weight."""
    found: dict[tuple[str, TaxRemitter], int] = {}
    for tax in taxes:
        parts = share_by_weight(tax.amount.amount, list(weights.values()))
        for line, part in zip(weights, parts, strict=True):
            _add(found, line, tax.remitted_by, part)
    return found
