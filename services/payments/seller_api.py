"""Sellers over HTTP: who the legal entities are that issue documents, and how far their numbers are."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from chassis.description import shown
from chassis.problems import Problem, ProblemKind
from chassis.web import Caller, Gate, Name, caller_of, seen_answer, submit
from contracts.payments.invoices import DescribeSeller, SellerParticulars
from services.payments.invoice_series import SERIES, Series, series_stream

__all__ = ["router"]


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
