"""What more than one client is set to, and how long each waits; settings of one role alone are with that role."""

from __future__ import annotations

from typing import Any

__all__ = ["CLOSE_TIMEOUT", "REQUEST_TIMEOUT", "committed_reading", "reaching"]

REQUEST_TIMEOUT = 10.0
"""Seconds to wait for the broker on anything but polling."""

CLOSE_TIMEOUT = 3.0
"""Seconds to wait until a client has let go of what it held."""

RECONNECT_WAIT_MAX_MS = 1_000
"""The longest pause between two tries to reach a broker that is away. The client's own is ten times as long, and it is waited
for after the broker came back."""

FETCH_QUEUE_RECORDS_MIN = 20_000
FETCH_QUEUE_KBYTES_MAX = 65_536
"""What a consumer may hold fetched but not handed out: bounds its memory."""


FETCH_WAIT_MS = 500
"""How long the broker may keep an answer back while there is nothing: what is written meanwhile is answered at once.

Each answer that says nothing costs both sides. But only such an answer tells that a partition's end was reached, where
the end of a transaction is the last that stands there, and who has to know that (a service that takes a partition over,
`oms status`) waits for it.
"""


def reaching(bootstrap: str) -> dict[str, Any]:
    """How a client finds its brokers."""
    return {"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": RECONNECT_WAIT_MAX_MS}


def committed_reading(bootstrap: str, group: str) -> dict[str, Any]:
    """How a client is set that hands out records: what was committed alone, from places that it is told and never guesses."""
    return {
        **reaching(bootstrap),
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "queued.min.messages": FETCH_QUEUE_RECORDS_MIN,
        "queued.max.messages.kbytes": FETCH_QUEUE_KBYTES_MAX,
        "fetch.wait.max.ms": FETCH_WAIT_MS,
    }
