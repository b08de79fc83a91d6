"""What more than one client is set to, and how long each waits; settings of one role alone are with that role."""

from __future__ import annotations

from typing import Any

from contracts.topics import DEAD_LETTER_BYTES_MAX

__all__ = ["CLOSE_TIMEOUT", "REQUEST_TIMEOUT", "committed_reading", "reaching"]

REQUEST_TIMEOUT = 10.0
"""Seconds to wait for the broker on anything but polling."""

CLOSE_TIMEOUT = 3.0
"""Seconds to wait until a client has let go of what it held."""

RECONNECT_WAIT_MAX_MS = 1_000
"""The longest pause between two tries to reach a broker that is away. The client's own is ten times as long, and it is waited
for after the broker came back."""

ANSWER_WAIT_MAX_MS = 10_000
"""How long the broker may take for one answer; for one that it may keep back, so much longer. The client's own is a minute:
a broker that is cut off without a word is asked nothing else before that, and nobody else in its place. No longer than a
transaction may take, which the client insists on."""

METADATA_REFRESH_MS = 5_000
"""Between two questions who leads. The client's own is five minutes: it asks at once when it loses a broker, and where
that is before another leads, not again."""

METADATA_AGE_MAX_MS = 900_000
"""How long the last answer to that holds, with brokers that are away: the client's own, which would follow the question."""

FETCH_QUEUE_RECORDS_MIN = 20_000
FETCH_QUEUE_KBYTES_MAX = 65_536
"""What a consumer may hold fetched but not handed out: bounds its memory."""

FETCH_BYTES_MAX = DEAD_LETTER_BYTES_MAX
"""What all partitions of one answer have together: as much as the largest record. The client's own 50 MB have to come within
ANSWER_WAIT_MAX_MS like anything else, and what did not is asked for from its beginning."""

FETCH_WAIT_MS = 500
"""How long the broker may keep an answer back while there is nothing: what is written meanwhile is answered at once.

Each answer that says nothing costs both sides. But only such an answer tells that a partition's end was reached, where
the end of a transaction is the last that stands there, and who has to know that (a service that takes a partition over,
`oms status`) waits for it.
"""


def reaching(bootstrap: str) -> dict[str, Any]:
    """How a client finds its brokers, and finds that one of them is away or leads no more."""
    return {
        "bootstrap.servers": bootstrap,
        "reconnect.backoff.max.ms": RECONNECT_WAIT_MAX_MS,
        "socket.timeout.ms": ANSWER_WAIT_MAX_MS,
        "topic.metadata.refresh.interval.ms": METADATA_REFRESH_MS,
        "metadata.max.age.ms": METADATA_AGE_MAX_MS,
    }


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
        "fetch.max.bytes": FETCH_BYTES_MAX,
    }
