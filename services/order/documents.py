"""Invoices and credit notes: payments are told what to state of each fulfilment and of each refund.

A fold of the order's stream beside the sagas, with no step: a document is payments' from then on, and nothing in the
order waits for it. What an invoice says is in invoicing.py, a credit note in crediting.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.decider import Fold, Send
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.message import Event
from contracts.order import (
    CaptureNotNeeded,
    CaptureRequested,
    CreditApplied,
    CreditCharged,
    CreditPaidOut,
    Refunded,
    RefundFailed,
    RefundGranted,
    RefundTo,
    RefundWithdrawn,
)
from contracts.payments import TenderRefund
from services.order.crediting import credit_note
from services.order.invoicing import invoice
from services.order.on_account import Charge, charge_of, charged, paid_out

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["FOLD", "Credit", "DocumentsState"]


@dataclass(frozen=True, slots=True)
class Credit:
    """What is to be credited of a refund (its id), in minor units: `amount` came back, beside a `fee` that was kept, when
    there were so many `invoices`; below zero, that was credited and is not back after all. So many of it were credited
    `earlier`; `parts` are those of payments that no earlier one has, where they are known."""

    refund: str
    amount: int
    fee: int
    invoices: int
    earlier: int = 0
    parts: tuple[TenderRefund, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentsState:
    """The fulfilments that were invoiced and what was credited, in order; `parts` are what came back of refunds that
    failed, in minor units; `applied` is the credit that pays for goods, `charges` are by their captures of what it does
    not pay after all, and `undocumented` those and the refunds of an exchange's account that are of no goods, with the
    parts that were `paid_out` for these. Else a document follows from the order's terms and what left."""

    invoiced: tuple[str, ...] = ()
    credits: tuple[Credit, ...] = ()
    parts: HashTrieMap[str, int] = HashTrieMap()
    applied: tuple[CreditApplied, ...] = ()
    charges: HashTrieMap[str, Charge] = HashTrieMap()
    undocumented: tuple[str, ...] = ()
    paid_out: HashTrieMap[str, tuple[TenderRefund, ...]] = HashTrieMap()


def evolve(state: DocumentsState, event: Event) -> DocumentsState:
    """The documents after one more event of the order."""
    match event:
        case CreditApplied():
            return replace(state, applied=(*state.applied, event))
        case CreditCharged(fulfillment=key):
            charges = state.charges.insert(key, charge_of(event, state.applied, state.charges.values()))
            return replace(state, charges=charges, undocumented=(*state.undocumented, key))
        case CreditPaidOut(refund=key):
            return replace(state, undocumented=(*state.undocumented, key))
        case CaptureRequested(fulfillment=key) if key not in state.undocumented:
            return replace(state, invoiced=(*state.invoiced, key))
        case CaptureNotNeeded(fulfillment=key) if any(one.fulfillment == key for one in state.applied):
            return replace(state, invoiced=(*state.invoiced, key))
    return _credited_by(state, event)


def _credited_by(state: DocumentsState, event: Event) -> DocumentsState:
    match event:
        case Refunded(again=False, refund=key) if key in state.undocumented:
            return replace(state, paid_out=state.paid_out.insert(key, event.refunds))
        case RefundWithdrawn(refund=key) | Refunded(refund=key) if key in state.undocumented:
            return state
        case RefundGranted(to=RefundTo.EXCHANGE):
            return _credited(state, event.refund, event.amount.amount, event.fee.amount if event.fee else 0)
        case RefundFailed(refunded_part=part) if part is not None or event.taken_back is not None:
            return replace(state, parts=state.parts.insert(event.refund, part.amount if part else 0))
        case RefundWithdrawn():
            return _withdrawn(state, event.refund)
        case Refunded():
            fee = event.fee.amount if event.fee else 0
            return _credited(state, event.refund, event.amount.amount, fee, event.refunds)
    return state


def _withdrawn(state: DocumentsState, refund: str) -> DocumentsState:
    """What was credited before and taken back since is not owed any more: what comes next for the same goods is less."""
    back = state.parts.get(refund, 0)
    before = sum(one.amount for one in state.credits if one.refund == refund)
    if back >= before:
        return _credited(state, refund, back, 0)
    less = Credit(
        refund, back - before, 0, len(state.invoiced), len([one for one in state.credits if one.refund == refund])
    )
    return replace(state, credits=(*state.credits, less))


def _credited(
    state: DocumentsState, refund: str, back: int, fee: int, parts: Sequence[TenderRefund] = ()
) -> DocumentsState:
    """A refund is credited when no more of it is to come: a part when it is withdrawn, and should the rest come all the
    same, the rest."""
    earlier = [one for one in state.credits if one.refund == refund]
    before = sum(one.amount for one in earlier)
    if back <= before:
        return state
    told = {part.refund for one in earlier for part in one.parts}
    new = tuple(part for part in parts if part.refund not in told)
    credit = Credit(refund, back - before, fee, len(state.invoiced), len(earlier), new)
    return replace(state, credits=(*state.credits, credit))


def react(state: OrderStream, event: Event) -> Sequence[Send]:
    """One invoice for each fulfilment that is worth something, however it is paid; one credit note for each refund of what
    was invoiced, also where it pays for other goods. What is over of an exchange was credited with what came back: no document says it, and
    the invoices are told what more is owed of them, or less."""
    match event:
        case CaptureRequested(fulfillment=key) if key in state.documents.charges:
            return charged(state, event)
        case CaptureRequested() | CaptureNotNeeded():
            return invoice(state, event)
        case RefundGranted(to=RefundTo.EXCHANGE):
            return credit_note(state, event.refund)
        case Refunded(again=False, refund=key) if key in state.documents.undocumented:
            return paid_out(state, event)
        case Refunded(again=False):
            return credit_note(state, event.refund)
        case Refunded(again=True) if _was_withdrawn(state.documents, event.refund):
            return credit_note(state, event.refund)
        case RefundWithdrawn():
            return credit_note(state, event.refund)
    return ()


def _was_withdrawn(documents: DocumentsState, refund: str) -> bool:
    """Whether a refund that had been credited was taken back and withdrawn: should it be paid after all, that is credited
    anew, as far as nothing else was in its place."""
    return any(credit.refund == refund and credit.amount < 0 for credit in documents.credits)


FOLD = Fold("documents", 6, DocumentsState(), evolve, react)
