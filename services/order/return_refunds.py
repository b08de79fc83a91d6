"""What the customer gets for units that came back: granted as soon as the rules say so, whatever message brought it about.

Exactly what was paid for these units, less what the rules keep: for restocking, for wear, and for our label, once a
return. Units whose money is not taken yet wait until it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from chassis.decider import Context
from contracts.fulfillment import Disposition
from contracts.message import Event
from contracts.money import Money
from contracts.order import RefundCause, RefundTo, ReturnedRange, ReturnReckoned, UnitRange
from services.order.exchange_money import counted_on
from services.order.refunding import Units, charges_due, granted, refund_due
from services.order.return_policy import cause_of, fee_of, label_fee
from services.order.return_state import LineReturn, Returning
from services.order.unit_ranges import Ranges, joined, without

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["advance"]


class _Part(NamedTuple):
    """Units of a line of which it is to be decided, all with one disposition, or none."""

    line: LineReturn
    disposition: Disposition | None
    ranges: Ranges

    @property
    def name(self) -> str:
        return self.line.asked.line

    @property
    def cause(self) -> RefundCause:
        """Why the money of these units goes back."""
        return cause_of(self.line.asked)


def advance(state: OrderStream, context: Context) -> Sequence[Event]:
    """The next return of which units came whose money was taken: first those of which we are not at fault, since what
    comes back with a unit is another matter where we are. Then charges that nothing that is kept bears any more."""
    for each in sorted(state.returns.returns.values(), key=lambda one: one.number):
        for cause in (RefundCause.RETURNED, RefundCause.RETURNED_AT_FAULT):
            if parts := [part for part in _parts(each, state) if part.cause is cause]:
                return _reckoned(each, parts, cause, state, context)
    late = granted(
        state, context, charges_due(state, counted_on(state)), RefundCause.CANCELLED, reason="nothing of it is kept"
    )
    return () if late is None else [late]


def _parts(each: Returning, state: OrderStream) -> Iterable[_Part]:
    for _, line in sorted(each.lines.items()):
        for said, ranges in line.due:
            part = _Part(line, Disposition(said) if said else None, ranges)
            due = refund_due(state, _units([part]), RefundCause.RETURNED)
            waiting = (UnitRange(from_unit=units.start, to_unit=units.end) for units in due.waiting)
            if left := without(ranges, waiting):
                yield part._replace(ranges=left)


def _units(parts: Iterable[_Part]) -> list[Units]:
    return [Units(part.name, each.from_unit, each.to_unit) for part in parts for each in part.ranges]


def _reckoned(
    each: Returning, parts: Sequence[_Part], cause: RefundCause, state: OrderStream, context: Context
) -> Sequence[Event]:
    currency = state.order.terms.currency
    label = 0 if each.label_kept else label_fee(each.requested.postage, currency, each.requested.label_fee)
    of_goods = sum(_fee(part, state) for part in parts)
    due = refund_due(state, _units(parts), cause, of_goods + label, counted_on(state, but=each.number))
    label = max(0, due.fee - of_goods)
    to = RefundTo.ORIGINAL if each.requested.exchange is None else RefundTo.EXCHANGE
    refund = granted(state, context, due, cause, reason=f"return {each.number}", to=to)
    lines = {part.name: joined(*(one.ranges for one in parts if one.name == part.name)) for part in parts}
    reckoned = ReturnReckoned(
        number=each.number,
        lines=tuple(ReturnedRange(line=line, ranges=ranges) for line, ranges in lines.items()),
        refund=None if refund is None else refund.refund,
        fee=Money(amount=due.fee, currency=currency) if due.fee else None,
        label=Money(amount=label, currency=currency) if label else None,
    )
    return [reckoned] if refund is None else [refund, reckoned]


def _fee(part: _Part, state: OrderStream) -> int:
    """What is kept of the goods' own worth."""
    due, asked = refund_due(state, _units([part]), RefundCause.RETURNED), part.line.asked
    own = sum(line.amount.amount for line in due.lines)
    return fee_of(own, asked.reason, part.disposition, asked.restocking, asked.damaged)
