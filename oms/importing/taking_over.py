"""Brings open orders of another system to the door that takes them over, some at once, each as it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from contracts.order import OrderImported
from oms.importing.running import OpenDocument, Taken
from oms.patience import CALLS_AT_ONCE, WAIT_SECONDS, DoorsAway, ask, said

__all__ = ["body_of", "take_over"]


def take_over(client: httpx.Client, orders: Sequence[OpenDocument]) -> Sequence[Taken]:
    """What became of each order. Raises DoorsAway: those that were taken over until then stay so."""
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        try:
            return list(pool.map(lambda order: _taken(client, order), orders))
        except DoorsAway:
            pool.shutdown(cancel_futures=True)
            raise


def _taken(client: httpx.Client, document: OpenDocument) -> Taken:
    headers = {"Idempotency-Key": document.order.external_id.encode().hex(), "Prefer": f"wait={WAIT_SECONDS}"}
    answer = ask(client, "POST", "/orders/import", json=body_of(document), headers=headers)
    if not answer.is_success:
        return Taken(refused=said(answer))
    events = answer.json().get("events")
    known = events is not None and all(event["type"] != OrderImported.__name__ for event in events)
    return Taken(there=known)


def body_of(document: OpenDocument) -> dict[str, Any]:
    """The one body that a channel's order and its state in another system are."""
    order, state = (part.model_dump(mode="json", exclude_none=True) for part in document)
    lines = [{**line, **progress} for line, progress in zip(order["lines"], state["lines"], strict=True)]
    return {**order, **state, "lines": lines}
