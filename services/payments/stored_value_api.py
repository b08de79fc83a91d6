"""Stored value over HTTP: issue gift cards and store credit, look at their ledgers, block and unblock them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, LiteralString

import orjson
from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, StringConstraints

from chassis.description import shown
from chassis.listing import Listing, PageAsked, any_of, list_page, text_key
from chassis.problems import Problem, ProblemKind
from chassis.web import Caller, Gate, Name, Positive, caller_of, seen_answer, stream_of, submit
from contracts.message import CATALOGUE, Instant, format_instant, parse_instant
from contracts.money import Currency, Money
from contracts.payments import (
    BlockValue,
    IssueCause,
    IssueValue,
    UnblockValue,
    ValueExpired,
    ValueHeld,
    ValueIssued,
    ValueKind,
    ValueRedeemed,
    ValueRefused,
    ValueReleased,
)
from contracts.payments.gift_codes import (
    CODE_CHARS_MAX,
    CODE_CHARS_MIN,
    STORED_VALUE,
    Seal,
    gift_card_id,
    new_gift_code,
    normal_code,
    store_credit_id,
)
from services.payments.stored_value import STORED_VALUES as KIND
from services.payments.stored_value import StoredValue
from services.payments.stored_value_projection import StoredValuesProjection, ValueStage

__all__ = ["STORED_VALUES", "router"]

ENDING = 4
"""Symbols of a code that people see again."""

MOVEMENTS = (ValueIssued, ValueHeld, ValueRedeemed, ValueReleased, ValueExpired)
"""What moves value in a ledger."""

_STAGE: LiteralString = (
    "case when blocked then 'blocked' when available = 0 and held = 0 then 'used_up' else 'open' end"
)

STORED_VALUES = Listing(
    name="stored_values",
    projection=StoredValuesProjection.name,
    table="stored_values",
    columns={
        "id": "id",
        "kind": "kind",
        "currency": "currency",
        "issuer": "issuer",
        "customer": "customer",
        "ending": "ending",
        "available": "available",
        "held": "held",
        "redeemed": "redeemed",
        "expired": "expired",
        "stage": _STAGE,
        "expires_at": "expires_at",
        "opened_at": "opened_at",
        "changed_at": "changed_at",
    },
    key={"opened_at": parse_instant, "id": text_key},
    newest_first=True,
)

Code = Annotated[str, StringConstraints(min_length=CODE_CHARS_MIN, max_length=CODE_CHARS_MAX)]


class NewGiftCard(BaseModel):
    """A gift card, in minor units. Without a `code` one is made and answered once; a `code` that is known already is
    loaded. `expires_at`: when what is left on it lapses."""

    model_config = shown({"amount": 5000, "currency": "EUR", "expires_at": "2029-12-31T22:59:59Z", "cause": "sold"})

    amount: Positive
    currency: Currency
    code: Code | None = None
    expires_at: Instant | None = None
    cause: IssueCause = IssueCause.SOLD


class NewStoreCredit(BaseModel):
    """Credit for a customer (the id and who gave it), in minor units."""

    model_config = shown(
        {"issuer": "webshop", "customer": "4711", "amount": 1500, "currency": "EUR", "cause": "goodwill"}
    )

    issuer: Name
    customer: Name
    amount: Positive
    currency: Currency
    expires_at: Instant | None = None
    cause: IssueCause = IssueCause.GOODWILL


class Blocking(BaseModel):
    """Why a ledger is blocked, or opened again. No name of a person."""

    model_config = shown({"detail": "the card was reported stolen"})

    detail: Annotated[str, StringConstraints(min_length=1, max_length=500)]


def router(gate: Gate, seal: Seal) -> APIRouter:
    """The routes; `seal` makes ids of codes."""
    routes = APIRouter(prefix="/stored-values", tags=["payments"])
    tenant = gate.door.tenant

    @routes.post("/gift-cards", status_code=202)
    async def issue_gift_card(body: NewGiftCard, caller: Annotated[Caller, Depends(caller_of)]) -> JSONResponse:
        """Issue a gift card, or load one whose `code` is known. The answer holds the code; nothing else ever does. The
        same Idempotency-Key of the same caller is answered with the same code."""
        code, identifier = await asyncio.to_thread(_card, tenant, seal, body.code, caller)
        command = IssueValue(
            kind=ValueKind.GIFT_CARD,
            entry=_entry(gate, identifier, caller),
            amount=Money(amount=body.amount, currency=body.currency),
            cause=body.cause,
            ending=normal_code(code)[-ENDING:],
            expires_at=body.expires_at,
        )
        answer = await _submit(gate, caller, identifier, command)
        return _with(answer, {"stored_value": identifier, "code": code})

    @routes.post("/store-credits", status_code=202)
    async def issue_store_credit(body: NewStoreCredit, caller: Annotated[Caller, Depends(caller_of)]) -> JSONResponse:
        """Give a customer credit, in a ledger of theirs for each currency."""
        identifier = store_credit_id(tenant, body.issuer, body.customer, body.currency)
        command = IssueValue(
            kind=ValueKind.STORE_CREDIT,
            entry=_entry(gate, identifier, caller),
            amount=Money(amount=body.amount, currency=body.currency),
            cause=body.cause,
            issuer=body.issuer,
            customer=body.customer,
            expires_at=body.expires_at,
        )
        return _with(await _submit(gate, caller, identifier, command), {"stored_value": identifier})

    @routes.post("/{identifier}/block", status_code=202)
    async def block(identifier: str, caller: Annotated[Caller, Depends(caller_of)], body: Blocking) -> JSONResponse:
        """Let nobody spend it any more; what is held for orders stays held."""
        return await _submit(gate, caller, identifier, BlockValue(detail=body.detail))

    @routes.post("/{identifier}/unblock", status_code=202)
    async def unblock(identifier: str, caller: Annotated[Caller, Depends(caller_of)], body: Blocking) -> JSONResponse:
        """Let it be spent again."""
        return await _submit(gate, caller, identifier, UnblockValue(detail=body.detail))

    _add_reads(routes, gate, seal)
    return routes


def _add_reads(routes: APIRouter, gate: Gate, seal: Seal) -> None:
    @routes.get("")
    def list_stored_values(
        asked: PageAsked,
        kind: ValueKind | None = None,
        stage: Annotated[list[ValueStage] | None, Query(description="Several may be asked for.")] = None,
        customer: Name | None = None,
    ) -> dict[str, Any]:
        """Gift cards and store credit, the last opened first; amounts in minor units."""
        conditions: dict[LiteralString, Any] = {
            "kind = %s": kind,
            f"{_STAGE} = any(%s)": any_of(stage),
            "customer = %s": customer,
        }
        return list_page(gate.reads, STORED_VALUES, asked, conditions)

    @routes.get("/by-code")
    def show_by_code(
        x_gift_code: Annotated[str, Header(description="The code of a gift card.", max_length=CODE_CHARS_MAX)],
    ) -> Any:
        """A gift card by its code, which stands in a header: addresses are written into logs."""
        return _shown(gate, gift_card_id(gate.door.tenant, seal, x_gift_code))

    @routes.get("/{identifier}")
    def show(identifier: str) -> Any:
        """What a ledger has available and held, and for which orders."""
        return _shown(gate, identifier)

    @routes.get("/{identifier}/movements")
    def movements(identifier: str, after: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        """What came into a ledger and went out of it, in order; `next` goes on with `after`."""
        name = stream_of(STORED_VALUE, identifier)
        followed = gate.reads.followed(name)
        found = gate.reads.history(name, after)
        if not found.events and not after:
            raise _unknown(identifier)
        moved = {kind.TYPE for kind in MOVEMENTS}
        rows = [
            {
                "version": event.version,
                "when": event.headers["ce_time"],
                "what": event.type.split(".")[2],
                **CATALOGUE[event.type]
                .decode(event.value)
                .model_dump(mode="json", exclude_none=True, exclude={"door_digest", "reply_to", "value"}),
            }
            for event in found.events
            if event.type in moved
        ]
        more = {"next": found.events[-1].version} if found.more else {}
        return {"movements": rows, **more, "followed": followed.document()}


def _card(tenant: str, seal: Seal, code: str | None, caller: Caller) -> tuple[str, str]:
    """The code of a card, and the id of its ledger. Raises Problem when too little of the code counts."""
    found = code or new_gift_code(tenant, seal, caller.grant.subject, caller.key)
    if len(normal_code(found)) < CODE_CHARS_MIN:
        raise Problem(
            ProblemKind.UNREADABLE,
            "This is no code of a gift card",
            f"A code has {CODE_CHARS_MIN} to {CODE_CHARS_MAX} letters and digits. Leave it out, and one is made.",
        )
    return found, gift_card_id(tenant, seal, found)


def _entry(gate: Gate, identifier: str, caller: Caller) -> str:
    """What is issued is known by its message; the key itself is not stored, as who repeats it is answered a code."""
    return gate.door.message_id((stream_of(STORED_VALUE, identifier), caller.key))


async def _submit(
    gate: Gate, caller: Caller, identifier: str, command: IssueValue | BlockValue | UnblockValue
) -> JSONResponse:
    target = stream_of(STORED_VALUE, identifier)
    return await submit(gate, caller, target, command, f"/stored-values/{identifier}", refusals=(ValueRefused,))


def _with(answer: JSONResponse, more: dict[str, Any]) -> JSONResponse:
    """The answer with what the caller alone may know."""
    headers = {"Location": answer.headers["Location"]}
    return JSONResponse({**orjson.loads(answer.body), **more}, answer.status_code, headers)


def _shown(gate: Gate, identifier: str) -> JSONResponse:
    seen = gate.reads.stream(stream_of(STORED_VALUE, identifier))
    state: StoredValue = seen.stream.view(KIND)
    if state.kind is None:
        raise _unknown(identifier)
    return seen_answer(seen, {"id": identifier, **_view(state)})


def _unknown(identifier: str) -> Problem:
    return Problem(
        ProblemKind.NOT_FOUND,
        f"No gift card or store credit {identifier} is known",
        "GET /stored-values lists those that there are.",
    )


def _view(state: StoredValue) -> dict[str, Any]:
    """A ledger; what it has no word for is left out."""
    whose = {name: getattr(state, name) for name in ("issuer", "customer", "ending")}
    return {
        "kind": state.kind,
        "currency": state.currency,
        **{name: value for name, value in whose.items() if value is not None},
        **_until(state.expires_at),
        "blocked": state.blocked,
        "issued": state.issued,
        "available": state.available,
        "held": state.held,
        "redeemed": state.redeemed,
        "expired": state.expired,
        "holds": [
            {"hold": name, "taken": held.taken, "left": held.left}
            for name, held in sorted(state.holds.items())
            if held.left
        ],
    }


def _until(moment: datetime | None) -> dict[str, Any]:
    return {} if moment is None else {"expires_at": format_instant(moment)}
