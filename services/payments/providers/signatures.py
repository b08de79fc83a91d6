"""Signed notices: `t=<seconds>,v1=<HMAC-SHA256 over "<seconds>.<body>">` over the raw bytes, as several providers do.

Several secrets count at once, so that one can be changed while the other still signs. A signature that is older or
younger than the tolerance does not count: what was overheard cannot be sent again later.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from services.payments.provider import NoticeRefused

__all__ = ["TOLERANCE", "verify"]

TOLERANCE = timedelta(seconds=300)
SIGNATURES_MAX = 10
"""More in one header are not looked at: each costs a digest of the body."""


def verify(body: bytes, header: str | None, secrets: Sequence[str], now: datetime) -> None:
    """Return when one of the signatures is by one of the secrets; raises NoticeRefused."""
    if not header:
        raise NoticeRefused("it is not signed")
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    proofs = [value for name, _, value in parts if name == "v1"][:SIGNATURES_MAX]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or len(times[0]) > 12 or not proofs:
        raise NoticeRefused("its signature cannot be read")
    signed = f"{times[0]}.".encode() + body
    wanted = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode() for secret in secrets]
    if not any(hmac.compare_digest(proof.encode(), one) for proof in proofs for one in wanted):
        raise NoticeRefused("it is signed by none of our secrets")
    if abs(now.timestamp() - int(times[0])) > TOLERANCE.total_seconds():
        raise NoticeRefused("it was signed too long ago, or in the future")
