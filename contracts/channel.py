"""The public door for channels: an order as a channel publishes it, and what it hears back.

A channel puts a `ChannelOrder` on `channel.orders` (key: its account and the external id) or sends it to
`POST /orders`, takes it back with a `ChannelCancel` on the same topic under the same key, and reads `ChannelUpdate`s from `channel.updates` and `ChannelAvailability` from
`channel.availability`. Personal data is plain here and is sealed by the door. Lenient on
purpose: whatever parses becomes an order, and what does not add up puts it on hold, so that nobody who paid is left
without one. Amounts are whole minor units of the order's `currency`; instants are RFC 3339 with a zone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.message import Event, Instant, Message, Value
from contracts.money import (
    CaptureTime,
    ChargeKind,
    DecimalText,
    ExternalState,
    Funder,
    Money,
    RefundExecutor,
    RefundRule,
    TaxRemitter,
    TenderMethod,
)
from contracts.order import (
    CancelReason,
    FulfilledKind,
    HoldKind,
    RelationKind,
    ShipMethod,
    ShortagePolicy,
    TimeWindow,
)

__all__ = [
    "CHARGES_MAX",
    "LINES_MAX",
    "SHIP_GROUPS_MAX",
    "ChannelAvailability",
    "ChannelCancel",
    "ChannelCancelLine",
    "ChannelCharge",
    "ChannelCustomer",
    "ChannelLine",
    "ChannelLineUpdate",
    "ChannelOrder",
    "ChannelPackage",
    "ChannelParty",
    "ChannelReference",
    "ChannelShipGroup",
    "ChannelTax",
    "ChannelTender",
    "ChannelUpdate",
    "OpenLine",
    "OpenOrder",
    "UpdateKind",
]

LINES_MAX = 5_000
SHIP_GROUPS_MAX = 100
CHARGES_MAX = 100
TAXES_MAX = 20
TENDERS_MAX = 20
REFERENCES_MAX = 20
ADDRESS_LINES_MAX = 6
NUMBER_MAX = 10**15
"""The largest amount (minor units) and quantity: what any reader's 64-bit whole number and JSON can hold."""

Key = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$")]
"""An id of somebody else's: no control character, so that natural keys can be joined."""
Name = Annotated[str, StringConstraints(max_length=256)]
Text = Annotated[str, StringConstraints(max_length=4_000)]
Whole = Annotated[int, Field(ge=-NUMBER_MAX, le=NUMBER_MAX)]


class ChannelReference(Value):
    """An id that another system knows the order or a line by."""

    system: Key
    type: Key
    id: Key


class ChannelCustomer(Value):
    """The customer's id and who gave it; leave it out for a guest."""

    issuer: Key
    id: Key


class ChannelParty(Value):
    """A person or company, and where they are. `country` is ISO 3166-1 alpha-2, `region` the second part of
    ISO 3166-2 or as people write it."""

    name: Name | None = None
    company: Name | None = None
    address_lines: Annotated[tuple[Name, ...], Field(max_length=ADDRESS_LINES_MAX)] = ()
    city: Name | None = None
    postcode: Annotated[str, StringConstraints(max_length=32)] | None = None
    region: Annotated[str, StringConstraints(max_length=64)] | None = None
    country: Annotated[str, StringConstraints(max_length=64)] | None = None
    email: Name | None = None
    phone: Annotated[str, StringConstraints(max_length=64)] | None = None


class ChannelTax(Value):
    """A tax as the channel computed it: `rate` as a fraction (`0.19`), `base` and `amount` in minor units."""

    jurisdiction: Key
    rate: DecimalText
    base: Whole
    amount: Whole
    computed_by: Key | None = None
    remitted_by: TaxRemitter = TaxRemitter.MERCHANT


class ChannelCharge(Value):
    """A discount (negative) or a charge, in minor units for all units together. `taxes` come on top of it unless
    `tax_included`."""

    kind: ChargeKind
    amount: Whole
    tax_included: bool = False
    taxes: Annotated[tuple[ChannelTax, ...], Field(max_length=TAXES_MAX)] = ()
    funded_by: Funder = Funder.MERCHANT
    refund_rule: RefundRule = RefundRule.BY_UNITS
    code: Key | None = None


class ChannelLine(Value):
    """A line. `quantity` counts the item's base unit; where the customer ordered another unit, `ordered_quantity` and
    `ordered_unit` say so. `amount` is the extended amount in minor units and the truth; `unit_price` only informs, for
    `price_basis` (`1`, `100`, `kg`). `requested` is when the customer wants it, `promised` when you told them to expect
    it. `parent` is the channel's id of the line that this one belongs to. What is sold for good is `final_sale`, and
    `return_policy` names the rules by which a line may come back, where they are not the standard ones."""

    line_id: Key
    sku: Annotated[str, StringConstraints(max_length=128, pattern=r"^[^\x00-\x1f]*$")]
    description: Name | None = None
    quantity: Whole
    unit: Key = "each"
    ordered_quantity: Whole | None = None
    ordered_unit: Key | None = None
    unit_price: DecimalText | None = None
    price_basis: Key | None = None
    amount: Whole
    tax_included: bool = False
    taxes: Annotated[tuple[ChannelTax, ...], Field(max_length=TAXES_MAX)] = ()
    charges: Annotated[tuple[ChannelCharge, ...], Field(max_length=CHARGES_MAX)] = ()
    ship_group: Key | None = None
    shortage_policy: ShortagePolicy | None = None
    requested: TimeWindow | None = None
    promised: TimeWindow | None = None
    ship_not_before: Instant | None = None
    cancel_after: Instant | None = None
    relation: RelationKind | None = None
    parent: Key | None = None
    quantity_per_parent: Whole | None = None
    final_sale: bool | None = None
    return_policy: Key | None = None
    references: Annotated[tuple[ChannelReference, ...], Field(max_length=REFERENCES_MAX)] = ()


class ChannelShipGroup(Value):
    """Lines that go one way to one place. Lines that name no group belong to the first. What is collected (`pickup`) or
    was handed out at a till (`carry_out`) names its `location`, by the name that stock has there, and needs no address;
    `pickup_person` is who may collect it, where it is not the buyer. `complete`: nothing of it leaves before everything
    can; otherwise what is there leaves, and the rest follows."""

    group: Key
    method: ShipMethod = ShipMethod.SHIP
    location: Key | None = None
    pickup_person: ChannelParty | None = None
    ship_to: ChannelParty | None = None
    service_level: Key | None = None
    requested: TimeWindow | None = None
    complete: bool = False
    charges: Annotated[tuple[ChannelCharge, ...], Field(max_length=CHARGES_MAX)] = ()
    instructions: Text | None = None
    gift_message: Text | None = None
    references: Annotated[tuple[ChannelReference, ...], Field(max_length=REFERENCES_MAX)] = ()


class ChannelTender(Value):
    """How a part is paid, in minor units; lower ranks are used first. `state` and `refunds_by` are for money that the
    channel takes (`external`), `expires_at` says when its authorisation lapses. `reference` is a token or number, never a card number;
    of a card it is the stored method, and `provider` who holds it (absent: the installation's own). `card_on_file` is, of
    an `invoice` tender, the stored method that is charged when its invoices are due."""

    method: TenderMethod
    amount: Whole
    rank: int = 0
    capture: CaptureTime = CaptureTime.AT_FULFILLMENT
    reference: Key | None = None
    state: ExternalState | None = None
    expires_at: Instant | None = None
    refunds_by: RefundExecutor = RefundExecutor.MERCHANT
    provider: Key | None = None
    card_on_file: Key | None = None


class ChannelOrder(Message):
    """An order. It is known by `channel_account` and `external_id`; send a higher `revision` when it changes.

    `total` is what the customer is to pay in all; when it differs from what we add up, the order is held.
    `number` is what the channel calls it towards people.
    """

    channel_account: Key
    external_id: Key
    channel: Key
    seller: Key
    brand: Key | None = None
    number: Key | None = None
    revision: Annotated[int, Field(ge=0, le=NUMBER_MAX)] | None = None
    placed_at: Instant
    currency: Annotated[str, StringConstraints(max_length=16)]
    customer: ChannelCustomer | None = None
    buyer: ChannelParty | None = None
    bill_to: ChannelParty | None = None
    locale: Key | None = None
    lines: Annotated[tuple[ChannelLine, ...], Field(max_length=LINES_MAX)]
    ship_groups: Annotated[tuple[ChannelShipGroup, ...], Field(max_length=SHIP_GROUPS_MAX)] = ()
    charges: Annotated[tuple[ChannelCharge, ...], Field(max_length=CHARGES_MAX)] = ()
    tenders: Annotated[tuple[ChannelTender, ...], Field(max_length=TENDERS_MAX)] = ()
    total: Whole | None = None
    shortage_policy: ShortagePolicy = ShortagePolicy.BACKORDER
    priority: Annotated[int, Field(ge=-1_000, le=1_000)] = 0
    requested: TimeWindow | None = None
    promised: TimeWindow | None = None
    ship_not_before: Instant | None = None
    cancel_after: Instant | None = None
    notes: Text | None = None
    references: Annotated[tuple[ChannelReference, ...], Field(max_length=REFERENCES_MAX)] = ()


class ChannelCancelLine(Value):
    """Units of a line by its `line_id`; without a `quantity` all that have not left."""

    line_id: Key
    quantity: Annotated[int, Field(gt=0, le=NUMBER_MAX)] | None = None


class ChannelCancel(Message):
    """A channel takes back an order that it sent, or units of some of its lines; without `lines` all that has not left.

    `cancel` is the channel's own name of this wish: sent again under it, it is the same wish. One that comes before its
    order counts when the order comes.
    """

    channel_account: Key
    external_id: Key
    cancel: Key
    cause: CancelReason = CancelReason.CUSTOMER
    lines: Annotated[tuple[ChannelCancelLine, ...], Field(max_length=LINES_MAX)] = ()


class OpenLine(Value):
    """How far a line of an open order had come in the system that it comes from: units that left from there, and units
    that were given up."""

    line_id: Key
    quantity: Whole
    fulfilled: Annotated[int, Field(ge=0)] = 0
    cancelled: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.fulfilled + self.cancelled > max(0, self.quantity):
            raise ValueError(
                f"{self.fulfilled} fulfilled and {self.cancelled} cancelled are more than the {self.quantity} ordered"
            )
        return self


class OpenOrder(Value):
    """What an order that comes from another `system` says beside the `ChannelOrder` that it is, in the same body. The
    `ChannelOrder` is the order as it was placed: all that was ordered, and tenders for all that was to be paid.

    `captured` was taken there (minor units) and stays taken; `authorized` is secured there and not taken yet.
    """

    system: Key
    lines: Annotated[tuple[OpenLine, ...], Field(max_length=LINES_MAX)]
    captured: Annotated[int, Field(ge=0, le=NUMBER_MAX)] = 0
    authorized: Annotated[int, Field(ge=0, le=NUMBER_MAX)] | None = None

    @model_validator(mode="after")
    def _open(self) -> Self:
        if all(line.fulfilled + line.cancelled == max(0, line.quantity) for line in self.lines):
            raise ValueError("nothing of the order is open: it stays where it is")
        return self


class UpdateKind(StrEnum):
    """What became of an order, as a channel needs to know it.

    `accepted`: we have it; `held`: it waits for somebody, and `hold` says why; `changed`: what is owed changed by
    `amount`; `conflicted`: it came again with another body and nothing says which is newer; `cancelled`: these units
    will not come; `cancel_refused`: they will come all the same; `ready_for_pickup`: they lie ready to be collected;
    `return_requested`: they may come back, or a person decides (`detail`: approved or asked); `return_received`: they
    are back; `return_ended`: they stay with the customer after all; `fulfilled`: they have left; `lost`: they left and do not arrive, unless they are found; `returned`: they left and
    come back to us; `refunded`: `amount` went back to the customer; `replaced`: these units
    are sent again (`detail` says why), also of an order that was complete.
    """

    ACCEPTED = "accepted"
    HELD = "held"
    HOLD_RELEASED = "hold_released"
    CHANGED = "changed"
    BACKORDERED = "backordered"
    CONFIRMED = "confirmed"
    CONFLICTED = "conflicted"
    CANCELLED = "cancelled"
    CANCEL_REFUSED = "cancel_refused"
    READY_FOR_PICKUP = "ready_for_pickup"
    FULFILLED = "fulfilled"
    DELIVERED = "delivered"
    LOST = "lost"
    RETURNED = "returned"
    RETURN_REQUESTED = "return_requested"
    RETURN_RECEIVED = "return_received"
    RETURN_ENDED = "return_ended"
    COMPLETED = "completed"
    REFUNDED = "refunded"
    REPLACED = "replaced"


class ChannelLineUpdate(Value):
    """Units of a line, by the channel's own line id."""

    line_id: str
    quantity: int
    unit: str


class ChannelPackage(Value):
    """A package that left, and what is in it by the channel's own line ids. `package` names it in later updates;
    `sscc` is its serial number of 18 digits, `tracking_number` the carrier's, `weight_grams` what it weighs."""

    package: str
    lines: tuple[ChannelLineUpdate, ...] = ()
    weight_grams: int | None = None
    sscc: str | None = None
    tracking_number: str | None = None


class ChannelUpdate(Event):
    """Something that happened to an order of a channel account. Its id follows from our event, so it may come twice
    and means one thing.

    `version` is the order's own count: of two updates of an order the higher is the later. `occurred_at` is when it
    happened, a delivery by the carrier's clock. `lines` are the units concerned. `number` is what people call the order.
    `closed`: nothing more of the order will be fulfilled or cancelled. `fulfilled_kind` is how units left, `location`
    where they did or lie ready; what nobody collected by `collect_by` is asked about. What waits
    for supply is `expected_at` then, where a supply is announced that it may have. `to_refund` is what of a refund the
    channel itself is to pay back, since it took the money. `cancel` is the channel's own cancel that is refused.
    """

    kind: UpdateKind
    channel_account: str
    external_id: str
    number: str
    version: int
    occurred_at: Instant
    closed: bool = False
    lines: tuple[ChannelLineUpdate, ...] = ()
    packages: tuple[ChannelPackage, ...] = ()
    fulfilled_kind: FulfilledKind | None = None
    location: str | None = None
    collect_by: Instant | None = None
    expected_at: Instant | None = None
    carrier: str | None = None
    service: str | None = None
    hold: HoldKind | None = None
    cancel_reason: CancelReason | None = None
    amount: Money | None = None
    to_refund: Money | None = None
    detail: str | None = None
    cancel: str | None = None


class ChannelAvailability(Event):
    """How many units of a SKU a channel account may sell: what is available at all locations together, never below
    zero. `version` is the stock item's own count: the highest is what holds now, those below it are history."""

    channel_account: str
    sku: str
    available: Annotated[int, Field(ge=0)]
    unit: str
    version: int
    occurred_at: Instant
