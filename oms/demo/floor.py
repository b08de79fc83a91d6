"""People outside: the staff of warehouses and stores who pick, pack and hand over the counter, and the carrier's drivers.

They learn of work from the public topics, each from the event before theirs, and answer through the public doors with
documents of their own. Since a deed follows from the last fact alone, the floor takes up its work again wherever it,
or Orderlog, was stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.message import format_instant
from contracts.order import ShipMethod
from contracts.shipping import TrackingStatus
from oms.demo.door import Door
from oms.demo.tail import Seen

__all__ = ["Floor"]

WAITING_MAX = 5_000
"""Deeds that may wait for a pair of hands; beyond that the floor reads no further events."""
HANDS = 24

GRAMS_A_PIECE = 450
GRAMS_A_LITRE_OF_FUEL = 750
PACKAGING_GRAMS = 150

Deed = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Work:
    """An open fulfillment order: its lines as ordered, which way it goes, and the last fact known about it."""

    lines: list[dict[str, Any]]
    method: str
    fact: Seen


class Floor:
    """Folds what is to be done from the topics, and does it. `start` after the past was read, `note` before and after.

    Staff and the carrier each come in by a door of their own: neither may do the other's deeds. `mislaid` says by order of
    which article the first to look for it finds a unit less.
    """

    def __init__(self, staff: Door, carrier: Door, mislaid: Mapping[str, str] | None = None) -> None:
        self._staff, self._carrier = staff, carrier
        self._mislaid = dict(mislaid or {})
        self._open: dict[str, Work] = {}
        self._labelled: set[str] = set()
        self._asked: dict[str, Seen] = {}
        self._underway: dict[str, Seen] = {}
        self._deeds: asyncio.Queue[Deed] = asyncio.Queue(WAITING_MAX)
        self._started = False

    async def start(self) -> None:
        """Take up what the past left open; from now on every event noted is acted on at once."""
        self._started = True
        for work in list(self._open.values()):
            await self._act(work)
        for request in list(self._asked.values()):
            await self.do(lambda event=request: self._decide(event))  # type: ignore[misc]
        for shipped in list(self._underway.values()):
            await self.do(lambda event=shipped: self._deliver(event))  # type: ignore[misc]

    @property
    def on_the_road(self) -> int:
        """Shipments that have left and are not all delivered."""
        return len(self._underway)

    @property
    def at_work(self) -> int:
        """Fulfillment orders that are open."""
        return len(self._open)

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be done."""
        return self._deeds.empty()

    async def do(self, deed: Deed) -> None:
        """Have something else done, such as a delivery unloaded; waits while too much is waiting to be done."""
        await self._deeds.put(deed)

    async def work(self) -> None:
        """Do deeds until cancelled, with many hands. An error of one ends all."""
        async with asyncio.TaskGroup() as hands:
            for _ in range(HANDS):
                hands.create_task(self._hand())

    async def _hand(self) -> None:
        while True:
            deed = await self._deeds.get()
            await deed()

    async def note(self, event: Seen) -> None:
        """Take in one event of fulfillment or shipping; waits while too much is waiting to be done."""
        match event.name:
            case "FulfillmentOrderCreated":
                self._open[event.id] = Work(event.value["lines"], event.value["method"], event)
                await self._act_live(event.id)
            case "FulfillmentAccepted" | "Picked" | "Packed" | "ReadyForPickup":
                if any(line.get("short") for line in event.value.get("lines", ())):
                    self._mislaid.pop(event.value["order_id"], None)
                if event.id in self._open:
                    self._open[event.id].fact = event
                    await self._act_live(event.id)
            case "LabelIssued":
                await self._note_label(event.value["fulfillment_order"])
            case "CancelRequested" | "CancelDecided":
                await self._note_cancel(event)
            case "HandedOver" | "Collected" | "FulfillmentCancelled" | "FulfillmentRejected":
                self._open.pop(event.id, None)
            case "Shipped":
                self._labelled.discard(event.value["fulfillment_order"])
                self._underway[event.id] = event
                if self._started:
                    await self.do(lambda: self._deliver(event))
            case "Delivered":
                if not event.value["outstanding"]:
                    self._underway.pop(event.id, None)

    async def _note_cancel(self, event: Seen) -> None:
        """What was let go of is not worked on any more; the rest is."""
        if event.name == "CancelRequested":
            self._asked[event.id] = event
            if self._started:
                await self.do(lambda: self._decide(event))
            return
        self._asked.pop(event.id, None)
        if event.id in self._open:
            work = self._open[event.id]
            work.lines = _without(work.lines, event.value["lines"])
            if not work.lines:
                del self._open[event.id]

    async def _note_label(self, order: str) -> None:
        """The label may be seen before the packing that it is for: they come from two topics."""
        self._labelled.add(order)
        if order in self._open and self._open[order].fact.name == "Packed":
            await self._act_live(order)

    async def _act_live(self, order: str) -> None:
        if self._started:
            await self._act(self._open[order])

    async def _act(self, work: Work) -> None:
        """Queue the deed that follows from the last fact; packed goods wait for their labels, goods laid ready for
        nobody: their customer comes at once."""
        deeds = {"FulfillmentOrderCreated": self._accept, "FulfillmentAccepted": self._pick, "Picked": self._pack}
        if work.method == ShipMethod.PICKUP:
            deeds |= {"Picked": self._lay_ready, "Packed": self._lay_ready, "ReadyForPickup": self._collect}
        fact = work.fact
        deed = deeds.get(fact.name) or (self._hand_over if fact.id in self._labelled else None)
        if deed is not None:
            await self.do(lambda: deed(fact, work))

    async def _accept(self, fact: Seen, _: Work) -> None:
        await self._report(fact.id, "acceptance", {"accepted": True})

    async def _pick(self, fact: Seen, work: Work) -> None:
        missed = self._mislaid.get(fact.value["order_id"])
        lines = [_picked(line, 1 if line["sku"] == missed else 0) for line in work.lines]
        await self._report(fact.id, "pick", {"lines": lines})

    async def _pack(self, fact: Seen, _: Work) -> None:
        """Everything picked goes into one package; where nothing was picked, nothing follows."""
        picked = [line for line in fact.value["lines"] if line["quantity"]]
        if not picked:
            self._open.pop(fact.id, None)
            return
        contents = [{key: line[key] for key in ("line", "sequence", "quantity")} for line in picked]
        package = {"number": 1, "contents": contents, "weight_grams": PACKAGING_GRAMS + sum(map(_grams, picked))}
        await self._report(fact.id, "pack", {"packages": [package]})

    async def _hand_over(self, fact: Seen, _: Work) -> None:
        await self._report(fact.id, "hand-over", {"handed_to": "own-fleet driver"})

    async def _lay_ready(self, fact: Seen, _: Work) -> None:
        """What was picked is laid ready as it is; where nothing was picked, nothing follows."""
        if fact.name == "Picked" and not any(line["quantity"] for line in fact.value["lines"]):
            self._open.pop(fact.id, None)
            return
        await self._report(fact.id, "ready", {"shelf": "counter"})

    async def _collect(self, fact: Seen, _: Work) -> None:
        await self._report(fact.id, "collection", {})

    async def _decide(self, request: Seen) -> None:
        """What nobody has picked is let go of; what is picked already goes out, perhaps before this is said."""
        work = self._open.get(request.id)
        picks = work is not None and work.fact.name == "FulfillmentAccepted"
        lines = [
            {"line": line["line"], "sequence": line["sequence"], "granted": line["quantity"] if picks else 0}
            | ({} if picks else {"reason": "picked already"})
            for line in request.value["lines"]
        ]
        document = f"cancel-decision-{request.id}-{request.value['request']}"
        path = f"/fulfillment-orders/{request.id}/cancel-decision"
        await self._staff.wish(path, {"document": document, "lines": lines}, document)

    async def _report(self, order: str, step: str, body: dict[str, Any]) -> None:
        document = f"{step}-{order}"
        await self._staff.post(f"/fulfillment-orders/{order}/{step}", {"document": document, **body}, document)

    async def _deliver(self, shipped: Seen) -> None:
        """Reported with the time of the shipment, not the clock's: a report that is repeated must be the same."""
        for package in shipped.value["packages"]:
            event_id = f"delivered-{package['package']}"
            body = {
                "carrier": shipped.value["carrier"],
                "event_id": event_id,
                "package": package["package"],
                "status": TrackingStatus.DELIVERED.value,
                "occurred_at": format_instant(shipped.time),
            }
            await self._carrier.post(f"/shipments/{shipped.id}/tracking", body, event_id)


def _without(lines: Sequence[dict[str, Any]], decided: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is left of work once these units of it were let go of."""
    granted = {(each["line"], each["sequence"]): each["granted"] for each in decided}
    left = [{**line, "quantity": line["quantity"] - granted.get((line["line"], line["sequence"]), 0)} for line in lines]
    return [line for line in left if line["quantity"] > 0]


def _picked(line: dict[str, Any], short: int) -> dict[str, Any]:
    """What is taken for a line, all but `short` of it."""
    taken = {"line": line["line"], "sequence": line["sequence"], "quantity": line["quantity"] - short}
    return {**taken, "short_reason": "not_on_shelf"} if short else taken


def _grams(line: dict[str, Any]) -> int:
    """What a picked line weighs; fuel by the litre, everything else by the piece."""
    quantity: int = line["quantity"]
    return -(-quantity * GRAMS_A_LITRE_OF_FUEL // 1_000) if line["unit"] == "ml" else quantity * GRAMS_A_PIECE
