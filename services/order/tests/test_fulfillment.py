"""The fulfillment saga, row by row: a node's work, labels, hand-over, the money for what left, and cancelling late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chassis.testing import DAWN, Outcome
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import (
    CancelFulfillment,
    CreateFulfillmentOrder,
    FulfillmentCancelled,
    FulfillmentCancelRefused,
    FulfillmentLine,
    FulfillmentRefused,
    FulfillmentRejected,
    RefusalReason,
)
from contracts.ids import split_stream
from contracts.inventory import ReleaseClaim
from contracts.money import Charge, ChargeKind, Tender, TenderMethod
from contracts.order import (
    Bucket,
    CancelOrder,
    CancelRefusal,
    CancelRefused,
    CaptureNotNeeded,
    HoldPlaced,
    OrderCompleted,
    ReleaseHold,
    ShortagePolicy,
)
from contracts.payments import CapturePayment, CaptureRefusal, CaptureRefused, CaptureRepeated
from contracts.shipping import (
    Delivered,
    ShipmentCancelled,
    ShipmentCancelRefused,
    ShipmentRefusal,
    ShipmentRefused,
)
from services.order.order import OrderStatus, status
from services.order.sourcing import Availability
from services.order.tests.story import ORDER_ID, PAYMENT, Story, eur, kinds, messages, order, units_of

BOTH = {"A": {"north": Availability(9, 1), "south": Availability(5, 2)}}


def test_each_location_gets_a_fulfillment_order_of_its_own() -> None:
    story = Story({"A": {"north": Availability(2, 1), "south": Availability(1, 1)}})
    story.placed(("A", 3, 1000))
    story.reserved(0)
    story.reserved(1)
    created = [send.message for send in story.authorized().sent]
    assert [(m.location, m.sequence) for m in created if isinstance(m, CreateFulfillmentOrder)] == [
        ("north", 0),
        ("south", 1),
    ]


def test_a_parcel_goes_from_the_shelf_to_the_door() -> None:
    story = Story().released(("A", 2, 1000))
    assert kinds(story.listed()) == ["FulfillmentAcceptedByNode"]
    assert kinds(story.picked()) == ["LinesPicked"]
    outcome = story.packed()
    assert kinds(outcome) == ["LinesPacked", "ShipmentRequested"]
    assert messages(outcome) == ["CreateShipment"]
    assert kinds(story.labelled()) == ["ShipmentLabelled"]
    outcome = story.handed_over()
    assert kinds(outcome) == ["FulfillmentHandedOver", "DispatchRequested"]
    assert messages(outcome) == ["DispatchShipment"]
    outcome = story.shipped()
    assert kinds(outcome) == ["LinesFulfilled", "CaptureRequested"]
    story.captured(1000)
    assert status(story.view.order) is OrderStatus.COMPLETED
    assert units_of(story) == {Bucket.FULFILLED: 2}


def test_labels_that_come_after_the_hand_over_are_waited_for() -> None:
    story = Story().released(("A", 2, 1000))
    story.listed()
    story.picked()
    story.packed()
    assert kinds(story.handed_over()) == ["FulfillmentHandedOver"]
    assert kinds(story.labelled()) == ["ShipmentLabelled", "DispatchRequested"]


def test_facts_that_come_again_change_nothing() -> None:
    story = Story().released(("A", 2, 1000)).until_handed_over()
    story.handed_over().then_nothing()
    story.labelled().then_nothing()
    story.shipped()
    for again in (story.shipped, story.labelled, story.handed_over, story.packed, story.picked):
        again().then_nothing()
    story.captured(1000)
    story.captured(1000).then_nothing()


def test_shares_are_taken_from_the_bottom_and_sum_over_shipments() -> None:
    story = Story({"A": {"north": Availability(2, 1), "south": Availability(1, 1)}}).released(("A", 3, 1000))
    taken = []
    for place in (0, 1):
        story.listed(place)
        story.picked(place=place)
        story.packed(place)
        story.labelled(place)
        story.handed_over(place)
        [capture] = [send.message for send in story.shipped(place).sent if isinstance(send.message, CapturePayment)]
        taken.append((capture.lines[0].from_unit, capture.lines[0].to_unit, capture.amount.amount))
        story.captured(capture.amount.amount, place)
    assert taken == [(0, 2, 666), (2, 3, 334)]
    assert story.view.order.ended == OrderCompleted.__name__


def test_charges_of_the_order_are_shared_out_with_its_lines() -> None:
    shipping = Charge(kind=ChargeKind.SHIPPING, amount=eur(100))
    story = Story({"A": {"north": Availability(2, 1), "south": Availability(1, 1)}}).released(
        ("A", 3, 900),
        charges=(shipping,),
        stated_total=eur(1000),
        tenders=(Tender(method=TenderMethod.INVOICE, amount=eur(1000)),),
    )
    story.until_handed_over()
    [capture] = [send.message for send in story.shipped().sent if isinstance(send.message, CapturePayment)]
    assert (capture.lines[0].amount, capture.other, capture.amount) == (eur(600), eur(66), eur(666))


def test_a_short_pick_is_sourced_again_elsewhere() -> None:
    story = Story(BOTH).released(("A", 3, 900))
    story.listed()
    outcome = story.picked(short=1)
    assert kinds(outcome) == ["LinesPicked", "LinesShort", "SourcingDecided"]
    assert [send.message.location for send in outcome.sent] == ["south"]  # type: ignore[attr-defined]
    assert units_of(story) == {Bucket.PICKED: 2, Bucket.ORDERED: 1}
    assert messages(story.reserved(1)) == ["CreateFulfillmentOrder"]


def test_a_short_pick_that_nobody_can_replace_follows_the_policy() -> None:
    story = Story().released(("A", 3, 900), shortage=ShortagePolicy.CANCEL_LINE)
    story.listed()
    assert kinds(story.picked(short=3)) == ["LinesShort", "SourcingDecided", "LinesCancelled", "OrderCancelled"]


def test_a_line_whose_every_location_is_barred_is_held() -> None:
    story = Story().released(("A", 3, 900))
    story.listed()
    assert kinds(story.picked(short=1)) == ["LinesPicked", "LinesShort", "HoldPlaced"]


def test_a_node_that_rejects_is_given_up_and_its_claims_are_given_back() -> None:
    story = Story(BOTH).released(("A", 2, 1000))
    lines = (FulfillmentLine(line="1", sequence=0, sku="A", quantity=2, unit="each"),)
    rejected = FulfillmentRejected(order_id=ORDER_ID, location="north", document="a", lines=lines)
    outcome = story.node(rejected)
    assert kinds(outcome) == ["FulfillmentDeclined", "SourcingDecided"]
    assert messages(outcome) == ["ReleaseClaim", "ClaimStock"]
    assert units_of(story) == {Bucket.ORDERED: 2}
    story.node(rejected).then_nothing()


def _in_two_places() -> Story:
    """One claim that was served at two locations, each with its own work."""
    story = Story({"A": {"north": Availability(0, 1), "south": Availability(0, 1)}}).placed(("A", 5, 1000))
    story.reserved(quantity=2, location="north")
    story.reserved(quantity=3, location="south")
    story.authorized()
    story.listed(1)
    return story


def _rejected(story: Story, place: int) -> Outcome:
    work = story.view.fulfillment.works[story.work(place)]
    lines = tuple(FulfillmentLine(**line.model_dump()) for line in work.lines)
    answer = FulfillmentRejected(order_id=ORDER_ID, location=work.location, document="a", lines=lines)
    return story.node(answer, place)


def test_a_node_that_rejects_does_not_take_from_another_what_it_still_has_to_pick() -> None:
    story = _in_two_places()
    outcome = _rejected(story, 0)
    assert kinds(outcome) == ["FulfillmentDeclined", "SourcingDecided"]
    assert messages(outcome) == ["ClaimStock"]
    assert units_of(story) == {Bucket.ORDERED: 2, Bucket.RELEASED: 3}
    outcome = story.picked(place=1)
    assert [(type(send.message), send.message.sequence) for send in outcome.sent] == [(ReleaseClaim, 0)]  # type: ignore[attr-defined]


def test_the_last_node_that_had_a_claim_gives_it_back_whatever_it_did() -> None:
    story = _in_two_places()
    _rejected(story, 0)
    assert "ReleaseClaim" in messages(_rejected(story, 1))
    story = _in_two_places()
    _rejected(story, 0)
    story.tell(CancelOrder())
    outcome = story.node(_withdrawn(), place=1)
    assert sorted(messages(outcome)) == ["ReleaseClaim", "ReleaseClaim", "VoidPayment"]


def test_a_last_moment_does_not_take_from_a_node_what_it_still_has_to_pick() -> None:
    story = Story(BOTH).released(("A", 3, 900), cancel_after=DAWN + timedelta(days=2))
    story.listed()
    story.stock = {"A": {"north": Availability(0, 1), "south": Availability(0, 1)}}
    story.picked(short=3)
    story.reserved(1, quantity=1, location="south")
    story.queued(1, quantity=2)
    limit = DAWN + timedelta(days=2)
    outcome = story.later(timedelta(days=2)).tell(DeadlinePassed(name="cancel_after", due=limit))
    assert kinds(outcome) == ["CancelAfterPassed", "LinesCancelled"]
    assert messages(outcome) == []
    assert messages(story.picked(place=1)) == ["ReleaseClaim"]


def test_a_refused_fulfillment_order_asks_a_person() -> None:
    story = Story().released(("A", 2, 1000))
    outcome = story.node(FulfillmentRefused(step="CreateFulfillmentOrder", reason=RefusalReason.EXISTS))
    [held] = outcome.events
    assert isinstance(held, HoldPlaced)
    assert messages(story.tell(ReleaseHold(hold=held.hold))) == ["CreateFulfillmentOrder"]


@pytest.mark.parametrize("step", ["CreateShipment", "DispatchShipment"])
def test_a_refused_shipment_asks_a_person(step: str) -> None:
    story = Story().released(("A", 2, 1000))
    story.listed()
    story.picked()
    story.packed()
    if step == "DispatchShipment":
        story.labelled()
        story.handed_over()
    refused = ShipmentRefused(step=step, reason=ShipmentRefusal.NO_SERVICE)
    [held] = story.tell(refused, subject=story.shipment()).events
    assert isinstance(held, HoldPlaced)
    assert messages(story.tell(ReleaseHold(hold=held.hold))) == [step]


def test_a_refused_capture_asks_a_person_and_the_order_does_not_end() -> None:
    story = Story().released(("A", 2, 1000)).until_handed_over()
    story.shipped()
    shipment = split_stream(story.shipment())[1]
    reason = CaptureRefusal.ABOVE_AUTHORIZED
    refused = CaptureRefused(order_id=ORDER_ID, fulfillment=shipment, sequence=0, amount=eur(1000), reason=reason)
    [held] = story.tell(refused, subject=PAYMENT).events
    assert isinstance(held, HoldPlaced)
    assert messages(story.tell(ReleaseHold(hold=held.hold))) == ["CapturePayment"]
    repeated = CaptureRepeated(order_id=ORDER_ID, fulfillment=shipment, sequence=0, amount=eur(1000))
    assert kinds(story.tell(repeated, subject=PAYMENT)) == ["CaptureRecorded", "OrderCompleted"]


def test_what_is_worth_nothing_is_not_captured() -> None:
    story = Story().released(("A", 2, 0)).until_handed_over()
    outcome = story.shipped()
    assert any(isinstance(event, CaptureNotNeeded) for event in outcome.events)
    assert status(story.view.order) is OrderStatus.COMPLETED


def test_a_delivery_is_recorded_after_the_order_is_completed() -> None:
    story = Story().released(("A", 2, 1000)).until_handed_over()
    story.shipped()
    story.captured(1000)
    [package] = story.view.fulfillment.works[story.work()].packages
    delivered = Delivered(
        order_id=ORDER_ID,
        fulfillment_order=story.work(),
        package=package,
        outstanding=0,
        occurred_at=DAWN,
    )
    assert kinds(story.tell(delivered, subject=story.shipment())) == ["LinesDelivered"]
    assert units_of(story) == {Bucket.DELIVERED: 2}
    story.tell(delivered, subject=story.shipment()).then_nothing()


def test_what_was_authorised_too_much_is_given_back_at_the_end() -> None:
    story = Story().released(("A", 3, 900), shortage=ShortagePolicy.CANCEL_LINE)
    story.listed()
    story.picked(short=1)
    story.packed()
    story.labelled()
    story.handed_over()
    story.shipped()
    assert messages(story.captured(600)) == ["VoidPayment"]


def _withdrawn() -> FulfillmentCancelled:
    return FulfillmentCancelled(order_id=ORDER_ID, location="north", lines=(), seen=True)


@pytest.mark.parametrize("labels_there", [False, True])
def test_a_cancel_asks_the_node_and_undoes_the_label_once_it_let_go(labels_there: bool) -> None:
    story = Story().released(("A", 2, 1000))
    story.listed()
    story.picked()
    story.packed()
    if labels_there:
        story.labelled()
    outcome = story.tell(CancelOrder())
    assert [type(send.message) for send in outcome.sent] == [CancelFulfillment]
    story.tell(CancelOrder()).then(CancelRefused(reason=CancelRefusal.UNDER_WAY))
    outcome = story.node(_withdrawn())
    assert kinds(outcome) == ["FulfillmentWithdrawn", "OrderCancelled"]
    assert messages(outcome) == ["CancelShipment", "VoidPayment", "ReleaseClaim"]
    assert units_of(story) == {Bucket.CANCELLED: 2}
    for late in (ShipmentCancelled(seen=True), _shipment_kept(story)):
        story.tell(late, subject=story.shipment()).then_nothing()


def _shipment_kept(story: Story) -> ShipmentCancelRefused:
    reason = ShipmentRefusal.ALREADY_SHIPPED
    return ShipmentCancelRefused(order_id=ORDER_ID, fulfillment_order=story.work(), reason=reason)


def test_a_cancel_that_comes_too_late_is_refused_and_the_order_goes_on() -> None:
    story = Story().released(("A", 2, 1000)).until_handed_over()
    story.tell(CancelOrder())
    refused = FulfillmentCancelRefused(order_id=ORDER_ID, location="north", lines=(), reason=RefusalReason.CLOSED)
    assert kinds(story.node(refused)) == ["CancelRefused"]
    story.node(refused).then_nothing()
    story.shipped()
    story.captured(1000)
    assert status(story.view.order) is OrderStatus.COMPLETED


def test_one_node_lets_go_and_another_has_shipped() -> None:
    story = Story({"A": {"north": Availability(2, 1), "south": Availability(1, 1)}}).released(("A", 3, 1000))
    story.until_handed_over()
    story.shipped()
    story.captured(666)
    outcome = story.tell(CancelOrder())
    assert messages(outcome) == ["CancelFulfillment"]
    outcome = story.node(_withdrawn(), place=1)
    assert kinds(outcome) == ["FulfillmentWithdrawn", "LinesCancelled", "OrderCompleted"]
    assert [send.message.sequence for send in outcome.sent if isinstance(send.message, ReleaseClaim)] == [1]
    assert units_of(story) == {Bucket.FULFILLED: 2, Bucket.CANCELLED: 1}


@pytest.mark.parametrize(
    ("how_far", "reason"),
    [("nothing", CancelRefusal.UNKNOWN_ORDER), ("cancelled", CancelRefusal.ALREADY_CANCELLED)],
)
def test_a_cancel_of_what_is_not_open_is_refused_by_name(how_far: str, reason: CancelRefusal) -> None:
    story = Story()
    if how_far == "cancelled":
        story.placed(("A", 1, 100)).tell(CancelOrder())
    story.tell(CancelOrder(), door="console").then(CancelRefused(reason=reason))


def test_a_cancel_of_what_has_left_or_is_completed_is_refused_by_name() -> None:
    story = Story().released(("A", 2, 1000)).until_handed_over()
    story.shipped()
    story.tell(CancelOrder()).then(CancelRefused(reason=CancelRefusal.FULFILLED))
    story.captured(1000)
    story.tell(CancelOrder()).then(CancelRefused(reason=CancelRefusal.COMPLETED))


def test_what_was_packed_while_the_cancel_was_on_its_way_gets_no_label() -> None:
    story = Story().released(("A", 2, 1000))
    story.listed()
    story.picked()
    story.tell(CancelOrder())
    assert messages(story.packed()) == []
    outcome = story.node(_withdrawn())
    assert kinds(outcome) == ["FulfillmentWithdrawn", "OrderCancelled"]
    assert "CreateShipment" not in messages(outcome)


def _nodes_ship(story: Story, *places: int) -> list[int]:
    """These nodes do all their work, one after the other; what payments are asked to take each time."""
    taken = []
    for place in places:
        story.listed(place)
        story.picked(place=place)
        story.packed(place)
        story.labelled(place)
        story.handed_over(place)
        asked = [send.message for send in story.shipped(place).sent if isinstance(send.message, CapturePayment)]
        for message in asked:
            assert message.other is not None
            assert message.amount.amount == message.other.amount + sum(part.amount.amount for part in message.lines)
            story.captured(message.amount.amount, place)
        taken.append(sum(message.amount.amount for message in asked))
    return taken


@pytest.mark.parametrize(("places", "taken"), [((0, 1), [90, 0]), ((1, 0), [0, 90])])
def test_a_line_worth_less_than_nothing_is_taken_off_the_others_whichever_leaves_first(
    places: tuple[int, int], taken: list[int]
) -> None:
    gift = Charge(kind=ChargeKind.DISCOUNT, amount=eur(-100))
    lines = order(("A", 1, 100), ("B", 1, 100)).lines
    story = Story({"A": {"north": Availability(1, 1)}, "B": {"south": Availability(1, 1)}}).released(
        lines=(lines[0], lines[1].model_copy(update={"charges": (gift,)})),
        charges=(Charge(kind=ChargeKind.DISCOUNT, amount=eur(-10)),),
        stated_total=eur(90),
        tenders=(Tender(method=TenderMethod.INVOICE, amount=eur(90)),),
    )
    assert _nodes_ship(story, *places) == taken
    assert story.view.order.ended == OrderCompleted.__name__
    assert story.view.order.captured == 90
