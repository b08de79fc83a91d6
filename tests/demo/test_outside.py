"""The channel, the order desk and the shelves: what each sends, and that a deed has the same key whenever it is done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, cast

import httpx
import pytest

from contracts.channel import ChannelOrder
from contracts.message import parse_instant
from oms.demo.baskets import Tally, next_orders
from oms.demo.channel import Channel
from oms.demo.desk import Desk
from oms.demo.door import Door, DoorRefused
from oms.demo.goods_back import GoodsBack
from oms.demo.shelves import Shelves
from oms.demo.tail import Seen
from oms.demo.till import Till
from oms.demo.turns import Part, Turn
from oms.demo.wishes import Wishes

WHEN = datetime(2026, 1, 31, tzinfo=UTC)
Call = tuple[str, Mapping[str, Any], str]


class NotedDoor:
    """A door that notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def post(self, path: str, body: Mapping[str, Any], key: str) -> None:
        self.calls.append((path, body, key))

    wish = post


class NotedTopic:
    """A producer that notes what it is given."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    async def send(self, topic: str, value: bytes, key: bytes) -> None:
        self.sent.append(json.loads(value))

    async def flush(self) -> None: ...


@pytest.fixture(scope="module")
def order() -> ChannelOrder:
    return next(order for _, order in next_orders(Till(), 0, 1, Tally()))


def sent(order: ChannelOrder, part: Part | None, times: int = 1) -> tuple[list[dict[str, Any]], list[Call]]:
    """What a channel published, and what it asked the doors, when it was to send an order of that turn."""
    door, topic = NotedDoor(), NotedTopic()
    channel = Channel(topic, "channel.orders", cast(Door, door), {order.lines[0].sku: "WH-EAST"})

    async def play() -> None:
        for _ in range(times):
            await channel.send(order, part)
        await channel.flush()

    asyncio.run(play())
    return topic.sent, door.calls


def test_one_order_in_twenty_goes_by_http(order: ChannelOrder) -> None:
    published, calls = sent(order, None, times=40)

    assert (len(published), [path for path, _, _ in calls]) == (38, ["/orders", "/orders"])


def test_an_order_that_is_sent_twice_is_the_same_twice(order: ChannelOrder) -> None:
    first, second = sent(order, Part(Turn.SENT_TWICE))[0]

    assert first == second


def test_a_revision_asks_for_another_service_and_the_next_says_the_same(order: ChannelOrder) -> None:
    published, _ = sent(order.model_copy(update={"revision": 1}), Part(Turn.REVISED))

    assert [each["revision"] for each in published] == [1, 2, 3]
    assert [each["ship_groups"][0].get("service_level") for each in published] == [None, "express", "express"]


def test_a_customer_who_does_not_wait_says_until_when(order: ChannelOrder) -> None:
    (published,), _ = sent(order, Part(Turn.LAPSED))

    assert parse_instant(published["cancel_after"]) > datetime.now(UTC)


def test_every_other_cart_gives_its_goods_back_before_the_order_is_sent(order: ChannelOrder) -> None:
    sku = order.lines[0].sku

    _, calls = sent(order, Part(Turn.IN_CART, (sku,)), times=2)

    claims = f"/stock-items/{sku}/claims"
    assert [path for path, _, _ in calls if path != "/orders"] == [claims, f"{claims}/release", claims]
    assert calls[0][1]["location"] == "WH-EAST"


def deeds(
    person: Callable[[Door, Callable[[Any], Awaitable[None]]], Desk | GoodsBack | Shelves | Wishes], *events: Seen
) -> list[Call]:
    """What somebody does about events of the topics."""
    door = NotedDoor()

    async def play() -> None:
        async def do(deed: Callable[[], Awaitable[None]]) -> None:
            await deed()

        one = person(cast(Door, door), do)
        for event in events:
            await one.note(event)

    asyncio.run(play())
    return door.calls


def desk(door: Door, do: Callable[[Any], Awaitable[None]]) -> Desk:
    return Desk(door, do, {"o-1", "o-2"}, {"o-2"})


def held(kind: str, order: str = "o-1") -> Seen:
    return Seen("HoldPlaced", order, WHEN, {"hold": "1", "kind": kind})


@pytest.mark.parametrize("kind", ["total_differs", "tenders_differ", "change_requested"])
def test_the_desk_accepts_differences(kind: str) -> None:
    ((path, body, key),) = deeds(desk, held(kind))

    assert (path, key) == ("/orders/o-1/holds/1/release", "release-o-1-1")
    assert body["detail"]


def test_the_desk_cancels_what_no_card_pays() -> None:
    ((path, _, key),) = deeds(desk, held("payment_declined"))

    assert (path, key) == ("/orders/o-1/cancel", "cancel-o-1")


def test_the_desk_cancels_what_has_no_address_and_what_is_regretted_when_it_is_picked() -> None:
    picked = Seen("Picked", "fo-1", WHEN, {"order_id": "o-2"})

    calls = deeds(desk, held("missing_address"), picked)

    assert [(path, key) for path, _, key in calls] == [
        ("/orders/o-1/cancel", "cancel-o-1"),
        ("/orders/o-2/cancel", "cancel-o-2"),
    ]
    assert {body["cause"] for _, body, _ in calls} == {"customer"}


def test_the_desk_leaves_alone_what_is_not_its_own() -> None:
    picked = Seen("Picked", "fo-1", WHEN, {"order_id": "o-1"})

    assert deeds(desk, held("total_differs", "o-9"), held("no_answer"), picked) == []


LINES = [
    {"line": "1", "sku": "P1", "quantity": 1, "amount": {"amount": 900}, "tax_included": False},
    {
        "line": "2",
        "sku": "P2",
        "quantity": 2,
        "amount": {"amount": 1_000},
        "charges": [{"amount": {"amount": -100}}],
        "taxes": [{"amount": {"amount": 37}}],
        "tax_included": False,
    },
]


def wants(turn: Turn, *events: Seen) -> list[Call]:
    """What the customer of an order of two lines wants, whose turn is about the second."""
    placed = Seen("OrderPlaced", "o-1", WHEN, {"lines": LINES})
    return deeds(lambda door, do: Wishes(door, do, {"o-1": Part(turn, ("P2",))}), placed, *events)


def delivered(line: str) -> Seen:
    return Seen("LinesDelivered", "o-1", WHEN, {"moves": [{"line": line}]})


COMPLETED = Seen("OrderCompleted", "o-1", WHEN, {})


def wishes(door: Door, do: Callable[[Any], Awaitable[None]]) -> Wishes:
    return Wishes(door, do, {"o-1": Part(Turn.PARTLY_CANCELLED, ("P1",)), "o-2": Part(Turn.APPEASED)})


def waits(order: str, line: str = "1") -> Seen:
    return Seen("LineBackordered", order, WHEN, {"line": line, "sequence": 4, "quantity": 2})


def test_a_customer_no_longer_wants_what_is_missing() -> None:
    placed = Seen("OrderPlaced", "o-1", WHEN, {"lines": LINES})

    ((path, body, key),) = deeds(wishes, placed, waits("o-1"), waits("o-1", "2"), waits("o-2"), waits("o-9"))

    assert (path, key) == ("/orders/o-1/cancel", "less-o-1-4")
    assert body["lines"] == [{"line": "1", "quantity": 2}]


def test_once_all_has_left_a_customer_gets_a_tenth_back() -> None:
    done = [Seen("OrderCompleted", order, WHEN, {}) for order in ("o-1", "o-2", "o-9")]

    ((path, body, key),) = deeds(wishes, *done)

    assert (path, key) == ("/orders/o-2/refunds", "appease-o-2")
    assert (body["cause"], body["percent"]) == ("appeasement", "10")


def test_once_it_is_delivered_a_unit_of_the_turns_article_is_sent_back() -> None:
    ((path, body, key),) = wants(Turn.RETURNED, delivered("1"), delivered("2"))

    assert (path, key) == ("/orders/o-1/returns", "back-o-1")
    assert body["lines"] == [{"line": "2", "quantity": 1, "reason": "changed_mind"}]


def test_a_unit_goes_back_for_another_size_that_costs_more_once_it_is_here_and_paid() -> None:
    proposed = Seen("ChangeProposed", "o-1", WHEN, {"change": "1"})

    exchange, agreed = wants(Turn.EXCHANGED, delivered("2"), COMPLETED, proposed)

    assert (exchange[0], exchange[2]) == ("/orders/o-1/changes", "exchange-o-1")
    assert exchange[1]["returns"] == [{"line": "2", "quantity": 1, "reason": "did_not_fit"}]
    assert [(line["sku"], line["amount"]) for line in exchange[1]["added"]] == [("P2-LARGE", 469 + 50)]
    assert exchange[1]["send"] == "on_receipt"
    assert (agreed[0], agreed[2]) == ("/orders/o-1/changes/1/confirm", "agree-o-1-1")


def test_or_for_one_that_costs_half() -> None:
    exchange, agreed = wants(
        Turn.EXCHANGED_FOR_LESS,
        delivered("2"),
        COMPLETED,
        Seen("ChangeProposed", "o-1", WHEN, {"change": "1"}),
    )

    assert [(line["sku"], line["amount"]) for line in exchange[1]["added"]] == [("P2-LARGE", 469 // 2)]
    assert agreed[0] == "/orders/o-1/changes/1/confirm"


def test_what_came_broken_is_sent_again_once_it_is_here_and_paid() -> None:
    ((path, body, key),) = wants(Turn.REPLACED, COMPLETED, delivered("1"), delivered("2"))

    assert (path, key) == ("/orders/o-1/refunds", "again-o-1")
    assert (body["lines"], body["to"]) == ([{"line": "2", "quantity": 1}], "replacement")


@pytest.mark.parametrize("turn", [Turn.EXCHANGED, Turn.EXCHANGED_FOR_LESS, Turn.REPLACED])
def test_what_is_not_here_or_not_paid_is_neither_exchanged_nor_sent_again(turn: Turn) -> None:
    assert wants(turn, delivered("2")) == wants(turn, delivered("1"), COMPLETED) == []


def test_what_comes_back_is_received_where_it_came_looked_at_and_sold_again() -> None:
    line = {"line": "2", "sku": "P2", "quantity": 1, "unit": "each"}
    opened = Seen("ReturnOpened", "r-1", WHEN, {"order_id": "o-1", "lines": [{**line, "reason": "changed_mind"}]})
    received = Seen("ReturnReceived", "r-1", WHEN, {"order_id": "o-1", "location": "WH-EAST", "items": [line]})
    others = opened._replace(id="r-9", value={**opened.value, "order_id": "o-9"})

    receipt, inspection = deeds(lambda door, do: GoodsBack(door, do, {"o-1"}), opened, received, others)

    assert (receipt[0], inspection[0]) == ("/returns/r-1/receipts", "/returns/r-1/inspections")
    assert (receipt[1]["items"], receipt[1]["document"]) == ([line], receipt[2])
    assert inspection[1]["items"] == [{**line, "disposition": "restock"}]
    assert inspection[1]["location"] == "WH-EAST"


def of_stock(name: str, order: str = "o-1", **value: Any) -> Seen:
    demand = {"kind": "order", "id": order, "line": "1"}
    return Seen(name, "s-1", WHEN, {"sku": "P1", "location": "WH", "unit": "each", "demand": demand, **value})


def shelves(door: Door, do: Callable[[Any], Awaitable[None]]) -> Shelves:
    return Shelves(door, do, {"o-1", "o-2"}, {"o-1": "P1"})


def test_what_is_kept_first_for_a_fragile_order_breaks_and_nothing_after_it() -> None:
    ((path, body, key),) = deeds(shelves, *[of_stock("StockReserved")] * 2, of_stock("StockReserved", "o-2"))

    assert (path, key) == ("/stock-items/P1/adjustments", "damaged-o-1")
    assert (body["reason"], body["status"], body["quantity"], body["document"]) == ("damaged", "sellable", 1, key)


def test_what_a_picker_did_not_find_is_found() -> None:
    picked = of_stock("StockPicked", short=2, fulfillment_order="fo-1")

    ((path, body, key),) = deeds(
        shelves, picked, of_stock("StockPicked", short=0), of_stock("StockPicked", "o-9", short=1)
    )

    assert (path, key) == ("/stock-items/P1/adjustments", "found-fo-1-P1")
    assert (body["reason"], body["status"], body["quantity"]) == ("cleared", "suspect", 2)


@pytest.mark.parametrize(("status", "raises"), [(202, False), (409, False), (403, True)])
def test_that_it_is_too_late_is_an_answer_to_a_wish_and_other_refusals_end_the_run(status: int, raises: bool) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"title": "no"})

    async def play() -> None:
        async with Door("http://doors.example", "token", httpx.MockTransport(answer)) as door:
            await door.wish("/orders/o-1/cancel", {}, "cancel-o-1")

    with pytest.raises(DoorRefused, match="/orders/o-1/cancel") if raises else nullcontext():
        asyncio.run(play())
