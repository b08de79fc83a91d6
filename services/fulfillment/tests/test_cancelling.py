"""Cancelling the work of a node: at once before it accepts, afterwards line by line as it answers, or by its silence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.testing import DAWN, Outcome, Spec
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import (
    CancelAnswer,
    CancelDecided,
    CancelDecision,
    CancelRequested,
    CancelUnits,
    Collected,
    FulfillmentCancelled,
    FulfillmentCancelRefused,
    FulfillmentRefused,
    HandedOver,
    NodeDocumentRepeated,
    Packed,
    PackedContent,
    PackedPackage,
    Picked,
    PickLine,
    RecordCancelDecision,
    RecordPack,
    RecordPick,
    RefusalReason,
)
from contracts.inventory import RecordGone, RecordPutBack, TracedQuantity
from contracts.message import Command
from services.fulfillment.cancelling import ANSWER_WITHIN
from services.fulfillment.fulfillment_order_state import CANCEL_ANSWER, Stage
from services.fulfillment.tests.test_fulfillment_order import (
    ACCEPT,
    ASKED,
    CANCEL,
    COLLECT,
    CREATE,
    CREATE_PICKUP,
    HAND_OVER,
    ORDER,
    PACK,
    PICK_ALL,
    PICK_LESS,
    PICK_MORE,
    PICK_NOTHING,
    READY,
    REJECT,
    after,
    event_of,
    package,
    stock,
)

FIRST = CANCEL.model_copy(update={"request": 1})
SOME = FIRST.model_copy(update={"lines": (CancelUnits(line="1", quantity=2),)})
SECOND = CANCEL.model_copy(update={"request": 2})
BUSY = "packed already"


def answer(first: int, second: int, document: str = "d1", *packages: PackedPackage) -> RecordCancelDecision:
    """The node lets go of so many units of the two lines, and says why it keeps others."""
    lines = (
        CancelAnswer(line="1", sequence=1, granted=first, reason=BUSY),
        CancelAnswer(line="2", sequence=1, granted=second, reason=BUSY),
    )
    return RecordCancelDecision(document=document, lines=lines, packages=packages)


ALL = answer(3, 1)
NONE = answer(0, 0)
PART = answer(2, 0)
INSIDE = [(CREATE, ACCEPT, PICK_ALL), (CREATE, ACCEPT, PICK_ALL, PACK), (CREATE_PICKUP, ACCEPT, PICK_ALL, READY)]


def asked(*before: Command) -> Spec:
    """Work that the order wishes to cancel after these."""
    spec = after(*before)
    spec.when(FIRST, reply_to=ORDER)
    return spec


def decided(outcome: Outcome) -> CancelDecided:
    [event] = [event for event in outcome.events if isinstance(event, CancelDecided)]
    return event


def put_back(outcome: Outcome) -> list[tuple[str, int]]:
    return [(send.stream, send.message.quantity) for send in outcome.sent if isinstance(send.message, RecordPutBack)]


def late(spec: Spec) -> Outcome:
    """The time for the answer has passed."""
    due = DAWN + ANSWER_WITHIN
    spec.at(ANSWER_WITHIN)
    return spec.when(DeadlinePassed(name=CANCEL_ANSWER, due=due))


# The request


def test_before_the_node_accepts_a_cancel_takes_effect_at_once() -> None:
    cancelled = event_of(after(CREATE).when(FIRST, reply_to=ORDER).answered(ORDER).sends())
    assert isinstance(cancelled, FulfillmentCancelled)
    assert (cancelled.lines, cancelled.put_back, cancelled.seen) == (ASKED, (), True)


@pytest.mark.parametrize("before", [(CREATE, ACCEPT), *INSIDE])
def test_afterwards_it_is_a_request_to_the_node_with_its_lines_and_a_deadline(before: tuple[Command, ...]) -> None:
    # given work that the node accepted
    spec = after(*before)
    # when it is to be cancelled
    requested = event_of(spec.when(FIRST, reply_to=ORDER).answered(ORDER).sends())
    # then the node is asked about each line, and nothing is cancelled yet
    assert isinstance(requested, CancelRequested)
    assert (requested.lines, requested.answer_by) == (ASKED, DAWN + ANSWER_WITHIN)
    assert spec.state.stage not in (Stage.CANCELLED, Stage.OPEN)


def test_what_was_found_short_is_not_asked_about() -> None:
    requested = event_of(after(CREATE, ACCEPT, PICK_LESS).when(FIRST, reply_to=ORDER))
    assert [line.quantity for line in requested.lines] == [2, 1]


def test_asked_again_while_it_thinks_the_node_is_not_asked_twice() -> None:
    spec = asked(CREATE, ACCEPT)
    spec.when(FIRST, reply_to=ORDER).then_nothing()
    spec.when(SECOND, reply_to=ORDER).then_nothing()


def test_the_same_request_again_after_the_answer_changes_nothing_and_another_asks_about_the_rest() -> None:
    spec = asked(CREATE, ACCEPT)
    spec.when(PART, door="node")
    spec.when(FIRST, reply_to=ORDER).then_nothing()
    requested = event_of(spec.when(SECOND, reply_to=ORDER).answered(ORDER))
    assert [(line.line, line.quantity) for line in requested.lines] == [("1", 1), ("2", 1)]


@pytest.mark.parametrize(
    "before", [(CREATE, ACCEPT, PICK_ALL, PACK, HAND_OVER), (CREATE_PICKUP, ACCEPT, PICK_ALL, READY, COLLECT)]
)
def test_a_cancel_of_what_has_left_is_refused(before: tuple[Command, ...]) -> None:
    refused = event_of(after(*before).when(FIRST, reply_to=ORDER).answered(ORDER).sends())
    assert isinstance(refused, FulfillmentCancelRefused)
    assert refused.lines == ASKED


@pytest.mark.parametrize("before", [(CREATE, REJECT), (CREATE, ACCEPT, PICK_NOTHING), (CREATE, CANCEL)])
def test_a_cancel_of_what_has_ended_has_nothing_left_to_cancel(before: tuple[Command, ...]) -> None:
    cancelled = event_of(after(*before).when(FIRST, reply_to=ORDER).answered(ORDER).sends())
    assert isinstance(cancelled, FulfillmentCancelled)
    assert (cancelled.lines, cancelled.seen) == ((), True)


def test_a_cancel_that_comes_before_the_creation_is_remembered() -> None:
    spec = after()
    assert event_of(spec.when(FIRST, reply_to=ORDER).answered(ORDER)).seen is False
    refused = event_of(spec.when(CREATE, reply_to=ORDER).answered(ORDER))
    assert isinstance(refused, FulfillmentRefused) and refused.reason is RefusalReason.CANCELLED


# The node lets go of all of it


@pytest.mark.parametrize("before", [(CREATE, ACCEPT), *INSIDE])
def test_let_go_of_whole_nothing_of_the_work_is_left(before: tuple[Command, ...]) -> None:
    spec = asked(*before)
    event = decided(spec.when(ALL, door="node").answered(ORDER))
    assert event.decision is CancelDecision.ANSWERED
    assert [(line.granted, line.refused, line.reason) for line in event.lines] == [(3, 0, None), (1, 0, None)]
    assert spec.state.stage is Stage.CANCELLED
    assert event_of(spec.when(HAND_OVER, door="node")).reason is RefusalReason.CANCELLED


@pytest.mark.parametrize("before", INSIDE)
def test_what_was_picked_goes_back_on_the_shelf(before: tuple[Command, ...]) -> None:
    assert put_back(asked(*before).when(ALL, door="node")) == [(stock("SKU-1"), 3), (stock("SKU-2"), 1)]


@pytest.mark.parametrize(("packed", "back"), [((), 5), ((PACK,), 3)])
def test_what_was_taken_beyond_it_goes_back_too_unless_packing_put_it_back(
    packed: tuple[Command, ...], back: int
) -> None:
    outcome = asked(CREATE, ACCEPT, PICK_MORE, *packed).when(ALL, door="node")
    assert put_back(outcome) == [(stock("SKU-1"), back), (stock("SKU-2"), 1)]


# The node lets go of a part


def test_before_picking_only_the_rest_is_picked() -> None:
    # given accepted work of 3 and 1, of which the node lets go of 2
    spec = asked(CREATE, ACCEPT)
    event = decided(spec.when(PART, door="node").answered(ORDER).sends())
    assert [(line.granted, line.refused, line.reason) for line in event.lines] == [(2, 1, BUSY), (0, 1, BUSY)]
    assert spec.state.stage is Stage.ACCEPTED
    # when it picks the rest, then nothing is short
    rest = (PickLine(line="1", sequence=1, quantity=1), PICK_ALL.lines[1])
    picked = event_of(spec.when(RecordPick(document="p1", lines=rest), door="node"))
    assert isinstance(picked, Picked)
    assert [(line.expected, line.short) for line in picked.lines] == [(1, 0), (1, 0)]


def test_a_line_let_go_of_whole_is_not_picked_at_all() -> None:
    spec = asked(CREATE, ACCEPT)
    spec.when(answer(0, 1), door="node")
    assert event_of(spec.when(PICK_ALL, door="node")).reason is RefusalReason.UNKNOWN_LINE
    assert isinstance(event_of(spec.when(RecordPick(document="p1", lines=PICK_ALL.lines[:1]), door="node")), Picked)


def test_after_picking_the_rest_is_packed_and_leaves() -> None:
    # given picked goods, of which two units go back
    spec = asked(CREATE, ACCEPT, PICK_MORE)
    assert put_back(spec.when(PART, door="node")) == [(stock("SKU-1"), 2)]
    assert spec.state.stage is Stage.PICKED
    # when the rest is packed, then only what was taken beyond it goes back as well
    outcome = spec.when(RecordPack(document="k1", packages=(package(1, "1", 1), package(2, "2", 1))), door="node")
    assert isinstance(event_of(outcome), Packed)
    assert put_back(outcome) == [(stock("SKU-1"), 2)]
    # and only that leaves
    gone = [send.message for send in spec.when(HAND_OVER, door="node").sent]
    assert [fact.quantity for fact in gone if isinstance(fact, RecordGone)] == [1, 1]


def test_of_packed_goods_the_node_says_what_its_packages_hold_now() -> None:
    # given packages, one of which is opened again
    spec = asked(CREATE, ACCEPT, PICK_ALL, PACK)
    rest = (package(1, "1", 1), package(2, "2", 1))
    event = decided(spec.when(answer(2, 0, "d1", *rest), door="node"))
    # then the work stays packed, in the packages as they are now, and these leave
    assert [content.quantity for each in event.packages for content in each.contents] == [1, 1]
    assert spec.state.stage is Stage.PACKED
    gone = event_of(spec.when(HAND_OVER, door="node"))
    assert isinstance(gone, HandedOver) and gone.packages == event.packages


@pytest.mark.parametrize(
    ("packages", "granted", "reason"),
    [
        ((), 2, RefusalReason.DIFFERS_FROM_PICKED),
        ((package(1, "1", 2), package(2, "2", 1)), 2, RefusalReason.DIFFERS_FROM_PICKED),
        ((package(1, "1", 1), package(1, "2", 1)), 2, RefusalReason.DUPLICATE_PACKAGE),
        (PACK.packages, 0, RefusalReason.DIFFERS_FROM_PICKED),
    ],
    ids=["not said", "other contents", "number twice", "none changes"],
)
def test_packages_that_do_not_hold_what_stays_are_refused(
    packages: tuple[PackedPackage, ...], granted: int, reason: RefusalReason
) -> None:
    spec = asked(CREATE, ACCEPT, PICK_ALL, PACK)
    assert event_of(spec.when(answer(granted, 0, "d1", *packages), door="node")).reason is reason


def test_what_lies_ready_stays_ready_with_the_rest() -> None:
    spec = asked(CREATE_PICKUP, ACCEPT, PICK_ALL, READY)
    assert put_back(spec.when(PART, door="node")) == [(stock("SKU-1"), 2)]
    assert spec.state.stage is Stage.READY
    outcome = spec.when(COLLECT, door="node")
    collected = event_of(outcome)
    assert isinstance(collected, Collected)
    assert [line.quantity for line in collected.lines] == [1, 1]


def test_serials_of_units_of_which_some_went_back_are_not_said_to_be_with_the_rest() -> None:
    # given three units picked by serial, of which two go back, and nobody says which
    serials = TracedQuantity(quantity=3, serials=("s1", "s2", "s3"))
    first, second = PICK_ALL.lines
    traced = PICK_ALL.model_copy(update={"lines": (first.model_copy(update={"traced": (serials,)}), second)})
    spec = asked(CREATE_PICKUP, ACCEPT, traced)
    spec.when(PART, door="node")
    # then the one that lies ready and is collected has none of them
    ready = event_of(spec.when(READY, door="node"))
    assert [(line.quantity, line.traced) for line in ready.lines] == [(1, ()), (1, ())]


@pytest.mark.parametrize(("before", "again"), [(INSIDE[0], PICK_ALL), (INSIDE[1], PACK), (INSIDE[2], READY)])
def test_a_document_of_before_that_comes_again_is_still_known(before: tuple[Command, ...], again: Any) -> None:
    rest = (package(1, "1", 1), package(2, "2", 1)) if PACK in before else ()
    spec = asked(*before)
    spec.when(answer(2, 0, "d1", *rest), door="node")
    assert isinstance(event_of(spec.when(again, door="node").sends()), NodeDocumentRepeated)


# The node keeps it


@pytest.mark.parametrize("before", [(CREATE, ACCEPT), *INSIDE])
def test_refused_with_a_reason_the_work_goes_on_as_it_was(before: tuple[Command, ...]) -> None:
    spec = asked(*before)
    stage = spec.state.stage
    event = decided(spec.when(NONE, door="node").answered(ORDER).sends())
    assert [(line.granted, line.refused, line.reason) for line in event.lines] == [(0, 3, BUSY), (0, 1, BUSY)]
    assert spec.state.stage is stage


def test_silence_until_the_deadline_refuses() -> None:
    spec = asked(CREATE, ACCEPT)
    event = decided(late(spec).answered(ORDER).sends())
    assert (event.decision, event.document) == (CancelDecision.SILENCE, None)
    assert [(line.granted, line.refused, line.reason) for line in event.lines] == [
        (0, 3, "no answer in time"),
        (0, 1, "no answer in time"),
    ]
    assert isinstance(event_of(spec.when(PICK_ALL, door="node")), Picked)


def test_an_answer_after_the_deadline_comes_too_late() -> None:
    spec = asked(CREATE, ACCEPT)
    late(spec)
    refused = event_of(spec.when(ALL, door="node").sends())
    assert (refused.reason, refused.detail) == (
        RefusalReason.NOT_ASKED,
        "the answer came too late: silence has refused",
    )


def test_a_deadline_that_was_answered_in_time_changes_nothing() -> None:
    spec = asked(CREATE, ACCEPT)
    spec.when(PART, door="node")
    late(spec).then_nothing()


@pytest.mark.parametrize(
    ("before", "leaves"),
    [((CREATE, ACCEPT, PICK_ALL, PACK), HAND_OVER), ((CREATE_PICKUP, ACCEPT, PICK_ALL, READY), COLLECT)],
)
def test_goods_that_leave_before_the_answer_are_refused(before: tuple[Command, ...], leaves: Command) -> None:
    spec = asked(*before)
    outcome = spec.when(leaves, door="node").answered(ORDER, ORDER)
    left, event = outcome.events
    assert isinstance(left, HandedOver | Collected) and isinstance(event, CancelDecided)
    assert event.decision is CancelDecision.LEFT
    assert [line.refused for line in event.lines] == [3, 1]
    assert event_of(spec.when(ALL, door="node")).reason is RefusalReason.ALREADY_DONE


def test_a_pick_that_finds_nothing_leaves_nothing_to_decide() -> None:
    spec = asked(CREATE, ACCEPT)
    outcome = spec.when(PICK_NOTHING, door="node").answered(ORDER, ORDER)
    assert decided(outcome).decision is CancelDecision.NOTHING_LEFT
    assert event_of(spec.when(ALL, door="node")).reason is RefusalReason.CLOSED


def test_the_work_may_go_on_while_the_node_thinks() -> None:
    spec = asked(CREATE, ACCEPT)
    spec.when(PICK_LESS, door="node")
    event = decided(spec.when(answer(2, 1), door="node"))
    assert [(line.granted, line.refused) for line in event.lines] == [(2, 0), (1, 0)]


# Answers that do not fit


def test_an_answer_that_comes_again_changes_nothing() -> None:
    spec = asked(CREATE, ACCEPT)
    spec.when(PART, door="node")
    later = PART.model_copy(update={"occurred_at": DAWN + timedelta(hours=1)})
    assert isinstance(event_of(spec.when(later, door="node").answered().sends()), NodeDocumentRepeated)
    other = event_of(spec.when(ALL, door="node").answered().sends())
    assert other.reason is RefusalReason.ALREADY_DONE


def test_an_answer_that_comes_again_says_the_same_of_its_packages() -> None:
    spec = asked(CREATE, ACCEPT, PICK_ALL, PACK)
    rest = (package(1, "1", 1), package(2, "2", 1))
    spec.when(answer(2, 0, "d1", *rest), door="node")
    assert isinstance(event_of(spec.when(answer(2, 0, "d1", *rest[::-1]), door="node")), NodeDocumentRepeated)
    heavier = rest[0].model_copy(update={"weight_grams": 901})
    for other in ((heavier, rest[1]), ()):
        refused = event_of(spec.when(answer(2, 0, "d1", *other), door="node"))
        assert refused.reason is RefusalReason.ALREADY_DONE


@pytest.mark.parametrize(
    ("before", "command", "reason"),
    [
        ((), ALL, RefusalReason.UNKNOWN),
        ((CREATE,), ALL, RefusalReason.NOT_ASKED),
        ((CREATE, ACCEPT, PICK_ALL), ALL, RefusalReason.NOT_ASKED),
        ((CREATE, FIRST), ALL, RefusalReason.CANCELLED),
        ((CREATE, ACCEPT, FIRST), answer(4, 0), RefusalReason.MORE_THAN_ASKED),
        ((CREATE, ACCEPT, PICK_LESS, FIRST), answer(3, 0), RefusalReason.MORE_THAN_ASKED),
        ((CREATE, ACCEPT, FIRST), ALL.model_copy(update={"lines": ALL.lines[:1]}), RefusalReason.LINE_MISSING),
        ((CREATE, ACCEPT, FIRST), ALL.model_copy(update={"lines": (*ALL.lines, ALL.lines[0])}), RefusalReason.LINE_MISSING),
        ((CREATE, ACCEPT, FIRST), RecordCancelDecision(document="d", lines=(CancelAnswer(line="9", sequence=1, granted=0, reason=BUSY),)), RefusalReason.UNKNOWN_LINE),
        ((CREATE, ACCEPT, FIRST), RecordCancelDecision(document="d", lines=(CancelAnswer(line="1", sequence=1, granted=2), ALL.lines[1])), RefusalReason.REASON_MISSING),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_fit_is_refused_by_name_and_may_be_put_right(
    before: tuple[Command, ...], command: Command, reason: RefusalReason
) -> None:
    spec = after(*before)
    waiting = spec.state.cancel
    refused = event_of(spec.when(command, door="node").answered().sends())
    assert isinstance(refused, FulfillmentRefused)
    assert (refused.step, refused.reason) == ("RecordCancelDecision", reason)
    assert spec.state.cancel == waiting


def test_content_of_a_package_that_the_node_opened_keeps_its_lots() -> None:
    spec = asked(CREATE, ACCEPT, PICK_ALL, PACK)
    lot = TracedQuantity(quantity=1, lot="L1")
    content = PackedContent(line="1", sequence=1, quantity=1, traced=(lot,))
    rest = PackedPackage(number=1, contents=(content,), weight_grams=300)
    event = decided(spec.when(answer(2, 1, "d1", rest), door="node"))
    assert event.packages[0].contents[0].traced == (lot,)


# Some units of it


def some(*before: Command) -> Spec:
    """Work of which the order wishes to cancel two units of the first line after these."""
    spec = after(*before)
    spec.when(SOME, reply_to=ORDER)
    return spec


def one_line(granted: int, *packages: PackedPackage) -> RecordCancelDecision:
    lines = (CancelAnswer(line="1", sequence=1, granted=granted, reason=BUSY),)
    return RecordCancelDecision(document="d1", lines=lines, packages=packages)


def assert_refused(spec: Spec, command: Command, reason: RefusalReason) -> None:
    event = event_of(spec.when(command, door="node"))
    assert isinstance(event, FulfillmentRefused) and event.reason is reason


def test_before_the_node_accepts_so_much_less_is_to_be_picked() -> None:
    spec = after(CREATE)
    event = decided(spec.when(SOME, reply_to=ORDER).answered(ORDER).sends())
    assert (event.decision, event.part) == (CancelDecision.AT_ONCE, True)
    assert [(line.line, line.granted, line.refused) for line in event.lines] == [("1", 2, 0)]
    assert [(line.line, line.quantity) for line in spec.state.to_pick] == [("1", 1), ("2", 1)]
    spec.when(SOME, reply_to=ORDER).then_nothing()
    assert spec.state.stage is Stage.OPEN


def test_all_of_it_by_its_units_is_all_of_it() -> None:
    units = (CancelUnits(line="1", quantity=3), CancelUnits(line="2", quantity=1))
    whole = FIRST.model_copy(update={"lines": units})
    assert isinstance(event_of(after(CREATE).when(whole, reply_to=ORDER)), FulfillmentCancelled)
    requested = event_of(after(CREATE, ACCEPT).when(whole, reply_to=ORDER))
    assert isinstance(requested, CancelRequested) and not requested.part


@pytest.mark.parametrize("before", [(CREATE, ACCEPT), (CREATE, ACCEPT, PICK_ALL)])
def test_afterwards_the_node_is_asked_about_these_alone(before: tuple[Command, ...]) -> None:
    # given work that the node accepted
    spec = after(*before)
    # when two units are to be cancelled
    requested = event_of(spec.when(SOME, reply_to=ORDER).answered(ORDER))
    assert isinstance(requested, CancelRequested)
    assert ([(line.line, line.quantity) for line in requested.lines], requested.part) == ([("1", 2)], True)
    # then it answers for them, and not for more
    assert_refused(spec, one_line(3), RefusalReason.MORE_THAN_ASKED)
    event = decided(spec.when(one_line(2), door="node"))
    assert [(line.granted, line.refused) for line in event.lines] == [(2, 0)]
    # and the rest goes on
    assert spec.state.wanted == {("1", 1): 1, ("2", 1): 1}
    assert spec.state.stage is (Stage.PICKED if PICK_ALL in before else Stage.ACCEPTED)


def test_of_packed_goods_what_stays_is_said_again() -> None:
    spec = some(CREATE, ACCEPT, PICK_ALL, PACK)
    assert_refused(spec, one_line(2), RefusalReason.DIFFERS_FROM_PICKED)
    event = decided(spec.when(one_line(2, package(1, "1", 1), package(2, "2", 1)), door="node"))
    assert (event.part, len(event.packages)) == (True, 2)
    assert spec.state.stage is Stage.PACKED


def test_what_was_not_found_is_not_there_to_be_let_go_of() -> None:
    spec = some(CREATE, ACCEPT)
    none = RecordPick(document="p1", lines=(PickLine(line="1", sequence=1, quantity=0), PICK_ALL.lines[1]))
    event = decided(spec.when(none, door="node"))
    assert (event.decision, event.lines, event.part) == (CancelDecision.NOTHING_LEFT, (), True)
    again = SOME.model_copy(update={"request": 2})
    event = decided(spec.when(again, reply_to=ORDER))
    assert (event.decision, event.lines) == (CancelDecision.NOTHING_LEFT, ())


def test_once_the_goods_have_left_these_are_refused() -> None:
    refused = event_of(after(CREATE, ACCEPT, PICK_ALL, PACK, HAND_OVER).when(SOME, reply_to=ORDER))
    assert isinstance(refused, FulfillmentCancelRefused)
    assert [(line.line, line.quantity) for line in refused.lines] == [("1", 2)]


def test_silence_keeps_these_and_what_left_first_too() -> None:
    assert [(line.line, line.refused) for line in decided(late(some(CREATE, ACCEPT))).lines] == [("1", 2)]
