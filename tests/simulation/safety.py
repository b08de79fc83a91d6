"""What holds at every moment of a day, whatever happens: checked after every message that a stream handles.

The numbers are those of docs/promises.md. Sums are taken from events and from the provider's own ledger, and compared
with what the streams believe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from contracts.inventory import Bucket as Goods
from contracts.order import LinesFulfilled
from contracts.payments import CallStep, PaymentAuthorized, PaymentCaptured, PaymentIncreased, PaymentRefunded
from services.order.order import due, line_of
from tests.simulation.day import Day
from tests.simulation.world import Broken, Handled

__all__ = ["Safety"]

CAME = (Goods.RECEIVED, Goods.FOUND, Goods.RESTOCKED)
SHELF = (Goods.SELLABLE, Goods.SUSPECT, Goods.DAMAGED, Goods.ON_HOLD, Goods.PICKED)


def must(holds: bool, what: str, detail: str) -> None:
    """Raises Broken unless it holds."""
    if not holds:
        raise Broken(what, detail)


class Safety:
    """Watches a day's world."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._goods: Counter[tuple[str, str, Goods]] = Counter()
        self._money: Counter[tuple[str, type]] = Counter()
        self._left: dict[str, set[tuple[str, int]]] = {}
        self._checks: Mapping[str, Callable[[Handled], None]] = {
            "stock_item": self._stock,
            "order": self._order,
            "payment": self._payment,
            "stored_value": self._ledger,
        }
        self.checked = 0

    def watch(self, handled: Handled) -> None:
        """Raises Broken when something does not hold any more."""
        check = self._checks.get(handled.kind.kind)
        if check is not None and handled.events:
            self.checked += 1
            check(handled)

    def _stock(self, handled: Handled) -> None:
        """I-01, I-02: nothing is promised that is not there, and every unit that came is somewhere."""
        book, name = handled.after.view(handled.kind), handled.stream
        for event in handled.events:
            for movement in getattr(event, "movements", ()):
                self._goods[name, movement.location, movement.source] -= movement.quantity
                self._goods[name, movement.location, movement.target] += movement.quantity
        for location, shelf in book.shelves.items():
            for bucket in SHELF:
                told = self._goods[name, location, bucket]
                must(getattr(shelf, bucket.value) == told >= 0, "stock", f"{location} has {told} {bucket}")
            must(shelf.available >= 0, "oversold", f"{location} promises {-shelf.available} more than it has")
            must(shelf.reserved + shelf.soft == sum(shelf.held.values()), "claims", f"{location}: {shelf}")

    def _order(self, handled: Handled) -> None:
        """Units of a line always sum, none leaves twice, and no more is taken than left."""
        state = handled.after.view(handled.kind).order
        if state.placed is None:
            return
        for name, line in state.lines.items():
            units, quantity = line.units, line_of(state, name).quantity
            must(sum(units) == quantity and min(units) >= 0, "units", f"line {name} of {quantity}: {units}")
        gone = self._left.setdefault(handled.stream, set())
        for event in handled.events:
            if isinstance(event, LinesFulfilled):
                self._money[handled.stream, LinesFulfilled] += event.amount.amount
                for part in event.ranges:
                    fresh = {(part.line, unit) for unit in range(part.from_unit, part.to_unit)}
                    must(not fresh & gone, "left twice", f"units of line {part.line}: {sorted(fresh & gone)}")
                    gone |= fresh
        left = self._money[handled.stream, LinesFulfilled]
        must(state.captured <= left <= due(state), "taken", f"{state.captured} taken of {left} that left")

    def _payment(self, handled: Handled) -> None:
        """I-04, I-05: back is no more than was taken, taken no more than was secured, and nothing was done twice."""
        state, name = handled.after.view(handled.kind), handled.stream
        for event in handled.events:
            if isinstance(event, PaymentAuthorized | PaymentIncreased | PaymentCaptured | PaymentRefunded):
                self._money[name, type(event)] += event.amount.amount
        secured = self._money[name, PaymentAuthorized] + self._money[name, PaymentIncreased]
        taken, back = self._money[name, PaymentCaptured], self._money[name, PaymentRefunded]
        must(back <= taken <= secured, "money", f"{secured} secured, {taken} taken, {back} paid back")
        must((state.captured, state.refunded) == (taken, back), "money told", f"{state.captured}, {state.refunded}")
        self._provider()

    def _provider(self) -> None:
        """One effect for each part of a capture and of a refund."""
        done: Counter[tuple[str, CallStep]] = Counter()
        for entry in self._day.bank.entries.values():
            part = self._day.desk.parts.get(entry.call.key)
            if entry.effects and part is not None and entry.call.step in (CallStep.CAPTURE, CallStep.REFUND):
                done[part, entry.call.step] += 1
        twice = [part for part, times in done.items() if times > 1]
        must(not twice, "done twice", f"the provider's ledger has more than one of {twice}")

    def _ledger(self, handled: Handled) -> None:
        """Stored value is available, held or redeemed, and never less than nothing."""
        state: Any = handled.after.view(handled.kind)
        sums = (state.available, state.held, state.redeemed)
        must(min(sums) >= 0, "stored value", f"{handled.stream}: {sums}")
