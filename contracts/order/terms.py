"""What was agreed: who buys what from whom, in which lines, where it goes, and how it is paid.

The request to take an order and the event that it was taken carry these same values.
"""

from __future__ import annotations

from enum import StrEnum

from contracts.address import ShipTo
from contracts.message import Instant, Value
from contracts.money import Charge, Currency, DecimalText, Money, Quantity, TaxLine, Tender
from contracts.personal import Personal

__all__ = [
    "Customer",
    "OrderLine",
    "OrderTerms",
    "Reference",
    "RelatesTo",
    "RelationKind",
    "ShipGroup",
    "ShipMethod",
    "ShortagePolicy",
    "TimeWindow",
    "Totals",
]


class ShipMethod(StrEnum):
    """How the goods of a ship group reach the customer. `pickup`: collected at a location; `carry_out`: handed out at a
    till of a location, before the order was heard of."""

    SHIP = "ship"
    PICKUP = "pickup"
    SHIP_TO_STORE = "ship_to_store"
    CARRY_OUT = "carry_out"
    DROP_SHIP = "drop_ship"
    DIGITAL = "digital"
    SERVICE = "service"


class ShortagePolicy(StrEnum):
    """What to do with units that no location can provide: wait for supply, cancel them, or cancel the whole order."""

    BACKORDER = "backorder"
    CANCEL_LINE = "cancel_line"
    CANCEL_ORDER = "cancel_order"


class RelationKind(StrEnum):
    """What a line is to another line of the order; `more_of`: units that were added to it later."""

    COMPONENT_OF = "component_of"
    SUBSTITUTE_FOR = "substitute_for"
    EXCHANGE_OF = "exchange_of"
    REPLACEMENT_OF = "replacement_of"
    GIFT_WITH = "gift_with"
    MORE_OF = "more_of"


class RelatesTo(Value):
    """The line that a line belongs to, and how; `quantity_per` is a component's quantity in one kit."""

    kind: RelationKind
    line: str
    quantity_per: int | None = None


class Reference(Value):
    """An id that another system knows something by."""

    system: str
    type: str
    id: str


class Customer(Value):
    """Who buys: an id and who gave it. Never an e-mail address. Absent for a guest."""

    issuer: str
    id: str


class TimeWindow(Value):
    """Instants between which something is wanted; either end may be open."""

    earliest: Instant | None = None
    latest: Instant | None = None


class OrderLine(Value):
    """A line. `line` is our id, never reused; `channel_line` the channel's. What is sold for good (`final_sale`) comes back
    only if we are at fault; `return_policy` names the rules by which it may, where they are not the standard ones.

    `quantity` counts the base unit and is what was sent, even at or below zero (then a hold stands); `ordered` is the
    unit that the customer used (2 cases). `amount` is the extended amount (minor units) and the truth; `unit_price`
    with its `price_basis` (`1`, `100`, `kg`) only informs. Discounts and fees of the line are `charges`. `promised` is
    when the channel told the customer to expect it, `requested` when the customer wants it.

    A kit is followed by lines for its components: they have no `channel_line`, `relates_to` its line, and as `amount`
    a share of all that it costs. Goods leave by those, and by no line of a kit.

    `added_by` names what added a line to an order that was placed without it: it costs what it says itself, and has no
    share in charges of the order or its ship groups, so that those of the others stay as they were.
    """

    line: str
    channel_line: str | None = None
    sku: str
    description: str | None = None
    quantity: int
    unit: str
    ordered: Quantity | None = None
    unit_price: DecimalText | None = None
    price_basis: str | None = None
    amount: Money
    tax_included: bool = False
    taxes: tuple[TaxLine, ...] = ()
    charges: tuple[Charge, ...] = ()
    ship_group: str
    shortage: ShortagePolicy | None = None
    requested: TimeWindow | None = None
    promised: TimeWindow | None = None
    ship_not_before: Instant | None = None
    cancel_after: Instant | None = None
    relates_to: RelatesTo | None = None
    final_sale: bool | None = None
    return_policy: str | None = None
    references: tuple[Reference, ...] = ()
    added_by: str | None = None


class ShipGroup(Value):
    """Lines that go one way to one place. `complete`: nothing leaves before everything can. `address_missing` names
    what the address lacks, since its sealed part cannot be looked at. `location` is where goods are collected, or were
    handed out; `pickup_person` who may collect them, where it is not the buyer."""

    group: str
    method: ShipMethod
    location: str | None = None
    pickup_person: Personal | None = None
    ship_to: ShipTo | None = None
    address_missing: tuple[str, ...] = ()
    service_level: str | None = None
    requested: TimeWindow | None = None
    complete: bool = False
    charges: tuple[Charge, ...] = ()
    instructions: Personal | None = None
    gift_message: Personal | None = None
    references: tuple[Reference, ...] = ()


class OrderTerms(Value):
    """What was agreed: who buys what from whom, where it goes, and how it is paid. In the request and in the event.

    `stated_total` is the total that the channel named; `stated_currency` its currency as it wrote it, where that is no
    ISO 4217 code (`currency` is then XXX), with an `x` for each letter of a word that is none. `placed_at` is the
    channel's own time. `fingerprint` (SHA-256, hex) covers the commercial fields and tells two bodies of one order apart. `masked` names the fields of the channel's body in which
    a card number was masked before anything was stored (`notes`, `lines.0.references.1.id`).
    """

    seller: str
    brand: str | None = None
    channel: str
    channel_account: str
    external_id: str
    channel_number: str | None = None
    revision: int | None = None
    fingerprint: str
    customer: Customer | None = None
    buyer: Personal | None = None
    bill_to: ShipTo | None = None
    locale: str | None = None
    currency: Currency
    stated_currency: str | None = None
    stated_total: Money | None = None
    lines: tuple[OrderLine, ...]
    ship_groups: tuple[ShipGroup, ...]
    charges: tuple[Charge, ...] = ()
    tenders: tuple[Tender, ...] = ()
    shortage: ShortagePolicy = ShortagePolicy.BACKORDER
    priority: int = 0
    requested: TimeWindow | None = None
    promised: TimeWindow | None = None
    ship_not_before: Instant | None = None
    cancel_after: Instant | None = None
    placed_at: Instant
    notes: Personal | None = None
    references: tuple[Reference, ...] = ()
    masked: tuple[str, ...] = ()


class Totals(Value):
    """Sums over the whole order: extended amounts, charges and adjustments, taxes that come on top, and all of it."""

    goods: Money
    charges: Money
    taxes: Money
    total: Money
