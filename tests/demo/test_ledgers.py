"""The books beside our own: a journal that is off, or a provider that says something else, fails a run."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

from contracts.money import Money
from oms.demo.ledgers import days_of, journal_balances, ledger_agrees
from oms.journal.accounts import Account
from oms.journal.entries import Entry as Booked
from oms.journal.entries import Posting
from services.payments.provider_ledger import Entry, EntryKind
from services.payments.reconciling import OurCall, Stage

DAY = date(2026, 1, 31)


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


def charge(amount: int = 500, day: date = DAY) -> Entry:
    return Entry(day=day, kind=EntryKind.CHARGE, reference="ch-1", amount=usd(amount), key="k-1", order_id="o-1")


def usd(amount: int) -> Money:
    return Money(amount=amount, currency="USD")


def call(ended: date | None = DAY) -> OurCall:
    stage = Stage.OPEN if ended is None else Stage.DONE
    return OurCall(EntryKind.CHARGE, "k-1", "o-1", usd(500), stage, asked=DAY, ended=ended)


class Books:
    """A provider's ledger that has these entries."""

    name = "sandbox"

    def __init__(self, *entries: Entry) -> None:
        self._entries = entries

    async def entries(self, day: date) -> tuple[Entry, ...]:
        return tuple(entry for entry in self._entries if entry.day == day)


def agrees(*entries: Entry, ours: OurCall | None = None) -> bool:
    return asyncio.run(ledger_agrees("sandbox", Books(*entries), [ours or call()])).holds


def test_a_providers_books_are_compared_both_ways_over_all_days_of_the_run() -> None:
    after = DAY + timedelta(days=1)

    assert agrees(charge())
    assert agrees(charge(day=after), ours=call(ended=after))
    assert not agrees()
    assert not agrees(charge(400))
    assert not agrees(charge(), ours=call(ended=None))


def test_the_days_of_a_run_are_all_from_the_first_asked_to_the_last_ended() -> None:
    calls = [call(), call(ended=DAY + timedelta(days=2)), call(ended=None)]

    assert list(days_of(calls)) == [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)]
    assert list(days_of([])) == []
