"""Packages of an order that went astray: which somebody has to look after, since when, and that it was done.

A fold of the order's stream beside the sagas, which it outlives: an order is complete once its goods have left. Units
stay fulfilled; whoever settles a package has them paid back, or says what else was done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chassis.decider import Context, Fold
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.ids import split_stream
from contracts.message import Event, Message
from contracts.order import (
    AstrayLine,
    LinesDelivered,
    PackageFate,
    PackageSettled,
    PackageWentAstray,
    RefundCause,
    RefundGranted,
    RefundProposed,
    RefundTo,
    ReplacementGranted,
    SettlementRefusal,
    SettlementRefused,
    SettlePackage,
)
from contracts.shipping import PackageLost, PackageReturned
from services.order.exchange_money import counted_on
from services.order.fulfillment_answers import contents_of, of_shipment
from services.order.order import ORDER_DESK
from services.order.refund_granting import Wish, decided, from_top
from services.order.refund_state import without
from services.order.refunding import Units, refund_due, spoken_for
from services.order.replacing import can_be_sent

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["FOLD", "AstrayState", "decide"]


DECISIONS = (RefundGranted, RefundProposed, ReplacementGranted)
"""What may come of a wish to have units paid back, or sent again."""


@dataclass(frozen=True, slots=True)
class AstrayState:
    """What became of each package, by its id, that is somebody's to look after."""

    packages: HashTrieMap[str, PackageWentAstray] = HashTrieMap()


def evolve(state: AstrayState, event: Event) -> AstrayState:
    """One that arrives after all needs nobody any more."""
    match event:
        case PackageWentAstray():
            return replace(state, packages=state.packages.insert(event.package, event))
        case PackageSettled() | LinesDelivered():
            return replace(state, packages=state.packages.discard(event.package))
    return state


def _on_astray(message: PackageLost | PackageReturned, state: OrderStream, context: Context) -> Sequence[Event]:
    """Recorded also after the order is completed, as a delivery is."""
    found = of_shipment(state, context)
    if found is None:
        return ()
    units = contents_of([message.package], found[0])
    astray = PackageWentAstray(
        shipment=split_stream(context.subject)[1],
        package=message.package.package,
        number=message.package.number,
        fate=PackageFate.LOST if isinstance(message, PackageLost) else PackageFate.RETURNED,
        carrier=message.carrier,
        lines=tuple(AstrayLine(line=line, quantity=quantity) for line, quantity in units.items()),
        owner=ORDER_DESK,
        occurred_at=message.occurred_at,
    )
    return (astray,)


def _settle(message: SettlePackage, state: OrderStream, context: Context) -> Sequence[Event]:
    astray = state.astray.packages.get(message.package)
    if astray is not None:
        return _settled(message, astray, state, context)
    unknown = state.order.placed is None
    reason = SettlementRefusal.UNKNOWN_ORDER if unknown else SettlementRefusal.NOT_ASTRAY
    return (SettlementRefused(package=message.package, reason=reason),)


def _settled(
    message: SettlePackage, astray: PackageWentAstray, state: OrderStream, context: Context
) -> Sequence[Event]:
    settled = PackageSettled(package=message.package, fate=astray.fate, detail=message.detail)
    if not (message.refund or message.reship):
        return (settled,)
    inside = _inside(astray, state)
    due, to = refund_due(state, inside, RefundCause.LOST, counted_on=counted_on(state)), RefundTo.ORIGINAL
    if message.reship:
        to = RefundTo.REPLACEMENT
        if not can_be_sent(state, inside):
            return (SettlementRefused(package=message.package, reason=SettlementRefusal.NO_WAY),)
    if not due.lines or (due.amount <= 0 and not message.reship):
        return (SettlementRefused(package=message.package, reason=SettlementRefusal.NOTHING_DUE),)
    wish = Wish(RefundCause.LOST, message.detail, message.approver, to, message.if_short, message.limits)
    events = decided(wish, inside, due, state, context)
    refund = next(event.refund for event in events if isinstance(event, DECISIONS))
    return settled.model_copy(update={"refund": refund}), *events


def _inside(astray: PackageWentAstray, state: OrderStream) -> list[Units]:
    """The units in a package, by number: of those that left with its shipment the highest that nothing was granted for."""
    left = state.fulfillment.fulfilled[astray.shipment].ranges
    found = []
    for line in astray.lines:
        ranges = [(part.from_unit, part.to_unit) for part in left if part.line == line.line]
        found += from_top(line.line, line.quantity, without(ranges, spoken_for(state, line.line)))
    return found


decide: Mapping[type[Message], Any] = {
    PackageLost: _on_astray,
    PackageReturned: _on_astray,
    SettlePackage: _settle,
}

FOLD = Fold("astray", 1, AstrayState(), evolve)
