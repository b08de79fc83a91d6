"""Says a plan to the HTTP doors, each thing once however often it is begun again.

What is there already is asked first: a description that says the same is not said again, and a shelf that ever had
stock keeps it, whenever the plan is carried out. Between the question and the answer the Idempotency-Key sees to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from contracts.canonical import canonical_json
from oms.opening.plan import DOCUMENT, OpeningStock, Plan
from oms.patience import CALLS_AT_ONCE, WAIT_SECONDS, DoorsAway, ask, said

__all__ = ["Outcome", "Result", "carry_out"]

T = TypeVar("T")


class Outcome(StrEnum):
    """What became of a thing."""

    DONE = "done"
    THERE = "there"
    """It was so already, and was left as it is."""
    PENDING = "pending"
    """Taken, and not decided yet."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """A thing by its `kind` (location, item, stock) and name, what became of it, and why it was refused or left."""

    kind: str
    name: str
    outcome: Outcome
    detail: str = ""


def carry_out(plan: Plan, client: httpx.Client) -> list[Result]:
    """Say all of it: locations, then items, then stock. `client` speaks to the doors for somebody who may.

    Raises DoorsAway.
    """
    doors = _Doors(client)
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:

        def each(do: Callable[[T], Result], things: Iterable[T]) -> list[Result]:
            return list(pool.map(do, things))

        try:
            return [
                *each(lambda one: doors.describe("location", "/locations", one.location, one), plan.locations),
                *each(lambda one: doors.describe("item", "/items", one.sku, one), plan.items),
                *each(doors.receive, plan.stock),
            ]
        except DoorsAway:
            pool.shutdown(cancel_futures=True)
            raise


class _Doors:
    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def describe(self, kind: str, path: str, name: str, description: BaseModel) -> Result:
        body = description.model_dump(mode="json", exclude_none=True)
        known = self._get(f"{path}/{_part(name)}")
        if body.items() <= known.items() and known.keys() <= body.keys() | {"version", "followed"}:
            return Result(kind, name, Outcome.THERE)
        # The version is part of the key: what was said, changed and is said again is a new wish.
        digest = sha256(canonical_json(body)).hexdigest()
        return self._post(kind, name, path, body, f"init/{known.get('version', 0)}/{digest}")

    def receive(self, stock: OpeningStock) -> Result:
        location, name = stock.receipt.location, f"{stock.sku} at {stock.receipt.location}"
        path = f"/stock-items/{_part(stock.sku)}"
        levels = {level["location"]: level for level in self._get(path).get("levels", ())}
        if location in levels:
            detail = f"the book has {levels[location]['on_hand']} on hand there; correct it with a count"
            return Result("stock", name, Outcome.THERE, detail)
        body = stock.receipt.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        key = f"{DOCUMENT}/{sha256(location.encode()).hexdigest()}"
        return self._post("stock", name, f"{path}/receipts", body, key)

    def _get(self, path: str) -> dict[str, Any]:
        answer = ask(self._client, "GET", path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return {}
        document: dict[str, Any] = answer.raise_for_status().json()
        return document

    def _post(self, kind: str, name: str, path: str, body: Mapping[str, Any], key: str) -> Result:
        answer = ask(
            self._client, "POST", path, json=body, headers={"Idempotency-Key": key, "Prefer": f"wait={WAIT_SECONDS}"}
        )
        if answer.is_success:
            pending = answer.status_code == httpx.codes.ACCEPTED
            return Result(kind, name, Outcome.PENDING if pending else Outcome.DONE)
        return Result(kind, name, Outcome.REFUSED, said(answer))


def _part(name: str) -> str:
    return quote(name, safe="")
