"""Ids and hashes of docs/wire.md, computed once more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha1, sha256
from uuid import NAMESPACE_DNS, uuid5

from oms.verify.records import Record

__all__ = ["GENESIS", "chained_hash", "derived_id", "emitted_index", "instant", "instant_of", "instant_of_ms"]

GENESIS = "0" * 64
"""Stands for the hash before the first event of a partition."""

_NAMESPACE = uuid5(NAMESPACE_DNS, "orderlog").bytes
_SEPARATOR = "\x1f"

EMITTED_MAX = 4_096
"""Events and messages of one handling that are looked for by their index."""

CONFLICTS_FROM, CONFLICTS_MAX = 1_000_000, 100
PARKED_AGAIN_FROM = 2_000_000
ROOM_FROM = 3_000_000

_DIGITS = str.maketrans("", "", "-:.TZ")


def derived_id(*parts: str) -> str:
    """The uuid5 of these parts in our namespace, as text."""
    # uuid.UUID objects take ten times as long, and there is one to make for every event.
    digest = bytearray(sha1(_NAMESPACE + _SEPARATOR.join(parts).encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def emitted_index(identifier: str, cause: str, stream: str, guess: int, version: int) -> int | None:
    """Which index makes this id of a cause and a stream: the guess first, then all that docs/wire.md knows."""
    for index in _indexes(guess, version):
        if derived_id(cause, stream, str(index)) == identifier:
            return index
    return None


def _indexes(guess: int, version: int) -> Iterator[int]:
    yield guess
    yield PARKED_AGAIN_FROM + version
    more: Iterable[range] = (
        range(EMITTED_MAX),
        range(CONFLICTS_FROM, CONFLICTS_FROM + CONFLICTS_MAX),
        range(ROOM_FROM, ROOM_FROM + EMITTED_MAX),
    )
    for indexes in more:
        yield from indexes


def chained_hash(record: Record) -> str:
    """What the next event of the partition holds in `ce_prev`."""
    parts = [len(record.key).to_bytes(4, "big"), record.key, len(record.value).to_bytes(4, "big"), record.value]
    for name, content in record.headers:
        encoded = name.encode()
        parts += (len(encoded).to_bytes(4, "big"), encoded, len(content).to_bytes(4, "big"), content)
    return sha256(b"".join(parts)).hexdigest()


def instant(text: str) -> int | None:
    """An instant as a number that sorts like it; None when it is not as docs/wire.md writes one."""
    if len(text) != 24 or text[-1] != "Z" or text[10] != "T":
        return None
    digits = text.translate(_DIGITS)
    return int(digits) if len(digits) == 17 and digits.isascii() and digits.isdigit() else None


def instant_of(moment: datetime) -> int:
    """A moment as such a number."""
    utc = moment.astimezone(UTC)
    return int(f"{utc:%Y%m%d%H%M%S}{utc.microsecond // 1000:03}")


def instant_of_ms(milliseconds: int) -> int:
    """A timestamp (milliseconds since 1970) as such a number."""
    return instant_of(datetime.fromtimestamp(milliseconds / 1000, UTC))
