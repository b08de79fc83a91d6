"""What the payments service does outside: asks payment providers for what a payment wants, and what became of it.

A call that may have been made before is asked after first: one that was wanted before this process began, or so long ago
that another worker may have had it and lost its partitions, or that the provider no longer knows its key. A provider that fails again and again is left alone for a while, so that what is
wanted meanwhile is known to have done nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from chassis.acting import Acting, Asked
from chassis.doors import Door
from chassis.states import replace
from chassis.streaming import Records
from contracts.message import Command
from contracts.payments import (
    CallResult,
    CardAuthorizationRequested,
    CardCaptureRequested,
    CardRefundRequested,
    CardVoidRequested,
    ProviderCall,
    ProviderInquiryRequested,
    RecordProviderOutcome,
    Settled,
)
from services.payments.provider import Call, Notice, Outcome, Provider, Result, Settlement

__all__ = ["AT_ONCE_MAX", "FAILURES_MAX", "FRESH", "LEFT_ALONE", "ProviderWorker", "outcome_of_notice"]

log = logging.getLogger("orderlog")

AT_ONCE_MAX = 16
"""Payments for which a provider is asked at once; those of one payment one after the other."""

FAILURES_MAX = 5
"""Calls in a row that a provider may not take up (unavailable, too many calls, no answer) before it is left alone."""

LEFT_ALONE = timedelta(seconds=30)
"""For how long; then one call tries whether it is back."""

FRESH = timedelta(seconds=10)
"""How old an intent is at most that nobody else can have acted on: a worker that is gone is missed later than that."""

SAID_CHARS_MAX = 300

Requested = CardAuthorizationRequested | CardCaptureRequested | CardVoidRequested | CardRefundRequested
KINDS = (
    CardAuthorizationRequested,
    CardCaptureRequested,
    CardVoidRequested,
    CardRefundRequested,
    ProviderInquiryRequested,
)


class _Away(Exception):
    """A provider took up nothing since a call began: counts towards leaving it alone."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ProviderWorker:
    """Takes records of `payments.intents`. `providers` are those that are set, by the names that tenders use, and `usual`
    is the one of tenders that name none."""

    def __init__(
        self,
        door: Door,
        taken: Callable[[Sequence[str]], Collection[str]],
        waits: Callable[[str | None], None],
        providers: Mapping[str, Provider],
        usual: str,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._providers, self._usual, self._clock, self._tenant = providers, usual, clock, door.tenant
        self._began = clock()
        self._answers = Counter[str]()
        self._breakers = AsyncCircuitBreakerFactory(FAILURES_MAX, LEFT_ALONE.total_seconds())
        self._acting = Acting("payments", KINDS, self.act, "payments", door, taken, waits, AT_ONCE_MAX)

    async def take(self, records: Records) -> None:
        """Returns when every intent was acted on and its outcome is in the inbox."""
        await self._acting.take(records)

    async def act(self, asked: Asked) -> Command:
        """Ask for what one intent wants, or what became of it; what the provider said, to be recorded."""
        intent = asked.intent
        assert isinstance(intent, Requested | ProviderInquiryRequested), "only what a provider is asked comes here"
        wanted, inquiry = intent.call, isinstance(intent, ProviderInquiryRequested)
        name = wanted.provider or self._usual
        provider = self._providers.get(name)
        if provider is None:
            result = Result.UNKNOWN if inquiry else Result.TRY_AGAIN
            return _recorded(intent.order_id, wanted, Outcome(result, name, said=f"no provider is called {name} here"))
        call = _call(wanted, intent.order_id, self._tenant)
        age = self._clock() - asked.envelope.time
        if inquiry:
            outcome = await self._guarded(provider, provider.find, call)
        elif asked.envelope.time < self._began or age > min(FRESH, provider.keys_kept):
            outcome = await self._found_or_called(provider, call)
        else:
            outcome = await self._guarded(provider, provider.call, call)
        return _recorded(intent.order_id, wanted, outcome)

    async def _found_or_called(self, provider: Provider, call: Call) -> Outcome:
        """It may have been made before: made now only if the provider never saw it. Nobody can tell of what cannot be
        found out now."""
        found = await self._guarded(provider, provider.find, call)
        if found.result is Result.NEVER_SEEN:
            return await self._guarded(provider, provider.call, call)
        return replace(found, result=Result.UNKNOWN) if found.result is Result.TRY_AGAIN else found

    async def _guarded(self, provider: Provider, ask: Callable[[Call], Awaitable[Outcome]], call: Call) -> Outcome:
        """What the provider says, unless it is left alone: then nothing happened.

        That a call is not taken up says nothing of the others, as long as one of them was since it began: a card may be
        slow, and where many are the last answers are all of that kind.
        """
        heard: list[Outcome] = []
        breaker = await self._breakers.get_breaker(provider.name)
        answers = self._answers[provider.name]
        try:
            async with breaker:
                heard.append(await _asked(provider, ask, call))
                if not heard[0].away:
                    self._answers[provider.name] += 1
                elif answers == self._answers[provider.name]:
                    raise _Away
        except _Away:
            return heard[0]
        except OpenedState:
            return Outcome(
                Result.TRY_AGAIN,
                provider.name,
                retry_after=LEFT_ALONE,
                said=f"{provider.name} fails, and is left alone",
            )
        return heard[0]


async def _asked(provider: Provider, ask: Callable[[Call], Awaitable[Outcome]], call: Call) -> Outcome:
    """What the provider says. What an adapter cannot read ends one call, not the worker, which would begin with it again
    for ever and ask for nobody else: nobody knows what became of it."""
    try:
        return await ask(call)
    except Exception as error:
        log.exception("the adapter of %s failed at %s %s", provider.name, call.step, call.key)
        said = f"the adapter of {provider.name} failed ({type(error).__name__})"
        return Outcome(Result.UNKNOWN, provider.name, said=said)


def _call(wanted: ProviderCall, order_id: str, tenant: str) -> Call:
    return Call(
        step=wanted.step,
        key=wanted.key,
        order_id=order_id,
        tenant=tenant,
        authorization=wanted.authorization,
        amount=wanted.amount,
        token=wanted.token,
        reference=wanted.reference,
        final=wanted.final,
        payer_absent=wanted.collection,
    )


def _recorded(order_id: str, wanted: ProviderCall | Notice, outcome: Outcome) -> RecordProviderOutcome:
    return RecordProviderOutcome(
        order_id=order_id,
        step=wanted.step,
        key=wanted.key,
        authorization=wanted.authorization,
        result=CallResult(outcome.result),
        provider=outcome.provider,
        reference=outcome.reference,
        amount=outcome.amount,
        reason=outcome.reason,
        soft=outcome.soft,
        code=outcome.code,
        action_url=outcome.action_url,
        expires_at=outcome.expires_at,
        capabilities=outcome.capabilities,
        final=outcome.final,
        retry_after=None if outcome.retry_after is None else max(0, int(outcome.retry_after.total_seconds())),
        settlement=_settled(outcome.settlement),
        brand=outcome.brand,
        last_four=outcome.last_four,
        said=None if outcome.said is None else outcome.said[:SAID_CHARS_MAX],
    )


def _settled(found: Settlement | None) -> Settled | None:
    if found is None:
        return None
    return Settled(amount=found.amount, rate=found.rate, source=found.source, fee=found.fee)


def outcome_of_notice(notice: Notice) -> RecordProviderOutcome:
    """What a provider told by itself, as the same command that the worker sends."""
    recorded = _recorded(notice.order_id, notice, notice.outcome)
    return recorded.model_copy(update={"notice": notice.id, "dispute": notice.dispute})
