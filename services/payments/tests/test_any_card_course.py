"""What holds of a payment by cards whatever the provider says, whenever it says it, however often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.testing import Spec
from contracts.chassis import DeadlinePassed, MessageParked
from contracts.message import Event
from contracts.money import CaptureTime, Tender
from contracts.payments import (
    AuthorizeMore,
    CallResult,
    CallStep,
    CancelIncrease,
    Capability,
    CardAuthorized,
    CardCaptured,
    CardRefunded,
    DeclineReason,
    IncreaseDeclined,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentIncreased,
    ProviderCall,
    RecordProviderOutcome,
    RefundReversed,
    ResolveProviderOutcome,
)
from services.payments.card_calls import CallStage, raises
from services.payments.payment_state import Payment, deadlines_of
from services.payments.prepaid import held
from services.payments.tests.test_cards import CARD, SECOND
from services.payments.tests.test_payment import COUPON, ORDER, VOID, after, authorize, capture, eur, refund

TENDERS = (CARD, SECOND, COUPON)
AT_ORDER = {"capture": CaptureTime.AT_ORDER}
WAYS = [
    TENDERS,
    (CARD.model_copy(update=AT_ORDER), SECOND, COUPON),
    (CARD, SECOND.model_copy(update=AT_ORDER), COUPON),
    (CARD.model_copy(update=AT_ORDER), SECOND.model_copy(update=AT_ORDER), COUPON),
]
"""Cards that are charged as goods leave, and at the order."""
RESULTS = [*[CallResult.DONE] * 6, *CallResult]
acts = st.one_of(
    st.tuples(st.just("said"), st.integers(0, 30), st.sampled_from(RESULTS), st.booleans()),
    st.tuples(st.just("said"), st.integers(0, 30), st.sampled_from(RESULTS), st.booleans()),
    st.tuples(st.just("due"), st.integers(0, 5)),
    st.tuples(st.just("taken_back"), st.integers(0, 5)),
    st.tuples(st.just("capture"), st.sampled_from(["s1", "s2", "s3"]), st.integers(1, 900)),
    st.tuples(st.just("refund"), st.sampled_from(["r1", "r2", "r3"]), st.integers(1, 900)),
    st.tuples(st.just("more"), st.sampled_from(["1", "2", "3"]), st.tuples(*[st.sampled_from([0, 0, 150, 400])] * 4)),
    st.tuples(st.just("give_up"), st.sampled_from(["1", "2", "3"])),
    st.tuples(st.sampled_from(["authorize", "authorize", "authorize", "void"])),
)


def more(name: str, amounts: tuple[int, ...], of: Sequence[Tender]) -> AuthorizeMore:
    """More by the tenders of the order, and by one that comes with the increase, on the first's stored method."""
    rows = zip((*of, of[0]), amounts, strict=True)
    tenders: tuple[Tender, ...] = tuple(tender.model_copy(update={"amount": eur(n)}) for tender, n in rows)
    return AuthorizeMore(order_id="o1", increase=name, amount=eur(sum(amounts)), tenders=tenders)


class Bank:
    """A provider that does each call at most once: whatever is said of a call that was done says so. It holds what it
    secured, and fails when it is to take more than that, or anything after what was said to be the last."""

    def __init__(self) -> None:
        self.calls: dict[str, ProviderCall] = {}
        self.ends: dict[str, CallResult] = {}
        self.held: dict[str, int] = {}
        self.closed: set[str] = set()
        self.once: set[str] = set()

    def hear(self, event: Event) -> None:
        call = getattr(event, "call", None)
        if isinstance(call, ProviderCall):
            self.calls[call.key] = call

    def says(self, number: int, result: CallResult, several: bool) -> RecordProviderOutcome | None:
        """An outcome of one of the calls; one that has an end keeps it."""
        if not self.calls:
            return None
        call = list(self.calls.values())[number % len(self.calls)]
        if result is CallResult.DONE and call.key not in self.ends:
            result = self._done(call, several)
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
            capabilities=(Capability.MULTI_CAPTURE, Capability.INCREMENTAL) if several else (),
        )

    def takes_back(self, number: int) -> RecordProviderOutcome | None:
        """A refund that was made fails after all."""
        made = [key for key, end in self.ends.items() if end is CallResult.DONE]
        made = [key for key in made if self.calls[key].step is CallStep.REFUND]
        if not made:
            return None
        key = made[number % len(made)]
        self.ends[key] = CallResult.DECLINED
        return self.says(list(self.calls).index(key), CallResult.DECLINED, False)

    def _done(self, call: ProviderCall, several: bool) -> CallResult:
        """What happens when it does the call."""
        name, amount = call.authorization, call.amount.amount
        match call.step:
            case CallStep.AUTHORIZE if raises(call):
                if name in self.closed:
                    return CallResult.DECLINED
                self.held[name] += amount
            case CallStep.AUTHORIZE:
                self.held[name] = amount
                self.once |= set() if several else {name}
            case CallStep.CAPTURE:
                assert name not in self.closed, "taken after the last"
                assert self.held[name] >= amount, "taken more than is held"
                self.held[name] -= amount
                self.closed |= {name} if call.final or name in self.once else set()
            case CallStep.VOID:
                self.closed.add(name)
        return CallResult.DONE

    def moved(self, step: CallStep) -> int:
        """What calls of a step moved, in minor units."""
        done = (call for key, call in self.calls.items() if self.ends.get(key) is CallResult.DONE)
        return sum(call.amount.amount for call in done if call.step is step)


def act(spec: Spec, bank: Bank, what: Any, of: Sequence[Tender] = TENDERS) -> tuple[Event, ...]:
    """One thing happens."""
    match what:
        case ("said", number, result, several):
            outcome = bank.says(number, result, several)
            return () if outcome is None else spec.when(outcome).events
        case ("taken_back", number):
            taken = bank.takes_back(number)
            return () if taken is None else spec.when(taken).events
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
        case ("more", name, amounts):
            return spec.when(more(name, amounts, of), reply_to=ORDER).events
        case ("give_up", name):
            return spec.when(CancelIncrease(order_id="o1", increase=name, amount=eur(1)), reply_to=ORDER).events
        case ("nothing_happened", key):
            return spec.when(ResolveProviderOutcome(order_id="o1", key=key, happened=False), reply_to=ORDER).events
        case ("void",):
            return spec.when(VOID, reply_to=ORDER).events
    return spec.when(authorize(*of), reply_to=ORDER).events


def total(events: list[Event], kind: type[Any]) -> int:
    return sum(event.amount.amount for event in events if isinstance(event, kind))


@settings(max_examples=250)
@given(st.lists(acts, min_size=5, max_size=60), st.sampled_from(WAYS))
def test_the_provider_and_we_agree_on_every_cent(course: list[Any], of: Sequence[Tender]) -> None:
    spec, bank, known = after(), Bank(), list[Event]()
    for what in [("authorize",), *course]:
        for event in act(spec, bank, what, of):
            assert not isinstance(event, MessageParked), event
            bank.hear(event)
            known.append(event)
        state = spec.state
        # what the provider moved is what we recorded, each call once
        assert bank.moved(CallStep.CAPTURE) == total(known, CardCaptured)
        reversed_ = [event.reversed for event in known if isinstance(event, RefundReversed)]
        lost = sum(part.amount.amount for part in reversed_)
        assert bank.moved(CallStep.REFUND) == total(known, CardRefunded) - lost
        # no part is taken or given back twice, and nothing above what there is
        taken = [event.capture for event in known if isinstance(event, CardCaptured)]
        back = Counter(event.refund for event in known if isinstance(event, CardRefunded))
        back.subtract(part.refund for part in reversed_)
        assert len(taken) == len(set(taken)) and all(0 <= count <= 1 for count in back.values())
        whole = sum(each.amount.amount for each in state.refunds.values())
        assert whole == state.refunded <= state.captured == total(known, PaymentCaptured)
        assert all(0 <= row.refunded <= row.amount for row in state.taken)
        assert all(left >= 0 for left in state.remaining.values())
        assert sum(isinstance(event, PaymentAuthorized) for event in known) <= 1
        _answered_once(known)
        _nothing_lost_of_what_was_taken_at_the_order(spec.state, known)
        # never more of an authorisation than it is for
        for row in state.cards.secured.values():
            assert 0 <= row.left <= row.row.amount.amount
    assert {key.key for key in bank.calls.values()} == set(spec.state.cards.calls)


def _answered_once(known: list[Event]) -> None:
    """An increase is secured or declined, once."""
    done = [event.increase for event in known if isinstance(event, PaymentIncreased) and not event.repeated]
    declined = {
        event.increase
        for event in known
        if isinstance(event, IncreaseDeclined) and event.reason is not DeclineReason.CONFLICT
    }
    assert len(done) == len(set(done)) and not declined & set(done)


def _nothing_lost_of_what_was_taken_at_the_order(state: Payment, known: list[Event]) -> None:
    """It pays for what left, is given back, or is held; what a person decides about counts as asked back."""
    taken = sum(event.amount.amount for event in known if isinstance(event, CardCaptured) and event.prepaid)
    drawn = [event.captures for event in known if isinstance(event, PaymentCaptured)]
    drawn += [each.asked.captures for each in state.capturing.values()]
    used = sum(part.amount.amount for parts in drawn for part in parts if part.prepaid)
    calls = (each for each in state.cards.calls.values() if each.call.prepaid and each.call.step is CallStep.REFUND)
    back = sum(each.call.amount.amount for each in calls if each.stage is not CallStage.DECLINED)
    assert taken == used + back + held(state.prepaid)
    assert all(row.left >= 0 for row in state.prepaid.values())


@settings(max_examples=150)
@given(st.lists(acts, min_size=5, max_size=40), st.sampled_from(WAYS))
def test_once_the_provider_does_everything_that_it_is_asked_nothing_is_left_open(
    course: list[Any], of: Sequence[Tender]
) -> None:
    # given any course, after which all that was wanted is void
    spec, bank, known = after(), Bank(), list[Event]()

    def happen(what: Any) -> None:
        for event in act(spec, bank, what, of):
            bank.hear(event)
            known.append(event)

    for what in [("authorize",), *course, ("void",)]:
        happen(what)
    # when the provider does each call that is open, and those that follow from it
    for _ in range(40):
        for number, key in enumerate(list(bank.calls)):
            if spec.state.cards.calls[key].open:
                happen(("said", number, CallResult.DONE, True))
            if spec.state.cards.calls[key].open and bank.ends[key] is CallResult.DECLINED:
                happen(("nothing_happened", key))  # what it refuses to give back a person has tried again
    # then nothing is open, nothing that was secured is still held, and what was asked for is answered
    state = spec.state
    assert not any(each.open for each in state.cards.calls.values())
    assert not any(row.open and (row.left or row.surplus or row.unwanted) for row in state.cards.secured.values())
    assert not held(state.prepaid)
    # but for what it refused to let go of, which lapses there
    refused = {bank.calls[key].authorization for key, end in bank.ends.items() if end is CallResult.DECLINED}
    assert not any(held for name, held in bank.held.items() if name not in bank.closed | refused)
    assert all(each.refused for each in [*state.capturing.values(), *state.refunding.values()])
    asked = [event for event in known if isinstance(event, CardAuthorized)]
    assert len({event.authorization.authorization for event in asked}) == len(asked)
