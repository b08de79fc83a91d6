"""Orders that gift cards and store credit pay for: a payment and its ledgers agree, whoever answers when."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.decider import Send
from chassis.testing import Outcome, Spec
from contracts.chassis import MessageParked
from contracts.ids import stream
from contracts.message import Event, Message
from contracts.money import Tender, TenderMethod
from contracts.payments import (
    AuthorizeMore,
    BlockValue,
    CallResult,
    CallStep,
    CancelIncrease,
    CaptureRefusal,
    CaptureRefused,
    CaptureStarted,
    CardAuthorizationRequested,
    CardDecline,
    CardVoidRequested,
    DeclineReason,
    HoldValue,
    IssueCause,
    IssueValue,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentStarted,
    PaymentVoided,
    ProviderCall,
    RecordProviderOutcome,
    RedeemValue,
    RefundRefusal,
    RefundRefused,
    RefundStarted,
    ReleaseValue,
    StoredValueDeclined,
    StoredValueMoved,
    StoredValueRequested,
    ValueHeld,
    ValueIssued,
    ValueKind,
    ValueRedeemed,
    ValueRefusal,
    ValueRefused,
    ValueReleased,
    ValueRepeated,
)
from services.payments.api import _view
from services.payments.stored_value import STORED_VALUES, StoredValue
from services.payments.tests.test_cards import CARD
from services.payments.tests.test_payment import COUPON, INVOICE, ORDER, VOID, after, authorize, capture, eur, refund

GIFT, CREDIT = "5d0b8f1e-0000-5000-8000-000000000001", "5d0b8f1e-0000-5000-8000-000000000002"
CARD_OF_GIFT = Tender(method=TenderMethod.GIFT_CARD, amount=eur(300), rank=0, reference=GIFT)
FROM_CREDIT = Tender(method=TenderMethod.STORE_CREDIT, amount=eur(200), rank=1, reference=CREDIT)
REST = INVOICE.model_copy(update={"amount": eur(500), "rank": 2})
KINDS = {GIFT: ValueKind.GIFT_CARD, CREDIT: ValueKind.STORE_CREDIT}


class Shop:
    """A payment and its ledgers, each with 500 but for those of `worth`. What they send each other waits in `mail`, in
    order for each pair of them."""

    def __init__(self, **worth: int) -> None:
        self.payment = after()
        self.ledgers: dict[str, Spec] = {}
        self.mail: dict[str, deque[Message]] = {}
        self.events: list[Event] = []
        for name, kind in KINDS.items():
            spec = self.ledgers[name] = Spec(STORED_VALUES, "payments", stream("stored_value", name))
            amount = worth.get(kind, 500)
            spec.when(IssueValue(kind=kind, entry="e", amount=eur(amount), cause=IssueCause.SOLD))

    def when(self, message: Message, reply_to: str | None = ORDER) -> Outcome:
        """A message comes to the payment."""
        outcome = self.payment.when(message, reply_to=reply_to)
        for event in outcome.events:
            assert not isinstance(event, MessageParked), event
        self.events += outcome.events
        for send in outcome.sent:
            assert send.wants_answer and send.service == "payments"
            self.mail.setdefault(send.stream.partition("/")[2], deque()).append(send.message)
        return outcome

    def carry(self, name: str) -> Outcome | None:
        """The first that waits between the payment and a ledger arrives."""
        waiting = self.mail.get(name)
        if not waiting:
            return None
        message = waiting.popleft()
        if isinstance(message, Event):
            return self.when(message, None)
        outcome = self.ledgers[name].when(message, reply_to=f"payments:{self.payment.name}")
        back = self.mail.setdefault(f"from {name}", deque())
        back.extend(event for event, _ in outcome.answers)
        return None

    def carry_back(self, name: str) -> Outcome | None:
        waiting = self.mail.get(f"from {name}")
        return self.when(waiting.popleft(), None) if waiting else None

    def settle(self) -> Outcome | None:
        """All that is on its way arrives; the last that came of it at the payment."""
        last = None
        while any(self.mail.values()):
            for name in KINDS:
                self.carry(name)
                last = self.carry_back(name) or last
        return last

    def does(self, message: Message) -> list[str]:
        """What comes of it once all has arrived."""
        known = len(self.events)
        self.when(message)
        self.settle()
        return [type(event).__name__ for event in self.events[known:]]

    def books(self, name: str = GIFT) -> tuple[int, int, int]:
        """What a ledger has available, held and redeemed."""
        state: StoredValue = self.ledgers[name].state
        return state.available, state.held, state.redeemed

    def last(self, kind: type[Any]) -> Any:
        return [event for event in self.events if isinstance(event, kind)][-1]


def paid(*tenders: Tender) -> Shop:
    """A payment that is authorised."""
    shop = Shop()
    shop.does(authorize(*tenders))
    assert isinstance(shop.events[-1], PaymentAuthorized)
    return shop


ASKED, MOVED = StoredValueRequested.__name__, StoredValueMoved.__name__


def test_a_gift_card_is_held_spent_released_and_given_back_to() -> None:
    shop = Shop()
    began = shop.when(authorize(CARD_OF_GIFT)).answered()
    started, asked = began.events
    assert isinstance(started, PaymentStarted) and isinstance(asked, StoredValueRequested)
    held = HoldValue(hold=asked.asked.authorization, order_id=shop.payment.name.partition("/")[2], amount=eur(300))
    began.sends(Send("payments", stream("stored_value", GIFT), held, wants_answer=True))
    last = shop.settle()
    assert last is not None
    moved, authorized = last.answered(ORDER).events
    assert isinstance(moved, StoredValueMoved) and isinstance(authorized, PaymentAuthorized)
    [row] = authorized.authorizations
    assert (row.authorization, row.reference, row.amount) == (held.hold, GIFT, eur(300))
    assert shop.books() == (200, 300, 0)
    assert shop.does(capture(120)) == [CaptureStarted.__name__, ASKED, MOVED, PaymentCaptured.__name__]
    assert shop.books() == (200, 180, 120)
    assert shop.does(refund(50)) == [RefundStarted.__name__, ASKED, MOVED, PaymentRefunded.__name__]
    assert shop.books() == (250, 180, 120)
    assert shop.ledgers[GIFT].state.entries[shop.last(PaymentRefunded).refunds[0].refund] == 50
    assert shop.does(VOID) == [PaymentVoided.__name__, ASKED, MOVED]
    assert shop.books() == (430, 0, 120)
    assert _view(shop.payment.state)["captured"] == 120


def test_several_tenders_wait_for_all_and_are_used_by_rank() -> None:
    shop = Shop()
    shop.when(authorize(CARD_OF_GIFT, FROM_CREDIT, REST))
    shop.carry(GIFT)
    assert [type(event) for event in shop.carry_back(GIFT).events] == [StoredValueMoved]  # type: ignore[union-attr]
    shop.settle()
    assert isinstance(shop.events[-1], PaymentAuthorized)
    assert shop.does(capture(400))[-1] == PaymentCaptured.__name__
    assert (shop.books(), shop.books(CREDIT)) == ((200, 0, 300), (300, 100, 100))
    # what was used last goes back first
    shop.does(refund(350))
    assert (shop.books(), shop.books(CREDIT)) == ((450, 0, 300), (400, 100, 100))
    assert [part.reference for part in shop.last(PaymentRefunded).refunds] == [CREDIT, GIFT]
    # what no ledger has to pay for waits for none
    assert shop.does(capture(100, "s2"))[-1] == shop.does(capture(300, "s3"))[-1] == PaymentCaptured.__name__
    assert shop.does(VOID) == [PaymentVoided.__name__]


def test_a_hold_that_is_refused_declines_the_payment_and_gives_the_others_back() -> None:
    shop = Shop(gift_card=299)
    names = shop.does(authorize(FROM_CREDIT, CARD_OF_GIFT))
    declined = shop.last(PaymentDeclined)
    assert (declined.reason, declined.detail, declined.reply_to) == (
        DeclineReason.VALUE_REFUSED,
        ValueRefusal.INSUFFICIENT,
        ORDER,
    )
    assert StoredValueDeclined.__name__ in names
    assert (shop.books(), shop.books(CREDIT)) == ((299, 0, 0), (500, 0, 0))
    # asked again with what there is, it is a round of its own
    less = CARD_OF_GIFT.model_copy(update={"amount": eur(299)})
    assert shop.does(authorize(FROM_CREDIT, less))[-1] == PaymentAuthorized.__name__
    assert (shop.books(), shop.books(CREDIT)) == ((0, 299, 0), (300, 200, 0))


def test_a_blocked_card_cannot_be_held_but_what_is_held_is_spent() -> None:
    shop = paid(CARD_OF_GIFT)
    shop.ledgers[GIFT].when(BlockValue(detail="stolen"))
    assert shop.does(capture(300))[-1] == PaymentCaptured.__name__
    other = Shop()
    other.ledgers[GIFT].when(BlockValue(detail="stolen"))
    other.does(authorize(CARD_OF_GIFT))
    assert other.last(PaymentDeclined).detail == ValueRefusal.BLOCKED


def outcome(call: ProviderCall, result: CallResult, **more: Any) -> RecordProviderOutcome:
    named: dict[str, Any] = {"step": call.step, "key": call.key, "authorization": call.authorization}
    return RecordProviderOutcome(order_id="o1", **named, result=result, provider="sandbox", reference="r", **more)


def test_a_card_beside_it_that_is_declined_has_the_hold_released() -> None:
    shop = Shop()
    shop.does(authorize(CARD_OF_GIFT, CARD))
    assert shop.books() == (200, 300, 0)
    call = shop.last(CardAuthorizationRequested).call
    shop.does(outcome(call, CallResult.DECLINED, reason=CardDecline.FRAUD))
    assert shop.last(PaymentDeclined).reason is DeclineReason.CARD_DECLINED
    assert shop.books() == (500, 0, 0)


def test_a_card_beside_a_hold_that_is_refused_is_let_go_of() -> None:
    shop = Shop(gift_card=1)
    shop.when(authorize(CARD_OF_GIFT, CARD))
    shop.when(outcome(shop.last(CardAuthorizationRequested).call, CallResult.DONE), None)
    shop.settle()
    assert isinstance(shop.events[-1], CardVoidRequested)


@pytest.mark.parametrize("carried", range(3))
def test_a_void_while_it_is_being_held_releases_it_whenever_the_answer_comes(carried: int) -> None:
    shop = Shop()
    shop.when(authorize(CARD_OF_GIFT, FROM_CREDIT))
    for _ in range(carried):
        shop.carry(GIFT)
        shop.carry_back(GIFT)
    shop.does(VOID)
    assert (shop.books(), shop.books(CREDIT)) == ((500, 0, 0), (500, 0, 0))
    assert not any(isinstance(event, PaymentAuthorized) for event in shop.events)


def test_a_void_while_it_is_being_spent_waits_for_that() -> None:
    shop = paid(CARD_OF_GIFT)
    shop.when(capture(100))
    shop.when(VOID).sends()
    shop.settle()
    assert isinstance(shop.last(PaymentCaptured), PaymentCaptured)
    assert shop.books() == (400, 0, 100)


def named(kind: type[Any], shop: Shop) -> Any:
    """What was asked for last, as that step."""
    [*_, last] = [event.asked for event in shop.events if isinstance(event, kind)]
    return last


def refusal(request: type[Message], about: str, reason: ValueRefusal, value: str = GIFT) -> ValueRefused:
    return ValueRefused(value=value, request=request.__name__, about=about, reason=reason)


def test_a_ledger_that_does_not_let_it_be_spent_refuses_the_capture_until_it_is_asked_again() -> None:
    shop = paid(CARD_OF_GIFT)
    shop.when(capture(100))
    part = named(StoredValueRequested, shop).part
    said, answer = shop.when(refusal(RedeemValue, part, ValueRefusal.RELEASED), None).answered(ORDER).events
    assert isinstance(said, StoredValueDeclined) and isinstance(answer, CaptureRefused)
    assert answer.reason is CaptureRefusal.VALUE_REFUSED
    shop.mail.clear()
    # when it is asked again it goes on
    assert shop.does(capture(100)) == [CaptureStarted.__name__, ASKED, MOVED, PaymentCaptured.__name__]
    assert shop.payment.state.values.holds[named(StoredValueRequested, shop).authorization].left == 200
    assert shop.books() == (200, 200, 100)


def test_a_ledger_that_does_not_take_it_back_refuses_the_refund_until_it_is_asked_again() -> None:
    shop = paid(CARD_OF_GIFT)
    shop.does(capture(100))
    shop.when(refund(60))
    part = named(StoredValueRequested, shop).part
    said, answer = shop.when(refusal(IssueValue, part, ValueRefusal.CONFLICT), None).answered(ORDER).events
    assert isinstance(said, StoredValueDeclined) and isinstance(answer, RefundRefused)
    assert (answer.reason, answer.refunded_part) == (RefundRefusal.VALUE_REFUSED, eur(0))
    shop.mail.clear()
    assert shop.does(refund(60))[-1] == PaymentRefunded.__name__
    assert shop.books() == (260, 200, 100)


def test_a_release_that_is_refused_is_recorded() -> None:
    shop = paid(CARD_OF_GIFT)
    shop.when(VOID)
    hold = named(StoredValueRequested, shop).authorization
    [said] = shop.when(refusal(ReleaseValue, hold, ValueRefusal.UNKNOWN), None).events
    assert isinstance(said, StoredValueDeclined) and said.asked.step is CallStep.VOID


def test_an_answer_that_says_it_was_done_before_is_as_good() -> None:
    shop = Shop()
    shop.when(authorize(CARD_OF_GIFT))
    hold = named(StoredValueRequested, shop).authorization
    shop.when(ValueRepeated(value=GIFT, request=HoldValue.__name__, about=hold), None)
    assert isinstance(shop.events[-1], PaymentAuthorized)


def test_answers_late_twice_or_of_others_change_nothing() -> None:
    shop = paid(CARD_OF_GIFT)
    shop.does(capture(100))
    shop.does(refund(100))
    shop.does(VOID)
    steps = {each.asked.step: each.asked for each in shop.payment.state.values.calls.values()}
    hold, taken, back = steps[CallStep.AUTHORIZE].authorization, steps[CallStep.CAPTURE], steps[CallStep.REFUND]
    at: dict[str, Any] = {"value": GIFT, "order_id": "o1", "amount": eur(1)}
    answers: list[Message] = [
        ValueHeld(**at, hold=hold, available=eur(1)),
        ValueRedeemed(**at, hold=hold, capture=str(taken.part), held=eur(1)),
        ValueIssued(
            value=GIFT,
            kind=ValueKind.GIFT_CARD,
            entry=str(back.part),
            amount=eur(1),
            available=eur(1),
            cause=IssueCause.REFUND,
        ),
        ValueReleased(**at, hold=hold),
        ValueRepeated(value=GIFT, request=RedeemValue.__name__, about=str(taken.part)),
        ValueRepeated(value=GIFT, request="BlockValue", about=GIFT),
        refusal(HoldValue, hold, ValueRefusal.INSUFFICIENT),
        refusal(HoldValue, "another", ValueRefusal.INSUFFICIENT),
        refusal(BlockValue, hold, ValueRefusal.UNKNOWN),
    ]
    for answer in answers:
        shop.when(answer, None).then_nothing()
    fresh = Shop()
    fresh.when(authorize(CARD_OF_GIFT))
    hold = named(StoredValueRequested, fresh).authorization
    fresh.when(refusal(HoldValue, hold, ValueRefusal.INSUFFICIENT, CREDIT), None).then_nothing()


def test_a_tender_without_its_ledger_is_declined_and_one_that_pays_nothing_asks_for_none() -> None:
    shop = Shop()
    shop.does(authorize(CARD_OF_GIFT.model_copy(update={"reference": None})))
    assert shop.last(PaymentDeclined).reason is DeclineReason.UNSUPPORTED_METHOD
    nothing = CARD_OF_GIFT.model_copy(update={"amount": eur(0), "reference": None})
    assert shop.does(authorize(nothing, REST)) == [PaymentStarted.__name__, PaymentAuthorized.__name__]


acts = st.one_of(
    *[st.tuples(st.sampled_from(["carry", "back"]), st.sampled_from([GIFT, CREDIT]))] * 3,
    st.tuples(st.just("capture"), st.sampled_from(["s1", "s2", "s3"]), st.integers(1, 700)),
    st.tuples(st.just("refund"), st.sampled_from(["r1", "r2", "r3"]), st.integers(1, 700)),
    st.tuples(st.just("increase"), st.sampled_from(["1", "2"]), st.tuples(*[st.sampled_from([0, 50, 150])] * 3)),
    st.tuples(st.just("give_up"), st.sampled_from(["1", "2"])),
    st.tuples(st.sampled_from(["authorize", "authorize", "more", "void"])),
)


def increase(name: str, amounts: tuple[int, ...]) -> AuthorizeMore:
    rows = zip((CARD_OF_GIFT, FROM_CREDIT, COUPON), amounts, strict=True)
    tenders = tuple(tender.model_copy(update={"amount": eur(amount)}) for tender, amount in rows)
    return AuthorizeMore(order_id="o1", increase=name, amount=eur(sum(amounts)), tenders=tenders)


def act(shop: Shop, what: Any) -> None:
    match what:
        case ("carry", name):
            shop.carry(name)
        case ("back", name):
            shop.carry_back(name)
        case ("capture", name, amount):
            shop.when(capture(amount, name))
        case ("refund", name, amount):
            shop.when(refund(amount, name))
        case ("increase", name, amounts):
            shop.when(increase(name, amounts))
        case ("give_up", name):
            shop.when(CancelIncrease(order_id="o1", increase=name, amount=eur(1)))
        case ("void",):
            shop.when(VOID)
        case ("more",):
            shop.when(authorize(CARD_OF_GIFT.model_copy(update={"amount": eur(501)}), FROM_CREDIT))
        case _:
            shop.when(authorize(CARD_OF_GIFT, FROM_CREDIT, COUPON))


def moved(shop: Shop, step: CallStep, name: str) -> int:
    """What a ledger moved for a step, as the payment knows."""
    events = (event.asked for event in shop.events if isinstance(event, StoredValueMoved))
    return sum(asked.amount.amount for asked in events if asked.step is step and asked.value == name)


@settings(max_examples=200, deadline=None)
@given(st.lists(acts, min_size=3, max_size=50), st.booleans())
def test_payment_and_ledgers_agree_on_every_cent(course: list[Any], voids: bool) -> None:
    shop = Shop()
    for what in course:
        act(shop, what)
        for name in KINDS:
            available, held, redeemed = shop.books(name)
            assert min(available, held, redeemed) >= 0
            # the payment never knows of more than the ledger did
            assert moved(shop, CallStep.CAPTURE, name) <= redeemed
        state = shop.payment.state
        assert 0 <= state.refunded <= state.captured
    if voids:
        shop.when(VOID)
    shop.settle()
    state = shop.payment.state
    # nothing is open, and nothing waits
    assert not any(each.open for each in state.values.calls.values())
    assert not state.capturing and not state.refunding
    for name in KINDS:
        available, held, redeemed = shop.books(name)
        back = moved(shop, CallStep.REFUND, name)
        assert moved(shop, CallStep.CAPTURE, name) == redeemed
        assert available + held + redeemed == 500 + back
        places = [place for place, tender in enumerate(state.tenders) if tender.reference == name]
        taken = [row for row in state.taken if row.tender in places]
        assert sum(row.amount for row in taken) == redeemed and sum(row.refunded for row in taken) == back
        wanted = 0 if voids or state.authorized is None else sum(state.remaining.get(str(p), 0) for p in places)
        assert held == wanted
