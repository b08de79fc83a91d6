"""What a channel's higher revision makes of an order: a proposed change, as far as it can be told as one, and a hold that
shows it and asks a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chassis.decider import Context
from contracts.message import Event
from contracts.order import (
    ChangeProposed,
    ChangeSource,
    GroupChange,
    HoldPlaced,
    ImportOrder,
    LineQuantity,
    OrderChangeRequested,
    OrderLine,
    OrderTerms,
    PlaceOrder,
    ProposeChange,
    ShipGroup,
)
from services.order import order as orders
from services.order.change_plan import Refused, kept_of
from services.order.changing import proposal
from services.order.reservation_answers import SENT_LATER
from services.order.value import own_value
from services.order.ways import ship_groups

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["import_order", "place_order"]


def place_order(message: PlaceOrder, state: OrderStream, context: Context) -> Sequence[Event]:
    """A message that parses becomes an order; a higher revision of a known one a proposal to change it."""
    return _with_proposal(orders.place_order(message, state.order, context), message, state, context)


def import_order(message: ImportOrder, state: OrderStream, context: Context) -> Sequence[Event]:
    """Likewise, of an order from another system."""
    return _with_proposal(orders.import_order(message, state.order, context), message, state, context)


def _with_proposal(
    events: Sequence[Event], message: PlaceOrder | ImportOrder, state: OrderStream, context: Context
) -> Sequence[Event]:
    """The hold says what the change comes to, or why it cannot be told as one."""
    if not events or not isinstance(events[0], OrderChangeRequested):
        return events
    requested, held = events
    assert isinstance(held, HoldPlaced)
    try:
        wish = _wish(message, state)
        proposed = proposal(wish, state, context, ChangeSource.CHANNEL, held.hold)
    except _OtherThanThat as other:
        return requested, held.model_copy(update={"detail": f"{held.detail}: {other}"})
    except Refused as refused:
        why = refused.detail or refused.reason.value
        return requested, held.model_copy(update={"detail": f"{held.detail}, which cannot be done: {why}"})
    return requested, _shown(held, message, proposed[-1]), *proposed


def _shown(held: HoldPlaced, message: OrderTerms, proposed: Event) -> HoldPlaced:
    assert isinstance(proposed, ChangeProposed)
    before, after = proposed.before, proposed.after
    told = f"change {proposed.change} makes it {after.to_decimal()} {after.currency} instead of {before.to_decimal()}"
    stated = message.stated_total
    if stated is not None and stated != after:
        told += f", where the channel says {stated.to_decimal()}"
    return held.model_copy(update={"detail": f"{held.detail}: {told}", "expected": stated or after, "found": after})


class _OtherThanThat(Exception):
    """A revision that is more than other quantities, lines and ways, told to a person."""


def _wish(message: OrderTerms, state: OrderStream) -> ProposeChange:
    terms = state.order.terms
    for name in ("seller", "customer", "currency", "bill_to", "charges", "shortage", "requested", "cancel_after"):
        if getattr(message, name) != getattr(terms, name):
            raise _OtherThanThat(f"its {name} differs")
    lines, added = _lines(message, state)
    return ProposeChange(lines=tuple(lines), added=tuple(added), groups=tuple(_groups(message, terms)))


def _lines(message: OrderTerms, state: OrderStream) -> tuple[list[LineQuantity], list[OrderLine]]:
    """Other quantities of lines that are known by the channel's id of them, and those that are not."""
    known: dict[str, list[OrderLine]] = defaultdict(list)
    for line in state.order.terms.lines:
        if line.channel_line is not None and not _sent_again(line):
            known[line.channel_line].append(line)
    wishes: list[LineQuantity] = []
    added: list[OrderLine] = []
    named: set[str] = set()
    for line in message.lines:
        name = line.channel_line or ""
        if name in named:
            raise _OtherThanThat(f"line {name} comes twice")
        named.add(name)
        if name in known:
            wishes += _other_quantity(line, known[name], state)
        else:
            added.append(line.model_copy(update={"line": "", "relates_to": None}))
    gone = (line for name, lines in known.items() if name not in named for line in lines)
    return [*wishes, *(LineQuantity(line=line.line, quantity=0) for line in gone)], added


def _sent_again(line: OrderLine) -> bool:
    """Of what is sent again, or for what comes back, the channel knows by its own line, and orders none of it."""
    return line.relates_to is not None and line.relates_to.kind in SENT_LATER


def _other_quantity(line: OrderLine, ours: Sequence[OrderLine], state: OrderStream) -> Iterator[LineQuantity]:
    """What makes our lines, the first and those that were added to it, so many units. Fewer are taken from the youngest."""
    first = ours[0]
    if (line.sku, line.unit, line.ship_group) != (first.sku, first.unit, first.ship_group):
        raise _OtherThanThat(f"line {line.channel_line} is another article, or goes another way")
    kept = {each.line: kept_of(each.line, state) for each in ours}
    there = sum(kept.values())
    worth = sum(_kept_worth(each, kept[each.line], state) for each in ours)
    if line.quantity == there:
        if own_value(line) != worth:
            raise _OtherThanThat(f"line {line.channel_line} costs another amount")
    elif line.quantity > there:
        more = own_value(line) - worth
        if more < 0:
            raise _OtherThanThat(f"more of line {line.channel_line} costs less")
        amount = first.amount.model_copy(update={"amount": more})
        yield LineQuantity(line=first.line, quantity=kept[first.line] + line.quantity - there, amount=amount)
    else:
        left = there - max(0, line.quantity)
        for each in reversed(ours):
            taken = min(left, kept[each.line])
            left -= taken
            if taken:
                yield LineQuantity(line=each.line, quantity=kept[each.line] - taken)


def _kept_worth(line: OrderLine, kept: int, state: OrderStream) -> int:
    """What the units of a line that are not cancelled are worth without the charges of the order, in minor units."""
    if line.quantity <= 0:
        return 0
    size = own_value(line)
    part = abs(size) * kept // line.quantity
    return part if size >= 0 else -part


def _groups(message: OrderTerms, terms: OrderTerms) -> Iterator[GroupChange]:
    ours, theirs = ship_groups(terms), ship_groups(message)
    if ours.keys() != theirs.keys():
        raise _OtherThanThat("it has other ship groups")
    for name, group in theirs.items():
        if wish := _other_way(ours[name], group):
            yield wish


def _other_way(ours: ShipGroup, theirs: ShipGroup) -> GroupChange | None:
    rest = {"ship_to", "address_missing", "service_level", "method", "location", "charges", "references"}
    if ours.model_dump(exclude=rest) != theirs.model_dump(exclude=rest):
        raise _OtherThanThat(f"ship group {ours.group} asks for something else")
    changed = {
        name: getattr(theirs, name)
        for name in ("ship_to", "service_level", "method", "location", "charges")
        if getattr(theirs, name) is not None and getattr(theirs, name) != getattr(ours, name)
    }
    if not changed:
        return None
    return GroupChange(group=ours.group, address_missing=theirs.address_missing, **changed)
