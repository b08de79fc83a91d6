"""The floor: each fact on the public topics is followed by the one deed that it calls for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from contracts.fulfillment import (
    RecordAcceptance,
    RecordCancelDecision,
    RecordCollection,
    RecordHandOver,
    RecordPack,
    RecordPick,
    RecordReady,
)
from contracts.message import Message
from contracts.shipping import RecordTracking
from oms.demo.door import Door
from oms.demo.floor import Floor
from oms.demo.tail import Seen

WHEN = datetime(2026, 1, 31, tzinfo=UTC)
DEADLINE_SECONDS = 5.0
LINE = {"line": "1", "sequence": 0, "sku": "P1", "quantity": 3, "unit": "each"}


class NotedDoor:
    """A door that notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, Any], str]] = []

    async def post(self, path: str, body: Mapping[str, Any], key: str) -> None:
        self.calls.append((path, body, key))

    wish = post


def seen(name: str, id: str = "fo-1", **value: Any) -> Seen:
    return Seen(name, id, WHEN, value)


CREATED = seen("FulfillmentOrderCreated", lines=[LINE], method="ship")
ACCEPTED = seen("FulfillmentAccepted", order_id="o-1")
PICKED = seen("Picked", lines=[LINE])
PACKED = seen("Packed")
LABELLED = seen("LabelIssued", "sh-1", fulfillment_order="fo-1")
GONE = seen("HandedOver")
SHIPPED = seen("Shipped", "sh-1", fulfillment_order="fo-1", carrier="own-fleet", packages=[{"package": "pk-1"}])
DELIVERED = seen("Delivered", "sh-1", outstanding=0)


def deeds_after(
    past: list[Seen], now: list[Seen], expected: int, mislaid: Mapping[str, str] | None = None
) -> list[tuple[str, Mapping[str, Any], str]]:
    """What the floor did when it started after `past` and then saw `now`."""
    door = NotedDoor()

    async def play() -> None:
        floor = Floor(cast(Door, door), cast(Door, door), mislaid)
        work = asyncio.create_task(floor.work())
        for event in past:
            await floor.note(event)
        await floor.start()
        for event in now:
            await floor.note(event)
        await _until(lambda: len(door.calls) >= expected and floor.idle)
        work.cancel()

    asyncio.run(play())
    return door.calls


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not true():
            await asyncio.sleep(0)


def test_work_is_accepted_picked_packed_and_handed_over_once_it_is_labelled() -> None:
    calls = deeds_after([], [CREATED, ACCEPTED, PICKED, PACKED, LABELLED], expected=4)

    assert [path for path, _, _ in calls] == [
        "/fulfillment-orders/fo-1/acceptance",
        "/fulfillment-orders/fo-1/pick",
        "/fulfillment-orders/fo-1/pack",
        "/fulfillment-orders/fo-1/hand-over",
    ]
    messages: list[type[Message]] = [RecordAcceptance, RecordPick, RecordPack, RecordHandOver]
    for message, (_, body, key) in zip(messages, calls, strict=True):
        assert message.model_validate(body).model_dump()["document"] == key


def test_what_is_collected_is_laid_ready_and_handed_over_the_counter() -> None:
    created = seen("FulfillmentOrderCreated", lines=[LINE], method="pickup")
    ready, collected = seen("ReadyForPickup", lines=[LINE]), seen("Collected", lines=[LINE])
    calls = deeds_after([], [created, ACCEPTED, PICKED, ready, collected], expected=4)

    assert [path.rpartition("/")[2] for path, _, _ in calls] == ["acceptance", "pick", "ready", "collection"]
    for message, (_, body, key) in zip((RecordReady, RecordCollection), calls[2:], strict=True):
        assert message.model_validate(body).document == key  # type: ignore[attr-defined]
    assert deeds_after([created, ACCEPTED, PICKED, ready, collected], [], expected=0) == []


def test_a_cancel_is_granted_until_the_goods_are_picked_and_refused_with_a_reason_afterwards() -> None:
    asked = seen("CancelRequested", lines=[LINE], request=0, answer_by="2026-01-31T04:00:00.000Z")
    for past, granted, reason in (([ACCEPTED], 3, None), ([ACCEPTED, PICKED], 0, "picked already")):
        answers = [
            deeds_after([CREATED, *past, asked], [], expected=2)[-1],
            deeds_after([CREATED, *past], [asked], expected=2)[-1],
        ]
        for path, body, _ in answers:
            assert path == "/fulfillment-orders/fo-1/cancel-decision"
            [answer] = RecordCancelDecision.model_validate(body).lines
            assert (answer.granted, answer.reason) == (granted, reason)


def let_go(granted: int) -> list[Seen]:
    """Work of three units, of which so many are asked back, and let go of."""
    decided = {"line": "1", "sequence": 0, "granted": granted, "refused": 0}
    asked = {**LINE, "quantity": granted}
    return [seen("CancelRequested", lines=[asked], request=0), seen("CancelDecided", lines=[decided])]


def test_work_that_was_let_go_of_is_left_alone() -> None:
    assert deeds_after([CREATED, ACCEPTED, *let_go(3)], [], expected=0) == []


def test_what_is_left_of_work_is_picked() -> None:
    for before, after in (([CREATED], [ACCEPTED]), ([CREATED, ACCEPTED], [])):
        ((path, body, _),) = deeds_after([*before, *let_go(2), *after], [], expected=1)

        assert path == "/fulfillment-orders/fo-1/pick"
        assert [line["quantity"] for line in body["lines"]] == [1]


def test_packed_goods_wait_for_their_label() -> None:
    assert len(deeds_after([], [CREATED, ACCEPTED, PICKED, PACKED], expected=3)) == 3


def test_a_label_that_is_seen_before_the_packing_counts() -> None:
    calls = deeds_after([], [CREATED, ACCEPTED, PICKED, LABELLED, PACKED], expected=4)

    assert calls[-1][0] == "/fulfillment-orders/fo-1/hand-over"


def test_the_carrier_delivers_every_package_that_was_shipped() -> None:
    calls = deeds_after([], [SHIPPED], expected=1)

    assert calls[0][0] == "/shipments/sh-1/tracking"
    assert RecordTracking.model_validate(calls[0][1]).event_id == calls[0][2]


def test_the_floor_takes_up_its_work_where_it_was_stopped() -> None:
    calls = deeds_after([LABELLED, CREATED, ACCEPTED, PICKED, PACKED], [], expected=1)

    assert [path for path, _, _ in calls] == ["/fulfillment-orders/fo-1/hand-over"]


def test_what_was_finished_in_the_past_is_left_alone() -> None:
    past = [CREATED, ACCEPTED, PICKED, PACKED, LABELLED, GONE, SHIPPED, DELIVERED]

    assert deeds_after(past, [], expected=0) == []


def test_the_first_to_look_for_what_is_mislaid_finds_a_unit_less_and_the_next_finds_all() -> None:
    mislaid, again = {"o-1": "P1"}, {"id": "fo-2", "order_id": "o-1"}
    short = seen("Picked", order_id="o-1", lines=[{**LINE, "quantity": 2, "short": 1}])
    elsewhere = [
        seen("FulfillmentOrderCreated", "fo-2", lines=[LINE], method="ship"),
        seen("FulfillmentAccepted", **again),
    ]

    first = deeds_after([], [CREATED, ACCEPTED], 2, mislaid)
    second = deeds_after([CREATED, ACCEPTED, short], elsewhere, 3, mislaid)

    line = RecordPick.model_validate(first[1][1]).lines[0]
    assert (line.quantity, line.short_reason) == (2, "not_on_shelf")
    picks = [RecordPick.model_validate(body) for path, body, _ in second if path == "/fulfillment-orders/fo-2/pick"]
    assert [(pick.lines[0].quantity, pick.lines[0].short_reason) for pick in picks] == [(3, None)]
