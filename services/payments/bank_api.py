"""Money that comes to bank accounts, over HTTP: entries of statements, matched by the number that they name, and those that
wait for a person."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StringConstraints

from chassis.description import may_answer, shown
from chassis.listing import CountAsked, PageAsked, any_of, list_page
from chassis.problems import Problem, ProblemKind
from chassis.sealing import PersonalDataForgotten, PersonalDataUnreadable
from chassis.web import NUMBER_MAX, Caller, Gate, Name, caller_of, stream_of, submit
from contracts.ids import guest_subject_id
from contracts.money import Currency, Money
from contracts.payments.receivables import (
    RecordBankEntry,
    SettleEntry,
    SettleEntryRefused,
    UnmatchedReason,
    WriteOffInvoice,
    WriteOffRefused,
)
from contracts.personal import Personal, PersonalContent
from services.payments.bank_account import BANK_ACCOUNT, BankAccount, bank_stream
from services.payments.bank_list import BANK_ENTRIES, EntryState
from services.payments.document_paper import Opened
from services.payments.invoice import INVOICE
from services.payments.invoice_list import INVOICES
from services.payments.invoice_series import PREFIXES

__all__ = ["numbers_in", "router"]

Seal = Callable[[str, PersonalContent], Personal]

NUMBER = re.compile(rf"\b({'|'.join(PREFIXES.values())})[-\s/]*(\d{{4}})[-\s/]*(\d{{6,}})\b", re.IGNORECASE)
"""A number of ours as payers write it: banks take the hyphens off, or put spaces in."""

NUMBERS_MAX = 10
"""Numbers of one entry that are looked up."""

Detail = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Entry(BaseModel):
    """A credit of a bank account, by the bank's name of it; `amount` in minor units, `reference` as the payer wrote it.
    `unnamed`: the bank gave it no name, or a placeholder such as NONREF, and `entry` is one of yours."""

    model_config = shown(
        {
            "account": "DE02120300000000202051",
            "entry": "2026-01-20/0042",
            "amount": 1190,
            "currency": "EUR",
            "booked_on": "2026-01-20",
            "reference": "INV-2026-000001",
        }
    )

    account: Name
    entry: Name
    amount: Annotated[int, Field(gt=0, le=NUMBER_MAX)]
    currency: Currency
    booked_on: date
    reference: Annotated[str, StringConstraints(max_length=1_000)] = ""
    unnamed: bool = False


class Settling(BaseModel):
    """What an unmatched entry is: a payment of an invoice (its id), or what else was done about it."""

    model_config = shown({"account": "DE02120300000000202051", "entry": "2026-01-20/0042", "detail": "paid back"})

    account: Name
    entry: Name
    invoice: str | None = None
    detail: Detail


class WritingOff(BaseModel):
    """Why what is open is given up. No name of a person."""

    model_config = shown({"reason": "insolvent"})

    reason: Detail


def numbers_in(reference: str) -> tuple[str, ...]:
    """The numbers of documents that a payer's text names, each once, as we write them."""
    found = (f"{match[1].upper()}-{match[2]}-{match[3]}" for match in NUMBER.finditer(reference))
    return tuple(dict.fromkeys(found))[:NUMBERS_MAX]


def router(gate: Gate, seal: Seal, opened: Opened) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["invoices"])

    @routes.post("/bank-entries", status_code=202)
    async def record(body: Entry, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Say that money came. The account and the bank's name of the entry make it one, whatever the Idempotency-Key."""
        caller.without_condition("An entry is known by its account and name.")
        target = bank_stream(gate.door.tenant, body.account)
        invoice, unmatched = _matched(gate, body)
        text = PersonalContent(notes=body.reference)
        subject = guest_subject_id(gate.door.tenant, target, body.entry)
        command = RecordBankEntry(
            account=body.account,
            entry=body.entry,
            amount=Money(amount=body.amount, currency=body.currency),
            booked_on=body.booked_on,
            invoice=invoice,
            unmatched=unmatched,
            reference=seal(subject, text) if body.reference and invoice is None else None,
            unnamed=body.unnamed or None,
        )
        return await submit(gate, caller, target, command, "/bank-entries")

    @routes.get("/bank-entries")
    def list_entries(
        asked: PageAsked,
        counting: CountAsked,
        state: Annotated[list[EntryState] | None, Query(description="Several may be asked for.")] = None,
        account: Annotated[str | None, Query(description="A bank account by its name or IBAN.")] = None,
        invoice: Annotated[str | None, Query(description="An invoice's id.")] = None,
    ) -> dict[str, Any]:
        """Money that came to bank accounts, the last known first; amounts in minor units."""
        conditions: Any = {"state = any(%s)": any_of(state), "account = %s": account, "invoice = %s": invoice}
        return list_page(gate.reads, BANK_ENTRIES, asked, conditions, counting)

    @routes.get("/bank-entries/reference", openapi_extra=may_answer(ProblemKind.SEALED))
    def reference(account: Name, entry: Name) -> dict[str, Any]:
        """What the payer wrote with an entry that is unmatched."""
        seen = gate.reads.stream(bank_stream(gate.door.tenant, account))
        state: BankAccount = seen.stream.view(BANK_ACCOUNT)
        waiting = state.unmatched.get(entry)
        if waiting is None:
            raise Problem(
                ProblemKind.NOT_FOUND,
                f"No entry {entry} of {account} is unmatched",
                "GET /bank-entries?state=unmatched lists those that are.",
            )
        written = _opened(waiting.reference, opened)
        return {"account": account, "entry": entry, "reference": written, "followed": seen.followed.document()}

    @routes.post("/bank-entries/settle", status_code=202)
    async def settle(body: Settling, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Say what an unmatched entry is."""
        if body.invoice is not None:
            stream_of(INVOICE.kind, body.invoice)
        target = bank_stream(gate.door.tenant, body.account)
        command = SettleEntry(entry=body.entry, invoice=body.invoice, detail=body.detail)
        return await submit(gate, caller, target, command, "/bank-entries", refusals=(SettleEntryRefused,))

    @routes.post("/invoices/{identifier}/write-off", status_code=202)
    async def write_off(identifier: str, body: WritingOff, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Give up what is open of an invoice."""
        target = stream_of(INVOICE.kind, identifier)
        command = WriteOffInvoice(reason=body.reason)
        return await submit(gate, caller, target, command, f"/invoices/{identifier}", refusals=(WriteOffRefused,))

    return routes


def _matched(gate: Gate, entry: Entry) -> tuple[str | None, UnmatchedReason | None]:
    """The one invoice that an entry names, or why it names none."""
    numbers = numbers_in(entry.reference)
    if not numbers:
        return None, UnmatchedReason.NO_NUMBER
    rows = gate.reads.rows(INVOICES.query(("number = any(%s)", "kind = %s")), [list(numbers), "invoice", NUMBERS_MAX])
    found = [INVOICES.shown(row) for row in rows]
    if not found:
        return None, UnmatchedReason.UNKNOWN_NUMBER
    if len(found) > 1 or len(numbers) > 1:
        return None, UnmatchedReason.SEVERAL_NUMBERS
    return found[0]["id"], None


def _opened(reference: Personal | None, opened: Opened) -> str:
    if reference is None:
        return ""
    try:
        return opened(reference).notes or ""
    except PersonalDataForgotten:
        return "[forgotten]"
    except PersonalDataUnreadable as error:
        raise Problem(ProblemKind.SEALED, "The reference cannot be opened", f"{error}.") from error
