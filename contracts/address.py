"""Where goods go: the clear part that sourcing and tax need, and the sealed part that only a label needs.

No message lives here and nothing that reads an address; sealing is the doors' business.
"""

from __future__ import annotations

from contracts.message import Value
from contracts.personal import Personal

__all__ = ["Area", "ShipTo"]


class Area(Value):
    """What may be read of an address: ISO 3166-1 country, region (ISO 3166-2 or as given), start of the postcode."""

    country: str
    region: str | None = None
    postcode_prefix: str | None = None


class ShipTo(Value):
    """A recipient: the area in the clear; name, address lines, phone and e-mail sealed under their own subject."""

    area: Area
    personal: Personal | None = None
