"""Taxes that close: whatever comes back, in any parts and order, credit notes never state more of a tax than invoices did,
and exactly as much once everything is back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import WATCHERS, Happening
from contracts.ids import split_stream
from contracts.order import RefundApprover, WithdrawRefund
from contracts.payments.invoices import InvoiceContents, IssueCreditNote, IssueInvoice
from services.order.refund_state import RefundStage, in_order
from services.order.refunding import refundable
from services.order.tests.refund_story import ANNA, asks, claim, grant, paid_back, refused
from services.order.tests.story import Story
from services.order.tests.test_refund_money import leave, left, money, orders, slow


class Documents:
    """The invoices and credit notes that an order asked for, by their ids, as they were asked for first."""

    def __init__(self) -> None:
        self.invoices: dict[str, IssueInvoice] = {}
        self.notes: dict[str, IssueCreditNote] = {}

    def hear(self, happening: Happening) -> None:
        """What was sent."""
        for send in happening.sent:
            name = split_stream(send.stream)[1]
            if isinstance(send.message, IssueInvoice):
                self.invoices.setdefault(name, send.message)
            if isinstance(send.message, IssueCreditNote):
                self.notes.setdefault(name, send.message)

    def gross(self) -> tuple[int, int]:
        """What was invoiced and what was credited."""
        invoiced, credited = (sum(each.gross.amount for each in some.values()) for some in (self.invoices, self.notes))
        return invoiced, credited

    def check(self) -> None:
        """Each document adds up, no tax is credited beyond what was invoiced, nor any invoice beyond what it says."""
        told: list[InvoiceContents] = [*self.invoices.values(), *self.notes.values()]
        for each in told:
            assert each.net + each.tax == each.gross
            assert sum(row.amount.amount for row in each.taxes) == each.tax.amount
        invoiced, credited = taxes_of(self.invoices.values()), taxes_of(self.notes.values())
        assert all(0 <= credited[tax] <= invoiced[tax] for tax in invoiced | credited), (invoiced, credited)
        corrected: Counter[str] = Counter()
        for note in self.notes.values():
            assert sum(part.gross.amount for part in note.corrects) == note.gross.amount
            for part in note.corrects:
                corrected[part.invoice] += part.gross.amount
        assert all(0 <= corrected[name] <= self.invoices[name].gross.amount for name in corrected)


def taxes_of(documents: Iterable[InvoiceContents]) -> Counter[tuple[str | None, str]]:
    """Taxes by jurisdiction and rate, in minor units."""
    found: Counter[tuple[str | None, str]] = Counter()
    for each in documents:
        for row in each.taxes:
            found[row.jurisdiction, row.rate] += row.amount.amount
    return found


@contextmanager
def documents() -> Iterator[Documents]:
    """Hears what orders ask for."""
    found = Documents()
    WATCHERS.append(found.hear)
    try:
        yield found
    finally:
        WATCHERS.remove(found.hear)


def pay_all(story: Story) -> None:
    """Payments pay back what was granted."""
    for _, refund in in_order(story.view.refunds):
        if refund.stage is RefundStage.GRANTED:
            paid_back(story, refund.contents.number)


deeds = st.lists(
    st.tuples(st.sampled_from(["claim", "goodwill", "pay", "refuse", "withdraw", "leave"]), st.integers(1, 40)),
    max_size=20,
)


def does(story: Story, deed: str, number: int) -> None:
    """One thing that happens to an order whose goods have left."""
    known = [each for _, each in in_order(story.view.refunds)]
    at = number % len(known) + 1 if known else 0
    match deed:
        case "claim":
            asks(story, claim(number % 3 + 1, str(number % 3 + 1), approver=RefundApprover.FINANCE))
        case "goodwill":
            off = money(number * 7, story.view.order.terms.currency)
            asks(story, grant(amount=off, approver=RefundApprover.FINANCE))
        case "pay" if known and known[at - 1].stage is RefundStage.GRANTED:
            paid_back(story, at)
        case "refuse" if known and known[at - 1].stage is RefundStage.GRANTED:
            refused(story, at, part=known[at - 1].contents.amount.amount * (number % 4) // 4)
        case "withdraw":
            asks(story, WithdrawRefund(refund=str(at), detail="no"), ANNA)
        case "leave":
            still = [place for place in range(len(story.view.fulfillment.works)) if place not in gone(story)]
            for place in still[:1]:
                leave(story, place)


def gone(story: Story) -> set[int]:
    """The places of works that have left."""
    return {place for place, work in enumerate(story.view.fulfillment.works.values()) if work.left}


@given(orders(), st.sampled_from([(True,), (True, False), (False, True)]), deeds)
@slow
def test_taxes_are_credited_as_they_were_invoiced_whatever_comes_back(
    placed: Any, leaving: Sequence[bool], course: list[tuple[str, int]]
) -> None:
    with documents() as found:
        story = left(placed, leaving)
        if story is None:
            return
        for deed, number in course:
            does(story, deed, number)
            found.check()
        # when all that was granted is paid, all units come back, and then whatever is left of what was captured
        pay_all(story)
        found.check()
        rest = refundable(story.view)
        if rest > 0:
            asks(story, grant(amount=money(rest, placed.currency), approver=RefundApprover.FINANCE))
            pay_all(story)
            found.check()
        # then every tax is credited that was invoiced
        invoiced, credited = found.gross()
        if invoiced == credited:
            assert taxes_of(found.notes.values()) == taxes_of(found.invoices.values())
