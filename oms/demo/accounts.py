"""The journal of an accountant at the end of a run, by the code that `oms journal` runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from oms.demo.summary import SHOWN_MAX, Check
from oms.journal.accounts import Account
from oms.journal.entries import Entry

__all__ = ["journal_balances"]

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
    return Check(
        "the journal balances, and orders that are over leave nothing open in it", count, tuple(failures[:SHOWN_MAX])
    )
