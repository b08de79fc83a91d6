"""What a dead letter is: a record as it came, and beside it why and where; and how one is settled, by a record behind it.

Whoever lets messages in writes the one, whoever answers for an installation the other. The first header of a name
counts: what came in may have headers called like ours, which stand behind them with a prefix.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import ValidationError

from contracts.envelope import Actor, Headers
from contracts.message import format_instant, parse_instant

__all__ = [
    "HEADERS_KEPT_MAX",
    "MADE_OF",
    "ORIGINAL",
    "REASON_CHARS_MAX",
    "REDRIVEN_FROM",
    "Settled",
    "Settlement",
    "letter_headers",
    "settlement_of",
]

ORIGINAL = "original-"
"""Before the name of each header that came in."""

MADE_OF = "ce_madeof"
"""The header of a message that somebody made of a dead letter: the place where that came in."""

REDRIVEN_FROM = "ce_redrivenfrom"
"""The header of a message that was a dead letter of an inbox and is sent again as it came: the place where it came in. It
may be sent more than once, so its stream remembers it."""

HEADERS_KEPT_MAX = 1_000
REASON_CHARS_MAX = 2_000
"""Headers that a dead letter keeps, and characters of its reason, which may quote what is as large as the record: so it
is never too large for its topic."""


def letter_headers(place: str, why: str, came: Iterable[tuple[str, bytes | None]]) -> Headers:
    """The headers of a dead letter that came in at `place`, `<topic>/<partition>/<offset>`."""
    kept = [(f"{ORIGINAL}{name}", content or b"") for name, content in list(came)[:HEADERS_KEPT_MAX]]
    reason = why[:REASON_CHARS_MAX].encode(errors="replace")
    return (("reason", reason), ("place", place.encode()), *kept)


class Settled(StrEnum):
    """How a dead letter was settled: sent again as it came, sent again in other words, or given up."""

    REDRIVEN = "redriven"
    EDITED = "edited"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Settlement:
    """Says that the dead letter of a `place` waits no more. `id` is the request's own, `reason` why, where it was said."""

    place: str
    how: Settled
    id: str
    time: datetime
    actor: Actor
    reason: str | None = None

    def headers(self) -> Headers:
        """As it stands among the dead letters; its value is empty."""
        rows = [
            ("settles", self.place),
            ("how", self.how.value),
            ("ce_id", self.id),
            ("ce_time", format_instant(self.time)),
            ("ce_actor", self.actor.model_dump_json(exclude_none=True)),
            *([] if self.reason is None else [("ce_reason", self.reason)]),
        ]
        return tuple((name, text.encode()) for name, text in rows)


def settlement_of(headers: Headers) -> Settlement | None:
    """The settlement that a record among the dead letters is; None of a dead letter, and of what cannot be read."""
    if not headers or headers[0][0] != "settles":
        return None
    try:
        found = {name: value.decode() for name, value in headers}
        return Settlement(
            place=found["settles"],
            how=Settled(found["how"]),
            id=found["ce_id"],
            time=parse_instant(found["ce_time"]),
            actor=Actor.model_validate_json(found["ce_actor"]),
            reason=found.get("ce_reason"),
        )
    except (ValueError, KeyError, ValidationError):
        return None
