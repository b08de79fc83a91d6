"""Two books beside our own, compared at the end of a run: the provider's ledger, and the journal of an accountant.

Both by the code that `oms payments reconcile` and `oms journal` run, for all days of the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta

from chassis.log import Log
from chassis.settings import Settings
from oms.demo.summary import SHOWN_MAX, Check
from oms.journal.accounts import Account
from oms.journal.entries import Entry
from oms.providers import ledgers_of
from oms.reconciling import our_calls, reconciled
from services.payments.provider_ledger import ProviderLedger
from services.payments.reconciling import OurCall

__all__ = ["days_of", "journal_balances", "ledger_agrees", "ledgers_agree"]

SETTLED = {
    Account.ORDERS: "captured and not fulfilled",
    Account.CREDIT: "granted and not paid back",
    Account.VALUE_USED: "said by one of payment and stored value alone",
}
"""Accounts that come to zero for an order that is over, and what stands on them if they do not."""


def journal_balances(entries: Iterable[Entry], over: Collection[str]) -> Check:
    """Each entry sums to zero in its currency; of the orders that are `over` nothing is left open."""
    failures, count, open_sums = list[str](), 0, Counter[tuple[str, Account]]()
    for entry in entries:
        count += 1
        sums = Counter[str]()
        for posting in entry.postings:
            sums[posting.currency] += posting.amount
            if entry.order in over and posting.account in SETTLED:
                open_sums[entry.order or "", posting.account] += posting.amount
        failures += [f"{entry.what} {entry.event} is off by {rest} {which}" for which, rest in sums.items() if rest]
    failures += [f"{order}: {rest} {SETTLED[account]}" for (order, account), rest in open_sums.items() if rest]
    return Check("the journal balances, and orders that are over leave nothing open in it", count, _shown(failures))


async def ledgers_agree(log: Log, settings: Settings) -> list[Check]:
    """A check for each provider that was asked for anything."""
    checks = []
    for name, ledger in sorted(ledgers_of(settings).items()):
        if calls := our_calls(log, settings, name):
            checks.append(await ledger_agrees(name, ledger, calls))
    return checks


async def ledger_agrees(name: str, ledger: ProviderLedger, calls: list[OurCall]) -> Check:
    """What the provider's books and our events say of each other, day by day; as many cases as there are entries there."""
    failures, entries = list[str](), 0
    for day in days_of(calls):
        differences, there = await reconciled(ledger, day, calls, None)
        entries += len(there)
        failures += [
            f"{day} {found.cause} {found.order_id}: {found.there} there, {found.here} here" for found in differences
        ]
    return Check(f"the books of {name} are our payments, both ways", entries, _shown(failures))


def days_of(calls: Sequence[OurCall]) -> Iterator[date]:
    """All days (UTC) from the first on which something was asked to the last on which anything ended."""
    asked = [call.asked for call in calls]
    last = max((call.ended or call.asked for call in calls), default=None)
    day = min(asked, default=None)
    while day is not None and last is not None and day <= last:
        yield day
        day += timedelta(days=1)


def _shown(failures: list[str]) -> tuple[str, ...]:
    return tuple(failures[:SHOWN_MAX])
