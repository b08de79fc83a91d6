"""What a channel hears of each event of its order, in its own line ids, and what it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.channel import ChannelLineUpdate, ChannelOrder, ChannelPackage, ChannelUpdate, UpdateKind
from contracts.envelope import Actor, Envelope, root_traceparent
from contracts.fulfillment import Package, PackageContent, Postage, ReturnReason
from contracts.ids import door_message_id, order_number, stream
from contracts.message import CATALOGUE, Event
from contracts.money import Charge, ChargeKind, Money, RefundExecutor
from contracts.order import (
    ALL_STEPS,
    AstrayLine,
    Bucket,
    CancelReason,
    CancelRefusal,
    CancelRefused,
    FulfilledKind,
    FulfillmentListed,
    FulfillmentReady,
    FulfillmentWithdrawn,
    HoldKind,
    HoldPlaced,
    HoldReleased,
    KeptLine,
    LineBackordered,
    LineProgress,
    LineReserved,
    LinesAdded,
    LinesCancelled,
    LinesDelivered,
    LinesFulfilled,
    LinesWithdrawn,
    Move,
    OrderAdjusted,
    OrderCancelled,
    OrderCancelRequested,
    OrderChanged,
    OrderCompleted,
    OrderConfirmed,
    OrderConflicted,
    OrderImported,
    OrderLine,
    OrderPlaced,
    PackageFate,
    PackageWentAstray,
    ReadyLine,
    RefundCause,
    Refunded,
    RefundLine,
    RefundTo,
    ReplacedUnits,
    ReplacementGranted,
    ReturnCompleted,
    ReturnDecider,
    ReturnDeclined,
    ReturnedRange,
    ReturnExpired,
    ReturnLine,
    ReturnRequested,
    ReturnUnitsReceived,
    ReturnWithdrawn,
    Totals,
    UnitRange,
)
from contracts.payments import TenderRefund
from contracts.personal import Personal
from services.order.channel_out import ChannelOut
from services.order.channel_updates import FOLLOWED, KnownOrder, known_order, update_of, with_lines
from services.order.intake import order_id

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(days=2)
ORDER = order_id("default", "webshop-eu", "1001")


def eur(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def envelope(version: int = 7) -> Envelope:
    """Of an event that a person caused."""
    identifier = door_message_id("default", "test", str(version))
    return Envelope(
        id=identifier,
        type="",
        source="/order",
        time=NOON,
        subject=stream("order", ORDER),
        tenant="default",
        correlation_id=stream("order", ORDER),
        causation_id="c",
        traceparent=root_traceparent(identifier),
        actor=Actor(kind="person", subject="anna"),
        reason="rang us",
        sequence=version,
    )


def placed() -> OrderPlaced:
    """Four teapots and six cups; the third line is ours alone."""
    lines = [("1", "tea", 4), ("2", "cup", 6), ("3", None, 1)]
    terms = ChannelOrder(
        channel_account="webshop-eu",
        external_id="1001",
        channel="web",
        seller="acme",
        placed_at=NOON,
        currency="EUR",
        lines=(),
    )
    return OrderPlaced(
        **terms.model_dump(include={"channel_account", "external_id", "channel", "seller", "placed_at", "currency"}),
        fingerprint="f",
        tenant="default",
        order_id=ORDER,
        number=order_number(ORDER),
        lines=tuple(
            OrderLine(
                line=ours, channel_line=theirs, sku="S", quantity=quantity, unit="each", amount=eur(1), ship_group="1"
            )
            for ours, theirs, quantity in lines
        ),
        ship_groups=(),
        totals=Totals(goods=eur(900), charges=eur(0), taxes=eur(100), total=eur(1000)),
    )


def taken_over() -> OrderImported:
    """The same order from another system, where all the cups and one of the teapots had left or were given up."""
    terms = {name: getattr(placed(), name) for name in OrderPlaced.model_fields}
    progress = (LineProgress(line="1", fulfilled=1), LineProgress(line="2", fulfilled=4, cancelled=2))
    none = eur(0)
    return OrderImported(
        **terms, system="old", progress=progress, captured=none, fulfilled=(), fulfilled_amount=none, settled=none
    )


KNOWN = known_order(placed())


def heard(event: Event, order: KnownOrder = KNOWN) -> ChannelUpdate | None:
    return update_of(event, envelope(), order)


def units(**quantities: int) -> tuple[ChannelLineUpdate, ...]:
    return tuple(ChannelLineUpdate(line_id=line, quantity=each, unit="each") for line, each in quantities.items())


def move(line: str, quantity: int, target: Bucket, source: Bucket = Bucket.RELEASED) -> Move:
    return Move(line=line, quantity=quantity, source=source, target=target)


def held(kind: HoldKind) -> HoldPlaced:
    return HoldPlaced(hold="h", kind=kind, detail="why", blocks=ALL_STEPS, lines=("2",), owner="orders")


FULFILLED = LinesFulfilled(
    kind=FulfilledKind.SHIPPED,
    fulfillment="s",
    location="north",
    fulfillment_order="f",
    carrier="own-fleet",
    service="standard",
    packages=(
        Package(
            package="p1",
            number=1,
            contents=(
                PackageContent(fulfillment_order="f", line="1", sequence=0, sku="S", quantity=1, unit="each"),
                PackageContent(fulfillment_order="f", line="1", sequence=4, sku="S", quantity=2, unit="each"),
                PackageContent(fulfillment_order="f", line="3", sequence=1, sku="S", quantity=1, unit="each"),
            ),
            weight_grams=900,
            sscc="340123450000000017",
            tracking_number="OF1",
        ),
    ),
    ranges=(),
    other=eur(0),
    amount=eur(300),
    moves=(move("1", 3, Bucket.FULFILLED), move("3", 1, Bucket.FULFILLED)),
)
READY = FulfillmentReady(
    fulfillment_order="f",
    location="berlin",
    document="r",
    lines=(ReadyLine(line="1", quantity=3), ReadyLine(line="3", quantity=1)),
    shelf="rack 7",
    collect_by=LATER,
)


def left_at_berlin(kind: FulfilledKind) -> LinesFulfilled:
    """Three teapots, and what is ours alone, that left over a counter."""
    return LinesFulfilled(
        kind=kind,
        fulfillment="f",
        location="berlin",
        collected_by=Personal(subject="s", ciphertext="c2Vh"),
        ranges=(),
        other=eur(0),
        amount=eur(300),
        moves=(move("1", 3, Bucket.FULFILLED), move("3", 1, Bucket.FULFILLED)),
    )


DELIVERED = LinesDelivered(
    shipment="s", package="p1", occurred_at=LATER, moves=(move("1", 3, Bucket.DELIVERED, Bucket.FULFILLED),)
)

KEPT = (Move(line="1", quantity=2, source=Bucket.RETURN_REQUESTED, target=Bucket.DELIVERED),)

CASES: list[tuple[Event, dict[str, Any]]] = [
    (placed(), {"kind": UpdateKind.ACCEPTED, "lines": units(tea=4, cup=6), "amount": eur(1000)}),
    (taken_over(), {"kind": UpdateKind.ACCEPTED, "lines": units(tea=3), "amount": eur(1000)}),
    (
        held(HoldKind.NOT_POSITIVE),
        {"kind": UpdateKind.HELD, "hold": HoldKind.NOT_POSITIVE, "lines": units(cup=6), "detail": "why"},
    ),
    (held(HoldKind.MANUAL), {"kind": UpdateKind.HELD, "hold": HoldKind.MANUAL, "lines": units(cup=6)}),
    (
        HoldReleased(hold="h", kind=HoldKind.MANUAL, detail="checked by anna"),
        {"kind": UpdateKind.HOLD_RELEASED, "hold": HoldKind.MANUAL},
    ),
    (
        HoldReleased(hold="h", kind=HoldKind.MANUAL, held_lines=("2",)),
        {"kind": UpdateKind.HOLD_RELEASED, "hold": HoldKind.MANUAL, "lines": units(cup=6)},
    ),
    (
        OrderAdjusted(charge=Charge(kind=ChargeKind.ROUNDING, amount=eur(-1))),
        {"kind": UpdateKind.CHANGED, "amount": eur(-1), "detail": "rounding"},
    ),
    (
        OrderChanged(change="2", version=1, total=eur(1200), difference=eur(200)),
        {"kind": UpdateKind.CHANGED, "amount": eur(200), "detail": "change 2"},
    ),
    (
        OrderConflicted(known_fingerprint="f", fingerprint="g", owner="orders"),
        {"kind": UpdateKind.CONFLICTED},
    ),
    (LineBackordered(line="2", sequence=1, quantity=5), {"kind": UpdateKind.BACKORDERED, "lines": units(cup=5)}),
    (OrderConfirmed(amount=eur(1000)), {"kind": UpdateKind.CONFIRMED, "amount": eur(1000)}),
    (
        LinesCancelled(
            reason=CancelReason.TOO_LATE,
            moves=(
                move("2", 2, Bucket.CANCELLED, Bucket.BACKORDERED),
                move("2", 1, Bucket.CANCELLED, Bucket.ORDERED),
                move("1", 1, Bucket.ORDERED, Bucket.RESERVED),
            ),
        ),
        {"kind": UpdateKind.CANCELLED, "lines": units(cup=3), "cancel_reason": CancelReason.TOO_LATE},
    ),
    (
        OrderCancelled(cause=CancelReason.FRAUD, detail="anna is sure", moves=(move("1", 4, Bucket.CANCELLED),)),
        {
            "kind": UpdateKind.CANCELLED,
            "lines": units(tea=4),
            "cancel_reason": CancelReason.FRAUD,
            "closed": True,
        },
    ),
    (
        CancelRefused(reason=CancelRefusal.FULFILLED, detail="anna tried"),
        {"kind": UpdateKind.CANCEL_REFUSED, "detail": "fulfilled"},
    ),
    (
        CancelRefused(reason=CancelRefusal.UNKNOWN_LINE, cancel="c-7", detail="the order has no line x"),
        {"kind": UpdateKind.CANCEL_REFUSED, "detail": "unknown_line", "cancel": "c-7"},
    ),
    (
        CancelRefused(
            reason=CancelRefusal.REFUSED_BY_NODE,
            fulfillment_order="f",
            detail="dc-1 keeps 2 of line 1: packed already",
            lines=(KeptLine(line="1", quantity=2, reason="packed already"),),
        ),
        {"kind": UpdateKind.CANCEL_REFUSED, "lines": units(tea=2), "detail": "refused_by_node"},
    ),
    (
        FULFILLED,
        {
            "kind": UpdateKind.FULFILLED,
            "lines": units(tea=3),
            "packages": (
                ChannelPackage(
                    package="p1",
                    lines=units(tea=3),
                    weight_grams=900,
                    sscc="340123450000000017",
                    tracking_number="OF1",
                ),
            ),
            "fulfilled_kind": FulfilledKind.SHIPPED,
            "carrier": "own-fleet",
            "service": "standard",
            "amount": eur(300),
        },
    ),
    (
        READY,
        {
            "kind": UpdateKind.READY_FOR_PICKUP,
            "lines": units(tea=3),
            "location": "berlin",
            "collect_by": LATER,
        },
    ),
    *(
        (
            left_at_berlin(kind),
            {
                "kind": UpdateKind.FULFILLED,
                "lines": units(tea=3),
                "fulfilled_kind": kind,
                "location": "berlin",
                "amount": eur(300),
            },
        )
        for kind in (FulfilledKind.COLLECTED, FulfilledKind.HANDED_OUT)
    ),
    (
        DELIVERED,
        {
            "kind": UpdateKind.DELIVERED,
            "lines": units(tea=3),
            "packages": (ChannelPackage(package="p1", lines=units(tea=3)),),
            "occurred_at": LATER,
        },
    ),
    *(
        (
            PackageWentAstray(
                shipment="s",
                package="p1",
                number=1,
                fate=fate,
                carrier="own-fleet",
                lines=(AstrayLine(line="1", quantity=3),),
                owner="order_desk",
                occurred_at=LATER,
            ),
            {
                "kind": kind,
                "lines": units(tea=3),
                "packages": (ChannelPackage(package="p1", lines=units(tea=3)),),
                "carrier": "own-fleet",
                "occurred_at": LATER,
            },
        )
        for fate, kind in ((PackageFate.LOST, UpdateKind.LOST), (PackageFate.RETURNED, UpdateKind.RETURNED))
    ),
    (
        Refunded(
            refund="r",
            number=1,
            cause=RefundCause.DAMAGED,
            amount=eur(300),
            lines=(RefundLine(line="1", from_unit=1, to_unit=3, amount=eur(200)),),
            other=eur(100),
            refunds=(
                TenderRefund(refund="p", tender=0, capture="c", amount=eur(120), executor=RefundExecutor.CHANNEL),
                TenderRefund(refund="q", tender=1, capture="d", amount=eur(180)),
            ),
        ),
        {
            "kind": UpdateKind.REFUNDED,
            "lines": units(tea=2),
            "amount": eur(300),
            "to_refund": eur(120),
            "detail": "damaged",
        },
    ),
    (
        ReplacementGranted(
            refund="r",
            number=1,
            cause=RefundCause.LOST,
            amount=eur(200),
            lines=(RefundLine(line="1", from_unit=1, to_unit=3, amount=eur(200)),),
            other=eur(0),
            to=RefundTo.REPLACEMENT,
            replaced=(ReplacedUnits(line="1", from_unit=1, to_unit=3, by="9", by_from=0),),
        ),
        {"kind": UpdateKind.REPLACED, "lines": units(tea=2), "detail": "lost"},
    ),
    (
        ReturnRequested(
            return_id="r",
            number=1,
            lines=(
                ReturnLine(
                    line="1",
                    sku="TEA",
                    unit="each",
                    quantity=2,
                    ranges=(UnitRange(from_unit=0, to_unit=2),),
                    reason=ReturnReason.DID_NOT_FIT,
                    policy="standard",
                ),
            ),
            postage=Postage.CUSTOMERS,
            version=1,
            approved=True,
        ),
        {"kind": UpdateKind.RETURN_REQUESTED, "lines": units(tea=2), "detail": "approved"},
    ),
    (
        ReturnUnitsReceived(
            number=1,
            location="north",
            document="d",
            lines=(ReturnedRange(line="1", ranges=(UnitRange(from_unit=0, to_unit=2),)),),
            inspect_by=LATER,
        ),
        {"kind": UpdateKind.RETURN_RECEIVED, "lines": units(tea=2), "location": "north"},
    ),
    *(
        (event, {"kind": UpdateKind.RETURN_ENDED, "lines": units(tea=2)})
        for event in (
            ReturnDeclined(number=1, lines=(), by=ReturnDecider.PERSON, moves=KEPT),
            ReturnExpired(number=1, moves=KEPT),
            ReturnWithdrawn(number=1, moves=KEPT),
            ReturnCompleted(number=1, moves=KEPT),
        )
    ),
    (OrderCompleted(captured=eur(300)), {"kind": UpdateKind.COMPLETED, "amount": eur(300), "closed": True}),
]


@pytest.mark.parametrize(
    ("event", "told"), CASES, ids=[f"{type(event).__name__}-{told['kind']}" for event, told in CASES]
)
def test_what_a_channel_hears(event: Event, told: dict[str, Any]) -> None:
    common = {
        "channel_account": "webshop-eu",
        "external_id": "1001",
        "number": order_number(ORDER),
        "version": 7,
        "occurred_at": NOON,
    }
    assert heard(event) == ChannelUpdate(**{**common, **told})


def test_every_event_that_a_channel_hears_of_is_told_above() -> None:
    told = {event.TYPE for event, _ in CASES} | {
        FulfillmentWithdrawn.TYPE,
        LinesWithdrawn.TYPE,
        OrderCancelRequested.TYPE,
        LinesAdded.TYPE,
    }
    assert told == FOLLOWED


NOT_FOR_CHANNELS = """
AuthorizationRecorded AuthorizationRequested CancelAfterPassed CancelLeftToNode CancelRecalled CancelRemembered CaptureNotNeeded CaptureRecorded CaptureRequested
ClaimRefused DispatchRequested FulfillmentAcceptedByNode FulfillmentDeclined FulfillmentHandedOver FulfillmentListed
HoldChangeRefused ImportRefused LineReserved LinesPacked LinesPicked LinesShort NoticeDelayed NoticeFailed NoticeNotSent
NoticeAgainRefused NoticeOutcomeIgnored NoticeRequested NoticeSent OrderChangeRequested OrderRevisionIgnored PackageSettled
RefundChangeRefused RefundDeclined RefundFailed RefundGranted RefundProposed RefundWithdrawn ReleasedToFulfillment
ReservationLost ReturnApproved ReturnChangeRefused ReturnListed ReturnOnItsWay ReturnReckoned ReturnResumed ReturnUnitsInspected SettlementRefused ShipmentLabelled ShipmentRequested ShipNotBeforePassed SourcingDecided StepAskedAgain StepUnanswered
LookingAfterRefused NoteAdded OrderAssigned StockGivenBack CreditApplied CreditCharged CreditPaidOut ExchangeAgreed OrderReopened ReplacementGivenUp ChangeProposed ChangeDeclined ChangeRefused CustomerForgotten IncreaseRequested IncreaseRecorded ShipGroupChanged
"""
"""How we do it, and what a `held` says already."""


def test_of_every_event_it_is_decided_whether_a_channel_hears_it() -> None:
    events = {kind.__name__ for kind in CATALOGUE.values() if issubclass(kind, Event) and ".order." in kind.TYPE}
    told = {CATALOGUE[name].__name__ for name in FOLLOWED}
    assert events - told == set(NOT_FOR_CHANNELS.split())


def test_units_that_were_added_to_a_line_of_the_channel_are_told_by_its_id() -> None:
    more = OrderLine(
        line="9", channel_line="tea", sku="T", quantity=1, unit="each", amount=eur(100), ship_group="1", added_by="1"
    )
    order = with_lines(KNOWN, LinesAdded(change="1", lines=(more,)))
    update = heard(LinesCancelled(reason=CancelReason.CUSTOMER, moves=(move("9", 1, Bucket.CANCELLED),)), order)
    assert update is not None and update.lines == units(tea=1)


@pytest.mark.parametrize("let_go", [FulfillmentWithdrawn, LinesWithdrawn])
def test_units_that_a_node_let_go_of_are_cancelled_for_the_reason_it_was_asked_for(
    let_go: type[FulfillmentWithdrawn | LinesWithdrawn],
) -> None:
    order = KnownOrder(**{**_fields(KNOWN), "cancelling": CancelReason.CUSTOMER})
    update = heard(let_go(fulfillment_order="f", moves=(move("1", 2, Bucket.CANCELLED),)), order)
    assert update is not None
    assert (update.lines, update.cancel_reason, update.closed) == (units(tea=2), CancelReason.CUSTOMER, False)


def _fields(order: KnownOrder) -> dict[str, Any]:
    return {name: getattr(order, name) for name in order.__dataclass_fields__}


@pytest.mark.parametrize(
    "event",
    [
        LineReserved(line="1", sequence=0, location="dc-1", quantity=4),
        FulfillmentListed(fulfillment_order="f"),
        FulfillmentWithdrawn(fulfillment_order="f"),
        LinesCancelled(reason=CancelReason.TOO_LATE, moves=(move("3", 1, Bucket.CANCELLED),)),
    ],
    ids=["how we do it", "who does it", "nothing to let go of", "units that the channel never sent"],
)
def test_what_is_none_of_its_business(event: Event) -> None:
    assert heard(event) is None


def test_an_update_made_again_is_the_same_and_names_no_person() -> None:
    out = ChannelOut("channel.updates", 4, "try1")
    update = heard(OrderCompleted(captured=eur(300)))
    assert update is not None
    record = out.record(update, "webshop-eu", "1001", envelope())
    assert record == out.record(update, "webshop-eu", "1001", envelope())
    assert (record.topic, record.key) == ("try1-channel.updates", b"webshop-eu/1001")
    told = Envelope.parse(record.headers)
    assert (told.causation_id, told.subject, told.time) == (envelope().id, envelope().subject, NOON)
    assert told.id != Envelope.parse(out.record(update, "webshop-eu", "1001", envelope(8)).headers).id
    assert (told.actor, told.reason) == (None, None)
    assert not any(b"anna" in value for _, value in record.headers)
