"""What more than one client is set to, and how long each waits; settings of one role alone are with that role."""

from __future__ import annotations

from typing import Any

__all__ = ["CLOSE_TIMEOUT", "REQUEST_TIMEOUT", "committed_reading"]

REQUEST_TIMEOUT = 10.0
"""Seconds to wait for the broker on anything but polling."""

CLOSE_TIMEOUT = 3.0
"""Seconds to wait until a client has let go of what it held."""

FETCH_QUEUE_RECORDS_MIN = 20_000
FETCH_QUEUE_KBYTES_MAX = 65_536
"""What a consumer may hold fetched but not handed out: bounds its memory."""


FETCH_WAIT_MS = 500
"""How long the broker may keep an answer back while there is nothing: what is written meanwhile is answered at once.

Each answer that says nothing costs both sides. But only such an answer tells that a partition's end was reached, where
the end of a transaction is the last that stands there, and who has to know that (a service that takes a partition over,
`oms status`) waits for it.
"""


def committed_reading(bootstrap: str, group: str) -> dict[str, Any]:
    """How a client is set that hands out records: what was committed alone, from places that it is told and never guesses."""
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "queued.min.messages": FETCH_QUEUE_RECORDS_MIN,
        "queued.max.messages.kbytes": FETCH_QUEUE_KBYTES_MAX,
        "fetch.wait.max.ms": FETCH_WAIT_MS,
    }
