"""What channels do: orders of all kinds, the same again, and other words for an order that is known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from contracts.channel import ChannelCustomer, ChannelOrder, ChannelShipGroup, ChannelTender
from contracts.ids import aggregate_id, stream
from contracts.inventory import DescribeItem, KitComponent
from contracts.money import CaptureTime, ExternalState, Money, RefundExecutor, TenderMethod
from contracts.order import ShipMethod, ShortagePolicy
from contracts.payments import IssueCause, IssueValue, ValueKind
from tests.simulation.day import CODE, LEDGER, PLACES, SKUS, Day, Deed
from tests.simulation.people import ADDRESS, COUNTER, PARCEL, TILL, WHOLE, channel_order
from tests.simulation.schedule import Chance
from tests.simulation.world import TENANT

__all__ = ["CHANNEL"]

EXPRESS = ChannelShipGroup(group="drone", service_level="drone", ship_to=ADDRESS)
"""A service that our carrier does not have."""

LATER = ChannelShipGroup(group="2", method=ShipMethod.PICKUP, location="south")
WAYS = (PARCEL, PARCEL, PARCEL, WHOLE, COUNTER, TILL, LATER, EXPRESS)

AMOUNTS = (1000, 100, 999, 2501, 0)
"""Of lines, in minor units."""

ORDERS_MAX = 3
CUSTOMER = ChannelCustomer(issuer="webshop", id="ada")


def place(day: Day, chance: Chance) -> None:
    """An order of one to three lines, with any way, tender and policy."""
    if len(day.orders) >= ORDERS_MAX:
        return
    count = chance.choice((1, 1, 2, 1, 2, 3))
    lines = [(chance.choice(SKUS), chance.between(1, 3), chance.choice(AMOUNTS)) for _ in range(count)]
    ways = [chance.choice(WAYS) for _ in lines] if chance.happens(40) else [PARCEL]
    more: dict[str, Any] = {"customer": CUSTOMER} if chance.happens(50) else {}
    if chance.happens(20):
        more["cancel_after"] = day.world.now + timedelta(days=chance.between(1, 9))
    if chance.happens(15):
        more["ship_not_before"] = day.world.now + timedelta(days=chance.between(1, 3))
    policy = chance.choice((ShortagePolicy.BACKORDER, ShortagePolicy.CANCEL_LINE, ShortagePolicy.CANCEL_ORDER))
    total = sum(amount for _, _, amount in lines)
    if chance.happens(5):
        more["total"] = total + 1
    tenders = _tenders(day, chance, total)
    number = f"{1001 + len(day.orders)}"
    day.place(channel_order(number, *lines, policy=policy, ways=ways, tenders=tenders, revision=1, **more))


def _tenders(day: Day, chance: Chance, total: int) -> list[ChannelTender]:
    """What pays: one method, or a gift card or coupon first and that for the rest."""
    method = chance.choice((*[TenderMethod.CARD] * 5, *[TenderMethod.INVOICE] * 2, *OTHERS))
    first = chance.choice((0, 0, 0, 300, total)) if chance.happens(40) else 0
    first = min(first, total)
    rest = _tender(day, chance, method, total - first)
    if not first:
        return [rest]
    if chance.happens(30):
        return [ChannelTender(method=TenderMethod.COUPON, amount=first, reference="SAVE"), rest]
    _gift_card(day, chance)
    return [ChannelTender(method=TenderMethod.GIFT_CARD, amount=first, reference=CODE), rest]


OTHERS = (
    TenderMethod.EXTERNAL,
    TenderMethod.EXTERNAL,
    TenderMethod.BANK_TRANSFER,
    TenderMethod.STORE_CREDIT,
    TenderMethod.CASH_ON_DELIVERY,
)


AT_ORDER_OF = 3
"""Of so many orders that a card pays, by their turn, one is charged at the order."""

ON_FILE_OF = 2
"""Of so many orders on account, by their turn, one names a card that is charged when its invoices are due."""


def _tender(day: Day, chance: Chance, method: TenderMethod, amount: int) -> ChannelTender:
    more: dict[str, Any] = {"rank": 1}
    if method is TenderMethod.CARD:
        more["reference"] = "tok_1"
        more["capture"] = CaptureTime.AT_ORDER if len(day.orders) % AT_ORDER_OF == 0 else CaptureTime.AT_FULFILLMENT
    if method is TenderMethod.INVOICE and len(day.orders) % ON_FILE_OF == 0:
        more["card_on_file"] = "tok_1"
    if method is TenderMethod.EXTERNAL:
        more["state"] = chance.choice((ExternalState.AUTHORIZED, ExternalState.CAPTURED))
        more["refunds_by"] = chance.choice((RefundExecutor.MERCHANT, RefundExecutor.CHANNEL))
        if chance.happens(50):
            more["expires_at"] = day.world.now + timedelta(days=chance.between(1, 5))
    return ChannelTender(method=method, amount=amount, **more)


def _gift_card(day: Day, chance: Chance) -> None:
    """Somebody bought it before, most of the time."""
    if day.state("payments", LEDGER) is None and not chance.happens(20):
        worth = Money(amount=chance.choice((2000, 500)), currency="EUR")
        issue = IssueValue(kind=ValueKind.GIFT_CARD, entry="e1", amount=worth, cause=IssueCause.SOLD)
        day.say("payments", LEDGER, issue)


def revise(day: Day, chance: Chance) -> None:
    """The channel says an order again: the same, with another revision, or other words under a revision that is known."""
    name = day.some_order(chance)
    if name is None:
        return
    order = day.placed[name]
    revision = (order.revision or 0) + chance.choice((0, 1, 1, 1, -1))
    day.place(_changed(order, chance).model_copy(update={"revision": max(0, revision)}))


def _changed(order: ChannelOrder, chance: Chance) -> ChannelOrder:
    first = order.lines[0]
    what = chance.below(5)
    if what == 0:
        return order
    if what == 1:
        quantity = chance.between(1, 4)
        lines = (first.model_copy(update={"quantity": quantity}), *order.lines[1:])
        return order.model_copy(update={"lines": lines})
    if what == 2:
        lines = (first.model_copy(update={"amount": first.amount + 500}), *order.lines[1:])
        return order.model_copy(update={"lines": lines, "total": (order.total or 0) + 500})
    if what == 3 and len(order.lines) > 1:
        return order.model_copy(update={"lines": order.lines[1:], "total": (order.total or 0) - first.amount})
    added = first.model_copy(update={"line_id": "c9", "quantity": 1, "amount": 250})
    return order.model_copy(update={"lines": (*order.lines, added), "total": (order.total or 0) + 250})


def kit(day: Day, chance: Chance) -> None:
    """From now on SET is sold as a kit."""
    parts = (KitComponent(sku="A", quantity=1, weight=3), KitComponent(sku="B", quantity=2, weight=1))
    item = stream("item", aggregate_id(TENANT, "item", "SET"))
    day.say("inventory", item, DescribeItem(sku="SET", unit="each", components=parts))


CHANNEL: Mapping[str, Deed] = {
    "place": Deed(8, place),
    "revise": Deed(4, revise),
    "kit": Deed(1, kit),
}
"""By name."""

assert "north" in PLACES, "the counter and the till are there"
