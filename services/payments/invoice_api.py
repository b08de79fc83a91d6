"""Documents over HTTP: invoices and credit notes listed, shown, printed, and issued where they had to wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, LiteralString
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from chassis.description import may_answer
from chassis.listing import CountAsked, PageAsked, any_of, list_page
from chassis.problems import Problem, ProblemKind
from chassis.sealing import PersonalDataUnreadable
from chassis.web import Caller, Gate, caller_of, seen_answer, stream_of, submit, timeline
from contracts.ids import stream
from contracts.payments.invoices import (
    CreditNoteIssued,
    DocumentKind,
    InvoiceIssued,
    RetryInvoice,
    RetryRefused,
)
from services.payments.document_paper import Document, Opened, Paper, paper_of
from services.payments.document_pdf import document_pdf
from services.payments.document_xml import document_xml
from services.payments.invoice import INVOICE
from services.payments.invoice_list import INVOICES, InvoiceState

__all__ = ["read_document", "router"]

OF_PAPERS = (ProblemKind.AMBIGUOUS, ProblemKind.NOT_READY, ProblemKind.SEALED)


def _described(media_type: str) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of a paper."""
    return {200: {"content": {media_type: {"schema": {"type": "string", "format": "binary"}}}, "description": "It."}}


PDF, XML = _described("application/pdf"), _described("application/xml")

SameNumber = Annotated[str | None, Query(description="Whose number it is, where several sellers have it.")]

SHARED_MAX = 10
"""Documents of several sellers under one number that an answer names."""


def router(gate: Gate, opened: Opened) -> APIRouter:
    """The routes; `opened` opens the buyer's address, on paper alone."""
    routes = APIRouter(tags=["invoices"])

    @routes.get("/invoices")
    def list_invoices(
        asked: PageAsked,
        counting: CountAsked,
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
        return list_page(gate.reads, INVOICES, asked, conditions, counting)

    @routes.get("/invoices/{name}", openapi_extra=may_answer(ProblemKind.AMBIGUOUS))
    def show(name: str, seller: SameNumber = None) -> Any:
        """A document by its id or number: what it says, and what of it is open. What is personal in it stays sealed."""
        row = find(gate, name, seller)
        seen = gate.reads.stream(stream_of(INVOICE.kind, row["id"]))
        document = read_document(gate, row["id"])
        said = {} if document is None else {"document": document_view(document)}
        return seen_answer(seen, {**row, **said})

    def paper(name: str, seller: str | None) -> tuple[Paper, bytes]:
        row = find(gate, name, seller)
        document = read_document(gate, row["id"])
        if document is None:
            raise Problem(
                ProblemKind.NOT_READY,
                "It is not issued yet",
                f"The document is {row['state']}; GET /invoices/{row['id']} says what it waits for.",
            )
        try:
            paper = paper_of(document, opened)
        except PersonalDataUnreadable as error:
            raise Problem(ProblemKind.SEALED, "The address cannot be opened", f"{error}.") from error
        return paper, document_xml(paper)

    @routes.get("/invoices/{name}/xml", response_class=Response, responses=XML, openapi_extra=may_answer(*OF_PAPERS))
    def as_xml(name: str, seller: SameNumber = None) -> Response:
        """A document for programs: Factur-X in the profile EN 16931."""
        found, xml = paper(name, seller)
        return _written(xml, "application/xml", f"{found.document.number}.xml")

    @routes.get("/invoices/{name}/pdf", response_class=Response, responses=PDF, openapi_extra=may_answer(*OF_PAPERS))
    def as_pdf(name: str, seller: SameNumber = None) -> Response:
        """A document for people: A4, with its XML attached."""
        found, xml = paper(name, seller)
        return _written(document_pdf(found, xml), "application/pdf", f"{found.document.number}.pdf")

    @routes.get("/invoices/{name}/timeline", openapi_extra=may_answer(ProblemKind.AMBIGUOUS))
    def history(name: str, seller: SameNumber = None, after: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        """What happened to a document, in order."""
        row = find(gate, name, seller)
        return timeline(gate.reads.history(stream_of(INVOICE.kind, row["id"]), after))

    @routes.post("/invoices/{identifier}/retry", status_code=202)
    async def retry(identifier: str, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Have a document issued that waits, once what it waits for is there; or an invoice charged once more whose card was
        declined."""
        target = stream_of(INVOICE.kind, identifier)
        where = f"/invoices/{identifier}"
        return await submit(gate, caller, target, RetryInvoice(), where, refusals=(RetryRefused,))

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


def _written(content: bytes, media_type: str, name: str) -> Response:
    """It names a person: nothing between us and who asked is to keep it."""
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type=media_type, headers=headers)


def document_view(document: Document) -> dict[str, Any]:
    """What it says, but for what is sealed: that stands on the paper alone."""
    hidden: Any = {"buyer": True, "bill_to": {"personal": True}, "door_digest": True}
    return document.model_dump(mode="json", exclude_none=True, exclude=hidden)
