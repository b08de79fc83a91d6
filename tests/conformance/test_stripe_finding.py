"""How far Stripe is looked through for a call, against an account that answers as Stripe does: what was not seen is not
said to be never seen."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from contracts.money import Money
from services.payments.provider import Call, CallStep, Result
from services.payments.providers.stripe import FOUND_MAX, PAGE, StripeProvider

HOUR = 3600


class Account:
    """An account with `count` things that are none of ours, the newest made now, one every `seconds`; `found` is what its
    search finds, None where it has no search."""

    def __init__(self) -> None:
        self.count, self.seconds, self.found = 0, 1, list[dict[str, Any]]()
        self.searches: bool = True
        self.asked: list[str] = []

    def answer(self, path: str) -> tuple[int, Any]:
        """What it says to a GET."""
        said = urlsplit(path)
        self.asked.append(said.path)
        named = {name: values[0] for name, values in parse_qs(said.query).items()}
        if said.path.endswith("/search"):
            refused = {"error": {"type": "invalid_request_error", "message": "not in this country"}}
            return (200, self._list(said.path, "search_result", self.found)) if self.searches else (400, refused)
        if said.path.rpartition("/")[2] in ("payment_intents", "charges", "refunds"):
            start = int(named.get("starting_after", "x_-1").partition("_")[2]) + 1
            end = min(start + int(named["limit"]), self.count)
            things = [self._thing(number) for number in range(start, end)]
            return 200, self._list(said.path, "list", things, more=end < self.count)
        return 200, self.found[0]

    def _thing(self, number: int) -> dict[str, Any]:
        made = int(time.time()) - number * self.seconds
        return {"id": f"x_{number}", "object": "payment_intent", "created": made, "metadata": {}}

    @staticmethod
    def _list(path: str, kind: str, data: list[dict[str, Any]], more: bool = False) -> dict[str, Any]:
        return {"object": kind, "data": data, "has_more": more, "url": path}


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def url(account: Account) -> Iterator[str]:
    class Serving(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, said = account.answer(self.path)
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


def found(url: str, step: CallStep = CallStep.AUTHORIZE, token: str = "pm_1", reference: str | None = None) -> Result:
    call = Call(step, "k", "o", "default", "a", Money(amount=1000, currency="EUR"), token, reference)

    async def asking() -> Result:
        async with StripeProvider("sk_test", url) as provider:
            return (await provider.find(call)).result

    return asyncio.run(asking())


CALLS: dict[str, dict[str, Any]] = {
    "an intent": {},
    "a charge": {"token": "tok_1"},
    "a refund": {"step": CallStep.REFUND, "reference": "ch_1"},
}


@pytest.mark.parametrize("what", CALLS)
def test_what_is_not_among_all_that_is_there_was_never_seen(account: Account, url: str, what: str) -> None:
    account.count = FOUND_MAX - 1
    assert found(url, **CALLS[what]) is Result.NEVER_SEEN


@pytest.mark.parametrize("what", CALLS)
def test_nobody_can_tell_of_what_may_be_older_than_all_that_was_looked_at(
    account: Account, url: str, what: str
) -> None:
    account.count, account.searches = FOUND_MAX + 1, False
    assert found(url, **CALLS[what]) is Result.UNKNOWN
    assert len([path for path in account.asked if not path.endswith("/search")]) == FOUND_MAX // PAGE


def test_an_intent_that_is_older_is_searched_for(account: Account, url: str) -> None:
    account.count, account.seconds = FOUND_MAX + 1, HOUR
    assert found(url) is Result.NEVER_SEEN, "the search knows all that old"
    there = {"id": "pi_1", "object": "payment_intent", "status": "requires_capture", "amount": 1000, "currency": "eur"}
    account.found = [there]
    assert found(url) is Result.DONE


def test_a_search_that_may_lag_behind_is_not_believed(account: Account, url: str) -> None:
    account.count, account.seconds = FOUND_MAX + 1, 1
    assert found(url) is Result.UNKNOWN
