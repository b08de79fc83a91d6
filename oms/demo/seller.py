"""Who sells: the made-up legal entity in whose name the demonstration's invoices are issued."""

from __future__ import annotations

from oms.demo.baskets import SELLER
from oms.demo.door import Door

__all__ = ["describe_seller"]

PARTICULARS = {
    "name": "Journey Grocers, Inc.",
    "address_lines": ["1 Sample Street"],
    "postcode": "43004",
    "city": "Mapletown",
    "country": "US",
    "tax_number": "00-0000000",
    "time_zone": "America/New_York",
    "payment_days": 14,
}


async def describe_seller(door: Door) -> None:
    """Say who the seller is, before the first of their documents is wanted."""
    await door.post("/sellers", {"seller": SELLER, "particulars": PARTICULARS}, f"describe-{SELLER}")
