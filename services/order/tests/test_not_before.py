"""What must not leave before a moment is reserved and secured at once, and goes to its node then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chassis.stream import open_deadlines
from chassis.testing import DAWN, Outcome
from contracts.chassis import DeadlinePassed
from contracts.order import CancelOrder, OrderLine, ReleasedToFulfillment, ShipGroup, ShipMethod
from services.order.fulfillment_state import NOT_BEFORE
from services.order.stream import ORDER
from services.order.tests.story import SHIP_TO, Story, kinds, messages, order
from services.order.waiting import waiting

RELEASE_DAY, LATER = DAWN + timedelta(days=3), DAWN + timedelta(days=5)


def two_lines(**changes: Any) -> tuple[OrderLine, ...]:
    """A line of A that changes, and a line of B."""
    first, second = order(("A", 2, 1000), ("B", 1, 500)).lines
    return first.model_copy(update=changes), second


def released(**more: Any) -> Story:
    """An order of both, of which everything is reserved and secured."""
    return Story().released(("A", 2, 1000), ("B", 1, 500), **more)


def comes(story: Story, moment: Any) -> Outcome:
    """The clock says so."""
    story.at(moment)
    return story.tell(DeadlinePassed(name=NOT_BEFORE, due=moment))


def lines_of(story: Story) -> list[list[str]]:
    """The lines of each fulfillment order so far."""
    return [
        [line.line for line in event.lines] for event, _, _ in story.log if isinstance(event, ReleasedToFulfillment)
    ]


def test_an_order_waits_for_its_first_moment_and_then_goes_on_by_itself() -> None:
    # given an order of which everything is reserved and secured
    story = released(ship_not_before=RELEASE_DAY)
    assert story.view.order.confirmed and lines_of(story) == []
    assert open_deadlines(ORDER, story.stream)[NOT_BEFORE] == RELEASE_DAY
    # when its first moment comes, then its node gets the work, once
    outcome = comes(story, RELEASE_DAY)
    assert kinds(outcome) == ["ShipNotBeforePassed", "ReleasedToFulfillment"]
    assert messages(outcome) == ["CreateFulfillmentOrder"]
    assert NOT_BEFORE not in open_deadlines(ORDER, story.stream)
    story.tell(DeadlinePassed(name=NOT_BEFORE, due=RELEASE_DAY)).then_nothing()


def test_an_order_says_what_it_waits_for() -> None:
    story = released(lines=two_lines(ship_not_before=RELEASE_DAY), ship_not_before=LATER)
    found = waiting(story.name, story.log)
    assert found is not None
    assert found.sentence == (
        f"Order {found.number} waits for 2026-01-08 09:00:00 UTC (line 1 must not leave before)"
        " since 2026-01-05 09:00:00 UTC, and for 1 more; it goes on then by itself."
    )


def test_a_line_has_a_first_moment_of_its_own_and_the_others_leave() -> None:
    story = released(lines=two_lines(ship_not_before=RELEASE_DAY))
    assert lines_of(story) == [["2"]]
    comes(story, RELEASE_DAY)
    assert lines_of(story) == [["2"], ["1"]]


def test_each_first_moment_comes_in_its_turn() -> None:
    story = released(lines=two_lines(ship_not_before=LATER), ship_not_before=RELEASE_DAY)
    comes(story, RELEASE_DAY)
    assert lines_of(story) == [["2"]]
    comes(story, LATER)
    assert lines_of(story) == [["2"], ["1"]]


def test_a_group_that_must_be_complete_waits_for_its_last_line() -> None:
    group = ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO, complete=True)
    story = released(lines=two_lines(ship_not_before=RELEASE_DAY), ship_groups=(group,))
    assert lines_of(story) == []
    comes(story, RELEASE_DAY)
    assert lines_of(story) == [["1", "2"]]


def test_a_moment_that_is_over_already_keeps_nothing_back() -> None:
    story = released(ship_not_before=DAWN - timedelta(days=1))
    comes(story, DAWN - timedelta(days=1))
    assert lines_of(story) == [["1", "2"]]


def test_what_is_not_secured_by_then_leaves_once_it_is() -> None:
    # given an order whose money is still asked for when its moment comes
    story = Story().placed(("A", 2, 1000), ship_not_before=RELEASE_DAY)
    story.reserved()
    assert kinds(comes(story, RELEASE_DAY)) == ["ShipNotBeforePassed"]
    assert lines_of(story) == []
    # when it is secured
    story.authorized()
    assert lines_of(story) == [["1"]]


def test_an_order_that_ends_before_waits_for_no_moment() -> None:
    story = released(ship_not_before=RELEASE_DAY)
    assert kinds(story.tell(CancelOrder(), door="console")) == ["OrderCancelled"]
    assert not open_deadlines(ORDER, story.stream)
