"""The stock books kept once more, from inventory.events alone: what every event states must be what its movements and
claims add up to, at every prefix of the topic.

I-02: received + found + restocked = on hand + picked + gone, and the claims that lie inside what is sellable are those
of the demands. I-01: nothing below zero is available.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oms.demo.tail import Seen

__all__ = ["Claim", "StockBooks"]

SOURCES = ("received", "found", "restocked")
ON_HAND = ("sellable", "suspect", "damaged", "on_hold")
GONE = ("fulfilled", "scrapped", "lost")


@dataclass(slots=True)
class Claim:
    """What a claim holds, by location, and whether it is a soft one."""

    soft: bool = False
    held: Counter[str] = field(default_factory=Counter)


class StockBooks:
    """A book for each SKU and location. `unbalanced`, `overclaimed` and `oversold` say which events state something
    else than the books; `levels` is how many levels were compared."""

    def __init__(self) -> None:
        self._books: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._claims: dict[tuple[str, str, str, int], Claim] = defaultdict(Claim)
        self._claimed: dict[tuple[str, str], Counter[bool]] = defaultdict(Counter)
        self._held: Counter[tuple[str, str]] = Counter()
        self.supplies: Counter[tuple[str, str]] = Counter()
        self.unbalanced: list[str] = []
        self.overclaimed: list[str] = []
        self.oversold: list[str] = []
        self.levels = 0

    def note(self, event: Seen) -> None:
        """Book one event, and compare what it states."""
        value = event.value
        sku = value.get("sku", "")
        for movement in value.get("movements", ()):
            book = self._books[sku, movement["location"]]
            book[movement["source"]] -= movement["quantity"]
            book[movement["target"]] += movement["quantity"]
        if "demand" in value:
            self._note_claim(sku, event)
        self._note_supply(sku, event)
        for level in value.get("levels", ()):
            self._compare(sku, level)

    def held_for(self, order: str, line: str) -> int:
        """Units that claims hold for a line of an order, on the shelf."""
        return self._held[order, line]

    def _note_claim(self, sku: str, event: Seen) -> None:
        value, demand = event.value, event.value["demand"]
        if "sequence" not in value:
            return
        key = (demand["kind"], demand["id"], demand["line"], value["sequence"])
        claim = self._claims[key]
        match event.name:
            case "StockReserved":
                claim.soft = "soft_until" in value
                self._hold(sku, key, claim, value["location"], value["quantity"])
            case "ReservationBroken":
                self._hold(sku, key, claim, value["location"], -value["quantity"])
            case "ClaimReduced" if value["quantity"]:
                self._hold(sku, key, claim, value["location"], -value["quantity"])
            case "StockPicked":
                self._hold(sku, key, claim, value["location"], -value["from_claim"])
            case "ClaimHardened":
                self._harden(sku, claim)
            case "ClaimReleased" | "ClaimExpired":
                for location, quantity in list(claim.held.items()):
                    self._hold(sku, key, claim, location, -quantity)

    def _hold(self, sku: str, key: tuple[str, str, str, int], claim: Claim, location: str, change: int) -> None:
        claim.held[location] += change
        self._claimed[sku, location][claim.soft] += change
        kind, identifier, line, _ = key
        if kind == "order":
            self._held[identifier, line] += change

    def _harden(self, sku: str, claim: Claim) -> None:
        if not claim.soft:
            return
        claim.soft = False
        for location, quantity in claim.held.items():
            self._claimed[sku, location][True] -= quantity
            self._claimed[sku, location][False] += quantity

    def _note_supply(self, sku: str, event: Seen) -> None:
        """What is still expected of a named supply of a SKU."""
        value = event.value
        if event.name == "SupplyExpected":
            self.supplies[sku, value["supply"]] = value["quantity"]
        elif event.name == "StockReceived" and "supply" in value:
            self.supplies[sku, value["supply"]] = value.get("supply_open", 0)

    def _compare(self, sku: str, level: Mapping[str, Any]) -> None:
        self.levels += 1
        where = f"{sku} at {level['location']}: level {dict(level)}"
        book = self._books[sku, level["location"]]
        if not _balances(level, book):
            self.unbalanced.append(f"{where} against book {dict(book)}")
        claimed = self._claimed[sku, level["location"]]
        if (level["reserved"], level["soft"]) != (claimed[False], claimed[True]):
            self.overclaimed.append(f"{where} against claims of {claimed[False]}, soft {claimed[True]}")
        if level["available"] != level["sellable"] - level["reserved"] - level["soft"] or level["available"] < 0:
            self.oversold.append(where)


def _balances(level: Mapping[str, Any], book: Counter[str]) -> bool:
    """Whether what came in is on hand, picked or gone, as the event states it; nothing of it is below zero."""
    came = -sum(book[bucket] for bucket in SOURCES)
    held = sum(book[bucket] for bucket in ON_HAND)
    return (
        came == held + book["picked"] + sum(book[bucket] for bucket in GONE)
        and level["on_hand"] == held
        and all(level[bucket] == book[bucket] >= 0 for bucket in (*ON_HAND, "picked"))
    )
