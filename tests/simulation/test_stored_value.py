"""Gift cards and store credit pay for orders through all services: the ledger and the order agree on every cent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.channel import ChannelTender
from contracts.envelope import Actor
from contracts.ids import stream
from contracts.money import Money, TenderMethod
from contracts.order import CancelOrder, GrantRefund, OrderCompleted, RefundApprover, RefundCause, Refunded, RefundUnits
from contracts.payments import (
    IssueCause,
    IssueValue,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    ValueHeld,
    ValueKind,
    ValueRedeemed,
)
from contracts.payments.gift_codes import gift_card_id
from services.order.order import OrderStatus, status
from services.payments.stored_value import StoredValue
from tests.simulation.people import Floor, channel_order, place, receive, sealed
from tests.simulation.world import TENANT, World

SEEDS = range(5)
CODE = "ABCDE-FGHJK-MNPQR-STVWX"
LEDGER = stream("stored_value", gift_card_id(TENANT, sealed, CODE))


def shop(seed: int, worth: int = 2_000) -> World:
    """Goods at one node, and a gift card."""
    world = World(seed)
    receive(world, "A", "north", 3)
    amount = Money(amount=worth, currency="EUR")
    world.tell(
        "payments", LEDGER, IssueValue(kind=ValueKind.GIFT_CARD, entry="e1", amount=amount, cause=IssueCause.SOLD)
    )
    return world


def tenders(gift: int, rest: int) -> list[ChannelTender]:
    return [
        ChannelTender(method=TenderMethod.GIFT_CARD, amount=gift, reference=CODE),
        ChannelTender(method=TenderMethod.INVOICE, amount=rest, rank=1),
    ]


def books(world: World) -> tuple[int, int, int]:
    """Available, held, redeemed."""
    ledger: StoredValue = world.state("payments", LEDGER)
    return ledger.available, ledger.held, ledger.redeemed


def paid_by_gift_card(seed: int) -> tuple[World, str]:
    """An order of 30.00 that is delivered, of which a gift card of 20.00 paid 15.00, and 20.00 came back."""
    world = shop(seed)
    name = place(world, channel_order("1001", ("A", 3, 3_000), tenders=tenders(1_500, 1_500)))
    Floor(world).work()
    assert books(world) == (500, 0, 1_500)
    lines = (RefundUnits(line="1", quantity=2),)
    claim = GrantRefund(cause=RefundCause.DAMAGED, lines=lines, reason="broken", approver=RefundApprover.FINANCE)
    world.tell("order", name, claim, actor=Actor(kind="person", subject="anna"))
    return world, name


@pytest.mark.parametrize("seed", SEEDS)
def test_an_order_lives_on_a_gift_card_and_an_invoice(seed: int) -> None:
    world, name = paid_by_gift_card(seed)
    # then it is delivered, and the card was used first
    assert status(world.state("order", name).order) is OrderStatus.COMPLETED
    assert len(world.of(OrderCompleted)) == 1
    assert sum(event.amount.amount for event in world.of(PaymentCaptured)) == 3_000
    assert sum(event.amount.amount for event in world.of(ValueRedeemed)) == 1_500
    # and what was used last went back first: 5.00 are on the card again
    assert [event.amount.amount for event in world.of(Refunded)] == [2_000]
    [back] = world.of(PaymentRefunded)
    assert sorted(part.amount.amount for part in back.refunds) == [500, 1_500]
    assert books(world) == (1_000, 0, 1_500)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_cancelled_order_held_may_be_spent_by_another(seed: int) -> None:
    world = shop(seed)
    first = place(world, channel_order("1", ("A", 2, 2_000), tenders=tenders(2_000, 0)))
    world.run()
    assert books(world) == (0, 2_000, 0)
    world.tell("order", first, CancelOrder())
    Floor(world).work()
    assert status(world.state("order", first).order) is OrderStatus.CANCELLED
    assert books(world) == (2_000, 0, 0)
    second = place(world, channel_order("2", ("A", 2, 2_000), tenders=tenders(2_000, 0)))
    Floor(world).work()
    assert status(world.state("order", second).order) is OrderStatus.COMPLETED
    assert books(world) == (0, 0, 2_000)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_orders_never_spend_the_same_card(seed: int) -> None:
    world = shop(seed)
    names = [place(world, channel_order(n, ("A", 1, 2_000), tenders=tenders(1_500, 500))) for n in ("1", "2")]
    Floor(world).work()
    assert len(world.of(ValueHeld)) == 1
    assert world.of(PaymentDeclined)
    world.wait(timedelta(days=1))
    Floor(world).work()
    found = [status(world.state("order", name).order) for name in names]
    assert found.count(OrderStatus.COMPLETED) == 1
    assert books(world) == (500, 0, 1_500)
