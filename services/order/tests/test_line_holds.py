"""Holds of some lines alone: which steps wait for whom, what goes on beside them, and what a release lets go on."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import DAWN, Outcome
from contracts.order import (
    ALL_STEPS,
    Bucket,
    CancelOrder,
    HeldStep,
    HoldChangeRefusal,
    HoldChangeRefused,
    HoldKind,
    HoldPlaced,
    HoldReleased,
    PlaceHold,
    ReleasedToFulfillment,
    ReleaseHold,
    ShipGroup,
    ShipMethod,
    ShortagePolicy,
    SourcingDecided,
)
from services.order.order import OrderStatus, status
from services.order.reservation_advance import needs
from services.order.sourcing import Availability
from services.order.tests.story import NAME, SHIP_TO, Story, authorization_of, eur, kinds, messages, units_of
from services.order.tests.test_kits import stocked
from services.order.views import order_view
from services.order.waiting import waiting

TWO = (("A", 2, 1000), ("B", 1, 500))
WHOLE = ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO, complete=True)


def held_before_sourcing(*lines: str, **more: Any) -> Story:
    """An order of two lines which a hold of `lines` kept from being sourced; all else was accepted."""
    story = Story().placed(*TWO, stated_total=eur(1), **more)
    story.tell(PlaceHold(detail="look", lines=lines))
    story.tell(ReleaseHold(hold="1"))
    return story


def held_after_confirmation(*lines: str, **more: Any) -> Story:
    """An order of two lines that was confirmed while all of it was held, and now `lines` alone are."""
    story = Story().placed(*TWO, **more)
    story.tell(PlaceHold(detail="stop", blocks=(HeldStep.RELEASE,)))
    for sequence in sorted(int(key) for key in story.view.reservation.claims):
        story.reserved(sequence)
    story.authorized()
    story.tell(PlaceHold(detail="look", lines=lines))
    story.tell(ReleaseHold(hold="1"))
    return story


def sourced(outcome: Outcome) -> list[tuple[str, int]]:
    """The lines, with units, that a message had sourced."""
    decided = [event for event in outcome.events if isinstance(event, SourcingDecided)]
    return [(part.line, part.quantity) for event in decided for part in event.allocations]


def released(story: Story) -> dict[str, int]:
    """Units by line that nodes were given."""
    events = [event for event, _, _ in story.log if isinstance(event, ReleasedToFulfillment)]
    return {line.line: line.quantity for event in events for line in event.lines}


def sentence(story: Story) -> str:
    found = waiting(NAME, story.log)
    assert found is not None
    return found.sentence


# Placed


def test_a_hold_of_lines_names_them_and_never_keeps_the_money_of_the_order() -> None:
    story = Story().placed(*TWO)
    [held] = story.tell(PlaceHold(detail="look", lines=("2", "2"))).events
    assert isinstance(held, HoldPlaced)
    assert (held.lines, held.held_lines) == (("2",), ("2",))
    assert held.blocks == (HeldStep.SOURCING, HeldStep.RELEASE)


def test_a_hold_without_lines_is_one_of_the_whole_order() -> None:
    story = Story().placed(*TWO)
    [held] = story.tell(PlaceHold(detail="look")).events
    assert isinstance(held, HoldPlaced)
    assert (held.held_lines, held.blocks) == ((), ALL_STEPS)
    assert status(story.view.order) is OrderStatus.HELD


def test_a_line_that_the_order_does_not_have_is_refused_by_name() -> None:
    [refused] = Story().placed(*TWO).tell(PlaceHold(detail="look", lines=("2", "9"))).events
    assert refused == HoldChangeRefused(reason=HoldChangeRefusal.UNKNOWN_LINE, lines=("9",))


def test_a_hold_of_a_line_that_has_left_blocks_nothing() -> None:
    story = held_after_confirmation("2")
    story.until_handed_over()
    story.shipped()
    [held] = story.tell(PlaceHold(detail="look", lines=("1",))).events
    assert isinstance(held, HoldPlaced) and held.blocks == ()


# Before sourcing


def test_a_line_that_is_held_before_sourcing_is_not_sourced_and_the_others_are() -> None:
    story = Story().placed(*TWO, stated_total=eur(1))
    story.tell(PlaceHold(detail="look", lines=("2",)))
    assert sourced(story.tell(ReleaseHold(hold="1"))) == [("1", 2)]
    # then the order is secured whole and confirmed without waiting for it, and the others leave
    assert authorization_of(story.reserved(0)).amount == eur(1500)
    assert kinds(story.authorized()) == ["AuthorizationRecorded", "OrderConfirmed", "ReleasedToFulfillment"]
    assert released(story) == {"1": 2}
    assert units_of(story, "2") == {Bucket.ORDERED: 1}


def test_a_released_line_is_sourced_and_follows_by_itself() -> None:
    story = held_before_sourcing("2")
    story.reserved(0)
    story.authorized()
    outcome = story.tell(ReleaseHold(hold="2", detail="fine"))
    assert sourced(outcome) == [("2", 1)]
    assert "AuthorizationRequested" not in kinds(outcome)
    assert kinds(story.reserved(1)) == ["LineReserved", "ReleasedToFulfillment"]
    assert released(story) == {"1": 2, "2": 1}


def test_availability_is_read_for_the_lines_that_a_release_lets_go_on() -> None:
    story = held_before_sourcing("2")
    story.reserved(0)
    assert needs(ReleaseHold(hold="2"), story.view) == ["B"]
    assert needs(ReleaseHold(hold="9"), story.view) == []


def test_an_order_of_which_all_lines_are_held_waits_unconfirmed() -> None:
    story = held_before_sourcing("1", "2")
    assert story.view.reservation.authorization is None
    assert status(story.view.order) is OrderStatus.HELD
    assert sourced(story.tell(ReleaseHold(hold="2"))) == [("1", 2), ("2", 1)]


def test_a_group_that_must_be_complete_waits_for_a_line_that_is_held() -> None:
    story = held_before_sourcing("2", ship_groups=(WHOLE,))
    story.reserved(0)
    assert kinds(story.authorized()) == ["AuthorizationRecorded", "OrderConfirmed"]
    story.tell(ReleaseHold(hold="2"))
    story.reserved(1)
    assert released(story) == {"1": 2, "2": 1}


def test_a_shortage_that_cancels_the_order_cancels_what_is_held_too() -> None:
    story = Story({"A": {"north": Availability(0, 1)}, "B": {"north": Availability(9, 1)}})
    story.placed(*TWO, stated_total=eur(1), shortage=ShortagePolicy.CANCEL_ORDER)
    story.tell(PlaceHold(detail="look", lines=("2",)))
    story.tell(ReleaseHold(hold="1"))
    assert status(story.view.order) is OrderStatus.CANCELLED
    assert units_of(story, "2") == {Bucket.CANCELLED: 1}


# After confirmation


def test_a_line_that_is_held_after_confirmation_stays_reserved_while_the_others_leave() -> None:
    story = held_after_confirmation("2")
    assert released(story) == {"1": 2}
    assert units_of(story, "2") == {Bucket.RESERVED: 1}
    assert messages(story.tell(ReleaseHold(hold="2"))) == ["CreateFulfillmentOrder"]
    assert released(story) == {"1": 2, "2": 1}


def test_a_complete_group_waits_for_a_reserved_line_that_is_held() -> None:
    story = held_after_confirmation("2", ship_groups=(WHOLE,))
    assert released(story) == {}
    story.tell(ReleaseHold(hold="2"))
    assert released(story) == {"1": 2, "2": 1}


def test_what_a_node_has_it_keeps_and_what_it_does_not_find_waits() -> None:
    story = Story().released(*TWO)
    story.tell(PlaceHold(detail="look", lines=("1",)))
    story.listed()
    story.stock = {"A": {"south": Availability(9, 2)}, "B": {"south": Availability(9, 2)}}
    # when the node misses one unit of each line, then that of the other line alone is sourced again
    assert sourced(story.picked(short=1)) == [("2", 1)]
    assert units_of(story, "1") == {Bucket.PICKED: 1, Bucket.ORDERED: 1}
    story.reserved(2)
    assert sourced(story.tell(ReleaseHold(hold="1"))) == [("1", 1)]


def test_an_order_that_waits_for_a_held_line_is_not_complete() -> None:
    story = held_after_confirmation("2")
    story.until_handed_over()
    story.shipped()
    assert "OrderCompleted" not in kinds(story.captured(1000))
    assert status(story.view.order) is OrderStatus.HELD


# Several


def test_two_holds_over_one_line_are_released_one_by_one() -> None:
    story = held_after_confirmation("2")
    story.tell(PlaceHold(detail="look again", lines=("2",), kind=HoldKind.MANUAL))
    assert kinds(story.tell(ReleaseHold(hold="2"))) == ["HoldReleased"]
    assert released(story) == {"1": 2}
    assert kinds(story.tell(ReleaseHold(hold="3"))) == ["HoldReleased", "ReleasedToFulfillment"]


def test_a_hold_of_the_order_holds_the_other_lines_as_well() -> None:
    story = Story().placed(*TWO, stated_total=eur(1))
    story.tell(PlaceHold(detail="look", lines=("2",)))
    assert status(story.view.order) is OrderStatus.HELD
    story.tell(PlaceHold(detail="stop", blocks=(HeldStep.RELEASE,)))
    story.tell(ReleaseHold(hold="1"))
    story.reserved(0)
    story.authorized()
    assert released(story) == {}
    story.tell(ReleaseHold(hold="3"))
    assert released(story) == {"1": 2}


def test_a_release_says_which_lines_go_on_again() -> None:
    [event, *_] = held_after_confirmation("2").tell(ReleaseHold(hold="2", detail="fine")).events
    assert event == HoldReleased(hold="2", kind=HoldKind.MANUAL, detail="fine", held_lines=("2",))


# Kits


@pytest.mark.parametrize("named", ["1", "1.2"])
def test_a_hold_of_a_kit_or_of_a_component_keeps_all_of_its_components(named: str) -> None:
    story = Story({**stocked(), "B": {"north": Availability(9, 1)}})
    story.placed(("SET", 1, 1000), ("B", 1, 500), stated_total=eur(1))
    [held] = story.tell(PlaceHold(detail="look", lines=(named,))).events
    assert isinstance(held, HoldPlaced)
    assert (held.lines, held.held_lines) == ((named,), ("1.1", "1.2"))
    assert sourced(story.tell(ReleaseHold(hold="1"))) == [("2", 1)]
    story.reserved(0)
    assert sorted(sourced(story.tell(ReleaseHold(hold="2")))) == [("1.1", 1), ("1.2", 2)]


# Cancelled


def test_a_cancel_of_an_order_with_a_held_line_cancels_all_of_it() -> None:
    story = held_before_sourcing("2")
    story.reserved(0)
    outcome = Story.tell(story, CancelOrder())
    assert "OrderCancelled" in kinds(outcome)
    assert units_of(story, "2") == {Bucket.CANCELLED: 1}
    assert dict(story.view.order.holds) == {}


def test_a_cancel_after_the_others_left_cancels_the_held_line_and_completes() -> None:
    story = held_after_confirmation("2")
    story.until_handed_over()
    story.shipped()
    assert kinds(story.tell(CancelOrder())) == ["LinesCancelled"]
    assert units_of(story, "2") == {Bucket.CANCELLED: 1}
    assert "OrderCompleted" in kinds(story.captured(1000))


# Shown


def test_why_names_the_lines_that_wait_and_for_whom_since_when() -> None:
    story = held_after_confirmation("2")
    story.until_handed_over()
    story.shipped()
    story.captured(1000)
    assert f"look at hold 2 of line 2 (manual: look) since {DAWN:%Y-%m-%d}" in sentence(story)
    assert sentence(story).endswith("order_desk can release the hold, or cancel the order.")


def test_a_hold_of_the_whole_order_is_told_before_those_of_lines() -> None:
    story = held_after_confirmation("2")
    story.tell(PlaceHold(detail="stop"))
    assert "hold 3 (manual: stop)" in sentence(story)


def test_an_order_shows_which_lines_a_hold_keeps() -> None:
    holds = order_view(held_after_confirmation("2").stream)["holds"]
    assert holds == [{"hold": "2", "kind": "manual", "blocks": ["sourcing", "release"], "lines": ["2"]}]


def test_an_order_of_which_some_lines_are_held_has_the_status_of_the_others() -> None:
    assert status(held_after_confirmation("2").view.order) is OrderStatus.IN_FULFILLMENT
