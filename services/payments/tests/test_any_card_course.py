"""What holds of a payment by cards whatever the provider says, whenever it says it, however often."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.testing import Spec
from contracts.chassis import DeadlinePassed, MessageParked
from contracts.message import Event
from contracts.payments import (
    CallResult,
    CallStep,
    Capability,
    CardAuthorized,
    CardCaptured,
    CardRefunded,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentRefunded,
    ProviderCall,
    RecordProviderOutcome,
)
from services.payments.payment_state import deadlines_of
from services.payments.tests.test_cards import CARD, SECOND
from services.payments.tests.test_payment import COUPON, ORDER, VOID, after, authorize, capture, refund

TENDERS = (CARD, SECOND, COUPON)
RESULTS = [*[CallResult.DONE] * 6, *CallResult]
acts = st.one_of(
    st.tuples(st.just("said"), st.integers(0, 30), st.sampled_from(RESULTS), st.booleans()),
    st.tuples(st.just("said"), st.integers(0, 30), st.sampled_from(RESULTS), st.booleans()),
    st.tuples(st.just("due"), st.integers(0, 5)),
    st.tuples(st.just("capture"), st.sampled_from(["s1", "s2", "s3"]), st.integers(1, 900)),
    st.tuples(st.just("refund"), st.sampled_from(["r1", "r2", "r3"]), st.integers(1, 900)),
    st.tuples(st.sampled_from(["authorize", "authorize", "void"])),
)


class Bank:
    """A provider that does each call at most once: whatever is said of a call that was done says so."""

    def __init__(self) -> None:
        self.calls: dict[str, ProviderCall] = {}
        self.ends: dict[str, CallResult] = {}

    def hear(self, event: Event) -> None:
        call = getattr(event, "call", None)
        if isinstance(call, ProviderCall):
            self.calls[call.key] = call

    def says(self, number: int, result: CallResult, several: bool) -> RecordProviderOutcome | None:
        """An outcome of one of the calls; one that has an end keeps it."""
        if not self.calls:
            return None
        call = list(self.calls.values())[number % len(self.calls)]
        result = self.ends.get(call.key, result)
        if result in (CallResult.DONE, CallResult.DECLINED):
            self.ends[call.key] = result
        return RecordProviderOutcome(
            order_id="o1",
            step=call.step,
            key=call.key,
            authorization=call.authorization,
            result=result,
            provider="sandbox",
            reference=f"ref-{call.key[:6]}",
            soft=several,
            capabilities=(Capability.MULTI_CAPTURE,) if several else (),
        )

    def moved(self, step: CallStep) -> int:
        """What calls of a step moved, in minor units."""
        done = (call for key, call in self.calls.items() if self.ends.get(key) is CallResult.DONE)
        return sum(call.amount.amount for call in done if call.step is step)


def act(spec: Spec, bank: Bank, what: Any) -> tuple[Event, ...]:
    """One thing happens."""
    match what:
        case ("said", number, result, several):
            outcome = bank.says(number, result, several)
            return () if outcome is None else spec.when(outcome).events
        case ("due", number):
            waits = sorted(deadlines_of(spec.state).items())
            if not waits:
                return ()
            name, due = waits[number % len(waits)]
            spec.at(max(due, spec._now))
            return spec.when(DeadlinePassed(name=name, due=due)).events
        case ("capture", name, amount):
            return spec.when(capture(amount, name), reply_to=ORDER).events
        case ("refund", name, amount):
            return spec.when(refund(amount, name), reply_to=ORDER).events
        case ("void",):
            return spec.when(VOID, reply_to=ORDER).events
    return spec.when(authorize(*TENDERS), reply_to=ORDER).events


def total(events: list[Event], kind: type[Any]) -> int:
    return sum(event.amount.amount for event in events if isinstance(event, kind))


@settings(max_examples=250)
@given(st.lists(acts, min_size=5, max_size=60))
def test_the_provider_and_we_agree_on_every_cent(course: list[Any]) -> None:
    spec, bank, known = after(), Bank(), list[Event]()
    for what in [("authorize",), *course]:
        for event in act(spec, bank, what):
            assert not isinstance(event, MessageParked), event
            bank.hear(event)
            known.append(event)
        state = spec.state
        # what the provider moved is what we recorded, each call once
        assert bank.moved(CallStep.CAPTURE) == total(known, CardCaptured)
        assert bank.moved(CallStep.REFUND) == total(known, CardRefunded)
        # no part is taken or given back twice, and nothing above what there is
        taken = [event.capture for event in known if isinstance(event, CardCaptured)]
        back = [event.refund for event in known if isinstance(event, CardRefunded)]
        assert len(taken) == len(set(taken)) and len(back) == len(set(back))
        assert total(known, PaymentRefunded) == state.refunded <= state.captured == total(known, PaymentCaptured)
        assert all(0 <= row.refunded <= row.amount for row in state.taken)
        assert all(left >= 0 for left in state.remaining.values())
        assert sum(isinstance(event, PaymentAuthorized) for event in known) <= 1
        # never more of an authorisation than it is for
        for row in state.cards.secured.values():
            assert 0 <= row.left <= row.row.amount.amount
    assert {key.key for key in bank.calls.values()} == set(spec.state.cards.calls)


@settings(max_examples=150)
@given(st.lists(acts, min_size=5, max_size=40))
def test_once_the_provider_does_everything_that_it_is_asked_nothing_is_left_open(course: list[Any]) -> None:
    # given any course, after which all that was wanted is void
    spec, bank, known = after(), Bank(), list[Event]()

    def happen(what: Any) -> None:
        for event in act(spec, bank, what):
            bank.hear(event)
            known.append(event)

    for what in [("authorize",), *course, ("void",)]:
        happen(what)
    # when the provider does each call that is open, and those that follow from it
    for _ in range(40):
        for number, key in enumerate(list(bank.calls)):
            if spec.state.cards.calls[key].open:
                happen(("said", number, CallResult.DONE, True))
    # then nothing is open, nothing that was secured is still held, and what was asked for is answered
    state = spec.state
    assert not any(each.open for each in state.cards.calls.values())
    assert not any(row.open and row.left for row in state.cards.secured.values() if row.unwanted)
    assert all(each.refused for each in [*state.capturing.values(), *state.refunding.values()])
    asked = [event for event in known if isinstance(event, CardAuthorized)]
    assert len({event.authorization.authorization for event in asked}) == len(asked)
