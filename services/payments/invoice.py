"""A document, invoice or credit note: drafted when the order asks for it, issued once it has its number, and never changed
again. What is paid of it and credited is added to it; when it is charged to a card on file is in collecting.py.

Numbers come from the series of its seller (invoice_series.py). A credit note first asks the invoices that it corrects for
theirs, and they owe less from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from chassis.decider import Answer, Context, Fold, Outgoing, Send, StreamKind
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.chassis import DeadlinePassed
from contracts.ids import split_stream, stream
from contracts.message import Event
from contracts.money import Money
from contracts.payments.collecting import (
    CollectionAsked,
    CollectionDelayed,
    CollectionFailed,
    CollectionGivenUp,
    InvoiceOverpaid,
)
from contracts.payments.invoices import (
    AssignNumber,
    Correction,
    CorrectionNumbered,
    CreditInvoice,
    CreditNoteIssued,
    DocumentKind,
    InvoiceContents,
    InvoiceCredited,
    InvoiceDrafted,
    InvoiceIssued,
    InvoiceRetried,
    InvoiceWaits,
    IssueCreditNote,
    IssueInvoice,
    MoveOnAccount,
    NumberAssigned,
    NumberRefused,
    OnAccountMoved,
    RetryInvoice,
    RetryRefusal,
    RetryRefused,
    WaitReason,
)
from contracts.payments.receivables import (
    InvoicePaid,
    InvoiceWrittenOff,
    PaymentNotTaken,
    RecordPaymentReceived,
    WriteOffInvoice,
)
from services.payments.collecting import (
    asked,
    begins,
    collection_due,
    collection_failed,
    deadlines_of,
    given_up,
    overpaid,
    wish,
)
from services.payments.invoice_series import series_stream
from services.payments.receivables import FINANCE, entry_key, receive, write_off

__all__ = ["INVOICE", "Invoice", "Stage"]


class Stage(StrEnum):
    """How far a document is."""

    UNKNOWN = "unknown"
    DRAFTED = "drafted"
    WAITING = "waiting"
    ISSUED = "issued"


@dataclass(frozen=True, slots=True)
class Invoice:
    """A document: its `draft` until it is issued, then its `number` and date. `asked` are the ids of invoices whose numbers
    a credit note lacks, `corrects` the others. `on_account` is what the buyer was to pay later, `credits` what credit
    notes took off that, by their ids, `moved` what exchanges added to it or took off, by their captures and refunds, and
    `received` what came for it, by account and entry. `owes` is said of an invoice, which
    somebody is to pay. One that is `collected_from` a tender's card on file (its place) is charged at `collect_at` for what is
    open, unless that was given up: the attempt that is `collecting` is under way, of so many `attempts`, of which the last
    `softly` ones were declined softly. `charged` is what it kept of charges, by their ids in their order, and `returns` how
    often it needed less of one."""

    stage: Stage = Stage.UNKNOWN
    order_id: str | None = None
    draft: InvoiceDrafted | None = None
    number: str | None = None
    issued_on: str | None = None
    on_account: Money | None = None
    asked: tuple[str, ...] = ()
    corrects: HashTrieMap[str, Correction] = HashTrieMap()
    credits: HashTrieMap[str, int] = HashTrieMap()
    moved: HashTrieMap[str, int] = HashTrieMap()
    received: HashTrieMap[str, int] = HashTrieMap()
    written_off: int = 0
    owes: bool = False
    collected_from: int | None = None
    collect_at: datetime | None = None
    collecting: int | None = None
    attempts: int = 0
    softly: int = 0
    charged: tuple[tuple[str, int], ...] = ()
    returns: int = 0

    @property
    def paid(self) -> int:
        """What came for it and is kept, in minor units."""
        return sum(self.received.values()) + sum(kept for _, kept in self.charged)

    @property
    def open(self) -> int:
        """What the buyer still has to pay of what was on account, in minor units."""
        if self.on_account is None or not self.owes:
            return 0
        settled = sum(self.credits.values()) + self.paid + self.written_off
        return max(0, self.on_account.amount + sum(self.moved.values()) - settled)

    @property
    def drafted(self) -> InvoiceDrafted:
        """What it will say; only of one that is not issued yet."""
        assert self.draft is not None, "a document says nothing before it is asked for, and its event all afterwards"
        return self.draft


# Evolve


def _evolve(state: Invoice, event: Event) -> Invoice:
    match event:
        case InvoiceDrafted():
            asked = tuple(part.invoice for part in event.corrects if part.number is None)
            drafted = replace(state, stage=Stage.DRAFTED, draft=event, asked=asked)
            owes = event.kind is DocumentKind.INVOICE
            drafted = replace(drafted, collected_from=event.collected_from)
            return replace(drafted, order_id=event.order_id, on_account=event.on_account, owes=owes)
        case CorrectionNumbered(correction=found):
            left = tuple(invoice for invoice in state.asked if invoice != found.invoice)
            return replace(state, asked=left, corrects=state.corrects.insert(found.invoice, found))
        case InvoiceWaits():
            return replace(state, stage=Stage.WAITING)
        case InvoiceRetried():
            return replace(state, stage=Stage.DRAFTED)
        case InvoiceIssued() | CreditNoteIssued():
            issued = replace(state, stage=Stage.ISSUED, draft=None, corrects=HashTrieMap())
            if isinstance(event, InvoiceIssued):
                issued = replace(issued, collect_at=event.collect_at)
            return replace(issued, number=event.number, issued_on=event.issued_on.isoformat())
        case InvoiceCredited():
            return replace(state, credits=state.credits.insert(event.credit_note, event.on_account.amount))
        case OnAccountMoved():
            return replace(state, moved=state.moved.insert(event.reference, event.amount.amount))
        case InvoicePaid(collected=None):
            known = state.received.get(entry_key(event), 0)
            return replace(state, received=state.received.insert(entry_key(event), known + event.amount.amount))
        case InvoiceWrittenOff():
            return replace(state, written_off=state.written_off + event.amount.amount)
    return _collected(state, event)


def _collected(state: Invoice, event: Event) -> Invoice:
    """What is charged to the card on file, and what came of it. What somebody found out late ends no other attempt."""
    match event:
        case CollectionAsked():
            return replace(state, collecting=event.attempt, attempts=event.attempt)
        case InvoicePaid():
            state = replace(state, charged=(*state.charged, (event.entry, event.amount.amount)), softly=0)
            return _ended(state, event.collected)
        case PaymentNotTaken():
            return _ended(state, event.collected)
        case CollectionDelayed():
            return replace(_ended(state, event.attempt), collect_at=event.again_at, softly=state.softly + 1)
        case CollectionGivenUp():
            return replace(_ended(state, event.attempt), collect_at=None, softly=0)
        case InvoiceOverpaid():
            less = {event.charge: event.amount.amount}
            charged = tuple((charge, kept - less.get(charge, 0)) for charge, kept in state.charged)
            return replace(state, charged=charged, returns=event.number)
    return state


def _ended(state: Invoice, attempt: int | None) -> Invoice:
    return replace(state, collecting=None) if attempt is not None and attempt == state.collecting else state


# Decide


def _draft(command: IssueInvoice | IssueCreditNote, state: Invoice, context: Context) -> Sequence[Event]:
    if state.stage is not Stage.UNKNOWN:
        return ()
    drafted = InvoiceDrafted(
        **_contents(command),
        document=split_stream(context.stream)[1],
        numbered_by=split_stream(series_stream(context.tenant, command.seller))[1],
        corrects=command.corrects if isinstance(command, IssueCreditNote) else (),
    )
    return (drafted,)


def _contents(document: InvoiceContents) -> dict[str, Any]:
    return {name: getattr(document, name) for name in InvoiceContents.model_fields}


def _on_credited(answer: InvoiceCredited, state: Invoice, context: Context) -> Sequence[Event]:
    """An invoice that a credit note corrects has said its number, or that it has none."""
    invoice = split_stream(context.subject)[1]
    if state.stage is not Stage.DRAFTED or invoice not in state.asked:
        return ()
    if answer.number is None:
        return (InvoiceWaits(reason=WaitReason.INVOICE_NOT_ISSUED, owner=FINANCE),)
    [asked] = [part for part in state.drafted.corrects if part.invoice == invoice]
    numbered = {"number": answer.number, "issued_on": answer.issued_on}
    return (CorrectionNumbered(correction=asked.model_copy(update=numbered)),)


def _on_number(answer: NumberAssigned, state: Invoice, context: Context) -> Sequence[Event]:
    draft = state.drafted
    days = answer.particulars.payment_days if draft.on_account.amount else 0
    fields = {
        **_contents(draft),
        **{name: getattr(answer, name) for name in ("number", "series", "sequence", "issued_on", "particulars")},
        "due_on": answer.issued_on + timedelta(days=days),
    }
    if draft.kind is DocumentKind.INVOICE:
        zone, by_card = answer.particulars.time_zone, draft.collected_from is not None
        collect_at = begins(fields["due_on"], zone) if by_card else None
        return (InvoiceIssued(**fields, collect_at=collect_at),)
    return (CreditNoteIssued(**fields, corrects=tuple(state.corrects[part.invoice] for part in draft.corrects)),)


def _on_no_number(answer: NumberRefused, state: Invoice, context: Context) -> Sequence[Event]:
    return (InvoiceWaits(reason=WaitReason(answer.reason.value), owner=FINANCE),)


def _retry(command: RetryInvoice, state: Invoice, context: Context) -> Sequence[Event]:
    if state.stage is Stage.WAITING:
        return (InvoiceRetried(),)
    if given_up(state):
        return (asked(state, context),)
    unknown = state.stage is Stage.UNKNOWN
    return (RetryRefused(reason=RetryRefusal.UNKNOWN_DOCUMENT if unknown else RetryRefusal.NOT_WAITING),)


def _credit(command: CreditInvoice, state: Invoice, context: Context) -> Sequence[Event]:
    """Asked again, by a credit note that waited, it says the same, with the number that it has by now."""
    return (
        InvoiceCredited(
            credit_note=command.credit_note,
            gross=command.gross,
            on_account=command.on_account,
            number=state.number,
            issued_on=None if state.issued_on is None else date.fromisoformat(state.issued_on),
            reply_to=context.reply_to,
        ),
    )


def _move(command: MoveOnAccount, state: Invoice, context: Context) -> Sequence[Event]:
    """Once for each capture and refund; of a document that was never asked for nothing is owed."""
    if state.stage is Stage.UNKNOWN or command.reference in state.moved:
        return ()
    return (OnAccountMoved(reference=command.reference, amount=command.amount),)


# React


def _react(state: Invoice, event: Event) -> Sequence[Outgoing]:
    match event:
        case InvoiceDrafted() | InvoiceRetried():
            return _asks(state)
        case CorrectionNumbered() if not state.asked:
            return _asks(state)
        case InvoiceCredited(reply_to=str(reply_to)) | InvoicePaid(reply_to=str(reply_to)):
            return (Answer(reply_to),)
        case PaymentNotTaken(reply_to=str(reply_to)):
            return (Answer(reply_to),)
        case CollectionAsked() | InvoiceOverpaid():
            return (wish(event),)
    return ()


def _asks(state: Invoice) -> Sequence[Send]:
    """What a document wants to hear next: the numbers of what it corrects, then its own."""
    draft = state.drafted
    if state.asked:
        return [
            Send("payments", stream("invoice", part.invoice), _credit_of(draft, part), wants_answer=True)
            for part in draft.corrects
            if part.invoice in state.asked
        ]
    number = AssignNumber(seller=draft.seller, document=draft.document, kind=draft.kind)
    return (Send("payments", stream("invoice_series", draft.numbered_by), number, wants_answer=True),)


def _credit_of(draft: InvoiceDrafted, part: Correction) -> CreditInvoice:
    return CreditInvoice(credit_note=draft.document, gross=part.gross, on_account=part.on_account)


def _story(state: Invoice) -> str | None:
    return None if state.order_id is None else stream("order", state.order_id)


INVOICE = StreamKind(
    kind="invoice",
    folds=(Fold("invoice", 4, Invoice(), _evolve, _react, deadlines_of),),
    advance=overpaid,
    decide={
        IssueInvoice: _draft,
        IssueCreditNote: _draft,
        InvoiceCredited: _on_credited,
        NumberAssigned: _on_number,
        NumberRefused: _on_no_number,
        RetryInvoice: _retry,
        CreditInvoice: _credit,
        MoveOnAccount: _move,
        RecordPaymentReceived: receive,
        WriteOffInvoice: write_off,
        CollectionFailed: collection_failed,
        DeadlinePassed: collection_due,
    },
    story=_story,
)
