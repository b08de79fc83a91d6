"""The mix: each row is shown by what the topics say of it, and by nothing else; a run that lacks it says which."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oms.demo.mix import MIX, MIX_ORDERS_MIN, Evidence, MixCount, mix_of
from oms.demo.tail import CHANNEL_ORDER, Seen

START = datetime(2026, 1, 31, 9, tzinfo=UTC)
ORDERS = frozenset(f"o-{number}" for number in range(MIX_ORDERS_MIN))
DEMAND = {"kind": "order", "id": "o-1", "line": "1"}
CART = {"kind": "cart", "id": "c-1", "line": "1"}


def seen(name: str, id: str = "o-1", actor: str = "", minutes: int = 0, **value: Any) -> Seen:
    return Seen(name, id, START + timedelta(minutes=minutes), value, actor)


def placed(
    currency: str = "UYW", order: str = "o-1", *more: dict[str, Any], tenders: Sequence[Any] = (), **of_line: Any
) -> Seen:
    """An order of one line in a currency of four decimals, which no row is about."""
    line = {"line": "1", "channel_line": "1", "ship_group": "home", "tax_included": False, **of_line}
    group = {"group": "home", "complete": False}
    return seen("OrderPlaced", order, currency=currency, ship_groups=[group], lines=[line, *more], tenders=tenders)


def paid_by(method: str) -> Seen:
    return placed("UYW", "o-2", tenders=[{"method": method}])


def work(location: str = "WH", group: str = "home", id: str = "fo-1") -> Seen:
    return seen("FulfillmentOrderCreated", id, order_id="o-1", location=location, ship_group=group)


def left(kind: str = "shipped", line: str = "1") -> Seen:
    return seen("LinesFulfilled", kind=kind, ranges=[{"line": line}])


def added(line: str) -> Seen:
    return seen("LinesAdded", lines=[{"line": line, "ship_group": "home"}])


def taken(location: str) -> dict[str, Any]:
    return {"line": "1", "location": location, "queue": False}


def queued(location: str) -> dict[str, Any]:
    return {"line": "1", "location": location, "queue": True}


def sourced(*allocations: dict[str, Any], decision: int = 1) -> Seen:
    return seen("SourcingDecided", decision=decision, allocations=list(allocations), shortages=[])


def reserved() -> Seen:
    return seen("StockReserved", "s-1", demand=CART, sequence=0, location="WH")


def broken(reason: str) -> Seen:
    return seen("ReservationBroken", "s-1", demand=DEMAND, sequence=0, reason=reason)


def less(reason: str) -> Seen:
    return seen("LinesCancelled", reason=reason)


def published(revision: int) -> Seen:
    return seen(CHANNEL_ORDER, external_id="1", revision=revision)


def unknown(key: str) -> Seen:
    return seen("ProviderOutcomeUnknown", key=key)


def secured(key: str) -> Seen:
    return seen("CardAuthorized", key=key)


def back(disposition: str, return_id: str = "r-1") -> Seen:
    return seen("StockReturned", "s-1", sku="P1", return_id=return_id, disposition=disposition)


def charged(fulfillment: str) -> Seen:
    return seen("CaptureRecorded", fulfillment=fulfillment)


CREDIT = seen("CreditApplied", fulfillment="s-2")
AGAIN = seen("ReplacementGranted", replaced=[{"line": "1", "by": "2"}])
RETURN = seen("ReturnRequested", return_id="r-1")
TAX = {"taxes": [{"amount": 1}]}
KIT = {"line": "1.1", "ship_group": "home", "tax_included": True, "relates_to": {"kind": "component_of", "line": "1"}}

SHOWN_BY: dict[str, list[Seen]] = {
    "locations that had work": [work(f"WH-{number}", id=f"fo-{number}") for number in range(5)],
    "orders in a currency of 0 decimals": [placed("JPY", "o-2")],
    "orders in a currency of 2 decimals": [placed("USD", "o-2")],
    "orders in a currency of 3 decimals": [placed("KWD", "o-2")],
    "orders with tax in the price": [placed("UYW", "o-2", tax_included=True, **TAX)],
    "orders with tax on top": [placed("UYW", "o-2", **TAX)],
    "lines short when they were ordered": [sourced(taken("WH"), queued("STORE"))],
    "lines that waited for a supply with a name": [seen("DemandQueued", "s-1", demand=DEMAND, awaits="late-1")],
    "lines that several locations provide": [sourced(taken("WH"), taken("STORE"))],
    "second works for a ship group at a location": [work(id="fo-1"), work(id="fo-2")],
    "ship groups that left in parts": [left(), left()],
    "orders of two ship groups at work": [work("WH", "home"), work("STORE", "counter")],
    "orders collected at a counter": [left("collected")],
    "orders handed out at a till": [left("handed_out")],
    "kits": [placed("UYW", "o-2", KIT)],
    "lines picked short": [seen("Picked", "fo-1", order_id="o-1", lines=[{"line": "1", "short": 1}])],
    "claims broken by a fact that is no pick": [broken("adjustment")],
    "carts that goods were kept for": [reserved()],
    "carts that lost them by waiting": [seen("ClaimExpired", "s-1", demand=CART)],
    "holds released by a person": [seen("HoldReleased", actor="person", hold="1")],
    "orders sent twice and placed once": [published(1), published(1)],
    "revisions without anything new": [seen("OrderRevisionIgnored", reason="same_fingerprint")],
    "revisions that ask for another order": [seen("OrderChangeRequested", revision=2)],
    "cancels refused by the node that has the work": [seen("CancelRefused", reason="refused_by_node")],
    "orders with lines whose last moment passed": [less("too_late")],
    "orders cancelled": [seen("OrderCancelled")],
    "orders that went on without units that were cancelled": [less("customer"), seen("OrderCompleted")],
    "orders of which money was given back as goodwill": [seen("Refunded", cause="appeasement")],
    "cards that were charged": [seen("CardCaptured")],
    "cards that were declined for good": [seen("CardDeclined")],
    "cards that were declined, and taken later": [seen("CardDeclined", soft=True), secured("k-2")],
    "charges of which nobody knew, until the provider was asked": [unknown("k-1"), secured("k-1")],
    "cards secured again for goods that left later": [seen("CardCaptured"), secured("k-2")],
    "cards charged in parts of what was held": [seen("CardCaptured"), seen("CardCaptured")],
    "orders that a gift card paid": [paid_by("gift_card"), seen("ValueRedeemed", "v-1", order_id="o-2")],
    "orders that store credit paid": [paid_by("store_credit"), seen("ValueRedeemed", "v-1", order_id="o-2")],
    "orders that a gift card and a card paid": [
        paid_by("gift_card"),
        seen("ValueRedeemed", "v-1", order_id="o-2"),
        seen("CardCaptured", "o-2"),
    ],
    "returns that came back": [seen("ReturnReceived", "r-1", order_id="o-1")],
    "articles that came back and are for sale again": [RETURN, back("restock")],
    "orders of which money was given back for what came back": [seen("Refunded", cause="returned")],
    "orders whose goods left for others that came back": [CREDIT, seen("OrderCompleted")],
    "orders of which the difference of an exchange was taken": [CREDIT, charged("s-2")],
    "orders of which the difference of an exchange was paid back": [seen("Refunded", cause="exchanged")],
    "lines that were sent again": [AGAIN, added("2"), left(line="2")],
    "invoices": [seen("InvoiceIssued", "i-1", order_id="o-1")],
}
"""What shows each row: the least of it."""

NOT_QUITE: dict[str, list[Seen]] = {
    "locations that had work": SHOWN_BY["locations that had work"][:4],
    "lines short when they were ordered": [sourced(taken("WH")), sourced(queued("WH"), decision=2)],
    "lines that waited for a supply with a name": [seen("DemandQueued", "s-1", demand=DEMAND)],
    "lines that several locations provide": [sourced(taken("WH")), sourced(taken("STORE"), queued("WH"))],
    "second works for a ship group at a location": [work("WH"), work("STORE"), work("WH", "counter")],
    "ship groups that left in parts": [added("2"), left(), left(line="2")],
    "orders of two ship groups at work": [work("WH", "home"), work("STORE", "home")],
    "kits": [placed("UYW", "o-2", {**KIT, "channel_line": "2"})],
    "lines picked short": [seen("Picked", "fo-1", order_id="o-1", lines=[{"line": "1", "short": 0}])],
    "claims broken by a fact that is no pick": [broken("short_pick")],
    "carts that goods were kept for": [
        reserved()._replace(time=START - timedelta(days=1)),
        seen("StockReserved", "s-1", demand=DEMAND, sequence=0, location="WH"),
    ],
    "carts that lost them by waiting": [reserved()],
    "holds released by a person": [seen("HoldReleased", actor="", hold="1")],
    "orders sent twice and placed once": [published(1), published(2)],
    "cancels refused by the node that has the work": [seen("CancelRefused", reason="fulfilled")],
    "orders with lines whose last moment passed": [less("out_of_stock")],
    "orders that went on without units that were cancelled": [
        less("out_of_stock"),
        seen("OrderCompleted"),
        less("customer"),
        seen("OrderCancelled"),
    ],
    "orders of which money was given back as goodwill": [seen("Refunded", cause="returned")],
    "cards that were declined for good": [seen("CardDeclined", soft=True)],
    "cards that were declined, and taken later": [seen("CardDeclined", soft=True)],
    "charges of which nobody knew, until the provider was asked": [unknown("k-1"), secured("k-2")],
    "cards secured again for goods that left later": [secured("k-1"), seen("CardCaptured")],
    "cards charged in parts of what was held": [seen("CardCaptured"), secured("k-2"), seen("CardCaptured")],
    "orders that a gift card paid": [paid_by("gift_card"), seen("ValueHeld", "v-1", order_id="o-2")],
    "orders that store credit paid": [paid_by("gift_card"), seen("ValueRedeemed", "v-1", order_id="o-2")],
    "orders that a gift card and a card paid": [paid_by("gift_card"), seen("CardCaptured", "o-2")],
    "articles that came back and are for sale again": [RETURN, back("scrap"), back("restock", "r-9")],
    "orders of which money was given back for what came back": [seen("Refunded", cause="appeasement")],
    "orders whose goods left for others that came back": [seen("OrderCompleted"), CREDIT],
    "orders of which the difference of an exchange was taken": [CREDIT, charged("s-1")],
    "orders of which the difference of an exchange was paid back": [seen("Refunded", cause="returned")],
    "lines that were sent again": [AGAIN, added("2"), added("3"), left(), left(line="3")],
}
"""What looks like it, and is not."""


def told(*events: Seen, orders: frozenset[str] = ORDERS) -> dict[str, MixCount]:
    evidence = Evidence(orders)
    for event in (placed(), *events):
        evidence.note(event)
    return {row.says: row for row in mix_of(evidence)}


def test_each_row_of_the_mix_has_its_evidence_here() -> None:
    assert list(SHOWN_BY) == [row.says for row in MIX]


@pytest.mark.parametrize("says", SHOWN_BY)
def test_a_row_fails_when_its_evidence_is_missing(says: str) -> None:
    others = [event for row, events in SHOWN_BY.items() if row != says for event in events]

    assert not told()[says].holds
    assert told(*SHOWN_BY[says])[says].holds
    assert told(*others)[says].shown <= told(*SHOWN_BY[says], *others)[says].shown


@pytest.mark.parametrize("says", NOT_QUITE)
def test_a_row_is_not_shown_by_what_only_looks_like_it(says: str) -> None:
    assert not told(*NOT_QUITE[says])[says].holds


def test_a_group_that_had_to_be_complete_did_not_leave_in_parts() -> None:
    whole = placed()
    whole.value["ship_groups"][0]["complete"] = True

    assert told(whole, left(), left())["ship groups that left in parts"].shown == 0


def test_what_an_exchange_brings_says_nothing_of_how_the_order_itself_is_served() -> None:
    agreed = seen("ExchangeAgreed", change="1", lines=["2"])
    again = work(id="fo-2")
    again.value["lines"] = [{"line": "2"}]
    charges = [seen("CardCaptured"), secured("k-2"), seen("CardCaptured")]

    rows = told(agreed, added("2"), work(id="fo-1"), again, *charges)

    assert rows["second works for a ship group at a location"].shown == 0
    assert rows["cards secured again for goods that left later"].shown == 0
    assert rows["cards charged in parts of what was held"].shown == 0


def test_five_lines_in_a_hundred_have_to_be_short() -> None:
    lines = [{"line": str(number), "channel_line": str(number), "ship_group": "home"} for number in range(2, 41)]

    row = told(placed("UYW", "o-1", *lines))["lines short when they were ordered"]

    assert row.least == 2


def test_what_is_not_of_the_run_shows_nothing() -> None:
    events = [event for says, events in SHOWN_BY.items() if "cart" not in says for event in events]

    counted = told(*events, orders=frozenset({"o-9"}))

    assert {row.shown for row in counted.values()} == {0}


def test_nothing_is_asked_of_a_run_that_is_too_short_to_show_it() -> None:
    assert all(row.holds for row in told(orders=frozenset({"o-1"})).values())


def test_the_page_about_the_demonstration_names_every_row() -> None:
    page = (Path(__file__).parents[2] / "docs" / "demo.md").read_text()

    assert [row.says for row in MIX if row.says not in page] == []
