"""Says a plan to the HTTP doors, each thing once however often it is begun again.

What is there already is asked first: a description that says the same is not said again, and a shelf that ever had
stock keeps it, whenever the plan is carried out. Between the question and the answer the Idempotency-Key sees to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import rfc8785
from pydantic import BaseModel

from oms.opening.plan import DOCUMENT, OpeningStock, Plan

__all__ = ["CALLS_AT_ONCE", "DoorsAway", "Outcome", "Result", "carry_out"]

CALLS_AT_ONCE = 8
WAIT_SECONDS = 10
"""How long a door is asked to wait for what became of a message."""

PATIENCE_SECONDS = 60.0
"""How long the doors may be away before `oms init` ends; what was said until then stays said."""

RETRY_SECONDS = 0.5
AWAY = frozenset({429, 502, 503, 504})

T = TypeVar("T")


class DoorsAway(Exception):
    """No door answered in time; the text says what to do."""


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
        digest = sha256(rfc8785.dumps(body)).hexdigest()
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
        answer = self._ask("GET", path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return {}
        document: dict[str, Any] = answer.raise_for_status().json()
        return document

    def _post(self, kind: str, name: str, path: str, body: Mapping[str, Any], key: str) -> Result:
        answer = self._ask("POST", path, json=body, headers={"Idempotency-Key": key, "Prefer": f"wait={WAIT_SECONDS}"})
        if answer.is_success:
            pending = answer.status_code == httpx.codes.ACCEPTED
            return Result(kind, name, Outcome.PENDING if pending else Outcome.DONE)
        return Result(kind, name, Outcome.REFUSED, _said(answer))

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self._client.request(method, path, **more)
                trouble = _said(answer) if answer.status_code in AWAY else ""
            except httpx.TransportError as error:
                trouble = str(error) or type(error).__name__
            if not trouble:
                self._require_entrance(answer)
                return answer
            if time.monotonic() > give_up:
                raise DoorsAway(
                    f"no door answers at {self._client.base_url} ({trouble}); `oms status` shows what runs. Run the "
                    "same command again: nothing is done twice"
                )
            time.sleep(RETRY_SECONDS)

    def _require_entrance(self, answer: httpx.Response) -> None:
        """Who may not come in is told once, and not for each row."""
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise DoorsAway(f"the doors do not let this token in: {_said(answer)}")


def _part(name: str) -> str:
    return quote(name, safe="")


def _said(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['title']}. {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"it answered {answer.status_code}"
