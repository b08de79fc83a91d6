"""Messages of the inventory service: stock of one SKU over all locations, claims on it, and demand that waits.

Every quantity is a whole number of the item's base unit, named beside it in `unit` (`each`, `g`, `ml`, `mm`).
Book-keeping is double entry: each event that changes stock lists `movements`, each from one bucket to another at one
location, so that at every prefix, per location: received + found + restocked = on hand + picked + gone. `levels` are
the resulting numbers of every location touched, so that availability needs no fold.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.message import Command, Event, Instant, Value

__all__ = [
    "AdjustStock",
    "AdjustmentReason",
    "BreakReason",
    "Bucket",
    "ClaimExpired",
    "ClaimHardened",
    "ClaimReduced",
    "ClaimReleased",
    "ClaimRepeated",
    "ClaimStock",
    "CountRequested",
    "CountStock",
    "Demand",
    "DemandQueued",
    "DescribeItem",
    "DescribeLocation",
    "Disposition",
    "ExpectSupply",
    "HardenClaim",
    "HardeningRefused",
    "ItemChangeRefused",
    "ItemDescribed",
    "KitComponent",
    "KitRefusal",
    "KitRefused",
    "Level",
    "LocationAddress",
    "LocationDescribed",
    "LocationKind",
    "Movement",
    "OnShortage",
    "ReceiveStock",
    "RecordGone",
    "RecordHandedOut",
    "RecordPicked",
    "RecordPutBack",
    "RecordReturned",
    "RejectReason",
    "ReleaseClaim",
    "ReservationBroken",
    "StockAdjusted",
    "StockChangeRefused",
    "StockCounted",
    "StockFulfilled",
    "StockHandedOut",
    "StockPicked",
    "StockPutBack",
    "StockReceived",
    "StockRejected",
    "StockReserved",
    "StockReturned",
    "StockStatus",
    "SupplyExpected",
    "TracedQuantity",
]

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]


class StockStatus(StrEnum):
    """What may be done with goods on hand: only sellable ones can be claimed."""

    SELLABLE = "sellable"
    SUSPECT = "suspect"
    DAMAGED = "damaged"
    ON_HOLD = "on_hold"


class Bucket(StrEnum):
    """Where a movement takes goods from or to.

    Sources: `received`, `found`, `restocked`. On hand: `sellable`, `suspect`, `damaged`, `on_hold`. Then `picked`.
    Gone: `fulfilled`, `scrapped`, `lost`.
    """

    RECEIVED = "received"
    FOUND = "found"
    RESTOCKED = "restocked"
    SELLABLE = "sellable"
    SUSPECT = "suspect"
    DAMAGED = "damaged"
    ON_HOLD = "on_hold"
    PICKED = "picked"
    FULFILLED = "fulfilled"
    SCRAPPED = "scrapped"
    LOST = "lost"


class TracedQuantity(Value):
    """A part of a quantity whose lot, expiry, serial numbers or owner is known; `expires_on` a local date."""

    quantity: Positive
    lot: str | None = None
    expires_on: date | None = None
    serials: tuple[str, ...] = ()
    owner: str | None = None


class Movement(Value):
    """`quantity` goods at `location` went from one bucket to another."""

    location: str
    source: Bucket
    target: Bucket
    quantity: Positive


class Level(Value):
    """The stock of one location after an event.

    on_hand = sellable + suspect + damaged + on_hold; `reserved` are hard claims, `soft` expiring ones;
    available = sellable - reserved - soft. `picked` has left the shelf and not yet the building.
    """

    location: str
    on_hand: int
    sellable: int
    suspect: int
    damaged: int
    on_hold: int
    picked: int
    reserved: int
    soft: int
    available: int


class Demand(Value):
    """What a claim is for: `kind` is `order`, `transfer` or `work_order`, and for soft claims `cart` or `quote`; `id` is
    the aggregate's (of a cart or quote by channel account and the channel's own id), `line` its line's."""

    kind: str
    id: str
    line: str


class OnShortage(StrEnum):
    """What a claim wants when stock is short: wait for supply, or be refused whole."""

    QUEUE = "queue"
    REJECT = "reject"


class RejectReason(StrEnum):
    """Why a claim was refused: too little is available, it was released before it came, its unit is not the item's,
    its demand and sequence name another claim (other quantity or location), or it is soft and was to end before it
    came."""

    SHORT = "short"
    RELEASED = "released"
    WRONG_UNIT = "wrong_unit"
    CONFLICT = "conflict"
    EXPIRED = "expired"


class BreakReason(StrEnum):
    """Why a reservation was broken: the shelf was empty, or a physical fact took the goods."""

    SHORT_PICK = "short_pick"
    COUNT = "count"
    ADJUSTMENT = "adjustment"
    PICKED_BY_ANOTHER = "picked_by_another"
    HANDED_OUT = "handed_out"
    RETURN_CHANGED = "return_changed"


class Disposition(StrEnum):
    """What becomes of a unit that came back: sellable again (`restock`); to be made good first (`refurbish`), looked at
    again (`quarantine`) or sent on (`return_to_vendor`), all of which are on hold until then; gone to the vendor
    (`returned_to_vendor`), thrown away (`scrap`), or sent back to whom it came from (`sent_back`), whose it stays; or
    `missing`, since the box held less than it seemed to."""

    RESTOCK = "restock"
    REFURBISH = "refurbish"
    QUARANTINE = "quarantine"
    RETURN_TO_VENDOR = "return_to_vendor"
    RETURNED_TO_VENDOR = "returned_to_vendor"
    SCRAP = "scrap"
    SENT_BACK = "sent_back"
    MISSING = "missing"


class AdjustmentReason(StrEnum):
    """Why the book changes. Each reason moves goods between two buckets; `status` is the side that is on hand.

    found: found -> status; restocked: restocked -> status; cleared: status -> sellable; damaged: status -> damaged;
    quarantined: status -> on_hold; suspected: status -> suspect; lost, stolen: status -> lost; scrapped, expired,
    sample: status -> scrapped; sold_at_till (in a sale that is no order here): status -> fulfilled.
    """

    FOUND = "found"
    RESTOCKED = "restocked"
    CLEARED = "cleared"
    DAMAGED = "damaged"
    QUARANTINED = "quarantined"
    SUSPECTED = "suspected"
    LOST = "lost"
    STOLEN = "stolen"
    SCRAPPED = "scrapped"
    EXPIRED = "expired"
    SAMPLE = "sample"
    SOLD_AT_TILL = "sold_at_till"


# Commands


class ClaimStock(Command):
    """Reserve stock of a SKU for a demand. Known again by demand and sequence.

    Stock is taken at `location` first, then, only when `on_shortage` is `queue`, at the other `eligible_locations` in
    their order; what is still missing waits. With `reject`, it is all at `location` or nothing. A higher `priority`
    is served first, then the earlier `need_by`, then who waits longer.

    With `soft_until` the claim is soft: it ends then, unless it was made hard before, it never waits (all at `location`
    or nothing), and physical facts break it before any hard one.
    """

    sku: str
    demand: Demand
    sequence: NotNegative
    quantity: Positive
    unit: str
    location: str
    eligible_locations: tuple[str, ...] = ()
    on_shortage: OnShortage = OnShortage.QUEUE
    need_by: Instant | None = None
    priority: int = 0
    soft_until: Instant | None = None


class HardenClaim(Command):
    """Make a soft claim hard: it no longer ends by itself, and holds what it holds."""

    sku: str
    demand: Demand
    sequence: NotNegative


class ReleaseClaim(Command):
    """Give back what a claim still reserves and stop waiting for the rest. Taken in every state, never seen included:
    then the claim is refused should it come later. What is picked already stays picked.

    With a `quantity` only so much of an open claim, and the rest of it stays: what it holds at `location`, or without
    one what it waits for, and never more than that. What was served in the meantime is not taken away by it.
    """

    sku: str
    demand: Demand
    sequence: NotNegative
    quantity: Positive | None = None
    location: str | None = None


class ReceiveStock(Command):
    """Goods arrived. `supply` names the expected supply they fulfil; `document` the receipt or despatch advice;
    `occurred_at` is the source's own time."""

    sku: str
    location: str
    quantity: Positive
    unit: str
    status: StockStatus = StockStatus.SELLABLE
    traced: tuple[TracedQuantity, ...] = ()
    supply: str | None = None
    document: str | None = None
    occurred_at: Instant | None = None


class ExpectSupply(Command):
    """Goods are on their way under a name (purchase order and line, transfer): the open quantity and when. Sent again
    with other numbers it replaces them; a quantity of 0 withdraws the supply."""

    sku: str
    supply: str
    location: str
    quantity: NotNegative
    unit: str
    expected_at: Instant


class AdjustStock(Command):
    """A physical change other than a receipt, a pick or a count: never refused for lack of stock."""

    sku: str
    location: str
    quantity: Positive
    unit: str
    reason: AdjustmentReason
    status: StockStatus = StockStatus.SELLABLE
    traced: tuple[TracedQuantity, ...] = ()
    document: str | None = None
    occurred_at: Instant | None = None


class CountStock(Command):
    """Somebody counted the sellable goods on the shelf, `counted` in all, those of claims included. Goods under
    suspicion are settled by it: found again or lost. Damaged and held goods are counted apart."""

    sku: str
    location: str
    counted: NotNegative
    unit: str
    traced: tuple[TracedQuantity, ...] = ()
    document: str | None = None
    occurred_at: Instant | None = None


class RecordPicked(Command):
    """A node picked for a demand: `quantity` taken of the `expected`; less is a short pick, with its reason. A fact,
    never refused. `substitute_for` names the SKU that was asked for when another was taken."""

    sku: str
    demand: Demand
    sequence: NotNegative
    location: str
    expected: NotNegative
    quantity: NotNegative
    unit: str
    fulfillment_order: str
    document: str
    short_reason: str | None = None
    substitute_for: str | None = None
    traced: tuple[TracedQuantity, ...] = ()
    occurred_at: Instant | None = None


class RecordPutBack(Command):
    """Picked goods that will not leave went back on the shelf."""

    sku: str
    demand: Demand
    sequence: NotNegative
    location: str
    quantity: Positive
    unit: str
    fulfillment_order: str
    document: str
    occurred_at: Instant | None = None


class RecordGone(Command):
    """Picked goods left the building towards the customer."""

    sku: str
    demand: Demand
    sequence: NotNegative
    location: str
    quantity: Positive
    unit: str
    fulfillment_order: str
    document: str
    occurred_at: Instant | None = None


class RecordReturned(Command):
    """Goods of a customer came back and were looked at: what becomes of them. A fact, never refused. `instead_of` is
    what was said of these units before; `return_id` the return, `document` the paper of whoever looked."""

    sku: str
    return_id: str
    location: str
    quantity: Positive
    unit: str
    disposition: Disposition
    instead_of: Disposition | None = None
    document: str
    occurred_at: Instant | None = None


class RecordHandedOut(Command):
    """Sellable goods were handed out at a till, off the shelf and out of the building at once, picked and claimed by
    nobody. A fact, never refused. `demand` is the line that sold them, `fulfillment` the hand-out that they are of."""

    sku: str
    demand: Demand
    location: str
    quantity: Positive
    unit: str
    fulfillment: str
    occurred_at: Instant | None = None


# Events


class StockReserved(Event):
    """`quantity` is now held at `location` for the claim. Answers the claim, at once or when stock arrives; several of
    them add up, possibly at several eligible locations. `waiting` is what the claim still waits for after this;
    `soft_until` when it ends, where it is soft."""

    sku: str
    demand: Demand
    sequence: int
    location: str
    quantity: int
    unit: str
    claimed: int
    waiting: int = 0
    eligible_locations: tuple[str, ...] = ()
    need_by: Instant | None = None
    priority: int = 0
    soft_until: Instant | None = None
    levels: tuple[Level, ...]
    reply_to: str | None = None


class DemandQueued(Event):
    """`quantity` of the claim is missing and waits for supply at any of its eligible locations. Answers the claim.
    `awaits` names the earliest expected supply that may serve it, due `expected_at`; absent when none is known."""

    sku: str
    demand: Demand
    sequence: int
    location: str
    quantity: int
    unit: str
    claimed: int
    eligible_locations: tuple[str, ...]
    need_by: Instant | None = None
    priority: int = 0
    awaits: str | None = None
    expected_at: Instant | None = None
    levels: tuple[Level, ...]
    reply_to: str | None = None


class StockRejected(Event):
    """The claim was refused whole; nothing of it is held. Answers the claim."""

    sku: str
    demand: Demand
    sequence: int
    location: str
    quantity: int
    unit: str
    reason: RejectReason
    levels: tuple[Level, ...]
    reply_to: str | None = None


class ClaimRepeated(Event):
    """The same claim came again: nothing was done. Answers with what it `reserved` (held or picked) and `waiting`."""

    sku: str
    demand: Demand
    sequence: int
    location: str
    quantity: int
    unit: str
    reserved: int
    waiting: int
    reply_to: str | None = None


class ClaimReleased(Event):
    """The claim holds nothing and waits for nothing more. `quantity` came free, `withdrawn` no longer waits; both are
    0, and `seen` false, when no such claim was known. Answers the release."""

    sku: str
    demand: Demand
    sequence: int
    quantity: int
    withdrawn: int
    seen: bool
    levels: tuple[Level, ...]
    reply_to: str | None = None


class ClaimReduced(Event):
    """The claim holds `quantity` less at `location`, or waits for `withdrawn` less; the rest of it stays. Both are 0
    where it had nothing there to give back. Answers the release of a part."""

    sku: str
    demand: Demand
    sequence: int
    location: str | None = None
    quantity: int
    withdrawn: int
    levels: tuple[Level, ...]
    reply_to: str | None = None


class ClaimHardened(Event):
    """The claim is hard, with the `quantity` that it holds; said again of one that was hard before."""

    sku: str
    demand: Demand
    sequence: int
    quantity: int
    unit: str
    levels: tuple[Level, ...]


class HardeningRefused(Event):
    """There is no such claim to make hard: it never was, has expired, was released, or lost all that it held."""

    sku: str
    demand: Demand
    sequence: int


class ClaimExpired(Event):
    """The end of a soft claim came before anybody made it hard: `quantity` came free."""

    sku: str
    demand: Demand
    sequence: int
    quantity: int
    unit: str
    levels: tuple[Level, ...]


class ReservationBroken(Event):
    """A physical fact took `quantity` from what the claim held at `location`: the demand has to be sourced again.
    After a short pick that location is barred for that line. Sent to whoever claimed."""

    sku: str
    demand: Demand
    sequence: int
    location: str
    quantity: int
    unit: str
    reason: BreakReason
    levels: tuple[Level, ...]
    reply_to: str | None = None


class StockReceived(Event):
    """Goods came on hand; `supply_open` is what is still expected of the named supply."""

    sku: str
    location: str
    quantity: int
    unit: str
    status: StockStatus = StockStatus.SELLABLE
    traced: tuple[TracedQuantity, ...] = ()
    supply: str | None = None
    supply_open: int | None = None
    document: str | None = None
    occurred_at: Instant | None = None
    movements: tuple[Movement, ...]
    levels: tuple[Level, ...]


class SupplyExpected(Event):
    """A named supply is expected: its open quantity and when, or withdrawn with a quantity of 0."""

    sku: str
    supply: str
    location: str
    quantity: int
    unit: str
    expected_at: Instant


class StockAdjusted(Event):
    """The book was changed for a reason; a part that the book lacked was posted as found first (`found`)."""

    sku: str
    location: str
    quantity: int
    unit: str
    reason: AdjustmentReason
    status: StockStatus
    found: int = 0
    traced: tuple[TracedQuantity, ...] = ()
    document: str | None = None
    occurred_at: Instant | None = None
    movements: tuple[Movement, ...]
    levels: tuple[Level, ...]


class StockCounted(Event):
    """A count was taken: `counted` against the `expected` of the book (sellable and suspect); the book now says so."""

    sku: str
    location: str
    counted: int
    expected: int
    unit: str
    traced: tuple[TracedQuantity, ...] = ()
    document: str | None = None
    occurred_at: Instant | None = None
    movements: tuple[Movement, ...]
    levels: tuple[Level, ...]


class StockChangeRefused(Event):
    """A receipt, adjustment or count in another unit than the item's base unit `expected_unit`: nothing changed."""

    sku: str
    location: str
    quantity: int
    unit: str
    expected_unit: str
    document: str | None = None


class StockPicked(Event):
    """Goods left the shelf for a demand. `short` of the expected are missing and became suspect; `found` were on the
    shelf but not in the book. `from_claim` is the part that the claim had reserved."""

    sku: str
    demand: Demand
    sequence: int
    location: str
    quantity: int
    short: int
    found: int
    from_claim: int
    unit: str
    fulfillment_order: str
    document: str
    short_reason: str | None = None
    substitute_for: str | None = None
    traced: tuple[TracedQuantity, ...] = ()
    occurred_at: Instant | None = None
    movements: tuple[Movement, ...]
    levels: tuple[Level, ...]


class StockPutBack(Event):
    """Picked goods are sellable again; they no longer belong to the claim."""

    sku: str
    demand: Demand
    sequence: int
    location: str
    quantity: int
    found: int
    unit: str
    fulfillment_order: str
    document: str
    occurred_at: Instant | None = None
    movements: tuple[Movement, ...]
    levels: tuple[Level, ...]


class StockFulfilled(Event):
    """Goods left for the customer; `found` of them had never been reported picked and were posted as found first."""

    sku: str
    demand: Demand
    sequence: int
    location: str
    quantity: int
    found: int
    unit: str
    fulfillment_order: str
    document: str
    occurred_at: Instant | None = None
    movements: tuple[Movement, ...]
    levels: tuple[Level, ...]


class StockHandedOut(Event):
    """Goods left for the customer at a till; `found` of them were not in the book as sellable and were posted as found
    first."""

    sku: str
    demand: Demand
    location: str
    quantity: int
    found: int
    unit: str
    fulfillment: str
    occurred_at: Instant | None = None
    movements: tuple[Movement, ...]
    levels: tuple[Level, ...]


class StockReturned(Event):
    """Goods of a customer are back, and in the bucket of their disposition; where that was changed they left the bucket
    of what was said before, and `found` of them were not in the book there and were posted as found first."""

    sku: str
    return_id: str
    location: str
    quantity: int
    found: int
    unit: str
    disposition: Disposition
    instead_of: Disposition | None = None
    document: str
    occurred_at: Instant | None = None
    movements: tuple[Movement, ...]
    levels: tuple[Level, ...]


class CountRequested(Event):
    """Somebody should count the SKU at this location, because of `reason` (such as `short_pick`, `found_stock`)."""

    sku: str
    location: str
    reason: str


class LocationKind(StrEnum):
    """Whose a location is: a warehouse of ours, a store, a logistics provider's, or a vendor's who ships directly."""

    OWN = "own"
    STORE = "store"
    THIRD_PARTY = "third_party"
    VENDOR = "vendor"


class LocationAddress(Value):
    """Where a location is. `country` is ISO 3166-1 alpha-2, `region` the second part of ISO 3166-2 or as people write
    it. Of a business: nothing of it is personal."""

    address_lines: tuple[str, ...] = ()
    city: str | None = None
    postcode: str | None = None
    region: str | None = None
    country: str


class DescribeLocation(Command):
    """Say what a location is: the whole description, which replaces the one before. `location` is the name by which
    stock and fulfillment orders know it; `time_zone` (IANA) is that of its local dates. Of two that serve an order as
    well the one with the higher `priority` does; `daily_capacity` is how many fulfillment orders it takes a day (UTC)."""

    location: str
    kind: LocationKind
    name: str | None = None
    legal_entity: str | None = None
    address: LocationAddress | None = None
    time_zone: str | None = None
    priority: int = 0
    daily_capacity: Positive | None = None


class LocationDescribed(Event):
    """What a location is from now on."""

    location: str
    kind: LocationKind
    name: str | None = None
    legal_entity: str | None = None
    address: LocationAddress | None = None
    time_zone: str | None = None
    priority: int = 0
    daily_capacity: Positive | None = None


class KitComponent(Value):
    """What one kit has of an article, in its base unit. `weight` is its share of the kit's price beside the weights of
    the others; where nobody said one, its quantity."""

    sku: str
    quantity: Positive
    unit: str = "each"
    weight: NotNegative | None = None


class KitRefusal(StrEnum):
    """Why components make no kit: the kit is one of them, or one is listed twice."""

    CONTAINS_ITSELF = "contains_itself"
    LISTED_TWICE = "listed_twice"


class DescribeItem(Command):
    """Say what an item is: the whole description, which replaces the one before. `unit` is its base unit, in which its
    stock is counted; `weight_grams` is of one of them, and `gtin` its Global Trade Item Number (8 to 14 digits).
    With `components` it is a kit: orders of it leave as those."""

    sku: str
    unit: str
    description: str | None = None
    gtin: str | None = None
    weight_grams: Positive | None = None
    category: str | None = None
    tax_class: str | None = None
    components: tuple[KitComponent, ...] = ()


class ItemDescribed(Event):
    """What an item is from now on."""

    sku: str
    unit: str
    description: str | None = None
    gtin: str | None = None
    weight_grams: Positive | None = None
    category: str | None = None
    tax_class: str | None = None
    components: tuple[KitComponent, ...] = ()


class ItemChangeRefused(Event):
    """A description with another base unit than the item's, `expected_unit`: stock is counted in it, so that it never
    changes. Nothing changed."""

    sku: str
    unit: str
    expected_unit: str


class KitRefused(Event):
    """A description whose components make no kit. Nothing changed."""

    sku: str
    reason: KitRefusal
