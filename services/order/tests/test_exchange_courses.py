"""Exchanges among claims, returns and goodwill, in any order and currency: what was captured and not refunded is what the
customer keeps and their credit at every step, and once all has come and gone, no credit is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.chassis import DeadlinePassed
from contracts.fulfillment import Disposition, ReturnReason
from contracts.money import RefundRule
from contracts.order import (
    ConfirmChange,
    ExchangeWish,
    OrderLine,
    ProposeChange,
    RefundApprover,
    RequestReturn,
    ReturnWish,
    WithdrawReturn,
)
from contracts.payments import PaymentCaptured
from services.order.exchange_money import exchanges
from services.order.order import OrderStatus, status
from services.order.refund_state import RefundStage, in_order
from services.order.refunding import refundable
from services.order.return_policy import GOODS_WITHIN
from services.order.tests.refund_story import asks, claim, grant, paid_back
from services.order.tests.story import ORDER_ID, PAYMENT, Story
from services.order.tests.test_exchanging import came, secured
from services.order.tests.test_refund_money import kept_by_units, left, money, orders
from services.order.unit_ranges import count

FITS, WORN, FAULT = ReturnReason.DID_NOT_FIT, Disposition.SCRAP, ReturnReason.DEFECTIVE


def settled(story: Story) -> None:
    """Payments secure and take what they are asked for, and inventory has what is claimed."""
    while story.view.changes.increase is not None:
        secured(story)
    for key, each in sorted(story.view.reservation.claims.items()):
        if each.live and each.unanswered:
            story.reserved(int(key))
    for key, one in sorted(story.view.fulfillment.fulfilled.items()):
        if one.asked and not one.captured:
            take(story, key, one.asked)


def take(story: Story, key: str, asked: int) -> None:
    amount = money(asked, story.view.order.terms.currency)
    answer = PaymentCaptured(
        order_id=ORDER_ID,
        fulfillment=key,
        sequence=0,
        amount=amount,
        lines=(),
        captures=(),
        captured=amount,
        remaining=amount,
    )
    story.tell(answer, subject=PAYMENT)


def exchange(story: Story, line: str, quantity: int, other: int, reason: ReturnReason) -> None:
    """Units of a line are to come back for others: at their own price, or for `other` in minor units."""
    currency = story.view.order.terms.currency
    wish = ExchangeWish(line=line, quantity=quantity, reason=reason, sku=None if other else "B")
    added = (
        OrderLine(
            line="", sku="B", quantity=1, unit="each", amount=money(other, currency), tax_included=True, ship_group="1"
        ),
    )
    story.tell(ProposeChange(returns=(wish,), added=added if other else ()))
    if (proposed := story.view.changes.proposed) is not None:
        story.tell(ConfirmChange(change=proposed.change))


def on_their_way(story: Story) -> Iterator[tuple[int, int]]:
    """The returns of which units have still to come, each with how many."""
    for number, each in sorted(story.view.returns.returns.items(), key=lambda item: item[1].number):
        waited = sum(count(line.waited) for line in each.lines.values())
        if waited and not each.state.over:
            yield int(number), waited


def leave_next(story: Story) -> None:
    """The next work leaves."""
    works = story.view.fulfillment.works
    for place in range(len(works)):
        work = works[story.work(place)]
        if work.open and not work.left:
            for step in (story.listed, story.picked, story.packed, story.labelled, story.handed_over, story.shipped):
                step(place=place)
            return


def pay_next(story: Story) -> bool:
    owed = [one for _, one in in_order(story.view.refunds) if one.stage is RefundStage.GRANTED]
    if owed:
        paid_back(story, owed[0].contents.number)
    return bool(owed)


def balanced(story: Story) -> None:
    refunds, captured = story.view.refunds, story.view.order.captured
    assert captured - refunds.refunded == kept_by_units(story) + refunds.credit
    assert 0 <= refunds.refunded <= captured and refundable(story.view) >= 0
    ahead = sum(max(0, each.applied + each.paid_out - each.earned) for each in exchanges(story.view))
    assert refunds.credit >= -ahead


DEEDS = ("exchange", "exchange", "come", "come", "keep", "return", "claim", "goodwill", "pay", "leave")
courses = st.lists(
    st.tuples(st.sampled_from(DEEDS), st.integers(1, 3), st.integers(1, 3), st.integers(0, 4)), max_size=14
)


def do(story: Story, deed: str, line: int, quantity: int, much: int) -> None:
    waited = list(on_their_way(story))
    match deed:
        case "exchange":
            reason = FAULT if much == 4 else FITS
            exchange(story, str(line), quantity, (0, 90, 700, 4_000, 0)[much], reason)
        case "come" if waited:
            number, most = waited[line % len(waited)]
            came(story, min(quantity, most), WORN if much == 3 else Disposition.RESTOCK, number)
        case "keep" if waited:
            story.tell(WithdrawReturn(number=waited[line % len(waited)][0]))
        case "return":
            story.tell(RequestReturn(lines=(ReturnWish(line=str(line), quantity=quantity, reason=FITS),)))
        case "claim":
            asks(story, claim(quantity, str(line), approver=RefundApprover.FINANCE))
        case "goodwill":
            off = money(much * 57 + 1, story.view.order.terms.currency)
            asks(story, grant(amount=off, approver=RefundApprover.FINANCE))
        case "pay":
            pay_next(story)
        case "leave":
            leave_next(story)


def ends(story: Story) -> None:
    """All that is on its way comes or stays away, all that is to leave leaves, and all that is owed is paid."""
    story.later(2 * GOODS_WITHIN)
    for number, _ in list(on_their_way(story)):
        asked = story.view.returns.asks[f"return_goods/{number}"]
        assert asked.due is not None
        story.tell(DeadlinePassed(name=f"return_goods/{number}", due=asked.due))
    for _ in range(20):
        settled(story)
        leave_next(story)
    while pay_next(story):
        pass


@given(orders((RefundRule.BY_UNITS,)), st.booleans(), courses)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_the_money_closes_after_every_step_of_exchanges_beside_whatever_else_is_given_back(
    placed: Any, trusted: bool, course: list[tuple[str, int, int, int]]
) -> None:
    lines = tuple(line.model_copy(update={"return_policy": "trusted" if trusted else None}) for line in placed.lines)
    story = left(placed.model_copy(update={"lines": lines}), (True,))
    if story is None:
        return
    for deed in course:
        do(story, *deed)
        settled(story)
        balanced(story)
    ends(story)
    balanced(story)
    assert story.view.refunds.credit == 0, [refund.stage for refund in story.view.refunds.refunds.values()]
    assert not story.view.order.open or len(story.view.order.holds), status(story.view.order)
    assert status(story.view.order) is not OrderStatus.CANCELLED
