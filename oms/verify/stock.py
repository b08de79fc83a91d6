"""I-01 and I-02: the stock books kept once more from what inventory's events move, compared with what they state.

A stock item is one stream, so each prefix of a partition is a prefix of each of its items.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oms.verify.findings import Findings
from oms.verify.reading import EVENT, Message

__all__ = ["StockBooks"]

CAME = ("received", "found", "restocked")
ON_HAND = ("sellable", "suspect", "damaged", "on_hold")
GONE = ("fulfilled", "scrapped", "lost")

ClaimKey = tuple[str, str, str, str, int]
"""SKU, kind of demand, its id, its line, sequence of the claim."""


@dataclass(slots=True)
class _Claim:
    """What a claim holds, by location."""

    soft: bool = False
    held: Counter[str] = field(default_factory=Counter)


@dataclass
class StockBooks:
    """A book for each SKU and location, and the claims that hold something. What ended is forgotten: a book that
    balances with nothing on hand, picked or claimed says nothing about what comes later."""

    findings: Findings
    _books: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _claims: dict[ClaimKey, _Claim] = field(default_factory=dict)
    _claimed: dict[tuple[str, str], Counter[bool]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def kept(self) -> Mapping[str, int]:
        """How many entries there are, by what they are about."""
        return {"books": len(self._books | self._claimed), "claims": len(self._claims)}

    def hear(self, message: Message) -> None:
        """Book an event of inventory, and compare the levels that it states."""
        if message.kind != EVENT or message.service != "inventory":
            return
        value = message.value
        sku = value.get("sku", "")
        for movement in value.get("movements", ()):
            book = self._books[sku, movement["location"]]
            book[movement["source"]] -= movement["quantity"]
            book[movement["target"]] += movement["quantity"]
        if "demand" in value and "sequence" in value:
            self._claim(sku, message)
        for level in value.get("levels", ()):
            self._compare(sku, level, message)

    def _claim(self, sku: str, message: Message) -> None:
        value, demand = message.value, message.value["demand"]
        key = (sku, demand["kind"], demand["id"], demand["line"], value["sequence"])
        claim = self._claims.setdefault(key, _Claim())
        match message.name:
            case "StockReserved":
                claim.soft = "soft_until" in value
                self._hold(sku, claim, value["location"], value["quantity"])
            case "ReservationBroken":
                self._hold(sku, claim, value["location"], -value["quantity"])
            case "ClaimReduced" if value["quantity"]:
                self._hold(sku, claim, value["location"], -value["quantity"])
            case "StockPicked":
                self._hold(sku, claim, value["location"], -value["from_claim"])
            case "ClaimHardened":
                self._harden(sku, claim)
            case "ClaimReleased" | "ClaimExpired":
                for location, quantity in list(claim.held.items()):
                    self._hold(sku, claim, location, -quantity)
        if not claim.held.total():
            del self._claims[key]

    def _hold(self, sku: str, claim: _Claim, location: str, change: int) -> None:
        claim.held[location] += change
        self._claimed[sku, location][claim.soft] += change

    def _harden(self, sku: str, claim: _Claim) -> None:
        if claim.soft:
            claim.soft = False
            for location, quantity in claim.held.items():
                self._claimed[sku, location][True] -= quantity
                self._claimed[sku, location][False] += quantity

    def _compare(self, sku: str, level: Mapping[str, Any], message: Message) -> None:
        place, expect = message.record.place, self.findings.expect
        where = f"{sku} at {level['location']}"
        book, claimed = self._books[sku, level["location"]], self._claimed[sku, level["location"]]
        held = sum(book[bucket] for bucket in ON_HAND)
        came = -sum(book[bucket] for bucket in CAME)
        balanced = came == held + book["picked"] + sum(book[bucket] for bucket in GONE)
        stated = level["on_hand"] == held and all(level[b] == book[b] >= 0 for b in (*ON_HAND, "picked"))
        expect("I-02 stock", balanced and stated, f"{where}: the movements come to {dict(book)}", place)
        claims = (level["reserved"], level["soft"]) == (claimed[False], claimed[True])
        expect("I-02 claims", claims, f"{where}: the claims hold {claimed[False]}, soft {claimed[True]}", place)
        free = level["sellable"] - level["reserved"] - level["soft"]
        expect("I-01 oversold", level["available"] == free >= 0, f"{where}: {free} are free", place)
        if balanced and stated and not (held or book["picked"] or any(claimed.values())):
            del self._books[sku, level["location"]], self._claimed[sku, level["location"]]
