"""What a run must have shown, as a fixed table: each row counts cases that the public topics show, and a run that lacks
them fails. Nothing is taken from what the demonstration meant to do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from contracts.money import minor_digits
from oms.demo.tail import CHANNEL_ORDER, Seen

__all__ = ["MIX", "MIX_ORDERS_MIN", "Evidence", "MixCount", "Row", "mix_of"]

MIX_ORDERS_MIN = 200
"""A run of fewer orders is too short to show everything: what it shows is counted, and nothing is asked of it."""

Line = tuple[str, str]
"""An order and its line."""


class Evidence:
    """What the topics show of the orders of a run: under a name the cases, each by a key that tells it from others."""

    def __init__(self, orders: Collection[str]) -> None:
        self.orders = orders
        self.cases: dict[str, set[Hashable]] = defaultdict(set)
        self.lines: set[Line] = set()
        self._begun: datetime | None = None
        self._placed: Counter[str] = Counter()
        self._published: Counter[tuple[str, bytes]] = Counter()
        self._group_of: dict[Line, tuple[str, bool]] = {}
        self._works: Counter[tuple[str, str, str]] = Counter()
        self._groups_at_work: dict[str, set[str]] = defaultdict(set)
        self._doubts: dict[tuple[str, str], str] = {}
        self._returns: dict[str, str] = {}
        self._added: set[Line] = set()
        self._sent_again: set[Line] = set()
        self._by_credit: set[tuple[str, str]] = set()
        self._exchanging: set[str] = set()
        self._departures: Counter[tuple[str, str]] = Counter()
        self._methods: dict[str, set[str]] = {}

    def note(self, event: Seen) -> None:
        """Take in one event of any service, or an order as its channel published it; all of the order service first."""
        order = event.id if event.id in self.orders else self._order_of(event.value)
        if order in self.orders and event.name in _TAKEN:
            _TAKEN[event.name](self, order, event)
        elif event.name in _OF_CARTS:
            self._note_cart(event, _OF_CARTS[event.name])

    def _order_of(self, value: Mapping[str, Any]) -> str:
        """Whose an event is that is not of an order's stream: it names a demand, an order, or a return of one."""
        demand = value.get("demand")
        return str(
            demand["id"] if demand else value.get("order_id") or self._returns.get(value.get("return_id", ""), "")
        )

    def note_return(self, order: str, event: Seen) -> None:
        """Which return is an order's."""
        self._returns[event.value["return_id"]] = order

    def _note_cart(self, event: Seen, case: str) -> None:
        demand = event.value["demand"]
        if demand["kind"] == "cart" and self._begun is not None and event.time >= self._begun:
            self.cases[case].add(demand["id"])

    def note_placed(self, order: str, event: Seen) -> None:
        """The terms of an order."""
        value, kits = event.value, set[Line]()
        self._methods[order] = {tender["method"] for tender in value.get("tenders", ())}
        self._placed[order] += 1
        self._begun = min(self._begun or event.time, event.time)
        self.cases[f"decimals: {minor_digits(value['currency'])}"].add(order)
        whole = {group["group"] for group in value["ship_groups"] if group["complete"]}
        for line in value["lines"]:
            self._group_of[order, line["line"]] = (line["ship_group"], line["ship_group"] in whole)
            if line.get("taxes"):
                self.cases["tax included" if line["tax_included"] else "tax on top"].add(order)
            if "channel_line" not in line:
                kits.add((order, line["relates_to"]["line"]))
        self.cases["kit"] |= kits
        self.lines |= {(order, line["line"]) for line in value["lines"]} - kits

    def note_published(self, order: str, event: Seen) -> None:
        """The same body twice is the same order."""
        body = sha256(orjson.dumps(event.value, option=orjson.OPT_SORT_KEYS)).digest()
        self._published[order, body] += 1
        if self._published[order, body] > 1 and self._placed[order] == 1:
            self.cases["sent twice"].add(order)

    def note_sourced(self, order: str, event: Seen) -> None:
        """Lines that wait, or are given up, by the first decision, because nobody has enough; those that several locations
        provide."""
        if event.value["decision"] > 1:
            return
        allocations, shortages = event.value["allocations"], event.value.get("shortages", ())
        waiting = [part for part in allocations if part.get("queue")]
        self.cases["short"] |= {(order, part["line"]) for part in (*waiting, *shortages)}
        places = {(part["line"], part["location"]) for part in allocations if not part.get("queue")}
        self.cases["split"] |= {
            (order, line) for line, count in Counter(line for line, _ in places).items() if count > 1
        }

    def note_queued(self, order: str, event: Seen) -> None:
        """A line that waits for goods whose name is known."""
        if "awaits" in event.value:
            self.cases["awaits"].add((order, event.value["demand"]["line"]))

    def note_work(self, order: str, event: Seen) -> None:
        """Where work is done, and how often for one ship group of an order as it was placed."""
        lines = event.value.get("lines", ())
        if lines and all((order, line["line"]) in self._added for line in lines):
            return
        location, group = event.value["location"], event.value["ship_group"]
        self.cases["location"].add(location)
        self._works[order, location, group] += 1
        self._groups_at_work[order].add(group)
        if self._works[order, location, group] > 1:
            self.cases["second work"].add((order, location, group))
        if len(self._groups_at_work[order]) > 1:
            self.cases["groups"].add(order)

    def note_fulfilled(self, order: str, event: Seen) -> None:
        """How units left, which groups left in parts, and what was sent again."""
        lines = {(order, part["line"]) for part in event.value["ranges"]}
        self.cases["sent again"] |= lines & self._sent_again
        groups = {self._group_of[line] for line in lines - self._added}
        self.cases[event.value["kind"]].add(order)
        for group, whole in groups:
            self._departures[order, group] += 1
            if self._departures[order, group] > 1 and not whole:
                self.cases["in parts"].add((order, group))

    def note_added(self, order: str, event: Seen) -> None:
        """Lines that the order did not have when it was placed."""
        self._added |= {(order, line["line"]) for line in event.value["lines"]}

    def note_again(self, order: str, event: Seen) -> None:
        """The lines by which units are sent again."""
        self._sent_again |= {(order, part["by"]) for part in event.value["replaced"]}

    def note_exchange(self, order: str, event: Seen) -> None:
        """What is charged of it says nothing of how what was placed is charged."""
        self._exchanging.add(order)

    def note_credit(self, order: str, event: Seen) -> None:
        """What came back pays for what left."""
        self._by_credit.add((order, event.value["fulfillment"]))

    def note_captured(self, order: str, event: Seen) -> None:
        """Money that was taken beside credit is the difference of an exchange."""
        if (order, event.value["fulfillment"]) in self._by_credit:
            self.note_case("difference taken", order)

    def note_completed(self, order: str, event: Seen) -> None:
        """An order that went on without what was cancelled, or with what was exchanged."""
        if (order,) in self.cases["less wanted"]:
            self.note_case("partly cancelled", order)
        if order in {each for each, _ in self._by_credit}:
            self.note_case("exchanged", order)

    def doubt(self, order: str, key: str, name: str) -> None:
        """A card that is not secured yet; what it is if it will be."""
        self._doubts[order, key] = name

    def note_secured(self, order: str, event: Seen) -> None:
        """A card is secured after all: by the same call, or by another one for the order."""
        for key in (event.value["key"], order):
            if name := self._doubts.pop((order, key), None):
                self.note_case(name, order)

        if (order,) in self.cases["charged"] and order not in self._exchanging:
            self.note_case("authorised again", order)

    def note_charged(self, order: str, event: Seen) -> None:
        """What a card paid: alone or with a gift card, once or in parts of what was held at first."""
        again = (order,) in self.cases["authorised again"] or order in self._exchanging
        if (order,) in self.cases["charged"] and not again:
            self.note_case("charged in parts", order)
        self.note_case("charged", order)
        self._note_both(order)

    def note_spent(self, order: str, event: Seen) -> None:
        """What a gift card or store credit paid."""
        for method in self._methods.get(order, set()) & {"gift_card", "store_credit"}:
            self.note_case(f"paid by {method}", order)
        self._note_both(order)

    def _note_both(self, order: str) -> None:
        if (order,) in self.cases["charged"] & self.cases["paid by gift_card"]:
            self.note_case("paid by both", order)

    def note_case(self, name: str, *key: Hashable) -> None:
        """A case that one event shows by itself."""
        self.cases[name].add(key)


_Taken = Callable[[Evidence, str, Seen], None]


def _note_short_pick(evidence: Evidence, order: str, event: Seen) -> None:
    for line in event.value["lines"]:
        if line["short"]:
            evidence.note_case("short pick", event.id, line["line"])


def _note_broken(evidence: Evidence, order: str, event: Seen) -> None:
    if event.value["reason"] != "short_pick":
        evidence.note_case("broken", order, event.value["demand"]["line"], event.value["sequence"])


def _note_release(evidence: Evidence, order: str, event: Seen) -> None:
    if event.actor == "person":
        evidence.note_case("released", order, event.value["hold"])


def _note_refusal(evidence: Evidence, order: str, event: Seen) -> None:
    if event.value["reason"] == "refused_by_node":
        evidence.note_case("cancel refused", order)


def _note_lapse(evidence: Evidence, order: str, event: Seen) -> None:
    if event.value["reason"] == "too_late":
        evidence.note_case("lapsed", order)
    elif event.value["reason"] == "customer":
        evidence.note_case("less wanted", order)


def _note_refund(evidence: Evidence, order: str, event: Seen) -> None:
    evidence.note_case(f"refunded: {event.value['cause'].removesuffix('_at_fault')}", order)


def _note_declined(evidence: Evidence, order: str, event: Seen) -> None:
    if event.value.get("soft"):
        evidence.doubt(order, order, "declined softly")
    else:
        evidence.note_case("declined", order)


def _note_restocked(evidence: Evidence, order: str, event: Seen) -> None:
    if event.value["disposition"] == "restock":
        evidence.note_case("restocked", event.value["return_id"], event.value["sku"])


_TAKEN: dict[str, _Taken] = {
    "OrderPlaced": Evidence.note_placed,
    CHANNEL_ORDER: Evidence.note_published,
    "SourcingDecided": Evidence.note_sourced,
    "DemandQueued": Evidence.note_queued,
    "FulfillmentOrderCreated": Evidence.note_work,
    "LinesFulfilled": Evidence.note_fulfilled,
    "Picked": _note_short_pick,
    "ReservationBroken": _note_broken,
    "HoldReleased": _note_release,
    "CancelRefused": _note_refusal,
    "LinesCancelled": _note_lapse,
    "OrderCompleted": Evidence.note_completed,
    "LinesAdded": Evidence.note_added,
    "ReplacementGranted": Evidence.note_again,
    "ExchangeAgreed": Evidence.note_exchange,
    "CreditApplied": Evidence.note_credit,
    "CaptureRecorded": Evidence.note_captured,
    "Refunded": _note_refund,
    "CardCaptured": Evidence.note_charged,
    "ValueRedeemed": Evidence.note_spent,
    "CardDeclined": _note_declined,
    "ProviderOutcomeUnknown": lambda evidence, order, event: evidence.doubt(order, event.value["key"], "unknown"),
    "CardAuthorized": Evidence.note_secured,
    "ReturnRequested": Evidence.note_return,
    "ReturnReceived": lambda evidence, _, event: evidence.note_case("came back", event.id),
    "StockReturned": _note_restocked,
    "InvoiceIssued": lambda evidence, _, event: evidence.note_case("invoice", event.id),
    "OrderCancelled": lambda evidence, order, _: evidence.note_case("cancelled", order),
    "OrderRevisionIgnored": lambda evidence, order, _: evidence.note_case("revision ignored", order),
    "OrderChangeRequested": lambda evidence, order, _: evidence.note_case("change requested", order),
}
"""What each event of an order shows."""

_OF_CARTS = {"StockReserved": "cart", "ClaimExpired": "cart expired"}
"""What an event of a claim shows that is a cart's: it names no order, and counts when the run had begun."""


class Row(NamedTuple):
    """A row of the mix: what it says, the cases it counts, and how many there must be at least, of the run or `percent`
    of its lines."""

    says: str
    case: str
    least: int = 1
    percent: int = 0


class MixCount(NamedTuple):
    """What a run shows of a row."""

    says: str
    shown: int
    least: int

    @property
    def holds(self) -> bool:
        """Whether it is enough."""
        return self.shown >= self.least


MIX = (
    Row("locations that had work", "location", least=5),
    Row("orders in a currency of 0 decimals", "decimals: 0"),
    Row("orders in a currency of 2 decimals", "decimals: 2"),
    Row("orders in a currency of 3 decimals", "decimals: 3"),
    Row("orders with tax in the price", "tax included"),
    Row("orders with tax on top", "tax on top"),
    Row("lines short when they were ordered", "short", percent=5),
    Row("lines that waited for a supply with a name", "awaits"),
    Row("lines that several locations provide", "split"),
    Row("second works for a ship group at a location", "second work"),
    Row("ship groups that left in parts", "in parts"),
    Row("orders of two ship groups at work", "groups"),
    Row("orders collected at a counter", "collected"),
    Row("orders handed out at a till", "handed_out"),
    Row("kits", "kit"),
    Row("lines picked short", "short pick"),
    Row("claims broken by a fact that is no pick", "broken"),
    Row("carts that goods were kept for", "cart"),
    Row("carts that lost them by waiting", "cart expired"),
    Row("holds released by a person", "released"),
    Row("orders sent twice and placed once", "sent twice"),
    Row("revisions without anything new", "revision ignored"),
    Row("revisions that ask for another order", "change requested"),
    Row("cancels refused by the node that has the work", "cancel refused"),
    Row("orders with lines whose last moment passed", "lapsed"),
    Row("orders cancelled", "cancelled"),
    Row("orders that went on without units that were cancelled", "partly cancelled"),
    Row("orders of which money was given back as goodwill", "refunded: appeasement"),
    Row("cards that were charged", "charged"),
    Row("cards that were declined for good", "declined"),
    Row("cards that were declined, and taken later", "declined softly"),
    Row("charges of which nobody knew, until the provider was asked", "unknown"),
    Row("cards secured again for goods that left later", "authorised again"),
    Row("cards charged in parts of what was held", "charged in parts"),
    Row("orders that a gift card paid", "paid by gift_card"),
    Row("orders that store credit paid", "paid by store_credit"),
    Row("orders that a gift card and a card paid", "paid by both"),
    Row("returns that came back", "came back"),
    Row("articles that came back and are for sale again", "restocked"),
    Row("orders of which money was given back for what came back", "refunded: returned"),
    Row("orders whose goods left for others that came back", "exchanged"),
    Row("orders of which the difference of an exchange was taken", "difference taken"),
    Row("orders of which the difference of an exchange was paid back", "refunded: exchanged"),
    Row("lines that were sent again", "sent again"),
    Row("invoices", "invoice"),
)
"""The mix, in the words in which docs/demo.md has it."""


def mix_of(evidence: Evidence) -> tuple[MixCount, ...]:
    """What a run shows, row by row, and how much of it is asked for."""
    asked = len(evidence.orders) >= MIX_ORDERS_MIN
    return tuple(
        MixCount(row.says, len(evidence.cases[row.case]), _least(row, evidence) if asked else 0) for row in MIX
    )


def _least(row: Row, evidence: Evidence) -> int:
    return -(-len(evidence.lines) * row.percent // 100) if row.percent else row.least
