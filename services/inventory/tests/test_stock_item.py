"""What a stock item does with every message it takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

import pytest

from chassis.testing import DAWN, Outcome, Spec
from contracts.inventory import (
    AdjustmentReason,
    AdjustStock,
    BreakReason,
    ClaimReduced,
    ClaimReleased,
    ClaimRepeated,
    ClaimStock,
    CountRequested,
    CountStock,
    Demand,
    DemandQueued,
    ExpectSupply,
    OnShortage,
    ReceiveStock,
    RecordGone,
    RecordHandedOut,
    RecordPicked,
    RecordPutBack,
    RejectReason,
    ReleaseClaim,
    ReservationBroken,
    StockAdjusted,
    StockChangeRefused,
    StockCounted,
    StockFulfilled,
    StockHandedOut,
    StockPicked,
    StockPutBack,
    StockReceived,
    StockRejected,
    StockReserved,
    StockStatus,
    SupplyExpected,
    TracedQuantity,
)
from services.inventory import claiming, closed_claims
from services.inventory.stock_book import Shelf, claim_key
from services.inventory.stock_item import STOCK_ITEM

T = TypeVar("T")


def stock_item() -> Spec:
    return Spec(STOCK_ITEM, "inventory")


def claim(order: str = "o1", quantity: int = 1, location: str = "north", **more: Any) -> ClaimStock:
    demand = Demand(kind="order", id=order, line="1")
    fields = {"sku": "SKU-1", "demand": demand, "sequence": 1, "unit": "each", **more}
    return ClaimStock(quantity=quantity, location=location, **fields)


def release(order: str = "o1") -> ReleaseClaim:
    return ReleaseClaim(sku="SKU-1", demand=Demand(kind="order", id=order, line="1"), sequence=1)


def receive(quantity: int, location: str = "north", **more: Any) -> ReceiveStock:
    return ReceiveStock(
        **{
            "sku": "SKU-1",
            "location": location,
            "quantity": quantity,
            "unit": "each",
            **more,
        }
    )


def adjust(quantity: int, reason: AdjustmentReason, **more: Any) -> AdjustStock:
    return AdjustStock(
        sku="SKU-1",
        location="north",
        quantity=quantity,
        unit="each",
        reason=reason,
        **more,
    )


def count(counted: int) -> CountStock:
    return CountStock(sku="SKU-1", location="north", counted=counted, unit="each")


def _fact(order: str, quantity: int) -> dict[str, Any]:
    demand = Demand(kind="order", id=order, line="1")
    fact = {
        "sku": "SKU-1",
        "demand": demand,
        "sequence": 1,
        "location": "north",
        "quantity": quantity,
    }
    return {**fact, "unit": "each", "fulfillment_order": "f1", "document": "d1"}


def pick(order: str, quantity: int, expected: int, **more: Any) -> RecordPicked:
    return RecordPicked(**_fact(order, quantity), expected=expected, **more)


def hand_out(order: str, quantity: int, unit: str = "each") -> RecordHandedOut:
    demand = Demand(kind="order", id=order, line="1")
    return RecordHandedOut(
        sku="SKU-1", demand=demand, location="north", quantity=quantity, unit=unit, fulfillment="h1", occurred_at=DAWN
    )


def kinds(outcome: Outcome) -> list[type]:
    return [type(event) for event in outcome.events]


def only(outcome: Outcome, kind: type[T]) -> T:
    (found,) = [event for event in outcome.events if isinstance(event, kind)]
    return found


def north(spec: Spec) -> Shelf:
    shelf: Shelf = spec.state.shelf("north")
    return shelf


# Claims


def test_a_claim_reserves_what_is_available_and_answers_whoever_asked() -> None:
    spec = stock_item()
    spec.when(receive(5))
    outcome = spec.when(claim(quantity=3), reply_to="order:order/o1")
    reserved = only(outcome, StockReserved)
    assert (reserved.quantity, reserved.waiting, reserved.location) == (3, 0, "north")
    (level,) = reserved.levels
    assert (level.on_hand, level.reserved, level.available) == (5, 3, 2)
    outcome.answered("order:order/o1")


def test_a_short_claim_takes_what_there_is_then_the_other_locations_and_waits_for_the_rest() -> None:
    spec = stock_item()
    spec.when(receive(2))
    spec.when(receive(3, "south"))
    outcome = spec.when(
        claim(quantity=9, eligible_locations=("north", "south")),
        reply_to="order:order/o1",
    )
    first, second, queued = outcome.events
    assert isinstance(first, StockReserved) and isinstance(second, StockReserved) and isinstance(queued, DemandQueued)
    assert [(event.location, event.quantity, event.waiting) for event in (first, second)] == [
        ("north", 2, 7),
        ("south", 3, 4),
    ]
    assert queued.quantity == 4
    outcome.answered(*["order:order/o1"] * 3)


def test_a_claim_that_will_not_wait_is_all_or_nothing_at_its_location() -> None:
    spec = stock_item()
    spec.when(receive(2))
    spec.when(receive(9, "south"))
    command = claim(quantity=3, eligible_locations=("south",), on_shortage=OnShortage.REJECT)
    rejected = only(
        spec.when(command, reply_to="order:order/o1").answered("order:order/o1"),
        StockRejected,
    )
    assert rejected.reason is RejectReason.SHORT
    assert north(spec).available == 2


def test_an_item_that_never_received_anything_queues_or_rejects_by_policy() -> None:
    assert kinds(stock_item().when(claim())) == [DemandQueued]
    assert kinds(stock_item().when(claim(on_shortage=OnShortage.REJECT))) == [StockRejected]


def test_when_too_many_wait_the_next_is_rejected_though_it_would_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "WAITING_MAX", 1)
    spec = stock_item()
    spec.when(claim("o1"))
    assert only(spec.when(claim("o2")), StockRejected).reason is RejectReason.SHORT
    spec.when(release("o1"))
    assert kinds(spec.when(claim("o3"))) == [DemandQueued]


def test_the_same_claim_again_changes_nothing_and_says_what_it_holds() -> None:
    spec = stock_item()
    spec.when(receive(2))
    spec.when(claim(quantity=3), reply_to="order:order/o1")
    outcome = spec.when(claim(quantity=3), reply_to="order:order/o1").answered("order:order/o1")
    repeated = only(outcome, ClaimRepeated)
    assert (repeated.reserved, repeated.waiting) == (2, 1)
    assert north(spec).reserved == 2


def test_a_closed_claim_is_still_known() -> None:
    spec = stock_item()
    spec.when(receive(2))
    spec.when(claim())
    spec.when(release())
    assert kinds(spec.when(claim())) == [ClaimRepeated]
    assert north(spec).available == 2


def test_the_same_claim_again_says_what_was_picked_of_it() -> None:
    spec = stock_item()
    spec.when(receive(2))
    spec.when(claim(quantity=3))
    spec.when(pick("o1", 1, 1))
    assert only(spec.when(claim(quantity=3)), ClaimRepeated).reserved == 2
    spec.when(pick("o1", 1, 1))
    spec.when(release())
    repeated = only(spec.when(claim(quantity=3)), ClaimRepeated)
    assert (repeated.reserved, repeated.waiting) == (2, 0)


def test_a_closed_claim_is_known_as_long_as_an_inbox_could_deliver_it_again() -> None:
    spec = stock_item()
    spec.when(receive(9))
    spec.when(claim("o1"))
    spec.when(release("o1"))
    spec.when(release("o2"))
    spec.at(timedelta(days=30)).when(receive(1))
    assert kinds(spec.when(claim("o1"))) == [ClaimRepeated]
    assert only(spec.when(claim("o2")), StockRejected).reason is RejectReason.RELEASED
    spec.at(timedelta(days=1)).when(receive(1))
    assert (spec.state.closed.count, len(spec.state.closed.days)) == (0, 0)
    assert kinds(spec.when(claim("o1"))) == [StockReserved]


def test_past_its_limit_an_item_forgets_the_oldest_days_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed_claims, "CLOSED_MAX", 2)
    spec = stock_item()
    for day, orders in enumerate((("o1",), ("o2", "o3"), ("o4",))):
        spec.at(DAWN + timedelta(days=day))
        for order in orders:
            spec.when(release(order))
    assert [order for order in ("o1", "o2", "o3", "o4") if _remembered(spec, order)] == ["o4"]
    for order in ("o5", "o6"):
        spec.when(release(order))
    assert spec.state.closed.count == 3


def _remembered(spec: Spec, order: str) -> bool:
    return spec.state.closed.find(claim_key(Demand(kind="order", id=order, line="1"), 1)) is not None


@pytest.mark.parametrize("other", [claim(quantity=2), claim(location="south")])
def test_another_claim_under_a_known_sequence_is_a_conflict(other: ClaimStock) -> None:
    spec = stock_item()
    spec.when(receive(5))
    spec.when(claim())
    assert only(spec.when(other), StockRejected).reason is RejectReason.CONFLICT


def test_a_claim_in_another_unit_is_rejected() -> None:
    spec = stock_item()
    spec.when(receive(5))
    assert only(spec.when(claim(unit="g")), StockRejected).reason is RejectReason.WRONG_UNIT


def test_the_unit_of_an_item_is_that_of_its_goods_and_not_of_who_asked_first() -> None:
    spec = stock_item()
    assert kinds(spec.when(claim("mistaken", unit="pcs"))) == [DemandQueued]
    spec.when(claim("right"))
    served = only(spec.when(receive(5)), StockReserved)
    assert (served.demand.id, served.unit) == ("right", "each")
    assert only(spec.when(claim("late", unit="pcs")), StockRejected).reason is RejectReason.WRONG_UNIT
    assert only(spec.when(release("mistaken")), ClaimReleased).withdrawn == 1


# Releases


def test_a_release_frees_what_is_held_and_serves_those_who_wait() -> None:
    spec = stock_item()
    spec.when(receive(2))
    spec.when(claim("o1", 2))
    spec.when(claim("o2", 1), reply_to="order:order/o2")
    released, served = (
        spec.when(release("o1"), reply_to="order:order/o1").answered("order:order/o1", "order:order/o2").events
    )
    assert isinstance(released, ClaimReleased) and (
        released.quantity,
        released.seen,
    ) == (2, True)
    assert isinstance(served, StockReserved) and served.demand.id == "o2"


def test_a_release_ends_the_waiting() -> None:
    spec = stock_item()
    spec.when(claim(quantity=4))
    assert only(spec.when(release()), ClaimReleased).withdrawn == 4
    assert kinds(spec.when(receive(4))) == [StockReceived]


def give_back(quantity: int, location: str | None = None, order: str = "o1") -> ReleaseClaim:
    return release(order).model_copy(update={"quantity": quantity, "location": location})


def test_a_part_of_what_is_held_comes_free_where_it_lies_and_the_rest_stays() -> None:
    # given a claim that holds five, and one who waits
    spec = stock_item()
    spec.when(receive(5))
    spec.when(claim(quantity=5))
    spec.when(claim("o2", 2))
    # when two are given back
    outcome = spec.when(give_back(2, "north"), reply_to="order:order/o1").answered("order:order/o1")
    # then they are for who waits, and three are still held
    reduced, served = outcome.events
    assert isinstance(reduced, ClaimReduced) and (reduced.quantity, reduced.withdrawn) == (2, 0)
    assert isinstance(served, StockReserved) and (served.demand.id, served.quantity) == ("o2", 2)
    assert only(spec.when(release()), ClaimReleased).quantity == 3


def test_a_part_of_what_waits_is_withdrawn_and_never_more_than_waits() -> None:
    spec = stock_item()
    spec.when(receive(1))
    spec.when(claim(quantity=4))
    assert only(spec.when(give_back(2)), ClaimReduced).withdrawn == 2
    assert only(spec.when(give_back(2)), ClaimReduced).withdrawn == 1
    assert spec.state.waiting_count == 0
    assert only(spec.when(release()), ClaimReleased).quantity == 1


def test_of_what_a_claim_has_not_there_nothing_comes_free() -> None:
    spec = stock_item()
    spec.when(receive(1))
    spec.when(claim(quantity=1))
    assert only(spec.when(give_back(1, "south")), ClaimReduced).quantity == 0
    assert only(spec.when(give_back(1, "north", "o9")), ClaimReduced).quantity == 0
    assert only(spec.when(give_back(2, "north")), ClaimReduced).quantity == 1
    assert spec.state.claims.get(claim_key(Demand(kind="order", id="o1", line="1"), 1)) is None


def test_a_release_that_comes_before_its_claim_is_remembered() -> None:
    spec = stock_item()
    released = only(
        spec.when(release(), reply_to="order:order/o1").answered("order:order/o1"),
        ClaimReleased,
    )
    assert (released.seen, released.quantity) == (False, 0)
    spec.when(receive(5))
    assert only(spec.when(claim()), StockRejected).reason is RejectReason.RELEASED


def test_a_release_again_changes_nothing() -> None:
    spec = stock_item()
    spec.when(receive(5))
    spec.when(claim())
    spec.when(release())
    again = only(spec.when(release()), ClaimReleased)
    assert (again.seen, again.quantity, again.withdrawn) == (True, 0, 0)


# Receipts and expected supply


def test_arriving_stock_goes_to_priority_then_need_then_age() -> None:
    spec = stock_item()
    spec.when(claim("late", need_by=DAWN + timedelta(days=9)))
    spec.when(claim("first"))
    spec.when(claim("second"))
    spec.when(claim("urgent", priority=5))
    spec.when(claim("soon", need_by=DAWN + timedelta(days=1)))
    outcome = spec.when(receive(5))
    served = [event.demand.id for event in outcome.events if isinstance(event, StockReserved)]
    assert served == ["urgent", "soon", "late", "first", "second"]


def test_arriving_stock_serves_only_demand_that_may_use_it_and_in_parts() -> None:
    spec = stock_item()
    spec.when(claim("o1", 1))
    spec.when(claim("o2", 5, "south"))
    reserved = only(spec.when(receive(2, "south")), StockReserved)
    assert (reserved.demand.id, reserved.quantity, reserved.waiting) == ("o2", 2, 3)


def test_damaged_goods_serve_nobody_until_they_are_cleared() -> None:
    spec = stock_item()
    spec.when(claim())
    assert kinds(spec.when(receive(1, status=StockStatus.DAMAGED))) == [StockReceived]
    cleared = adjust(1, AdjustmentReason.CLEARED, status=StockStatus.DAMAGED)
    assert kinds(spec.when(cleared)) == [StockAdjusted, StockReserved]


def test_queued_demand_names_the_earliest_supply_that_may_serve_it() -> None:
    spec = stock_item()
    for supply, location, days in (
        ("po-1", "south", 1),
        ("po-2", "north", 3),
        ("po-3", "north", 2),
    ):
        expected_at = DAWN + timedelta(days=days)
        command = ExpectSupply(
            sku="SKU-1",
            supply=supply,
            location=location,
            quantity=5,
            unit="each",
            expected_at=expected_at,
        )
        assert kinds(spec.when(command)) == [SupplyExpected]
    queued = only(spec.when(claim()), DemandQueued)
    assert (queued.awaits, queued.expected_at) == ("po-3", DAWN + timedelta(days=2))
    assert only(spec.when(receive(5, supply="po-3")), StockReceived).supply_open == 0
    assert only(spec.when(claim("o2", 5)), DemandQueued).awaits == "po-2"


def test_a_receipt_keeps_lots_and_the_source_s_own_time() -> None:
    lot = TracedQuantity(quantity=2, lot="L7", serials=("s1", "s2"))
    received = only(
        stock_item().when(receive(2, traced=(lot,), occurred_at=DAWN, document="asn-1")),
        StockReceived,
    )
    assert (received.traced, received.occurred_at, received.document) == (
        (lot,),
        DAWN,
        "asn-1",
    )


@pytest.mark.parametrize(
    "command",
    [
        receive(1, unit="g"),
        AdjustStock(
            sku="SKU-1",
            location="north",
            quantity=1,
            unit="g",
            reason=AdjustmentReason.FOUND,
        ),
        CountStock(sku="SKU-1", location="north", counted=1, unit="g"),
    ],
)
def test_a_change_in_another_unit_is_refused_by_name(command: Any) -> None:
    spec = stock_item()
    spec.when(receive(5))
    assert only(spec.when(command), StockChangeRefused).expected_unit == "each"
    assert north(spec).sellable == 5


def test_what_a_node_did_in_another_unit_cannot_be_booked_and_has_to_be_counted() -> None:
    spec = stock_item()
    spec.when(receive(500, unit="g"))
    gone = RecordGone(**_fact("o1", 2))
    for fact in (pick("o1", 2, 2), RecordPutBack(**_fact("o1", 2)), gone, hand_out("o1", 2)):
        refused, asked = spec.when(fact).events
        assert isinstance(refused, StockChangeRefused) and isinstance(asked, CountRequested)
        assert (refused.expected_unit, asked.reason) == ("g", "wrong_unit")
    assert north(spec) == Shelf(sellable=500)


# Physical facts


def test_damage_breaks_the_least_urgent_claims_and_tells_their_orders() -> None:
    spec = stock_item()
    spec.when(receive(3))
    for order, priority in (("low", 0), ("high", 5), ("youngest", 0)):
        spec.when(claim(order, priority=priority), reply_to=f"order:order/{order}")
    outcome = spec.when(adjust(2, AdjustmentReason.DAMAGED))
    assert kinds(outcome) == [ReservationBroken, ReservationBroken, StockAdjusted]
    outcome.answered("order:order/youngest", "order:order/low")
    assert (north(spec).reserved, north(spec).damaged, north(spec).available) == (
        1,
        2,
        0,
    )


def test_a_sale_of_what_the_book_lacks_posts_found_stock_and_asks_for_a_count() -> None:
    spec = stock_item()
    outcome = spec.when(adjust(2, AdjustmentReason.SOLD_AT_TILL))
    assert kinds(outcome) == [StockAdjusted, CountRequested]
    assert only(outcome, StockAdjusted).found == 2


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (AdjustmentReason.CLEARED, StockStatus.SELLABLE),
        (AdjustmentReason.DAMAGED, StockStatus.DAMAGED),
        (AdjustmentReason.QUARANTINED, StockStatus.ON_HOLD),
        (AdjustmentReason.SUSPECTED, StockStatus.SUSPECT),
    ],
)
def test_an_adjustment_to_where_goods_are_already_makes_none(reason: AdjustmentReason, status: StockStatus) -> None:
    spec = stock_item()
    assert kinds(spec.when(adjust(5, reason, status=status))) == [StockAdjusted]
    (level,) = only(spec.when(adjust(5, reason, status=status)), StockAdjusted).levels
    assert level.on_hand == 0


def test_a_count_settles_suspects_finds_and_loses() -> None:
    spec = stock_item()
    spec.when(receive(5))
    spec.when(adjust(2, AdjustmentReason.SUSPECTED))
    assert only(spec.when(count(4)), StockCounted).expected == 5
    assert (north(spec).sellable, north(spec).suspect) == (4, 0)
    spec.when(count(6))
    assert north(spec).sellable == 6
    spec.when(claim(quantity=6))
    assert only(spec.when(count(5)), ReservationBroken).reason is BreakReason.COUNT


def test_what_a_count_finds_serves_those_who_wait() -> None:
    spec = stock_item()
    spec.when(claim(quantity=2), reply_to="order:order/o1")
    outcome = spec.when(count(3)).answered("order:order/o1")
    assert kinds(outcome) == [StockCounted, StockReserved]
    assert (north(spec).sellable, north(spec).available) == (3, 1)


def test_a_full_pick_uses_up_the_claim_and_going_out_ends_it() -> None:
    spec = stock_item()
    spec.when(receive(3))
    spec.when(claim(quantity=2))
    assert kinds(spec.when(pick("o1", 2, 2))) == [StockPicked]
    assert (north(spec).sellable, north(spec).picked, north(spec).reserved) == (1, 2, 0)
    gone = RecordGone(**_fact("o1", 2))
    assert kinds(spec.when(gone)) == [StockFulfilled]
    assert (north(spec).sellable, north(spec).picked) == (1, 0)


def test_a_short_pick_suspects_the_shelf_breaks_the_missing_part_and_asks_for_a_count() -> None:
    spec = stock_item()
    spec.when(receive(5))
    spec.when(claim(quantity=3), reply_to="order:order/o1")
    outcome = spec.when(pick("o1", 1, 3, short_reason="shelf empty")).answered("order:order/o1")
    broken, picked, asked = outcome.events
    assert isinstance(broken, ReservationBroken) and isinstance(picked, StockPicked)
    assert (broken.quantity, broken.reason) == (2, BreakReason.SHORT_PICK)
    assert (picked.quantity, picked.short, picked.from_claim) == (1, 2, 1)
    assert isinstance(asked, CountRequested) and asked.reason == "short_pick"
    assert (
        north(spec).sellable,
        north(spec).suspect,
        north(spec).reserved,
        north(spec).available,
    ) == (2, 2, 0, 2)


def test_a_pick_for_nobody_we_know_takes_from_those_who_can_wait() -> None:
    spec = stock_item()
    spec.when(receive(1))
    spec.when(claim("o1"), reply_to="order:order/o1")
    outcome = spec.when(pick("stranger", 2, 2)).answered("order:order/o1")
    assert kinds(outcome) == [ReservationBroken, StockPicked, CountRequested]
    assert only(outcome, StockPicked).found == 1
    assert only(outcome, ReservationBroken).reason is BreakReason.PICKED_BY_ANOTHER


def test_goods_put_back_serve_those_who_wait() -> None:
    spec = stock_item()
    spec.when(receive(1))
    spec.when(claim("o1"))
    spec.when(claim("o2"))
    spec.when(pick("o1", 1, 1))
    assert kinds(spec.when(RecordPutBack(**_fact("o1", 1)))) == [
        StockPutBack,
        StockReserved,
    ]


def test_goods_put_back_that_nobody_picked_are_found_and_counted() -> None:
    outcome = stock_item().when(RecordPutBack(**_fact("o1", 2)))
    assert kinds(outcome) == [StockPutBack, CountRequested]
    assert only(outcome, StockPutBack).found == 2


def test_goods_that_leave_unpicked_are_posted_as_found() -> None:
    outcome = stock_item().when(RecordGone(**_fact("o1", 2)))
    assert kinds(outcome) == [StockFulfilled, CountRequested]
    assert only(outcome, StockFulfilled).found == 2


def test_what_is_handed_out_at_a_till_is_gone_at_once_and_named_by_the_line_that_sold_it() -> None:
    spec = stock_item()
    spec.when(receive(3))
    handed_out = only(spec.when(hand_out("o1", 2)).sends(), StockHandedOut)
    assert (handed_out.demand, handed_out.fulfillment, handed_out.found) == (hand_out("o1", 2).demand, "h1", 0)
    assert [(move.source, move.target, move.quantity) for move in handed_out.movements] == [
        ("sellable", "fulfilled", 2)
    ]
    assert north(spec) == Shelf(sellable=1)


def test_what_a_till_handed_out_and_the_book_lacks_is_found_and_has_to_be_counted() -> None:
    spec = stock_item()
    spec.when(receive(1))
    outcome = spec.when(hand_out("o1", 3))
    assert kinds(outcome) == [StockHandedOut, CountRequested]
    assert (only(outcome, StockHandedOut).found, only(outcome, CountRequested).reason) == (2, "found_stock")
    assert north(spec) == Shelf()


def test_goods_that_a_till_handed_out_are_taken_from_those_who_claimed_them_and_they_are_told() -> None:
    spec = stock_item()
    spec.when(receive(3))
    spec.when(claim("o2", 2), reply_to="order:order/o2")
    outcome = spec.when(hand_out("o1", 2)).answered("order:order/o2")
    assert kinds(outcome) == [ReservationBroken, StockHandedOut]
    broken = only(outcome, ReservationBroken)
    assert (broken.quantity, broken.reason) == (1, BreakReason.HANDED_OUT)
    assert (north(spec).sellable, north(spec).reserved) == (1, 1)
