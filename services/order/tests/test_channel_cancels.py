"""A channel takes back what it sent: by its own ids of lines, at any time, also before its order is there."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import Outcome
from contracts.order import (
    Bucket,
    CancelByChannel,
    CancelReason,
    CancelRecalled,
    CancelRefusal,
    CancelRefused,
    CancelRemembered,
    ChannelUnits,
    ConfirmChange,
    LineQuantity,
    OrderCancelled,
    OrderLine,
    OrderPlaced,
    ProposeChange,
    RelatesTo,
    RelationKind,
)
from services.order.channel_cancels import REMEMBERED_MAX
from services.order.order import OrderStatus, status
from services.order.sourcing import Availability
from services.order.tests.refund_story import asks
from services.order.tests.story import Story, eur, kinds, messages, order, units_of
from services.order.tests.test_replacing import again

TWO_LINES = (("A", 3, 900), ("B", 2, 500))


def lines(**more: Any) -> tuple[OrderLine, ...]:
    """Two lines, which the channel calls `pot` and `cup`."""
    first, second = order(*TWO_LINES).lines
    return first.model_copy(update={"channel_line": "pot", **more}), second.model_copy(update={"channel_line": "cup"})


def take_back(story: Story, *units: ChannelUnits, cancel: str = "c1", **more: Any) -> Outcome:
    """The channel takes back all of it, or these units."""
    wish = CancelByChannel(cancel=cancel, lines=units, **more)
    return story.when(wish, door="channel.orders", needed=story.stock)


def units(channel_line: str, quantity: int | None = None) -> ChannelUnits:
    return ChannelUnits(channel_line=channel_line, quantity=quantity)


def placed() -> Story:
    return Story().placed(*TWO_LINES, lines=lines())


def refusals(outcome: Outcome) -> list[tuple[CancelRefusal, str | None]]:
    found = [event for event in outcome.events if isinstance(event, CancelRefused)]
    return [(event.reason, event.cancel) for event in found]


def test_all_of_it_is_taken_back_as_by_anybody() -> None:
    story = placed()
    [cancelled, _] = take_back(story, cause=CancelReason.FRAUD).events
    assert isinstance(cancelled, OrderCancelled) and cancelled.cause is CancelReason.FRAUD
    assert status(story.view.order) is OrderStatus.CANCELLED


def test_units_are_named_by_the_channel_s_own_lines() -> None:
    story = placed()
    take_back(story, units("pot", 2), units("cup"))
    assert units_of(story, "1")[Bucket.CANCELLED] == 2
    assert units_of(story, "2") == {Bucket.CANCELLED: 2}


def test_units_that_were_added_to_a_line_go_first() -> None:
    # given a line to which two units were added, as a line of ours under the same id of the channel
    story = placed()
    story.tell(ProposeChange(lines=(LineQuantity(line="1", quantity=5),)))
    story.tell(ConfirmChange(change="1"))
    added = story.view.order.terms.lines[-1]
    assert (added.channel_line, added.relates_to) == ("pot", RelatesTo(kind=RelationKind.MORE_OF, line="1"))
    # when the channel takes three of it back
    take_back(story, units("pot", 3))
    # then both of those go, and one of the first
    assert units_of(story, added.line) == {Bucket.CANCELLED: 2}
    assert units_of(story, "1")[Bucket.CANCELLED] == 1
    # and when it takes back the rest, or more than is left
    assert refusals(take_back(story, units("pot", 3), cancel="c2")) == [(CancelRefusal.MORE_THAN_LEFT, "c2")]
    take_back(story, units("pot"), cancel="c3")
    assert units_of(story, "1") == {Bucket.CANCELLED: 3}


def test_what_is_sent_again_is_not_what_a_channel_takes_back() -> None:
    # given one of three units left, came broken and is sent again; the other two still wait for stock
    story = placed()
    story.reserved(0, 1)
    story.queued(0, 2)
    story.reserved(1)
    story.authorized()
    for step in (story.listed, story.picked, story.packed, story.labelled, story.handed_over):
        step(place=0)
    story.shipped(place=0)
    [left] = story.view.fulfillment.fulfilled.values()
    story.captured(left.asked or 0)
    assert "ReplacementGranted" in kinds(asks(story, again()))
    # when the channel takes back one
    take_back(story, units("pot", 1))
    # then it is one of those that wait, and what is sent again is sent
    assert units_of(story, "1")[Bucket.CANCELLED] == 1
    assert Bucket.CANCELLED not in units_of(story, story.view.order.terms.lines[-1].line)


@pytest.mark.parametrize(
    ("units", "reason"),
    [
        (units("lid"), CancelRefusal.UNKNOWN_LINE),
        (units("pot", 4), CancelRefusal.MORE_THAN_LEFT),
    ],
)
def test_what_cannot_be_is_refused_whole_and_names_the_channel_s_cancel(
    units: ChannelUnits, reason: CancelRefusal
) -> None:
    story = placed()
    outcome = take_back(story, ChannelUnits(channel_line="cup"), units)
    assert (kinds(outcome), refusals(outcome)) == (["CancelRefused"], [(reason, "c1")])
    assert messages(outcome) == []


# Before the order


def ahead(*units: ChannelUnits, cancel: str = "c1") -> Story:
    """A cancel came, and its order has not."""
    story = Story({"A": {"north": Availability(9, 1)}, "B": {"north": Availability(9, 1)}})
    outcome = take_back(story, *units, cancel=cancel)
    [event] = outcome.events
    assert isinstance(event, CancelRemembered) and (event.cancel, event.lines) == (cancel, units)
    assert messages(outcome) == []
    return story


def test_a_cancel_that_comes_before_its_order_is_remembered_and_nothing_is_claimed() -> None:
    story = ahead()
    outcome = story.tell(order(*TWO_LINES, lines=lines()))
    assert kinds(outcome)[:3] == ["OrderPlaced", "CancelRecalled", "OrderCancelled"]
    assert "ClaimStock" not in messages(outcome)
    assert status(story.view.order) is OrderStatus.CANCELLED


def test_so_are_units_of_lines_and_the_rest_is_sourced() -> None:
    story = ahead(units("pot", 1), units("cup"))
    outcome = story.tell(order(*TWO_LINES, lines=lines()))
    assert kinds(outcome)[:3] == ["OrderPlaced", "CancelRecalled", "LinesCancelled"]
    assert messages(outcome).count("ClaimStock") == 1
    assert (units_of(story, "1"), units_of(story, "2")) == (
        {Bucket.ORDERED: 2, Bucket.CANCELLED: 1},
        {Bucket.CANCELLED: 2},
    )


def test_each_of_several_counts_and_what_cannot_be_is_refused_then() -> None:
    story = ahead(units("pot", 1))
    take_back(story, units("lid"), cancel="c2")
    take_back(story, units("pot", 3), cancel="c3")
    take_back(story, units("cup", 1), cancel="c4")
    outcome = story.tell(order(*TWO_LINES, lines=lines()))
    assert isinstance(outcome.events[0], OrderPlaced)
    assert [event.cancel for event in outcome.events if isinstance(event, CancelRecalled)] == ["c1", "c2", "c3", "c4"]
    assert refusals(outcome) == [(CancelRefusal.UNKNOWN_LINE, "c2"), (CancelRefusal.MORE_THAN_LEFT, "c3")]
    assert (units_of(story, "1")[Bucket.CANCELLED], units_of(story, "2")[Bucket.CANCELLED]) == (1, 1)
    assert story.view.ahead.remembered == ()


def test_an_order_that_a_person_would_have_to_look_at_is_cancelled_too() -> None:
    story = ahead()
    story.tell(order(*TWO_LINES, lines=lines(), stated_total=eur(1)))
    assert status(story.view.order) is OrderStatus.CANCELLED


def test_only_so_many_are_remembered() -> None:
    story = ahead()
    for number in range(2, REMEMBERED_MAX + 1):
        take_back(story, units("pot", 1), cancel=f"c{number}")
    assert refusals(take_back(story, cancel="more")) == [(CancelRefusal.UNKNOWN_ORDER, "more")]
