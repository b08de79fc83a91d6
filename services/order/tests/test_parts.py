"""What of an order leaves while the rest waits for supply, and what has to wait for it."""

from __future__ import annotations

from datetime import timedelta

from chassis.testing import DAWN, Outcome
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import FulfillmentLine, FulfillmentRejected
from contracts.inventory import BreakReason
from contracts.order import (
    Bucket,
    CancelOrder,
    CaptureRequested,
    HeldStep,
    LinesFulfilled,
    NoticeKind,
    NoticeRequested,
    OrderConfirmed,
    OrderLine,
    PlaceHold,
    ReleasedToFulfillment,
    ReleaseHold,
    ShipGroup,
    ShipMethod,
    ShortagePolicy,
)
from services.order.order import OrderStatus, status
from services.order.sourcing import Availability
from services.order.tests.story import (
    ORDER_ID,
    SHIP_TO,
    Story,
    authorization_of,
    eur,
    kinds,
    messages,
    order,
    units_of,
)

TWO_OF_FIVE = {"A": {"north": Availability(2, 1)}, "B": {"north": Availability(9, 1)}}
WHOLE = ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO, complete=True)
IN_PARTS = ShipGroup(group="2", method=ShipMethod.SHIP, ship_to=SHIP_TO)


def short(*groups: ShipGroup, lines: tuple[OrderLine, ...] | None = None) -> Story:
    """An order of five A, of which two are there, and one B, as far as inventory has answered it."""
    ordered = order(("A", 5, 1000), ("B", 1, 500))
    story = Story(TWO_OF_FIVE)
    story.placed(("A", 5, 1000), ("B", 1, 500), lines=lines or ordered.lines, ship_groups=groups or ordered.ship_groups)
    for claim in sorted(story.view.reservation.claims.values(), key=lambda claim: claim.sequence):
        story.queued(claim.sequence) if claim.queue else story.reserved(claim.sequence)
    return story


def in_two_groups() -> tuple[OrderLine, ...]:
    """The lines of the order, B in a group of its own."""
    first, second = order(("A", 5, 1000), ("B", 1, 500)).lines
    return first, second.model_copy(update={"ship_group": "2"})


def waiting(story: Story) -> int:
    """The sequence of the claim that waits for supply."""
    [found] = [claim.sequence for claim in story.view.reservation.claims.values() if claim.live and claim.waiting]
    return found


def released(outcome: Outcome) -> dict[str, int]:
    """Units by line that a message gave to nodes."""
    return {
        line.line: line.quantity
        for event in outcome.events
        if isinstance(event, ReleasedToFulfillment)
        for line in event.lines
    }


# In parts


def test_what_is_there_is_confirmed_and_released_while_the_rest_waits() -> None:
    story = short()
    # then all that is owed is secured, what waits included
    asked = story.view.reservation.authorization
    assert asked is not None and asked.amount == eur(1500)
    outcome = story.authorized()
    assert kinds(outcome) == ["AuthorizationRecorded", "OrderConfirmed", "ReleasedToFulfillment"]
    [confirmed] = [event for event in outcome.events if isinstance(event, OrderConfirmed)]
    assert (confirmed.amount, confirmed.all_left) == (eur(1500), False)
    assert released(outcome) == {"1": 2, "2": 1}
    assert units_of(story) == {Bucket.RELEASED: 2, Bucket.BACKORDERED: 3}


def test_the_customer_hears_at_the_confirmation_what_follows() -> None:
    [notice] = [event for event in short().authorized().events if isinstance(event, NoticeRequested)]
    assert notice.kind is NoticeKind.CONFIRMED
    assert [(line.line, line.quantity) for line in notice.lines] == [("1", 5), ("2", 1)]
    assert [(line.line, line.quantity) for line in notice.following] == [("1", 3)]


def test_the_rest_follows_by_itself_and_is_neither_authorised_nor_confirmed_again() -> None:
    story = short()
    story.authorized()
    outcome = story.reserved(waiting(story), 1)
    assert kinds(outcome) == ["LineReserved", "ReleasedToFulfillment"]
    assert messages(outcome) == ["CreateFulfillmentOrder"]
    outcome = story.reserved(waiting(story), 2)
    assert released(outcome) == {"1": 2}
    assert units_of(story) == {Bucket.RELEASED: 5}
    assert len({story.work(place) for place in range(3)}) == 3


def test_an_order_of_which_nothing_is_there_is_confirmed_and_waits() -> None:
    story = Story({"A": {"north": Availability(0, 1)}}).placed(("A", 2, 1000))
    assert authorization_of(story.queued()).amount == eur(1000)
    assert kinds(story.authorized()) == ["AuthorizationRecorded", "OrderConfirmed"]
    assert status(story.view.order) is OrderStatus.BACKORDERED
    assert kinds(story.reserved()) == ["LineReserved", "ReleasedToFulfillment"]


def test_captures_of_the_parts_sum_to_what_is_owed_and_the_last_completes() -> None:
    story = short()
    story.authorized()
    story.until_handed_over()
    story.shipped()
    story.captured(900)
    assert status(story.view.order) is OrderStatus.PARTLY_FULFILLED
    story.reserved(waiting(story))
    for deed in (story.listed, story.picked, story.packed, story.labelled, story.handed_over, story.shipped):
        deed(place=1)
    fulfilled = [event for event, _, _ in story.log if isinstance(event, LinesFulfilled)]
    assert [(part.from_unit, part.to_unit) for part in fulfilled[1].ranges] == [(2, 5)]
    asked = [event.amount for event, _, _ in story.log if isinstance(event, CaptureRequested)]
    assert asked == [eur(900), eur(600)]
    story.captured(600, place=1)
    assert status(story.view.order) is OrderStatus.COMPLETED


def test_the_last_moment_cancels_what_still_waits_and_gives_back_its_money() -> None:
    limit = DAWN + timedelta(days=2)
    story = Story(TWO_OF_FIVE).placed(("A", 5, 1000), cancel_after=limit)
    story.reserved(0)
    story.queued(1)
    story.authorized()
    story.until_handed_over()
    story.shipped()
    story.captured(400)
    outcome = story.later(timedelta(days=2)).tell(DeadlinePassed(name="cancel_after", due=limit))
    assert kinds(outcome) == ["CancelAfterPassed", "LinesCancelled", "OrderCompleted"]
    assert messages(outcome) == ["ReleaseClaim", "VoidPayment"]
    assert units_of(story) == {Bucket.FULFILLED: 2, Bucket.CANCELLED: 3}


def test_a_cancel_after_a_part_has_left_cancels_the_rest() -> None:
    story = short()
    story.authorized()
    story.until_handed_over()
    story.shipped()
    assert kinds(story.tell(CancelOrder())) == ["LinesCancelled"]
    assert units_of(story) == {Bucket.FULFILLED: 2, Bucket.CANCELLED: 3}
    assert "OrderCompleted" in kinds(story.captured(900))


def test_a_shortage_that_would_cancel_the_order_still_cancels_all_of_it_before_anything_leaves() -> None:
    story = Story(TWO_OF_FIVE).placed(("A", 5, 1000), ("B", 1, 500), shortage=ShortagePolicy.CANCEL_ORDER)
    assert status(story.view.order) is OrderStatus.CANCELLED


# Complete


def test_a_group_that_must_be_complete_is_confirmed_and_waits_for_all_its_units() -> None:
    story = short(WHOLE)
    outcome = story.authorized()
    assert kinds(outcome) == ["AuthorizationRecorded", "OrderConfirmed"]
    [notice] = [event for event in outcome.events if isinstance(event, NoticeRequested)]
    assert [(line.line, line.quantity) for line in notice.following] == [("1", 5), ("2", 1)]
    assert released(story.reserved(waiting(story), 2)) == {}
    outcome = story.reserved(waiting(story), 1)
    # two of the five came by another claim; all go in one parcel
    assert messages(outcome) == ["CreateFulfillmentOrder"]
    assert units_of(story) == {Bucket.RELEASED: 5}
    assert units_of(story, "2") == {Bucket.RELEASED: 1}


def test_groups_of_an_order_wait_each_for_themselves() -> None:
    story = short(WHOLE, IN_PARTS, lines=in_two_groups())
    assert released(story.authorized()) == {"2": 1}
    assert units_of(story) == {Bucket.RESERVED: 2, Bucket.BACKORDERED: 3}


def test_units_that_are_cancelled_keep_no_group_back() -> None:
    limit = DAWN + timedelta(days=2)
    lines = order(("A", 5, 1000), ("B", 1, 500)).lines
    story = short(WHOLE, lines=(lines[0].model_copy(update={"cancel_after": limit}), lines[1]))
    story.authorized()
    outcome = story.later(timedelta(days=2)).tell(DeadlinePassed(name="cancel_after", due=limit))
    assert released(outcome) == {"1": 2, "2": 1}


def test_what_a_node_rejects_of_a_complete_group_waits_again_for_all_that_is_left() -> None:
    story = short(WHOLE)
    story.authorized()
    story.reserved(waiting(story))
    work = story.view.fulfillment.works[story.work()]
    lines = tuple(FulfillmentLine(**line.model_dump()) for line in work.lines)
    story.stock = {"A": {"south": Availability(5, 2)}, "B": {"south": Availability(0, 2)}}
    story.node(FulfillmentRejected(order_id=ORDER_ID, location="north", document="r", lines=lines))
    new = [claim for claim in story.view.reservation.claims.values() if claim.live]
    for claim in new:
        story.queued(claim.sequence) if claim.queue else story.reserved(claim.sequence)
    assert units_of(story) == {Bucket.RESERVED: 5}
    assert released(story.reserved(waiting(story))) == {"1": 5, "2": 1}


# One claim in several hands


def test_a_short_pick_takes_nothing_of_what_came_for_the_same_claim_since() -> None:
    # given a claim of which two units are at a node and one came while a hold kept it from being released
    story = Story({"A": {"north": Availability(0, 1)}}).placed(("A", 3, 900))
    story.queued()
    story.authorized()
    story.reserved(0, 2)
    story.listed()
    story.tell(PlaceHold(detail="look", blocks=(HeldStep.RELEASE, HeldStep.SOURCING)))
    story.reserved(0, 1)
    # when the node does not find one of its two, of which inventory tells too
    story.picked(short=1)
    assert story.lost(0, BreakReason.SHORT_PICK).events == ()
    # then one is to be sourced again, and the one that came is released with the hold
    assert units_of(story) == {Bucket.PICKED: 1, Bucket.ORDERED: 1, Bucket.RESERVED: 1}
    story.tell(ReleaseHold(hold="1"))
    assert units_of(story) == {Bucket.PICKED: 1, Bucket.ORDERED: 1, Bucket.RELEASED: 1}


def test_a_node_that_rejects_its_part_has_the_rest_of_the_claim_sourced_again_too() -> None:
    story = Story({"A": {"north": Availability(0, 1), "south": Availability(0, 1)}}).placed(("A", 3, 900))
    story.queued()
    story.authorized()
    story.reserved(0, 2)
    lines = tuple(FulfillmentLine(**line.model_dump()) for line in story.view.fulfillment.works[story.work()].lines)
    outcome = story.node(FulfillmentRejected(order_id=ORDER_ID, location="north", document="r", lines=lines))
    assert messages(outcome) == ["ReleaseClaim", "ClaimStock"]
    assert units_of(story) == {Bucket.ORDERED: 3}
