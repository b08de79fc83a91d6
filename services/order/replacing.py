"""Sending goods again that came broken, wrong or not at all: the lines of a replacement, and what becomes of units that
nobody has.

A replacement is a way to meet a claim; who may grant one, and for which units, is in refund_granting.py. Its lines are owed
nothing: their worth is given by the merchant, and what was paid stays with the units that they are sent for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chassis.decider import Context
from contracts.message import Event
from contracts.money import Charge, ChargeKind, Funder, Money
from contracts.order import (
    Bucket,
    IfShort,
    LinesAdded,
    LineUnits,
    OrderLine,
    OrderReopened,
    RefundCause,
    RefundLimits,
    RelatesTo,
    RelationKind,
    ReopenCause,
    ReplacedUnits,
    ReplacementGivenUp,
    ReplacementGranted,
    ShortagePolicy,
)
from services.order.change_plan import OFFERED, next_line
from services.order.exchange_money import counted_on
from services.order.order import line_of, line_units
from services.order.refund_state import Range, Refund, RefundStage, evolve, in_order, without
from services.order.refunding import granted, in_returns, refund_due
from services.order.replaced_units import Units
from services.order.ways import ship_groups

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["advance", "can_be_sent", "sent_again"]

GIVEN = "replacement"
"""The code of the discount that makes a line of a replacement free, and part of what names such lines."""

WHEN_SHORT: Mapping[IfShort, ShortagePolicy] = {
    IfShort.WAIT: ShortagePolicy.BACKORDER,
    IfShort.REFUND: ShortagePolicy.CANCEL_LINE,
}


def can_be_sent(state: OrderStream, asked: Iterable[Units]) -> bool:
    """Whether these units went by a way that goods can be sent again by: what was handed out at a till was not sent."""
    groups = ship_groups(state.order.terms)
    ways = (groups.get(line_of(state.order, units.line).ship_group) for units in asked)
    return all(group is not None and group.method in OFFERED for group in ways)


def sent_again(
    contents: Mapping[str, Any],
    asked: Sequence[Units],
    state: OrderStream,
    by: str | None,
    approved_by: str | None,
    limits: RefundLimits | None,
) -> Sequence[Event]:
    """The goods once more: a line of its own for each line that is claimed. An order that was complete goes on."""
    lines: list[OrderLine] = []
    replaced: list[ReplacedUnits] = []
    for number, name in enumerate(dict.fromkeys(units.line for units in asked), start=next_line(state)):
        here, at = [units for units in asked if units.line == name], 0
        for units in here:
            size = units.end - units.start
            part = LineUnits(line=name, from_unit=units.start, to_unit=units.end)
            replaced.append(ReplacedUnits(**dict(part), by=str(number), by_from=at))
            at += size
        lines.append(
            _line(str(number), at, _worth(state, here, contents["cause"]), line_of(state.order, name), contents)
        )
    decided = ReplacementGranted(**contents, replaced=tuple(replaced), by=by, approved_by=approved_by, limits=limits)
    added = LinesAdded(lines=tuple(lines))
    if state.order.open:
        return decided, added
    return OrderReopened(cause=ReopenCause.REPLACEMENT, reference=decided.refund), decided, added


def _worth(state: OrderStream, units: Sequence[Units], cause: RefundCause) -> Money:
    """What was paid for these units themselves."""
    paid = sum(line.amount.amount for line in refund_due(state, units, cause).lines)
    return Money(amount=paid, currency=state.order.terms.currency)


def _line(number: str, quantity: int, worth: Money, before: OrderLine, contents: Mapping[str, Any]) -> OrderLine:
    """A line of what is sent again: it is worth what was paid, taxes included, and all of that is given by the merchant.
    No sale, so no tax of its own."""
    given = Charge(kind=ChargeKind.DISCOUNT, amount=-worth, tax_included=True, funded_by=Funder.MERCHANT, code=GIVEN)
    return OrderLine(
        line=number,
        channel_line=before.channel_line,
        sku=before.sku,
        description=before.description,
        quantity=quantity,
        unit=before.unit,
        amount=worth,
        tax_included=True,
        charges=(given,) if worth.amount else (),
        ship_group=before.ship_group,
        shortage=WHEN_SHORT[contents["if_short"]],
        relates_to=RelatesTo(kind=RelationKind.REPLACEMENT_OF, line=before.line),
        final_sale=before.final_sale,
        return_policy=before.return_policy,
        added_by=f"{GIVEN}/{contents['number']}",
    )


# What does not come of it


def advance(state: OrderStream, context: Context) -> Sequence[Event]:
    """Units of a replacement that were cancelled before they left: what they were to replace can be claimed again, or is
    paid back at once, as was decided with the replacement."""
    if not state.refunds.replaced:
        return ()
    for _, refund in in_order(state.refunds):
        if refund.stage is RefundStage.REPLACED and (gone := list(_gone(state, refund))):
            return _given_up(state, refund, gone, context)
    return ()


def _gone(state: OrderStream, refund: Refund) -> Iterator[Units]:
    """The units that will not be replaced after all. Of a line units are cancelled from the top."""
    for part in _parts(state, refund):
        line, size = state.order.lines[part.by], part.to_unit - part.from_unit
        kept = sum(line.units) - line_units(line, Bucket.CANCELLED)
        start = max(part.by_from, kept)
        if start < part.by_from + size:
            yield Units(part.line, part.from_unit + start - part.by_from, part.to_unit)


def _parts(state: OrderStream, refund: Refund) -> Iterator[ReplacedUnits]:
    added_by = f"{GIVEN}/{refund.contents.number}"
    for _, parts in sorted(state.refunds.replaced.items()):
        yield from (part for part in parts if line_of(state.order, part.by).added_by == added_by)


def _given_up(state: OrderStream, refund: Refund, gone: Sequence[Units], context: Context) -> Sequence[Event]:
    contents = refund.contents
    left = sum(part.to_unit - part.from_unit for part in _parts(state, refund))
    given_up = ReplacementGivenUp(
        refund=contents.refund,
        number=contents.number,
        units=tuple(LineUnits(line=line, from_unit=start, to_unit=end) for line, start, end in gone),
        whole=sum(units.end - units.start for units in gone) == left,
    )
    if contents.if_short is not IfShort.REFUND:
        return (given_up,)
    after = state._replace(refunds=evolve(state.refunds, given_up))
    due = refund_due(after, _not_in_returns(after, gone), contents.cause, counted_on=counted_on(after))
    reason = f"replacement {contents.number}: nobody has the goods"
    paid = granted(after, context, due, contents.cause, reason=reason, by=refund.by)
    if paid is None:
        return (given_up,)
    return given_up.model_copy(update={"paid_back": paid.refund}), paid


def _not_in_returns(state: OrderStream, gone: Iterable[Units]) -> Iterator[Units]:
    """What is due for units in a return is decided there."""
    for line, start, end in gone:
        asked: tuple[Range, ...] = ((start, end),)
        yield from (Units(line, *each) for each in without(asked, in_returns(state, line)))
