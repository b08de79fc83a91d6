"""Messages of the order service: the order as it was placed, its holds, its sourcing, and what became of each unit.

No event stores a status. Events move units of a line between buckets (`moves`), the buckets of a line always sum to the
quantity that was ordered, and every status is a function of them. Quantities are whole numbers of the item's base unit,
named beside them; money is in minor units of the order's one currency.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.address import ShipTo
from contracts.fulfillment import NodeKind, Package
from contracts.message import Command, Event, Instant, Intent, Value
from contracts.money import SHARES_VERSION, Charge, Currency, DecimalText, Money, Quantity, TaxLine, Tender
from contracts.payments import CaptureLine
from contracts.personal import Personal
from contracts.shipping import Label

__all__ = [
    "ALL_STEPS",
    "Allocation",
    "AuthorizationRecorded",
    "AuthorizationRequested",
    "Bucket",
    "CancelAfterPassed",
    "CancelOrder",
    "CancelReason",
    "CancelRefusal",
    "CancelRefused",
    "Candidate",
    "CaptureNotNeeded",
    "CaptureRecorded",
    "CaptureRequested",
    "ClaimRefused",
    "ConfirmationRequested",
    "ConfirmationSent",
    "ConfirmationSentAgain",
    "ConfirmedLine",
    "Customer",
    "DispatchRequested",
    "FulfillmentAcceptedByNode",
    "FulfillmentDeclined",
    "FulfillmentHandedOver",
    "FulfillmentListed",
    "FulfillmentWithdrawn",
    "HeldStep",
    "HoldChangeRefusal",
    "HoldChangeRefused",
    "HoldKind",
    "HoldPlaced",
    "HoldReleased",
    "IgnoreReason",
    "LineBackordered",
    "LineReserved",
    "LinesCancelled",
    "LinesDelivered",
    "LinesFulfilled",
    "LinesPacked",
    "LinesPicked",
    "LinesShort",
    "Move",
    "OrderAdjusted",
    "OrderCancelRequested",
    "OrderCancelled",
    "OrderChangeRequested",
    "OrderCompleted",
    "OrderConfirmed",
    "OrderConflicted",
    "OrderLine",
    "OrderPlaced",
    "OrderRevisionIgnored",
    "OrderTerms",
    "PlaceHold",
    "PlaceOrder",
    "QuantityMoved",
    "RecordConfirmationSent",
    "Reference",
    "RelatesTo",
    "RelationKind",
    "ReleaseHold",
    "ReleasedLine",
    "ReleasedToFulfillment",
    "ReservationLost",
    "SeenAvailability",
    "ShipGroup",
    "ShipMethod",
    "ShipmentLabelled",
    "ShipmentRequested",
    "ShortLine",
    "Shortage",
    "ShortagePolicy",
    "SourcingDecided",
    "StepAskedAgain",
    "StepUnanswered",
    "TimeWindow",
    "Totals",
]

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]


class Bucket(StrEnum):
    """Where units of a line stand. `ordered` are those that nothing has been decided about yet.

    `reserved`: stock is claimed; `backordered`: waits for supply; `released`: a node has the work.
    """

    ORDERED = "ordered"
    CANCELLED = "cancelled"
    RESERVED = "reserved"
    BACKORDERED = "backordered"
    RELEASED = "released"
    PICKED = "picked"
    PACKED = "packed"
    FULFILLED = "fulfilled"
    DELIVERED = "delivered"
    RETURN_REQUESTED = "return_requested"
    RETURNED = "returned"


class Move(Value):
    """`quantity` units of a line went from one bucket to another."""

    line: str
    quantity: Positive
    source: Bucket
    target: Bucket


class QuantityMoved(Value):
    """What every event has in common that moves units of lines between buckets."""

    moves: tuple[Move, ...] = ()


class ShipMethod(StrEnum):
    """How the goods of a ship group reach the customer."""

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
    """What a line is to another line of the order."""

    COMPONENT_OF = "component_of"
    SUBSTITUTE_FOR = "substitute_for"
    EXCHANGE_OF = "exchange_of"
    REPLACEMENT_OF = "replacement_of"
    GIFT_WITH = "gift_with"


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
    """A line. `line` is our id, never reused; `channel_line` the channel's.

    `quantity` counts the base unit and is what was sent, even at or below zero (then a hold stands); `ordered` is the
    unit that the customer used (2 cases). `amount` is the extended amount (minor units) and the truth; `unit_price`
    with its `price_basis` (`1`, `100`, `kg`) only informs. Discounts and fees of the line are `charges`.
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
    ship_not_before: Instant | None = None
    cancel_after: Instant | None = None
    relates_to: RelatesTo | None = None
    references: tuple[Reference, ...] = ()


class ShipGroup(Value):
    """Lines that go one way to one place. `complete`: nothing leaves before everything can. `address_missing` names
    what the address lacks, since its sealed part cannot be looked at."""

    group: str
    method: ShipMethod
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
    ISO 4217 code (`currency` is then XXX). `placed_at` is the channel's own time. `fingerprint` (SHA-256, hex) covers
    the commercial fields and tells two bodies of one order apart.
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
    ship_not_before: Instant | None = None
    cancel_after: Instant | None = None
    placed_at: Instant
    notes: Personal | None = None
    references: tuple[Reference, ...] = ()


class Totals(Value):
    """Sums over the whole order: extended amounts, charges and adjustments, taxes that come on top, and all of it."""

    goods: Money
    charges: Money
    taxes: Money
    total: Money


class HoldKind(StrEnum):
    """Why an order waits for somebody.

    Found when it was placed: `no_lines`, `not_positive` (a quantity at or below zero), `negative_amount`,
    `total_differs` (from what the channel stated), `tenders_differ` (from the total), `unknown_currency`,
    `missing_address`, `missing_sku`, `unsupported_method`, `unknown_ship_group`. Found later:
    `unknown_sku` (no location ever had it), `no_location` (every location is barred for a line), `claim_refused`,
    `payment_declined`, `authorization_expired`, `step_refused`, `no_answer`, `change_requested` (by a revision).
    `manual`: a person.
    """

    NO_LINES = "no_lines"
    NOT_POSITIVE = "not_positive"
    NEGATIVE_AMOUNT = "negative_amount"
    TOTAL_DIFFERS = "total_differs"
    TENDERS_DIFFER = "tenders_differ"
    UNKNOWN_CURRENCY = "unknown_currency"
    MISSING_ADDRESS = "missing_address"
    MISSING_SKU = "missing_sku"
    UNSUPPORTED_METHOD = "unsupported_method"
    UNKNOWN_SHIP_GROUP = "unknown_ship_group"
    UNKNOWN_SKU = "unknown_sku"
    NO_LOCATION = "no_location"
    CLAIM_REFUSED = "claim_refused"
    PAYMENT_DECLINED = "payment_declined"
    AUTHORIZATION_EXPIRED = "authorization_expired"
    STEP_REFUSED = "step_refused"
    NO_ANSWER = "no_answer"
    CHANGE_REQUESTED = "change_requested"
    MANUAL = "manual"


class HeldStep(StrEnum):
    """A step that a hold keeps from being taken."""

    SOURCING = "sourcing"
    AUTHORIZATION = "authorization"
    RELEASE = "release"


ALL_STEPS = (HeldStep.SOURCING, HeldStep.AUTHORIZATION, HeldStep.RELEASE)
"""What a hold blocks unless it says otherwise."""


# Sourcing


class SeenAvailability(Value):
    """What was available when it was decided, and the offset in inventory's events that this was read at."""

    sku: str
    location: str
    available: int
    offset: int


class Candidate(Value):
    """A location that was considered: `units` of the order it could provide; why it lost, or that it was chosen."""

    location: str
    rank: int
    units: int
    chosen: bool
    lost_because: str | None = None


class Allocation(Value):
    """A part of a line to be claimed: `sequence` names the claim, `location` where, and the other locations that may
    serve it when it has to wait (`queue`). `ship_by` is the planned day, where one is known."""

    line: str
    sequence: int
    sku: str
    quantity: Positive
    unit: str
    location: str
    queue: bool = False
    eligible_locations: tuple[str, ...] = ()
    ship_by: Instant | None = None


class Shortage(Value):
    """Units that no location has, and what the policy makes of them."""

    line: str
    quantity: Positive
    policy: ShortagePolicy


class ShortLine(Value):
    """Units of a line that the node did not find; its location is barred for this line from now on."""

    line: str
    sequence: int
    quantity: Positive
    reason: str | None = None


class ReleasedLine(Value):
    """Units of a line that a node gets, and the claim that holds their stock."""

    line: str
    sequence: int
    sku: str
    quantity: Positive
    unit: str


class ConfirmedLine(Value):
    """A line as the customer is told about it."""

    sku: str
    description: str | None = None
    quantity: int
    unit: str
    amount: Money


# Commands


class PlaceOrder(OrderTerms, Command):
    """Take an order. Its body is known again by its fingerprint, not by its bytes."""

    def digest(self) -> str:
        """The fingerprint of the commercial fields: a channel that repeats itself in other words means the same."""
        return self.fingerprint


class CancelReason(StrEnum):
    """Why units or an order were cancelled."""

    CUSTOMER = "customer"
    OUT_OF_STOCK = "out_of_stock"
    TOO_LATE = "too_late"
    PAYMENT = "payment"
    FRAUD = "fraud"
    NOTHING_TO_FULFILL = "nothing_to_fulfill"
    OTHER = "other"


class CancelOrder(Command):
    """Cancel what has not left. Before release at once; afterwards each node is asked and may refuse."""

    cause: CancelReason = CancelReason.CUSTOMER
    detail: str | None = None


class PlaceHold(Command):
    """A person or a system keeps the order from going on."""

    kind: HoldKind = HoldKind.MANUAL
    detail: str
    blocks: tuple[HeldStep, ...] = ALL_STEPS


class ReleaseHold(Command):
    """A person accepts what a hold shows (an accepted difference in money becomes an adjustment of the order)."""

    hold: str
    detail: str | None = None


class RecordConfirmationSent(Command):
    """The confirmation left: `confirmation` names the event that asked for it, `name` the message that was made."""

    confirmation: str
    name: str


# Events: taking the order


class OrderPlaced(OrderTerms, Event):
    """An order was taken. `number` is what people say; `totals` are ours, from the lines; `shares_version` is the
    allocation that every later share of an amount is taken by."""

    tenant: str
    order_id: str
    number: str
    totals: Totals
    shares_version: int = SHARES_VERSION


class IgnoreReason(StrEnum):
    """Why another body for a known order changed nothing."""

    SAME_FINGERPRINT = "same_fingerprint"
    LOWER_REVISION = "lower_revision"


class OrderRevisionIgnored(Event):
    """The channel sent the order again; nothing in it was new."""

    reason: IgnoreReason
    revision: int | None = None
    known_revision: int | None = None


class OrderConflicted(Event):
    """The order came again with another body and nothing says which is newer: `owner` has to look."""

    known_fingerprint: str
    fingerprint: str
    revision: int | None = None
    owner: str


class OrderChangeRequested(Event):
    """A higher revision with another body came: a wish to change the order, which a hold asks a person about."""

    known_fingerprint: str
    fingerprint: str
    revision: int


class HoldPlaced(Event):
    """The steps that it `blocks` wait until somebody releases `hold` or cancels the order; `owner` should act.

    `expected` and `found` show a difference in money; `lines` are those concerned (the first hundred); `step` and
    `key` name a step of a saga that is asked for again when the hold is released.
    """

    hold: str
    kind: HoldKind
    detail: str
    blocks: tuple[HeldStep, ...]
    lines: tuple[str, ...] = ()
    expected: Money | None = None
    found: Money | None = None
    step: str | None = None
    key: str | None = None
    owner: str


class HoldReleased(Event):
    """Somebody accepted what the hold showed, or the answer that it was placed for came; its steps may be taken."""

    hold: str
    kind: HoldKind
    detail: str | None = None
    step: str | None = None
    key: str | None = None


class HoldChangeRefusal(StrEnum):
    """Why a hold was not placed or released: no such order or hold; the order is closed; or what it shows cannot be
    accepted (an address or a currency is missing), so that the order can only be cancelled."""

    UNKNOWN_ORDER = "unknown_order"
    UNKNOWN_HOLD = "unknown_hold"
    CLOSED = "closed"
    CANNOT_BE_ACCEPTED = "cannot_be_accepted"


class HoldChangeRefused(Event):
    """A hold was not placed or released."""

    hold: str | None = None
    reason: HoldChangeRefusal


class OrderAdjusted(Event):
    """An adjustment of the whole order: what a person accepted as the difference to what is paid."""

    charge: Charge


# Events: reservation


class SourcingDecided(Event):
    """Where every open unit comes from, and what this was decided on. `decision` counts the order's decisions,
    `attempt` those since the last one that a refusal did not cause. Claims are answered by `answer_by`."""

    decision: int
    attempt: int
    rules_version: int
    allocations: tuple[Allocation, ...]
    shortages: tuple[Shortage, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    seen: tuple[SeenAvailability, ...] = ()
    answer_by: Instant | None = None


class LineReserved(QuantityMoved, Event):
    """Stock is held for `quantity` units of a line at a location, by the claim `sequence`."""

    line: str
    sequence: int
    location: str
    quantity: Positive


class LineBackordered(QuantityMoved, Event):
    """`quantity` units of a line wait for supply; `awaits` names it, where one is known."""

    line: str
    sequence: int
    quantity: Positive
    awaits: str | None = None
    expected_at: Instant | None = None


class ClaimRefused(Event):
    """Inventory refused a claim whole: these units are sourced again."""

    line: str
    sequence: int
    location: str
    quantity: Positive
    reason: str


class ReservationLost(QuantityMoved, Event):
    """Stock that was held is not any more: these units are sourced again."""

    line: str
    sequence: int
    location: str
    quantity: Positive
    reason: str


class CancelAfterPassed(Event):
    """The last moment of some lines (`due`) has passed: what is not reserved of them is cancelled, now and later."""

    due: Instant


class LinesCancelled(QuantityMoved, Event):
    """Units will not be fulfilled; `released_claims` are given back with what they hold."""

    reason: CancelReason
    released_claims: tuple[int, ...] = ()


class AuthorizationRequested(Event):
    """Payments is asked to secure `amount` (what is not cancelled) over the tenders, each up to its amount."""

    amount: Money
    tenders: tuple[Tender, ...]
    answer_by: Instant


class AuthorizationRecorded(Event):
    """The amount is secured."""

    amount: Money


class OrderConfirmed(Event):
    """Everything not cancelled is reserved and secured: the order will be fulfilled. `amount` is what is owed."""

    amount: Money


class ConfirmationRequested(Intent):
    """The customer is to be told that the order is confirmed."""

    order_id: str
    number: str
    channel_number: str | None = None
    brand: str | None = None
    seller: str
    locale: str | None = None
    buyer: Personal | None = None
    lines: tuple[ConfirmedLine, ...]
    total: Money


class ConfirmationSent(Event):
    """The confirmation left as the message `name`."""

    confirmation: str
    name: str


class ConfirmationSentAgain(Event):
    """It was reported again that the confirmation left; nothing changed."""

    confirmation: str


# Events: fulfillment


class ReleasedToFulfillment(QuantityMoved, Event):
    """A node gets the work: the fulfillment order (its id, and its `sequence` within the order) for one location and
    ship group. Its creation is answered by `answer_by`; it should have left the node by `work_by`."""

    fulfillment_order: str
    sequence: int
    location: str
    node_kind: NodeKind = NodeKind.OWN
    ship_group: str
    lines: tuple[ReleasedLine, ...]
    answer_by: Instant
    work_by: Instant


class FulfillmentListed(Event):
    """The node has the work on its list."""

    fulfillment_order: str


class FulfillmentAcceptedByNode(Event):
    """The node took the work."""

    fulfillment_order: str
    document: str


class FulfillmentDeclined(QuantityMoved, Event):
    """The node will not do it: its units are sourced again, at other locations; `claims` are given back."""

    fulfillment_order: str
    location: str
    lines: tuple[str, ...]
    claims: tuple[int, ...]
    reason: str | None = None


class LinesPicked(QuantityMoved, Event):
    """The node took the goods off the shelf."""

    fulfillment_order: str
    document: str


class LinesShort(QuantityMoved, Event):
    """The node did not find these units: they are sourced again, at other locations."""

    fulfillment_order: str
    location: str
    lines: tuple[ShortLine, ...]


class LinesPacked(QuantityMoved, Event):
    """The goods are in packages."""

    fulfillment_order: str
    packages: tuple[Package, ...]


class ShipmentRequested(Event):
    """A carrier is to take the packages of a fulfillment order."""

    shipment: str
    fulfillment_order: str
    carrier: str
    answer_by: Instant


class ShipmentLabelled(Event):
    """Every package has its label and tracking number."""

    shipment: str
    fulfillment_order: str
    carrier: str
    service: str
    labels: tuple[Label, ...]


class FulfillmentHandedOver(Event):
    """The packages left the node; `occurred_at` is its own time."""

    fulfillment_order: str
    document: str
    occurred_at: Instant | None = None


class DispatchRequested(Event):
    """Shipping is told that the labelled packages left."""

    shipment: str
    fulfillment_order: str
    document: str
    occurred_at: Instant | None = None
    answer_by: Instant


class LinesFulfilled(QuantityMoved, Event):
    """The packages are with the carrier. `ranges` are the units of each line, counted from the bottom, with their
    share of the line's amount; `other` the share of the charges of the order and its ship groups."""

    shipment: str
    fulfillment_order: str
    carrier: str
    service: str
    packages: tuple[Package, ...]
    ranges: tuple[CaptureLine, ...]
    other: Money
    amount: Money


class CaptureRequested(Event):
    """The value of what a shipment fulfilled is to be taken."""

    shipment: str
    fulfillment_order: str
    amount: Money
    answer_by: Instant


class CaptureNotNeeded(Event):
    """What a shipment fulfilled is worth nothing: there is nothing to take."""

    shipment: str
    amount: Money


class CaptureRecorded(Event):
    """The amount was taken; `captured` is the order's total so far."""

    shipment: str
    amount: Money
    captured: Money


class LinesDelivered(QuantityMoved, Event):
    """A package reached its ship-to."""

    shipment: str
    package: str
    occurred_at: Instant


class OrderCompleted(Event):
    """Every unit is fulfilled or cancelled, and what was fulfilled is captured."""

    captured: Money


# Events: cancelling, and steps that nobody answers


class OrderCancelRequested(Event):
    """Nodes have the work already: each is asked to let go of it."""

    cause: CancelReason
    detail: str | None = None
    fulfillment_orders: tuple[str, ...]
    answer_by: Instant


class FulfillmentWithdrawn(QuantityMoved, Event):
    """A node let go of its work; nothing of it leaves."""

    fulfillment_order: str


class OrderCancelled(QuantityMoved, Event):
    """Nothing of the order will be fulfilled: its claims are released and its payment is voided."""

    cause: CancelReason
    detail: str | None = None


class CancelRefusal(StrEnum):
    """Why a cancel was refused: no such order, it is cancelled or completed already, everything has left, a cancel is
    under way, or the node refused."""

    UNKNOWN_ORDER = "unknown_order"
    ALREADY_CANCELLED = "already_cancelled"
    COMPLETED = "completed"
    FULFILLED = "fulfilled"
    UNDER_WAY = "under_way"
    REFUSED_BY_NODE = "refused_by_node"


class CancelRefused(Event):
    """The order, or one fulfillment order of it, is not cancelled."""

    reason: CancelRefusal
    fulfillment_order: str | None = None
    detail: str | None = None


class StepAskedAgain(Event):
    """A step was not answered in time and is asked for again, for the `asks`-th time."""

    step: str
    key: str
    asks: int
    answer_by: Instant


class StepUnanswered(Event):
    """A step was not answered in time and will not be asked for again without a person."""

    step: str
    key: str
    asks: int
