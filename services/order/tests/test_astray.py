"""Packages that went astray: shown, somebody's, and settled by a person or by arriving after all."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import DAWN, Outcome
from contracts.order import (
    Bucket,
    LinesDelivered,
    PackageFate,
    PackageSettled,
    PackageWentAstray,
    RefundCause,
    RefundGranted,
    SettlementRefusal,
    SettlementRefused,
    SettlePackage,
)
from contracts.shipping import Delivered, PackageLost, PackageReturned
from services.order.order import OrderStatus, status
from services.order.tests.refund_story import asks, claim
from services.order.tests.story import NAME, ORDER_ID, Story, eur, kinds, units_of
from services.order.views import order_view
from services.order.waiting import Waiting, waiting


def shipped(complete: bool = True) -> Story:
    """An order of two units that left in one package, and was paid for, or not yet."""
    story = Story().released(("A", 2, 1000)).until_handed_over()
    story.shipped()
    if complete:
        story.captured(1000)
    return story


def heard(story: Story, told: type[Delivered | PackageLost | PackageReturned]) -> Outcome:
    """Shipping tells this of the package."""
    (package,) = story.view.fulfillment.works[story.work()].packages
    more: dict[str, Any] = {"outstanding": 0} if told is Delivered else {"carrier": "own-fleet"}
    event = told(order_id=ORDER_ID, fulfillment_order=story.work(), package=package, occurred_at=DAWN, **more)
    return story.tell(event, subject=story.shipment())


def of(story: Story) -> Waiting:
    found = waiting(NAME, story.log)
    assert found is not None
    return found


@pytest.mark.parametrize("complete", [True, False], ids=["complete", "not paid yet"])
@pytest.mark.parametrize(
    ("told", "fate", "became"),
    [
        (PackageLost, PackageFate.LOST, "own-fleet lost it"),
        (PackageReturned, PackageFate.RETURNED, "own-fleet brings it back"),
    ],
)
def test_what_does_not_arrive_is_somebody_s_and_its_units_stay_fulfilled(
    complete: bool, told: type[PackageLost | PackageReturned], fate: PackageFate, became: str
) -> None:
    # given an order whose goods have left
    story = shipped(complete)
    before = status(story.view.order)
    # when its package does not arrive
    [event] = heard(story, told).events
    # then that has an owner, and changes neither units nor status
    assert isinstance(event, PackageWentAstray)
    assert (event.fate, event.owner, [(line.line, line.quantity) for line in event.lines]) == (
        fate,
        "order_desk",
        [("1", 2)],
    )
    assert units_of(story) == {Bucket.FULFILLED: 2}
    assert status(story.view.order) is before
    wait, since = of(story).waits[-1]
    assert wait.what.startswith("somebody to look after package 1 of shipment ")
    assert wait.what.endswith(f"(2 units: {became})")
    assert (wait.mover, wait.until, since) == ("order_desk can settle it", None, DAWN)
    [shown] = order_view(story.stream)["astray"]
    assert (shown["package"], shown["fate"], shown["owner"]) == ("package-0", fate, "order_desk")


def test_customer_service_reads_it_of_a_complete_order() -> None:
    story = shipped()
    assert of(story).sentence.endswith("is completed and waits for nothing.")
    heard(story, PackageLost)
    assert status(story.view.order) is OrderStatus.COMPLETED
    assert "waits for somebody to look after package 1" in of(story).sentence


@pytest.mark.parametrize("complete", [True, False], ids=["complete", "not paid yet"])
def test_what_arrives_after_all_needs_nobody(complete: bool) -> None:
    story = shipped(complete)
    heard(story, PackageLost)
    [event] = heard(story, Delivered).events
    assert isinstance(event, LinesDelivered)
    assert units_of(story) == {Bucket.DELIVERED: 2}
    assert not story.view.astray.packages
    assert not any(wait.key.startswith("package/") for wait, _ in of(story).waits)


def test_what_was_lost_and_comes_back_is_said_again() -> None:
    story = shipped()
    heard(story, PackageLost)
    assert kinds(heard(story, PackageReturned)) == ["PackageWentAstray"]
    assert [astray.fate for astray in story.view.astray.packages.values()] == [PackageFate.RETURNED]


def test_a_person_settles_it_once_and_says_how() -> None:
    story = shipped()
    heard(story, PackageLost)
    wish = SettlePackage(package="package-0", detail="the carrier pays")
    [settled] = story.tell(wish, door="console").events
    assert isinstance(settled, PackageSettled)
    assert (settled.fate, settled.detail) == (PackageFate.LOST, "the carrier pays")
    assert of(story).waits == ()
    [refused] = story.tell(SettlePackage(package="package-0", detail="again"), door="console").events
    assert isinstance(refused, SettlementRefused) and refused.reason is SettlementRefusal.NOT_ASTRAY


def test_what_arrives_after_it_was_settled_is_delivered() -> None:
    story = shipped()
    heard(story, PackageLost)
    story.tell(SettlePackage(package="package-0", detail="the carrier pays"), door="console")
    assert kinds(heard(story, Delivered)) == ["LinesDelivered"]


def test_a_package_of_an_order_that_nobody_placed_cannot_be_settled() -> None:
    [refused] = Story().tell(SettlePackage(package="p", detail="x"), door="console").events
    assert isinstance(refused, SettlementRefused) and refused.reason is SettlementRefusal.UNKNOWN_ORDER


def test_a_package_of_no_shipment_of_the_order_is_not_its_business() -> None:
    story = Story().released(("A", 2, 1000))
    lost = PackageLost(
        order_id=ORDER_ID,
        fulfillment_order="f",
        carrier="own-fleet",
        package=story.packages()[0],
        occurred_at=DAWN,
    )
    story.tell(lost, subject="shipment/another").then_nothing()


def test_what_was_paid_for_a_lost_package_goes_back_once_when_it_is_settled_so() -> None:
    # given a package of two units for 10.00 that was lost, one of which was claimed before
    story = shipped()
    heard(story, PackageLost)
    asks(story, claim(cause=RefundCause.MISSING))
    # when it is settled with a refund
    wish = SettlePackage(package="package-0", detail="the carrier pays", refund=True)
    settled, refund = asks(story, wish).events
    # then the other unit is paid back
    assert isinstance(settled, PackageSettled) and isinstance(refund, RefundGranted)
    assert settled.refund == refund.refund
    assert [(line.from_unit, line.to_unit) for line in refund.lines] == [(0, 1)]
    assert (refund.cause, refund.amount, story.view.refunds.granted) == (RefundCause.LOST, eur(500), 1000)


def test_what_was_not_paid_for_does_not_go_back() -> None:
    story = shipped(complete=False)
    heard(story, PackageLost)
    [refused] = asks(story, SettlePackage(package="package-0", detail="x", refund=True)).events
    assert isinstance(refused, SettlementRefused) and refused.reason is SettlementRefusal.NOTHING_DUE
