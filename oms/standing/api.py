"""What stands still over HTTP: listed. For admins alone, as what could not be taken is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from contracts.message import format_instant
from oms.standing.watch import Standing, row_of

__all__ = ["router"]


def router(standing: Standing) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["standing"])

    @routes.get("/standing")
    def list_standing() -> dict[str, Any]:
        """Processes that do not run or say that they wait, services and tables that are far behind or come no nearer; each
        since when, how far behind, and what waits with it. The longest first; all of them, as this door last looked. `looked_at`: when
        broker and database last said how far all of them are."""
        known = standing.looked_at()
        when = {} if known is None else {"looked_at": format_instant(known)}
        return {"standing": [row_of(each) for each in standing.now()], **when}

    return routes
