"""How specifications of refunds speak: an order that left and was paid, who asks for money back, and what payments say."""

from __future__ import annotations

from typing import Any

from chassis.decider import Context
from chassis.testing import Outcome
from contracts.envelope import Actor
from contracts.ids import stream
from contracts.message import Message
from contracts.money import Money, RefundExecutor
from contracts.order import Customer, GrantRefund, RefundCause, RefundUnits
from contracts.payments import (
    IssueCause,
    IssueValue,
    PaymentRefunded,
    RefundRefusal,
    RefundRefused,
    RefundRepeated,
    RefundReversed,
    TenderRefund,
    ValueIssued,
    ValueKind,
    ValueRefusal,
    ValueRefused,
    ValueRepeated,
)
from contracts.payments.gift_codes import STORED_VALUE, store_credit_id
from services.order.refund_state import Refund, find
from services.order.tests.story import ORDER_ID, PAYMENT, TENANT, Story, eur
from services.order.value import line_values, part_of

__all__ = ["ANNA", "BEN", "asks", "claim", "context", "grant", "paid", "paid_back", "refund_of", "refused", "repeated"]

ADA = Customer(issuer="webshop", id="ada")
"""The customer of an order that names one."""

CREDIT_LEDGER = stream(STORED_VALUE, store_credit_id(TENANT, ADA.issuer, ADA.id, "EUR"))

ANNA = Actor(kind="person", subject="anna")
BEN = Actor(kind="person", subject="ben")


def context(story: Story) -> Context:
    """What a decider of the order knows now."""
    return Context(story.log[-1][2], "default", story.name, "m", story.name, story.name)


def paid(*lines: tuple[str, int, int], **more: Any) -> Story:
    """An order whose units have left in one package, captured and complete."""
    story = Story().released(*(lines or (("A", 3, 1000),)), **more).until_handed_over()
    story.shipped()
    [left] = story.view.fulfillment.fulfilled.values()
    story.captured(left.asked or 0)
    return story


def asks(story: Story, wish: Message, by: Actor = ANNA) -> Outcome:
    """A person asks for this at the door."""
    return story.when(wish, door="http", actor=by, needed=story.stock)


def claim(quantity: int = 1, line: str = "1", cause: RefundCause = RefundCause.DAMAGED, **more: Any) -> GrantRefund:
    """Units that need not come back."""
    lines = (RefundUnits(line=line, quantity=quantity),)
    return GrantRefund(**{"cause": cause, "lines": lines, "reason": "it came broken", **more})


def grant(cents: int | None = None, **more: Any) -> GrantRefund:
    """An amount off."""
    amount = {} if cents is None else {"amount": eur(cents)}
    return GrantRefund(**{"cause": RefundCause.APPEASEMENT, "reason": "it came late", **amount, **more})


def refund_of(story: Story, number: int = 1) -> Refund:
    """A refund of the order by its number."""
    found = find(story.view.refunds, str(number))
    assert found is not None
    return found


def paid_back(story: Story, number: int = 1, executor: RefundExecutor = RefundExecutor.MERCHANT) -> Outcome:
    """Payments paid a refund back."""
    decision = refund_of(story, number).contents
    part = TenderRefund(refund="part", tender=0, capture="c", amount=decision.amount, executor=executor)
    refunded = story.view.refunds.refunded + decision.amount.amount
    answer = PaymentRefunded(
        order_id=ORDER_ID,
        refund=decision.refund,
        amount=decision.amount,
        refunds=(part,),
        refunded=Money(amount=refunded, currency=decision.amount.currency),
        captured=Money(amount=story.view.order.captured, currency=decision.amount.currency),
    )
    return story.tell(answer, subject=PAYMENT)


def repeated(story: Story, number: int = 1) -> Outcome:
    """Payments paid it back before."""
    decision = refund_of(story, number).contents
    answer = RefundRepeated(order_id=ORDER_ID, refund=decision.refund, amount=decision.amount)
    return story.tell(answer, subject=PAYMENT)


def refused(story: Story, number: int = 1, part: int | None = None) -> Outcome:
    """Payments did not pay it back, or only a part (minor units)."""
    decision = refund_of(story, number).contents
    answer = RefundRefused(
        order_id=ORDER_ID,
        refund=decision.refund,
        amount=decision.amount,
        reason=RefundRefusal.ABOVE_CAPTURED,
        detail="the provider says no",
        refunded_part=None if part is None else Money(amount=part, currency=decision.amount.currency),
    )
    return story.tell(answer, subject=PAYMENT)


def taken_back(story: Story, cents: int, number: int = 1) -> Outcome:
    """Whoever paid a refund, or a part of it, took that back: nothing of it is with the customer any more."""
    part = TenderRefund(refund="part", tender=0, capture="c", amount=eur(cents))
    taken = RefundReversed(
        order_id=ORDER_ID,
        refund=refund_of(story, number).contents.refund,
        key="k",
        reversed=part,
        refunded=eur(story.view.refunds.refunded - cents),
        provider="sandbox",
    )
    return story.tell(taken, subject=PAYMENT)


def refunded_share(view: Any, refund: Refund) -> int:
    """What was captured for the units of a refund, in minor units."""
    values = line_values(view.order.terms, view.order.adjustments)
    lines = refund.contents.lines
    return sum(sum(part_of(values[line.line], line.from_unit, line.to_unit)) for line in lines)


def credited(story: Story, number: int = 1) -> Outcome:
    """The customer's store credit has the money of a refund."""
    contents = refund_of(story, number).contents
    issued = ValueIssued(
        value="v",
        kind=ValueKind.STORE_CREDIT,
        entry=contents.refund,
        amount=contents.amount,
        available=contents.amount,
        cause=IssueCause.REFUND,
    )
    return story.tell(issued, subject=CREDIT_LEDGER)


def credited_before(story: Story, number: int = 1) -> Outcome:
    """It has had it for some time."""
    about = refund_of(story, number).contents.refund
    return story.tell(ValueRepeated(value="v", request=IssueValue.__name__, about=about), subject=CREDIT_LEDGER)


def not_credited(story: Story, number: int = 1) -> Outcome:
    """It does not take it."""
    refused = ValueRefused(
        value="v",
        request=IssueValue.__name__,
        about=refund_of(story, number).contents.refund,
        reason=ValueRefusal.CONFLICT,
    )
    return story.tell(refused, subject=CREDIT_LEDGER)
