"""The days that the checker's tests are about: orders of several kinds, all of them to their ends."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any

from contracts.channel import ChannelOrder, ChannelTender
from contracts.envelope import Actor
from contracts.ids import stream
from contracts.money import CaptureTime, Money, TenderMethod
from contracts.order import CancelOrder, GrantRefund, RefundCause
from contracts.payments import (
    CallResult,
    CallStep,
    Capability,
    CardAuthorizationRequested,
    CardCaptureRequested,
    CardDecline,
    CardRefundRequested,
    CardVoidRequested,
    IssueCause,
    IssueValue,
    RecordProviderOutcome,
    ValueKind,
)
from contracts.payments.gift_codes import gift_card_id
from contracts.payments.invoices import DescribeSeller, SellerParticulars
from oms.verify.provider import Entry
from oms.verify.records import Partition
from services.payments.invoice_series import series_stream
from tests.simulation.people import COUNTER, TILL, Floor, channel_order, order_stream, place, receive, sealed
from tests.simulation.world import TENANT, World
from tests.verify.installations import MemoryBooks, MemoryBroker, MemoryInstallation, MemoryTables
from tests.verify.recorded import recorded

__all__ = ["clean"]

CODE = "ABCDE-FGHJK-MNPQR-STVWX"
DECLINED = "4000"
"""The card that the provider declines."""

PARTICULARS = SellerParticulars(name="Acme", address_lines=("1 Main St",), postcode="53111", city="Bonn", country="DE")

CALLS = {
    CallStep.AUTHORIZE: "authorization",
    CallStep.CAPTURE: "charge",
    CallStep.REFUND: "refund",
}


class Provider:
    """Does what a payment asks of it, once, and keeps its books."""

    def __init__(self, world: World) -> None:
        self.world, self.books, self._seen = world, MemoryBooks(), 0

    def work(self) -> bool:
        """Answer everything that was asked for since; whether that was anything."""
        seen, self._seen = self._seen, len(self.world.events)
        asked = [(name, event) for name, event in self.world.events[seen:] if isinstance(event, _ASKED)]
        for name, event in asked:
            self._answer(name, event)
        return bool(asked)

    def _answer(self, name: str, event: Any) -> None:
        call = event.call
        declined = call.token == DECLINED
        if call.step in CALLS:
            entry = Entry(
                f"r-{call.key}",
                CALLS[call.step],
                call.key,
                event.order_id,
                call.amount.amount,
                call.amount.currency,
                declined,
            )
            self.books.kept.append(entry)
        outcome = RecordProviderOutcome(
            order_id=event.order_id,
            step=call.step,
            key=call.key,
            authorization=call.authorization,
            result=CallResult.DECLINED if declined else CallResult.DONE,
            reason=CardDecline.DO_NOT_HONOR if declined else None,
            provider="sandbox",
            reference=f"r-{call.key}",
            capabilities=(Capability.MULTI_CAPTURE,),
        )
        self.world.post("payments", name, outcome)


_ASKED = (CardAuthorizationRequested, CardCaptureRequested, CardRefundRequested, CardVoidRequested)


class Days:
    """A world with its log, its people and its provider."""

    def __init__(self) -> None:
        self.world = World()
        self.log = MemoryBroker()
        recorded(self.world, self.log)
        self.floor = Floor(self.world, missing={("north", "C"): 1})
        self.provider = Provider(self.world)

    def publish(self, order: ChannelOrder) -> str:
        """The channel publishes an order, and its door takes it in."""
        value = order.model_dump_json(exclude_none=True).encode()
        self.log.append(Partition("channel.orders", 0), order.external_id.encode(), value, ())
        return place(self.world, order)

    def work(self) -> None:
        """Until nobody has anything to do."""
        self.floor.work()
        while self.provider.work():
            self.floor.work()

    def says(self, name: str, message: Any) -> None:
        """Somebody says something to an order."""
        self.world.tell("order", name, message, actor=Actor(kind="person", subject="anna"))


def tender(method: TenderMethod, amount: int, reference: str | None = None, rank: int = 0) -> ChannelTender:
    return ChannelTender(method=method, amount=amount, reference=reference, rank=rank)


AT_ORDER = [tender(TenderMethod.CARD, 2000, "4242").model_copy(update={"capture": CaptureTime.AT_ORDER})]
"""A card that is charged at the order."""

ON_FILE = [tender(TenderMethod.INVOICE, 2000, "PO 7").model_copy(update={"card_on_file": "4242"})]
"""On account, charged to a card when it is due."""


def _begin() -> Days:
    """Goods, a seller that may issue invoices, a gift card."""
    days = Days()
    for sku in ("A", "B", "C"):
        for location in ("north", "south"):
            receive(days.world, sku, location, 20)
    receive(days.world, "D", "north", 1)
    seller = series_stream(TENANT, "acme")
    days.world.tell("payments", seller, DescribeSeller(seller="acme", particulars=PARTICULARS))
    card = stream("stored_value", gift_card_id(TENANT, sealed, CODE))
    worth = Money(amount=2_000, currency="EUR")
    issue = IssueValue(kind=ValueKind.GIFT_CARD, entry="e1", amount=worth, cause=IssueCause.SOLD)
    days.world.tell("payments", card, issue)
    return days


def _published(days: Days) -> None:
    gift = [tender(TenderMethod.GIFT_CARD, 1_500, CODE), tender(TenderMethod.INVOICE, 500, rank=1)]
    days.publish(channel_order("1", ("A", 2, 2000), ("B", 1, 999)))
    days.publish(channel_order("2", ("C", 3, 3001)))
    days.publish(channel_order("3", ("A", 1, 1000), ways=(COUNTER,)))
    days.publish(channel_order("4", ("B", 1, 1000), ways=(TILL,)))
    days.publish(channel_order("5", ("A", 4, 4000), tenders=[tender(TenderMethod.CARD, 4000, "4242")]))
    days.publish(channel_order("6", ("nothing", 4, 4000)))
    days.publish(channel_order("7", ("D", 3, 300), cancel_after="2026-01-10T09:00:00Z"))
    # split over two locations, so in two shipments
    days.publish(channel_order("8", ("B", 30, 30_000)))
    days.publish(channel_order("10", ("A", 2, 2000), tenders=gift))
    days.publish(channel_order("13", ("A", 2, 2000), tenders=AT_ORDER))
    days.publish(channel_order("15", ("B", 2, 2000), tenders=ON_FILE))
    days.publish(channel_order("11", ("A", 1, 1000), tenders=[tender(TenderMethod.CARD, 1000, DECLINED)]))


def _cancelled(days: Days) -> None:
    """Orders that are reserved and authorised, or charged, and cancelled before anybody worked on them."""
    later = "2026-02-01T09:00:00Z"
    by_card = [tender(TenderMethod.CARD, 1000, "4242")]
    name = days.publish(channel_order("9", ("A", 1, 1000), ship_not_before=later, tenders=by_card))
    charged = days.publish(channel_order("14", ("A", 2, 2000), ship_not_before=later, tenders=AT_ORDER))
    days.work()
    days.says(name, CancelOrder())
    days.says(charged, CancelOrder())


def _nonsense(log: MemoryBroker) -> None:
    """What no door can read, and the dead letter that says so."""
    offset = log.append(Partition("channel.orders", 0), b"", b"{no order", ())
    place_of = f"channel.orders/0/{offset}".encode()
    headers = (("reason", b"invalid JSON"), ("place", place_of))
    log.append(Partition("order.dead-letters", 0), b"", b"{no order", headers)


@lru_cache(maxsize=1)
def _lived() -> MemoryInstallation:
    days = _begin()
    _published(days)
    _cancelled(days)
    _nonsense(days.log)
    days.work()
    goodwill = GrantRefund(cause=RefundCause.APPEASEMENT, percent="10", reason="it came late")
    days.says(order_stream("1"), goodwill)
    days.says(order_stream("5"), goodwill)
    days.work()
    days.world.wait(timedelta(days=60))
    days.work()
    # what was charged when it was due goes back in part
    days.says(order_stream("15"), goodwill)
    days.work()
    days.publish(channel_order("12", ("A", 1, 1000), ship_not_before="2027-01-01T09:00:00Z"))
    days.work()
    now = days.world.now + timedelta(hours=1)
    return MemoryInstallation(days.log, days.provider.books, MemoryTables.following(days.log), now)


def clean() -> MemoryInstallation:
    """An installation in which all went well, which a test may break."""
    return _lived().copy()
