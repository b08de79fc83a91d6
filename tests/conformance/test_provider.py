"""What every payment provider that we use does, each as a real process: the sandbox (two accounts), Stripe as
`localstripe` plays it (which ignores keys), and Stripe's older charges as `stripe-stateful-mock` plays them (which honours
keys and compares what is asked; only where Node is, and skipped visibly elsewhere).

A proxy stands before each, which loses answers. A provider to come adds its bench here.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.money import Money
from contracts.payments import Capability, CardDecline
from deploy.local.process import free_port
from services.payments.provider import Call, CallStep, Outcome, Provider, Result
from services.payments.providers.sandbox import SandboxProvider
from services.payments.providers.stripe import StripeProvider
from tests.conformance.faulty_proxy import Proxy, faulty_proxy
from tests.sandbox import KEY, running_sandbox
from tests.waiting import eventually

pytestmark = pytest.mark.servers

MOCK = "stripe-stateful-mock@0.0.16"
INSTALL_SECONDS = 120
STRIPE_KEY = "sk_test_orderlog"
HURRIED = 0.7

_numbers = count(1)


@dataclass(frozen=True)
class Bench:
    """A provider that runs: how our adapter to it is made of an address, tokens, and what its fake can do."""

    proxy: Proxy
    made: Callable[[str, float], Any]
    token: str
    declined: str
    reason: CardDecline
    honours_keys: bool = True
    refuses_too_much: bool = True
    """Whether a refund of more than was taken is refused."""
    marks: bool = False
    """Whether a capture is two calls there: one that marks it, one that takes."""


def _sandbox(account: str) -> Callable[[Path], Iterator[Bench]]:
    def bench(folder: Path) -> Iterator[Bench]:
        with running_sandbox(folder) as sandbox, faulty_proxy(sandbox.url) as proxy:
            yield Bench(
                proxy,
                lambda url, seconds: SandboxProvider(url, KEY, account, seconds),
                token="tok_ok",
                declined="tok_decline_insufficient_funds",
                reason=CardDecline.INSUFFICIENT_FUNDS,
            )

    return bench


def _localstripe(folder: Path, incremental: bool = False) -> Iterator[Bench]:
    port = free_port()
    with _process(folder, [sys.executable, "-m", "localstripe", "--from-scratch", "--port", str(port)]) as running:
        url = f"http://127.0.0.1:{port}"
        _await(f"{url}/v1/balance", running)

        def card(number: str) -> str:
            body = {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}}
            made = httpx.post(f"{url}/v1/payment_methods", json=body, headers=_bearer(), trust_env=False)
            made.raise_for_status()
            return str(made.json()["id"])

        with faulty_proxy(url) as proxy:
            yield Bench(
                proxy,
                lambda address, seconds: StripeProvider(STRIPE_KEY, address, seconds, incremental=incremental),
                token=card("4242424242424242"),
                declined=card("4000000000000341"),
                reason=CardDecline.DO_NOT_HONOR,
                honours_keys=False,
                refuses_too_much=False,
                marks=True,
            )


def _stateful_mock(folder: Path) -> Iterator[Bench]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("stripe-stateful-mock needs Node, and there is none")
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", MOCK]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"stripe-stateful-mock could not be installed by npm: {error}")
    port = free_port()
    script = folder / "node_modules" / "stripe-stateful-mock" / "autostart.js"
    with _process(folder, [node, str(script)], PORT=str(port), LOG_LEVEL="warn") as running:
        url = f"http://127.0.0.1:{port}"
        _await(url, running)
        with faulty_proxy(url) as proxy:
            yield Bench(
                proxy,
                lambda address, seconds: StripeProvider(STRIPE_KEY, address, seconds),
                token="tok_visa",
                declined="tok_chargeDeclinedInsufficientFunds",
                reason=CardDecline.INSUFFICIENT_FUNDS,
                marks=True,
            )


BENCHES: dict[str, Callable[[Path], Iterator[Bench]]] = {
    "sandbox": _sandbox("multi"),
    "sandbox-single": _sandbox("single"),
    "stripe on localstripe": _localstripe,
    "stripe that may raise, on localstripe": partial(_localstripe, incremental=True),
    "stripe on stripe-stateful-mock": _stateful_mock,
}


@contextmanager
def _process(folder: Path, command: list[str], **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env={**os.environ, **environment})
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def _bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {STRIPE_KEY}"}


def _await(url: str, running: subprocess.Popen[bytes]) -> None:
    def answers() -> bool:
        assert running.poll() is None, "it ended"
        try:
            return httpx.get(url, headers=_bearer(), trust_env=False).is_success
        except httpx.TransportError:
            return False

    eventually(answers, because=url)


@pytest.fixture(scope="module", params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield from BENCHES[request.param](tmp_path_factory.mktemp("provider"))


def do(bench: Bench, *asked: Callable[[Provider], Awaitable[Outcome]], url: str | None = None) -> list[Outcome]:
    """What is answered, one after the other."""

    async def asking() -> list[Outcome]:
        async with bench.made(url or bench.proxy.url, 10.0 if url is None else HURRIED) as provider:
            return [await ask(provider) for ask in asked]

    return asyncio.run(asking())


def call(bench: Bench, *calls: Call) -> list[Outcome]:
    return do(bench, *(lambda provider, one=one: provider.call(one) for one in calls))


def find(bench: Bench, *calls: Call) -> list[Outcome]:
    return do(bench, *(lambda provider, one=one: provider.find(one) for one in calls))


def money(amount: int, currency: str = "EUR") -> Money:
    return Money(amount=amount, currency=currency)


def authorize(bench: Bench, amount: Money | None = None, token: str | None = None) -> Call:
    number = next(_numbers)
    return Call(
        CallStep.AUTHORIZE,
        key=str(uuid4()),
        order_id=f"order-{number}",
        tenant="default",
        authorization=f"authorization-{number}",
        amount=amount or money(1000),
        token=token or bench.token,
    )


def after(of: Call, step: CallStep, reference: str | None, amount: int, final: bool = False) -> Call:
    currency = of.amount.currency
    return replace(
        of, step=step, key=str(uuid4()), reference=reference, amount=money(amount, currency), token=None, final=final
    )


def held(bench: Bench, amount: Money | None = None) -> tuple[Call, Outcome]:
    asked = authorize(bench, amount)
    (outcome,) = call(bench, asked)
    assert outcome.result is Result.DONE, outcome
    return asked, outcome


def taken(bench: Bench, amount: int = 1000) -> tuple[Call, Outcome]:
    asked, outcome = held(bench)
    capture = after(asked, CallStep.CAPTURE, outcome.reference, amount, final=True)
    (captured,) = call(bench, capture)
    assert captured.result is Result.DONE, captured
    return capture, captured


# What goes well


def test_what_is_held_is_said_and_found_again(bench: Bench) -> None:
    asked, outcome = held(bench)
    (found,) = find(bench, asked)

    assert outcome.reference and outcome.amount == money(1000)
    assert (found.result, found.reference, found.amount) == (Result.DONE, outcome.reference, money(1000))
    assert found.final == outcome.final == (Capability.MULTI_CAPTURE not in outcome.capabilities)


@pytest.mark.parametrize("currency", ["JPY", "EUR", "USD"])
def test_amounts_are_the_same_there_in_every_currency(bench: Bench, currency: str) -> None:
    asked, outcome = held(bench, money(70500, currency))
    capture = after(asked, CallStep.CAPTURE, outcome.reference, 70500)
    (captured,) = call(bench, capture)
    assert (captured.amount, find(bench, capture)[0].amount) == (money(70500, currency),) * 2


def test_what_nobody_asked_for_was_never_seen(bench: Bench) -> None:
    asked, outcome = held(bench)
    _, captured = taken(bench)
    unasked = [
        authorize(bench),
        after(asked, CallStep.CAPTURE, outcome.reference, 1000),
        after(asked, CallStep.VOID, outcome.reference, 1000),
        after(asked, CallStep.REFUND, captured.reference, 1000),
    ]
    assert [found.result for found in find(bench, *unasked)] == [Result.NEVER_SEEN] * 4


def test_a_capture_is_found_by_its_key_and_by_no_other(bench: Bench) -> None:
    capture, captured = taken(bench)
    other = replace(capture, key=str(uuid4()))
    found, unknown = find(bench, capture, other)

    assert captured.reference and captured.amount == money(1000) and captured.final
    assert (found.result, found.reference, found.amount) == (Result.DONE, captured.reference, money(1000))
    assert unknown.result is Result.NEVER_SEEN


def test_a_part_is_taken_and_more_only_where_several_captures_are_allowed(bench: Bench) -> None:
    asked, outcome = held(bench)
    first = after(asked, CallStep.CAPTURE, outcome.reference, 300)
    second = after(asked, CallStep.CAPTURE, outcome.reference, 300)
    one, two = call(bench, first, second)

    several = Capability.MULTI_CAPTURE in outcome.capabilities
    assert one.result is Result.DONE and one.amount == money(300) and one.final == (not several)
    assert two.result is (Result.DONE if several else Result.DECLINED)
    results = [found.result for found in find(bench, first, second)]
    assert results[0] is Result.DONE and results[1] is not (Result.NEVER_SEEN if several else Result.DONE)


def test_what_is_given_back_can_be_given_back_again_and_not_be_taken(bench: Bench) -> None:
    asked, outcome = held(bench)
    void = after(asked, CallStep.VOID, outcome.reference, 1000)
    again = after(asked, CallStep.VOID, outcome.reference, 1000)
    late = after(asked, CallStep.CAPTURE, outcome.reference, 1000)

    assert [said.result for said in call(bench, void, again)] == [Result.DONE] * 2
    assert find(bench, void)[0].result is Result.DONE
    assert call(bench, late)[0].result is Result.DECLINED
    assert find(bench, late)[0].result is not Result.DONE


def test_refunds_in_parts_are_each_found_and_end_at_what_was_taken(bench: Bench) -> None:
    capture, captured = taken(bench)
    parts = [after(capture, CallStep.REFUND, captured.reference, amount) for amount in (300, 700)]
    done = call(bench, *parts)
    found = find(bench, *parts)

    assert [(said.result, said.amount) for said in done] == [(Result.DONE, money(300)), (Result.DONE, money(700))]
    assert [said.reference for said in found] == [said.reference for said in done]
    assert len({said.reference for said in done}) == 2
    if bench.refuses_too_much:
        assert call(bench, after(capture, CallStep.REFUND, captured.reference, 60))[0].result is Result.DECLINED


# What is refused


def test_a_refusal_has_a_reason_of_ours_and_nothing_is_held(bench: Bench) -> None:
    asked = authorize(bench, token=bench.declined)
    (outcome,) = call(bench, asked)
    (found,) = find(bench, asked)

    assert (outcome.result, outcome.reason, outcome.soft) == (Result.DECLINED, bench.reason, True)
    assert outcome.code and outcome.said
    assert found.result in (Result.DECLINED, Result.NEVER_SEEN)


def test_what_is_not_there_is_refused(bench: Bench) -> None:
    asked, outcome = held(bench)
    gone = f"{outcome.reference}x"
    for step in (CallStep.CAPTURE, CallStep.VOID, CallStep.REFUND):
        assert call(bench, after(asked, step, gone, 1000))[0].result is Result.DECLINED


# What is sent again


def test_the_same_key_is_the_same_call(bench: Bench) -> None:
    asked = authorize(bench)
    if not bench.honours_keys:
        pytest.skip("it ignores keys: whoever is unsure asks first, as below")
    first, second = call(bench, asked, asked)
    assert first.reference == second.reference

    capture = after(asked, CallStep.CAPTURE, first.reference, 400, final=True)
    one, two = call(bench, capture, capture)
    refund = after(asked, CallStep.REFUND, one.reference, 100)
    back, again = call(bench, refund, refund)
    assert (one.reference, back.reference) == (two.reference, again.reference)


def test_a_capture_is_the_same_even_where_keys_are_ignored(bench: Bench) -> None:
    asked, outcome = held(bench)
    capture = after(asked, CallStep.CAPTURE, outcome.reference, 400, final=True)
    one, two = call(bench, capture, capture)
    assert (one.result, two.result, one.amount) == (Result.DONE, Result.DONE, two.amount)


def test_the_same_key_for_something_else_is_refused(bench: Bench) -> None:
    if not bench.honours_keys:
        pytest.skip("it ignores keys")
    asked, _ = held(bench)
    assert call(bench, replace(asked, amount=money(2000)))[0].result is Result.DECLINED


# What is lost on the way


@pytest.mark.parametrize("step", CallStep)
@pytest.mark.parametrize("fault", ["lost", "error_after"])
def test_an_answer_that_is_lost_leaves_it_open_and_asking_closes_it(bench: Bench, step: CallStep, fault: str) -> None:
    asked = _asked(bench, step)
    bench.proxy.fault, bench.proxy.skipped = fault, int(bench.marks and step is CallStep.CAPTURE)
    (lost,) = call(bench, asked)
    (found,) = find(bench, asked)

    assert lost.result is Result.UNKNOWN
    assert found.result is Result.DONE and found.amount == asked.amount


@pytest.mark.parametrize("step", CallStep)
@pytest.mark.parametrize(("fault", "result"), [("error_before", Result.UNKNOWN), ("busy", Result.TRY_AGAIN)])
def test_a_call_that_never_arrived_was_never_seen_and_goes_well_later(
    bench: Bench, step: CallStep, fault: str, result: Result
) -> None:
    asked = _asked(bench, step)
    bench.proxy.fault = fault
    (failed,) = call(bench, asked)
    (found,) = find(bench, asked)
    (done,) = call(bench, asked)

    assert failed.result is result
    assert failed.retry_after == (timedelta(seconds=7) if fault == "busy" else None)
    assert failed.away is (fault == "busy")
    assert found.result is Result.NEVER_SEEN
    assert done.result is Result.DONE


def _asked(bench: Bench, step: CallStep) -> Call:
    if step is CallStep.AUTHORIZE:
        return authorize(bench)
    if step is CallStep.REFUND:
        capture, captured = taken(bench)
        return after(capture, step, captured.reference, 400)
    asked, outcome = held(bench)
    return after(asked, step, outcome.reference, 1000)


def test_nobody_there_is_nothing_done(bench: Bench) -> None:
    asked = authorize(bench)
    url = f"http://127.0.0.1:{free_port()}"
    called, found = do(bench, lambda provider: provider.call(asked), lambda provider: provider.find(asked), url=url)
    assert called.result is Result.TRY_AGAIN
    assert found.result is Result.TRY_AGAIN
    assert called.away and found.away


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html>no!", b"nonsense\r\n\r\n"])
def test_silence_and_nonsense_leave_it_open(bench: Bench, said: bytes) -> None:
    asked = authorize(bench)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                if said:
                    connection.recv(65_536)
                    connection.sendall(said)
                    connection.close()
                else:
                    silent.append(connection)

        silent: list[socket.socket] = []
        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        called, found = do(bench, lambda provider: provider.call(asked), lambda provider: provider.find(asked), url=url)
        listening.shutdown(socket.SHUT_RDWR)
        for connection in silent:
            connection.close()
    assert called.result is Result.UNKNOWN
    assert found.result is Result.UNKNOWN
