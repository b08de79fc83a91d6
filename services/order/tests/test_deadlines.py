"""Steps that nobody answers: asked again, and at last a person is asked; a deadline that fires twice does it once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from chassis.stream import open_deadlines
from chassis.testing import Outcome
from contracts.chassis import DeadlinePassed
from contracts.order import CancelOrder, HoldKind, HoldPlaced, ReleaseHold
from services.order.stream import ORDER, STEPS
from services.order.tests.story import Story, kinds, messages, order


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


WAITING: dict[str, tuple[Callable[[], Story], str]] = {
    "claim": (_claiming, "ClaimStock"),
    "authorize": (_authorizing, "AuthorizePayment"),
    "release": (_releasing, "CreateFulfillmentOrder"),
    "label": (_labelling, "CreateShipment"),
    "dispatch": (_dispatching, "DispatchShipment"),
    "capture": (_capturing, "CapturePayment"),
    "withdraw": (_withdrawing, "CancelFulfillment"),
}


def name_in(story: Story, step: str) -> str:
    """The one open deadline of a step."""
    [name] = [name for name in open_deadlines(ORDER, story.stream) if name.startswith(f"{step}/")]
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
    assert {*WAITING, "work"} == STEPS.keys()


def test_a_node_that_is_late_is_shown_and_blocks_nothing() -> None:
    story = _releasing()
    story.listed()
    name = name_in(story, "work")
    story.later(STEPS["work"].answer_within)
    outcome = passed(story, name, due_of(story, name))
    held = outcome.events[1]
    assert isinstance(held, HoldPlaced) and held.blocks == ()
    assert kinds(story.picked()) == ["LinesPicked"]


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
