"""Goods that are sent again: free, once, of an order that is complete too; and what becomes of those that nobody has."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import DAWN, Outcome
from contracts.message import Event
from contracts.order import (
    ApproveRefund,
    Bucket,
    CancelLine,
    CancelOrder,
    IfShort,
    LinesAdded,
    NoticeKind,
    NoticeRequested,
    OrderReopened,
    PackageSettled,
    RefundApprover,
    RefundCause,
    RefundChangeRefusal,
    RefundChangeRefused,
    RefundGranted,
    RefundProposed,
    RefundTo,
    RelationKind,
    ReopenCause,
    ReplacementGivenUp,
    ReplacementGranted,
    SettlementRefusal,
    SettlementRefused,
    SettlePackage,
    ShipGroup,
    ShipMethod,
)
from contracts.payments import CapturePayment
from contracts.shipping import PackageLost
from services.order.order import OrderStatus, due, status
from services.order.refund_state import RefundStage
from services.order.sourcing import Availability
from services.order.tests.refund_story import ANNA, BEN, asks, claim, paid, paid_back, refund_of
from services.order.tests.story import AT_NORTH, ORDER_ID, Story, eur, kinds, messages, units_of
from services.order.views import order_view
from services.order.waiting import waiting

NOTHING = {"A": {"north": Availability(0, 50)}}


def again(quantity: int = 1, line: str = "1", **more: Any) -> Any:
    """Units that came broken are to be sent again."""
    return claim(quantity, line, to=RefundTo.REPLACEMENT, **more)


def found(outcome: Outcome, kind: type[Event]) -> Any:
    """The one event of this kind."""
    [event] = [event for event in outcome.events if isinstance(event, kind)]
    return event


def refusal(outcome: Outcome) -> RefundChangeRefusal:
    return found(outcome, RefundChangeRefused).reason  # type: ignore[no-any-return]


def leaves(story: Story, place: int, sequence: int) -> Outcome:
    """What was claimed last leaves."""
    story.reserved(sequence)
    for step in (story.listed, story.picked, story.packed, story.labelled, story.handed_over):
        step(place=place)
    return story.shipped(place=place)


def test_a_complete_order_goes_on_with_what_is_sent_again_and_is_complete_again() -> None:
    # given three units for 10.00 that were paid, and one of them came broken
    story = paid()
    assert status(story.view.order) is OrderStatus.COMPLETED
    # when it is to be sent again
    outcome = asks(story, again())
    # then the order goes on with a line that is owed nothing, and claims goods for it
    assert kinds(outcome) == ["OrderReopened", "ReplacementGranted", "LinesAdded", "SourcingDecided"]
    decided = found(outcome, ReplacementGranted)
    reopened = found(outcome, OrderReopened)
    assert (reopened.cause, reopened.reference) == (ReopenCause.REPLACEMENT, decided.refund)
    [line] = found(outcome, LinesAdded).lines
    assert (line.line, line.sku, line.quantity, line.amount) == ("2", "A", 1, eur(334))
    assert (line.relates_to.kind, line.relates_to.line) == (RelationKind.REPLACEMENT_OF, "1")
    assert [(charge.amount, charge.funded_by, charge.code) for charge in line.charges] == [
        (eur(-334), "merchant", "replacement")
    ]
    assert messages(outcome) == ["ClaimStock"]
    assert (due(story.view.order), status(story.view.order)) == (1000, OrderStatus.PARTLY_FULFILLED)
    # and it is picked, shipped and completed like any, without money
    shipped = leaves(story, 1, 1)
    assert kinds(shipped) == ["LinesFulfilled", "CaptureNotNeeded", "OrderCompleted"]
    assert not [send for send in shipped.sent if isinstance(send.message, CapturePayment)]
    assert (story.view.order.captured, story.view.refunds.granted) == (1000, 0)
    assert units_of(story, "2") == {Bucket.FULFILLED: 1}
    [shown] = order_view(story.stream)["refunds"]
    assert (shown["stage"], shown["to"], shown["amount"]) == ("replaced", "replacement", 334)


def test_the_customer_hears_what_is_sent_again() -> None:
    notice = found(asks(paid(), again(2)), NoticeRequested)
    assert (notice.kind, [(line.line, line.quantity) for line in notice.lines]) == (NoticeKind.REPLACED, [("2", 2)])


def test_no_unit_is_sent_again_twice_nor_sent_again_and_paid_back() -> None:
    story = paid()
    asks(story, again(2))
    assert refusal(asks(story, again(2))) is RefundChangeRefusal.REPLACED
    assert refusal(asks(story, claim(2))) is RefundChangeRefusal.REPLACED
    # the third is free for either, once
    assert kinds(asks(story, claim(1))) == ["RefundGranted"]
    assert refusal(asks(story, again(1))) is RefundChangeRefusal.REPLACED
    assert story.view.refunds.granted == 333


def test_what_was_paid_back_is_not_sent_again() -> None:
    story = paid(("A", 1, 1000))
    asks(story, claim(1))
    assert refusal(asks(story, again())) is RefundChangeRefusal.NOT_FULFILLED


def test_what_was_sent_again_and_is_lost_is_paid_back_at_what_was_paid_first() -> None:
    # given a unit for 3.34 that was sent again
    story = paid()
    asks(story, again())
    leaves(story, 1, 1)
    # when that one does not arrive either
    outcome = asks(story, claim(1, "2", cause=RefundCause.MISSING))
    # then what was paid for the first goes back, and of neither anything more
    refund = found(outcome, RefundGranted)
    assert [(line.line, line.from_unit, line.to_unit, line.amount) for line in refund.lines] == [("1", 2, 3, eur(334))]
    assert [(units.line, units.from_unit) for units in refund.claimed] == [("2", 0)]
    assert refund.amount == eur(334)
    assert refusal(asks(story, again(1, "2"))) is RefundChangeRefusal.NOT_FULFILLED
    assert refusal(asks(story, claim(3, "1"))) is RefundChangeRefusal.REPLACED
    asks(story, claim(2, "1"))
    assert story.view.refunds.granted == 1000


def test_what_was_sent_again_can_be_sent_a_third_time() -> None:
    story = paid()
    asks(story, again())
    leaves(story, 1, 1)
    outcome = asks(story, again(1, "2"))
    assert found(outcome, ReplacementGranted).amount == eur(334)
    leaves(story, 2, 2)
    refund = found(asks(story, claim(1, "3")), RefundGranted)
    assert [(line.line, line.from_unit) for line in refund.lines] == [("1", 2)]


def test_above_what_somebody_may_give_alone_a_second_person_agrees() -> None:
    # given units for 150.00
    story = paid(("A", 1, 15000))
    # when customer service has them sent again
    assert kinds(asks(story, again())) == ["RefundProposed"]
    assert status(story.view.order) is OrderStatus.COMPLETED
    # then somebody else agrees
    assert refusal(asks(story, ApproveRefund(refund="1", approver=RefundApprover.FINANCE))) is (
        RefundChangeRefusal.SAME_PERSON
    )
    outcome = asks(story, ApproveRefund(refund="1", approver=RefundApprover.FINANCE), BEN)
    assert kinds(outcome)[:3] == ["OrderReopened", "ReplacementGranted", "LinesAdded"]
    decided = found(outcome, ReplacementGranted)
    assert (decided.by, decided.approved_by, refund_of(story).stage) == ("anna", "ben", RefundStage.REPLACED)


def test_what_was_granted_alone_counts_whether_it_is_money_or_goods() -> None:
    story = paid(("A", 4, 24000))
    asks(story, again(1))
    assert found(asks(story, claim(1)), RefundProposed).to is RefundTo.ORIGINAL


def test_a_proposal_whose_units_were_paid_back_meanwhile_sends_nothing() -> None:
    story = paid(("A", 1, 15000))
    asks(story, again())
    asks(story, claim(1, approver=RefundApprover.FINANCE))
    assert kinds(asks(story, ApproveRefund(refund="1", approver=RefundApprover.FINANCE), BEN)) == ["RefundDeclined"]


def test_units_that_nobody_has_wait_for_supply() -> None:
    story = paid()
    story.stock = dict(NOTHING)
    outcome = asks(story, again(if_short=IfShort.WAIT))
    assert kinds(outcome)[-1] == "SourcingDecided"
    story.queued(1)
    assert status(story.view.order) is OrderStatus.PARTLY_FULFILLED
    found_ = waiting(story.name, story.log)
    assert found_ is not None and "to arrive" in found_.sentence


def test_or_are_paid_back_instead() -> None:
    story = paid()
    story.stock = dict(NOTHING)
    outcome = asks(story, again(2, if_short=IfShort.REFUND))
    assert kinds(outcome) == [
        "OrderReopened",
        "ReplacementGranted",
        "LinesAdded",
        "SourcingDecided",
        "LinesCancelled",
        "ReplacementGivenUp",
        "RefundGranted",
        "OrderCompleted",
    ]
    given_up, refund = found(outcome, ReplacementGivenUp), found(outcome, RefundGranted)
    assert (given_up.whole, given_up.paid_back, refund.amount) == (True, refund.refund, eur(667))
    assert (refund.cause, refund.by) == (RefundCause.DAMAGED, "anna")
    assert refund_of(story, 1).stage is RefundStage.GIVEN_UP
    paid_back(story, 2)
    assert story.view.refunds.credit == 0


def test_a_replacement_that_is_cancelled_before_it_leaves_may_be_claimed_again() -> None:
    story = paid()
    asks(story, again(2))
    outcome = story.tell(CancelOrder(lines=(CancelLine(line="2", quantity=1),)))
    assert "ReplacementGivenUp" in kinds(outcome)
    given_up = found(outcome, ReplacementGivenUp)
    assert ([(part.line, part.from_unit, part.to_unit) for part in given_up.units], given_up.whole) == (
        [("1", 2, 3)],
        False,
    )
    refund = found(asks(story, claim(1)), RefundGranted)
    assert [(line.from_unit, line.amount) for line in refund.lines] == [(2, eur(334))]


def test_the_last_moment_of_the_order_is_not_that_of_what_is_sent_again() -> None:
    story = paid(("A", 1, 1000), cancel_after=DAWN)
    story.stock = dict(NOTHING)
    outcome = asks(story, again(if_short=IfShort.WAIT))
    assert "LinesCancelled" not in kinds(outcome)


def test_what_was_handed_out_at_a_till_is_not_sent_again() -> None:
    till = ShipGroup(group="1", method=ShipMethod.CARRY_OUT, location="north")
    story = Story().placed(("A", 1, 1000), ship_groups=(till,))
    story.authorized()
    [(key, left)] = story.view.fulfillment.fulfilled.items()
    story.captured(left.asked or 0, fulfillment=key)
    assert status(story.view.order) is OrderStatus.COMPLETED
    assert refusal(asks(story, again())) is RefundChangeRefusal.NO_WAY


def lost(story: Story, place: int = 0) -> None:
    (package,) = story.view.fulfillment.works[story.work(place)].packages
    event = PackageLost(
        order_id=ORDER_ID,
        fulfillment_order=story.work(place),
        package=package,
        carrier="own-fleet",
        occurred_at=DAWN,
    )
    story.tell(event, subject=story.shipment(place))


def test_a_package_that_was_lost_is_settled_by_sending_it_again() -> None:
    # given a package of three units that was lost, one of which was paid back
    story = paid()
    lost(story)
    asks(story, claim(1, cause=RefundCause.MISSING))
    # when it is sent again
    outcome = asks(story, SettlePackage(package="package-0", detail="again", reship=True))
    # then the other two are, and nobody has to look after the package any more
    settled, decided = found(outcome, PackageSettled), found(outcome, ReplacementGranted)
    assert settled.refund == decided.refund
    assert [(part.line, part.from_unit, part.to_unit, part.by) for part in decided.replaced] == [("1", 0, 2, "2")]
    assert decided.cause is RefundCause.LOST
    assert not story.view.astray.packages
    # and if what is sent again is lost too, it is sent once more
    leaves(story, 1, 1)
    lost(story, 1)
    outcome = asks(story, SettlePackage(package="package-1", detail="again", reship=True))
    assert [part.line for part in found(outcome, ReplacementGranted).replaced] == ["2"]


def test_a_package_of_which_all_is_paid_back_is_not_sent_again() -> None:
    story = paid(("A", 1, 1000))
    lost(story)
    asks(story, claim(1, cause=RefundCause.MISSING))
    wish = SettlePackage(package="package-0", detail="again", reship=True)
    assert found(asks(story, wish), SettlementRefused).reason is SettlementRefusal.NOTHING_DUE


@pytest.mark.parametrize("by", [ANNA, BEN])
def test_a_gift_is_sent_again_as_well(by: Any) -> None:
    story = paid(("A", 1, 1000), ("B", 1, 0))
    outcome = asks(story, again(1, "2"), by)
    [line] = found(outcome, LinesAdded).lines
    assert (line.amount, line.charges) == (eur(0), ())
    assert AT_NORTH["B"]
