"""The story of an order, held against what must be true of each: units, funds, ends, steps (I-06, I-07, I-09, I-10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from oms.verify.claims import check_claims
from oms.verify.findings import Findings
from oms.verify.money import OrderMoney, check_money
from oms.verify.stories import Story, Told
from oms.verify.wire import derived_id

__all__ = ["check_story"]

ENDS = frozenset({"OrderCompleted", "OrderCancelled"})
STARTS = frozenset({"OrderPlaced", "OrderImported"})
GONE = ("fulfilled", "delivered", "return_requested", "returned")
AT_WORK = ("released", "picked", "packed")
KEPT = ("reserved", "released")
"""Where units are that claims hold for them: until they are picked."""

HANDED_OUT = "handed_out"

ANSWERS = {
    "ReleasedToFulfillment": (
        "fulfillment_order",
        ("LinesFulfilled", "FulfillmentDeclined", "FulfillmentWithdrawn", "LinesWithdrawn", "LinesShort"),
    ),
    "CaptureRequested": ("fulfillment", ("CaptureRecorded", "CaptureNotNeeded")),
    "RefundGranted": ("refund", ("Refunded", "RefundFailed", "RefundWithdrawn")),
}
"""What an order asks for, the field that names it, and the events of the order that say what became of it."""

SET_AGAINST = "exchange"
"""What is granted to pay for goods that go out in an exchange: nobody is asked for it."""


@dataclass
class _Order:
    """What an order's own events come to."""

    started: Told | None = None
    over: bool = False
    ordered: Counter[str] = field(default_factory=Counter)
    buckets: dict[str, Counter[str]] = field(default_factory=dict)
    holds: set[str] = field(default_factory=set)
    deadlines: set[str] = field(default_factory=set)

    def units(self, *buckets: str) -> int:
        """How many units are in these buckets."""
        return sum(line[bucket] for line in self.buckets.values() for bucket in buckets)


def check_story(story: Story, rest_before: int, findings: Findings) -> None:
    """Everything. A story is at rest when its last event is older than `rest_before` (an instant as a number)."""
    resting = story.last.time < rest_before
    order = _fold(story.events["order"], findings)
    over = order.over and resting
    held = check_claims(story, over, findings)
    if order.started is None:
        return
    _check_identity(story, findings)
    check_money(story, over, resting, findings)
    _check_funds(story, findings)
    _check_packages(story, order, findings)
    if resting:
        _check_end(story, order, findings)
        _check_kept(story, order, held, findings)
    if over:
        _check_steps(story, findings)
        _check_gone(story, order, findings)


def _fold(events: Iterable[Told], findings: Findings) -> _Order:
    order = _Order()
    for event in events:
        value = event.value
        if event.name in STARTS:
            order.started = order.started or event
        if event.name in STARTS or event.name == "LinesAdded":
            _add_lines(order, value["lines"])
        if event.name in ENDS:
            order.over = True
            order.holds.clear()
        elif event.name == "OrderReopened":
            order.over = False
        elif event.name == "HoldPlaced":
            order.holds.add(value["hold"])
        elif event.name == "HoldReleased":
            order.holds.discard(value["hold"])
        for name, is_set in event.deadlines.items():
            (order.deadlines.add if is_set else order.deadlines.discard)(name)
        for move in value.get("moves", ()):
            _move(order, move, event, findings)
    return order


def _add_lines(order: _Order, lines: Iterable[Mapping[str, Any]]) -> None:
    """A kit's own line has no units: its components have them."""
    kits = {line["relates_to"]["line"] for line in lines if _relation(line) == "component_of"}
    for line in lines:
        if line["line"] not in kits:
            order.ordered[line["line"]] += line["quantity"]
            order.buckets.setdefault(line["line"], Counter())["ordered"] += line["quantity"]


def _relation(line: Mapping[str, Any]) -> str | None:
    relation = line.get("relates_to", {}).get("kind")
    return None if relation is None else str(relation)


def _move(order: _Order, move: Mapping[str, Any], event: Told, findings: Findings) -> None:
    line = order.buckets.get(move["line"])
    if line is None:
        findings.expect("I-06 buckets", False, f"there is no line {move['line']} with units", event.place)
        return
    line[move["source"]] -= move["quantity"]
    line[move["target"]] += move["quantity"]
    what = f"line {move['line']} of {order.ordered[move['line']]} is in {dict(+line)}, {dict(-line)} below zero"
    findings.expect("I-06 buckets", move["quantity"] > 0 and line[move["source"]] >= 0, what, event.place)


def _check_identity(story: Story, findings: Findings) -> None:
    started = list(story.named("order", *STARTS))
    for event in started:
        value = event.value
        named = derived_id(value["tenant"], "order", value["channel_account"], value["external_id"])
        what = f"it should be order/{named}, as the only event that places it"
        findings.expect("I-13 order", event.stream == f"order/{named}" and len(started) == 1, what, event.place)


def _check_funds(story: Story, findings: Findings) -> None:
    """At each step of the order's own log. What a till handed out is a fact, which was paid there."""
    money, worth = OrderMoney(), 0
    for event in story.events["order"]:
        money.post(event)
        if event.name == "OrderPlaced":
            worth = event.value["totals"]["total"]["amount"]
        if event.name == "ReleasedToFulfillment":
            what = f"nothing of {worth} is secured"
            findings.expect("I-07 funds", money.secured > 0 or worth <= 0, what, event.place)
        elif event.name == "LinesFulfilled" and event.value["kind"] != HANDED_OUT:
            owed, funds = money.fulfilled - money.not_needed, money.secured + money.exchanged
            what = f"worth {owed} has left, and {funds} are secured or set against it"
            findings.expect("I-07 funds", owed <= funds, what, event.place)


def _check_packages(story: Story, order: _Order, findings: Findings) -> None:
    """Shipments are streams of their own, so only what holds in any order of theirs is asked."""
    homes: dict[str, str] = {}
    live: Counter[str] = Counter()
    void = {event.stream for event in story.named("shipping", "ShipmentCancelled")}
    shipped: Counter[str] = Counter()
    for event in story.events["shipping"]:
        match event.name:
            case "ShipmentCreated":
                for package in event.value["packages"]:
                    home = homes.setdefault(package["package"], event.stream)
                    what = f"the package {package['package']} is in {home} too"
                    findings.expect("I-06 packages", home == event.stream, what, event.place)
            case "LabelIssued" if event.stream not in void:
                for label in event.value["labels"]:
                    live[label["package"]] += 1
                    what = f"the package {label['package']} has another label"
                    findings.expect("I-06 labels", live[label["package"]] == 1, what, event.place)
            case "Shipped":
                for content in (content for package in event.value["packages"] for content in package["contents"]):
                    line = content["line"]
                    shipped[line] += content["quantity"]
                    most = order.ordered[line] - order.buckets.get(line, Counter())["cancelled"]
                    what = f"{shipped[line]} of line {line} were shipped, and {most} are ordered and not cancelled"
                    findings.expect("I-06 shipped", shipped[line] <= most, what, event.place)


def _check_end(story: Story, order: _Order, findings: Findings) -> None:
    """An order that rests is over, or waits for somebody or something by name."""
    reasons = [
        order.over,
        bool(order.holds),
        bool(order.deadlines),
        order.units("backordered", *AT_WORK) > 0,
        any(_unanswered(story)),
        any(story.named("payments", "TransferAwaited")),
    ]
    where = {line: dict(+buckets) for line, buckets in order.buckets.items()}
    what = f"the order is not over, and nobody and nothing is waited for; its units are in {where}"
    findings.expect("I-09 ends", any(reasons), what, story.last.place)


def _check_kept(story: Story, order: _Order, held: Counter[str], findings: Findings) -> None:
    for line, buckets in order.buckets.items():
        kept = sum(buckets[bucket] for bucket in KEPT)
        what = f"{kept} of line {line} are kept by the order, {held[line]} by claims"
        findings.expect("I-03 kept", kept == held[line], what, story.last.place)


def _unanswered(story: Story) -> list[Told]:
    """What the order asked for and never heard of again."""
    waits = []
    for asks, (name, answers) in ANSWERS.items():
        answered = {event.value.get(name) for event in story.named("order", *answers)}
        asked = (event for event in story.named("order", asks) if event.value.get("to") != SET_AGAINST)
        waits += [event for event in asked if event.value[name] not in answered]
    return waits


def _check_steps(story: Story, findings: Findings) -> None:
    asked = sum(1 for _ in story.named("order", *ANSWERS))
    findings.checked["I-10 steps"] += asked
    for event in _unanswered(story):
        findings.broken(
            "I-10 steps", f"the order is over, and nobody ever said what became of this {event.name}", event.place
        )
    ended = {e.stream for e in story.named("shipping", "Shipped", "ShipmentCancelled", "ShipmentRefused")}
    for event in story.named("shipping", "ShipmentCreated"):
        what = "the order is over, and this shipment was neither shipped nor cancelled"
        findings.expect("I-10 shipments", event.stream in ended, what, event.place)
    names = ("HandedOver", "Collected", "FulfillmentCancelled", "FulfillmentRejected", "CancelDecided", "Picked")
    ended = {event.stream for event in story.named("fulfillment", *names)}
    for event in story.named("fulfillment", "FulfillmentOrderCreated"):
        what = "the order is over, and nobody ended this work"
        findings.expect("I-10 work", event.stream in ended, what, event.place)


def _check_gone(story: Story, order: _Order, findings: Findings) -> None:
    gone: Counter[str] = Counter()
    for event in story.named("inventory", "StockFulfilled", "StockHandedOut"):
        gone[event.value["demand"]["line"]] += event.value["quantity"]
    for line, buckets in order.buckets.items():
        left = sum(buckets[bucket] for bucket in GONE)
        what = f"{left} of line {line} left by the order, {gone[line]} by the stock"
        findings.expect("I-06 gone", left == gone[line], what, story.last.place)
