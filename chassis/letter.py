"""What a dead letter is: a record as it came, and beside it why and where. Whoever lets messages in writes them so.

The first header of a name counts: what came in may have headers called like ours, which stand behind them with a
prefix.
"""

from __future__ import annotations

from collections.abc import Iterable

from contracts.envelope import Headers

__all__ = ["HEADERS_KEPT_MAX", "ORIGINAL", "REASON_CHARS_MAX", "letter_headers"]

ORIGINAL = "original-"
"""Before the name of each header that came in."""

HEADERS_KEPT_MAX = 1_000
REASON_CHARS_MAX = 2_000
"""Headers that a dead letter keeps, and characters of its reason, which may quote what is as large as the record: so it
is never too large for its topic."""


def letter_headers(place: str, why: str, came: Iterable[tuple[str, bytes | None]]) -> Headers:
    """The headers of a dead letter that came in at `place`, `<topic>/<partition>/<offset>`."""
    kept = [(f"{ORIGINAL}{name}", content or b"") for name, content in list(came)[:HEADERS_KEPT_MAX]]
    reason = why[:REASON_CHARS_MAX].encode(errors="replace")
    return (("reason", reason), ("place", place.encode()), *kept)
