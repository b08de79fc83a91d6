"""Orders that are collected at a counter: from that location alone, without label or carrier, paid once collected."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.fulfillment import (
    CreateFulfillmentOrder,
    FulfillmentCancelled,
    FulfillmentCancelRefused,
    FulfillmentLine,
    FulfillmentRejected,
    RefusalReason,
)
from contracts.inventory import ClaimStock
from contracts.money import Tender, TenderMethod
from contracts.order import (
    Bucket,
    CancelOrder,
    FulfilledKind,
    FulfillmentReady,
    HoldKind,
    HoldPlaced,
    LinesFulfilled,
    ReadyLine,
    ReleasedToFulfillment,
    ShipGroup,
    ShipMethod,
    ShortagePolicy,
    SourcingDecided,
)
from contracts.personal import Personal
from services.order.fulfillment_saga import COLLECT_WITHIN
from services.order.order import OrderStatus, status
from services.order.sourcing import Availability
from services.order.tests.story import (
    COUNTER,
    ORDER_ID,
    SHIP_TO,
    TAKER,
    Story,
    capture_of,
    eur,
    kinds,
    messages,
    order,
    units_of,
)

BUYER = Personal(subject="buyer", ciphertext="YnV5ZXI=")
FRIEND = Personal(subject="friend", ciphertext="ZnJpZW5k")
EVERYWHERE = {"A": {"berlin": Availability(9, 1), "north": Availability(90, 2)}}
NOT_IN_BERLIN = {"A": {"north": Availability(90, 2)}}


def placed(stock: Any = EVERYWHERE, **more: Any) -> Story:
    """Two units of A for 10.00 euros, to be collected in Berlin."""
    return Story(stock).placed(("A", 2, 1000), **{"ship_groups": (COUNTER,), **more})


def released(**more: Any) -> Story:
    """The same, reserved, secured and on the list of the counter."""
    story = placed(**more)
    story.reserved()
    story.authorized()
    return story


def picked(short: int = 0, **more: Any) -> Story:
    """The same, off the shelf but for what was not found."""
    story = released(**more)
    story.listed()
    story.picked(short)
    return story


def decision(story: Story) -> SourcingDecided:
    """The last sourcing decision."""
    return [event for event, _, _ in story.log if isinstance(event, SourcingDecided)][-1]


# Where it comes from


def test_it_is_sourced_where_it_is_collected_although_another_has_more() -> None:
    [part] = decision(placed()).allocations
    assert (part.location, part.quantity, part.queue) == ("berlin", 2, False)
    lost = {one.location: one.lost_because for one in decision(placed()).candidates}
    assert lost == {"berlin": None, "north": "is not where these lines are collected"}


def test_what_the_counter_lacks_waits_for_it_there_alone_although_another_has_it() -> None:
    story = Story(NOT_IN_BERLIN)
    outcome = story.tell(order(("A", 2, 1000), ship_groups=(COUNTER,)))
    [claim] = [send.message for send in outcome.sent]
    assert isinstance(claim, ClaimStock)
    assert (claim.location, claim.eligible_locations) == ("berlin", ("berlin",))
    assert decision(story).candidates[0].lost_because == "has none of it available"


@pytest.mark.parametrize(
    ("policy", "end"),
    [
        (ShortagePolicy.CANCEL_LINE, ["LinesCancelled", "OrderCancelled"]),
        (ShortagePolicy.CANCEL_ORDER, ["OrderCancelled"]),
    ],
)
def test_what_the_counter_lacks_follows_the_policy(policy: ShortagePolicy, end: list[str]) -> None:
    outcome = Story(NOT_IN_BERLIN).tell(order(("A", 2, 1000), ship_groups=(COUNTER,), shortage=policy))
    assert kinds(outcome) == ["OrderPlaced", "SourcingDecided", *end]


def test_goods_that_nobody_ever_had_are_held_as_anywhere() -> None:
    outcome = Story({"A": {}}).tell(order(("A", 2, 1000), ship_groups=(COUNTER,)))
    [held] = [event for event in outcome.events if isinstance(event, HoldPlaced)]
    assert held.kind is HoldKind.UNKNOWN_SKU


def test_a_parcel_beside_it_comes_from_whoever_is_best_for_a_parcel() -> None:
    lines = order(("A", 2, 1000), ("A", 1, 500)).lines
    parcel = ShipGroup(group="2", method=ShipMethod.SHIP, ship_to=SHIP_TO)
    story = placed(
        lines=(lines[0], lines[1].model_copy(update={"ship_group": "2"})),
        ship_groups=(COUNTER, parcel),
        stated_total=eur(1500),
        tenders=(Tender(method=TenderMethod.INVOICE, amount=eur(1500)),),
    )
    assert [(part.line, part.location) for part in decision(story).allocations] == [("1", "berlin"), ("2", "north")]


# From the counter's list to its customer


def test_the_counter_hears_the_way_and_who_may_collect_it() -> None:
    story = placed(buyer=BUYER, ship_groups=(COUNTER.model_copy(update={"pickup_person": FRIEND}),))
    story.reserved()
    outcome = story.authorized()
    [asked] = [send.message for send in outcome.sent if isinstance(send.message, CreateFulfillmentOrder)]
    assert (asked.location, asked.method, asked.pickup_person) == ("berlin", "pickup", FRIEND)
    [event] = [event for event in outcome.events if isinstance(event, ReleasedToFulfillment)]
    assert event.method is ShipMethod.PICKUP


def test_without_another_the_buyer_may_collect_it() -> None:
    story = placed(buyer=BUYER)
    story.reserved()
    [asked] = [send.message for send in story.authorized().sent if isinstance(send.message, CreateFulfillmentOrder)]
    assert asked.pickup_person == BUYER


@pytest.mark.parametrize("packs", [False, True], ids=["as picked", "in packages"])
def test_it_is_picked_laid_ready_collected_and_paid_and_nothing_goes_to_shipping(packs: bool) -> None:
    story = picked()
    if packs:
        outcome = story.packed()
        assert (kinds(outcome), messages(outcome)) == (["LinesPacked"], [])
    # when the counter says that it lies ready, then until when it waits is known
    outcome = story.ready()
    assert messages(outcome) == []
    [ready] = [event for event in outcome.events if isinstance(event, FulfillmentReady)]
    assert (ready.location, ready.shelf, ready.lines) == ("berlin", "rack 7", (ReadyLine(line="1", quantity=2),))
    assert ready.collect_by == story.stream.time + COLLECT_WITHIN  # type: ignore[operator]
    assert status(story.view.order) is OrderStatus.IN_FULFILLMENT
    # when it was handed over the counter, then it is fulfilled, named by its fulfillment order, and its value is taken
    outcome = story.collected()
    assert kinds(outcome) == ["LinesFulfilled", "CaptureRequested"]
    [left] = [event for event in outcome.events if isinstance(event, LinesFulfilled)]
    assert (left.kind, left.fulfillment, left.location) == (FulfilledKind.COLLECTED, story.work(), "berlin")
    assert (left.collected_by, left.carrier, left.amount) == (TAKER, None, eur(1000))
    taken = capture_of(outcome)
    assert (taken.fulfillment, taken.amount) == (story.work(), eur(1000))
    assert messages(outcome) == ["CapturePayment", "IssueInvoice"]
    outcome = story.captured(1000, fulfillment=story.work())
    assert kinds(outcome) == ["CaptureRecorded", "OrderCompleted"]
    assert units_of(story) == {Bucket.FULFILLED: 2}


def test_facts_of_the_counter_that_come_again_change_nothing() -> None:
    story = picked()
    story.ready()
    story.ready().then_nothing()
    story.collected()
    for again in (story.collected, story.ready, story.picked):
        again().then_nothing()


def test_what_the_counter_does_not_find_is_not_sought_elsewhere_and_asks_a_person() -> None:
    # given a counter that found one of two
    story = released()
    story.listed()
    outcome = story.picked(short=1)
    assert kinds(outcome) == ["LinesPicked", "LinesShort", "HoldPlaced"]
    [held] = [event for event in outcome.events if isinstance(event, HoldPlaced)]
    assert held.kind is HoldKind.NO_LOCATION
    # then the one is collected and paid all the same
    story.ready()
    assert capture_of(story.collected()).amount == eur(500)
    story.captured(500, fulfillment=story.work())
    # and the order ends once a person gave up the other
    outcome = story.tell(CancelOrder(), door="console")
    assert kinds(outcome) == ["LinesCancelled", "OrderCompleted"]
    assert units_of(story) == {Bucket.FULFILLED: 1, Bucket.CANCELLED: 1}


def test_a_counter_that_rejects_its_work_asks_a_person_and_nobody_else() -> None:
    story = released()
    lines = (FulfillmentLine(line="1", sequence=0, sku="A", quantity=2, unit="each"),)
    outcome = story.node(FulfillmentRejected(order_id=ORDER_ID, location="berlin", document="a", lines=lines))
    assert kinds(outcome) == ["FulfillmentDeclined", "HoldPlaced"]
    [held] = [event for event in outcome.events if isinstance(event, HoldPlaced)]
    assert held.kind is HoldKind.NO_LOCATION
    assert messages(outcome) == ["ReleaseClaim"]


def test_what_the_counter_does_not_find_is_cancelled_where_the_policy_says_so() -> None:
    story = released(shortage=ShortagePolicy.CANCEL_LINE)
    story.listed()
    assert kinds(story.picked(short=1)) == ["LinesPicked", "LinesShort", "SourcingDecided", "LinesCancelled"]


# Cancelling


def test_a_cancel_before_it_is_collected_asks_the_counter_which_puts_it_back() -> None:
    story = picked()
    story.ready()
    assert messages(story.tell(CancelOrder(), door="console")) == ["CancelFulfillment"]
    outcome = story.node(FulfillmentCancelled(order_id=ORDER_ID, location="berlin", lines=(), seen=True))
    assert kinds(outcome) == ["FulfillmentWithdrawn", "OrderCancelled"]
    assert sorted(messages(outcome)) == ["ReleaseClaim", "VoidPayment"]
    assert units_of(story) == {Bucket.CANCELLED: 2}
    story.collected().then_nothing()


def test_a_cancel_that_crosses_the_customer_at_the_counter_is_refused_and_the_order_completes() -> None:
    story = picked()
    story.ready()
    story.tell(CancelOrder(), door="console")
    assert kinds(story.collected()) == ["LinesFulfilled", "CaptureRequested"]
    late = FulfillmentCancelRefused(order_id=ORDER_ID, location="berlin", lines=(), reason=RefusalReason.ALREADY_DONE)
    assert kinds(story.node(late)) == ["CancelRefused"]
    story.captured(1000, fulfillment=story.work())
    assert status(story.view.order) is OrderStatus.COMPLETED
