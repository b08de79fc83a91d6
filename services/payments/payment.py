"""The payment of one order: what is authorised of its tenders, what is captured for what was fulfilled, what is given back.

Here the parts are put together: the state is in payment_state.py, the deciders by subject in authorizing.py,
capturing.py and refunding.py. Nothing is captured above what is authorised, nothing refunded above what is captured;
every capture is known by fulfilment and sequence, every refund by its id.
"""

from __future__ import annotations

from collections.abc import Sequence

from chassis.decider import Answer, Fold, Outgoing, StreamKind
from contracts.chassis import DeadlinePassed
from contracts.message import Event
from contracts.payments import (
    AuthorizeMore,
    AuthorizePayment,
    CancelIncrease,
    CapturePayment,
    CaptureStarted,
    IncreaseStarted,
    PaymentStarted,
    RecordProviderOutcome,
    RecordTransferReceived,
    RecordTransferReturned,
    RefundPayment,
    RefundStarted,
    ResolveProviderOutcome,
    StoredValueRequested,
    ValueHeld,
    ValueIssued,
    ValueRedeemed,
    ValueRefused,
    ValueReleased,
    ValueRepeated,
    VoidPayment,
)
from contracts.payments.collecting import CollectInvoice, CollectionStarted, CollectionTaken, ReturnCollected
from contracts.payments.receivables import InvoicePaid, PaymentNotTaken
from services.payments.advancing import advance
from services.payments.authorizing import authorize, void
from services.payments.capturing import capture
from services.payments.due import passed
from services.payments.increasing import cancel_increase, increase
from services.payments.invoice_charges import collect, give_back, matched, not_matched, tell
from services.payments.outcomes import record_outcome, resolve
from services.payments.payment_state import Payment, deadlines_of, evolve
from services.payments.refunding import refund
from services.payments.transfers import record_received, record_returned
from services.payments.value_answers import held, issued, redeemed, refused, released, repeated
from services.payments.value_asking import ask

__all__ = ["PAYMENT"]


def _react(state: Payment, event: Event) -> Sequence[Outgoing]:
    """Ledgers are asked; whoever asked is answered; what is only begun is answered by what ends it."""
    if isinstance(event, PaymentStarted | IncreaseStarted | CaptureStarted | RefundStarted | CollectionStarted):
        return ()
    if isinstance(event, CollectionTaken):
        return (tell(event),)
    if isinstance(event, StoredValueRequested):
        return (ask(event),)
    reply_to = getattr(event, "reply_to", None)
    return () if reply_to is None else (Answer(reply_to),)


PAYMENT = StreamKind(
    kind="payment",
    folds=(Fold("payment", 14, Payment(), evolve, _react, deadlines_of),),
    advance=advance,
    decide={
        AuthorizePayment: authorize,
        AuthorizeMore: increase,
        CancelIncrease: cancel_increase,
        CapturePayment: capture,
        RefundPayment: refund,
        VoidPayment: void,
        RecordProviderOutcome: record_outcome,
        ResolveProviderOutcome: resolve,
        RecordTransferReceived: record_received,
        RecordTransferReturned: record_returned,
        ValueHeld: held,
        ValueRedeemed: redeemed,
        ValueReleased: released,
        ValueIssued: issued,
        ValueRepeated: repeated,
        ValueRefused: refused,
        CollectInvoice: collect,
        ReturnCollected: give_back,
        InvoicePaid: matched,
        PaymentNotTaken: not_matched,
        DeadlinePassed: passed,
    },
)
