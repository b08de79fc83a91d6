"""What was handed out at a till: gone before the order came, told to inventory, secured and taken; groups beside it."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.inventory import ClaimStock, RecordHandedOut, ReleaseClaim
from contracts.money import ExternalState, Tender, TenderMethod
from contracts.order import (
    Bucket,
    CancelOrder,
    CancelRefusal,
    CancelRefused,
    FulfilledKind,
    HeldStep,
    HoldKind,
    HoldPlaced,
    LinesFulfilled,
    OrderAdjusted,
    OrderLine,
    PlaceHold,
    ReleaseHold,
    ShipGroup,
    ShipMethod,
    ShortagePolicy,
)
from contracts.payments import CapturePayment, CaptureRefusal, CaptureRefused, DeclineReason, PaymentDeclined
from services.order.kits import kit_key
from services.order.order import OrderStatus, due, status
from services.order.reservation_advance import needs
from services.order.sourcing import Availability
from services.order.tests.story import (
    ORDER_ID,
    PAYMENT,
    SHIP_TO,
    Story,
    authorization_of,
    capture_of,
    demand,
    eur,
    kinds,
    messages,
    order,
    stock_of,
    units_of,
)

TILL = ShipGroup(group="till", method=ShipMethod.CARRY_OUT, location="berlin")
PARCEL = ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO)
GONE_ALL = (HeldStep.AUTHORIZATION,)


def at_till(*lines: tuple[str, int, int]) -> tuple[OrderLine, ...]:
    """Lines that were handed out."""
    return tuple(line.model_copy(update={"ship_group": "till"}) for line in order(*lines).lines)


def sale(*lines: tuple[str, int, int], **more: Any) -> dict[str, Any]:
    """An order of which everything was handed out and paid at a till."""
    total = sum(amount for _, _, amount in lines)
    paid = Tender(method=TenderMethod.EXTERNAL, amount=eur(total), external_state=ExternalState.CAPTURED)
    return {"lines": at_till(*lines), "ship_groups": (TILL,), "tenders": (paid,), "stated_total": eur(total), **more}


def mixed(**more: Any) -> dict[str, Any]:
    """Two of A handed out for 8.00 euros, and three of B to be shipped for 9.00."""
    lines = order(("A", 2, 800), ("B", 3, 900)).lines
    lines = (lines[0].model_copy(update={"ship_group": "till"}), lines[1])
    invoice = (Tender(method=TenderMethod.INVOICE, amount=eur(1700)),)
    return {
        "lines": lines, "ship_groups": (TILL, PARCEL), "tenders": invoice, "stated_total": eur(1700), **more
    }  # fmt: skip


def hand_out_of(story: Story) -> LinesFulfilled:
    """The one hand-out of an order."""
    [found] = [
        event
        for event, _, _ in story.log
        if isinstance(event, LinesFulfilled) and event.kind is FulfilledKind.HANDED_OUT
    ]
    return found


def test_a_till_sale_has_left_when_it_is_placed_and_is_secured_taken_and_completed() -> None:
    # given nothing that anybody knows to be in stock
    story = Story({})
    # when a till sold and handed out two goods
    outcome = story.tell(order(**sale(("A", 2, 800), ("B", 1, 200))), door="channel.orders")
    # then they are gone, inventory is told, nobody claims or picks, and the money is secured
    assert kinds(outcome) == ["OrderPlaced", "LinesFulfilled", "AuthorizationRequested"]
    assert messages(outcome) == ["RecordHandedOut", "RecordHandedOut", "AuthorizePayment"]
    assert units_of(story) == {Bucket.FULFILLED: 2}
    assert status(story.view.order) is OrderStatus.FULFILLED
    # and once it is, it is taken for what was handed out, and the order is over
    outcome = story.authorized()
    assert kinds(outcome) == ["AuthorizationRecorded", "OrderConfirmed", "CaptureRequested"]
    taken = capture_of(outcome)
    assert (taken.fulfillment, taken.amount) == (hand_out_of(story).fulfillment, eur(1000))
    assert [(part.line, part.from_unit, part.to_unit) for part in taken.lines] == [("1", 0, 2), ("2", 0, 1)]
    outcome = story.captured(1000, fulfillment=taken.fulfillment)
    assert kinds(outcome) == ["CaptureRecorded", "OrderCompleted"]
    assert messages(outcome) == []


def test_inventory_hears_which_line_took_what_from_which_shelf_and_when() -> None:
    story = Story({})
    outcome = story.tell(order(**sale(("A", 2, 800))), door="channel.orders")
    told, _ = outcome.sent
    assert (told.service, told.stream) == ("inventory", stock_of("A"))
    assert told.message == RecordHandedOut(
        sku="A",
        demand=demand("1"),
        location="berlin",
        quantity=2,
        unit="each",
        fulfillment=hand_out_of(story).fulfillment,
        occurred_at=story.view.order.terms.placed_at,
    )


def test_a_sale_worth_nothing_is_over_at_once() -> None:
    outcome = Story({}).tell(order(**sale(("A", 1, 0))), door="channel.orders")
    assert kinds(outcome) == [
        "OrderPlaced", "LinesFulfilled", "OrderConfirmed", "CaptureNotNeeded", "OrderCompleted"
    ]  # fmt: skip


def test_the_same_sale_again_hands_out_nothing() -> None:
    story = Story({}).placed(**sale(("A", 2, 800)))
    assert kinds(story.tell(order(**sale(("A", 2, 800))), door="http")) == ["OrderRevisionIgnored"]


def test_each_group_that_was_handed_out_is_taken_for_itself() -> None:
    other = TILL.model_copy(update={"group": "shop", "location": "bonn"})
    lines = at_till(("A", 2, 800), ("B", 1, 200))
    lines = (lines[0], lines[1].model_copy(update={"ship_group": "shop"}))
    story = Story({}).placed(**sale(("A", 2, 800), ("B", 1, 200), lines=lines, ship_groups=(TILL, other)))
    left = [event for event, _, _ in story.log if isinstance(event, LinesFulfilled)]
    assert [(event.location, event.amount) for event in left] == [("berlin", eur(800)), ("bonn", eur(200))]
    outcome = story.authorized()
    asked = [send.message for send in outcome.sent if isinstance(send.message, CapturePayment)]
    assert [(each.fulfillment, each.amount) for each in asked] == [(event.fulfillment, event.amount) for event in left]


# Holds


def test_what_does_not_add_up_keeps_the_money_of_a_sale_and_never_its_goods() -> None:
    # given a sale that the till paid less for than it states
    short_paid = (Tender(method=TenderMethod.EXTERNAL, amount=eur(790)),)
    story = Story({})
    outcome = story.tell(order(**sale(("A", 2, 800), tenders=short_paid)), door="channel.orders")
    # then the goods are gone all the same
    assert messages(outcome) == ["RecordHandedOut"]
    [held] = [event for event in outcome.events if isinstance(event, HoldPlaced)]
    assert (held.kind, held.blocks) == (HoldKind.TENDERS_DIFFER, GONE_ALL)
    assert units_of(story) == {Bucket.FULFILLED: 2}
    # when a person accepts the difference, then what was paid is secured and taken
    outcome = story.tell(ReleaseHold(hold=held.hold), door="console")
    assert any(isinstance(event, OrderAdjusted) for event in outcome.events)
    assert (authorization_of(outcome).amount, due(story.view.order)) == (eur(790), 790)
    taken = capture_of(story.authorized())
    assert taken.amount == eur(790)
    assert kinds(story.captured(790, fulfillment=taken.fulfillment)) == ["CaptureRecorded", "OrderCompleted"]


def test_more_than_was_due_is_taken_too_once_a_person_accepted_it() -> None:
    paid = (Tender(method=TenderMethod.EXTERNAL, amount=eur(810)),)
    story = Story({}).placed(**sale(("A", 2, 800), tenders=paid))
    story.tell(ReleaseHold(hold="1"), door="console")
    assert capture_of(story.authorized()).amount == eur(810)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (HoldKind.MISSING_LOCATION, {"ship_groups": (TILL.model_copy(update={"location": None}),)}),
        (HoldKind.MISSING_SKU, {"lines": at_till(("", 2, 800))}),
    ],
)
def test_goods_that_left_nobody_knows_whence_are_paid_once_a_person_accepted_it_and_only_a_count_can_tell(
    kind: HoldKind, changes: dict[str, Any]
) -> None:
    story = Story({})
    outcome = story.tell(order(**sale(("A", 2, 800), **changes)), door="channel.orders")
    [held] = [event for event in outcome.events if isinstance(event, HoldPlaced)]
    assert (held.kind, held.blocks, messages(outcome)) == (kind, GONE_ALL, [])
    assert messages(story.tell(ReleaseHold(hold=held.hold), door="console")) == ["AuthorizePayment"]


def test_a_declined_sale_waits_for_a_person_with_its_goods_gone() -> None:
    story = Story({}).placed(**sale(("A", 2, 800)))
    declined = PaymentDeclined(order_id=ORDER_ID, amount=eur(800), reason=DeclineReason.UNSUPPORTED_METHOD)
    [held] = [event for event in story.tell(declined, subject=PAYMENT).events if isinstance(event, HoldPlaced)]
    assert held.blocks == GONE_ALL
    assert messages(story.tell(ReleaseHold(hold=held.hold), door="console")) == ["AuthorizePayment"]


def test_a_hold_on_a_secured_sale_has_nothing_left_to_keep() -> None:
    story = Story({}).placed(**sale(("A", 2, 800)))
    taken = capture_of(story.authorized())
    reason = CaptureRefusal.ABOVE_AUTHORIZED
    refused = CaptureRefused(
        order_id=ORDER_ID, fulfillment=taken.fulfillment, sequence=0, amount=eur(800), reason=reason
    )
    [held] = story.tell(refused, subject=PAYMENT).events
    assert isinstance(held, HoldPlaced) and held.blocks == ()
    [manual] = story.tell(PlaceHold(detail="look"), door="console").events
    assert isinstance(manual, HoldPlaced) and manual.blocks == ()
    assert messages(story.tell(ReleaseHold(hold=held.hold), door="console")) == ["CapturePayment"]


def test_what_was_handed_out_cannot_be_cancelled() -> None:
    story = Story({}).placed(**sale(("A", 2, 800)))
    story.tell(CancelOrder(), door="console").then(CancelRefused(reason=CancelRefusal.FULFILLED))


# Mixed orders


def _placed_mixed(**more: Any) -> Story:
    return Story({"B": {"north": Availability(9, 1)}}).placed(**mixed(**more))


def test_goods_handed_out_are_secured_and_taken_before_those_beside_them_are_reserved() -> None:
    # given an order of which one line was handed out, and one is to be shipped
    story = Story({"B": {"north": Availability(9, 1)}})
    outcome = story.tell(order(**mixed()), door="channel.orders")
    # then all of it is secured, and the other line is sourced for itself
    assert messages(outcome) == ["RecordHandedOut", "AuthorizePayment", "ClaimStock"]
    assert authorization_of(outcome).amount == eur(1700)
    assert [send.message.sku for send in outcome.sent if isinstance(send.message, ClaimStock)] == ["B"]
    # and what left is taken as soon as it is
    taken = capture_of(story.authorized())
    assert taken.amount == eur(800)
    assert kinds(story.captured(800, fulfillment=taken.fulfillment)) == ["CaptureRecorded"]
    # when the rest is reserved, then the order is confirmed with no second authorisation and goes its way
    outcome = story.reserved()
    assert kinds(outcome)[:3] == ["LineReserved", "OrderConfirmed", "ReleasedToFulfillment"]
    assert messages(outcome) == ["CreateFulfillmentOrder"]
    story.until_handed_over()
    assert capture_of(story.shipped()).amount == eur(900)
    assert kinds(story.captured(900)) == ["CaptureRecorded", "OrderCompleted"]


def test_a_line_that_waits_beside_a_sale_keeps_nothing_of_it_waiting() -> None:
    story = Story({"B": {"north": Availability(0, 1)}}).placed(**mixed())
    story.queued()
    assert capture_of(story.authorized()).amount == eur(800)
    assert status(story.view.order) is OrderStatus.PARTLY_FULFILLED


@pytest.mark.parametrize("policy", [ShortagePolicy.CANCEL_LINE, ShortagePolicy.CANCEL_ORDER])
def test_what_nobody_has_beside_a_sale_is_cancelled_alone_and_the_rest_of_the_money_given_back(
    policy: ShortagePolicy,
) -> None:
    story = Story({"B": {"north": Availability(0, 1)}})
    outcome = story.tell(order(**mixed(shortage=policy)), door="channel.orders")
    assert kinds(outcome)[-2:] == ["SourcingDecided", "LinesCancelled"]
    assert units_of(story, "2") == {Bucket.CANCELLED: 3}
    outcome = story.authorized()
    assert kinds(outcome) == ["AuthorizationRecorded", "OrderConfirmed", "CaptureRequested"]
    outcome = story.captured(800, fulfillment=capture_of(outcome).fulfillment)
    assert kinds(outcome) == ["CaptureRecorded", "OrderCompleted"]
    assert messages(outcome) == ["VoidPayment"]


def test_a_cancel_takes_back_what_has_not_left_alone() -> None:
    story = _placed_mixed()
    story.reserved()
    outcome = story.tell(CancelOrder(), door="console")
    assert kinds(outcome) == ["LinesCancelled"]
    assert [type(send.message) for send in outcome.sent] == [ReleaseClaim]
    outcome = story.authorized()
    assert kinds(outcome) == ["AuthorizationRecorded", "OrderConfirmed", "CaptureRequested"]
    story.captured(800, fulfillment=capture_of(outcome).fulfillment)
    assert status(story.view.order) is OrderStatus.COMPLETED


def test_a_parcel_without_an_address_is_not_accepted_until_it_is_cancelled_and_then_the_sale_is_paid() -> None:
    story = _placed_mixed(ship_groups=(TILL, ShipGroup(group="1", method=ShipMethod.SHIP)))
    assert kinds(story.tell(ReleaseHold(hold="1"), door="console")) == ["HoldChangeRefused"]
    assert kinds(story.tell(CancelOrder(), door="console")) == ["LinesCancelled"]
    outcome = story.tell(ReleaseHold(hold="1"), door="console")
    assert authorization_of(outcome).amount == eur(800)


def test_a_till_needs_to_know_what_is_a_kit_and_nothing_of_what_is_in_stock() -> None:
    assert needs(order(**sale(("A", 2, 800))), Story({}).view) == [kit_key("A")]
    assert needs(order(**mixed()), Story({}).view) == ["B", kit_key("A"), kit_key("B")]
