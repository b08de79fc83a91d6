"""How specifications of orders speak: short ways to say what was ordered, what answers came, and where units stand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chassis.testing import DAWN, Outcome, Spec
from contracts.address import Area, ShipTo
from contracts.fulfillment import (
    CancelDecided,
    CancelDecision,
    CancelRequested,
    Collected,
    DecidedLine,
    FulfillmentAccepted,
    FulfillmentLine,
    FulfillmentOrderCreated,
    HandedOver,
    NodeKind,
    Package,
    PackageContent,
    Packed,
    Picked,
    PickedLine,
    ReadyForPickup,
)
from contracts.ids import aggregate_id, stream
from contracts.inventory import (
    BreakReason,
    Demand,
    DemandQueued,
    RejectReason,
    ReservationBroken,
    StockRejected,
    StockReserved,
)
from contracts.message import Event, Message
from contracts.money import Money, Tender, TenderMethod
from contracts.order import (
    Bucket,
    NoticeRequested,
    OrderLine,
    PlaceOrder,
    ReleasedToFulfillment,
    ShipGroup,
    ShipMethod,
    ShortagePolicy,
)
from contracts.payments import AuthorizePayment, CapturePayment, PaymentAuthorized, PaymentCaptured
from contracts.personal import Personal
from contracts.shipping import Label, LabelIssued, Shipped
from services.order.order import line_units
from services.order.sourcing import Availability
from services.order.stream import ORDER, OrderStream

TENANT = "default"
ORDER_ID = aggregate_id(TENANT, "order", "webshop-eu", "1001")
NAME = stream("order", ORDER_ID)
PAYMENT = stream("payment", ORDER_ID)
SHIP_TO = ShipTo(area=Area(country="DE"), personal=Personal(subject="s", ciphertext="c2VhbGVk"))
TAKER = Personal(subject="t", ciphertext="dGFrZXI=")
COUNTER = ShipGroup(group="1", method=ShipMethod.PICKUP, location="berlin")
AT_NORTH: Mapping[str, Mapping[str, Availability]] = {
    "A": {"north": Availability(9, 40)},
    "B": {"north": Availability(9, 41)},
}


def eur(amount: int) -> Money:
    """An amount in cents."""
    return Money(amount=amount, currency="EUR")


def order(*lines: tuple[str, int, int], **more: Any) -> PlaceOrder:
    """An order of lines (SKU, quantity, extended amount in cents), on account, to one address."""
    total = sum(amount for _, _, amount in lines)
    fields: dict[str, Any] = {
        "seller": "acme",
        "channel": "webshop",
        "channel_account": "webshop-eu",
        "external_id": "1001",
        "fingerprint": "f1",
        "currency": "EUR",
        "stated_total": eur(total),
        "lines": tuple(
            OrderLine(line=str(n), sku=sku, quantity=quantity, unit="each", amount=eur(amount), ship_group="1")
            for n, (sku, quantity, amount) in enumerate(lines, start=1)
        ),
        "ship_groups": (ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO),),
        "tenders": (Tender(method=TenderMethod.INVOICE, amount=eur(total)),),
        "shortage": ShortagePolicy.BACKORDER,
        "placed_at": DAWN,
    }
    return PlaceOrder(**{**fields, **more})


class Story(Spec):
    """An order to which things happen. `stock` is what the loader knows whenever it is asked."""

    def __init__(self, stock: Mapping[str, Mapping[str, Availability]] = AT_NORTH, external_id: str = "1001") -> None:
        super().__init__(ORDER, "order", stream("order", aggregate_id(TENANT, "order", "webshop-eu", external_id)))
        self.stock = dict(stock)

    @property
    def view(self) -> OrderStream:
        """The order and its sagas now."""
        found: OrderStream = self.state
        return found

    def tell(self, message: Message, subject: str | None = None, door: str | None = None) -> Outcome:
        """This message comes."""
        return self.when(message, subject=subject, door=door, needed=self.stock)

    def later(self, span: timedelta) -> Story:
        """Time passes."""
        self.at(span)
        return self

    def placed(self, *lines: tuple[str, int, int], **more: Any) -> Story:
        """An order comes in by its door."""
        self.tell(order(*lines, **more), door="channel.orders")
        return self

    def reserved(self, sequence: int = 0, quantity: int | None = None, location: str | None = None) -> Outcome:
        """Inventory holds a claim, or a part of it, at its location or another."""
        claim = self.view.reservation.claims[str(sequence)]
        amount = claim.quantity if quantity is None else quantity
        answer = StockReserved(
            sku=claim.sku,
            demand=demand(claim.line),
            sequence=sequence,
            location=location or claim.location,
            quantity=amount,
            unit="each",
            claimed=claim.quantity,
            levels=(),
        )
        return self.tell(answer, subject=stock_of(claim.sku))

    def queued(
        self,
        sequence: int = 0,
        quantity: int | None = None,
        awaits: str | None = None,
        expected_at: datetime | None = None,
    ) -> Outcome:
        """A claim, or a part of it, waits for supply, announced or not."""
        claim = self.view.reservation.claims[str(sequence)]
        answer = DemandQueued(
            sku=claim.sku,
            demand=demand(claim.line),
            sequence=sequence,
            location=claim.location,
            quantity=claim.quantity if quantity is None else quantity,
            unit="each",
            claimed=claim.quantity,
            eligible_locations=claim.eligible_locations,
            awaits=awaits,
            expected_at=expected_at,
            levels=(),
        )
        return self.tell(answer, subject=stock_of(claim.sku))

    def rejected(self, sequence: int = 0, reason: RejectReason = RejectReason.SHORT) -> Outcome:
        """Inventory refuses a claim."""
        claim = self.view.reservation.claims[str(sequence)]
        answer = StockRejected(
            sku=claim.sku,
            demand=demand(claim.line),
            sequence=sequence,
            location=claim.location,
            quantity=claim.quantity,
            unit="each",
            reason=reason,
            levels=(),
        )
        return self.tell(answer, subject=stock_of(claim.sku))

    def lost(self, sequence: int = 0, reason: BreakReason = BreakReason.COUNT) -> Outcome:
        """A physical fact took a unit that a claim held at its location."""
        claim = self.view.reservation.claims[str(sequence)]
        broken = ReservationBroken(
            sku=claim.sku,
            demand=demand(claim.line),
            sequence=sequence,
            location=claim.location,
            quantity=1,
            unit="each",
            reason=reason,
            levels=(),
        )
        return self.tell(broken, subject=stock_of(claim.sku))

    def authorized(self) -> Outcome:
        """Payments secured what it was asked for."""
        asked = self.view.reservation.authorization
        assert asked is not None
        answer = PaymentAuthorized(order_id=ORDER_ID, amount=asked.amount, tenders=asked.tenders, authorizations=())
        return self.tell(answer, subject=PAYMENT)

    def released(self, *lines: tuple[str, int, int], **more: Any) -> Story:
        """An order whose nodes have their work."""
        self.placed(*lines, **more)
        for sequence in sorted(int(key) for key in self.view.reservation.claims):
            self.reserved(sequence)
        if self.view.reservation.authorization is not None:
            self.authorized()
        return self

    def work(self, place: int = 0) -> str:
        """The id of a fulfillment order of this order."""
        released = [event for event, _, _ in self.log if isinstance(event, ReleasedToFulfillment)]
        return released[place].fulfillment_order

    def node(self, answer: Event, place: int = 0) -> Outcome:
        """A node answers about its fulfillment order."""
        return self.tell(answer, subject=stream("fulfillment_order", self.work(place)))

    def listed(self, place: int = 0) -> Outcome:
        """The node has the work on its list, and takes it."""
        work = self.view.fulfillment.works[self.work(place)]
        self.node(
            FulfillmentOrderCreated(
                tenant=TENANT,
                order_id=ORDER_ID,
                location=work.location,
                sequence=work.sequence,
                node_kind=NodeKind.OWN,
                ship_group="1",
                method="ship",
                lines=tuple(FulfillmentLine(**line.model_dump()) for line in work.lines),
            ),
            place,
        )
        return self.node(FulfillmentAccepted(order_id=ORDER_ID, location=work.location, document="a"), place)

    def picked(self, short: int = 0, place: int = 0) -> Outcome:
        """The node picked all but the last `short` units of each line."""
        work = self.view.fulfillment.works[self.work(place)]
        lines = tuple(
            PickedLine(
                line=line.line,
                sequence=line.sequence,
                sku=line.sku,
                expected=line.quantity,
                quantity=line.quantity - short,
                short=short,
                unit="each",
                short_reason="not_found" if short else None,
            )
            for line in work.lines
        )
        return self.node(Picked(order_id=ORDER_ID, location=work.location, document="p", lines=lines), place)

    def packages(self, place: int = 0) -> tuple[Package, ...]:
        """What the node picked, in one package."""
        key = self.work(place)
        work = self.view.fulfillment.works[key]
        counts = {
            line: work.counts.get(f"picked:{line.line}", 0) + work.counts.get(f"packed:{line.line}", 0)
            for line in work.lines
        }
        contents = tuple(
            PackageContent(
                fulfillment_order=key,
                line=line.line,
                sequence=line.sequence,
                sku=line.sku,
                quantity=quantity,
                unit="each",
            )
            for line, quantity in counts.items()
        )
        return (Package(package=f"package-{place}", number=1, contents=contents, weight_grams=500),)

    def packed(self, place: int = 0) -> Outcome:
        """The node packed what it picked."""
        location = self.view.fulfillment.works[self.work(place)].location
        answer = Packed(order_id=ORDER_ID, location=location, document="k", packages=self.packages(place))
        return self.node(answer, place)

    def ready(self, place: int = 0) -> Outcome:
        """What the node picked, packed or not, lies ready at its counter."""
        location = self.view.fulfillment.works[self.work(place)].location
        lines = self._inside(place)
        return self.node(
            ReadyForPickup(order_id=ORDER_ID, location=location, document="r", lines=lines, shelf="rack 7"), place
        )

    def collected(self, place: int = 0) -> Outcome:
        """What lay ready was handed over the counter."""
        location = self.view.fulfillment.works[self.work(place)].location
        answer = Collected(
            order_id=ORDER_ID, location=location, document="c", lines=self._inside(place), collected_by=TAKER
        )
        return self.node(answer, place)

    def _inside(self, place: int) -> tuple[PickedLine, ...]:
        return tuple(
            PickedLine(
                line=content.line,
                sequence=content.sequence,
                sku=content.sku,
                expected=content.quantity,
                quantity=content.quantity,
                short=0,
                unit="each",
            )
            for package in self.packages(place)
            for content in package.contents
        )

    def asked_to_cancel(self, by: datetime = DAWN + timedelta(hours=4), place: int = 0) -> Outcome:
        """The node has accepted the work, and decides about the cancel by this time."""
        work = self.view.fulfillment.works[self.work(place)]
        answer = CancelRequested(order_id=ORDER_ID, location=work.location, lines=(), request=1, answer_by=by)
        return self.node(answer, place)

    def decided(
        self,
        *granted: int,
        place: int = 0,
        decision: CancelDecision = CancelDecision.ANSWERED,
        packages: tuple[Package, ...] = (),
        parts: Mapping[str, int] | None = None,
    ) -> Outcome:
        """The node lets go of so many units of each line of its work; of lines not named of none. It was asked for these `parts`
        alone, where some are named."""
        work = self.view.fulfillment.works[self.work(place)]
        lines = []
        for number, line in enumerate(work.lines):
            if parts is not None and line.line not in parts:
                continue
            there = sum(work.counts.get(f"{bucket}:{line.line}", 0) for bucket in ("released", "picked", "packed"))
            there = min(there, parts[line.line]) if parts is not None else there
            given = min(there, granted[number] if number < len(granted) else 0)
            lines.append(
                DecidedLine(
                    line=line.line,
                    sequence=line.sequence,
                    sku=line.sku,
                    granted=given,
                    refused=there - given,
                    unit="each",
                    reason="packed already" if there > given else None,
                )
            )
        answer = CancelDecided(
            order_id=ORDER_ID,
            location=work.location,
            request=1,
            decision=decision,
            document="d",
            lines=tuple(lines),
            packages=packages,
            part=parts is not None,
        )
        return self.node(answer, place)

    def shipment(self, place: int = 0) -> str:
        """The stream of the shipment of a fulfillment order."""
        found = self.view.fulfillment.works[self.work(place)].shipment
        assert found is not None
        return stream("shipment", found)

    def labelled(self, place: int = 0) -> Outcome:
        """Shipping issued the labels."""
        label = Label(package="package-0", sscc="0", tracking_number="T1", weight_grams=500, billed_grams=1000)
        answer = LabelIssued(
            order_id=ORDER_ID,
            fulfillment_order=self.work(place),
            carrier="own-fleet",
            service="standard",
            zone="1",
            labels=(label,),
        )
        return self.tell(answer, subject=self.shipment(place))

    def handed_over(self, place: int = 0) -> Outcome:
        """The packages left the node."""
        answer = HandedOver(order_id=ORDER_ID, location="north", document="h", packages=self.packages(place))
        return self.node(answer, place)

    def shipped(self, place: int = 0) -> Outcome:
        """The packages are with the carrier."""
        answer = Shipped(
            order_id=ORDER_ID,
            fulfillment_order=self.work(place),
            location="north",
            carrier="own-fleet",
            service="standard",
            packages=self.packages(place),
            document="h",
        )
        return self.tell(answer, subject=self.shipment(place))

    def captured(self, amount: int, place: int = 0, fulfillment: str | None = None) -> Outcome:
        """Payments took an amount for what left with a shipment, or otherwise."""
        answer = PaymentCaptured(
            order_id=ORDER_ID,
            fulfillment=fulfillment or self.shipment(place).partition("/")[2],
            sequence=0,
            amount=eur(amount),
            lines=(),
            captures=(),
            captured=eur(amount),
            remaining=eur(0),
        )
        return self.tell(answer, subject=PAYMENT)

    def until_handed_over(self, short: int = 0) -> Story:
        """The only node did all its work."""
        self.listed()
        self.picked(short)
        self.packed()
        self.labelled()
        self.handed_over()
        return self


def demand(line: str) -> Demand:
    """Who claims for a line of the order."""
    return Demand(kind="order", id=ORDER_ID, line=line)


def stock_of(sku: str) -> str:
    """The stream of a SKU's stock."""
    return stream("stock_item", aggregate_id(TENANT, "stock_item", sku))


def units_of(story: Story, line: str = "1") -> dict[Bucket, int]:
    """Where the units of a line stand; empty buckets are left out."""
    state = story.view.order.lines[line]
    return {bucket: count for bucket in Bucket if (count := line_units(state, bucket))}


def kinds(outcome: Outcome) -> list[str]:
    """The names of the events that happened; what the customer is told of them is specified in test_notices.py."""
    return [type(event).__name__ for event in outcome.events if not isinstance(event, NoticeRequested)]


def messages(outcome: Outcome) -> list[str]:
    """The names of the messages that were sent."""
    return [type(send.message).__name__ for send in outcome.sent]


def capture_of(outcome: Outcome) -> CapturePayment:
    """The one request to take money among what was sent."""
    [found] = [send.message for send in outcome.sent if isinstance(send.message, CapturePayment)]
    return found


def authorization_of(outcome: Outcome) -> AuthorizePayment:
    """The request to payments among what was sent."""
    [found] = [send.message for send in outcome.sent if isinstance(send.message, AuthorizePayment)]
    return found
