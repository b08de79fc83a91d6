"""Customers over HTTP: forget one, and look whether one was forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from chassis.description import shown
from chassis.doors import Entry
from chassis.problems import Problem, ProblemKind
from chassis.reading import Reads
from chassis.vault import Forgotten
from chassis.web import Caller, Gate, caller_of, seen_answer, stream_of, submit
from contracts.finding import finding_subject
from contracts.ids import split_stream, stream
from contracts.message import format_instant
from contracts.order import (
    CUSTOMER,
    CustomerForgotten,
    ForgetCustomer,
    ForgetReason,
    HoldKind,
    PlaceHold,
)
from contracts.payments.gift_codes import codes_subject
from services.order.customer import CUSTOMERS, Customer
from services.order.projections import OrderStage

__all__ = ["NOBODY_TO_RECEIVE", "Forget", "router", "to_be_received"]

NOBODY_TO_RECEIVE = (
    "who was to receive it was forgotten: have it said where it goes (a change of the order), or cancel it"
)
"""What the order desk reads."""

ORDERS_READ_MAX = 100
"""Orders that are read at a time."""

Forget = Callable[[str], Forgotten | None]
"""Destroys the key of a subject; None where there never was one."""


class Forgetting(BaseModel):
    """Why somebody is to be forgotten. Words of yours would be kept for ever, so there are none."""

    model_config = shown({"reason": "asked"})

    reason: ForgetReason


def router(gate: Gate, forget: Forget) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/customers/{subject}", tags=["customers"])

    @routes.post("/forget", status_code=202)
    async def forget_customer(subject: str, body: Forgetting, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Destroy the key of a person's data, in all orders and for ever, and record it. Open orders that they were to
        receive or collect are held: somebody has to say where they go, or cancel them. Asked again after it was broken
        off, it is finished."""
        caller.without_condition("A person is forgotten whatever version was seen.")
        target = stream_of(CUSTOMER, subject)
        _, subject = split_stream(target)
        _refuse_nobody_s(gate, subject)
        until = await asyncio.to_thread(_forgotten_until, gate, caller, target, forget)
        orders = await asyncio.to_thread(to_be_received, gate.reads, subject)
        while orders:
            for order in orders:
                hold = PlaceHold(kind=HoldKind.MISSING_ADDRESS, detail=NOBODY_TO_RECEIVE)
                key = (order, subject, format_instant(until))
                await gate.door.send(Entry(gate.service.name, stream("order", order), hold, key, caller.actor))
            orders = await asyncio.to_thread(to_be_received, gate.reads, subject, orders[-1])
        command = ForgetCustomer(subject=subject, keys_until=until, reason=body.reason)
        return await submit(gate, caller, target, command, f"/customers/{subject}")

    @routes.get("")
    def show(subject: str) -> Any:
        """Whether a person was forgotten, and until when their keys are destroyed. Newer ones are theirs who came back."""
        seen = gate.reads.stream(stream_of(CUSTOMER, subject))
        state: Customer = seen.stream.view(CUSTOMERS)
        until = {} if state.keys_until is None else {"keys_until": format_instant(state.keys_until)}
        return seen_answer(seen, {"subject": subject, "forgotten": state.keys_until is not None, **until})

    return routes


def _forgotten_until(gate: Gate, caller: Caller, target: str, forget: Forget) -> datetime:
    """Until when the keys of somebody are destroyed, after destroying what there is. A request that was answered before
    destroys nothing again: they may have come back since."""
    known = gate.reads.known(gate.door.message_id((target, caller.key)))
    for event in known.events if known else ():
        if isinstance(event, CustomerForgotten):
            return event.keys_until
    _, subject = split_stream(target)
    forgotten = forget(subject)
    if forgotten is None:
        raise Problem(
            ProblemKind.NOT_FOUND,
            f"The vault has no key of {subject}, and never destroyed one",
            "`oms customer list ORDER` names the subjects of an order. If it says that the key is lost, put back the "
            "latest backup of the vault first, and then ask for this again: the backup would bring it back.",
        )
    return forgotten.keys_until


def to_be_received(reads: Reads, subject: str, after: str = "") -> list[str]:
    """Open orders that somebody was to receive or collect, in the order of their ids, ORDERS_READ_MAX of those `after`
    one: a recipient has a subject of their own in each order."""
    rows = reads.rows(
        "select id from orders join order_customers using (id) where subject = %s and receives and stage = any(%s)"
        " and id > %s order by id limit %s",
        [subject, [OrderStage.PLACED, OrderStage.CONFIRMED], after, ORDERS_READ_MAX],
    )
    return [order for (order,) in rows]


def _refuse_nobody_s(gate: Gate, subject: str) -> None:
    made = {
        codes_subject(
            gate.door.tenant
        ): "Ids of gift cards are made under it: without it no card is found by its code.",
        finding_subject(gate.door.tenant): "People are found by what is made under it: without it nobody is.",
    }
    if subject in made:
        raise Problem(ProblemKind.REFUSED, "This key is nobody's", f"{made[subject]} Nothing was destroyed.")
