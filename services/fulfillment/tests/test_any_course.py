"""What holds of a fulfillment order whatever comes, in whatever order, however often."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.chassis import MessageParked
from contracts.fulfillment import (
    CancelAnswer,
    CancelDecided,
    CancelFulfillment,
    Collected,
    CreateFulfillmentOrder,
    HandedOver,
    PickLine,
    RecordCancelDecision,
    RecordPick,
)
from contracts.inventory import RecordGone, RecordPicked, RecordPutBack
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

OTHER_ITEM = RecordPick(
    document="p3", lines=(PickLine(line="1", sequence=1, quantity=3, sku="SKU-9"), PICK_ALL.lines[1])
)
MORE = RecordPick(document="p4", lines=(PickLine(line="1", sequence=1, quantity=5), PICK_ALL.lines[1]))
PACK_LESS = PACK.model_copy(update={"packages": (package(1, "1", 2), package(2, "2", 1))})
PACK_MORE = PACK.model_copy(update={"packages": (package(1, "1", 5), package(2, "2", 1))})
PICKS = (PICK_ALL, PICK_LESS, PICK_NOTHING, OTHER_ITEM, MORE)
STEPS = (ACCEPT, REJECT, *PICKS, PACK, PACK_LESS, PACK_MORE, HAND_OVER, READY, COLLECT)
AGAIN = tuple(step.model_copy(update={"document": "again"}) for step in STEPS)
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
        document=draw(st.sampled_from(["d1", "d2"])),
        lines=tuple(granted[: draw(st.sampled_from([1, 2, 2, 2]))]),
        packages=tuple(stays) if draw(st.booleans()) else (),
    )


commands = st.one_of(st.sampled_from([CREATE, CREATE_PICKUP, *CANCELS, *STEPS, *AGAIN]), answers())
work_first = st.builds(
    lambda asked, some: [asked, ACCEPT, *some], st.sampled_from([CREATE, CREATE_PICKUP]), st.lists(commands, max_size=3)
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.just([]), work_first), st.lists(commands, max_size=12))
def test_what_was_picked_goes_out_or_back_once_and_never_both(first: list[Any], then: list[Any]) -> None:
    spec = after()
    inside: Counter[str] = Counter()
    ends: list[type] = []
    for command in [*first, *then]:
        of_the_order = isinstance(command, CreateFulfillmentOrder | CancelFulfillment)
        outcome = spec.when(command, reply_to=ORDER) if of_the_order else spec.when(command, door="node")
        assert outcome.events or of_the_order, "a message of a door leaves an event"
        assert not any(isinstance(event, MessageParked) for event in outcome.events), outcome.events
        ends += [type(event) for event in outcome.events if _ends_with_goods(event)]
        for fact in (send.message for send in outcome.sent):
            assert isinstance(fact, RecordPicked | RecordGone | RecordPutBack)
            inside[fact.sku] += fact.quantity if isinstance(fact, RecordPicked) else -fact.quantity
        assert all(quantity >= 0 for quantity in inside.values())
        assert len(ends) <= 1
        assert not ends or not any(inside.values())


def _ends_with_goods(event: Any) -> bool:
    return isinstance(event, HandedOver | Collected) or (
        isinstance(event, CancelDecided) and bool(event.put_back) and not any(line.refused for line in event.lines)
    )
