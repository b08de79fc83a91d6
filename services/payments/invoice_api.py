"""Documents over HTTP: invoices and credit notes listed and shown, and the sellers who issue them described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, LiteralString
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from chassis.description import may_answer, shown
from chassis.listing import PageAsked, any_of, list_page
from chassis.problems import Problem, ProblemKind
from chassis.web import Caller, Gate, Name, caller_of, seen_answer, stream_of, submit, timeline
from contracts.ids import stream
from contracts.payments.invoices import (
    CreditNoteIssued,
    DescribeSeller,
    DocumentKind,
    InvoiceIssued,
    RetryInvoice,
    RetryRefused,
    SellerParticulars,
)
from services.payments.invoice import INVOICE
from services.payments.invoice_list import INVOICES, InvoiceState
from services.payments.invoice_series import SERIES, Series, series_stream

__all__ = ["Document", "read_document", "router"]

Document = InvoiceIssued | CreditNoteIssued

SameNumber = Annotated[str | None, Query(description="Whose number it is, where several sellers have it.")]

SHARED_MAX = 10
"""Documents of several sellers under one number that an answer names."""


class Described(BaseModel):
    """A legal entity as its documents are to name it from now on. Those that were issued stay as they are."""

    model_config = shown(
        {
            "seller": "acme",
            "particulars": {
                "name": "Acme GmbH",
                "address_lines": ["Hauptstrasse 1"],
                "postcode": "10115",
                "city": "Berlin",
                "country": "DE",
                "vat_id": "DE123456789",
                "iban": "DE02120300000000202051",
                "bic": "BYLADEM1001",
                "time_zone": "Europe/Berlin",
                "payment_days": 14,
            },
        }
    )

    seller: Name
    particulars: SellerParticulars


def router(gate: Gate) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["invoices"])

    @routes.get("/invoices")
    def list_invoices(
        asked: PageAsked,
        state: Annotated[list[InvoiceState] | None, Query(description="Several may be asked for.")] = None,
        kind: DocumentKind | None = None,
        order: Annotated[str | None, Query(description="An order's id.")] = None,
        seller: Annotated[str | None, Query(description="A seller by the name that orders give.")] = None,
    ) -> dict[str, Any]:
        """Invoices and credit notes, the last drafted first; amounts in minor units."""
        conditions: dict[LiteralString, Any] = {
            "state = any(%s)": any_of(state),
            "kind = %s": None if kind is None else kind.value,
            "order_id = %s": order,
            "seller = %s": seller,
        }
        return list_page(gate.reads, INVOICES, asked, conditions)

    @routes.get("/invoices/{name}", openapi_extra=may_answer(ProblemKind.AMBIGUOUS))
    def show(name: str, seller: SameNumber = None) -> Any:
        """A document by its id or number: what it says, and what of it is open. What is personal in it stays sealed."""
        row = find(gate, name, seller)
        seen = gate.reads.stream(stream_of(INVOICE.kind, row["id"]))
        document = read_document(gate, row["id"])
        said = {} if document is None else {"document": document_view(document)}
        return seen_answer(seen, {**row, **said})

    @routes.get("/invoices/{name}/timeline", openapi_extra=may_answer(ProblemKind.AMBIGUOUS))
    def history(name: str, seller: SameNumber = None, after: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        """What happened to a document, in order."""
        row = find(gate, name, seller)
        return timeline(gate.reads.history(stream_of(INVOICE.kind, row["id"]), after))

    @routes.post("/invoices/{identifier}/retry", status_code=202)
    async def retry(identifier: str, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Have a document issued that waits, once what it waits for is there."""
        target = stream_of(INVOICE.kind, identifier)
        where = f"/invoices/{identifier}"
        return await submit(gate, caller, target, RetryInvoice(), where, refusals=(RetryRefused,))

    @routes.post("/sellers", status_code=202)
    async def describe(body: Described, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Say who a seller is: until then their documents wait."""
        if body.particulars.time_zone not in available_timezones():
            raise Problem(
                ProblemKind.UNREADABLE,
                f"No time zone is called {body.particulars.time_zone}",
                "Send an IANA name, such as Europe/Berlin.",
            )
        target = series_stream(gate.door.tenant, body.seller)
        command = DescribeSeller(seller=body.seller, particulars=body.particulars)
        return await submit(gate, caller, target, command, f"/sellers/{body.seller}")

    @routes.get("/sellers/{seller}")
    def show_seller(seller: str) -> Any:
        """A seller as documents name them, and how far their numbers are."""
        seen = gate.reads.stream(series_stream(gate.door.tenant, seller))
        state: Series = seen.stream.view(SERIES)
        if state.particulars is None:
            raise Problem(
                ProblemKind.NOT_FOUND, f"Nobody described the seller {seller}", "POST /sellers describes one."
            )
        last = {
            kind: {"year": count.year, "sequence": count.sequence, "issued_on": count.issued_on}
            for kind, count in sorted(state.counts.items())
        }
        particulars = state.particulars.model_dump(mode="json", exclude_none=True)
        return seen_answer(seen, {"seller": seller, "particulars": particulars, "last_numbers": last})

    return routes


def find(gate: Gate, name: str, seller: str | None) -> Mapping[str, Any]:
    """The row of a document by its id or number; raises Problem where there is none, or several sellers have it."""
    conditions: tuple[LiteralString, ...] = ("id = %s" if _is_id(name) else "number = %s",)
    parameters: list[Any] = [name]
    if seller is not None:
        conditions += ("seller = %s",)
        parameters.append(seller)
    rows = gate.reads.rows(INVOICES.query(conditions), [*parameters, SHARED_MAX])
    if not rows:
        raise Problem(
            ProblemKind.NOT_FOUND, f"No document {name} is known", "GET /invoices lists them, the last drafted first."
        )
    if len(rows) > 1:
        sellers = ", ".join(sorted(INVOICES.shown(row)["seller"] for row in rows))
        raise Problem(
            ProblemKind.AMBIGUOUS,
            f"Several sellers have a document {name}",
            f"Name one of them, by seller=: {sellers}.",
        )
    return INVOICES.shown(rows[0])


def _is_id(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True


def read_document(gate: Gate, identifier: str) -> Document | None:
    """A document as it was issued; None where it was not yet."""
    for event in gate.reads.events(stream(INVOICE.kind, identifier)):
        if event.type == InvoiceIssued.TYPE:
            return InvoiceIssued.decode(event.value)
        if event.type == CreditNoteIssued.TYPE:
            return CreditNoteIssued.decode(event.value)
    return None


def document_view(document: Document) -> dict[str, Any]:
    """What it says, but for what is sealed: that stands on the paper alone."""
    hidden: Any = {"buyer": True, "bill_to": {"personal": True}, "door_digest": True}
    return document.model_dump(mode="json", exclude_none=True, exclude=hidden)
