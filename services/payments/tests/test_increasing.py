"""Securing more than an order was placed with: what was secured before stays, whatever comes of it."""

from __future__ import annotations

import pytest

from chassis.testing import Outcome, Spec
from contracts.money import Money, Tender, TenderMethod
from contracts.payments import (
    ORDER_COMPLETE,
    AuthorizeMore,
    AuthorizePayment,
    CapturePayment,
    DeclineReason,
    IncreaseDeclined,
    PaymentCaptured,
    PaymentIncreased,
    VoidPayment,
)
from services.payments.payment import PAYMENT

ORDER = "order:order/o1"


def eur(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


INVOICE = Tender(method=TenderMethod.INVOICE, amount=eur(1_000))
NOTHING = INVOICE.model_copy(update={"amount": eur(0)})


def payment(authorized: bool = True) -> Spec:
    spec = Spec(PAYMENT, "payments", "payment/o1")
    if authorized:
        spec.when(AuthorizePayment(order_id="o1", amount=eur(1_000), tenders=(INVOICE,)), reply_to=ORDER)
    return spec


def more(amount: int, *tenders: Tender, increase: str = "1") -> AuthorizeMore:
    added = INVOICE.model_copy(update={"amount": eur(amount)})
    return AuthorizeMore(order_id="o1", increase=increase, amount=eur(amount), tenders=tenders or (NOTHING, added))


def increased(outcome: Outcome) -> PaymentIncreased:
    [event] = outcome.answered(ORDER).events
    assert isinstance(event, PaymentIncreased)
    return event


def declined(outcome: Outcome) -> DeclineReason:
    [event] = outcome.answered(ORDER).events
    assert isinstance(event, IncreaseDeclined)
    return event.reason


def capture(spec: Spec, amount: int, fulfillment: str = "s1") -> list[tuple[int, int]]:
    """What each tender paid of a capture."""
    command = CapturePayment(order_id="o1", fulfillment=fulfillment, amount=eur(amount))
    [event] = spec.when(command, reply_to=ORDER).events
    assert isinstance(event, PaymentCaptured), event
    return [(part.tender, part.amount.amount) for part in event.captures]


def test_a_tender_that_was_added_pays_after_the_others() -> None:
    # given 10.00 secured
    spec = payment()
    # when 4.00 more are secured by another tender
    event = increased(spec.when(more(400), reply_to=ORDER))
    assert [(row.tender, row.amount) for row in event.authorizations] == [(0, eur(0)), (1, eur(400))]
    # then both pay what is taken
    assert capture(spec, 1_300) == [(0, 1_000), (1, 300)]
    assert spec.state.left == 100


def test_a_tender_that_is_known_pays_more() -> None:
    spec = payment()
    spec.when(more(200, INVOICE.model_copy(update={"amount": eur(200)})), reply_to=ORDER)
    assert capture(spec, 1_200) == [(0, 1_200)]


def test_what_nothing_was_secured_of_before_is_secured_by_the_first_increase() -> None:
    spec = payment(authorized=False)
    increased(spec.when(more(400), reply_to=ORDER))
    assert capture(spec, 400) == [(1, 400)]


def test_the_same_again_secures_nothing_more_and_another_by_its_name_is_a_conflict() -> None:
    spec = payment()
    spec.when(more(400), reply_to=ORDER)
    assert increased(spec.when(more(400), reply_to=ORDER)).repeated
    assert declined(spec.when(more(500), reply_to=ORDER)) is DeclineReason.CONFLICT
    assert spec.state.left == 1_400
    increased(
        spec.when(
            more(100, NOTHING, NOTHING, INVOICE.model_copy(update={"amount": eur(100)}), increase="2"), reply_to=ORDER
        )
    )
    assert spec.state.left == 1_500


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (more(400, INVOICE), DeclineReason.DOES_NOT_ADD_UP),
        (
            more(400, NOTHING, Tender(method=TenderMethod.GIFT_CARD, amount=eur(400))),
            DeclineReason.UNSUPPORTED_METHOD,
        ),
        (more(400, Tender(method=TenderMethod.COUPON, amount=eur(400))), DeclineReason.CONFLICT),
    ],
)
def test_what_cannot_be_secured_leaves_all_as_it_was(command: AuthorizeMore, reason: DeclineReason) -> None:
    spec = payment()
    assert declined(spec.when(command, reply_to=ORDER)) is reason
    assert spec.state.left == 1_000


def test_while_a_card_is_asked_for_the_order_itself_nothing_more_is() -> None:
    spec = payment(authorized=False)
    card = Tender(method=TenderMethod.CARD, amount=eur(1_000), reference="t")
    spec.when(AuthorizePayment(order_id="o1", amount=eur(1_000), tenders=(card,)), reply_to=ORDER)
    assert declined(spec.when(more(400), reply_to=ORDER)) is DeclineReason.CONFLICT


def test_after_a_void_nothing_more_is_secured() -> None:
    spec = payment()
    spec.when(VoidPayment(order_id="o1"), reply_to=ORDER)
    assert declined(spec.when(more(400), reply_to=ORDER)) is DeclineReason.VOIDED


def test_an_order_that_was_complete_and_paid_for_nothing_secures_more_for_an_exchange_all_the_same() -> None:
    # given an order of which another system took the money, and an exchange that was given up while it was paid for
    spec = payment(authorized=False)
    increased(spec.when(more(400, INVOICE.model_copy(update={"amount": eur(400)})), reply_to=ORDER))
    spec.when(VoidPayment(order_id="o1", cause=ORDER_COMPLETE), reply_to=ORDER)
    assert spec.state.left == 0
    # when the next one is paid for
    increased(spec.when(more(300, INVOICE.model_copy(update={"amount": eur(300)}), increase="2"), reply_to=ORDER))
    # then so much is secured
    assert spec.state.left == 300


def test_an_order_that_was_complete_goes_on_with_what_is_secured_now() -> None:
    # given 6.00 of 10.00 taken, and the rest let go of
    spec = payment()
    capture(spec, 600)
    spec.when(VoidPayment(order_id="o1"), reply_to=ORDER)
    # when 4.00 are secured for more goods
    increased(spec.when(more(400), reply_to=ORDER))
    # then so much is taken, and not what was let go of
    assert spec.state.left == 400
    assert capture(spec, 400, "s2") == [(1, 400)]
