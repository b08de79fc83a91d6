"""Raising what is held at Stripe, against an account that answers as Stripe does: asked for where our account may, done
where Stripe says that the card can be."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from contracts.money import Money
from contracts.payments import Capability
from services.payments.provider import Call, CallStep, Outcome, Result
from services.payments.providers.stripe import StripeProvider

WISH = "payment_method_options[card][request_incremental_authorization]"


class Account:
    """One payment intent, of a card that can be raised or not; what each POST said."""

    def __init__(self) -> None:
        self.card_can = True
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._intent: dict[str, Any] = {}

    def get(self) -> tuple[int, Any]:
        return 200, self._intent

    def post(self, path: str, said: dict[str, str]) -> tuple[int, Any]:
        self.asked.append((path, said))
        if path.endswith("/increment_authorization"):
            self._intent["amount"] = int(said["amount"])
            self._intent["amount_capturable"] = int(said["amount"])
            self._intent["metadata"] |= {
                name[len("metadata[") : -1]: value for name, value in said.items() if name.startswith("metadata[")
            }
            return 200, self._intent
        offered = self.card_can and said.get(WISH) == "if_available"
        card = {"incremental_authorization": {"status": "available" if offered else "unavailable"}}
        self._intent = {
            "id": "pi_1",
            "object": "payment_intent",
            "status": "requires_capture",
            "amount": int(said["amount"]),
            "amount_capturable": int(said["amount"]),
            "currency": said["currency"],
            "metadata": {},
            "latest_charge": {"id": "ch_1", "object": "charge", "payment_method_details": {"card": card}},
        }
        return 200, self._intent


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def url(account: Account) -> Iterator[str]:
    class Serving(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(*account.get())

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            said = {name: values[0] for name, values in parse_qs(sent).items()}
            self._say(*account.post(self.path, said))

        def _say(self, status: int, said: Any) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Serving)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def call(amount: int, key: str = "k1", reference: str | None = None) -> Call:
    return Call(CallStep.AUTHORIZE, key, "o", "default", "a", Money(amount=amount, currency="EUR"), "pm_1", reference)


def done(url: str, incremental: bool, *asks: Callable[[StripeProvider], Awaitable[Outcome]]) -> list[Outcome]:
    async def asking() -> list[Outcome]:
        async with StripeProvider("sk_test", url, incremental=incremental) as provider:
            return [await ask(provider) for ask in asks]

    return asyncio.run(asking())


def test_an_account_that_may_raise_asks_for_it_and_raises_what_is_held(account: Account, url: str) -> None:
    held, raised, found = done(
        url,
        True,
        lambda provider: provider.call(call(1_000)),
        lambda provider: provider.call(call(400, "k2", "pi_1")),
        lambda provider: provider.find(call(400, "k2", "pi_1")),
    )
    assert account.asked[0][1][WISH] == "if_available"
    assert (held.result, Capability.INCREMENTAL in held.capabilities) == (Result.DONE, True)
    path, said = account.asked[1]
    assert (path.rpartition("/")[2], said["amount"]) == ("increment_authorization", "1400")
    assert (raised.result, raised.amount) == (Result.DONE, Money(amount=400, currency="EUR"))
    assert (found.result, found.amount) == (raised.result, raised.amount)


def test_stripe_hears_that_nobody_is_there_to_confirm(account: Account, url: str) -> None:
    absent = replace(call(1_000, "k2"), payer_absent=True)
    done(url, False, lambda provider: provider.call(call(1_000)), lambda provider: provider.call(absent))
    assert [said.get("off_session") for _, said in account.asked] == [None, "true"]


@pytest.mark.parametrize(("incremental", "card_can"), [(False, True), (True, False)])
def test_where_the_account_may_not_or_the_card_cannot_nothing_says_that_it_can_be_raised(
    account: Account, url: str, incremental: bool, card_can: bool
) -> None:
    account.card_can = card_can
    [held] = done(url, incremental, lambda provider: provider.call(call(1_000)))
    assert (WISH in account.asked[0][1]) is incremental
    assert Capability.INCREMENTAL not in held.capabilities
