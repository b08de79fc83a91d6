"""What an exchange adds to the open amount of invoices, or takes off, where no document says so.

What leaves is invoiced whole and what comes back credited whole, so credit that is charged after all, or paid out, is of no
goods. Of an order on account it is still more, or less, that the buyer has to pay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.decider import Send
from contracts.ids import stream
from contracts.money import Money
from contracts.order import CaptureRequested, CreditApplied, CreditCharged, Refunded
from contracts.payments.invoices import MoveOnAccount
from services.order.crediting import owed_no_more
from services.order.invoicing import invoice_id, on_account_of

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["Charge", "charge_of", "charged", "paid_out"]


@dataclass(frozen=True, slots=True)
class Charge:
    """Money that an exchange takes instead of its credit: what of it, in minor units, is for which fulfilment."""

    change: str
    shares: tuple[tuple[str, int], ...]


def charge_of(event: CreditCharged, applied: Iterable[CreditApplied], before: Iterable[Charge]) -> Charge:
    """For the fulfilments that credit of the exchange paid for, the last first, as far as no charge before took its place."""
    free: Counter[str] = Counter()
    for credit in applied:
        if credit.change == event.change:
            free[credit.fulfillment] += credit.amount.amount
    for charge in before:
        if charge.change == event.change:
            free.subtract(dict(charge.shares))
    left, shares = event.amount.amount, list[tuple[str, int]]()
    for key in reversed(free):
        if part := min(left, free[key]):
            shares.append((key, part))
            left -= part
    return Charge(event.change, tuple(shares))


def charged(state: OrderStream, event: CaptureRequested) -> Sequence[Send]:
    """Money is taken instead of credit: what of it is on account is owed for what that credit had paid for."""
    amount = on_account_of(state, event.fulfillment, event.amount.amount)
    return _moves(state, event.fulfillment, Counter(dict(_shared(state, event.fulfillment, amount))))


def paid_out(state: OrderStream, event: Refunded) -> Sequence[Send]:
    """What is over goes back: what of it was on account is owed no more, of what it was captured for. What was never
    invoiced here is somebody else's to correct."""
    documents, less = state.documents, Counter[str]()
    if not documents.invoiced:
        return ()
    keys = (*documents.invoiced, *documents.charges.keys())
    earlier = [part for refund, parts in documents.paid_out.items() if refund != event.refund for part in parts]
    before = Counter[str | None]()
    for key, amount in owed_no_more(state.order.terms, keys, earlier):
        before[key] += amount
    for key, amount in owed_no_more(state.order.terms, keys, event.refunds):
        if key is not None and key in documents.charges:
            for invoiced, part in _shared(state, key, amount, before[key]):
                less[invoiced] -= part
            before[key] += amount
        else:
            less[key or documents.invoiced[0]] -= amount
    return _moves(state, event.refund, less)


def _shared(state: OrderStream, charge: str, amount: int, before: int = 0) -> Iterator[tuple[str, int]]:
    """What of an amount of a charge is for each of its fulfilments, after so much that went before."""
    for fulfillment, share in state.documents.charges[charge].shares:
        passed = min(before, share)
        part = min(amount, share - passed)
        before, amount = before - passed, amount - part
        if part:
            yield fulfillment, part


def _moves(state: OrderStream, reference: str, amounts: Mapping[str, int]) -> Sequence[Send]:
    terms = state.order.terms
    return [
        Send(
            "payments",
            stream("invoice", invoice_id(terms, key)),
            MoveOnAccount(reference=reference, amount=Money(amount=amount, currency=terms.currency)),
        )
        for key, amount in amounts.items()
        if amount
    ]
