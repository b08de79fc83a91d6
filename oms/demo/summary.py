"""What became of a run, computed from the public topics alone, and what must be true of this run.

Whether promises were kept is asked of the outside checker (`promises.py`): here is what that cannot know, which is what
was sent and how a run has to end. How it looks is `report.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.topics import CHANNEL_ORDERS, CHANNEL_UPDATES
from oms.demo.mix import Evidence, MixCount, mix_of
from oms.demo.supplies import Supplies
from oms.demo.tail import Seen

__all__ = ["SHOWN_MAX", "Check", "OrderStory", "Summary", "summarise"]

SHOWN_MAX = 5
"""Examples that a failed check names."""

PERCENTILES = (50, 95, 99)

WAITING_PERCENT_MAX = 2
"""How many lines of a hundred may still wait for goods at the end of a run."""

AT_REST = frozenset({"backordered", "cancelled", "fulfilled", "delivered", "return_requested", "returned"})
"""Where units of an open order are when nobody has anything to do but wait for goods."""

CLOSING = {"OrderCompleted": "completed", "OrderCancelled": "cancelled"}


@dataclass(slots=True)
class OrderStory:
    """What the topics say about one order. Money in minor units; units of a line in buckets, by line. `closed` is when it
    was so at first."""

    placed: datetime | None = None
    confirmed: datetime | None = None
    closed: datetime | None = None
    state: str = "missing"
    holds: dict[str, str] = field(default_factory=dict)
    together: bool = False
    ordered: dict[str, int] = field(default_factory=dict)
    buckets: dict[str, Counter[str]] = field(default_factory=dict)
    currency: str = ""
    short: set[str] = field(default_factory=set)
    reserved: set[str] = field(default_factory=set)
    queued: dict[str, str] = field(default_factory=dict)
    waiting: Counter[str] = field(default_factory=Counter)
    supplies: dict[str, str] = field(default_factory=dict)
    authorised: int = 0
    captured: int = 0
    refunded: int = 0
    voided: int = 0
    heard: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    last_word: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A sum that must check: what it says, over how many cases, and the first cases that contradict it."""

    says: str
    cases: int
    failures: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing contradicts it."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class Summary:
    """The outcome of a run. Money by currency, in minor units; latencies in milliseconds by percentile."""

    states: Counter[str]
    lines: int
    lines_short: int
    lines_reserved: int
    lines_queued: int
    lines_cancelled: int
    authorised: Counter[str]
    captured: Counter[str]
    refunded: Counter[str]
    voided: Counter[str]
    updates: Counter[str]
    notices: Counter[str]
    orders_per_second: float
    confirmed_ms: dict[int, int]
    completed_ms: dict[int, int]
    open_orders: tuple[str, ...]
    holds: Counter[str]
    mix: tuple[MixCount, ...]
    checks: tuple[Check, ...]

    @property
    def clean(self) -> bool:
        """Whether every check holds, and nothing of the mix is missing."""
        return all(check.holds for check in self.checks) and all(row.holds for row in self.mix)


def summarise(orders: Iterable[str], history: Callable[[str], Iterable[Seen]]) -> Summary:
    """The summary of these orders (ids). `history` gives all events of a service, or what channels published or were
    told, each partition in its order."""
    stories = {order: OrderStory() for order in orders}
    evidence, supplies = Evidence(stories.keys()), Supplies()
    for event in history("order"):
        evidence.note(event)
        if story := stories.get(event.id):
            _note_order(story, event)
    for event in history("inventory"):
        evidence.note(event)
        supplies.note(event)
        demand = event.value.get("demand")
        if demand and demand["kind"] == "order" and (story := stories.get(demand["id"])):
            _note_claim(story, demand["line"], event)
    for event in history("payments"):
        evidence.note(event)
        if story := stories.get(event.id):
            _note_payment(story, event)
    for source in ("fulfillment", CHANNEL_ORDERS):
        for event in history(source):
            evidence.note(event)
    for update in history(CHANNEL_UPDATES):
        if story := stories.get(update.id):
            story.heard[update.value["kind"]] += 1
            story.last_word = story.last_word or update.value["closed"]
    return _summary(stories, _checks(stories, supplies), evidence)


def _note_order(story: OrderStory, event: Seen) -> None:
    value = event.value
    _move(story, value.get("moves", ()))
    match event.name:
        case "OrderPlaced":
            story.placed, story.state, story.currency = event.time, "open", value["currency"]
            story.together = any(group["complete"] for group in value["ship_groups"])
            kits = {line["relates_to"]["line"] for line in value["lines"] if "channel_line" not in line}
            story.ordered = {line["line"]: line["quantity"] for line in value["lines"] if line["line"] not in kits}
            story.buckets = {line: Counter(ordered=quantity) for line, quantity in story.ordered.items()}
        case "SourcingDecided":
            story.short |= {part["line"] for part in value["allocations"] if part.get("queue")}
            story.short |= {part["line"] for part in value.get("shortages", ())}
        case "HoldPlaced":
            story.holds[value["hold"]] = value["kind"]
        case "HoldReleased":
            story.holds.pop(value["hold"], None)
        case "OrderConfirmed":
            story.confirmed = story.confirmed or event.time
        case "NoticeSent":
            story.told[value["kind"]] += 1
        case "OrderCompleted" | "OrderCancelled":
            story.closed, story.state = story.closed or event.time, CLOSING[event.name]
            story.holds.clear()
        case "OrderReopened":
            story.state = "open"
        case "LinesAdded":
            more = {line["line"]: line["quantity"] for line in value["lines"]}
            story.ordered |= more
            story.buckets |= {line: Counter(ordered=quantity) for line, quantity in more.items()}


def _move(story: OrderStory, moves: Iterable[Mapping[str, Any]]) -> None:
    for move in moves:
        buckets = story.buckets.setdefault(move["line"], Counter())
        buckets[move["source"]] -= move["quantity"]
        buckets[move["target"]] += move["quantity"]


def _note_payment(story: OrderStory, event: Seen) -> None:
    match event.name:
        case "PaymentAuthorized":
            story.authorised += event.value["amount"]["amount"]
        case "PaymentIncreased" if not event.value.get("repeated"):
            story.authorised += event.value["amount"]["amount"]
        case "PaymentCaptured":
            story.captured += event.value["amount"]["amount"]
        case "PaymentRefunded":
            story.refunded += event.value["amount"]["amount"]
        case "PaymentVoided":
            story.voided += (event.value.get("amount") or {"amount": 0})["amount"]


def _note_claim(story: OrderStory, line: str, event: Seen) -> None:
    value = event.value
    claim = f"{line}/{value.get('sequence')}"
    match event.name:
        case "StockReserved":
            story.reserved.add(line)
            story.waiting[claim] = value.get("waiting", 0)
        case "DemandQueued":
            story.short.add(line)
            story.queued[line] = value["sku"]
            story.waiting[claim] = value["quantity"]
            if value.get("awaits"):
                story.supplies[line] = value["awaits"]
        case "StockRejected":
            story.short.add(line)
        case "ClaimReduced":
            story.waiting[claim] -= value["withdrawn"]
        case "ClaimReleased":
            story.waiting[claim] = 0


def _summary(stories: Mapping[str, OrderStory], checks: tuple[Check, ...], evidence: Evidence) -> Summary:
    told = list(stories.values())
    open_orders = [order for order, story in stories.items() if story.state not in CLOSING.values()]
    return Summary(
        states=Counter(_state(story) for story in told),
        lines=sum(len(story.ordered) for story in told),
        lines_short=sum(len(story.short) for story in told),
        lines_reserved=sum(len(story.reserved) for story in told),
        lines_queued=sum(len(story.queued) for story in told),
        lines_cancelled=sum(bool(buckets["cancelled"]) for story in told for buckets in story.buckets.values()),
        authorised=_money(told, lambda story: story.authorised),
        captured=_money(told, lambda story: story.captured),
        refunded=_money(told, lambda story: story.refunded),
        voided=_money(told, lambda story: story.voided),
        updates=sum((story.heard for story in told), Counter()),
        notices=sum((story.told for story in told), Counter()),
        orders_per_second=_pace(told),
        confirmed_ms=_percentiles(_between(story.placed, story.confirmed) for story in told),
        completed_ms=_percentiles(_between(story.placed, story.closed) for story in told if story.state == "completed"),
        open_orders=tuple(open_orders),
        holds=Counter(kind for story in told for kind in story.holds.values()),
        mix=mix_of(evidence),
        checks=checks,
    )


def _state(story: OrderStory) -> str:
    if story.state == "open":
        return "held" if story.holds else "queued" if story.waiting.total() else "in progress"
    return story.state


def _money(told: Iterable[OrderStory], amount: Callable[[OrderStory], int]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for story in told:
        if story.currency:
            sums[story.currency] += amount(story)
    return sums


def _pace(told: Iterable[OrderStory]) -> float:
    """Orders closed a second, from the first placed to the last closed."""
    placed = [story.placed for story in told if story.placed]
    closed = [story.closed for story in told if story.closed]
    if not placed or not closed:
        return 0.0
    seconds = (max(closed) - min(placed)).total_seconds()
    return len(closed) / seconds if seconds > 0 else 0.0


def _between(start: datetime | None, end: datetime | None) -> int | None:
    return None if start is None or end is None else round((end - start).total_seconds() * 1_000)


def _percentiles(values: Iterable[int | None]) -> dict[int, int]:
    """By nearest rank; empty when there is nothing to measure."""
    known = sorted(value for value in values if value is not None)
    return {part: known[max(0, -(-len(known) * part // 100) - 1)] for part in PERCENTILES} if known else {}


def _checks(stories: Mapping[str, OrderStory], supplies: Supplies) -> tuple[Check, ...]:
    def each(says: str, wrong: Callable[[OrderStory], str | None]) -> Check:
        found = [f"{order}: {why}" for order, story in stories.items() if (why := wrong(story))]
        return Check(says, len(stories), tuple(found[:SHOWN_MAX]))

    return (
        each("every published order was placed", lambda story: None if story.placed else "no OrderPlaced"),
        each("the channel heard of every order: accepted, or held", _unheard),
        each("every order is final, or waits for a named supply alone", lambda story: _adrift(story, supplies)),
        _few_wait(stories),
    )


def _unheard(story: OrderStory) -> str | None:
    """An order that is over must be known to be over."""
    if not story.heard["accepted"] and not story.heard["held"]:
        return f"neither accepted nor held: {dict(story.heard)}"
    return "nobody said that it is over" if story.state in CLOSING.values() and not story.last_word else None


def _waiting_lines(story: OrderStory) -> set[str]:
    return {claim.partition("/")[0] for claim, quantity in story.waiting.items() if quantity}


def _adrift(story: OrderStory, supplies: Supplies) -> str | None:
    """An order that is not over waits for supplies that are still to come, and for nothing else; what is to leave
    together with what waits is kept for it."""
    if story.state in CLOSING.values():
        return None
    if story.holds:
        return f"held: {', '.join(sorted(story.holds.values()))}"
    waiting = _waiting_lines(story)
    nameless = [line for line in waiting if not supplies.open[story.queued[line], story.supplies.get(line, "")]]
    moving = {bucket for buckets in story.buckets.values() for bucket, count in buckets.items() if count} - AT_REST
    if story.together:
        moving.discard("reserved")
    if waiting and not nameless and not moving:
        return None
    return f"{story.state}, {len(nameless)} lines wait for no named supply; units are {', '.join(sorted(moving))}"


def _few_wait(stories: Mapping[str, OrderStory]) -> Check:
    lines = sum(len(story.ordered) for story in stories.values())
    waiting = sum(len(_waiting_lines(story)) for story in stories.values())
    few = waiting * 100 < lines * WAITING_PERCENT_MAX or not waiting
    says = f"under {WAITING_PERCENT_MAX} % of the lines still wait"
    return Check(says, lines, () if few else (f"{waiting} of {lines} lines wait",))
