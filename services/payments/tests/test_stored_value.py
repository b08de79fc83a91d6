"""Gift cards and store credit: never spent twice, whoever asks first, and nothing of it is lost."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.testing import DAWN, Outcome, Spec
from contracts.chassis import DeadlinePassed, MessageParked
from contracts.ids import stream
from contracts.message import Command
from contracts.money import Money
from contracts.payments import (
    BlockValue,
    HoldValue,
    IssueCause,
    IssueValue,
    RedeemValue,
    ReleaseValue,
    UnblockValue,
    ValueBlocked,
    ValueExpired,
    ValueHeld,
    ValueIssued,
    ValueKind,
    ValueRedeemed,
    ValueRefusal,
    ValueRefused,
    ValueReleased,
    ValueRepeated,
    ValueUnblocked,
)
from services.payments.stored_value import LAPSES, STORED_VALUES, StoredValue

VALUE = "5d0b8f1e-0000-5000-8000-000000000001"
NAME = stream("stored_value", VALUE)
PAYMENT = "payments:payment/o1"
END = DAWN + timedelta(days=30)


def eur(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def issue(amount: int, entry: str = "e1", **more: Any) -> IssueValue:
    plain: dict[str, Any] = {"kind": ValueKind.GIFT_CARD, "cause": IssueCause.SOLD, "ending": "WXYZ"}
    return IssueValue(entry=entry, amount=eur(amount), **{**plain, **more})


def hold(amount: int, name: str = "a1", order: str = "o1") -> HoldValue:
    return HoldValue(hold=name, order_id=order, amount=eur(amount))


def redeem(amount: int, capture: str = "c1", name: str = "a1") -> RedeemValue:
    return RedeemValue(hold=name, capture=capture, order_id="o1", amount=eur(amount))


def release(name: str = "a1") -> ReleaseValue:
    return ReleaseValue(hold=name, order_id="o1")


def after(*messages: Command) -> Spec:
    spec = Spec(STORED_VALUES, "payments", NAME)
    for message in messages:
        spec.when(message, reply_to=PAYMENT)
    return spec


def books(spec: Spec) -> tuple[int, int, int, int]:
    """Available, held, redeemed, expired."""
    state: StoredValue = spec.state
    return state.available, state.held, state.redeemed, state.expired


def refused(outcome: Outcome) -> ValueRefusal:
    [event] = outcome.events
    assert isinstance(event, ValueRefused)
    return event.reason


def test_a_card_is_issued_held_for_an_order_and_spent_for_what_was_fulfilled() -> None:
    spec = after()
    spec.when(issue(5_000), door="http").then(
        ValueIssued(
            value=VALUE,
            kind=ValueKind.GIFT_CARD,
            entry="e1",
            amount=eur(5_000),
            available=eur(5_000),
            cause=IssueCause.SOLD,
            ending="WXYZ",
        )
    )
    held = ValueHeld(value=VALUE, hold="a1", order_id="o1", amount=eur(3_000), available=eur(2_000), reply_to=PAYMENT)
    spec.when(hold(3_000), reply_to=PAYMENT).then(held).answered(PAYMENT)
    spent = ValueRedeemed(
        value=VALUE, hold="a1", capture="c1", order_id="o1", amount=eur(1_000), held=eur(2_000), reply_to=PAYMENT
    )
    spec.when(redeem(1_000), reply_to=PAYMENT).then(spent).answered(PAYMENT)
    assert books(spec) == (2_000, 2_000, 1_000, 0)
    back = ValueReleased(
        value=VALUE, hold="a1", order_id="o1", amount=eur(2_000), available=eur(4_000), reply_to=PAYMENT
    )
    spec.when(release(), reply_to=PAYMENT).then(back).answered(PAYMENT)
    assert books(spec) == (4_000, 0, 1_000, 0)


def test_two_orders_at_once_never_get_the_same_money() -> None:
    spec = after(issue(5_000), hold(3_000))
    assert refused(spec.when(hold(3_000, "a2", "o2"))) is ValueRefusal.INSUFFICIENT
    spec.when(hold(2_000, "a3", "o3")).then(
        ValueHeld(value=VALUE, hold="a3", order_id="o3", amount=eur(2_000), available=eur(0))
    )


@pytest.mark.parametrize("message", [issue(5_000), hold(3_000), redeem(1_000)])
def test_the_same_again_changes_nothing(message: Command) -> None:
    spec = after(issue(5_000), hold(3_000), redeem(1_000))
    before = books(spec)
    [event] = spec.when(message, reply_to=PAYMENT).answered(PAYMENT).events
    assert isinstance(event, ValueRepeated)
    assert event.request == type(message).__name__
    assert books(spec) == before


@pytest.mark.parametrize("message", [issue(1), hold(1), redeem(1)])
def test_another_content_under_the_same_id_is_refused(message: Command) -> None:
    spec = after(issue(5_000), hold(3_000), redeem(1_000))
    assert refused(spec.when(message, reply_to=PAYMENT)) is ValueRefusal.CONFLICT


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (hold(5_001, "a2"), ValueRefusal.INSUFFICIENT),
        (hold(0, "a2"), ValueRefusal.NO_AMOUNT),
        (HoldValue(hold="a2", order_id="o1", amount=Money(amount=1, currency="USD")), ValueRefusal.WRONG_CURRENCY),
        (redeem(1, name="never"), ValueRefusal.INSUFFICIENT),
        (redeem(0), ValueRefusal.NO_AMOUNT),
        (
            RedeemValue(hold="a1", capture="c1", order_id="o1", amount=Money(amount=1, currency="USD")),
            ValueRefusal.WRONG_CURRENCY,
        ),
        (issue(0, "e2"), ValueRefusal.NO_AMOUNT),
        (issue(5, "e2", kind=ValueKind.STORE_CREDIT), ValueRefusal.CONFLICT),
        (
            IssueValue(
                kind=ValueKind.GIFT_CARD,
                entry="e2",
                amount=Money(amount=1, currency="USD"),
                cause=IssueCause.GOODWILL,
            ),
            ValueRefusal.WRONG_CURRENCY,
        ),
    ],
)
def test_what_cannot_be_is_refused_with_what_is_available(message: Command, reason: ValueRefusal) -> None:
    spec = after(issue(5_000))
    outcome = spec.when(message, reply_to=PAYMENT).answered(PAYMENT)
    assert refused(outcome) is reason
    assert outcome.events[0].available == eur(5_000)  # type: ignore[attr-defined]


@pytest.mark.parametrize("message", [hold(1), redeem(1), BlockValue(detail="stolen"), UnblockValue(detail="found")])
def test_a_ledger_that_nothing_was_issued_to_is_unknown(message: Command) -> None:
    assert refused(after().when(message)) is ValueRefusal.UNKNOWN


def test_a_hold_that_comes_after_its_release_is_refused() -> None:
    spec = after(issue(5_000))
    spec.when(release(), reply_to=PAYMENT).then(ValueReleased(value=VALUE, hold="a1", order_id="o1", reply_to=PAYMENT))
    assert refused(spec.when(hold(100))) is ValueRefusal.RELEASED
    assert refused(spec.when(redeem(100))) is ValueRefusal.RELEASED
    [event] = spec.when(release()).events
    assert isinstance(event, ValueRepeated)


def test_a_blocked_card_is_held_by_nobody_and_keeps_what_it_holds() -> None:
    spec = after(issue(5_000), hold(1_000))
    spec.when(BlockValue(detail="stolen"), door="http").then(ValueBlocked(value=VALUE, detail="stolen"))
    assert refused(spec.when(hold(1, "a2"))) is ValueRefusal.BLOCKED
    [event] = spec.when(BlockValue(detail="stolen")).events
    assert isinstance(event, ValueRepeated)
    spec.when(redeem(1_000))
    spec.when(issue(700, "r1", cause=IssueCause.REFUND))
    assert books(spec) == (4_700, 0, 1_000, 0)
    spec.when(UnblockValue(detail="found"), door="http").then(ValueUnblocked(value=VALUE, detail="found"))
    [event] = spec.when(UnblockValue(detail="found")).events
    assert isinstance(event, ValueRepeated)
    spec.when(hold(1, "a2"))
    assert books(spec) == (4_699, 1, 1_000, 0)


def test_what_is_left_lapses_and_what_is_held_lapses_when_it_comes_back() -> None:
    spec = after(issue(5_000, expires_at=END), hold(2_000))
    due = DeadlinePassed(name=LAPSES, due=END)
    spec.at(END).when(due).then(ValueExpired(value=VALUE, kind=ValueKind.GIFT_CARD, amount=eur(3_000)))
    spec.when(redeem(500))
    _, expired = spec.when(release()).events
    assert expired == ValueExpired(value=VALUE, kind=ValueKind.GIFT_CARD, amount=eur(1_500))
    assert books(spec) == (0, 0, 500, 4_500)
    spec.when(due).then_nothing()


def test_money_that_comes_back_to_a_card_that_lapsed_may_be_spent() -> None:
    spec = after(issue(5_000, expires_at=END), hold(2_000), redeem(2_000))
    spec.at(END).when(DeadlinePassed(name=LAPSES, due=END))
    spec.when(issue(2_000, "r1", cause=IssueCause.REFUND))
    spec.when(hold(2_000, "a2"))
    assert books(spec) == (0, 2_000, 2_000, 3_000)


def test_another_load_moves_the_moment_on() -> None:
    later = END + timedelta(days=30)
    spec = after(issue(5_000, expires_at=END), issue(1_000, "e2", expires_at=later))
    spec.at(END).when(DeadlinePassed(name=LAPSES, due=END)).then_nothing()
    [event] = spec.at(later).when(DeadlinePassed(name=LAPSES, due=later)).events
    assert isinstance(event, ValueExpired)
    assert event.amount == eur(6_000)


def credit(amount: int, entry: str, **more: Any) -> IssueValue:
    return issue(amount, entry, kind=ValueKind.STORE_CREDIT, ending=None, customer="ada", **more)


@pytest.mark.parametrize("loads", [(None, END), (END, None)])
def test_a_promotion_does_not_make_a_customer_s_own_money_lapse(loads: tuple[Any, Any]) -> None:
    # given credit without an end, and a promotion with one, whichever came first
    spec = after(*(credit(5_000, f"e{number}", expires_at=end) for number, end in enumerate(loads)))
    # when the promotion's end comes, then nothing lapses
    spec.at(END).when(DeadlinePassed(name=LAPSES, due=END)).then_nothing()
    assert books(spec) == (10_000, 0, 0, 0)


def test_a_shorter_promotion_does_not_make_a_card_lapse_sooner() -> None:
    sooner = END - timedelta(days=20)
    spec = after(issue(5_000, expires_at=END), issue(500, "e2", expires_at=sooner))
    spec.at(sooner).when(DeadlinePassed(name=LAPSES, due=sooner)).then_nothing()
    spec.at(END).when(DeadlinePassed(name=LAPSES, due=END))
    assert books(spec) == (0, 0, 0, 5_500)


def test_what_comes_back_to_a_card_keeps_the_card_s_end() -> None:
    spec = after(issue(5_000, expires_at=END), hold(2_000), redeem(2_000))
    spec.when(issue(2_000, "r1", cause=IssueCause.REFUND))
    spec.at(END).when(DeadlinePassed(name=LAPSES, due=END))
    assert books(spec) == (0, 0, 2_000, 5_000)


amounts = st.integers(-1, 900)
holds = st.sampled_from(["a1", "a2", "a3"])
messages = st.one_of(
    st.builds(issue, amounts, st.sampled_from(["e1", "e2", "e3"]), expires_at=st.sampled_from([None, None, END])),
    st.builds(hold, amounts, holds),
    st.builds(hold, amounts, holds),
    st.builds(redeem, amounts, st.sampled_from(["c1", "c2", "c3", "c4"]), holds),
    st.builds(redeem, amounts, st.sampled_from(["c1", "c2", "c3", "c4"]), holds),
    st.builds(release, holds),
    st.sampled_from([BlockValue(detail="x"), UnblockValue(detail="y"), DeadlinePassed(name=LAPSES, due=END)]),
)


class Ledger:
    """What the events say, added up by somebody who shares no code with the fold."""

    def __init__(self) -> None:
        self.sums: Counter[str] = Counter()
        self.held: Counter[str] = Counter()

    def enter(self, event: Any) -> None:
        match event:
            case ValueIssued():
                self.sums["issued"] += event.amount.amount
            case ValueHeld():
                self.held[event.hold] += event.amount.amount
            case ValueRedeemed():
                self.held[event.hold] -= event.amount.amount
                self.sums["redeemed"] += event.amount.amount
            case ValueReleased() if event.amount is not None:
                assert self.held[event.hold] == event.amount.amount
                del self.held[event.hold]
            case ValueExpired():
                self.sums["expired"] += event.amount.amount

    @property
    def available(self) -> int:
        return self.sums["issued"] - self.sums["redeemed"] - self.sums["expired"] - sum(self.held.values())


@settings(max_examples=200)
@given(st.lists(messages, min_size=1, max_size=25))
def test_nothing_is_spent_twice_or_lost_whatever_comes_in_whatever_order(course: list[Command]) -> None:
    spec, ledger = after(), Ledger()
    for message in course:
        if isinstance(message, DeadlinePassed):
            spec.at(END)
        outcome = spec.when(message, reply_to=PAYMENT)
        assert not any(isinstance(event, MessageParked) for event in outcome.events)
        for event in outcome.events:
            ledger.enter(event)
        assert min(ledger.held.values(), default=0) >= 0
        assert ledger.available >= 0
        assert books(spec) == (
            ledger.available,
            sum(ledger.held.values()),
            ledger.sums["redeemed"],
            ledger.sums["expired"],
        )
        assert spec.when(message, reply_to=PAYMENT).spec.state.available == ledger.available
