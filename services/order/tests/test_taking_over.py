"""Orders that lived in another system: what was done there is never done again, and what is open goes on here."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.testing import Outcome
from contracts.money import ExternalState, Tender, TenderMethod
from contracts.order import (
    Bucket,
    CancelOrder,
    HoldKind,
    HoldPlaced,
    ImportOrder,
    ImportRefusal,
    ImportRefused,
    LineProgress,
    LinesFulfilled,
    NoticeKind,
    NoticeRequested,
    OrderImported,
    OrderTerms,
    ReleaseHold,
    ShipGroup,
    ShipMethod,
    ShortagePolicy,
    SourcingDecided,
)
from services.order.kits import kit_key
from services.order.order import OrderStatus, due, status
from services.order.reservation_advance import needs
from services.order.sourcing import Availability
from services.order.tests.story import Story, authorization_of, eur, kinds, messages, order, units_of
from services.order.tests.test_kits import stocked

FOUR_AND_ONE = (("A", 4, 1000), ("B", 1, 500))
HALF = (LineProgress(line="1", fulfilled=2, cancelled=1),)
"""Of four A two had left and one was cancelled."""


def open_order(
    *lines: tuple[str, int, int], progress: tuple[LineProgress, ...] = HALF, captured: int = 500, **more: Any
) -> ImportOrder:
    """An order of another system, of which goods for 5.00 had left and were paid."""
    own = {name: more.pop(name) for name in ("system", "authorized") if name in more}
    placed = order(*lines, **more)
    terms = {name: getattr(placed, name) for name in OrderTerms.model_fields}
    return ImportOrder(**terms, progress=progress, captured=eur(captured), **{"system": "old-oms", **own})


def taken_over(*lines: tuple[str, int, int], story: Story | None = None, **more: Any) -> Story:
    found = story or Story()
    found.tell(open_order(*(lines or FOUR_AND_ONE), **more), door="http")
    return found


def holds(story: Story) -> list[tuple[HoldKind, Any, Any]]:
    placed = [event for event, _, _ in story.log if isinstance(event, HoldPlaced)]
    return [(held.kind, held.expected, held.found) for held in placed]


def sourced(outcome: Outcome) -> list[tuple[str, int]]:
    decided = [event for event in outcome.events if isinstance(event, SourcingDecided)]
    return [(part.line, part.quantity) for event in decided for part in event.allocations]


# Its present state


def test_an_order_enters_in_its_present_state_and_what_is_open_is_sourced() -> None:
    outcome = Story().tell(open_order(*FOUR_AND_ONE), door="http")
    assert kinds(outcome) == ["OrderImported", "SourcingDecided"]
    assert sourced(outcome) == [("1", 1), ("2", 1)]
    assert messages(outcome) == ["ClaimStock", "ClaimStock"]


def test_what_had_left_and_what_was_cancelled_stays_so() -> None:
    story = taken_over()
    assert units_of(story, "1") == {Bucket.FULFILLED: 2, Bucket.CANCELLED: 1, Bucket.ORDERED: 1}
    assert units_of(story, "2") == {Bucket.ORDERED: 1}
    assert story.view.order.captured == 500
    assert due(story.view.order) == 1250


def test_the_event_says_what_left_by_its_ranges_and_what_is_settled() -> None:
    [event, *_] = Story().tell(open_order(*FOUR_AND_ONE, captured=600), door="http").events
    assert isinstance(event, OrderImported)
    [left] = event.fulfilled
    assert (left.line, left.from_unit, left.to_unit, left.amount) == ("1", 0, 2, eur(500))
    assert (event.system, event.fulfilled_amount, event.captured, event.settled) == (
        "old-oms",
        eur(500),
        eur(600),
        eur(600),
    )


def test_availability_is_read_for_its_articles_and_for_those_that_may_be_kits() -> None:
    assert needs(open_order(*FOUR_AND_ONE), Story().view) == ["A", "B", kit_key("A"), kit_key("B")]


# The rest of its life


def test_only_what_is_open_is_secured_shipped_and_captured() -> None:
    story = taken_over()
    story.reserved(0)
    assert authorization_of(story.reserved(1)).amount == eur(750)
    assert kinds(story.authorized()) == ["AuthorizationRecorded", "OrderConfirmed", "ReleasedToFulfillment"]
    story.until_handed_over()
    story.shipped()
    [left] = [event for event, _, _ in story.log if isinstance(event, LinesFulfilled)]
    # then fulfilment goes on above the units that had left
    assert [(part.line, part.from_unit, part.to_unit) for part in left.ranges] == [("1", 2, 3), ("2", 0, 1)]
    outcome = story.captured(750)
    assert "OrderCompleted" in kinds(outcome) and messages(outcome) == []
    assert story.view.order.captured == 1250


def test_what_was_captured_before_its_goods_left_is_neither_secured_nor_captured_again() -> None:
    story = taken_over(captured=1250)
    assert story.view.reservation.authorization is None
    story.reserved(0)
    assert kinds(story.reserved(1)) == ["LineReserved", "OrderConfirmed", "ReleasedToFulfillment"]
    story.until_handed_over()
    assert kinds(story.shipped()) == ["LinesFulfilled", "CaptureNotNeeded", "OrderCompleted"]
    assert story.view.order.captured == 1250


def test_what_was_captured_beyond_the_goods_that_had_left_is_taken_off_what_leaves_next() -> None:
    story = taken_over(captured=700)
    story.reserved(0)
    assert authorization_of(story.reserved(1)).amount == eur(550)
    story.authorized()
    story.until_handed_over()
    story.shipped()
    assert "OrderCompleted" in kinds(story.captured(550))


def test_tenders_are_used_from_where_the_other_system_left_them() -> None:
    coupon = Tender(method=TenderMethod.COUPON, amount=eur(300), rank=0)
    paid = Tender(method=TenderMethod.EXTERNAL, amount=eur(1200), rank=1, reference="auth-7",
                  external_state=ExternalState.AUTHORIZED)  # fmt: skip
    story = taken_over(tenders=(coupon, paid))
    story.reserved(0)
    asked = authorization_of(story.reserved(1))
    assert [tender.amount for tender in asked.tenders] == [eur(0), eur(750)]
    assert asked.tenders[1].reference == "auth-7"


def test_a_cancel_cancels_what_is_open_and_leaves_what_had_left() -> None:
    story = taken_over()
    outcome = story.tell(CancelOrder())
    assert kinds(outcome)[0] == "LinesCancelled"
    assert units_of(story, "1") == {Bucket.FULFILLED: 2, Bucket.CANCELLED: 2}
    assert "OrderCompleted" in kinds(outcome)
    assert status(story.view.order) is OrderStatus.COMPLETED


def test_a_shortage_that_would_cancel_the_order_cancels_the_rest_of_one_that_had_left_in_part() -> None:
    story = Story({"A": {"north": Availability(0, 1)}, "B": {"north": Availability(0, 1)}})
    taken_over(story=story, shortage=ShortagePolicy.CANCEL_ORDER)
    assert units_of(story, "1") == {Bucket.FULFILLED: 2, Bucket.CANCELLED: 2}
    assert status(story.view.order) is OrderStatus.COMPLETED


# The customer and the channel


def test_the_customer_is_not_told_again_what_the_other_system_told() -> None:
    story = taken_over()
    story.reserved(0)
    story.reserved(1)
    story.authorized()
    assert [event for event, _, _ in story.log if isinstance(event, NoticeRequested)] == []
    story.until_handed_over()
    story.shipped()
    [notice] = [event for event, _, _ in story.log if isinstance(event, NoticeRequested)]
    assert notice.kind is NoticeKind.SHIPPED
    assert [(line.line, line.quantity) for line in notice.lines] == [("1", 1), ("2", 1)]


# Known already


def test_an_order_that_is_taken_over_twice_is_one_order() -> None:
    story = taken_over()
    assert kinds(story.tell(open_order(*FOUR_AND_ONE), door="http")) == ["OrderRevisionIgnored"]
    assert units_of(story, "1")[Bucket.ORDERED] == 1


def test_the_channels_own_order_after_it_was_taken_over_changes_nothing() -> None:
    story = taken_over()
    assert kinds(story.tell(order(*FOUR_AND_ONE), door="channel.orders")) == ["OrderRevisionIgnored"]
    assert kinds(story.tell(order(*FOUR_AND_ONE, fingerprint="f2"), door="c2")) == ["OrderConflicted"]


def test_an_order_that_was_placed_here_is_not_taken_over() -> None:
    story = Story().placed(*FOUR_AND_ONE)
    assert kinds(story.tell(open_order(*FOUR_AND_ONE), door="http")) == ["OrderRevisionIgnored"]
    assert units_of(story, "1") == {Bucket.ORDERED: 4}


# What does not add up


@pytest.mark.parametrize(
    ("more", "expected", "found"),
    [
        ({"captured": 400}, eur(500), eur(400)),
        ({"captured": 1300}, eur(1250), eur(1300)),
        ({"authorized": eur(700)}, eur(750), eur(700)),
    ],
)
def test_money_of_the_other_system_that_does_not_add_up_is_held(more: Any, expected: Any, found: Any) -> None:
    story = taken_over(**more)
    assert holds(story) == [(HoldKind.SECURED_DIFFERS, expected, found)]
    assert status(story.view.order) is OrderStatus.HELD


def test_what_left_and_was_not_captured_there_is_not_captured_here_once_a_person_accepts_it() -> None:
    story = taken_over(captured=400)
    story.tell(ReleaseHold(hold="1"))
    story.reserved(0)
    assert authorization_of(story.reserved(1)).amount == eur(750)
    story.authorized()
    story.until_handed_over()
    story.shipped()
    assert "OrderCompleted" in kinds(story.captured(750))
    assert story.view.order.captured == 1150


def test_what_is_authorised_there_suffices_when_it_covers_what_is_open() -> None:
    assert holds(taken_over(authorized=eur(750))) == []


def test_an_accepted_difference_to_the_tenders_leaves_out_what_was_cancelled_before() -> None:
    story = taken_over(tenders=(Tender(method=TenderMethod.INVOICE, amount=eur(1490)),))
    assert [kind for kind, _, _ in holds(story)] == [HoldKind.TENDERS_DIFFER]
    story.tell(ReleaseHold(hold="1"))
    assert [charge.amount for charge in story.view.order.adjustments] == [eur(-10)]


@pytest.mark.parametrize(
    ("progress", "captured", "refused"),
    [
        ((LineProgress(line="9", fulfilled=1),), 0, ImportRefused(reason=ImportRefusal.UNKNOWN_LINE, lines=("9",))),
        (
            (LineProgress(line="1", fulfilled=3, cancelled=2),),
            0,
            ImportRefused(reason=ImportRefusal.MORE_THAN_ORDERED, lines=("1",)),
        ),
        (
            (LineProgress(line="1", fulfilled=4), LineProgress(line="2", cancelled=1)),
            1000,
            ImportRefused(reason=ImportRefusal.NOTHING_OPEN),
        ),
    ],
)
def test_what_cannot_be_taken_over_is_refused_by_name(
    progress: tuple[LineProgress, ...], captured: int, refused: ImportRefused
) -> None:
    story = Story()
    message = open_order(*FOUR_AND_ONE, progress=progress, captured=captured)
    [event] = story.tell(message, door="http").events
    assert event.model_copy(update={"door_digest": None}) == refused
    assert story.view.order.placed is None


def test_goods_that_a_till_handed_out_had_left_and_are_not_taken_over_as_open() -> None:
    till = ShipGroup(group="1", method=ShipMethod.CARRY_OUT, location="north")
    [event] = Story().tell(open_order(*FOUR_AND_ONE, ship_groups=(till,)), door="http").events
    assert isinstance(event, ImportRefused)
    assert (event.reason, event.lines) == (ImportRefusal.HANDED_OUT, ("1", "2"))


def test_what_is_said_of_a_line_twice_sums() -> None:
    story = taken_over(progress=(LineProgress(line="1", fulfilled=1), LineProgress(line="1", fulfilled=1, cancelled=1)))
    assert units_of(story, "1") == {Bucket.FULFILLED: 2, Bucket.CANCELLED: 1, Bucket.ORDERED: 1}


def test_an_order_in_no_currency_is_not_taken_over() -> None:
    message = open_order(*FOUR_AND_ONE).model_copy(update={"currency": "ZZZ"})
    [event] = Story().tell(message, door="http").events
    assert isinstance(event, ImportRefused) and event.reason is ImportRefusal.UNKNOWN_CURRENCY


@pytest.mark.parametrize(
    ("line", "group"),
    [
        ({"sku": ""}, {}),
        ({}, {"method": ShipMethod.DIGITAL}),
        ({}, {"ship_to": None}),
        ({}, {"method": ShipMethod.PICKUP, "location": None}),
    ],
    ids=["no SKU", "issued", "no address", "no counter"],
)
def test_what_a_line_lacks_of_which_nothing_is_open_keeps_nobody(line: dict[str, Any], group: dict[str, Any]) -> None:
    # given an order of which one line, in a group of its own, had left as a whole
    [first, second] = order(*FOUR_AND_ONE).lines
    gone = second.model_copy(update={"ship_group": "2", **line})
    [home] = order(*FOUR_AND_ONE).ship_groups
    groups = (home, home.model_copy(update={"group": "2", **group}))
    progress = (LineProgress(line="2", fulfilled=1),)
    # when it is taken over, then the open line goes on
    story = taken_over(lines=(first, gone), ship_groups=groups, progress=progress)
    assert holds(story) == []
    assert "1" in {claim.line for claim in story.view.reservation.claims.values()}


# Kits


def test_whole_kits_that_had_left_keep_the_others_from_no_policy() -> None:
    # given three kits of which one had left, and nothing there for the others
    story = taken_over(
        ("SET", 3, 1200),
        story=Story(stocked(0, 0)),
        progress=(LineProgress(line="1", fulfilled=1),),
        captured=400,
        shortage=ShortagePolicy.CANCEL_LINE,
    )
    # then they are given up, as any other goods are
    assert units_of(story, "1.1") == {Bucket.FULFILLED: 1, Bucket.CANCELLED: 2}
    assert units_of(story, "1.2") == {Bucket.FULFILLED: 2, Bucket.CANCELLED: 4}


def test_what_is_said_of_a_kit_is_so_of_its_components() -> None:
    story = taken_over(
        ("SET", 3, 1200), story=Story(stocked()), progress=(LineProgress(line="1", fulfilled=1),), captured=400
    )
    assert units_of(story, "1.1") == {Bucket.FULFILLED: 1, Bucket.ORDERED: 2}
    assert units_of(story, "1.2") == {Bucket.FULFILLED: 2, Bucket.ORDERED: 4}
    assert holds(story) == []


# Money, whatever it was


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 1500))
@settings(max_examples=50)
def test_captures_here_and_there_sum_to_what_is_owed(fulfilled: int, cancelled: int, captured: int) -> None:
    cancelled = min(cancelled, 4 - fulfilled)
    story = taken_over(progress=(LineProgress(line="1", fulfilled=fulfilled, cancelled=cancelled),), captured=captured)
    owed, left = due(story.view.order), story.view.fulfillment.fulfilled["before"].amount.amount
    for held in list(story.view.order.holds):
        story.tell(ReleaseHold(hold=held))
    for sequence in sorted(int(key) for key in story.view.reservation.claims):
        story.reserved(sequence)
    asked = story.view.reservation.authorization
    rest = max(0, owed - max(captured, left))
    assert (asked.amount.amount if asked else 0) == rest
    if asked is not None:
        story.authorized()
    story.until_handed_over()
    story.shipped()
    if rest:
        story.captured(rest)
    assert status(story.view.order) is OrderStatus.COMPLETED
    assert story.view.order.captured == captured + rest
