"""Refunds by HTTP, without servers: what is wished for becomes a command, with as much as the caller's roles may give."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Reads
from chassis.tokens import Role
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.message import Command
from contracts.money import Money
from contracts.order import (
    ApproveRefund,
    DeclineRefund,
    GrantRefund,
    RefundApprover,
    RefundCause,
    RefundLimits,
    RetryRefund,
    WithdrawRefund,
)
from services.order import refunds_api
from services.order.app import declare
from services.order.seller_terms import SellerTerms
from services.order.tests.story import Story
from tests.doors.fakes import KeptWriter, guarded_client
from tests.doors.test_order_http import Unlisted

ORDER = "/orders/bdebd2b8-5485-59e2-b9dd-65081be601f6/refunds"


class Placed(Unlisted):
    """A store that has read the order."""

    def stream(self, name: str) -> Any:
        return SimpleNamespace(stream=Story().placed().stream)


NOTHING_SET = SellerTerms()


def post(
    path: str, body: dict[str, Any] | None, role: Role = Role.ADMIN, sellers: SellerTerms = NOTHING_SET
) -> tuple[Any, KeptWriter]:
    writer = KeptWriter()
    gate = Gate(declare(), Door("http", writer, 4), cast(Reads, Placed()), Waiters(10))
    client, tokens = guarded_client(refunds_api.router(gate, sellers))
    tokens.tell("t", "anna", role)
    headers = {"Idempotency-Key": "k1", "Authorization": "Bearer t"}
    return client.post(ORDER + path, json=body, headers=headers), writer


@pytest.mark.parametrize(("role", "approver"), [(Role.CSR, RefundApprover.CSR), (Role.FINANCE, RefundApprover.FINANCE)])
def test_a_claim_is_for_lines_and_as_much_as_the_role_may_give(role: Role, approver: RefundApprover) -> None:
    body = {"cause": "damaged", "lines": [{"line": "1", "quantity": 2}], "reason": "it came broken"}
    answer, writer = post("", body, role)
    assert answer.status_code == 202, answer.text
    wish = GrantRefund.decode(writer.records[0].value)
    assert (wish.cause, wish.approver, wish.reason) == (RefundCause.DAMAGED, approver, "it came broken")
    assert [(each.line, each.quantity) for each in wish.lines] == [("1", 2)]


def test_how_much_a_role_may_give_goes_with_what_is_asked_where_the_seller_set_it() -> None:
    little = RefundLimits(alone=(Money(amount=100, currency="EUR"),))
    sellers = SellerTerms(limits={"acme": {RefundApprover.CSR: little}})
    body = {"cause": "appeasement", "amount": 500, "currency": "EUR", "reason": "late"}
    _, writer = post("", body, Role.CSR, sellers)
    assert GrantRefund.decode(writer.records[0].value).limits == little
    _, writer = post("/1/approve", None, Role.CSR, sellers)
    assert ApproveRefund.decode(writer.records[0].value).limits == little
    # of a role of which nothing is set the table says it
    _, writer = post("", body, Role.FINANCE, sellers)
    assert GrantRefund.decode(writer.records[0].value).limits is None


def test_an_appeasement_is_an_amount_or_a_percentage() -> None:
    amount, writer = post("", {"cause": "appeasement", "amount": 500, "currency": "EUR", "reason": "late"})
    assert amount.status_code == 202, amount.text
    assert GrantRefund.decode(writer.records[0].value).amount == Money(amount=500, currency="EUR")
    percent, writer = post("", {"cause": "appeasement", "percent": "12.5", "reason": "late"})
    assert percent.status_code == 202, percent.text
    assert GrantRefund.decode(writer.records[0].value).percent == "12.5"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"amount": 500},
        {"currency": "EUR"},
        {"amount": 500, "currency": "EUR", "percent": "10"},
        {"percent": "101"},
        {"percent": "-1"},
        {"lines": [{"line": "1", "quantity": 0}]},
    ],
)
def test_a_wish_that_does_not_say_one_thing_is_refused(wrong: dict[str, Any]) -> None:
    answer, writer = post("", {"cause": "appeasement", "reason": "late", **wrong})
    assert (answer.status_code, writer.records) == (422, [])


@pytest.mark.parametrize(
    ("deed", "body", "command"),
    [
        ("approve", None, ApproveRefund),
        ("decline", {"detail": "no photograph"}, DeclineRefund),
        ("retry", None, RetryRefund),
        ("withdraw", {"detail": "it was found"}, WithdrawRefund),
    ],
)
def test_what_becomes_of_a_refund_names_it(deed: str, body: dict[str, Any] | None, command: type[Command]) -> None:
    answer, writer = post(f"/1/{deed}", body)
    assert answer.status_code == 202, answer.text
    sent: Any = command.decode(writer.records[0].value)
    assert (sent.refund, sent.detail) == ("1", (body or {}).get("detail"))
