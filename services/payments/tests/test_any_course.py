"""What holds of a payment whatever comes, in whatever order, however often."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.testing import DAWN, Outcome, Spec
from contracts.chassis import DeadlinePassed, MessageParked
from contracts.message import Command
from contracts.money import ExternalState, Money, Tender, TenderMethod, share
from contracts.payments import (
    AuthorizationExpired,
    AuthorizePayment,
    CaptureLine,
    CapturePayment,
    CaptureRefused,
    CaptureRepeated,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentRepeated,
    PaymentVoided,
    RefundPayment,
    RefundRefused,
    RefundRepeated,
    VoidPayment,
)
from services.payments.payment_state import EXPIRY
from services.payments.tests.test_payment import (
    COUPON,
    EXTERNAL,
    INVOICE,
    LAPSES,
    ORDER,
    VOID,
    after,
    authorize,
    capture,
    eur,
)

LATER = EXTERNAL.model_copy(update={"amount": eur(300), "expires_at": LAPSES + timedelta(days=1)})
TAKEN = EXTERNAL.model_copy(update={"amount": eur(250), "external_state": ExternalState.CAPTURED})
CARD = Tender(method=TenderMethod.CARD, amount=eur(1_000))
DOLLARS = Tender(method=TenderMethod.INVOICE, amount=Money(amount=1_000, currency="USD"))
GIVES_BACK = Tender(method=TenderMethod.INVOICE, amount=eur(-100))
MOMENTS = (LAPSES - timedelta(days=1), LAPSES, LAPSES + timedelta(days=1))

authorizations = st.lists(
    st.sampled_from([INVOICE, COUPON, EXTERNAL, LATER, TAKEN, CARD, DOLLARS, GIVES_BACK]), min_size=1, max_size=3
).map(lambda tenders: authorize(*tenders))
captures = st.builds(
    CapturePayment,
    order_id=st.just("o1"),
    fulfillment=st.sampled_from(["s1", "s2", "s3"]),
    sequence=st.integers(0, 1),
    amount=st.builds(Money, amount=st.integers(-1, 700), currency=st.sampled_from(["EUR"] * 9 + ["USD"])),
    lines=st.just(capture(1).lines),
)
refunds = st.builds(
    RefundPayment,
    order_id=st.just("o1"),
    refund=st.sampled_from(["r1", "r2", "r3"]),
    amount=st.builds(Money, amount=st.integers(-1, 500), currency=st.sampled_from(["EUR"] * 9 + ["USD"])),
)
lapses = st.builds(
    DeadlinePassed, name=st.sampled_from([f"{EXPIRY}{place}" for place in range(3)]), due=st.sampled_from(MOMENTS)
)
secured = st.sampled_from(
    [authorize(INVOICE), authorize(EXTERNAL, COUPON), authorize(LATER, EXTERNAL, COUPON), authorize(TAKEN, INVOICE)]
)
messages = st.one_of(captures, captures, refunds, refunds, lapses, authorizations, secured, st.just(VOID))
courses = st.builds(
    lambda first, then: [*first, *then], st.lists(secured, max_size=1), st.lists(messages, min_size=1, max_size=15)
)
BY_REQUEST = {
    AuthorizePayment: (PaymentAuthorized, PaymentRepeated, PaymentDeclined),
    CapturePayment: (PaymentCaptured, CaptureRepeated, CaptureRefused),
    RefundPayment: (PaymentRefunded, RefundRepeated, RefundRefused),
    VoidPayment: (PaymentVoided,),
}


class Books:
    """What became of the money, by tender's place, from the events alone."""

    def __init__(self) -> None:
        self.authorized: Counter[int] = Counter()
        self.captured: Counter[int] = Counter()
        self.let_go: Counter[int] = Counter()
        self.parts: dict[str, tuple[int, int]] = {}
        self.back: Counter[str] = Counter()
        self.ranks: dict[int, int] = {}
        self.known: list[Any] = []
        self.voided = False

    @property
    def left(self) -> Counter[int]:
        """What may still be captured of each tender."""
        return Counter({p: n - self.captured[p] - self.let_go[p] for p, n in self.authorized.items()})

    def enter(self, event: Any) -> None:
        """Write down an event; fails where it says more than the books allow."""
        before = self.left
        match event:
            case PaymentAuthorized():
                assert not self.authorized and not self.voided
                assert sum(row.amount.amount for row in event.authorizations) == event.amount.amount
                self.authorized.update({row.tender: row.amount.amount for row in event.authorizations})
                self.ranks = {row.tender: event.tenders[row.tender].rank for row in event.authorizations}
            case PaymentCaptured():
                self._enter_capture(event, before)
            case PaymentRefunded():
                self._enter_refund(event)
            case AuthorizationExpired():
                assert event.amount.amount == before[event.tender] > 0
                self.let_go[event.tender] += event.amount.amount
            case PaymentVoided():
                self.voided = True
                self.let_go.update(before)
                assert event.seen is bool(self.authorized)
                assert event.seen is False or event.amount == eur(sum(before.values()))
        self.known.append(event)

    def _enter_capture(self, event: PaymentCaptured, before: Counter[int]) -> None:
        assert not self.voided
        assert sum(part.amount.amount for part in event.captures) == event.amount.amount
        drawn = {part.tender: part.amount.amount for part in event.captures}
        assert all(0 < amount <= before[place] for place, amount in drawn.items())
        order = sorted(before, key=lambda place: (self.ranks[place], place))
        last = max((order.index(place) for place in drawn), default=0)
        assert all(drawn.get(place, 0) == before[place] for place in order[:last]), "a tender of a lower rank is first"
        self.captured.update(drawn)
        self.parts.update({part.capture: (part.tender, part.amount.amount) for part in event.captures})
        assert (event.captured, event.remaining) == (eur(sum(self.captured.values())), eur(sum(self.left.values())))

    def _enter_refund(self, event: PaymentRefunded) -> None:
        """Each part comes out of one capture of its tender, and no tender of a lower rank pays while a higher one can."""
        assert sum(part.amount.amount for part in event.refunds) == event.amount.amount > 0
        for part in event.refunds:
            place, amount = self.parts[part.capture]
            assert place == part.tender and 0 < part.amount.amount <= amount - self.back[part.capture]
            self.back[part.capture] += part.amount.amount
        touched = [(self.ranks[part.tender], part.tender) for part in event.refunds]
        assert touched == sorted(touched, reverse=True)
        above = [name for name, (place, _) in self.parts.items() if (self.ranks[place], place) > touched[-1]]
        assert all(self.back[name] == self.parts[name][1] for name in above), "a tender that was used last is first"
        assert (event.refunded, event.captured) == (eur(self.back.total()), eur(self.captured.total()))


def say(spec: Spec, message: Command) -> Outcome:
    """A message comes: a deadline at its own moment or after it, the order's with where to answer."""
    if isinstance(message, DeadlinePassed):
        spec.at(max(message.due, DAWN))
        return spec.when(message)
    return spec.when(message, reply_to=ORDER)


@settings(max_examples=300)
@given(courses)
def test_every_cent_that_was_secured_is_taken_once_given_back_or_still_there(course: list[Command]) -> None:
    spec, books = after(), Books()
    for message in course:
        outcome = say(spec, message)
        for event in outcome.events:
            assert not isinstance(event, MessageParked), event
            books.enter(event)
            assert not isinstance(event, PaymentCaptured) or _as_asked(event, message)
        if type(message) in BY_REQUEST:
            [event] = outcome.events
            assert isinstance(event, BY_REQUEST[type(message)])
            outcome.answered(ORDER)
        outcome.sends()
        assert all(left >= 0 for left in books.left.values())
        assert {place: n for place, n in spec.state.remaining.items() if n} == {
            str(place): left for place, left in books.left.items() if left
        }
        assert spec.state.captured == sum(books.captured.values())
        assert spec.state.refunded == books.back.total() <= books.captured.total()
    taken = [event for event in books.known if isinstance(event, PaymentCaptured)]
    assert len({(event.fulfillment, event.sequence) for event in taken}) == len(taken)
    parts = [part.capture for event in taken for part in event.captures]
    assert len(set(parts)) == len(parts)


def _as_asked(event: PaymentCaptured, asked: Command) -> bool:
    """Taken is what was asked for, for what it was asked for."""
    names = ("order_id", "fulfillment", "sequence", "amount", "lines", "other")
    return isinstance(asked, CapturePayment) and all(getattr(event, n) == getattr(asked, n) for n in names)


@settings(max_examples=200)
@given(courses)
def test_what_moved_money_once_moves_none_when_it_comes_again(course: list[Command]) -> None:
    # given any course, and the messages of it that something came of
    spec, taken = after(), list[Command]()
    for message in course:
        before = spec.state
        say(spec, message)
        taken += [message] if spec.state != before else []
    # when they all come again, late and in another order, then the money stays where it is
    before = spec.state
    for message in reversed(taken):
        say(spec, message)
        assert spec.state == before


@settings(max_examples=100)
@given(
    st.integers(0, 9_999),
    st.lists(st.integers(1, 4), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_parts_of_a_line_captured_as_they_leave_sum_to_what_was_secured(
    total: int, parts: list[int], chance: Any
) -> None:
    # given a line whose units leave in parts, each worth its share
    units, marks = sum(parts), [sum(parts[:n]) for n in range(len(parts) + 1)]
    asked = [
        CapturePayment(
            order_id="o1",
            fulfillment=f"s{number}",
            amount=eur(amount),
            lines=(CaptureLine(line="1", from_unit=start, to_unit=end, amount=eur(amount)),),
        )
        for number, (start, end) in enumerate(pairwise(marks))
        for amount in [share(total, units, start, end)]
    ]
    # when they are captured in any order, each perhaps again
    course = asked + chance.sample(asked, chance.randint(0, len(asked)))
    chance.shuffle(course)
    coupon = min(total, 200)
    spec = after(authorize(_of(INVOICE, total - coupon), _of(COUPON, coupon)))
    for message in course:
        say(spec, message)
    # then all that was secured is taken, to the cent, and nothing is left
    assert spec.state.captured == total
    assert not any(spec.state.remaining.values())


def _of(tender: Tender, amount: int) -> Tender:
    return tender.model_copy(update={"amount": eur(amount)})
