"""Printed papers over HTTP: the label of a package and its packing slip, drawn when they are asked for.

They name a person: they are not to be kept by anything between the printer and us, and are for those who pack. The label
of a return names a place of ours, and is for the customer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from chassis.description import may_answer
from chassis.problems import Problem, ProblemKind
from chassis.sealing import PersonalDataUnreadable
from chassis.web import Gate, Name, stream_of
from contracts.fulfillment import Package, Postage, ReturnMatched, ReturnOpened
from contracts.inventory import LocationDescribed
from contracts.order import OrderPlaced
from services.shipping.label_layout import layout, return_layout
from services.shipping.label_pdf import label_pdf
from services.shipping.label_zpl import label_zpl
from services.shipping.packing_slip_pdf import packing_slip_pdf
from services.shipping.papers import Opened, Parcel, packing_slip_of, parcel_of, return_parcel_of
from services.shipping.shipment import SHIPMENT, Shipment, Stage

__all__ = ["OrderRead", "PlaceRead", "ReturnRead", "return_router", "router"]

OrderRead = Callable[[str], OrderPlaced | None]
"""An order as it was placed, by its id; None where it is not known (yet)."""

ReturnRead = Callable[[str], ReturnOpened | ReturnMatched | None]
"""What was announced of a return that is still to come, by its id; None where it is of no order, over, or unknown."""

PlaceRead = Callable[[str], LocationDescribed | None]
"""What a location is, by its name; None where nobody said."""


class Format(StrEnum):
    """How a label is written."""

    PDF = "pdf"
    ZPL = "zpl"


MEDIA_TYPES = {Format.PDF: "application/pdf", Format.ZPL: "application/zpl"}
"""The first is what those get who do not mind."""

PAPER_PROBLEMS = (ProblemKind.GONE, ProblemKind.SEALED)

Accept = Annotated[str, Header(description="Which format, where `format` is not given.")]


def router(gate: Gate, order_read: OrderRead, opened: Opened) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/shipments/{identifier}/packages/{number}", tags=["shipping"])

    def seen(identifier: str, number: int) -> tuple[Parcel, Package, OrderPlaced]:
        shipment: Shipment = gate.reads.stream(stream_of(SHIPMENT.kind, identifier)).stream.view(SHIPMENT)
        package = _package(shipment, identifier, number)
        order = order_read(shipment.asked.order_id)
        if order is None:
            raise Problem(
                ProblemKind.NOT_NOW,
                "Not now",
                "The order of this shipment is not known here yet. Ask again in a moment.",
            )
        try:
            return parcel_of(package, shipment.asked, shipment.packages, order, opened), package, order
        except PersonalDataUnreadable as error:
            raise Problem(ProblemKind.SEALED, "The address cannot be opened", f"{error}.") from error

    @routes.get(
        "/label",
        response_class=Response,
        responses=_described(*MEDIA_TYPES.values()),
        openapi_extra=may_answer(*PAPER_PROBLEMS, ProblemKind.NOT_READY, ProblemKind.NOT_ACCEPTABLE),
    )
    def label(
        identifier: str,
        number: int,
        format: Annotated[Format | None, Query(description="Counts more than `Accept`.")] = None,
        accept: Accept = "*/*",
    ) -> Response:
        """The label of a package, by the node's number of it: 4 by 6 inch, with its SSCC as GS1-128."""
        wanted = format or _accepted(accept)
        parcel, _, _ = seen(identifier, number)
        if parcel.sscc is None:
            raise Problem(
                ProblemKind.NOT_READY,
                "There is no label yet",
                "The shipment waits for the numbers of its packages; ask again in a moment.",
            )
        marks = layout(parcel, parcel.sscc)
        drawn = label_pdf(marks, f"Label {parcel.sscc}") if wanted is Format.PDF else label_zpl(marks)
        return _paper(drawn, wanted, f"label-{parcel.sscc}")

    @routes.get(
        "/packing-slip",
        response_class=Response,
        responses=_described(MEDIA_TYPES[Format.PDF]),
        openapi_extra=may_answer(*PAPER_PROBLEMS),
    )
    def packing_slip(identifier: str, number: int) -> Response:
        """What is in a package, without prices, as PDF; also before it has a label."""
        parcel, package, order = seen(identifier, number)
        drawn = packing_slip_pdf(packing_slip_of(parcel, package, order))
        return _paper(drawn, Format.PDF, f"packing-slip-{package.package}")

    return routes


def return_router(return_read: ReturnRead, order_read: OrderRead, place_read: PlaceRead) -> APIRouter:
    """The route of the label of a return."""
    routes = APIRouter(tags=["returns"])

    @routes.get(
        "/returns/{identifier}/label",
        response_class=Response,
        responses=_described(*MEDIA_TYPES.values()),
        openapi_extra=may_answer(ProblemKind.NOT_READY, ProblemKind.NOT_ACCEPTABLE),
    )
    def label(
        identifier: str,
        location: Annotated[Name, Query(description="Where it is to be sent to: a location with an address.")],
        format: Annotated[Format | None, Query(description="Counts more than `Accept`.")] = None,
        accept: Accept = "*/*",
    ) -> Response:
        """The label that a customer sticks on what they send back, where we pay for the way, or take its price off. It
        names nobody but us, and has the return's id as a QR code for who opens the box."""
        wanted = format or _accepted(accept)
        back = _to_come(return_read(identifier), identifier)
        place, order = place_read(location), order_read(back.order_id or "")
        if place is None or place.address is None:
            detail = f"Say where {location} is (`POST /locations`), or name one that has an address."
            raise Problem(ProblemKind.NOT_READY, "The location has no address", detail)
        if order is None:
            raise Problem(ProblemKind.NOT_NOW, "Not now", "Its order is not known here yet. Ask again in a moment.")
        marks = return_layout(return_parcel_of(back, place, order, identifier))
        title = f"Return {order.number} {back.number}"
        drawn = label_pdf(marks, title) if wanted is Format.PDF else label_zpl(marks)
        return _paper(drawn, wanted, f"return-{identifier}")

    return routes


def _to_come(back: ReturnOpened | ReturnMatched | None, identifier: str) -> ReturnOpened | ReturnMatched:
    """A return that may go on our label; raises Problem where there is none."""
    if back is None or back.order_id is None:
        detail = "It is of no order, is over, or nobody knows it: look at GET /returns/{id}, and GET /orders/{id}."
        raise Problem(ProblemKind.NOT_FOUND, f"No return {identifier} is to come", detail)
    if back.postage is Postage.CUSTOMERS:
        detail = "The customer pays the postage of this return. Ask for one with `label`, where the price is taken off."
        raise Problem(ProblemKind.NOT_READY, "This return goes at the customer's own postage", detail)
    return back


def _package(shipment: Shipment, identifier: str, number: int) -> Package:
    """The package with this number of a shipment that stands; raises Problem where there is none."""
    if shipment.stage is Stage.CANCELLED:
        raise Problem(
            ProblemKind.GONE, "The shipment was cancelled", "Its labels are void, and nothing of it is to be printed."
        )
    if shipment.created is None:
        raise Problem(
            ProblemKind.NOT_FOUND, f"No shipment {identifier} is known", "The timeline of an order names its shipments."
        )
    for package in shipment.packages:
        if package.number == number:
            return package
    numbers = ", ".join(str(package.number) for package in shipment.packages)
    raise Problem(
        ProblemKind.NOT_FOUND, f"The shipment has no package {number}", f"Its packages have the numbers {numbers}."
    )


def _accepted(accept: str) -> Format:
    """The format that a caller likes best, of those that we have; raises Problem where there is none."""
    best = max(MEDIA_TYPES, key=lambda each: _quality(accept, MEDIA_TYPES[each]))
    if _quality(accept, MEDIA_TYPES[best]) <= 0:
        raise Problem(
            ProblemKind.NOT_ACCEPTABLE,
            "A label has no such format",
            f"Accept one of {', '.join(MEDIA_TYPES.values())}.",
        )
    return best


def _quality(accept: str, media_type: str) -> float:
    """How much a media type is liked, from 0 to 1: the range that names it most exactly counts (RFC 9110, 12.5.1)."""
    names = ("*/*", f"{media_type.partition('/')[0]}/*", media_type)
    liked: dict[str, float] = {}
    for item in accept.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        weights = [_weight(parameter[2:]) for parameter in parameters if parameter.startswith("q=")]
        liked[name] = weights[0] if weights else 1.0
    return next((liked[name] for name in reversed(names) if name in liked), 0.0)


def _weight(text: str) -> float:
    """A weight as RFC 9110 writes it; what is none likes nothing."""
    return min(float(text), 1.0) if re.fullmatch(r"[01](\.[0-9]{0,3})?", text) else 0.0


def _paper(drawn: bytes, written: Format, name: str) -> Response:
    headers = {
        "Content-Disposition": f'inline; filename="{name}.{written}"',
        "Cache-Control": "no-store",
        "Vary": "Accept",
    }
    return Response(drawn, media_type=MEDIA_TYPES[written], headers=headers)


def _described(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of a paper."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types}
    return {200: {"content": content, "description": "The paper."}}
