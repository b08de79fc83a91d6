"""Manifests over HTTP: close one for a carrier's van at a location, and look at those that were closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from chassis.description import shown
from chassis.problems import Problem, ProblemKind
from chassis.web import Caller, Gate, Name, caller_of, stream_of, submit
from contracts.ids import split_stream
from contracts.shipping import CloseManifest, ManifestClosed, ManifestRefused
from services.shipping.manifest import MANIFEST, manifest_stream

__all__ = ["router"]


class Closing(BaseModel):
    """Which carrier takes what waits where, and on which day of that place, with its time zone (IANA)."""

    model_config = shown(
        {"carrier": "own-fleet", "location": "berlin", "day": "2026-01-31", "time_zone": "Europe/Berlin"}
    )

    carrier: Name
    location: Name
    day: date
    time_zone: Name


def router(gate: Gate) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/manifests", tags=["shipping"])

    @routes.post("", status_code=202)
    async def close(body: Closing, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """List what is labelled and waits for the carrier; what is labelled later is on the next manifest."""
        if body.time_zone not in available_timezones():
            raise Problem(
                ProblemKind.UNREADABLE,
                f"No time zone is called {body.time_zone}",
                "Send an IANA name, such as Europe/Berlin.",
            )
        target = manifest_stream(gate.door.tenant, body.carrier, body.location)
        location = f"/manifests/{split_stream(target)[1]}"
        return await submit(gate, caller, target, CloseManifest(**dict(body)), location, refusals=(ManifestRefused,))

    @routes.get("/{identifier}")
    def show_all(identifier: str) -> dict[str, Any]:
        """The manifests of a carrier at a location, the last first."""
        followed = _followed(gate, identifier)
        manifests = [_view(closed) for closed in _closed(gate, identifier)]
        if not manifests:
            raise _unknown(identifier)
        return {"manifests": manifests[::-1], "followed": followed}

    @routes.get("/{identifier}/{number}")
    def show(identifier: str, number: int) -> dict[str, Any]:
        """A manifest with its packages."""
        followed = _followed(gate, identifier)
        for closed in _closed(gate, identifier):
            if closed.number == number:
                packages = [package.model_dump(mode="json") for package in closed.packages]
                return {**_view(closed), "contents": packages, "followed": followed}
        raise _unknown(f"{identifier}/{number}")

    return routes


def _followed(gate: Gate, identifier: str) -> dict[str, Any]:
    return gate.reads.followed(stream_of(MANIFEST.kind, identifier)).document()


def _closed(gate: Gate, identifier: str) -> Iterator[ManifestClosed]:
    for event in gate.reads.events(stream_of(MANIFEST.kind, identifier)):
        if event.type == ManifestClosed.TYPE:
            yield ManifestClosed.decode(event.value)


def _view(closed: ManifestClosed) -> dict[str, Any]:
    """A manifest without its packages."""
    named = closed.model_dump(
        mode="json", include={"carrier", "location", "day", "time_zone", "number", "weight_grams"}
    )
    shipments = len({package.shipment for package in closed.packages})
    return {**named, "shipments": shipments, "packages": len(closed.packages), "waiting": closed.waiting}


def _unknown(name: str) -> Problem:
    return Problem(
        ProblemKind.NOT_FOUND, f"No manifest {name} is known", "POST /manifests closes one, and says where it is."
    )
