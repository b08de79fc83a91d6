"""What holds of a fulfillment order whatever comes, in whatever order, however often."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.stream import open_deadlines
from chassis.testing import DAWN, Outcome, Spec
from contracts.chassis import DeadlinePassed, MessageParked
from contracts.fulfillment import (
    CancelAnswer,
    CancelDecided,
    CancelFulfillment,
    Collected,
    CreateFulfillmentOrder,
    FulfillmentRefused,
    HandedOver,
    NodeDocumentRepeated,
    PickLine,
    RecordCancelDecision,
    RecordPack,
    RecordPick,
)
from contracts.inventory import RecordGone, RecordPicked, RecordPutBack
from contracts.message import Command
from services.fulfillment.fulfillment_order import FULFILLMENT_ORDER
from services.fulfillment.fulfillment_order_state import CANCEL_ANSWER
from services.fulfillment.tests.test_fulfillment_order import (
    ACCEPT,
    CANCEL,
    COLLECT,
    CREATE,
    CREATE_PICKUP,
    HAND_OVER,
    ORDER,
    PACK,
    PICK_ALL,
    PICK_LESS,
    PICK_NOTHING,
    READY,
    REJECT,
    after,
    package,
)

DOCUMENTS = ("d1", "d2")
OTHER_WORK = CREATE.model_copy(update={"lines": CREATE.lines[:1]})
quantities = st.integers(0, 5)


def _pick(document: str, first: int, second: int, sku: str | None, lines: int) -> RecordPick:
    """What a scanner says of both lines: more, less, another item; or of one line, or of one that nobody asked for."""
    said = (
        PickLine(line="1", sequence=1, quantity=first, sku=sku),
        PickLine(line="2", sequence=1, quantity=second),
        PickLine(line="9", sequence=1, quantity=1),
    )
    return RecordPick(document=document, lines=said[:lines])


def _pack(document: str, contents: list[tuple[int, str, int]]) -> RecordPack:
    """Packages with a line each; two may have one number."""
    packages = [package(number, line, quantity) for number, line, quantity in contents]
    return RecordPack(document=document, packages=tuple(packages))


picks = st.builds(
    _pick,
    st.sampled_from(DOCUMENTS),
    quantities,
    quantities,
    st.none() | st.just("SKU-9"),
    st.sampled_from([2, 2, 1, 3]),
)
packs = st.builds(
    _pack,
    st.sampled_from(DOCUMENTS),
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from("12"), st.integers(1, 4)), min_size=1, max_size=3),
)
SILENCE = DeadlinePassed(name=CANCEL_ANSWER, due=DAWN)
"""Stands for the deadline that is open when its turn comes."""

CANCELS = tuple(CANCEL.model_copy(update={"request": number}) for number in (1, 2))


@st.composite
def answers(draw: Any) -> RecordCancelDecision:
    """A node lets go of some units, and says what its packages hold then, if it has any."""
    first, second = draw(st.integers(0, 3)), draw(st.integers(0, 1))
    stays = [
        package(number, line, left)
        for number, (line, left) in enumerate([("1", 3 - first), ("2", 1 - second)], 1)
        if left
    ]
    granted = [
        CancelAnswer(line=line, sequence=1, granted=units, reason="busy")
        for line, units in (("1", first), ("2", second))
    ]
    return RecordCancelDecision(
        document=draw(st.sampled_from(DOCUMENTS)),
        lines=tuple(granted[: draw(st.sampled_from([1, 2, 2, 2]))]),
        packages=tuple(stays) if draw(st.booleans()) else (),
    )


PICKS = (PICK_ALL, PICK_LESS, PICK_NOTHING)
STEPS = (ACCEPT, REJECT, *PICKS, PACK, HAND_OVER, READY, COLLECT)
AGAIN = tuple(step.model_copy(update={"document": "again"}) for step in STEPS)
SHIPPED = (CREATE, ACCEPT, PICK_ALL, PACK, HAND_OVER)
AT_COUNTER = (CREATE_PICKUP, ACCEPT, PICK_ALL, READY, COLLECT)
commands = st.one_of(
    picks,
    packs,
    st.sampled_from([CREATE, CREATE_PICKUP, OTHER_WORK, *CANCELS * 2, *STEPS, *AGAIN]),
    st.sampled_from(STEPS),
    answers(),
    st.just(SILENCE),
)
so_far = st.builds(lambda way, steps: list(way[:steps]), st.sampled_from([SHIPPED, AT_COUNTER]), st.integers(0, 5))
"""Work that got so far before anything may come."""


@settings(max_examples=200)
@given(so_far, st.lists(commands, min_size=4, max_size=14))
def test_what_was_picked_goes_out_or_back_once_and_never_both(first: list[Any], then: list[Any]) -> None:
    spec = after()
    inside: Counter[str] = Counter()
    ends: list[type] = []
    for command in [*first, *then]:
        before = spec.state
        by_door = not isinstance(command, CreateFulfillmentOrder | CancelFulfillment | DeadlinePassed)
        outcome = _comes(spec, command, by_door)
        assert outcome.events or not by_door, "a message of a door leaves an event"
        assert not any(isinstance(event, MessageParked) for event in outcome.events), outcome.events
        if any(isinstance(event, FulfillmentRefused | NodeDocumentRepeated) for event in outcome.events):
            assert spec.state == before, "what is refused, or known already, changes nothing"
        ends += [type(event) for event in outcome.events if _ends_with_goods(event)]
        for fact in (send.message for send in outcome.sent):
            assert isinstance(fact, RecordPicked | RecordGone | RecordPutBack)
            inside[fact.sku] += fact.quantity if isinstance(fact, RecordPicked) else -fact.quantity
        assert all(quantity >= 0 for quantity in inside.values())
        assert len(ends) <= 1
        assert not ends or not any(inside.values())


def _comes(spec: Spec, command: Command, by_door: bool) -> Outcome:
    """It comes by the node's door or from the order; a silence ends whatever the work waits for, if it waits."""
    if command is SILENCE:
        for name, due in open_deadlines(FULFILLMENT_ORDER, spec.stream).items():
            return spec.at(due).when(DeadlinePassed(name=name, due=due))
    return spec.when(command, door="node") if by_door else spec.when(command, reply_to=ORDER)


def _ends_with_goods(event: Any) -> bool:
    return isinstance(event, HandedOver | Collected) or (
        isinstance(event, CancelDecided) and bool(event.put_back) and not any(line.refused for line in event.lines)
    )
