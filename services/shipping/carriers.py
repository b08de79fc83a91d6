"""The carriers that shipments go with, by name."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.shipping import TrackingStatus
from services.shipping.carrier import OUR_WORDS, Carrier
from services.shipping.own_fleet import OWN_FLEET

__all__ = ["CARRIERS", "words_of"]

_ALL: tuple[Carrier, ...] = (OWN_FLEET,)

CARRIERS: Mapping[str, Carrier] = {carrier.name: carrier for carrier in _ALL}
"""One that has shipments stays here: those that wait for their labels ask it still."""


def words_of(carrier: str) -> Mapping[str, TrackingStatus]:
    """A carrier's words for what becomes of a package; one that only brings it the last mile speaks ours."""
    known = CARRIERS.get(carrier)
    return OUR_WORDS if known is None else known.statuses
