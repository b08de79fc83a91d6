"""A payment and the sandbox as a process of its own, through our adapter: more for a change, on each kind of account.

What the payment asks for is called at once, as the worker would, and the sandbox's own ledger is counted in the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from chassis.testing import Spec
from contracts.message import Command, Event
from contracts.money import Tender, TenderMethod
from contracts.payments import (
    AuthorizeMore,
    AuthorizePayment,
    CancelIncrease,
    CapturePayment,
    IncreaseDeclined,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentIncreased,
    ProviderCall,
    RefundPayment,
    VoidPayment,
)
from services.payments.payment import PAYMENT
from services.payments.providers.sandbox import provider_name
from services.payments.tests.test_payment import ORDER, eur
from services.payments.workers import _call, _recorded
from tests.sandbox import Sandbox, running_sandbox

pytestmark = pytest.mark.servers

ACCOUNTS = ("multi", "single", "incremental")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


class Shop:
    """A payment whose calls the sandbox does as soon as they are asked for; those to come wait while it is `held`."""

    def __init__(self, sandbox: Sandbox, account: str, order_id: str) -> None:
        self.sandbox, self.account, self.order_id = sandbox, account, order_id
        self.spec = Spec(PAYMENT, "payments", f"payment/{order_id}")
        self.events: list[Event] = []
        self.held = False
        self.waiting: list[ProviderCall] = []

    def when(self, command: Command) -> None:
        """A command comes, and all that follows of it."""
        outcome = self.spec.when(command, reply_to=ORDER)
        self.events += outcome.events
        self.waiting += [event.call for event in outcome.events if hasattr(event, "call")]
        if not self.held:
            self.carry()

    def carry(self) -> None:
        """The sandbox does what waits."""
        while self.waiting:
            call = self.waiting.pop(0)
            self.when(asyncio.run(self._done(call)))

    async def _done(self, call: ProviderCall) -> Command:
        async with self.sandbox.provider(self.account, 10.0) as provider:
            outcome = await provider.call(_call(call, self.order_id, "default"))
            found = await provider.find(_call(call, self.order_id, "default"))
            assert found.result is outcome.result
            return _recorded(self.order_id, call, outcome)

    def last(self, kind: type[Any]) -> Any:
        return [event for event in self.events if isinstance(event, kind)][-1]

    def made(self, kind: str) -> list[Any]:
        """What the sandbox has of this order."""
        calls = [event.call for event in self.events if hasattr(event, "call")]
        return [thing for call in calls for thing in self.sandbox.made(kind, call.key, self.account)]


def tenders(account: str, *amounts: int) -> tuple[Tender, ...]:
    named: dict[str, Any] = {"provider": provider_name(account), "reference": "tok_ok"}
    return tuple(Tender(method=TenderMethod.CARD, amount=eur(amount), **named) for amount in amounts)


def placed(sandbox: Sandbox, account: str, name: str) -> Shop:
    """An order of 10.00."""
    shop = Shop(sandbox, account, f"{name}-{account}")
    shop.when(AuthorizePayment(order_id=shop.order_id, amount=eur(1_000), tenders=tenders(account, 1_000)))
    assert isinstance(shop.events[-1], PaymentAuthorized)
    return shop


def more(shop: Shop) -> AuthorizeMore:
    asked = tenders(shop.account, 0, 400)
    return AuthorizeMore(order_id=shop.order_id, increase="1", amount=eur(400), tenders=asked)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_more_is_held_taken_and_given_back_to_the_cent(sandbox: Sandbox, account: str) -> None:
    shop = placed(sandbox, account, "more")
    shop.when(more(shop))
    assert isinstance(shop.events[-1], PaymentIncreased)
    assert len(shop.made("increment")) == (1 if account == "incremental" else 0)
    # when it is taken in two parts and some of it goes back
    for name, amount in (("s1", 700), ("s2", 700)):
        shop.when(CapturePayment(order_id=shop.order_id, fulfillment=name, amount=eur(amount)))
        assert isinstance(shop.events[-1], PaymentCaptured)
    shop.when(RefundPayment(order_id=shop.order_id, refund="r1", amount=eur(900)))
    shop.when(VoidPayment(order_id=shop.order_id))
    # then the sandbox took and gave back the same, and holds nothing more
    assert sum(thing["amount"] for thing in shop.made("charge")) == 1_400
    assert sum(thing["amount"] for thing in shop.made("refund")) == 900
    held = shop.made("authorization")
    assert all(thing["state"] != "authorized" or thing["amount"] == thing["captured"] for thing in held)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_more_that_was_given_up_is_not_held_in_the_end(sandbox: Sandbox, account: str) -> None:
    shop = placed(sandbox, account, "given-up")
    # given an increase that the sandbox does after nobody waits for it any more
    shop.held = True
    shop.when(more(shop))
    shop.when(CancelIncrease(order_id=shop.order_id, increase="1", amount=eur(400)))
    shop.held = False
    shop.carry()
    assert isinstance(shop.last(IncreaseDeclined), IncreaseDeclined)
    # when what the order was placed with is taken
    shop.when(CapturePayment(order_id=shop.order_id, fulfillment="s1", amount=eur(1_000)))
    assert isinstance(shop.events[-1], PaymentCaptured)
    # then that is all, and nothing is held
    assert sum(thing["amount"] for thing in shop.made("charge")) == 1_000
    assert all(thing["state"] != "authorized" for thing in shop.made("authorization"))
