"""The payments service over HTTP: how an order is paid."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from chassis.web import Gate, Problem, stream_of
from services.payments.payment import PAYMENT, Payment

__all__ = ["router"]


def router(gate: Gate) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/payments", tags=["payments"])

    @routes.get("/{order_id}")
    def show(order_id: str) -> dict[str, Any]:
        """What is authorised and captured for an order; amounts in minor units."""
        seen = gate.reads.stream(stream_of(PAYMENT.kind, order_id))
        if seen.stream.version == 0:
            raise Problem(404, f"No payment of the order {order_id} is known", "Ask by the order's id.")
        view = _view(seen.stream.view(PAYMENT))
        return {"order_id": order_id, "version": seen.stream.version, **view, "followed": seen.followed()}

    return routes


def _view(state: Payment) -> dict[str, Any]:
    amount = state.authorized.amount if state.authorized else None
    return {
        "authorized": amount.amount if amount else 0,
        "currency": amount.currency if amount else None,
        "captured": state.captured,
        "captures": dict(sorted(state.captures.items())),
        "remaining": dict(sorted(state.remaining.items())),
        "voided": state.voided,
    }
