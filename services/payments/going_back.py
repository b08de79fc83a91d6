"""What of a payment goes back: the refunds that somebody outside is asked for, and what is left of each capture.

State and evolve of a part of the payment; the deciders are in refunding.py and reversing.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.payments import (
    CallStep,
    DisputeLost,
    PaymentRefunded,
    RefundRefusal,
    RefundRefused,
    RefundReversed,
    RefundStarted,
    TenderRefund,
)

if TYPE_CHECKING:
    from services.payments.payment_state import Payment

__all__ = ["Refunding", "Taken", "asked_or_answered", "freed", "freed_parts", "lost", "part_returned", "reversed_"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What one capture took of a tender (its place), what of that went back or is to, and what was lost in a dispute;
    minor units. The bank may give what a refund is under way for: both together can be more than the amount."""

    capture: str
    tender: int
    amount: int
    refunded: int = 0
    lost: int = 0

    @property
    def left(self) -> int:
        """What of it may still go back."""
        return max(0, self.amount - self.refunded - self.lost)


@dataclass(frozen=True, slots=True)
class Refunding:
    """A refund that somebody outside is asked for: `done` are its parts that went back, with the provider's name of
    each. Once `refused` it rests until it is asked for again; what of it is `free` (parts that surely did not go back)
    other refunds may give back meanwhile."""

    asked: RefundStarted
    done: HashTrieMap[str, str] = field(default_factory=HashTrieMap)
    refused: bool = False
    free: HashTrieMap[str, bool] = field(default_factory=HashTrieMap)


def lost(state: Payment, event: DisputeLost) -> tuple[Taken, ...]:
    """What is taken once the bank gave so much to the payer, which can go back no more. It falls on all captures of the
    disputed charge: on what nothing goes back of yet before the rest, which counts should that come to nothing."""
    rest, rows = event.amount.amount, {row.capture: row for row in state.taken}
    of_charge = [row.capture for row in state.taken if _of_one_charge(state, row.capture, event.capture)]
    for name in of_charge:
        row = rows[name]
        rows[name], rest = replace(row, lost=row.lost + min(rest, row.left)), rest - min(rest, row.left)
    for name in of_charge:
        row = rows[name]
        more = min(rest, row.amount - row.lost)
        rows[name], rest = replace(row, lost=row.lost + more), rest - more
    return tuple(rows.values())


def _of_one_charge(state: Payment, one: str, other: str) -> bool:
    """Whether two captures are one charge at the provider, which takes several of an authorisation under one name."""
    first, second = state.cards.charges.get(one), state.cards.charges.get(other)
    if one == other or first is None or second is None:
        return one == other
    same = (first.provider, first.reference) == (second.provider, second.reference)
    return same and first.reference is not None


def part_returned(state: Payment, part: str, reference: str) -> Payment:
    """The part of a refund with this id went back."""
    for key, each in state.refunding.items():
        if any(row.refund == part for row in each.asked.refunds):
            late = tuple(row for row in each.asked.refunds if row.refund == part and part in each.free)
            changed = replace(each, done=each.done.insert(part, reference), free=each.free.discard(part))
            taken = _returned(state, late) if late else state.taken
            return replace(state, taken=taken, refunding=state.refunding.insert(key, changed))
    return state


def asked_or_answered(state: Payment, event: RefundStarted | PaymentRefunded | RefundRefused) -> Payment:
    """A refund is begun, whole, or refused."""
    known = state.refunding.get(event.refund)
    if isinstance(event, RefundRefused):
        if known is None or event.reason not in (RefundRefusal.PROVIDER, RefundRefusal.VALUE_REFUSED):
            return state
        refused = replace(known, refused=True)
        return freed(replace(state, refunding=state.refunding.insert(event.refund, refused)), event.refund)
    if isinstance(event, RefundStarted):
        parts = event.refunds if known is None else freed_parts(known)
        changed = Refunding(event) if known is None else replace(known, asked=event, refused=False, free=HashTrieMap())
        return replace(state, taken=_returned(state, parts), refunding=state.refunding.insert(event.refund, changed))
    return replace(
        state,
        taken=_returned(state, event.refunds) if known is None else state.taken,
        refunding=state.refunding.discard(event.refund),
        refunds=state.refunds.insert(event.refund, event),
        refunded=state.refunded + event.amount.amount,
    )


def reversed_(state: Payment, event: RefundReversed) -> Payment:
    """A part did not go back after all: its refund rests, and what it took others may give back meanwhile. One that is
    under way is refused next, which frees the part."""
    part, whole = event.reversed, state.refunds.get(event.refund)
    if whole is not None:
        names = ("order_id", "refund", "amount", "lines", "other", "cause", "refunds", "reply_to")
        asked = RefundStarted(**{name: getattr(whole, name) for name in names})
        done = HashTrieMap({row.refund: row.reference or "" for row in whole.refunds})
        known = Refunding(asked, done, refused=True)
        refunded = state.refunded - whole.amount.amount
        state = replace(state, refunds=state.refunds.discard(event.refund), refunded=refunded)
    else:
        known = state.refunding[event.refund]
    known = replace(known, done=known.done.discard(part.refund))
    if known.refused:
        known = replace(known, free=known.free.insert(part.refund, True))
        state = replace(state, taken=_returned(state, (part,), -1))
    return replace(state, refunding=state.refunding.insert(event.refund, known))


def freed_parts(known: Refunding) -> tuple[TenderRefund, ...]:
    """The parts of a refused refund that others may give back instead."""
    return tuple(part for part in known.asked.refunds if part.refund in known.free)


def freed(state: Payment, refund: str) -> Payment:
    """Of a refund that is refused: what surely did not go back is there for others, and no longer set aside."""
    known = state.refunding[refund]
    if not known.refused:
        return state
    parts = [part for part in known.asked.refunds if part.refund not in known.done and part.refund not in known.free]
    parts = [part for part in parts if not _under_way(state, part.refund)]
    free = known.free
    for part in parts:
        free = free.insert(part.refund, True)
    state = replace(state, refunding=state.refunding.insert(refund, replace(known, free=free)))
    return replace(state, taken=_returned(state, parts, -1))


def _under_way(state: Payment, part: str) -> bool:
    """Whether somebody is asked for a part of a refund, and has not said what became of it."""
    value = state.values.call(CallStep.REFUND, part)
    return state.cards.call_for(part, CallStep.REFUND) is not None or (value is not None and value.open)


def _returned(state: Payment, parts: Sequence[TenderRefund], sign: int = 1) -> tuple[Taken, ...]:
    """What is taken once these parts go back, or are to go back; with the sign -1, once they are not."""
    back = {part.capture: sign * part.amount.amount for part in parts}
    return tuple(replace(row, refunded=row.refunded + back.get(row.capture, 0)) for row in state.taken)
