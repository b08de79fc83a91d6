"""The HTTP doors as the console asks them: in the same process, with the token of whoever is signed in.

So every rule about who may do what, every check of a body and every recorded actor is that of the doors, and of nothing
else.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from starlette.types import ASGIApp

__all__ = ["Answer", "Inside"]

WAIT_SECONDS = 10
"""How long an action waits for what comes of it."""

TIMEOUT_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a door said: `said` is its JSON, or None of what is none."""

    status: int
    said: Any

    @property
    def fine(self) -> bool:
        """Whether it did what was asked."""
        return self.status < 400

    @property
    def trouble(self) -> str:
        """What was wrong, and what to do, in the door's own words."""
        said = self.said if isinstance(self.said, dict) else {}
        return " ".join(str(said[name]) for name in ("title", "detail") if said.get(name)) or f"Answer {self.status}."


class Inside:
    """A client of an application in this process."""

    def __init__(self, app: ASGIApp) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells each of these calls as if it went anywhere
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://doors", timeout=TIMEOUT_SECONDS
        )

    async def get(self, token: str, path: str, **parameters: Any) -> Answer:
        """Ask; parameters that are None are left out."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return _answer(await self._client.get(path, params=given, headers=_who(token)))

    async def post(self, token: str, path: str, body: Any, reason: str | None = None) -> Answer:
        """Have something done, and wait for what comes of it. Each call is a wish of its own."""
        said = {**_who(token), "Idempotency-Key": f"console-{uuid4()}", "Prefer": f"wait={WAIT_SECONDS}"}
        if reason:
            said["X-Reason"] = reason
        headers = {name.encode(): text.encode() for name, text in said.items()}
        return _answer(await self._client.post(path, json=body, headers=headers))

    async def close(self) -> None:
        """Let the client go."""
        await self._client.aclose()


def _who(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _answer(response: httpx.Response) -> Answer:
    try:
        return Answer(response.status_code, response.json())
    except ValueError:
        return Answer(response.status_code, None)
