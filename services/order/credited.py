"""How much of what was invoiced is paid back, by the taxes that it bears, refund after refund.

Units come back with their own taxes. Any other amount (goodwill, a charge that was kept before) is a part of what the
invoices say beside those units: how much of which tax it bears follows by the cumulative allocation from all such
amounts together, so it is the same in whatever parts they came. No more of a tax is credited than was invoiced, and
once all is paid back, all of it: to the minor unit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.money import Charge, RefundRule, share
from contracts.payments import CaptureLine
from services.order.invoice_content import Piece, Prices, Tax

__all__ = ["Amounts", "Ledger", "Part", "rule_of"]


def rule_of(charge: Charge | None) -> RefundRule:
    """How a part of a document comes back. Goods and discounts go with their units."""
    return RefundRule.BY_UNITS if charge is None or charge.amount.amount <= 0 else charge.refund_rule


@dataclass(slots=True)
class Amounts:
    """An amount with the taxes in it, in minor units."""

    gross: int = 0
    taxes: Counter[Tax] = field(default_factory=Counter)

    def add(self, gross: int, taxes: Mapping[Tax, int]) -> None:
        """So much more of both."""
        self.gross += gross
        for tax, amount in taxes.items():
            self.taxes[tax] += amount


class Part(NamedTuple):
    """What comes back by one rule and bears the same taxes."""

    rule: RefundRule
    taxes: tuple[Tax, ...]


@dataclass(slots=True)
class _Sums:
    """Of a part: what invoices said, what was credited of it, and what of that with units."""

    invoiced: Amounts = field(default_factory=Amounts)
    credited: Amounts = field(default_factory=Amounts)
    by_units: Amounts = field(default_factory=Amounts)

    @property
    def left(self) -> int:
        """What invoices said beside the units that came back."""
        return self.invoiced.gross - self.by_units.gross

    def due(self, beside: int) -> Counter[Tax]:
        """The taxes that are credited by now: those of the units, and of what is `beside` them in proportion."""
        found = Counter(self.by_units.taxes)
        for tax, whole in self.invoiced.taxes.items():
            if beside * self.left > 0:
                found[tax] += _part(whole - self.by_units.taxes[tax], self.left, beside)
            else:
                found[tax] -= _part(self.by_units.taxes[tax], self.by_units.gross, beside)
        return found


def _part(tax: int, whole: int, part: int) -> int:
    """What of a tax lies in a part of the amount that bears it."""
    return share(tax, abs(whole), 0, min(abs(part), abs(whole))) if whole else 0


class Ledger:
    """What was invoiced of an order and what of it is credited, told in the order in which it happened. Of what is
    credited beside the units themselves some came with units, and some without."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._sums: dict[Part, _Sums] = {}
        self._with = 0
        self._without = 0

    def invoice(self, ranges: Iterable[CaptureLine], asked: int) -> None:
        """Units were invoiced, and `asked` for (minor units)."""
        said = 0
        for piece in self._pieces(ranges):
            self._part(piece).invoiced.add(piece.gross, dict(piece.taxes))
            said += piece.gross
        if said != asked:
            self._of(Part(RefundRule.BY_UNITS, ())).invoiced.add(asked - said, {})

    def credit(
        self, units: Sequence[CaptureLine], value: int, comes_back: Callable[[Charge], bool], with_units: bool
    ) -> Mapping[tuple[Tax, ...], Amounts]:
        """These units are paid back with the charges that `comes_back` with them, `value` in all (minor units, a fee that
        is kept counted in). What beside those is credited, or less, by the taxes that it bears. `with_units` says that it
        is for units, or for a charge that was kept until all came back, and no goodwill."""
        rows = self._with_units(units, comes_back)
        beside = value - sum(each.gross for each in rows.values())
        self._with += beside if with_units else 0
        self._without += 0 if with_units else beside
        return self._beyond(self._beside(), rows)

    def _pieces(self, ranges: Iterable[CaptureLine]) -> Iterator[Piece]:
        for units in ranges:
            for pieces in self._prices.taken(units):
                yield from pieces

    def _of(self, part: Part) -> _Sums:
        return self._sums.setdefault(part, _Sums())

    def _part(self, piece: Piece) -> _Sums:
        return self._of(_part_of(piece))

    def _with_units(self, units: Sequence[CaptureLine], comes_back: Callable[[Charge], bool]) -> Mapping[Part, Amounts]:
        rows: dict[Part, Amounts] = {}
        for piece in self._pieces(units):
            if piece.charge is None or comes_back(piece.charge):
                for each in (rows.setdefault(_part_of(piece), Amounts()), self._part(piece).by_units):
                    each.add(piece.gross, dict(piece.taxes))
        return rows

    def _beside(self) -> Counter[Part]:
        """What of each part is credited beside units, all that came so far together. What came with units is first what
        was kept until then; less than the units are worth comes off them."""
        found: Counter[Part] = Counter()
        amount = self._with + self._without
        if amount < 0:
            _spread(amount, {part: -sums.by_units.gross for part, sums in self._sums.items()}, found)
            return found
        kept = {part: sums.left for part, sums in self._sums.items() if part.rule is RefundRule.WHEN_ALL_RETURNED}
        first = max(0, min(self._with, amount, sum(kept.values())))
        _spread(first, kept, found)
        _spread(amount - first, {part: sums.left - found[part] for part, sums in self._sums.items()}, found)
        return found

    def _beyond(self, beside: Counter[Part], rows: Mapping[Part, Amounts]) -> Mapping[tuple[Tax, ...], Amounts]:
        """What is credited more than before, beyond the rows of units, by its taxes."""
        found: dict[tuple[Tax, ...], Amounts] = {}
        closed = sum(sums.left for sums in self._sums.values()) == beside.total()
        for part, sums in self._sums.items():
            before, with_units = sums.credited, rows.get(part, Amounts())
            due = sums.invoiced.taxes if closed else sums.due(beside[part])
            sums.credited = Amounts(sums.by_units.gross + beside[part], Counter(due))
            more = {tax: due[tax] - before.taxes[tax] - with_units.taxes[tax] for tax in part.taxes}
            gross = sums.credited.gross - before.gross - with_units.gross
            found.setdefault(part.taxes, Amounts()).add(gross, more)
        return {taxes: each for taxes, each in found.items() if each.gross or any(each.taxes.values())}


def _spread(amount: int, left: Mapping[Part, int], to: Counter[Part]) -> None:
    """An amount in proportion to what is left of each part, as far as that goes: all of it is spread to all of them."""
    whole, sofar = sum(left.values()), 0
    if amount * whole <= 0:
        return
    size, end = abs(whole), min(abs(whole), abs(amount))
    for part, each in left.items():
        to[part] += share(sofar + each, size, 0, end) - share(sofar, size, 0, end)
        sofar += each


def _part_of(piece: Piece) -> Part:
    return Part(rule_of(piece.charge), tuple(tax for tax, _ in piece.taxes))
