"""What a line is promised: first as the channel said, then as the supply allows, and the first is never overwritten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.testing import DAWN
from contracts.inventory import ClaimStock
from contracts.order import TimeWindow
from services.order.promising import Promise, PromiseReason, promise
from services.order.sourcing import Availability
from services.order.tests.story import Story, order
from services.order.views import order_view

FRIDAY, SUNDAY, NEXT_WEEK = (DAWN + timedelta(days=days) for days in (4, 6, 9))
NOTHING = {"A": {"north": Availability(0, 1)}}


def waiting(**more: Any) -> Story:
    """A line that nothing is there for, promised or not."""
    return Story(NOTHING).placed(("A", 2, 1000), **more)


def test_what_the_channel_told_its_customer_is_the_promise() -> None:
    story = Story().placed(("A", 2, 1000), promised=TimeWindow(latest=FRIDAY))
    assert promise(story.view, "1") == Promise(FRIDAY, FRIDAY, PromiseReason.CHANNEL)


def test_a_line_s_own_promise_goes_before_the_order_s() -> None:
    [line] = order(("A", 2, 1000)).lines
    own = line.model_copy(update={"promised": TimeWindow(latest=SUNDAY)})
    story = Story()
    story.tell(order(("A", 2, 1000), lines=(own,), promised=TimeWindow(latest=FRIDAY)))
    assert promise(story.view, "1") == Promise(SUNDAY, SUNDAY, PromiseReason.CHANNEL)


def test_nothing_is_promised_where_nobody_said_anything() -> None:
    assert promise(Story().placed(("A", 2, 1000)).view, "1") is None


@pytest.mark.parametrize(
    ("expected_at", "until", "reason", "awaits"),
    [
        (NEXT_WEEK, NEXT_WEEK, PromiseReason.SUPPLY, "po-7"),
        (SUNDAY, SUNDAY, PromiseReason.SUPPLY, "po-7"),
        (DAWN, FRIDAY, PromiseReason.CHANNEL, None),
    ],
    ids=["much later", "later", "in time"],
)
def test_a_supply_that_comes_later_moves_the_promise_and_keeps_the_first(
    expected_at: Any, until: Any, reason: PromiseReason, awaits: str | None
) -> None:
    # given a line that is promised for Friday, and not there
    story = waiting(promised=TimeWindow(latest=FRIDAY))
    # when inventory says which supply it waits for
    story.queued(awaits="po-7", expected_at=expected_at)
    # then the later of the two holds, by its reason
    assert promise(story.view, "1") == Promise(FRIDAY, until, reason, awaits)


def test_a_line_that_no_announced_supply_will_bring_has_no_date_any_more() -> None:
    story = waiting(promised=TimeWindow(latest=FRIDAY))
    story.queued()
    assert promise(story.view, "1") == Promise(FRIDAY, None, PromiseReason.NO_SUPPLY)


def test_goods_that_arrive_earlier_bring_the_promise_back() -> None:
    story = waiting(promised=TimeWindow(latest=FRIDAY))
    story.queued(awaits="po-7", expected_at=NEXT_WEEK)
    story.reserved()
    assert promise(story.view, "1") == Promise(FRIDAY, FRIDAY, PromiseReason.CHANNEL)


def test_the_first_date_of_a_supply_is_kept_where_the_channel_promised_nothing() -> None:
    # given a line of which one unit was found missing after its first supply had come
    story = waiting()
    story.queued(awaits="po-7", expected_at=FRIDAY)
    story.reserved()
    story.lost()
    # when the unit waits for a later supply
    story.queued(1, awaits="po-8", expected_at=NEXT_WEEK)
    assert promise(story.view, "1") == Promise(FRIDAY, NEXT_WEEK, PromiseReason.SUPPLY, "po-8")


@pytest.mark.parametrize(
    ("more", "need_by"),
    [
        ({"promised": TimeWindow(latest=SUNDAY)}, SUNDAY),
        ({"promised": TimeWindow(latest=SUNDAY), "requested": TimeWindow(latest=FRIDAY)}, FRIDAY),
        ({"promised": TimeWindow(latest=SUNDAY), "requested": TimeWindow(earliest=FRIDAY)}, SUNDAY),
        ({}, None),
    ],
    ids=["promised", "wanted earlier", "wanted from a day on", "neither"],
)
def test_waiting_demand_is_needed_by_what_was_asked_for_else_promised(more: dict[str, Any], need_by: Any) -> None:
    [claim] = [send.message for send in Story().tell(order(("A", 2, 1000), **more)).sent]
    assert isinstance(claim, ClaimStock) and claim.need_by == need_by


def test_the_order_shows_what_was_wanted_and_promised() -> None:
    story = waiting(promised=TimeWindow(latest=FRIDAY), requested=TimeWindow(latest=FRIDAY))
    story.queued(awaits="po-7", expected_at=NEXT_WEEK)
    [line] = order_view(story.stream)["lines"]
    assert line["requested"] == {"latest": "2026-01-09T09:00:00.000Z"}
    assert line["promise"] == {
        "first": "2026-01-09T09:00:00.000Z",
        "until": "2026-01-14T09:00:00.000Z",
        "because": "supply",
        "awaits": "po-7",
    }
