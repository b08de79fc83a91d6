"""The sandbox as a process of its own, in everything that it is told to do wrong, seen through our adapter.

What is told to pass by itself does: the same call with the same key then goes well, and the ledger there shows one
thing made.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from contracts.money import Money
from contracts.payments import Capability, CardDecline
from deploy.sandbox.script import DECLINES
from services.payments.provider import Call, CallStep, DisputeStage, Notice, NoticeRefused, Outcome, Result
from services.payments.providers.sandbox import DECLINES as OUR_WORDS
from services.payments.providers.sandbox import SandboxNotices
from tests.sandbox import SECRET, Heard, Sandbox, hearing, running_sandbox
from tests.waiting import eventually

pytestmark = pytest.mark.servers

_numbers = count(1)
HURRIED = 0.5
"""Seconds after which our adapter gives up here; the sandbox holds its answer longer."""


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    with hearing() as ear:
        yield ear


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, heard: Heard) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    quick = ("--hold", "3", "--slow", "3", "--late", "3600", "--pending", "1200")
    with running_sandbox(folder, "--notices", heard.url, *quick) as running:
        yield running


def euros(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def authorize(token: str, amount: Money | None = None) -> Call:
    number = next(_numbers)
    return Call(
        CallStep.AUTHORIZE,
        key=f"key-{number}",
        order_id=f"order-{number}",
        tenant="default",
        authorization=f"authorization-{number}",
        amount=amount or euros(1000),
        token=token,
    )


def after(call: Call, step: CallStep, reference: str | None, amount: int, final: bool = False) -> Call:
    """Another call about the same authorisation."""
    money = Money(amount=amount, currency=call.amount.currency)
    key = f"key-{next(_numbers)}"
    return replace(call, step=step, key=key, reference=reference, amount=money, token=None, final=final)


def ask(sandbox: Sandbox, *calls: Call, account: str = "multi", seconds: float = 10.0) -> list[Outcome]:
    async def asking() -> list[Outcome]:
        async with sandbox.provider(account, seconds) as provider:
            return [await provider.call(call) for call in calls]

    return asyncio.run(asking())


def find(sandbox: Sandbox, call: Call, account: str = "multi") -> Outcome:
    async def finding() -> Outcome:
        async with sandbox.provider(account) as provider:
            return await provider.find(call)

    return asyncio.run(finding())


def hold(
    sandbox: Sandbox, token: str = "tok_ok", amount: Money | None = None, account: str = "multi"
) -> tuple[Call, str]:
    call = authorize(token, amount)
    (outcome,) = ask(sandbox, call, account=account)
    assert outcome.result is Result.DONE and outcome.reference
    return call, outcome.reference


# What goes wrong and passes


PASSING = {
    "timeout_before": (Result.UNKNOWN, 0),
    "timeout_after": (Result.UNKNOWN, 1),
    "error_before": (Result.UNKNOWN, 0),
    "error_after": (Result.UNKNOWN, 1),
    "unavailable": (Result.TRY_AGAIN, 0),
    "429": (Result.TRY_AGAIN, 0),
    "slow": (Result.UNKNOWN, 1),
}
"""What we make of it, and how many things were made there meanwhile."""


@pytest.mark.parametrize("trouble", PASSING)
def test_trouble_with_an_authorization_holds_the_money_once(sandbox: Sandbox, trouble: str) -> None:
    call = authorize(f"tok_{trouble}")
    result, made = PASSING[trouble]

    (first,) = ask(sandbox, call, seconds=HURRIED)
    assert first.result is result
    assert len(sandbox.made("authorization", call.key)) == made
    assert find(sandbox, call).result is (Result.DONE if made else Result.NEVER_SEEN)

    (second,) = ask(sandbox, call)
    assert second.result is Result.DONE and second.amount == euros(1000)
    assert find(sandbox, call).reference == second.reference
    assert len(sandbox.made("authorization", call.key)) == 1


@pytest.mark.parametrize("trouble", PASSING)
@pytest.mark.parametrize("step", [CallStep.CAPTURE, CallStep.REFUND, CallStep.VOID])
def test_trouble_with_what_follows_moves_the_money_once(sandbox: Sandbox, step: CallStep, trouble: str) -> None:
    held, reference = hold(sandbox, f"tok_{step}_{trouble}")
    if step is CallStep.REFUND:
        (captured,) = ask(sandbox, after(held, CallStep.CAPTURE, reference, 1000))
        reference = captured.reference or ""
    call = after(held, step, reference, 1000 if step is CallStep.VOID else 400)
    kind = {CallStep.CAPTURE: "charge", CallStep.REFUND: "refund", CallStep.VOID: "void"}[step]
    result, made = PASSING[trouble]

    (first,) = ask(sandbox, call, seconds=HURRIED)
    assert first.result is result
    assert len(sandbox.made(kind, call.key)) == made
    assert find(sandbox, call).result is (Result.DONE if made else Result.NEVER_SEEN)

    (second,) = ask(sandbox, call)
    assert second.result is Result.DONE and second.amount == call.amount
    assert len(sandbox.made(kind, call.key)) == 1


def test_who_is_asked_to_wait_hears_how_long(sandbox: Sandbox) -> None:
    (outcome,) = ask(sandbox, authorize("tok_429"))
    assert outcome.retry_after == timedelta(seconds=1)


def test_without_a_connection_nothing_happened_for_certain(sandbox: Sandbox) -> None:
    away = replace(sandbox, port=1)
    call = authorize("tok_ok")
    assert [outcome.result for outcome in ask(away, call)] == [Result.TRY_AGAIN]
    assert find(away, call).result is Result.TRY_AGAIN


def test_one_that_is_killed_in_a_call_remembers_what_it_did(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, "--hold", "60") as sandbox:
        call = authorize("tok_timeout_after")
        (outcome,) = ask(sandbox, call, seconds=HURRIED)
        sandbox.kill()
        sandbox.start()
        assert outcome.result is Result.UNKNOWN
        assert find(sandbox, call).result is Result.DONE
        assert [again.result for again in ask(sandbox, call, call)] == [Result.DONE] * 2
        assert len(sandbox.made("authorization", call.key)) == 1


# Refusals


@pytest.mark.parametrize("word", DECLINES)
def test_a_refusal_has_a_reason_of_ours_and_says_whether_it_is_soft(sandbox: Sandbox, word: str) -> None:
    call = authorize(f"tok_decline_{word}")
    asked, again = ask(sandbox, call, call)

    assert asked == again
    assert (asked.result, asked.code, asked.soft) == (Result.DECLINED, word, DECLINES[word])
    assert asked.reason is OUR_WORDS.get(word, CardDecline.OTHER)
    found = find(sandbox, call)
    assert (found.result, found.reason, found.soft) == (Result.DECLINED, asked.reason, asked.soft)


def test_a_soft_refusal_goes_well_with_another_key(sandbox: Sandbox) -> None:
    call = authorize("tok_soft_decline_then_ok")
    first, same, other = ask(sandbox, call, call, replace(call, key=f"{call.key}-again"))

    assert [first.result, same.result, other.result] == [Result.DECLINED, Result.DECLINED, Result.DONE]
    assert first.soft


@pytest.mark.parametrize("step", [CallStep.CAPTURE, CallStep.VOID])
def test_what_follows_may_be_refused_too(sandbox: Sandbox, step: CallStep) -> None:
    held, reference = hold(sandbox, f"tok_{step}_decline_do_not_honor")
    call = after(held, step, reference, 400)
    (outcome,) = ask(sandbox, call)

    assert (outcome.result, outcome.reason) == (Result.DECLINED, CardDecline.DO_NOT_HONOR)
    assert find(sandbox, call).result is Result.DECLINED


def test_a_token_that_nobody_knows_is_refused(sandbox: Sandbox) -> None:
    (outcome,) = ask(sandbox, authorize("tok_of_somebody_else"))
    assert (outcome.result, outcome.code) == (Result.DECLINED, "no_such_token")


def test_a_key_that_was_used_for_something_else_is_refused(sandbox: Sandbox) -> None:
    call = authorize("tok_ok")
    first, other = ask(sandbox, call, replace(call, amount=euros(2000)))
    assert (first.result, other.result, other.code) == (Result.DONE, Result.DECLINED, "key_reused")


def test_a_key_is_known_for_a_while_and_what_it_made_is_found_for_ever(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, "--keys-kept", "600") as sandbox:
        call = authorize("tok_ok")
        ask(sandbox, call)
        sandbox.post("/test/clock", seconds=601)
        assert find(sandbox, call).result is Result.DONE
        ask(sandbox, call)
        assert len(sandbox.made("authorization", call.key)) == 2, "who does not ask first holds the money twice"


# The payer


@pytest.mark.parametrize(("confirmed", "result"), [(True, Result.DONE), (False, Result.DECLINED)])
def test_the_payer_has_the_word(sandbox: Sandbox, confirmed: bool, result: Result) -> None:
    call = authorize("tok_action_required")
    (asked,) = ask(sandbox, call)
    assert asked.result is Result.ACTION_REQUIRED and asked.action_url

    sandbox.post(asked.action_url.removeprefix(sandbox.url), confirmed=confirmed)

    found = find(sandbox, call)
    assert (found.result, found.action_url) == (result, None)
    assert found.reason is (None if confirmed else CardDecline.AUTHENTICATION_FAILED)


def test_what_waits_for_the_payer_can_be_given_up(sandbox: Sandbox) -> None:
    call = authorize("tok_action_required")
    (asked,) = ask(sandbox, call)
    (void,) = ask(sandbox, after(call, CallStep.VOID, asked.reference, 1000))
    assert void.result is Result.DONE
    assert find(sandbox, call).result is Result.DECLINED


# Accounts


def test_an_account_of_many_captures_takes_parts_until_the_last(sandbox: Sandbox) -> None:
    held, reference = hold(sandbox)
    parts = [after(held, CallStep.CAPTURE, reference, amount) for amount in (300, 300, 400, 1)]
    outcomes = ask(sandbox, *parts)

    assert [outcome.result for outcome in outcomes] == [Result.DONE] * 3 + [Result.DECLINED]
    assert [outcome.final for outcome in outcomes[:3]] == [False, False, True]
    assert len({outcome.reference for outcome in outcomes[:3]}) == 3


def test_an_account_of_one_capture_is_used_up_by_it(sandbox: Sandbox) -> None:
    call = authorize("tok_ok")
    (held,) = ask(sandbox, call, account="single")
    assert held.final and Capability.MULTI_CAPTURE not in held.capabilities and held.provider == "sandbox-single"

    parts = [after(call, CallStep.CAPTURE, held.reference, 300) for _ in range(2)]
    first, second = ask(sandbox, *parts, account="single")
    assert first.result is Result.DONE and first.final
    assert (second.result, second.code) == (Result.DECLINED, "closed")


def test_an_account_that_can_raises_what_is_held(sandbox: Sandbox) -> None:
    call = authorize("tok_ok")
    (held,) = ask(sandbox, call, account="incremental")
    more = replace(call, key=f"{call.key}-more", reference=held.reference, amount=euros(500))
    (raised,) = ask(sandbox, more, account="incremental")
    (captured,) = ask(sandbox, after(call, CallStep.CAPTURE, held.reference, 1500), account="incremental")

    assert Capability.INCREMENTAL in held.capabilities
    assert (raised.result, raised.reference, raised.amount) == (Result.DONE, held.reference, euros(500))
    found = find(sandbox, more, "incremental")
    assert (found.result, found.reference, found.amount) == (Result.DONE, held.reference, euros(500))
    assert captured.result is Result.DONE


def test_an_authorization_lapses_and_then_nothing_can_be_taken(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox:
        held, reference = hold(sandbox, "tok_short_lived")
        sandbox.post("/test/clock", seconds=61)
        (late,) = ask(sandbox, after(held, CallStep.CAPTURE, reference, 1000))
        (void,) = ask(sandbox, after(held, CallStep.VOID, reference, 1000))

        assert (late.result, late.code) == (Result.DECLINED, "expired")
        assert (void.result, void.code) == (Result.DONE, "expired"), "there is nothing left to give back"
        assert (find(sandbox, held).result, find(sandbox, held).code) == (Result.DECLINED, "expired")


# Money


@pytest.mark.parametrize(
    ("currency", "amount", "settles_in"),
    [("USD", 10000, "EUR"), ("JPY", 10000, "EUR"), ("EUR", 10000, "EUR"), ("KWD", 10000, "KWD")],
)
def test_a_charge_says_what_reaches_the_account_by_whose_rate(
    sandbox: Sandbox, currency: str, amount: int, settles_in: str
) -> None:
    held, reference = hold(sandbox, amount=Money(amount=amount, currency=currency))
    (charge,) = ask(sandbox, after(held, CallStep.CAPTURE, reference, amount))

    settled = charge.settlement
    assert settled is not None and settled.fee is not None
    assert settled.amount.currency == settles_in and settled.amount.amount > 0
    assert settled.fee.amount == settled.amount.amount * 14 // 1000 + 25
    assert settled.source.startswith("ECB 20") == (currency in ("USD", "JPY"))


def test_a_refund_may_take_its_time_and_fail(sandbox: Sandbox, tmp_path: Path) -> None:
    with running_sandbox(tmp_path, "--pending", "1200") as own:
        for token, result in (("tok_refund_pending", Result.DONE), ("tok_refund_pending_fails", Result.DECLINED)):
            held, reference = hold(own, token)
            (charge,) = ask(own, after(held, CallStep.CAPTURE, reference, 1000))
            refund = after(held, CallStep.REFUND, charge.reference, 600)
            (asked,) = ask(own, refund)
            assert asked.result is Result.PENDING
            own.post("/test/clock", seconds=1201)
            assert find(own, refund).result is result
            rest = after(held, CallStep.REFUND, charge.reference, 1000)
            (whole,) = ask(own, rest)
            expected = Result.DECLINED if result is Result.DONE else Result.PENDING
            assert whole.result is expected, "what failed can be refunded again, what is done not"


def test_a_refund_that_was_done_may_be_taken_back(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as own:
        held, reference = hold(own, "tok_refund_taken_back")
        (charge,) = ask(own, after(held, CallStep.CAPTURE, reference, 1000))
        refund = after(held, CallStep.REFUND, charge.reference, 600)
        (asked,) = ask(own, refund)
        assert asked.result is Result.DONE
        own.post("/test/clock", seconds=6)
        assert find(own, refund).result is Result.DECLINED
        (whole,) = ask(own, after(held, CallStep.REFUND, charge.reference, 1000))
        assert whole.result is Result.DONE, "all of it can be refunded again"


# Notices


def notices_of(heard: Heard, call: Call) -> list[Notice]:
    reader = SandboxNotices([SECRET])
    read = [asyncio.run(reader.read(body, headers, datetime.now(UTC))) for body, headers in list(heard.notices)]
    return [notice for notice in read if notice is not None and notice.order_id == call.order_id]


def test_a_notice_says_what_the_answer_said(sandbox: Sandbox, heard: Heard) -> None:
    held, reference = hold(sandbox)
    charge = after(held, CallStep.CAPTURE, reference, 1000)
    (captured,) = ask(sandbox, charge)
    eventually(lambda: len(notices_of(heard, held)) == 2, because="both notices came")
    first, second = notices_of(heard, held)

    assert (first.step, first.key, first.outcome.reference) == (CallStep.AUTHORIZE, held.key, reference)
    assert (second.step, second.key, second.authorization) == (CallStep.CAPTURE, charge.key, held.authorization)
    assert second.outcome == captured


def test_a_notice_may_come_twice_with_one_id(sandbox: Sandbox, heard: Heard) -> None:
    held, _ = hold(sandbox, "tok_webhook_twice")
    eventually(lambda: len(notices_of(heard, held)) == 2, because="it came twice")
    assert len({notice.id for notice in notices_of(heard, held)}) == 1


def test_a_notice_may_come_before_the_answer(sandbox: Sandbox, heard: Heard) -> None:
    held, _ = hold(sandbox, "tok_webhook_early")
    assert len(notices_of(heard, held)) == 1


def test_notices_may_come_in_the_wrong_order(sandbox: Sandbox, heard: Heard) -> None:
    held, reference = hold(sandbox, "tok_webhook_out_of_order")
    ask(sandbox, after(held, CallStep.CAPTURE, reference, 1000))
    eventually(lambda: len(notices_of(heard, held)) == 2, because="both notices came")
    assert [notice.step for notice in notices_of(heard, held)] == [CallStep.CAPTURE, CallStep.AUTHORIZE]


def test_notices_may_be_late_or_lost_and_one_that_is_not_taken_comes_again(tmp_path: Path) -> None:
    with hearing() as ear, running_sandbox(tmp_path, "--late", "3600", "--notices", ear.url) as own:
        late, _ = hold(own, "tok_webhook_late")
        lost, _ = hold(own, "tok_webhook_lost")
        ear.refusing = 2
        refused, _ = hold(own)
        eventually(lambda: len(notices_of(ear, refused)) == 3, because="it was tried until it was taken")
        assert notices_of(ear, late) == notices_of(ear, lost) == []
        own.post("/test/clock", seconds=3601)
        eventually(lambda: len(notices_of(ear, late)) == 1, because="the late one came")
        assert notices_of(ear, lost) == []


@pytest.mark.parametrize("end", ["won", "lost"])
def test_a_dispute_is_told_with_its_end(tmp_path: Path, end: str) -> None:
    with hearing() as ear, running_sandbox(tmp_path, "--notices", ear.url) as own:
        held, reference = hold(own, f"tok_dispute_{end}")
        (charge,) = ask(own, after(held, CallStep.CAPTURE, reference, 700))
        own.post("/test/clock", seconds=6)
        own.post("/test/clock", seconds=6)
        eventually(lambda: len(notices_of(ear, held)) == 4, because="opened and ended")
        told = [notice for notice in notices_of(ear, held) if notice.dispute]

        assert [notice.dispute for notice in told] == [DisputeStage.OPENED, DisputeStage(end)]
        assert {notice.outcome.reference for notice in told} == {charge.reference}
        assert {notice.outcome.amount for notice in told} == {euros(700)}


def test_only_what_is_signed_lately_by_a_secret_of_ours_is_read(sandbox: Sandbox, heard: Heard) -> None:
    held, _ = hold(sandbox)
    eventually(lambda: len(notices_of(heard, held)) == 1, because="it came")
    body, headers = next(
        (body, headers) for body, headers in heard.notices if json.loads(body)["data"]["metadata"]["key"] == held.key
    )
    now = datetime.now(UTC)

    assert asyncio.run(SandboxNotices(["the next one", SECRET]).read(body, headers, now)) is not None
    for reader, raw, said, at in (
        (SandboxNotices(["another"]), body, headers, now),
        (SandboxNotices([SECRET]), body.replace(b"1000", b"9000"), headers, now),
        (SandboxNotices([SECRET]), body, {}, now),
        (SandboxNotices([SECRET]), body, headers, now + timedelta(seconds=400)),
        (SandboxNotices([SECRET]), body, headers, now - timedelta(seconds=400)),
        (SandboxNotices([SECRET]), body, {"sandbox-signature": "t=x,v1=y"}, now),
    ):
        with pytest.raises(NoticeRefused):
            asyncio.run(reader.read(raw, said, at))
