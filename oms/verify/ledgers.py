"""I-04, beside orders: stored value is never spent twice, and documents are numbered without a gap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from oms.verify.findings import Findings
from oms.verify.reading import EVENT, Message

__all__ = ["Ledgers"]


@dataclass(slots=True)
class _Value:
    """What is on a gift card or store credit, in minor units. `holds` are what orders hold of it."""

    issued: int = 0
    available: int = 0
    redeemed: int = 0
    expired: int = 0
    holds: dict[str, int] = field(default_factory=dict)

    @property
    def sums(self) -> bool:
        held = sum(self.holds.values())
        parts = (self.available, held, self.redeemed, self.expired, *self.holds.values())
        return self.issued == self.available + held + self.redeemed + self.expired and min(parts) >= 0

    def let_go(self, hold: str, amount: int) -> None:
        """Take away from a hold; one that holds nothing is forgotten."""
        left = self.holds.pop(hold, 0) - amount
        if left:
            self.holds[hold] = left

    def __str__(self) -> str:
        held = sum(self.holds.values())
        return f"issued {self.issued}, available {self.available}, held {held}, redeemed {self.redeemed}, expired {self.expired}"


@dataclass
class Ledgers:
    """Each ledger of stored value and each series of documents is one stream; a few numbers are kept of each. What is
    used up is forgotten: it sums, so what comes later sums without it."""

    findings: Findings
    _values: dict[str, _Value] = field(default_factory=dict)
    _series: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def kept(self) -> Mapping[str, int]:
        """How many entries there are, by what they are about."""
        return {"stored values": len(self._values), "series": len(self._series)}

    def hear(self, message: Message) -> None:
        """Book an event of payments that is about one of them."""
        if message.kind != EVENT or message.service != "payments":
            return
        if message.name == "NumberAssigned":
            self._number(message)
        elif message.name in ("ValueIssued", "ValueHeld", "ValueRedeemed", "ValueReleased", "ValueExpired"):
            self._value(message)

    def _number(self, message: Message) -> None:
        series = (message.head["ce_subject"], message.value["series"])
        self._series[series] += 1
        what = f"the number {message.value['number']} should have the place {self._series[series]} in its series"
        holds = message.value["sequence"] == self._series[series]
        self.findings.expect("I-04 numbers", holds, what, message.record.place)

    def _value(self, message: Message) -> None:
        value = message.value
        ledger = self._values.setdefault(message.head["ce_subject"], _Value())
        amount = (value.get("amount") or {"amount": 0})["amount"]
        match message.name:
            case "ValueIssued":
                ledger.issued += amount
                ledger.available += amount
            case "ValueHeld":
                ledger.available -= amount
                ledger.holds[value["hold"]] = ledger.holds.get(value["hold"], 0) + amount
            case "ValueRedeemed":
                ledger.let_go(value["hold"], amount)
                ledger.redeemed += amount
            case "ValueReleased":
                ledger.let_go(value["hold"], amount)
                ledger.available += amount
            case "ValueExpired":
                ledger.available -= amount
                ledger.expired += amount
        stated = value.get("available")
        whole = ledger.sums and (stated is None or stated["amount"] == ledger.available)
        self.findings.expect("I-04 value", whole, str(ledger), message.record.place)
        if whole and not ledger.available and not ledger.holds:
            del self._values[message.head["ce_subject"]]
