"""The worker of payments, without servers: what a provider is asked, when it is asked after first, and when it is left
alone."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from chassis.doors import Door
from contracts.envelope import Envelope, root_traceparent
from contracts.ids import aggregate_id
from contracts.message import CATALOGUE, Intent
from contracts.money import Money
from contracts.payments import (
    CallResult,
    CallStep,
    CardAuthorizationRequested,
    CardCaptureRequested,
    ProviderCall,
    ProviderInquiryRequested,
    RecordProviderOutcome,
)
from services.payments.provider import Call, Outcome, Result
from services.payments.workers import FAILURES_MAX, FRESH, LEFT_ALONE, ProviderWorker
from tests.doors.fakes import NOON, KeptWriter


class Kept:
    """A provider that keeps what it was asked, and answers as it is told."""

    name, keys_kept = "sandbox", timedelta(hours=24)

    def __init__(self, answer: Result = Result.DONE, found: Result = Result.NEVER_SEEN, *, away: bool = False) -> None:
        self.away = away
        self.answer, self.found, self.calls, self.finds = answer, found, list[Call](), list[Call]()

    async def call(self, call: Call) -> Outcome:
        self.calls.append(call)
        return Outcome(self.answer, self.name, reference="pi_1", away=self.away, said="x" * 1_000)

    async def find(self, call: Call) -> Outcome:
        self.finds.append(call)
        return Outcome(self.found, self.name, reference="pi_1")


def wanted(number: int = 1, provider: str | None = None) -> ProviderCall:
    return ProviderCall(
        step=CallStep.AUTHORIZE,
        key=f"key-{number}",
        tender=0,
        authorization="a-1",
        amount=Money(amount=1_000, currency="EUR"),
        provider=provider,
        token="pm_1",
    )


def asked(intent: Intent, at: datetime = NOON, target: str = "payment/o1") -> Any:
    """The intent as the topic has it."""
    identifier = aggregate_id("default", "event", target, intent.encode().decode())
    trace = root_traceparent(identifier)
    envelope = Envelope(identifier, intent.TYPE, "/payments", at, target, "default", "order/o1", "cause", trace)
    return ConsumerRecord(
        "payments.intents", 0, 7, 0, 0, target.encode(), intent.encode(), None, 1, 1, envelope.headers()
    )


class Work:
    """A worker that began at `began`, with one provider. `known` are outcomes that the payment has already."""

    def __init__(self, provider: Kept, began: datetime = NOON) -> None:
        self.writer, self.known, self.now = KeptWriter(), set[str](), began
        door = Door("worker", self.writer, 4, clock=lambda: NOON)
        providers = {"sandbox": provider}
        self.worker = ProviderWorker(door, self._taken, lambda why: None, providers, "sandbox", lambda: self.now)

    def _taken(self, messages: Sequence[str]) -> Collection[str]:
        return self.known & set(messages)

    def take(self, *records: Any) -> list[RecordProviderOutcome]:
        asyncio.run(self.worker.take(records))
        found = [CATALOGUE[Envelope.parse(record.headers).type].decode(record.value) for record in self.writer.records]
        return [outcome for outcome in found if isinstance(outcome, RecordProviderOutcome)]


def request(number: int = 1, provider: str | None = None) -> CardAuthorizationRequested:
    return CardAuthorizationRequested(order_id="o1", call=wanted(number, provider))


def test_what_is_wanted_now_is_called_and_the_payment_told() -> None:
    provider = Kept()
    work = Work(provider)
    [outcome] = work.take(asked(request()))
    assert (outcome.key, outcome.result, outcome.reference) == ("key-1", CallResult.DONE, "pi_1")
    assert len(outcome.said or "") == 300
    [call] = provider.calls
    assert (call.key, call.token, call.order_id, call.tenant) == ("key-1", "pm_1", "o1", "default")
    assert not provider.finds
    told = Envelope.parse(work.writer.records[0].headers)
    assert (told.subject, told.correlation_id) == ("payment/o1", "order/o1")


def test_a_provider_hears_that_the_payer_of_an_invoice_that_is_due_is_not_there() -> None:
    provider = Kept()
    due = request(2).model_copy(update={"call": wanted(2).model_copy(update={"collection": True})})
    Work(provider).take(asked(request(1)), asked(due))
    assert [(call.key, call.payer_absent) for call in provider.calls] == [("key-1", False), ("key-2", True)]


def test_what_the_payment_knows_is_not_asked_again() -> None:
    provider = Kept()
    work = Work(provider)
    work.take(asked(request()))
    work.known = {Envelope.parse(record.headers).id for record in work.writer.records}
    work.take(asked(request()))
    assert len(provider.calls) == 1


@pytest.mark.parametrize(
    ("began", "now"), [(NOON + timedelta(seconds=1), NOON), (NOON, NOON + FRESH + timedelta(seconds=1))]
)
@pytest.mark.parametrize(
    ("found", "calls", "result"),
    [
        (Result.NEVER_SEEN, 1, CallResult.DONE),
        (Result.DONE, 0, CallResult.DONE),
        (Result.DECLINED, 0, CallResult.DECLINED),
        (Result.UNKNOWN, 0, CallResult.UNKNOWN),
        (Result.TRY_AGAIN, 0, CallResult.UNKNOWN),
    ],
)
def test_what_may_have_been_called_before_is_asked_after_first(
    began: datetime, now: datetime, found: Result, calls: int, result: CallResult
) -> None:
    # given a worker that began after the wish, or a wish so old that another may have acted on it
    provider = Kept(found=found)
    work = Work(provider, began)
    work.now = max(began, now)
    # then only what the provider never saw is called
    [outcome] = work.take(asked(request()))
    assert (len(provider.finds), len(provider.calls), outcome.result) == (1, calls, result)


def test_an_inquiry_calls_nobody() -> None:
    provider = Kept(found=Result.NEVER_SEEN)
    [outcome] = Work(provider).take(asked(ProviderInquiryRequested(order_id="o1", call=wanted())))
    assert (outcome.result, provider.calls) == (CallResult.NEVER_SEEN, [])


def test_a_provider_that_nobody_set_did_nothing_for_certain() -> None:
    provider = Kept()
    [outcome] = Work(provider).take(asked(request(provider="other")))
    assert (outcome.result, outcome.provider) == (CallResult.TRY_AGAIN, "other")
    [outcome] = Work(provider).take(asked(ProviderInquiryRequested(order_id="o1", call=wanted(provider="other"))))
    assert outcome.result is CallResult.UNKNOWN


def test_cards_that_fail_by_themselves_make_no_other_wait() -> None:
    # given cards whose calls the provider takes up and fails at, in a row
    provider = Kept(Result.UNKNOWN)
    work = Work(provider)
    for number in range(2 * FAILURES_MAX):
        work.take(asked(request(number), target=f"payment/{number}"))
    # when another is wanted, then it is asked for
    provider.answer = Result.DONE
    assert work.take(asked(request(99), target="payment/99"))[-1].result is CallResult.DONE
    assert len(provider.calls) == 2 * FAILURES_MAX + 1


class Slow(Kept):
    """Answers nothing for some cards, which is known only when all the others have their answer."""

    def __init__(self, slow: int) -> None:
        super().__init__()
        self.slow, self.others = slow, asyncio.Event()

    async def call(self, call: Call) -> Outcome:
        if int(call.key.removeprefix("key-")) < self.slow:
            await self.others.wait()
            return Outcome(Result.UNKNOWN, self.name, away=True)
        self.others.set()
        return await super().call(call)


def test_cards_that_get_no_answer_while_another_does_make_nobody_wait() -> None:
    # given more cards that get no answer than may fail in a row, and one that does meanwhile
    provider = Slow(FAILURES_MAX + 2)
    work = Work(provider)
    work.take(*(asked(request(number), target=f"payment/{number}") for number in range(FAILURES_MAX + 3)))
    # when another is wanted, then it is asked for
    assert work.take(asked(request(99), target="payment/99"))[-1].result is CallResult.DONE


def test_a_provider_that_takes_up_nothing_again_and_again_is_left_alone() -> None:
    provider = Kept(Result.UNKNOWN, away=True)
    intents = [asked(request(number), target=f"payment/{number}") for number in range(FAILURES_MAX + 3)]
    outcomes = Work(provider).take(*intents[:FAILURES_MAX], *intents[FAILURES_MAX:])
    assert len(provider.calls) >= FAILURES_MAX
    work = Work(provider)
    for intent in intents:
        outcomes = work.take(intent)
    assert [outcome.result for outcome in outcomes[FAILURES_MAX:]] == [CallResult.TRY_AGAIN] * 3
    assert outcomes[-1].retry_after == int(LEFT_ALONE.total_seconds())


def test_the_intents_of_one_payment_are_asked_in_order() -> None:
    provider = Kept()
    second = CardCaptureRequested(order_id="o1", call=wanted(2).model_copy(update={"step": CallStep.CAPTURE}))
    Work(provider).take(asked(request()), asked(second))
    assert [call.key for call in provider.calls] == ["key-1", "key-2"]


class Broken(Kept):
    """An adapter that stumbles over what the provider says to the first call."""

    async def call(self, call: Call) -> Outcome:
        if call.key == "key-1":
            raise KeyError("status")
        return await super().call(call)


def test_what_an_adapter_stumbles_over_ends_one_call_and_no_other() -> None:
    outcomes = Work(Broken()).take(asked(request(1), target="payment/o1"), asked(request(2), target="payment/o2"))
    assert sorted((outcome.key, outcome.result) for outcome in outcomes) == [
        ("key-1", CallResult.UNKNOWN),
        ("key-2", CallResult.DONE),
    ]
