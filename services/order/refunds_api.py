"""Refunds over HTTP: grant, approve or decline, try again, withdraw; and all of them listed.

Who asks is whom the token stands for, and how much they may give follows from its roles.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, LiteralString, Self

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StringConstraints, model_validator

from chassis.description import shown
from chassis.listing import CountAsked, Listing, PageAsked, any_of, list_page, text_key
from chassis.tokens import Role
from chassis.web import NUMBER_MAX, Caller, Gate, Name, Positive, caller_of, submit
from contracts.channel import LINES_MAX
from contracts.message import Command, parse_instant
from contracts.money import Currency, Money
from contracts.order import (
    ApproveRefund,
    DeclineRefund,
    GrantRefund,
    IfShort,
    RefundApprover,
    RefundCause,
    RefundChangeRefused,
    RefundTo,
    RefundUnits,
    RetryRefund,
    WithdrawRefund,
)
from services.order.finding import NAMED, find_order, location_of
from services.order.refund_state import RefundStage
from services.order.refunds_projection import RefundsProjection
from services.order.seller_terms import SellerTerms

__all__ = ["REFUNDS", "approver_of", "router"]

REFUNDS = Listing(
    name="refunds",
    projection=RefundsProjection.name,
    table="refunds",
    columns={
        "order_id": "order_id",
        "order_number": "(select orders.number from orders where orders.id = refunds.order_id)",
        "refund": "refund",
        "number": "number",
        "cause": "cause",
        "amount": "amount",
        "currency": "currency",
        "reason": "reason",
        "by": "by",
        "stage": "stage",
        "owner": "owner",
        "why": "why",
        "detail": "detail",
        "decide_by": "decide_by",
        "proposed_at": "proposed_at",
        "changed_at": "changed_at",
    },
    key={"proposed_at": parse_instant, "refund": text_key},
    newest_first=True,
    moments=("proposed_at", "changed_at"),
)


Words = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Percent = Annotated[str, StringConstraints(pattern=r"^(100|[0-9]{1,2})(\.[0-9]{1,4})?$")]


class ClaimedLine(BaseModel):
    """Units of a line, by our line id; of a kit's line whole kits."""

    line: Name
    quantity: Positive


class NewRefund(BaseModel):
    """What a customer is to get back: for `lines` that came broken, wrong or not at all, or an `amount` in minor units or
    a `percent` off as an appeasement; `to` what was paid with, or to the customer's store credit, or lines as the goods
    again (`replacement`): then `if_short` says whether units that nobody has wait for supply or are paid back. No name
    of a person in `reason`."""

    model_config = shown({"cause": "damaged", "lines": [{"line": "1", "quantity": 1}], "reason": "it came broken"})

    cause: RefundCause
    lines: Annotated[tuple[ClaimedLine, ...], Field(max_length=LINES_MAX)] = ()
    amount: Annotated[int, Field(gt=0, le=NUMBER_MAX)] | None = None
    currency: Currency | None = None
    percent: Percent | None = None
    to: RefundTo = RefundTo.ORIGINAL
    if_short: IfShort | None = None
    reason: Words

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.amount is None) is not (self.currency is None):
            raise ValueError("an amount needs its currency")
        if sum(part is not None for part in (self.amount, self.percent, self.lines or None)) != 1:
            raise ValueError("say lines, an amount or a percentage, and one of them alone")
        again = self.to is RefundTo.REPLACEMENT
        if again and not self.lines:
            raise ValueError("goods are sent again for lines")
        if self.if_short is not None and not again:
            raise ValueError("if_short is of a replacement")
        return self


class Agreed(BaseModel):
    """What a second person says to a refund, or whoever has one tried again."""

    model_config = shown({"detail": "the photograph shows it"})

    detail: Words | None = None


class Withdrawal(BaseModel):
    """Why a refund that failed is owed no more."""

    model_config = shown({"detail": "the parcel was found"})

    detail: Words


def approver_of(caller: Caller) -> RefundApprover:
    """For whom a caller speaks who gives money back."""
    money = {Role.FINANCE, Role.ADMIN}
    return RefundApprover.FINANCE if caller.grant.roles & money else RefundApprover.CSR


def router(gate: Gate, sellers: SellerTerms) -> APIRouter:
    """The routes; `sellers` is what sellers say of who may give how much."""
    routes = APIRouter(tags=["refunds"])

    async def told(target: str, command: Command, caller: Caller) -> Any:
        return await submit(gate, caller, target, command, location_of(target), refusals=(RefundChangeRefused,))

    async def change(name: str, command: Command, caller: Caller) -> Any:
        return await told(await asyncio.to_thread(find_order, gate.reads, name), command, caller)

    @routes.post("/orders/{name}/refunds", status_code=202, openapi_extra=NAMED)
    async def grant(name: str, caller: Annotated[Caller, Depends(caller_of)], body: NewRefund) -> Any:
        """Give a customer money back for units that need not come back, or the goods again, or an appeasement. Above what your roles may
        give alone it is proposed to a second person."""
        target, approver = await asyncio.to_thread(find_order, gate.reads, name), approver_of(caller)
        command = GrantRefund(
            cause=body.cause,
            lines=tuple(RefundUnits(line=each.line, quantity=each.quantity) for each in body.lines),
            amount=Money(amount=body.amount, currency=body.currency) if body.amount and body.currency else None,
            percent=body.percent,
            to=body.to,
            if_short=body.if_short,
            reason=body.reason,
            approver=approver,
            limits=await asyncio.to_thread(sellers.of_refunds, gate.reads, target, approver),
        )
        return await told(target, command, caller)

    @routes.post("/orders/{name}/refunds/{refund}/approve", status_code=202, openapi_extra=NAMED)
    async def approve(
        name: str, refund: Name, caller: Annotated[Caller, Depends(caller_of)], body: Agreed | None = None
    ) -> Any:
        """Agree, as the second person, to a refund that was proposed, by its number or id."""
        target, approver = await asyncio.to_thread(find_order, gate.reads, name), approver_of(caller)
        limits = await asyncio.to_thread(sellers.of_refunds, gate.reads, target, approver)
        detail = body.detail if body else None
        command = ApproveRefund(refund=refund, detail=detail, approver=approver, limits=limits)
        return await told(target, command, caller)

    @routes.post("/orders/{name}/refunds/{refund}/decline", status_code=202, openapi_extra=NAMED)
    async def decline(
        name: str, refund: Name, caller: Annotated[Caller, Depends(caller_of)], body: Agreed | None = None
    ) -> Any:
        """Do not agree to a refund that was proposed."""
        return await change(name, DeclineRefund(refund=refund, detail=body.detail if body else None), caller)

    @routes.post("/orders/{name}/refunds/{refund}/retry", status_code=202, openapi_extra=NAMED)
    async def retry(
        name: str, refund: Name, caller: Annotated[Caller, Depends(caller_of)], body: Agreed | None = None
    ) -> Any:
        """Ask payments again for a refund that failed."""
        return await change(name, RetryRefund(refund=refund, detail=body.detail if body else None), caller)

    @routes.post("/orders/{name}/refunds/{refund}/withdraw", status_code=202, openapi_extra=NAMED)
    async def withdraw(name: str, refund: Name, caller: Annotated[Caller, Depends(caller_of)], body: Withdrawal) -> Any:
        """Take back the decision about a refund that failed: what was not paid is owed no more."""
        return await change(name, WithdrawRefund(refund=refund, detail=body.detail), caller)

    @routes.get("/refunds")
    def list_refunds(
        asked: PageAsked,
        counting: CountAsked,
        state: Annotated[list[RefundStage] | None, Query(description="Several may be asked for.")] = None,
        order: Name | None = None,
    ) -> dict[str, Any]:
        """Refunds, the last first. `state=failed`: those that somebody has to look after; `state=proposed`: those that
        wait for a second person; `order` is an order's id."""
        conditions: dict[LiteralString, Any] = {"stage = any(%s)": any_of(state), "order_id = %s": order}
        return list_page(gate.reads, REFUNDS, asked, conditions, counting)

    return routes
