"""What an exchange adds to the open amount of invoices, or takes off, where no document says so.

What leaves is invoiced whole and what comes back credited whole, so credit that is charged after all, or paid out, is of no
goods. Of an order on account it is still more, or less, that the buyer has to pay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from chassis.decider import Send
from contracts.ids import stream
from contracts.money import Money
from contracts.order import CaptureRequested, Refunded
from contracts.payments.invoices import MoveOnAccount
from services.order.crediting import owed_no_more
from services.order.invoicing import invoice_id, on_account_of

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["charged", "paid_out"]


def charged(state: OrderStream, event: CaptureRequested) -> Sequence[Send]:
    """Money is taken instead of credit: what of it is on account is owed for what that credit had paid for."""
    amount = on_account_of(state, event.fulfillment, event.amount.amount)
    return _moves(state, event.fulfillment, Counter(dict(_charged_for(state, event.fulfillment, amount))))


def paid_out(state: OrderStream, event: Refunded) -> Sequence[Send]:
    """What is over goes back: what of it was on account is owed no more, of what it was captured for. What was never
    invoiced here is somebody else's to correct."""
    documents, less = state.documents, Counter[str]()
    if not documents.invoiced:
        return ()
    keys = (*documents.invoiced, *documents.charges.keys())
    for key, amount in owed_no_more(state.order.terms, keys, event.refunds):
        if key is not None and key in documents.charges:
            for invoiced, part in _charged_for(state, key, amount):
                less[invoiced] -= part
        else:
            less[key or documents.invoiced[0]] -= amount
    return _moves(state, event.refund, less)


def _charged_for(state: OrderStream, charge: str, amount: int) -> Iterator[tuple[str, int]]:
    """The fulfilments whose credit a charge takes the place of, the last first, and what of an amount is for each."""
    change = state.documents.charges[charge]
    for credit in reversed([one for one in state.documents.applied if one.change == change]):
        part = min(amount, credit.amount.amount)
        amount -= part
        if part:
            yield credit.fulfillment, part


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
