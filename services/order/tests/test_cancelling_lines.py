"""Cancelling units of lines at every stage: those first that have come least far, never more than was asked, and what is
kept stays where it is."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import Outcome
from contracts.fulfillment import (
    CancelDecided,
    CancelDecision,
    CancelFulfillment,
    CancelUnits,
    DecidedLine,
    FulfillmentCancelRefused,
    FulfillmentLine,
    FulfillmentRejected,
    RefusalReason,
)
from contracts.inventory import ClaimReduced, KitComponent, ReleaseClaim
from contracts.message import Message
from contracts.order import (
    Bucket,
    CancelLine,
    CancelOrder,
    CancelRefusal,
    CancelRefused,
    HeldStep,
    NoticeRequested,
    PlaceHold,
)
from services.order.kits import Kit, kit_key
from services.order.order import OrderStatus, due, status
from services.order.sourcing import Availability
from services.order.tests.story import ORDER_ID, Story, authorization_of, demand, kinds, messages, stock_of, units_of

TWO_LINES = (("A", 5, 1000), ("B", 2, 500))
ONE_LEFT = {"A": {"north": Availability(3, 40)}, "B": {"north": Availability(9, 41)}}


def cancel(story: Story, *lines: tuple[str, int | None]) -> Outcome:
    """So many units of these lines are to be cancelled."""
    return story.tell(CancelOrder(lines=tuple(CancelLine(line=line, quantity=quantity) for line, quantity in lines)))


def sent(outcome: Outcome, kind: type[Message]) -> list[Any]:
    return [send.message for send in outcome.sent if isinstance(send.message, kind)]


def refusal(outcome: Outcome) -> tuple[CancelRefusal, str | None]:
    [event] = outcome.events
    assert isinstance(event, CancelRefused)
    return event.reason, event.detail


# What no node has heard of


def test_units_that_nobody_claimed_for_are_cancelled_and_nothing_else_moves() -> None:
    # given an order on hold
    story = Story().placed(*TWO_LINES, stated_total=None, external_id="1001", ship_groups=())
    # when two units are cancelled
    outcome = cancel(story, ("1", 2))
    # then nothing is given back, and the hold stands
    assert kinds(outcome) == ["LinesCancelled"] and messages(outcome) == []
    assert units_of(story) == {Bucket.ORDERED: 3, Bucket.CANCELLED: 2}


def test_an_unanswered_claim_is_given_back_whole_and_the_rest_is_sourced_again() -> None:
    story = Story().placed(*TWO_LINES)
    outcome = cancel(story, ("1", 2))
    assert kinds(outcome) == ["LinesCancelled"]
    [released] = sent(outcome, ReleaseClaim)
    assert (released.sequence, released.quantity) == (0, None)
    story.reserved(1)
    assert units_of(story) == {Bucket.ORDERED: 3, Bucket.CANCELLED: 2}
    story.reserved(2, 3)
    assert units_of(story) == {Bucket.RESERVED: 3, Bucket.CANCELLED: 2}


def test_of_what_is_reserved_exactly_so_much_is_given_back_where_it_lies() -> None:
    # given an order that waits for its money
    story = Story().placed(*TWO_LINES)
    story.reserved(0)
    story.reserved(1)
    # when two of five are cancelled
    outcome = cancel(story, ("1", 2))
    # then the claim stays for the others, and less is owed
    assert kinds(outcome) == ["LinesCancelled"]
    assert sent(outcome, ReleaseClaim) == [
        ReleaseClaim(sku="A", demand=demand("1"), sequence=0, quantity=2, location="north")
    ]
    assert units_of(story) == {Bucket.RESERVED: 3, Bucket.CANCELLED: 2}
    assert due(story.view.order) == 600 + 500
    # and what inventory answers changes nothing
    reduced = ClaimReduced(
        sku="A", demand=demand("1"), sequence=0, location="north", quantity=2, withdrawn=0, levels=()
    )
    story.tell(reduced, subject=stock_of("A")).then_nothing()
    story.authorized()
    assert units_of(story) == {Bucket.RELEASED: 3, Bucket.CANCELLED: 2}


def test_what_waits_goes_before_what_is_reserved() -> None:
    # given three of five at hand and two that wait
    story = Story(ONE_LEFT).placed(*TWO_LINES)
    for sequence in range(2):
        story.reserved(sequence)
    story.queued(2)
    assert units_of(story) == {Bucket.RESERVED: 3, Bucket.BACKORDERED: 2}
    # when three are cancelled
    outcome = cancel(story, ("1", 3))
    # then both that wait, and one of the others
    assert [(each.sequence, each.quantity, each.location) for each in sent(outcome, ReleaseClaim)] == [
        (2, 2, None),
        (0, 1, "north"),
    ]
    assert units_of(story) == {Bucket.RESERVED: 2, Bucket.CANCELLED: 3}


def test_stock_that_was_on_its_way_for_units_cancelled_meanwhile_is_given_back() -> None:
    # given two units that wait, of which one is cancelled
    story = Story(ONE_LEFT).placed(*TWO_LINES)
    for sequence in range(2):
        story.reserved(sequence)
    story.queued(2)
    cancel(story, ("1", 1))
    # when goods for both come
    outcome = story.reserved(2, 2)
    # then one is held, and the other given back there
    assert kinds(outcome)[:2] == ["LineReserved", "StockGivenBack"]
    assert [(each.quantity, each.location) for each in sent(outcome, ReleaseClaim)] == [(1, "north")]
    assert units_of(story) == {Bucket.RESERVED: 4, Bucket.CANCELLED: 1}


def test_before_the_money_is_asked_for_only_the_rest_of_it_is() -> None:
    story = Story().placed(*TWO_LINES)
    story.reserved(1)
    cancel(story, ("2", None))
    assert authorization_of(story.reserved(0)).amount.amount == 1000


def test_all_lines_are_the_order() -> None:
    story = Story().placed(*TWO_LINES)
    story.reserved(0)
    story.reserved(1)
    outcome = cancel(story, ("1", None), ("2", 1), ("2", 1))
    assert kinds(outcome) == ["OrderCancelled"]
    assert {"VoidPayment", "ReleaseClaim"} <= set(messages(outcome))


def test_one_line_after_the_other_ends_the_order_too() -> None:
    story = Story().placed(*TWO_LINES)
    story.reserved(0)
    story.reserved(1)
    cancel(story, ("1", None))
    assert kinds(cancel(story, ("2", None))) == ["OrderCancelled"]


# What nodes have


def at_node(*steps: str) -> Story:
    story = Story().released(*TWO_LINES)
    for step in steps:
        getattr(story, step)()
    return story


def decided(
    story: Story,
    granted: int,
    refused: int = 0,
    decision: CancelDecision = CancelDecision.ANSWERED,
    place: int = 0,
    part: bool = True,
) -> Outcome:
    """What the node says to a request for some units of line 1; no `part`: they were all that it had."""
    line = DecidedLine(
        line="1", sequence=0, sku="A", granted=granted, refused=refused, unit="each", reason="in the van"
    )
    answer = CancelDecided(
        order_id=ORDER_ID,
        location="north",
        request=1,
        decision=decision,
        document="d",
        lines=(line,) if granted or refused else (),
        packages=story.packages(place) if story.view.fulfillment.works[story.work(place)].packages else (),
        part=part,
    )
    return story.node(answer, place)


@pytest.mark.parametrize("steps", [(), ("listed",), ("listed", "picked"), ("listed", "picked", "packed")])
def test_a_node_is_asked_for_exactly_these_and_lets_go_of_them(steps: tuple[str, ...]) -> None:
    # given work at a node
    story = at_node(*steps)
    # when two units are cancelled
    outcome = cancel(story, ("1", 2))
    # then it is asked for two
    assert kinds(outcome) == ["OrderCancelRequested"]
    assert sent(outcome, CancelFulfillment) == [
        CancelFulfillment(cause="customer", request=1, lines=(CancelUnits(line="1", quantity=2),))
    ]
    assert not story.view.fulfillment.cancelling
    # when it lets go of them
    answer = decided(story, 2)
    # then they are cancelled, the rest goes on, and of what was not picked the claim gives back so much
    assert kinds(answer)[0] == "LinesWithdrawn"
    assert units_of(story)[Bucket.CANCELLED] == 2
    back = [(each.quantity, each.location) for each in sent(answer, ReleaseClaim)]
    assert back == ([] if "picked" in steps else [(2, "north")])
    [notice] = [event for event in answer.events if isinstance(event, NoticeRequested)]
    assert [(line.line, line.quantity) for line in notice.lines] == [("1", 2)]
    assert ("1", 3) in [(line.line, line.quantity) for line in notice.following]
    assert not story.view.fulfillment.withdrawing


def test_what_waits_for_supply_goes_before_what_a_node_has() -> None:
    story = Story(ONE_LEFT).placed(*TWO_LINES)
    for sequence in range(2):
        story.reserved(sequence)
    story.queued(2)
    story.authorized()
    assert units_of(story) == {Bucket.RELEASED: 3, Bucket.BACKORDERED: 2}
    outcome = cancel(story, ("1", 3))
    assert kinds(outcome) == ["LinesCancelled", "OrderCancelRequested"]
    assert [line.quantity for line in sent(outcome, CancelFulfillment)[0].lines] == [1]


def test_all_of_a_nodes_work_is_withdrawn_and_the_order_goes_on_with_the_rest() -> None:
    story = Story({"A": {"north": Availability(9, 1)}, "B": {"south": Availability(9, 1)}}).released(*TWO_LINES)
    cancel(story, ("1", None))
    answer = decided(story, 5, place=0)
    assert kinds(answer)[0] == "FulfillmentWithdrawn"
    assert [(each.quantity, each.location) for each in sent(answer, ReleaseClaim)] == [(5, "north")]
    assert status(story.view.order) is OrderStatus.IN_FULFILLMENT


@pytest.mark.parametrize(("granted", "refused", "last"), [(5, 0, "FulfillmentWithdrawn"), (3, 2, "LinesWithdrawn")])
def test_a_node_that_has_nothing_but_the_line_gives_its_claims_back_too(granted: int, refused: int, last: str) -> None:
    # given work for line 1 alone, taken by the node, and a cancel of that line
    story = Story({"A": {"north": Availability(9, 1)}, "B": {"south": Availability(9, 1)}}).released(*TWO_LINES)
    story.listed()
    cancel(story, ("1", None))
    # when the node lets go of it, or of some of it: to the node that is no part of its work, but all
    answer = decided(story, granted, refused, part=False)
    # then the order goes on with line 2, and nothing holds what is cancelled
    assert kinds(answer)[0] == last
    assert [(each.quantity, each.location) for each in sent(answer, ReleaseClaim)] == [(granted, "north")]
    assert story.view.order.open


def test_what_it_keeps_is_told_and_may_be_asked_for_again() -> None:
    story = at_node("listed", "picked")
    cancel(story, ("1", 2))
    answer = decided(story, 1, 1)
    assert kinds(answer)[:2] == ["LinesWithdrawn", "CancelRefused"]
    assert units_of(story) == {Bucket.PICKED: 4, Bucket.CANCELLED: 1}
    again = cancel(story, ("1", 1))
    assert [message.request for message in sent(again, CancelFulfillment)] == [2]


def test_two_cancels_that_overlap_never_take_more_than_was_asked() -> None:
    story = at_node("listed")
    cancel(story, ("1", 3))
    assert refusal(cancel(story, ("1", 3))) == (
        CancelRefusal.UNDER_WAY,
        "of line 1 0 are left to cancel; a node still decides about others",
    )
    decided(story, 3)
    assert refusal(cancel(story, ("1", 3))) == (CancelRefusal.MORE_THAN_LEFT, "of line 1 2 are left to cancel")
    assert kinds(story.tell(CancelOrder())) == ["OrderCancelRequested"]


def test_units_that_the_node_did_not_find_are_cancelled_where_they_are_now() -> None:
    # given a node that was asked for two units, and did not find two
    story = at_node("listed")
    cancel(story, ("1", 2))
    story.picked(short=2)
    # when it has nothing of those left
    outcome = decided(story, 0, decision=CancelDecision.NOTHING_LEFT)
    # then the short ones are cancelled, wherever they were sourced from again
    assert kinds(outcome)[:2] == ["LinesWithdrawn", "LinesCancelled"]
    assert units_of(story) == {Bucket.PICKED: 3, Bucket.CANCELLED: 2}


def test_a_node_that_rejects_the_work_has_let_go_of_them_too() -> None:
    story = at_node()
    cancel(story, ("1", 2))
    lines = tuple(FulfillmentLine(**line.model_dump()) for line in story.view.fulfillment.works[story.work()].lines)
    rejected = FulfillmentRejected(order_id=ORDER_ID, location="north", document="a", lines=lines)
    assert kinds(story.node(rejected))[:2] == ["FulfillmentDeclined", "LinesCancelled"]
    assert units_of(story)[Bucket.CANCELLED] == 2


def test_what_has_left_meanwhile_comes_back_as_a_return_or_not_at_all() -> None:
    story = at_node("listed", "picked", "packed", "labelled", "handed_over")
    cancel(story, ("1", 2))
    gone = FulfillmentLine(line="1", sequence=0, sku="A", quantity=2, unit="each")
    refused = FulfillmentCancelRefused(
        order_id=ORDER_ID, location="north", lines=(gone,), reason=RefusalReason.ALREADY_DONE
    )
    outcome = story.node(refused)
    [event] = [event for event in outcome.events if isinstance(event, CancelRefused)]
    assert [(line.line, line.quantity) for line in event.lines] == [("1", 2)]
    assert event.detail == "it has left north: what has left can come back as a return"
    story.shipped()
    assert refusal(cancel(story, ("1", 1))) == (
        CancelRefusal.FULFILLED,
        "of line 1 0 are left to cancel; what has left can come back as a return",
    )


# What cannot be cancelled


def test_of_what_is_not_there_nothing_is_cancelled() -> None:
    story = Story().placed(*TWO_LINES)
    assert refusal(cancel(story, ("9", 1))) == (CancelRefusal.UNKNOWN_LINE, "the order has no line 9")
    assert refusal(cancel(story, ("2", 1), ("1", 6)))[0] is CancelRefusal.MORE_THAN_LEFT
    cancel(story, ("2", None))
    assert refusal(cancel(story, ("2", None)))[0] is CancelRefusal.ALREADY_CANCELLED
    story.tell(CancelOrder())
    assert refusal(cancel(story, ("1", 1)))[0] is CancelRefusal.ALREADY_CANCELLED
    assert refusal(cancel(Story(), ("1", 1)))[0] is CancelRefusal.UNKNOWN_ORDER


# Kits


def tea_sets() -> Story:
    """Three tea sets of a pot and two cups."""
    components = (KitComponent(sku="POT", quantity=1), KitComponent(sku="CUP", quantity=2))
    there = {"POT": {"north": Availability(9, 1)}, "CUP": {"north": Availability(9, 1)}}
    kit: Any = {kit_key("A"): Kit(components, there), **there}
    return Story(kit).placed(("A", 3, 900))


def test_a_kit_is_cancelled_by_its_line_with_all_its_parts() -> None:
    story = tea_sets()
    for sequence in range(2):
        story.reserved(sequence)
    assert refusal(cancel(story, ("1.1", 1))) == (
        CancelRefusal.PART_OF_KIT,
        "line 1.1 is a part of line 1: cancel kits by that line",
    )
    assert kinds(cancel(story, ("1", 1))) == ["LinesCancelled"]
    assert units_of(story, "1.1")[Bucket.CANCELLED] == 1
    assert units_of(story, "1.2")[Bucket.CANCELLED] == 2
    assert due(story.view.order) == 600
    assert refusal(cancel(story, ("1", 3)))[0] is CancelRefusal.MORE_THAN_LEFT


def test_a_line_that_is_held_alone_may_be_cancelled_in_part() -> None:
    story = Story().placed(*TWO_LINES)
    story.tell(PlaceHold(detail="look", lines=("1",), blocks=(HeldStep.RELEASE,)))
    story.reserved(0)
    story.reserved(1)
    story.authorized()
    cancel(story, ("1", 4))
    assert units_of(story) == {Bucket.RESERVED: 1, Bucket.CANCELLED: 4}
