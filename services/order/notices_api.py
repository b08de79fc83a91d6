"""Notices to the customer over HTTP: have one sent again."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, StringConstraints

from chassis.description import shown
from chassis.web import Caller, Gate, caller_of, submit
from contracts.order import NoticeAgainRefused, SendNoticeAgain
from services.order.finding import NAMED, find_order, location_of

__all__ = ["NoticeAgain", "router"]

DETAIL_CHARS_MAX = 500


class NoticeAgain(BaseModel):
    """Why a person has the customer told again. It is kept for ever: no name of a person."""

    model_config = shown({"detail": "the customer asked for it: it went to the wrong folder"})

    detail: Annotated[str, StringConstraints(min_length=1, max_length=DETAIL_CHARS_MAX, strip_whitespace=True)]


def router(gate: Gate) -> APIRouter:
    """The route below an order."""
    routes = APIRouter(tags=["orders"])

    @routes.post("/orders/{name}/notices/{notice}/again", status_code=202, openapi_extra=NAMED)
    async def send_again(
        name: str, notice: str, caller: Annotated[Caller, Depends(caller_of)], body: NoticeAgain
    ) -> Any:
        """Tell the customer again what a notice was about, as the order stands now, to the same address."""
        target = await asyncio.to_thread(find_order, gate.reads, name)
        command = SendNoticeAgain(notice=notice, detail=body.detail)
        return await submit(gate, caller, target, command, location_of(target), refusals=(NoticeAgainRefused,))

    return routes
