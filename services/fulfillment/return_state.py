"""The state of a return: what was announced, what has come where, and what became of each unit.

Units lie in piles: at a location, of a line or of none, and either unseen or with a disposition. What may happen is
decided in return_facts.py and customer_return.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.fulfillment import (
    AnnouncedLine,
    Disposition,
    InspectedUnits,
    ReturnCancelCause,
    ReturnCancelled,
    ReturnClosed,
    ReturnedItem,
    ReturnInspected,
    ReturnMatched,
    ReturnOpened,
    ReturnReceived,
    ReturnReopened,
    ReturnSent,
)
from contracts.message import Event

__all__ = ["CAME", "Pile", "Return", "ReturnStage", "announced", "evolve", "expected", "inspected", "piles", "unseen"]


class ReturnStage(StrEnum):
    """Where a return stands. `partly_received`: more is announced; `received`: all that was announced is here;
    `inspected`: somebody looked at every unit."""

    UNKNOWN = "unknown"
    OPEN = "open"
    IN_TRANSIT = "in_transit"
    PARTLY_RECEIVED = "partly_received"
    RECEIVED = "received"
    INSPECTED = "inspected"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


CAME = (ReturnStage.PARTLY_RECEIVED, ReturnStage.RECEIVED, ReturnStage.INSPECTED)
"""Goods are here, and something is still to be done about the return."""


class Pile(NamedTuple):
    """Where units are, what they are, and what was said of them: nothing (`unseen`) or a disposition."""

    location: str
    line: str
    sku: str
    unit: str
    said: str = ""

    @property
    def key(self) -> str:
        """Its name among the piles of a return."""
        return "\x1f".join(self)

    @property
    def disposition(self) -> Disposition | None:
        """What was said of its units; None while nobody has looked at them."""
        return Disposition(self.said) if self.said else None

    def of_line(self, line: str) -> Pile:
        """The same goods, of a line that they turn out to belong to."""
        return self._replace(line=line)

    def told(self, disposition: Disposition | None) -> Pile:
        """The same goods, of which this is said."""
        return self._replace(said=disposition or "")


@dataclass(frozen=True, slots=True)
class Return:
    """A return. `units` by pile; `receipts` and `inspections` by the node's document. What is `given_up` is not expected any
    more, though it is taken should it come."""

    stage: ReturnStage = ReturnStage.UNKNOWN
    opened: ReturnOpened | None = None
    matched: ReturnMatched | None = None
    sent: ReturnSent | None = None
    receipts: HashTrieMap[str, ReturnReceived] = HashTrieMap()
    inspections: HashTrieMap[str, ReturnInspected] = HashTrieMap()
    units: HashTrieMap[str, int] = HashTrieMap()
    given_up: bool = False

    @property
    def lines(self) -> tuple[AnnouncedLine, ...]:
        """What was announced, at first or once it was matched."""
        if self.matched is not None:
            return self.matched.lines
        return () if self.opened is None else self.opened.lines

    @property
    def order_id(self) -> str | None:
        """The order that they come from; None while nobody knows."""
        if self.matched is not None:
            return self.matched.order_id
        return None if self.opened is None else self.opened.order_id

    @property
    def reply_to(self) -> str | None:
        """Who hears what becomes of it."""
        if self.matched is not None:
            return self.matched.reply_to
        return None if self.opened is None else self.opened.reply_to


def announced(state: Return) -> ReturnOpened | ReturnMatched | None:
    """What an order announced, while something of it is still to come."""
    known = state.matched or state.opened
    return known if known is not None and known.order_id is not None and expected(state) else None


def piles(state: Return) -> Iterator[tuple[Pile, int]]:
    """Every pile with its units, in an order of its own that never changes."""
    for key, quantity in sorted(state.units.items()):
        yield Pile(*key.split("\x1f")), quantity


def expected(state: Return) -> int:
    """Units of the announced lines that have still to come."""
    if state.given_up:
        return 0
    came: dict[str, int] = {}
    for pile, quantity in piles(state):
        came[pile.line] = came.get(pile.line, 0) + quantity
    return sum(max(0, line.quantity - came.get(line.line, 0)) for line in state.lines)


def unseen(state: Return) -> int:
    """Units that came and that nobody has looked at."""
    return sum(quantity for pile, quantity in piles(state) if pile.disposition is None)


def inspected(state: Return) -> tuple[InspectedUnits, ...]:
    """What became of the units that somebody looked at, over all locations."""
    found: dict[tuple[str, str, Disposition], int] = {}
    for pile, quantity in piles(state):
        if pile.disposition is not None:
            key = pile.line, pile.sku, pile.disposition
            found[key] = found.get(key, 0) + quantity
    return tuple(
        InspectedUnits(line=line or None, sku=sku, quantity=quantity, disposition=disposition)
        for (line, sku, disposition), quantity in sorted(found.items())
    )


# Evolve


def evolve(state: Return, event: Event) -> Return:
    """The return after one more event of its stream."""
    match event:
        case ReturnOpened():
            return replace(state, opened=event, stage=ReturnStage.OPEN)
        case ReturnSent():
            return replace(state, sent=event, stage=_or_on_its_way(state.stage))
        case ReturnReceived():
            return _received(state, event)
        case ReturnInspected():
            return _inspected(state, event)
        case ReturnMatched():
            return _matched(state, event)
        case ReturnClosed():
            return replace(state, stage=ReturnStage.CLOSED)
        case ReturnReopened():
            return replace(state, stage=_progress(state))
        case ReturnCancelled():
            return _cancelled(state, event)
    return state


def _cancelled(state: Return, event: ReturnCancelled) -> Return:
    state = replace(state, given_up=True)
    if state.stage in CAME:
        return replace(state, stage=_progress(state))
    expired = event.cause is ReturnCancelCause.EXPIRED
    return replace(state, stage=ReturnStage.EXPIRED if expired else ReturnStage.CANCELLED)


def _or_on_its_way(stage: ReturnStage) -> ReturnStage:
    return ReturnStage.IN_TRANSIT if stage is ReturnStage.OPEN else stage


def _received(state: Return, event: ReturnReceived) -> Return:
    units = state.units
    for item in event.items:
        pile = _pile_of(event.location, item)
        units = units.insert(pile.key, units.get(pile.key, 0) + item.quantity)
    receipts = state.receipts if event.by_inspection else state.receipts.insert(event.document, event)
    state = replace(state, units=units, receipts=receipts)
    return replace(state, stage=_progress(state))


def _pile_of(location: str, item: ReturnedItem) -> Pile:
    return Pile(location, item.line or "", item.sku, item.unit)


def _inspected(state: Return, event: ReturnInspected) -> Return:
    units = state.units
    for item in event.items:
        pile = Pile(event.location, item.line or "", item.sku, item.unit)
        units = _moved(units, pile.told(item.instead_of), pile.told(item.disposition), item.quantity)
    state = replace(state, units=units, inspections=state.inspections.insert(event.document, event))
    return state if state.stage is ReturnStage.CLOSED else replace(state, stage=_progress(state))


def _matched(state: Return, event: ReturnMatched) -> Return:
    units = state.units
    for each in event.units:
        pile = Pile(each.location, "", each.sku, each.unit).told(each.disposition)
        units = _moved(units, pile, pile.of_line(each.line), each.quantity)
    state = replace(state, matched=event, units=units)
    return replace(state, stage=_progress(state))


def _moved(units: HashTrieMap[str, int], source: Pile, target: Pile, quantity: int) -> HashTrieMap[str, int]:
    left = units.get(source.key, 0) - quantity
    units = units.insert(source.key, left) if left else units.discard(source.key)
    return units.insert(target.key, units.get(target.key, 0) + quantity)


def _progress(state: Return) -> ReturnStage:
    """How far a return is of which goods have come."""
    if expected(state):
        return ReturnStage.PARTLY_RECEIVED
    return ReturnStage.RECEIVED if unseen(state) else ReturnStage.INSPECTED
