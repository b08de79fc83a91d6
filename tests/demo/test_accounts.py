"""A journal that is off fails a run."""

from __future__ import annotations

from datetime import UTC, datetime

from oms.demo.accounts import journal_balances
from oms.journal.accounts import Account
from oms.journal.entries import Entry as Booked
from oms.journal.entries import Posting


def booked(*amounts: tuple[Account, int], order: str = "o-1") -> Booked:
    postings = tuple(Posting(account, amount, "USD") for account, amount in amounts)
    return Booked("e-1", datetime(2026, 1, 31, tzinfo=UTC), "PaymentCaptured", order, "f-1", postings)


SOLD = booked((Account.ORDERS, 500), (Account.SALES, -500))
TAKEN = booked((Account.CARD, 500), (Account.ORDERS, -500))


def test_a_journal_that_balances_holds() -> None:
    check = journal_balances([SOLD, TAKEN], {"o-1"})

    assert (check.holds, check.cases) == (True, 2)


def test_an_entry_that_is_off_is_found() -> None:
    assert not journal_balances([booked((Account.CARD, 500), (Account.SALES, -499))], ()).holds


def test_what_is_open_is_found_of_orders_that_are_over_alone() -> None:
    assert not journal_balances([TAKEN], {"o-1"}).holds
    assert journal_balances([TAKEN], {"o-2"}).holds
