"""Forgetting a customer is recorded in a stream of theirs, each time that somebody asks for it."""

from __future__ import annotations

from datetime import timedelta

from chassis.testing import DAWN, Spec
from contracts.order import CustomerForgotten, ForgetCustomer, ForgetReason
from services.order.customer import CUSTOMERS

SUBJECT = "05862dfe-9882-5e28-b47e-3a452e2a5783"


def test_that_somebody_was_forgotten_is_recorded_with_until_when_their_keys_are_destroyed() -> None:
    spec = Spec(CUSTOMERS, "order")

    spec.when(ForgetCustomer(subject=SUBJECT, keys_until=DAWN, reason=ForgetReason.ASKED)).then(
        CustomerForgotten(subject=SUBJECT, keys_until=DAWN, reason=ForgetReason.ASKED)
    )

    assert spec.state.keys_until == DAWN


def test_who_came_back_and_is_forgotten_again_has_a_later_moment() -> None:
    spec = Spec(CUSTOMERS, "order").given(
        CustomerForgotten(subject=SUBJECT, keys_until=DAWN, reason=ForgetReason.ASKED)
    )
    later = DAWN + timedelta(days=400)

    spec.when(ForgetCustomer(subject=SUBJECT, keys_until=later, reason=ForgetReason.KEPT_LONG_ENOUGH)).then(
        CustomerForgotten(subject=SUBJECT, keys_until=later, reason=ForgetReason.KEPT_LONG_ENOUGH)
    )

    assert spec.state.keys_until == later
