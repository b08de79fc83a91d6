"""What a change of an order is made of: which units go, which lines come, how groups go, and what that does to the money.

Units that are added are a line of their own: the shares of a line go by ranges of its units, so that one more unit would
move the share of each that has left. Nothing here decides whether a change is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

from chassis.decider import Context
from contracts.message import Event
from contracts.money import Charge, Money, TaxLine, Tender, TenderMethod
from contracts.order import (
    Bucket,
    CancelLine,
    CancelReason,
    ChangeProposed,
    ChangeRefusal,
    ChangeSource,
    ExchangeSend,
    GroupChange,
    HoldKind,
    HoldReleased,
    LineQuantity,
    LinesAdded,
    Move,
    OrderChanged,
    OrderLine,
    ProposeChange,
    RelatesTo,
    RelationKind,
    ShipGroup,
    ShipGroupChanged,
    ShipMethod,
    ShortagePolicy,
)
from services.order import order as orders
from services.order.cancelling import cancel_units
from services.order.exchange_money import credit_for, owed_in_money
from services.order.exchanging import agreed, coming, for_exchange, going, terms_of
from services.order.kits import exploded, with_components
from services.order.order import IN_FULFILLMENT, NOT_RELEASED, WITH_CUSTOMER, due, line_units, move
from services.order.refused import Refused
from services.order.reservation_answers import held_by
from services.order.reservation_state import claims_in_order
from services.order.return_policy import label_fee
from services.order.returning import free
from services.order.unit_ranges import without
from services.order.value import own_value, parts_of_kits, rated_among, tenders_total
from services.order.ways import ship_groups

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["OFFERED", "PAYS_MORE", "Refused", "done", "in_money", "kept_of", "made", "next_line", "no_longer"]

OFFERED = (ShipMethod.SHIP, ShipMethod.PICKUP)
"""The ways that goods can still go once an order is placed."""

PAYS_MORE = (TenderMethod.INVOICE, TenderMethod.CARD)
"""Tenders that pay for what is added when nobody says what does: those that are not used up by their amount."""


# Making a proposal


def made(
    message: ProposeChange,
    state: OrderStream,
    context: Context,
    source: ChangeSource,
    expires: datetime,
    hold: str | None,
) -> ChangeProposed:
    """The proposal that a wish comes to. Raises Refused when it cannot be done as the order is now."""
    number = str(state.changes.count + 1)
    cancelled, more = _quantities(message.lines, state)
    returned = coming(message, state, context)
    lines = _numbered((*more, *going(message, returned, state)), state, number, context)
    _check_lines(lines, state)
    groups = tuple(_group(wish, state) for wish in message.groups)
    if not (cancelled or lines or groups):
        raise Refused(ChangeRefusal.NOTHING_CHANGES)
    currency = state.order.terms.currency
    nothing = Money(amount=0, currency=currency)
    proposed = ChangeProposed(
        change=number,
        source=source,
        cancelled=cancelled,
        lines=lines,
        groups=groups,
        before=Money(amount=due(state.order), currency=currency),
        after=nothing,
        difference=nothing,
        expires=expires,
        hold=hold,
        detail=message.detail,
        **terms_of(message, returned, state),
    )
    after = _owed_after(proposed, state, context)
    credit = proposed.credit.amount if proposed.credit else 0
    return proposed.model_copy(
        update={
            "after": Money(amount=after, currency=currency),
            "difference": Money(amount=after - proposed.before.amount - credit, currency=currency),
            "tenders": _tenders(message.tenders, in_money(proposed, after, state), state, source),
        }
    )


def in_money(proposed: ChangeProposed, after: int, state: OrderStream) -> int:
    """What the order has to be paid with money once it owes so much, in minor units: credit for goods that come back pays
    the rest. That of goods whose exchange leaves at once counts when they are back."""
    before = owed_in_money(state) + state.order.settled
    more = after - proposed.before.amount
    on_receipt = proposed.credit is not None and proposed.send is ExchangeSend.ON_RECEIPT
    if on_receipt and proposed.credit is not None:
        more -= min(proposed.credit.amount, _worth_of(proposed))
    return before + more


def _worth_of(proposed: ChangeProposed) -> int:
    """What the lines of a change are worth that goods leave by."""
    return sum(own_value(line) for line in rated_among(proposed.lines))


def _owed_after(proposed: ChangeProposed, state: OrderStream, context: Context) -> int:
    """What would be owed, in minor units: by the very events that would be."""
    after = reduce(orders.evolve, _parts(proposed, state, context), state.order)
    return due(after)


def _quantities(wishes: Iterable[LineQuantity], state: OrderStream) -> tuple[tuple[CancelLine, ...], list[OrderLine]]:
    """Units that go, and the lines that come, for other quantities of lines."""
    cancelled, more = [], []
    placed = {line.line: line for line in state.order.terms.lines}
    for wish in wishes:
        parts = _parts_of(wish.line, state)
        if not parts:
            raise Refused(ChangeRefusal.UNKNOWN_LINE, f"the order has no line {wish.line} of its own")
        there = kept_of(wish.line, state)
        if wish.quantity < there:
            cancelled.append(CancelLine(line=wish.line, quantity=there - wish.quantity))
        elif wish.quantity > there:
            more.append(_more_of(placed[wish.line], wish.quantity - there, wish.amount))
    _check_cancelled(cancelled, state)
    return tuple(cancelled), more


def _parts_of(line: str, state: OrderStream) -> dict[str, int]:
    """The lines that goods of a line leave by, with how many of each one unit of it has; of a component none."""
    parts = parts_of_kits(state.order.terms)
    if any(part.line == line for part in parts):
        return {}
    kit = {part.line: part.per for part in parts if part.kit == line}
    return kit or ({line: 1} if line in state.order.lines else {})


def kept_of(line: str, state: OrderStream) -> int:
    """Units of a line that are not cancelled; of a kit's line its whole kits."""
    return min((_kept(part, state) // per for part, per in _parts_of(line, state).items()), default=0)


def _kept(line: str, state: OrderStream) -> int:
    found = state.order.lines[line]
    return sum(found.units) - line_units(found, Bucket.CANCELLED)


def _check_cancelled(cancelled: Iterable[CancelLine], state: OrderStream) -> None:
    for each in cancelled:
        wanted = each.quantity or 0
        for part, per in _parts_of(each.line, state).items():
            if line_units(state.order.lines[part], *NOT_RELEASED) < wanted * per:
                detail = f"a node has units of line {each.line}, or they have left: cancel them instead"
                raise Refused(ChangeRefusal.RELEASED, detail)


def _more_of(line: OrderLine, quantity: int, amount: Money | None) -> OrderLine:
    """More units of a line: at what is stated, or in proportion to what the line costs, taxes and charges included."""
    of = line.quantity

    def part(money: Money) -> Money:
        size = abs(money.amount) * quantity // of
        return Money(amount=size if money.amount >= 0 else -size, currency=money.currency)

    def taxes(lines: Iterable[TaxLine]) -> tuple[TaxLine, ...]:
        return tuple(tax.model_copy(update={"base": part(tax.base), "amount": part(tax.amount)}) for tax in lines)

    def charge(one: Charge) -> Charge:
        return one.model_copy(update={"amount": part(one.amount), "taxes": taxes(one.taxes)})

    stated = amount is not None
    return line.model_copy(
        update={
            "quantity": quantity,
            "ordered": None,
            "amount": amount if amount is not None else part(line.amount),
            "tax_included": True if stated else line.tax_included,
            "taxes": () if stated else taxes(line.taxes),
            "charges": () if stated else tuple(charge(one) for one in line.charges),
            "relates_to": RelatesTo(kind=RelationKind.MORE_OF, line=line.line),
        }
    )


def next_line(state: OrderStream) -> int:
    """The number of the next line: one that no line of the order, nor of a kit in it, ever had."""
    return 1 + max((int(line.line.partition(".")[0]) for line in state.order.terms.lines), default=0)


def _numbered(lines: Sequence[OrderLine], state: OrderStream, change: str, context: Context) -> tuple[OrderLine, ...]:
    """The lines with ids of ours, and after them the components of those that are kits. One that may not wait is given up
    alone, never the order with it."""
    numbered = [
        line.model_copy(update={"line": str(number), "shortage": _shortage(line, state)})
        for number, line in enumerate(lines, start=next_line(state))
    ]
    return tuple(line.model_copy(update={"added_by": change}) for line in exploded(numbered, context.needed))


def _shortage(line: OrderLine, state: OrderStream) -> ShortagePolicy:
    chosen = line.shortage or state.order.terms.shortage
    return ShortagePolicy.CANCEL_LINE if chosen is ShortagePolicy.CANCEL_ORDER else chosen


def _check_lines(lines: Iterable[OrderLine], state: OrderStream) -> None:
    groups = ship_groups(state.order.terms)
    for line in lines:
        group = groups.get(line.ship_group)
        if group is None:
            raise Refused(ChangeRefusal.UNKNOWN_GROUP, f"the order has no ship group {line.ship_group}")
        if group.method not in OFFERED:
            raise Refused(ChangeRefusal.UNSUPPORTED_METHOD, f"nothing can be added to what goes by {group.method}")
        if line.quantity <= 0 or not line.sku or line.amount.amount < 0:
            detail = "a line needs a SKU, a quantity above zero and an amount that is not below it"
            raise Refused(ChangeRefusal.INCOMPLETE, detail)
        if line.amount.currency != state.order.terms.currency:
            raise Refused(ChangeRefusal.WRONG_CURRENCY, f"the order is in {state.order.terms.currency}")


def _group(wish: GroupChange, state: OrderStream) -> ShipGroup:
    """A ship group as it would be."""
    found = ship_groups(state.order.terms).get(wish.group)
    if found is None:
        raise Refused(ChangeRefusal.UNKNOWN_GROUP, f"the order has no ship group {wish.group}")
    _check_not_released(wish.group, state)
    named = {name: getattr(wish, name) for name in ("ship_to", "service_level", "method", "location", "charges")}
    update = {name: value for name, value in named.items() if value is not None}
    if wish.ship_to is not None:
        update["address_missing"] = wish.address_missing
    changed = found.model_copy(update=update)
    if changed.method not in OFFERED:
        raise Refused(ChangeRefusal.UNSUPPORTED_METHOD, f"{changed.method} is not offered")
    if changed.method is ShipMethod.PICKUP and changed.location is None:
        raise Refused(ChangeRefusal.INCOMPLETE, "what is collected needs a location")
    if changed.method is ShipMethod.SHIP and (changed.ship_to is None or changed.address_missing):
        lacking = ", ".join(changed.address_missing) or "everything"
        raise Refused(ChangeRefusal.INCOMPLETE, f"the address lacks {lacking}")
    return changed


def _check_not_released(group: str, state: OrderStream) -> None:
    members = [line.line for line in state.order.terms.lines if line.ship_group == group]
    lines = [state.order.lines[line] for line in members if line in state.order.lines]
    if any(line_units(line, *IN_FULFILLMENT, *WITH_CUSTOMER) for line in lines):
        detail = f"a node has goods of ship group {group}, or they have left"
        raise Refused(ChangeRefusal.RELEASED, detail)


def _tenders(stated: tuple[Tender, ...], after: int, state: OrderStream, source: ChangeSource) -> tuple[Tender, ...]:
    """What pays for more than the tenders of the order do. A channel that asks for more pays it as it pays the rest."""
    terms = state.order.terms
    lacking = after - tenders_total(terms)
    paid = sum(tender.amount.amount for tender in stated)
    if stated and (paid != lacking or any(tender.amount.currency != terms.currency for tender in stated)):
        needed = Money(amount=max(0, lacking), currency=terms.currency)
        detail = f"what is to be paid beside the tenders of the order is {needed.to_decimal()} {needed.currency}"
        raise Refused(ChangeRefusal.NOT_PAID, detail)
    if stated or lacking <= 0:
        return stated
    last = max(enumerate(terms.tenders), key=lambda each: (each[1].rank, each[0]), default=None)
    if last is None or not (last[1].method in PAYS_MORE or source is ChangeSource.CHANNEL):
        raise Refused(ChangeRefusal.NOT_PAID, "say in `tenders` how the difference is paid")
    amount = Money(amount=lacking, currency=terms.currency)
    return (last[1].model_copy(update={"amount": amount}),)


# Doing it


def no_longer(proposed: ChangeProposed, state: OrderStream, context: Context) -> None:
    """Raises Refused when a proposal cannot be done, or is no longer what it was shown as."""
    _check_cancelled(proposed.cancelled, state)
    _check_returned(proposed, state)
    for group in proposed.groups:
        _check_not_released(group.group, state)
    known = {line.line for line in state.order.terms.lines}
    after = _owed_after(proposed, state, context)
    if any(line.line in known for line in proposed.lines) or after != proposed.after.amount:
        raise Refused(ChangeRefusal.OUTDATED, "the order is not what it was when this was proposed: propose it again")
    _check_stock(proposed, context)


def _check_returned(proposed: ChangeProposed, state: OrderStream) -> None:
    """The very units that were shown can still come back, and are still worth as much."""
    returned = proposed.returns or ()
    gone = any(without(line.ranges, free(state, line.line)) for line in returned)
    if returned and proposed.credit is not None and proposed.postage is not None:
        fee = label_fee(proposed.postage, proposed.credit.currency, proposed.label_fee)
        gone = gone or credit_for(state, returned, fee) != proposed.credit.amount
    if gone:
        raise Refused(ChangeRefusal.OUTDATED, "what was to come back is not what it was: propose it again")


def _check_stock(proposed: ChangeProposed, context: Context) -> None:
    """What may not wait has to be there."""
    known = with_components(context.needed)
    kits = {line.relates_to.line for line in proposed.lines if line.relates_to and line.channel_line is None}
    wanted: Counter[str] = Counter()
    for line in proposed.lines:
        if line.shortage is ShortagePolicy.CANCEL_LINE and line.line not in kits:
            wanted[line.sku] += line.quantity
    for sku, quantity in wanted.items():
        there = sum(max(0, found.available) for found in known.get(sku, {}).values())
        if there < quantity:
            raise Refused(ChangeRefusal.OUT_OF_STOCK, f"of {sku} {there} are available, not {quantity}")


def done(proposed: ChangeProposed, state: OrderStream, context: Context) -> Sequence[Event]:
    """The events that do it, and say that it is done."""
    return (
        *_parts(proposed, state, context),
        *_addresses_known(proposed, state),
        *agreed(proposed, state),
        OrderChanged(
            change=proposed.change,
            version=state.changes.version + 1,
            total=proposed.after,
            difference=proposed.difference,
            tenders=None if proposed.lines else proposed.tenders or None,
        ),
    )


def _parts(proposed: ChangeProposed, state: OrderStream, context: Context) -> list[Event]:
    events: list[Event] = []
    wanted: Counter[str] = Counter()
    for each in proposed.cancelled:
        wanted.update({part: per * (each.quantity or 0) for part, per in _parts_of(each.line, state).items()})
    events += cancel_units(state, wanted, CancelReason.CUSTOMER, proposed.detail, context, proposed.change)
    events += for_exchange(proposed, state, context)
    if proposed.lines:
        events.append(LinesAdded(change=proposed.change, lines=proposed.lines, tenders=proposed.tenders))
    after = reduce(orders.evolve, events, state.order)
    events += [_group_changed(proposed.change, group, state._replace(order=after)) for group in proposed.groups]
    return events


def _group_changed(change: str, group: ShipGroup, state: OrderStream) -> ShipGroupChanged:
    """What goes another way is sourced again."""
    before = ship_groups(state.order.terms)[group.group]
    if (before.method, before.location) == (group.method, group.location):
        return ShipGroupChanged(change=change, group=group)
    members = {line.line for line in state.order.terms.lines if line.ship_group == group.group}
    claims = [claim for claim in claims_in_order(state.reservation.claims) if claim.live and claim.line in members]
    claims = [claim for claim in claims if claim.unanswered or claim.waiting or held_by(state, claim)]
    moves: list[Move] = []
    for line in (name for name in sorted(members) if name in state.order.lines):
        for bucket in (Bucket.BACKORDERED, Bucket.RESERVED):
            moves += move(line, line_units(state.order.lines[line], bucket), bucket, Bucket.ORDERED)
    released = tuple(claim.sequence for claim in claims)
    return ShipGroupChanged(change=change, group=group, released_claims=released, moves=tuple(moves))


def _addresses_known(proposed: ChangeProposed, state: OrderStream) -> list[HoldReleased]:
    """Holds for want of an address are answered once no group lacks one any more."""
    groups = {**ship_groups(state.order.terms), **{group.group: group for group in proposed.groups}}
    if not proposed.groups or any(
        group.method is ShipMethod.SHIP and (group.ship_to is None or group.address_missing)
        for group in groups.values()
    ):
        return []
    return [
        HoldReleased(hold=held.hold, kind=held.kind, detail=f"change {proposed.change} says where it goes")
        for _, held in sorted(state.order.holds.items())
        if held.kind is HoldKind.MISSING_ADDRESS
    ]
