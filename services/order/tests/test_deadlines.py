"""Steps that nobody answers: asked again, and at last a person is asked; a deadline that fires twice does it once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from chassis.stream import open_deadlines
from chassis.testing import Outcome
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import FulfillmentCancelled
from contracts.order import (
    CancelOrder,
    ConfirmChange,
    HoldKind,
    HoldPlaced,
    HoldReleased,
    OrderLine,
    ProposeChange,
    ReleaseHold,
)
from contracts.payments import PaymentIncreased
from contracts.shipping import ShipmentRefusal, ShipmentRefused
from services.order.fulfillment_saga import COLLECT_WITHIN
from services.order.sourcing import Availability
from services.order.stream import ORDER, STEPS
from services.order.tests.story import COUNTER, ORDER_ID, PAYMENT, Story, eur, kinds, messages, order


def due_of(story: Story, name: str) -> datetime:
    """When a deadline of the order is due."""
    return open_deadlines(ORDER, story.stream)[name]


def passed(story: Story, name: str, due: datetime) -> Outcome:
    """The deadline fires."""
    return story.tell(DeadlinePassed(name=name, due=due))


def _claiming() -> Story:
    return Story().placed(("A", 2, 1000))


def _authorizing() -> Story:
    story = _claiming()
    story.reserved()
    return story


def _releasing() -> Story:
    return Story().released(("A", 2, 1000))


def _labelling() -> Story:
    story = _releasing()
    story.listed()
    story.picked()
    story.packed()
    return story


def _dispatching() -> Story:
    story = _labelling()
    story.labelled()
    story.handed_over()
    return story


def _capturing() -> Story:
    story = _dispatching()
    story.shipped()
    return story


def _withdrawing() -> Story:
    story = _releasing()
    story.listed()
    story.tell(CancelOrder())
    return story


def _increasing() -> Story:
    story = _releasing()
    more = OrderLine(line="", sku="A", quantity=1, unit="each", amount=eur(250), ship_group="1")
    story.tell(ProposeChange(added=(more,)))
    story.tell(ConfirmChange(change="1"))
    return story


WAITING: dict[str, tuple[Callable[[], Story], str]] = {
    "claim": (_claiming, "ClaimStock"),
    "authorize": (_authorizing, "AuthorizePayment"),
    "increase": (_increasing, "AuthorizeMore"),
    "release": (_releasing, "CreateFulfillmentOrder"),
    "label": (_labelling, "CreateShipment"),
    "dispatch": (_dispatching, "DispatchShipment"),
    "capture": (_capturing, "CapturePayment"),
    "withdraw": (_withdrawing, "CancelFulfillment"),
}


def names_in(story: Story, step: str) -> list[str]:
    """The open deadlines of a step."""
    return [name for name in open_deadlines(ORDER, story.stream) if name.startswith(f"{step}/")]


def name_in(story: Story, step: str) -> str:
    """The one open deadline of a step."""
    [name] = names_in(story, step)
    return name


@pytest.mark.parametrize("step", WAITING)
def test_silence_asks_again_and_then_a_person(step: str) -> None:
    begin, message = WAITING[step]
    story = begin()
    name = name_in(story, step)
    for _ in range(STEPS[step].asks_max - 1):
        story.later(STEPS[step].answer_within)
        due = due_of(story, name)
        outcome = passed(story, name, due)
        assert kinds(outcome) == ["StepAskedAgain"]
        assert messages(outcome) == [message]
        passed(story, name, due).then_nothing()
    story.later(STEPS[step].answer_within)
    outcome = passed(story, name, due_of(story, name))
    assert kinds(outcome) == ["StepUnanswered", "HoldPlaced"]
    held = outcome.events[1]
    assert isinstance(held, HoldPlaced) and held.kind is HoldKind.NO_ANSWER
    assert messages(story.tell(ReleaseHold(hold=held.hold))) == [message]


def test_every_step_of_the_tables_has_its_deadline_here() -> None:
    # A refund and a return outlive the order, so their silence becomes no hold: test_refunds.py, test_returns.py.
    assert {
        *WAITING,
        "work",
        "collect",
        "decide",
        "refund",
        "refund_credit",
        "open_return",
        "return_goods",
        "inspect_return",
    } == STEPS.keys()


def test_a_node_that_decides_nothing_about_a_cancel_is_shown_and_blocks_nothing() -> None:
    # given a node whose own deadline has passed, and nothing is heard
    story = _withdrawing()
    story.asked_to_cancel()
    name = name_in(story, "decide")
    outcome = passed(story.later(timedelta(hours=5)), name, due_of(story, name))
    assert kinds(outcome) == ["StepUnanswered", "HoldPlaced"]
    held = outcome.events[1]
    assert isinstance(held, HoldPlaced) and held.blocks == ()
    # when it decides after all, then the hold is released
    story.decided()
    assert held.hold not in story.view.order.holds


def test_a_node_that_is_late_is_shown_and_blocks_nothing() -> None:
    story = _releasing()
    story.listed()
    name = name_in(story, "work")
    story.later(STEPS["work"].answer_within)
    outcome = passed(story, name, due_of(story, name))
    held = outcome.events[1]
    assert isinstance(held, HoldPlaced) and held.blocks == ()
    assert kinds(story.picked()) == ["LinesPicked"]


def _at_counter() -> Story:
    """An order of which everything lies ready to be collected."""
    story = Story({"A": {"berlin": Availability(9, 1)}}).released(("A", 2, 1000), ship_groups=(COUNTER,))
    story.listed()
    story.picked()
    story.ready()
    return story


def _not_collected(story: Story) -> HoldPlaced:
    """The hold of what nobody collected in time."""
    name = name_in(story, "collect")
    story.later(COLLECT_WITHIN)
    outcome = passed(story, name, due_of(story, name))
    assert kinds(outcome) == ["StepUnanswered", "HoldPlaced"]
    held = outcome.events[1]
    assert isinstance(held, HoldPlaced)
    return held


def test_what_nobody_collects_asks_a_person_and_blocks_nothing() -> None:
    # given goods that lie ready for a week
    story = _at_counter()
    held = _not_collected(story)
    # then a person is asked, and the goods may be collected all the same
    assert (held.kind, held.blocks) == (HoldKind.NOT_COLLECTED, ())
    assert "berlin" in held.detail
    outcome = story.collected()
    assert kinds(outcome) == ["LinesFulfilled", "HoldReleased", "CaptureRequested"]
    assert not story.view.order.holds and not names_in(story, "collect")


def test_a_person_lets_goods_lie_ready_for_longer() -> None:
    story = _at_counter()
    held = _not_collected(story)
    outcome = story.tell(ReleaseHold(hold=held.hold), door="console")
    assert (kinds(outcome), messages(outcome)) == (["HoldReleased", "StepAskedAgain"], [])
    assert _not_collected(story).hold != held.hold


def test_a_person_cancels_what_nobody_collected_and_the_node_puts_it_back() -> None:
    story = _at_counter()
    _not_collected(story)
    assert messages(story.tell(CancelOrder(), door="console")) == ["CancelFulfillment"]
    outcome = story.node(FulfillmentCancelled(order_id=ORDER_ID, lines=(), seen=True))
    assert kinds(outcome)[-1] == "OrderCancelled"
    assert not open_deadlines(ORDER, story.stream)


def test_an_answer_clears_the_deadline() -> None:
    story = _claiming()
    due = due_of(story, "claim/1")
    story.reserved()
    assert "claim/1" not in open_deadlines(ORDER, story.stream)
    story.later(timedelta(hours=1))
    passed(story, "claim/1", due).then_nothing()


def test_an_ended_order_waits_for_nothing() -> None:
    story = Story()
    story.tell(order(("A", 2, 1000), cancel_after="2027-01-01T00:00:00Z"))
    story.tell(CancelOrder())
    assert not open_deadlines(ORDER, story.stream)


def test_asking_again_claims_only_what_was_not_answered() -> None:
    story = Story().placed(("A", 2, 1000), ("B", 1, 500))
    story.reserved(0)
    story.later(STEPS["claim"].answer_within)
    outcome = passed(story, "claim/1", due_of(story, "claim/1"))
    assert [send.message.sku for send in outcome.sent] == ["B"]  # type: ignore[attr-defined]


def test_a_claim_asked_for_twice_and_refused_is_released_since_the_second_may_have_been_served() -> None:
    story = Story().placed(("A", 2, 1000))
    story.later(STEPS["claim"].answer_within)
    passed(story, "claim/1", due_of(story, "claim/1"))
    outcome = story.rejected()
    assert [type(send.message).__name__ for send in outcome.sent] == ["ReleaseClaim", "ClaimStock"]
    assert "ReleaseClaim" not in messages(Story().placed(("A", 2, 1000)).rejected())


def _silent(step: str) -> tuple[Story, HoldPlaced]:
    """A step that was asked for as often as it may be and not answered, and the hold that asks a person."""
    begin, _ = WAITING[step]
    story = begin()
    name = name_in(story, step)
    for _ in range(STEPS[step].asks_max):
        story.later(STEPS[step].answer_within)
        outcome = passed(story, name, due_of(story, name))
    held = outcome.events[-1]
    assert isinstance(held, HoldPlaced)
    return story, held


def test_a_claim_that_a_person_had_asked_for_again_is_released_too_when_it_is_refused() -> None:
    # given a claim that was asked for until nobody answered, and once more when a person released the hold
    story, held = _silent("claim")
    story.tell(ReleaseHold(hold=held.hold), door="http")
    # when the first of all these is refused, then the last may have been served all the same
    assert "ReleaseClaim" in messages(story.rejected())


ANSWERED: dict[str, Callable[[Story], Outcome]] = {
    "claim": lambda story: story.reserved(),
    "authorize": lambda story: story.authorized(),
    "increase": lambda story: story.tell(
        PaymentIncreased(order_id=ORDER_ID, increase="1", amount=eur(250), authorizations=()), subject=PAYMENT
    ),
    "release": lambda story: story.listed(),
    "label": lambda story: story.labelled(),
    "dispatch": lambda story: story.shipped(),
    "capture": lambda story: story.captured(1000),
    "withdraw": lambda story: story.node(FulfillmentCancelled(order_id=ORDER_ID, lines=(), seen=True)),
}


@pytest.mark.parametrize("step", WAITING)
def test_an_answer_that_comes_after_all_releases_the_hold_and_the_order_goes_on(step: str) -> None:
    story, held = _silent(step)
    ANSWERED[step](story)
    assert held.hold not in story.view.order.holds
    assert not names_in(story, step)


def test_such_a_release_says_no_more_than_that_nothing_waits_for_the_answer() -> None:
    story, held = _silent("authorize")
    (released,) = [event for event in story.authorized().events if isinstance(event, HoldReleased)]
    assert released.detail == f"nothing waits for payments to answer authorize/{held.key} any more"


def test_what_came_open_behind_such_a_hold_is_sourced_with_what_is_known_then() -> None:
    story = Story().placed(("A", 2, 1000))
    story.reserved()
    name = name_in(story, "authorize")
    for _ in range(STEPS["authorize"].asks_max):
        story.later(STEPS["authorize"].answer_within)
        passed(story, name, due_of(story, name))
    story.lost()
    assert messages(story.authorized()) == ["ClaimStock"]


def test_a_hold_of_a_step_that_was_answered_since_is_released_without_asking_again() -> None:
    story = _labelling()
    story.tell(ShipmentRefused(step="CreateShipment", reason=ShipmentRefusal.NO_SERVICE), subject=story.shipment())
    story.labelled()
    outcome = story.tell(ReleaseHold(hold="1"))
    assert (kinds(outcome), messages(outcome)) == (["HoldReleased"], [])
