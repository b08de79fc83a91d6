"""Soft claims of carts and quotes: they end by themselves, are made hard, and lose goods first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chassis.testing import DAWN, Spec
from contracts.chassis import DeadlinePassed
from contracts.inventory import (
    BreakReason,
    ClaimExpired,
    ClaimHardened,
    ClaimReleased,
    ClaimRepeated,
    ClaimStock,
    Demand,
    HardenClaim,
    HardeningRefused,
    RejectReason,
    ReservationBroken,
    StockCounted,
    StockPicked,
    StockRejected,
    StockReserved,
)
from services.inventory import claiming
from services.inventory.bookkeeping import SOFT_CLAIMS, deadlines_of
from services.inventory.tests.test_stock_item import (
    claim,
    count,
    kinds,
    north,
    only,
    pick,
    receive,
    release,
    stock_item,
)

SOON = DAWN + timedelta(minutes=20)
LATER = DAWN + timedelta(minutes=40)


def soft(cart: str = "c1", quantity: int = 1, until: Any = SOON, **more: Any) -> ClaimStock:
    return claim(cart, quantity, soft_until=until, **more)


def harden(cart: str = "c1") -> HardenClaim:
    return HardenClaim(sku="SKU-1", demand=Demand(kind="order", id=cart, line="1"), sequence=1)


def stocked(quantity: int = 5) -> Spec:
    spec = stock_item()
    spec.when(receive(quantity))
    return spec


def passes(spec: Spec, moment: Any) -> Any:
    return spec.at(moment).when(DeadlinePassed(name=SOFT_CLAIMS, due=moment))


def test_a_cart_keeps_goods_from_others_without_having_them_reserved() -> None:
    spec = stocked()
    reserved = only(spec.when(soft(quantity=3)), StockReserved)
    (level,) = reserved.levels
    assert (reserved.soft_until, level.soft, level.reserved, level.available) == (SOON, 3, 0, 2)
    assert only(spec.when(claim("o1", 3, on_shortage="reject")), StockRejected).reason is RejectReason.SHORT


def test_a_soft_claim_never_waits_for_supply() -> None:
    spec = stocked(1)
    assert only(spec.when(soft(quantity=2)), StockRejected).reason is RejectReason.SHORT
    assert spec.state.waiting_count == 0


def test_a_soft_claim_that_was_to_end_before_it_came_is_refused_by_name() -> None:
    assert only(stocked().when(soft(until=DAWN)), StockRejected).reason is RejectReason.EXPIRED


def test_goods_of_a_cart_that_ran_out_of_time_go_to_those_who_wait() -> None:
    spec = stocked(3)
    spec.when(soft(quantity=3))
    spec.when(claim("o1", 2))
    outcome = passes(spec, SOON)
    assert kinds(outcome) == [ClaimExpired, StockReserved]
    assert only(outcome, ClaimExpired).quantity == 3
    assert (north(spec).soft, north(spec).reserved, north(spec).available) == (0, 2, 1)


def test_only_the_claims_whose_time_has_come_expire() -> None:
    spec = stocked()
    spec.when(soft("c1", until=LATER))
    spec.when(soft("c2", until=SOON))
    assert deadlines_of(spec.state) == {SOFT_CLAIMS: SOON}
    assert only(passes(spec, SOON), ClaimExpired).demand.id == "c2"
    assert deadlines_of(spec.state) == {SOFT_CLAIMS: LATER}


def test_a_deadline_that_nobody_waits_for_any_more_changes_nothing() -> None:
    spec = stocked()
    spec.when(soft())
    spec.when(release("c1"))
    passes(spec, SOON).then_nothing()


def test_many_carts_that_end_at_once_end_in_parts(monkeypatch: Any) -> None:
    monkeypatch.setattr(claiming, "EXPIRED_MAX", 2)
    spec = stocked()
    for cart in ("c1", "c2", "c3"):
        spec.when(soft(cart))
    assert kinds(passes(spec, SOON)) == [ClaimExpired, ClaimExpired]
    assert deadlines_of(spec.state) == {SOFT_CLAIMS: SOON}
    assert kinds(passes(spec, SOON)) == [ClaimExpired]


def test_a_claim_that_was_made_hard_does_not_end() -> None:
    spec = stocked()
    spec.when(soft(quantity=2))
    hardened = only(spec.when(harden()), ClaimHardened)
    (level,) = hardened.levels
    assert (hardened.quantity, level.soft, level.reserved, level.available) == (2, 0, 2, 3)
    assert deadlines_of(spec.state) == {}
    passes(spec, SOON).then_nothing()


def test_a_claim_is_made_hard_once_and_says_so_again() -> None:
    spec = stocked()
    spec.when(soft(quantity=2))
    first, again = (only(spec.when(harden()), ClaimHardened) for _ in range(2))
    assert first == again
    assert (north(spec).soft, north(spec).reserved) == (0, 2)


def test_a_claim_that_expired_or_never_was_cannot_be_made_hard() -> None:
    spec = stocked()
    assert kinds(spec.when(harden())) == [HardeningRefused]
    spec.when(soft())
    passes(spec, SOON)
    assert kinds(spec.when(harden())) == [HardeningRefused]


def test_a_claim_that_expired_is_known_when_it_comes_again() -> None:
    spec = stocked()
    spec.when(soft())
    passes(spec, SOON)
    repeated = only(spec.when(soft(until=LATER)), ClaimRepeated)
    assert (repeated.reserved, repeated.waiting) == (0, 0)


def test_a_released_cart_gives_its_goods_back() -> None:
    spec = stocked()
    spec.when(soft(quantity=2))
    (level,) = only(spec.when(release("c1")), ClaimReleased).levels
    assert (level.soft, level.available) == (0, 5)


def test_a_physical_fact_breaks_carts_before_orders_whatever_their_priority() -> None:
    spec = stocked()
    spec.when(soft("c1", 2, priority=9))
    spec.when(claim("o1", 3))
    outcome = spec.when(count(3))
    assert kinds(outcome) == [ReservationBroken, StockCounted]
    broken = only(outcome, ReservationBroken)
    assert (broken.demand.id, broken.quantity, broken.reason) == ("c1", 2, BreakReason.COUNT)


def test_goods_picked_for_a_cart_leave_its_claim() -> None:
    spec = stocked()
    spec.when(soft(quantity=2))
    (level,) = only(spec.when(pick("c1", 1, 1)), StockPicked).levels
    assert (level.soft, level.reserved, level.available, level.picked) == (1, 0, 3, 1)
