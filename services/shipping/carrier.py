"""A carrier: what it offers for packages, what it bills them by, how it numbers them, and what its words mean.

A port: own_fleet.py stands behind it, carriers.py is the table of all, and tests/conformance/test_carrier.py is what each
has to pass. Deciders and doors ask it, so an answer is a function of the question alone and nobody is called; a label
that has to be bought is an effect outside and will be an intent with a worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.address import Area
from contracts.shipping import ShipmentRefusal, TrackingStatus

__all__ = ["OUR_WORDS", "Carrier", "Declined", "Quote"]

OUR_WORDS: Mapping[str, TrackingStatus] = {status.value: status for status in TrackingStatus}
"""The words of a carrier that reports as we do."""


@dataclass(frozen=True, slots=True)
class Quote:
    """The service that will be used, and the carrier's zone that the ship-to lies in."""

    service: str
    zone: str


@dataclass(frozen=True, slots=True)
class Declined:
    """Why the carrier does not take the packages, by name and in words that say what to mend."""

    reason: ShipmentRefusal
    detail: str


class Carrier(Protocol):
    """What shipping asks of a carrier."""

    @property
    def name(self) -> str:
        """What orders, labels and tracking call it."""

    @property
    def services(self) -> Mapping[str, int]:
        """Its services, each with the heaviest package (grams) that it takes."""

    @property
    def statuses(self) -> Mapping[str, TrackingStatus]:
        """Its words for what becomes of a package, and what they mean."""

    def quote(
        self, service_level: str | None, origin: Area | None, ship_to: Area, weights_grams: Sequence[int]
    ) -> Quote | Declined:
        """What it offers for these packages (one weight each, at least one), or why it does not take them; without a
        wish it chooses the service."""

    def billed_grams(self, weight_grams: int) -> int:
        """The weight that a package is billed by."""

    def tracking_number(self, sscc: str) -> str:
        """What it calls the package with this SSCC; one that is given with a bought label comes with that."""
