"""What a fulfillment order does with every message it takes, in the state it fits and in those it does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.testing import DAWN, Outcome, Spec
from contracts.fulfillment import (
    CancelFulfillment,
    Collected,
    CreateFulfillmentOrder,
    FulfillmentAccepted,
    FulfillmentLine,
    FulfillmentOrderCreated,
    FulfillmentRefused,
    FulfillmentRejected,
    HandedOver,
    NodeDocumentRepeated,
    Packed,
    PackedContent,
    PackedPackage,
    Picked,
    PickLine,
    ReadyForPickup,
    RecordAcceptance,
    RecordCollection,
    RecordHandOver,
    RecordPack,
    RecordPick,
    RecordReady,
    RefusalReason,
)
from contracts.ids import aggregate_id, stream
from contracts.inventory import RecordGone, RecordPicked, RecordPutBack
from contracts.message import Command
from contracts.personal import Personal
from services.fulfillment.fulfillment_order import FULFILLMENT_ORDER

ORDER = "order:order/o1"
ASKED = (
    FulfillmentLine(line="1", sequence=1, sku="SKU-1", quantity=3, unit="each"),
    FulfillmentLine(line="2", sequence=1, sku="SKU-2", quantity=1, unit="each"),
)
CREATE = CreateFulfillmentOrder(order_id="o1", location="north", sequence=1, ship_group="1", method="ship", lines=ASKED)
CREATE_PICKUP = CREATE.model_copy(
    update={"method": "pickup", "pickup_person": Personal(subject="s", ciphertext="c2Vh")}
)
ACCEPT = RecordAcceptance(document="a1")
REJECT = RecordAcceptance(document="a1", accepted=False, reject_reason="closed today")
PICK_ALL = RecordPick(
    document="p1", lines=(PickLine(line="1", sequence=1, quantity=3), PickLine(line="2", sequence=1, quantity=1))
)
PICK_NOTHING = RecordPick(
    document="p1", lines=(PickLine(line="1", sequence=1, quantity=0), PickLine(line="2", sequence=1, quantity=0))
)


def package(number: int, line: str, quantity: int) -> PackedPackage:
    content = PackedContent(line=line, sequence=1, quantity=quantity)
    return PackedPackage(number=number, contents=(content,), weight_grams=900)


PACK = RecordPack(document="k1", packages=(package(1, "1", 3), package(2, "2", 1)))
HAND_OVER = RecordHandOver(document="h1", handed_to="own-fleet", occurred_at=DAWN)
READY = RecordReady(document="r1", shelf="rack 7", occurred_at=DAWN)
COLLECT = RecordCollection(document="c1", collected_by=Personal(subject="t", ciphertext="c2Vh"))
CANCEL = CancelFulfillment(cause="the customer asked")


def after(*commands: Command) -> Spec:
    spec = Spec(FULFILLMENT_ORDER, "fulfillment", stream("fulfillment_order", FULFILLMENT_ORDER_ID))
    for command in commands:
        spec.when(command, reply_to=ORDER if isinstance(command, CreateFulfillmentOrder) else None)
    return spec


FULFILLMENT_ORDER_ID = aggregate_id("default", "fulfillment_order", "o1", "north", "1")


def event_of(outcome: Outcome) -> Any:
    (event,) = outcome.events
    return event


def stock(sku: str) -> str:
    return stream("stock_item", aggregate_id("default", "stock_item", sku))


def test_the_whole_work_answers_the_order_at_every_step_and_tells_the_stock_items() -> None:
    spec = Spec(FULFILLMENT_ORDER, "fulfillment", stream("fulfillment_order", FULFILLMENT_ORDER_ID))
    assert isinstance(event_of(spec.when(CREATE, reply_to=ORDER).answered(ORDER)), FulfillmentOrderCreated)
    assert isinstance(event_of(spec.when(ACCEPT, door="node").answered(ORDER)), FulfillmentAccepted)
    picked = spec.when(PICK_ALL, door="node").answered(ORDER)
    assert isinstance(event_of(picked), Picked)
    facts = [(send.stream, type(send.message)) for send in picked.sent]
    assert facts == [(stock("SKU-1"), RecordPicked), (stock("SKU-2"), RecordPicked)]
    packed = event_of(spec.when(PACK, door="node").answered(ORDER).sends())
    assert isinstance(packed, Packed)
    assert [content.fulfillment_order for content in packed.packages[0].contents] == [FULFILLMENT_ORDER_ID]
    gone = spec.when(HAND_OVER, door="node").answered(ORDER)
    assert isinstance(event_of(gone), HandedOver)
    assert event_of(gone).packages == packed.packages
    (first, second) = gone.sent
    assert isinstance(first.message, RecordGone) and isinstance(second.message, RecordGone)
    assert (first.message.quantity, first.message.demand.line, first.message.fulfillment_order) == (
        3,
        "1",
        FULFILLMENT_ORDER_ID,
    )


def test_a_short_pick_says_what_is_missing_and_why() -> None:
    lines = (
        PickLine(line="1", sequence=1, quantity=1, short_reason="shelf empty"),
        PickLine(line="2", sequence=1, quantity=1),
    )
    outcome = after(CREATE, ACCEPT).when(RecordPick(document="p1", lines=lines), door="node")
    first, second = event_of(outcome).lines
    assert (first.expected, first.quantity, first.short, first.short_reason) == (3, 1, 2, "shelf empty")
    assert second.short == 0
    fact = outcome.sent[0].message
    assert isinstance(fact, RecordPicked) and (fact.expected, fact.quantity) == (3, 1)


def test_another_item_taken_leaves_the_one_asked_for_short() -> None:
    lines = (PickLine(line="1", sequence=1, quantity=3, sku="SKU-9"), PickLine(line="2", sequence=1, quantity=1))
    outcome = after(CREATE, ACCEPT).when(RecordPick(document="p1", lines=lines), door="node")
    asked, other, _ = outcome.sent
    assert isinstance(asked.message, RecordPicked) and isinstance(other.message, RecordPicked)
    assert (asked.stream, asked.message.quantity, asked.message.expected) == (stock("SKU-1"), 0, 3)
    assert (other.stream, other.message.quantity, other.message.expected) == (stock("SKU-9"), 3, 0)
    assert other.message.substitute_for == "SKU-1"


PICK_MORE = RecordPick(document="p1", lines=(PickLine(line="1", sequence=1, quantity=5), PICK_ALL.lines[1]))
PACK_MORE = RecordPack(document="k1", packages=(package(1, "1", 5), package(2, "2", 1)))


def test_more_taken_than_asked_for_is_put_back_when_the_rest_is_packed() -> None:
    spec = after(CREATE, ACCEPT, PICK_MORE)
    assert event_of(spec.when(PACK_MORE, door="node")).reason is RefusalReason.DIFFERS_FROM_PICKED
    packed = spec.when(PACK, door="node")
    assert isinstance(event_of(packed), Packed)
    (back,) = packed.sent
    assert isinstance(back.message, RecordPutBack)
    assert (back.stream, back.message.quantity, back.message.document) == (stock("SKU-1"), 2, "k1")


def test_what_leaves_is_what_was_packed() -> None:
    gone = after(CREATE, ACCEPT, PICK_MORE, PACK).when(HAND_OVER, door="node").sent
    assert [send.message.quantity for send in gone] == [3, 1]  # type: ignore[attr-defined]


@pytest.mark.parametrize("sku", ["SKU-1", "", None])
def test_the_item_asked_for_needs_no_name(sku: str | None) -> None:
    lines = (PickLine(line="1", sequence=1, quantity=3, sku=sku), PICK_ALL.lines[1])
    outcome = after(CREATE, ACCEPT).when(RecordPick(document="p1", lines=lines), door="node")
    assert [send.stream for send in outcome.sent] == [stock("SKU-1"), stock("SKU-2")]


# Collected at a counter


@pytest.mark.parametrize("packed", [(), (PACK,)], ids=["as picked", "in packages"])
def test_what_is_collected_lies_ready_and_is_gone_once_it_was_handed_over_the_counter(
    packed: tuple[Command, ...],
) -> None:
    # given goods of a pickup that were picked, and packed or not
    spec = after(CREATE_PICKUP, ACCEPT, PICK_ALL, *packed)
    # when they lie ready, then the order hears it and stock does not
    ready = event_of(spec.when(READY, door="node").answered(ORDER).sends())
    assert isinstance(ready, ReadyForPickup)
    assert (ready.shelf, [line.quantity for line in ready.lines]) == ("rack 7", [3, 1])
    # when they are collected, then the order hears it, and the stock items that they are gone
    outcome = spec.when(COLLECT, door="node").answered(ORDER)
    collected = event_of(outcome)
    assert isinstance(collected, Collected)
    assert (collected.lines, collected.collected_by) == (ready.lines, COLLECT.collected_by)
    assert [(send.stream, type(send.message)) for send in outcome.sent] == [
        (stock("SKU-1"), RecordGone),
        (stock("SKU-2"), RecordGone),
    ]
    assert [send.message.quantity for send in outcome.sent] == [3, 1]  # type: ignore[attr-defined]


def test_the_node_knows_who_may_collect_and_that_no_carrier_comes() -> None:
    asked = after(CREATE_PICKUP).state
    assert asked.for_pickup and asked.asked.pickup_person == CREATE_PICKUP.pickup_person


@pytest.mark.parametrize(("packed", "back"), [((), [2]), ((PACK,), [])])
def test_more_taken_than_asked_for_goes_back_once_before_it_lies_ready(
    packed: tuple[Command, ...], back: list[int]
) -> None:
    spec = after(CREATE_PICKUP, ACCEPT, PICK_MORE, *packed)
    outcome = spec.when(READY, door="node")
    assert [line.quantity for line in event_of(outcome).lines] == [3, 1]
    assert [(type(send.message), send.message.quantity) for send in outcome.sent] == [  # type: ignore[attr-defined]
        (RecordPutBack, quantity) for quantity in back
    ]
    gone = spec.when(COLLECT, door="node").sent
    assert [send.message.quantity for send in gone] == [3, 1]  # type: ignore[attr-defined]


def test_nothing_picked_ends_the_work() -> None:
    spec = after(CREATE, ACCEPT, PICK_NOTHING)
    assert event_of(spec.when(PACK, door="node")).reason is RefusalReason.CLOSED


def test_a_rejection_gives_the_lines_back_to_the_order() -> None:
    outcome = after(CREATE).when(REJECT, door="node").answered(ORDER)
    rejected = event_of(outcome)
    assert isinstance(rejected, FulfillmentRejected)
    assert (rejected.lines, rejected.reject_reason) == (ASKED, "closed today")


@pytest.mark.parametrize(
    ("before", "again"),
    [
        ((CREATE, ACCEPT), ACCEPT),
        ((CREATE, ACCEPT, PICK_ALL), PICK_ALL),
        ((CREATE, ACCEPT, PICK_ALL, PACK), PACK),
        ((CREATE, ACCEPT, PICK_ALL, PACK, HAND_OVER), HAND_OVER),
        ((CREATE_PICKUP, ACCEPT, PICK_ALL, READY), READY),
        ((CREATE_PICKUP, ACCEPT, PICK_ALL, READY, COLLECT), READY),
        ((CREATE_PICKUP, ACCEPT, PICK_ALL, PACK, READY, COLLECT), COLLECT),
    ],
)
def test_a_document_that_comes_again_changes_nothing_and_leaves_an_event(
    before: tuple[Command, ...], again: RecordAcceptance
) -> None:
    outcome = after(*before).when(again, door="node").answered().sends()
    assert event_of(outcome) == NodeDocumentRepeated(
        document=again.document, step=type(again).__name__, door_digest=event_of(outcome).door_digest
    )


PICK_LESS = RecordPick(document="p1", lines=(PickLine(line="1", sequence=1, quantity=2), PICK_ALL.lines[1]))
LOADED = HAND_OVER.model_copy(update={"handed_to": "somebody else"})


@pytest.mark.parametrize(
    ("before", "other"),
    [
        ((CREATE, ACCEPT), REJECT),
        ((CREATE, ACCEPT, PICK_ALL), PICK_LESS),
        ((CREATE, ACCEPT, PICK_ALL), PICK_ALL.model_copy(update={"lines": PICK_ALL.lines[:1]})),
        ((CREATE, ACCEPT, PICK_ALL, PACK), PACK.model_copy(update={"packages": (package(3, "1", 3), package(4, "2", 1))})),
        ((CREATE, ACCEPT, PICK_ALL, PACK, HAND_OVER), LOADED),
        ((CREATE_PICKUP, ACCEPT, PICK_ALL, READY), READY.model_copy(update={"shelf": "rack 8"})),
        ((CREATE_PICKUP, ACCEPT, PICK_ALL, READY, COLLECT), COLLECT.model_copy(update={"collected_by": None})),
    ],
)  # fmt: skip
def test_a_document_that_says_something_else_than_before_is_refused_and_the_first_stands(
    before: tuple[Command, ...], other: Command
) -> None:
    spec = after(*before)
    first = spec.state
    refused = event_of(spec.when(other, door="node").answered().sends())
    assert isinstance(refused, FulfillmentRefused)
    assert (refused.step, refused.reason) == (type(other).__name__, RefusalReason.ALREADY_DONE)
    assert spec.state == first


def test_a_document_sent_again_at_another_time_is_the_same() -> None:
    later = HAND_OVER.model_copy(update={"occurred_at": DAWN + timedelta(hours=1)})
    outcome = after(CREATE, ACCEPT, PICK_ALL, PACK, HAND_OVER).when(later, door="node")
    assert isinstance(event_of(outcome), NodeDocumentRepeated)


@pytest.mark.parametrize(
    ("before", "command", "reason"),
    [
        ((), ACCEPT, RefusalReason.UNKNOWN),
        ((), PICK_ALL, RefusalReason.UNKNOWN),
        ((CREATE,), PICK_ALL, RefusalReason.NOT_ACCEPTED),
        ((CREATE, ACCEPT), PACK, RefusalReason.NOT_PICKED),
        ((CREATE, ACCEPT, PICK_ALL), HAND_OVER, RefusalReason.NOT_PACKED),
        ((), READY, RefusalReason.UNKNOWN),
        ((CREATE_PICKUP, ACCEPT), READY, RefusalReason.NOT_PICKED),
        ((CREATE_PICKUP, ACCEPT, PICK_ALL, PACK), COLLECT, RefusalReason.NOT_READY),
        ((CREATE_PICKUP, ACCEPT, PICK_ALL, READY), READY.model_copy(update={"document": "r2"}), RefusalReason.ALREADY_DONE),
        ((CREATE_PICKUP, ACCEPT, PICK_ALL, READY), PACK, RefusalReason.ALREADY_DONE),
        ((CREATE_PICKUP, ACCEPT, PICK_ALL, PACK), HAND_OVER, RefusalReason.WRONG_METHOD),
        ((CREATE, ACCEPT, PICK_ALL), READY, RefusalReason.WRONG_METHOD),
        ((CREATE, ACCEPT, PICK_ALL, PACK), COLLECT, RefusalReason.WRONG_METHOD),
        ((CREATE_PICKUP, CANCEL), COLLECT, RefusalReason.CANCELLED),
        ((CREATE, ACCEPT), RecordAcceptance(document="a2"), RefusalReason.ALREADY_DONE),
        ((CREATE, ACCEPT, PICK_ALL, PACK), PICK_ALL.model_copy(update={"document": "p2"}), RefusalReason.ALREADY_DONE),
        ((CREATE, REJECT), PICK_ALL, RefusalReason.CLOSED),
        ((CREATE, CANCEL), ACCEPT, RefusalReason.CANCELLED),
        ((CREATE, ACCEPT), RecordPick(document="p", lines=(PickLine(line="9", sequence=1, quantity=1),)), RefusalReason.UNKNOWN_LINE),
        ((CREATE, ACCEPT), RecordPick(document="p", lines=PICK_ALL.lines[:1]), RefusalReason.LINE_MISSING),
        ((CREATE, ACCEPT), RecordPick(document="p", lines=(*PICK_ALL.lines, PICK_ALL.lines[0])), RefusalReason.LINE_MISSING),
        ((CREATE, ACCEPT, PICK_ALL), RecordPack(document="k", packages=PACK.packages[:1]), RefusalReason.DIFFERS_FROM_PICKED),
        ((CREATE, ACCEPT, PICK_ALL), RecordPack(document="k", packages=(PACK.packages[0],) * 2), RefusalReason.DUPLICATE_PACKAGE),
    ],
)  # fmt: skip
def test_a_step_that_does_not_fit_is_refused_by_name(
    before: tuple[Command, ...], command: Command, reason: RefusalReason
) -> None:
    spec = after(*before)
    refused = event_of(spec.when(command, door="node").answered().sends())
    assert isinstance(refused, FulfillmentRefused)
    assert (refused.step, refused.reason) == (type(command).__name__, reason)


def test_a_refused_document_may_be_put_right_and_sent_again() -> None:
    spec = after(CREATE, ACCEPT, PICK_ALL)
    spec.when(RecordPack(document="k1", packages=PACK.packages[:1]), door="node")
    assert isinstance(event_of(spec.when(PACK, door="node")), Packed)


def test_the_same_creation_again_changes_nothing_and_another_is_refused() -> None:
    spec = after(CREATE)
    spec.when(CREATE, reply_to=ORDER).then_nothing()
    other = CREATE.model_copy(update={"lines": ASKED[:1]})
    assert event_of(spec.when(other, reply_to=ORDER).answered(ORDER)).reason is RefusalReason.EXISTS


def test_what_a_node_reports_belongs_to_the_story_of_the_order() -> None:
    # given work of an order, reported at a door under the stream of the work itself
    spec = after(CREATE, ACCEPT)
    outcome = spec.when(PICK_ALL, door="node", correlation=spec.name)
    # then the fact, and what it has stock do, are found with the rest of the order
    assert outcome.stories == {stream("order", CREATE.order_id)}
    assert outcome.sent
