"""The payments service over HTTP: how an order is paid."""

from __future__ import annotations

from typing import Annotated, Any, LiteralString

from fastapi import APIRouter, Query

from chassis.listing import Listing, PageAsked, any_of, list_page, text_key
from chassis.problems import Problem, ProblemKind
from chassis.web import Gate, seen_answer, stream_of
from contracts.message import format_instant, parse_instant
from services.payments.payment import PAYMENT
from services.payments.payment_state import Payment, split_capture_key
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
        "asked_at": "asked_at",
        "changed_at": "changed_at",
    },
    key={"asked_at": parse_instant, "order_id": text_key},
    newest_first=True,
)


def router(gate: Gate) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/payments", tags=["payments"])

    @routes.get("")
    def list_payments(
        asked: PageAsked,
        stage: Annotated[list[PaymentStage] | None, Query(description="Several may be asked for.")] = None,
        currency: Annotated[str | None, Query(pattern=r"^[A-Z]{3}$")] = None,
    ) -> dict[str, Any]:
        """Payments of orders, the last asked for first; amounts in minor units."""
        conditions: dict[LiteralString, Any] = {
            "stage = any(%s)": any_of(stage),
            "currency = %s": currency,
        }
        return list_page(gate.reads, PAYMENTS, asked, conditions)

    @routes.get("/{order_id}")
    def show(order_id: str) -> Any:
        """What is authorised, captured and refunded for an order; amounts in minor units."""
        seen = gate.reads.stream(stream_of(PAYMENT.kind, order_id))
        if seen.stream.version == 0:
            raise Problem(
                ProblemKind.NOT_FOUND, f"No payment of the order {order_id} is known", "Ask by the order's id."
            )
        return seen_answer(seen, {"order_id": order_id, **_view(seen.stream.view(PAYMENT))})

    return routes


def _view(state: Payment) -> dict[str, Any]:
    authorized = state.authorized
    rows = () if authorized is None else authorized.authorizations
    return {
        "authorized": 0 if authorized is None else authorized.amount.amount,
        "currency": None if authorized is None else authorized.amount.currency,
        "captured": state.captured,
        "captures": [
            {"fulfillment": fulfillment, "sequence": sequence, "amount": amount}
            for (fulfillment, sequence), amount in sorted((split_capture_key(k), v) for k, v in state.captures.items())
        ],
        "refunded": state.refunded,
        "refunds": [{"refund": refund, "amount": amount} for refund, amount in sorted(state.refunds.items())],
        "tenders": [
            {
                "method": row.method,
                "authorized": row.amount.amount,
                "remaining": state.remaining.get(str(row.tender), 0),
                **({"expires_at": format_instant(row.expires_at)} if row.expires_at else {}),
            }
            for row in rows
        ],
        "voided": state.voided,
    }
