"""Cancelling what nodes have accepted: each answers line by line within a time of its own, and the rest goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chassis.testing import DAWN
from contracts.fulfillment import CancelDecision, CancelFulfillment
from contracts.order import (
    Bucket,
    CancelLeftToNode,
    CancelOrder,
    CancelRefusal,
    CancelRefused,
    LinesWithdrawn,
    NoticeKind,
    NoticeRequested,
)
from services.order.order import OrderStatus, status
from services.order.sourcing import Availability
from services.order.tests.story import AT_NORTH, COUNTER, NAME, Story, capture_of, kinds, messages, units_of
from services.order.waiting import waiting

TWO_LINES = (("A", 3, 900), ("B", 2, 500))


def asked(*steps: str) -> Story:
    """An order of two lines at one node that has accepted it and done these steps, and thinks about a cancel."""
    story = Story().released(*TWO_LINES)
    for step in ("listed", *steps):
        getattr(story, step)()
    story.tell(CancelOrder())
    story.asked_to_cancel()
    return story


def go_on(story: Story, taken: int, *steps: str) -> None:
    """The node does these steps, the carrier comes, and so much is taken."""
    for step in (*steps, "labelled", "handed_over"):
        getattr(story, step)()
    assert capture_of(story.shipped()).amount.amount == taken
    story.captured(taken)


# Waiting for the node


def test_the_node_has_its_own_time_and_people_see_until_when() -> None:
    # given work that a node has accepted
    story = Story().released(*TWO_LINES)
    story.listed()
    # when the order is cancelled, and the node says by when it answers
    outcome = story.tell(CancelOrder())
    [message] = [send.message for send in outcome.sent if isinstance(send.message, CancelFulfillment)]
    assert message.request == 1
    by = DAWN + timedelta(hours=2)
    left = story.asked_to_cancel(by)
    # then nothing is cancelled, and the order waits for that answer
    left.then(CancelLeftToNode(fulfillment_order=story.work(), decide_by=by, answer_by=by + timedelta(minutes=15)))
    assert units_of(story) == {Bucket.RELEASED: 3}
    found = waiting(NAME, story.log)
    assert found is not None
    assert found.sentence.startswith(
        f"Order {found.number} waits for north to say what it can still cancel (until 2026-01-05 11:00:00 UTC, then nothing)"
    )
    assert found.waits[0][0].until == by


def test_meanwhile_the_node_may_go_on_and_no_label_is_asked_for() -> None:
    story = asked("picked")
    assert messages(story.packed()) == []
    assert story.tell(CancelOrder()).events == (CancelRefused(reason=CancelRefusal.UNDER_WAY),)


# What it lets go of


@pytest.mark.parametrize("steps", [(), ("picked",), ("picked", "packed")])
def test_all_of_it_and_the_order_is_cancelled(steps: tuple[str, ...]) -> None:
    story = asked(*steps)
    outcome = story.decided(3, 2)
    assert kinds(outcome) == ["FulfillmentWithdrawn", "OrderCancelled"]
    assert {"VoidPayment", "ReleaseClaim"} <= set(messages(outcome))
    assert units_of(story) == {Bucket.CANCELLED: 3}


@pytest.mark.parametrize(
    ("steps", "then", "bucket"),
    [((), ("picked", "packed"), Bucket.RELEASED), (("picked",), ("packed",), Bucket.PICKED)],
)
def test_a_part_is_cancelled_and_exactly_the_rest_is_paid_for(
    steps: tuple[str, ...], then: tuple[str, ...], bucket: Bucket
) -> None:
    # given a node that thinks about 3 and 2 units
    story = asked(*steps)
    # when it lets go of 2 and 0
    outcome = story.decided(2)
    # then these are cancelled, it keeps the others and says why, and the customer hears of the cancelled ones
    assert kinds(outcome)[:2] == ["LinesWithdrawn", "CancelRefused"]
    refused = outcome.events[1]
    assert isinstance(refused, CancelRefused)
    assert refused.detail == "north keeps 1 of line 1: packed already; 2 of line 2: packed already"
    assert [(line.line, line.quantity, line.reason) for line in refused.lines] == [
        ("1", 1, "packed already"),
        ("2", 2, "packed already"),
    ]
    assert units_of(story) == {Bucket.CANCELLED: 2, bucket: 1}
    [notice] = [event for event in outcome.events if isinstance(event, NoticeRequested)]
    assert (notice.kind, notice.whole) == (NoticeKind.CANCELLED, False)
    assert [(line.line, line.quantity) for line in notice.lines] == [("1", 2)]
    # and once the rest has left, that much is taken and the order is complete
    go_on(story, 300 + 500, *then)
    assert status(story.view.order) is OrderStatus.COMPLETED


def test_claims_on_what_was_let_go_of_before_picking_are_given_back_after_the_pick() -> None:
    story = asked()
    assert "ReleaseClaim" not in messages(story.decided(2))
    outcome = story.picked()
    assert messages(outcome) == ["ReleaseClaim"]


def test_a_line_let_go_of_whole_gives_its_claim_back_at_once() -> None:
    assert messages(asked().decided(3)).count("ReleaseClaim") == 1


def test_packages_that_were_opened_get_new_labels() -> None:
    # given packages with a label
    story = Story().released(*TWO_LINES)
    for step in ("listed", "picked", "packed", "labelled"):
        getattr(story, step)()
    before = story.shipment()
    story.tell(CancelOrder())
    story.asked_to_cancel()
    # when the node takes two units out of one
    outcome = story.decided(2, packages=story.packages())
    # then the old label is void and another is asked for
    withdrawn = outcome.events[0]
    assert isinstance(withdrawn, LinesWithdrawn)
    assert withdrawn.shipment == before.partition("/")[2]
    assert messages(outcome) == ["CancelShipment", "CreateShipment"]
    assert story.shipment() != before
    go_on(story, 300 + 500)
    assert status(story.view.order) is OrderStatus.COMPLETED


def test_what_lies_ready_stays_ready_with_the_rest() -> None:
    here = {sku: {"berlin": found["north"]} for sku, found in AT_NORTH.items()}
    story = Story(here).released(*TWO_LINES, ship_groups=(COUNTER,))
    for step in ("listed", "picked", "ready"):
        getattr(story, step)()
    story.tell(CancelOrder())
    story.asked_to_cancel()
    story.decided(2)
    assert story.view.fulfillment.works[story.work()].ready
    assert units_of(story) == {Bucket.CANCELLED: 2, Bucket.PICKED: 1}
    assert capture_of(story.collected()).amount.amount == 800


# What it keeps


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (CancelDecision.ANSWERED, "north keeps 3 of line 1: packed already; 2 of line 2: packed already"),
        (CancelDecision.SILENCE, "north has not answered in time"),
        (CancelDecision.LEFT, "it left north before an answer came"),
    ],
)
def test_refused_the_order_goes_on_and_the_customer_hears_nothing_of_it(decision: CancelDecision, why: str) -> None:
    story = asked("picked", "packed")
    outcome = story.decided(decision=decision)
    assert kinds(outcome)[0] == "CancelRefused"
    refused = outcome.events[0]
    assert isinstance(refused, CancelRefused) and refused.detail == why
    assert not [event for event in outcome.events if isinstance(event, NoticeRequested)]
    go_on(story, 1400)
    assert status(story.view.order) is OrderStatus.COMPLETED


def test_a_sentence_names_the_first_lines_and_counts_the_others() -> None:
    stock = {"A": {"north": Availability(9, 1)}}
    story = Story(stock).released(*[("A", 1, 100)] * 7)
    story.listed()
    story.tell(CancelOrder())
    refused = story.decided().events[0]
    assert isinstance(refused, CancelRefused) and refused.detail is not None
    assert refused.detail.endswith("1 of line 5: packed already; and of 2 lines more")
    assert len(refused.lines) == 7


def test_nothing_left_to_decide_about_ends_the_wait() -> None:
    story = asked()
    story.picked(short=2)
    story.decided(decision=CancelDecision.NOTHING_LEFT)
    assert not story.view.fulfillment.withdrawing


def test_of_two_nodes_each_answers_for_itself() -> None:
    story = Story({"A": {"north": Availability(2, 1), "south": Availability(1, 1)}}).released(("A", 3, 900))
    for place in (0, 1):
        story.listed(place)
    story.tell(CancelOrder())
    for place in (0, 1):
        story.asked_to_cancel(place=place)
    assert kinds(story.decided(1)) == ["LinesWithdrawn", "CancelRefused"]
    assert units_of(story) == {Bucket.CANCELLED: 1, Bucket.RELEASED: 2}
    assert kinds(story.decided(1, place=1))[0] == "FulfillmentWithdrawn"
    assert units_of(story) == {Bucket.CANCELLED: 2, Bucket.RELEASED: 1}


def test_an_answer_that_nobody_waits_for_any_more_is_a_fact_all_the_same() -> None:
    story = asked()
    story.decided()
    outcome = story.decided(3)
    assert kinds(outcome)[0] == "LinesWithdrawn"
    assert units_of(story) == {Bucket.CANCELLED: 3}
    story.asked_to_cancel().then_nothing()


def test_refused_it_may_be_asked_for_again() -> None:
    story = asked()
    story.decided()
    outcome = story.tell(CancelOrder())
    [message] = [send.message for send in outcome.sent if isinstance(send.message, CancelFulfillment)]
    assert message.request == 2
