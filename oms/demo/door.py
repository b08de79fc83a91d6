"""A caller of the public HTTP doors that keeps its word: bounded, patient, and the same key for the same deed.

Here is how the outside speaks to Orderlog; what it says is `floor.py` and `play.py`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

__all__ = ["Door", "DoorRefused"]

CALLS_AT_ONCE = 24
CALL_SECONDS = 20.0
PATIENCE_SECONDS = 60.0
"""How long a door may be away (its process restarting) before the caller gives up."""
RETRY_SECONDS = 0.5
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that another try may change. The key makes a second try the same deed."""


class DoorRefused(RuntimeError):
    """A door refused a call with a `status`, or stayed away (None); the text says which call and what the door said."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Door:
    """An HTTP client of the doors at one address, for whom its token stands for. Used as an async context."""

    def __init__(self, address: str, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        limits = httpx.Limits(max_connections=CALLS_AT_ONCE, max_keepalive_connections=CALLS_AT_ONCE)
        self._client = httpx.AsyncClient(
            base_url=address,
            headers={"Authorization": f"Bearer {token}"},
            timeout=CALL_SECONDS,
            limits=limits,
            transport=transport,
            trust_env=False,
        )
        self._turn = asyncio.Semaphore(CALLS_AT_ONCE)
        self.calls = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def post(self, path: str, body: Mapping[str, Any], key: str) -> None:
        """Do the deed named `key` once, however often it has to be asked for; raises DoorRefused."""
        content = json.dumps(body).encode()
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        async with self._turn:
            await self._ask(path, content, headers)
        self.calls += 1

    async def wish(self, path: str, body: Mapping[str, Any], key: str) -> None:
        """The same of what may be too late: that the state does not allow it is an answer like another."""
        try:
            await self.post(path, body, key)
        except DoorRefused as refused:
            if refused.status != httpx.codes.CONFLICT:
                raise

    async def _ask(self, path: str, content: bytes, headers: Mapping[str, str]) -> None:
        give_up = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            trouble = await self._try(path, content, headers)
            if trouble is None:
                return
            if asyncio.get_running_loop().time() > give_up:
                raise DoorRefused(
                    f"POST {path} got no answer for {PATIENCE_SECONDS:.0f} s: {trouble}; see `oms status`"
                )
            await asyncio.sleep(RETRY_SECONDS)

    async def _try(self, path: str, content: bytes, headers: Mapping[str, str]) -> str | None:
        """None when done, else what passing trouble there was; raises DoorRefused for a refusal."""
        try:
            response = await self._client.post(path, content=content, headers=headers)
        except httpx.TransportError as error:
            return str(error) or type(error).__name__
        if response.is_success:
            return None
        if response.status_code in PASSING:
            return f"{response.status_code} {response.text[:200]}"
        text = f"POST {path} was refused with {response.status_code}: {response.text[:500]}"
        raise DoorRefused(text, response.status_code)
