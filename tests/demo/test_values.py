"""Gift cards and store credit of a run: given out before, once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.channel import ChannelCustomer, ChannelLine, ChannelOrder, ChannelShipGroup, ChannelTender
from contracts.money import TenderMethod
from oms.demo.turns import Candidate, Part, Turn, played
from oms.demo.values import by_gift_card, issue_values

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def order(*tenders: ChannelTender) -> ChannelOrder:
    line = ChannelLine(line_id="1", sku="P1", quantity=2, amount=1500)
    return ChannelOrder(
        channel_account="journey",
        external_id="31",
        channel="web",
        seller="grocers",
        placed_at=NOW,
        currency="USD",
        customer=ChannelCustomer(issuer="journey", id="household-1"),
        lines=(line,),
        ship_groups=(ChannelShipGroup(group="1"),),
        tenders=tenders,
        total=1500,
    )


PAID = order(ChannelTender(method=TenderMethod.INVOICE, amount=1500, rank=1))


class Kept:
    """A door that keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], str]] = []

    async def post(self, path: str, body: dict[str, Any], key: str) -> None:
        self.asked.append((path, body, key))


def issued(sent: ChannelOrder) -> list[tuple[str, dict[str, Any], str]]:
    door = Kept()
    asyncio.run(issue_values(door, [sent]))  # type: ignore[arg-type]
    return door.asked


@pytest.mark.parametrize(
    ("turn", "methods"),
    [
        (Turn.GIFT_CARD, {"gift_card": 1500}),
        (Turn.STORE_CREDIT, {"store_credit": 1500}),
        (Turn.TWO_TENDERS, {"gift_card": 750, "card": 750}),
        (Turn.CHARGED_ONCE, {"card": 1500}),
        (Turn.CHARGED_IN_PARTS, {"card": 1500}),
    ],
)
def test_what_a_turn_is_paid_with_sums_to_what_it_costs(turn: Turn, methods: dict[str, int]) -> None:
    sent = played(Candidate(PAID, "WH-1"), Part(turn, ("P1",)))
    assert {tender.method.value: tender.amount for tender in sent.tenders} == methods


def test_the_accounts_of_the_sandbox_are_named_by_the_card() -> None:
    accounts = {
        turn: played(Candidate(PAID, "WH-1"), Part(turn, ("P1",))).tenders[0].provider
        for turn in (Turn.CHARGED_ONCE, Turn.CHARGED_IN_PARTS)
    }
    assert accounts == {Turn.CHARGED_ONCE: "sandbox-single", Turn.CHARGED_IN_PARTS: "sandbox-incremental"}


def test_a_gift_card_is_given_out_by_its_code_in_a_round_sum() -> None:
    [(path, body, key)] = issued(order(by_gift_card(1500, "31")))
    assert (path, key) == ("/stored-values/gift-cards", "value-31")
    assert body == {"amount": 2000, "currency": "USD", "code": "DEMO-00000000031"}


def test_store_credit_is_given_to_the_customer_of_the_order() -> None:
    [(path, body, _)] = issued(order(ChannelTender(method=TenderMethod.STORE_CREDIT, amount=1000)))
    assert path == "/stored-values/store-credits"
    assert body == {"amount": 1000, "currency": "USD", "issuer": "journey", "customer": "household-1"}


def test_an_order_that_is_paid_otherwise_needs_none() -> None:
    assert issued(PAID) == []
