"""The payments service over HTTP: how an order is paid."""

from __future__ import annotations

from operator import itemgetter
from typing import Annotated, Any, LiteralString

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, StringConstraints

from chassis.description import shown
from chassis.listing import CountAsked, Listing, PageAsked, any_of, list_page, text_key
from chassis.problems import Problem, ProblemKind
from chassis.recorded import At, seen_at
from chassis.web import Caller, Gate, Name, Positive, caller_of, seen_answer, stream_of, submit
from contracts.message import format_instant, parse_instant
from contracts.money import Money
from contracts.payments import (
    RecordTransferReceived,
    RecordTransferReturned,
    ResolutionRefused,
    ResolveProviderOutcome,
    TransferIgnored,
)
from services.payments.card_calls import CardCall
from services.payments.invoice_charges import InvoiceCharge
from services.payments.payment import PAYMENT
from services.payments.payment_state import Payment, authorization_status, charge_status, split_capture_key
from services.payments.prepaid import held
from services.payments.projections import PaymentsProjection, PaymentStage

__all__ = ["PAYMENTS", "router"]


PAYMENTS = Listing(
    name="payments",
    projection=PaymentsProjection.name,
    table="payments",
    columns={
        "order_id": "order_id",
        "currency": "currency",
        "authorized": "authorized",
        "captured": "captured",
        "remaining": "remaining",
        "refunded": "refunded",
        "stage": "stage",
        "owner": "owner",
        "asked_at": "asked_at",
        "changed_at": "changed_at",
    },
    key={"asked_at": parse_instant, "order_id": text_key},
    newest_first=True,
    moments=("asked_at", "changed_at"),
)


class Resolution(BaseModel):
    """What became of a call that the provider could not tell of, as found out there: `key` names the call (of
    `/payments/{order id}`), `reference` what the provider calls the authorisation, charge or refund."""

    model_config = shown({"key": "9dc2e61c-e5bd-500c-b216-154c1ae34111", "happened": True, "reference": "pi_3Nf"})

    key: Name
    happened: bool
    reference: Name | None = None


class Transfer(BaseModel):
    """Money that came in, or was sent back: `transfer` is the bank's own id of it; the amount in minor units."""

    model_config = shown({"transfer": "2026-01-07/00417", "amount": 2000, "currency": "EUR"})

    transfer: Name
    amount: Positive
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


def router(gate: Gate) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/payments", tags=["payments"])

    @routes.get("")
    def list_payments(
        asked: PageAsked,
        counting: CountAsked,
        stage: Annotated[list[PaymentStage] | None, Query(description="Several may be asked for.")] = None,
        currency: Annotated[str | None, Query(pattern=r"^[A-Z]{3}$")] = None,
    ) -> dict[str, Any]:
        """Payments of orders, the last asked for first; amounts in minor units."""
        conditions: dict[LiteralString, Any] = {
            "stage = any(%s)": any_of(stage),
            "currency = %s": currency,
        }
        return list_page(gate.reads, PAYMENTS, asked, conditions, counting)

    @routes.get("/{order_id}")
    def show(order_id: str, at: At = None) -> Any:
        """What is authorised, captured and refunded for an order; `prepaid` was taken at the order and nothing has left for it
        yet, or for an invoice that has not answered yet; `collections` are charges of invoices to a card on file. Amounts in minor units."""
        seen = seen_at(gate.reads, stream_of(PAYMENT.kind, order_id), at)
        if seen.stream.version == 0:
            raise Problem(
                ProblemKind.NOT_FOUND, f"No payment of the order {order_id} is known", "Ask by the order's id."
            )
        return seen_answer(seen, {"order_id": order_id, **_view(seen.stream.view(PAYMENT))})

    @routes.post("/{order_id}/outcomes", status_code=202)
    async def resolve(order_id: str, body: Resolution, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Say what became of a call to a provider whose outcome is not known. Say why in X-Reason."""
        command = ResolveProviderOutcome(order_id=order_id, **dict(body))
        target, location = stream_of(PAYMENT.kind, order_id), f"/payments/{order_id}"
        return await submit(gate, caller, target, command, location, refusals=(ResolutionRefused,))

    @routes.post("/{order_id}/transfers", status_code=202)
    async def received(order_id: str, body: Transfer, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Say that money came in by transfer for an order."""
        return await _transfer(RecordTransferReceived(**_sent(order_id, body)), caller)

    @routes.post("/{order_id}/transfers/returned", status_code=202)
    async def returned(order_id: str, body: Transfer, caller: Annotated[Caller, Depends(caller_of)]) -> Any:
        """Say that money that no order needs was sent back."""
        return await _transfer(RecordTransferReturned(**_sent(order_id, body)), caller)

    async def _transfer(command: RecordTransferReceived | RecordTransferReturned, caller: Caller) -> Any:
        target, location = stream_of(PAYMENT.kind, command.order_id), f"/payments/{command.order_id}"
        return await submit(gate, caller, target, command, location, refusals=(TransferIgnored,))

    return routes


def _sent(order_id: str, body: Transfer) -> dict[str, Any]:
    amount = Money(amount=body.amount, currency=body.currency)
    return {"order_id": order_id, "transfer": body.transfer, "amount": amount}


def _view(state: Payment) -> dict[str, Any]:
    authorized = state.authorized or state.started
    rows = () if state.authorized is None else state.authorized.authorizations
    return {
        "authorized": 0 if state.authorized is None else state.authorized.amount.amount,
        "currency": None if authorized is None else authorized.amount.currency,
        "captured": state.captured,
        "authorization": authorization_status(state),
        "charge": charge_status(state),
        "captures": [
            {"fulfillment": fulfillment, "sequence": sequence, "amount": amount}
            for (fulfillment, sequence), amount in sorted((split_capture_key(k), v) for k, v in state.captures.items())
        ],
        "prepaid": held(state.prepaid),
        "collections": [_collection(state, each) for _, each in sorted(state.invoice_charges.items())],
        "refunded": state.refunded,
        "refunds": [{"refund": refund, "amount": each.amount.amount} for refund, each in sorted(state.refunds.items())],
        "tenders": [
            {
                "method": row.method,
                "authorized": row.amount.amount,
                "remaining": state.remaining.get(str(row.tender), 0),
                **({"expires_at": format_instant(row.expires_at)} if row.expires_at else {}),
            }
            for row in rows
        ],
        "calls": [_call_view(each) for _, each in sorted(state.cards.calls.items()) if each.open or each.due],
        "disputes": [{"capture": capture, "stage": stage} for capture, stage in sorted(state.disputes.items())],
        "transfers": {
            "awaited": [
                {
                    "tender": int(key.partition("/")[0]),
                    "amount": state.transfers.wanted[key],
                    "until": format_instant(until),
                    "received": state.transfers.received[key],
                    **({"increase": key.partition("/")[2]} if "/" in key else {}),
                }
                for key, until in sorted(state.transfers.awaited.items())
            ],
            "unmatched": state.transfers.unmatched,
        },
        "increases": _increases(state),
        "voided": state.voided,
    }


def _collection(state: Payment, each: InvoiceCharge) -> dict[str, Any]:
    """What was to be charged of an invoice, and what became of that."""
    stage = "charged" if each.told else "under_way" if each.open else "declined"
    asked = each.asked
    return {"invoice": asked.invoice, "attempt": asked.attempt, "amount": asked.amount.amount, "stage": stage}


def _increases(state: Payment) -> list[dict[str, Any]]:
    """What more was asked for, and what became of it."""
    known = state.increases
    stages: list[tuple[str, Money, str]] = [(name, each.amount, "secured") for name, each in known.done.items()]
    stages += [(name, each.amount, "declined") for name, each in known.declined.items()]
    if known.under_way is not None:
        stages.append((known.under_way.asked.increase, known.under_way.asked.amount, "under_way"))
    return [
        {"increase": name, "amount": amount.amount, "stage": stage}
        for name, amount, stage in sorted(stages, key=itemgetter(0))
    ]


def _call_view(each: CardCall) -> dict[str, Any]:
    """A call that is not over: what is open, and when something is due about it."""
    view = {
        "key": each.call.key,
        "step": each.call.step,
        "stage": each.stage,
        "tender": each.call.tender,
        "amount": each.call.amount.amount,
        "due": None if each.due is None else format_instant(each.due),
        "reference": each.reference,
    }
    return {name: value for name, value in view.items() if value is not None}
