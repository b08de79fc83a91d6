"""What happens beside orders and touches them: sellers and their documents, bank entries, carts, what locations are, and
the lists of what waits for a carrier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from contracts.ids import aggregate_id, stream
from contracts.inventory import (
    ClaimStock,
    Demand,
    DescribeLocation,
    HardenClaim,
    LocationKind,
    OnShortage,
    ReleaseClaim,
)
from contracts.message import Command
from contracts.money import Money
from contracts.payments.invoices import DescribeSeller, RetryInvoice
from contracts.payments.receivables import RecordBankEntry, SettleEntry, UnmatchedReason, WriteOffInvoice
from contracts.shipping import CloseManifest
from services.payments.bank_account import bank_stream
from services.payments.invoice_series import series_stream
from services.payments.tests.documents import SELLER
from services.shipping.manifest import manifest_stream
from tests.simulation.day import FINANCE, PLACES, SKUS, Day, Deed
from tests.simulation.schedule import Chance
from tests.simulation.world import TENANT, stock_stream

__all__ = ["OFFICE"]

ACCOUNT = "main"


def seller(day: Day, chance: Chance) -> None:
    """From now on documents have somebody who issues them; those that waited are tried again."""
    day.say("payments", series_stream(TENANT, "acme"), DescribeSeller(seller="acme", particulars=SELLER), FINANCE)
    day.world.run()
    for name, view in day.views("payments", "invoice"):
        if view.stage == "waiting":
            day.say("payments", name, RetryInvoice(), FINANCE)


def bank(day: Day, chance: Chance) -> None:
    """Money comes in that names an invoice or none, is told to be of one, or is given up."""
    invoices = [name for name, _ in day.views("payments", "invoice")]
    invoice = chance.choice(invoices).partition("/")[2] if invoices else None
    entry = f"b{chance.below(3)}"
    said: Command
    name = bank_stream(TENANT, ACCOUNT)
    what = chance.below(4)
    if what == 3 and invoice is not None:
        day.say("payments", stream("invoice", invoice), WriteOffInvoice(reason="too little to ask for"), FINANCE)
        return
    if what == 2:
        said = SettleEntry(entry=entry, invoice=invoice, detail="as the payer says")
    else:
        amount = Money(amount=chance.choice((1000, 250)), currency="EUR")
        named = invoice if what == 0 else None
        said = RecordBankEntry(
            account=ACCOUNT,
            entry=entry,
            amount=amount,
            booked_on=day.world.now.date(),
            invoice=named,
            unmatched=None if named else UnmatchedReason.NO_NUMBER,
        )
    day.say("payments", name, said, FINANCE)


def cart(day: Day, chance: Chance) -> None:
    """A customer's cart holds a unit for a while, is bought, or is left."""
    sku, demand = chance.choice(SKUS), Demand(kind="cart", id=f"cart-{chance.below(2)}", line="1")
    until = day.world.now + chance.choice((timedelta(minutes=20), timedelta(hours=2)))
    claim = ClaimStock(
        sku=sku,
        demand=demand,
        sequence=0,
        quantity=1,
        unit="each",
        location=chance.choice(PLACES),
        on_shortage=OnShortage.REJECT,
        soft_until=until,
    )
    said = chance.choice(
        (
            claim,
            claim,
            HardenClaim(sku=sku, demand=demand, sequence=0),
            ReleaseClaim(sku=sku, demand=demand, sequence=0),
        )
    )
    day.say("inventory", stock_stream(sku), said, door="http")


def location(day: Day, chance: Chance) -> None:
    """Somebody says what a location is."""
    place = chance.choice(PLACES)
    name = stream("location", aggregate_id(TENANT, "location", place))
    said = DescribeLocation(location=place, kind=LocationKind.OWN, priority=chance.below(3))
    day.say("inventory", name, said)


def manifest(day: Day, chance: Chance) -> None:
    """A carrier's list of what waits is closed."""
    place = chance.choice(PLACES)
    said = CloseManifest(carrier="own-fleet", location=place, day=day.world.now.date(), time_zone="UTC")
    day.say("shipping", manifest_stream(TENANT, "own-fleet", place), said)


OFFICE: Mapping[str, Deed] = {
    "seller": Deed(5, seller),
    "bank": Deed(5, bank),
    "cart": Deed(3, cart),
    "location": Deed(1, location),
    "manifest": Deed(1, manifest),
}
"""By name."""
