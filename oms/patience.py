"""Asks the HTTP doors patiently, for what says many things to them: while nobody answers it is asked again."""

from __future__ import annotations

import time
from typing import Any

import httpx

__all__ = ["CALLS_AT_ONCE", "WAIT_SECONDS", "DoorsAway", "ask", "said"]

CALLS_AT_ONCE = 8
WAIT_SECONDS = 10
"""How long a door is asked to wait for what became of a message."""

PATIENCE_SECONDS = 60.0
"""How long the doors may be away before a command ends; what was said until then stays said."""

RETRY_SECONDS = 0.5
AWAY = frozenset({429, 502, 503, 504})


class DoorsAway(Exception):
    """No door answered in time; the text says what to do."""


def ask(client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
    """The answer of a door, whatever it is. Raises DoorsAway when none comes, or who asks may not come in."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            answer = client.request(method, path, **more)
            trouble = said(answer) if answer.status_code in AWAY else ""
        except httpx.TransportError as error:
            trouble = str(error) or type(error).__name__
        if not trouble:
            _require_entrance(answer)
            return answer
        if time.monotonic() > give_up:
            raise DoorsAway(
                f"no door answers at {client.base_url} ({trouble}); `oms status` shows what runs. Run the "
                "same command again: nothing is done twice"
            )
        time.sleep(RETRY_SECONDS)


def said(answer: httpx.Response) -> str:
    """What a door said that refused, in a sentence or two."""
    try:
        problem = answer.json()
        return f"{problem['title']}. {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"it answered {answer.status_code}"


def _require_entrance(answer: httpx.Response) -> None:
    """Who may not come in is told once, and not for each row."""
    if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise DoorsAway(f"the doors do not let this token in: {said(answer)}")
