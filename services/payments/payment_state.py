"""The payment of one order as its events leave it: what is secured, taken and given back, by tender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from chassis.maps import HashTrieMap
from contracts.message import Event
from contracts.money import Money, Tender
from contracts.payments import (
    Authorization,
    AuthorizationExpired,
    CallStep,
    Capability,
    Capture,
    CapturePayment,
    CaptureRefusal,
    CaptureRefused,
    CaptureStarted,
    CardAuthorized,
    CardCaptured,
    CardDeclined,
    CardRefunded,
    DeclineReason,
    DisputeLost,
    DisputeOpened,
    DisputeStage,
    DisputeWon,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentIncreased,
    PaymentRefunded,
    PaymentStarted,
    PaymentVoided,
    RefundRefusal,
    RefundRefused,
    RefundStarted,
    StoredValueDeclined,
    StoredValueMoved,
    TenderRefund,
    ValuePart,
)
from services.payments.card_calls import Cards, give_up
from services.payments.card_calls import deadlines_of as deadlines_of_cards
from services.payments.card_calls import evolve as evolve_cards
from services.payments.methods import HOW, How, by_transfer
from services.payments.transfers import Transfers, let_go
from services.payments.transfers import deadlines_of as deadlines_of_transfers
from services.payments.transfers import evolve as evolve_transfers
from services.payments.value_calls import Values
from services.payments.value_calls import evolve as evolve_values
from services.payments.value_calls import give_up as give_up_values

__all__ = [
    "ENDS_THE_ROUND",
    "EXPIRY",
    "Capturing",
    "Payment",
    "Refunding",
    "Taken",
    "authorization_status",
    "capture_key",
    "charge_status",
    "deadlines_of",
    "evolve",
    "freed_parts",
    "part_returned",
    "part_taken",
    "secured",
    "split_capture_key",
]

ENDS_THE_ROUND = frozenset({DeclineReason.CARD_DECLINED, DeclineReason.NOT_RECEIVED, DeclineReason.VALUE_REFUSED})
"""Declines that come of what others said; all others say that a wish did not even begin."""

EXPIRY = "authorization_expires:"
"""The deadline of an authorisation is this and its tender's place."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one capture took of a tender (its place), and what of that went back; minor units."""

    capture: str
    tender: int
    amount: int
    refunded: int = 0


@dataclass(frozen=True, slots=True)
class Capturing:
    """A capture that somebody outside is asked for: `done` are its parts that are taken, with the authorisation that
    each was taken of. Once `refused` it rests until it is asked for again; `declines` counts those of a provider."""

    asked: CaptureStarted
    done: HashTrieMap[str, str] = field(default_factory=HashTrieMap)
    refused: bool = False
    declines: int = 0


@dataclass(frozen=True, slots=True)
class Refunding:
    """A refund that somebody outside is asked for: `done` are its parts that went back, with the provider's name of
    each. Once `refused` it rests until it is asked for again; what of it is `free` (parts that surely did not go back)
    other refunds may give back meanwhile."""

    asked: RefundStarted
    done: HashTrieMap[str, str] = field(default_factory=HashTrieMap)
    refused: bool = False
    free: HashTrieMap[str, bool] = field(default_factory=HashTrieMap)


@dataclass(frozen=True, slots=True)
class Payment:
    """`remaining` is what may still be captured (minor units) by the tender's place, as text; `captures` the amounts
    captured, by fulfilment and sequence; `taken` the same by tender, in the order of capture; `refunds` the amounts given
    back, by the refund's id. While others are asked: `started` is what is to be secured, in which `round`, and `secured`
    what of it is, by the tender's place; `capturing` and `refunding` what is to be taken and given back, by the same
    names as `captures` and `refunds`. What of a tender is to be taken is no longer in `remaining`."""

    authorized: PaymentAuthorized | None = None
    remaining: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    captures: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    captured: int = 0
    taken: tuple[Taken, ...] = ()
    refunds: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    refunded: int = 0
    voided: bool = False
    started: PaymentStarted | None = None
    round: int = 0
    secured: HashTrieMap[str, Authorization] = field(default_factory=HashTrieMap)
    capturing: HashTrieMap[str, Capturing] = field(default_factory=HashTrieMap)
    refunding: HashTrieMap[str, Refunding] = field(default_factory=HashTrieMap)
    disputes: HashTrieMap[str, DisputeStage] = field(default_factory=HashTrieMap)
    cards: Cards = field(default_factory=Cards)
    transfers: Transfers = field(default_factory=Transfers)
    values: Values = field(default_factory=Values)
    increases: HashTrieMap[str, PaymentIncreased] = field(default_factory=HashTrieMap)

    @property
    def left(self) -> int:
        """What may still be captured, in minor units."""
        return sum(self.remaining.values())

    def money(self, amount: int) -> Money:
        """An amount of the payment's currency; only of one that is authorised."""
        asked = self.authorized or self.started
        assert asked is not None, "a payment has no currency before anybody asked for it"
        return Money(amount=amount, currency=asked.amount.currency)

    @property
    def tenders(self) -> tuple[Tender, ...]:
        """The tenders that are secured, or are to be; none of what nobody asked for."""
        asked = self.authorized or self.started
        return () if asked is None else asked.tenders


# Statuses


def authorization_status(state: Payment) -> str:
    """How much of what is owed is secured or taken: `none`, `partial` or `full`."""
    asked = state.authorized or state.started
    rows = sum(row.amount.amount for row in state.secured.values())
    secured = state.left + state.captured + sum(each.asked.amount.amount for each in state.capturing.values())
    return _part(rows if state.authorized is None else secured, 0 if asked is None else asked.amount.amount)


def charge_status(state: Payment) -> str:
    """How much of what is owed, less what was given back, is taken and kept: `none`, `partial`, `full`, `overcharged`."""
    owed = 0 if state.authorized is None else state.authorized.amount.amount - state.refunded
    return _part(state.captured - state.refunded, owed)


def _part(amount: int, whole: int) -> str:
    if amount > whole:
        return "overcharged"
    if not amount:
        return "none"
    return "full" if amount == whole else "partial"


# Evolve


def evolve(state: Payment, event: Event) -> Payment:
    """The payment after one more event."""
    cards, transfers = evolve_cards(state.cards, event, state.round), evolve_transfers(state.transfers, event)
    state = replace(state, cards=cards, transfers=transfers, values=evolve_values(state.values, event))
    match event:
        case PaymentStarted():
            return replace(state, started=event, round=event.round, secured=HashTrieMap())
        case PaymentAuthorized():
            rows = {str(row.tender): row.amount.amount for row in event.authorizations}
            return replace(state, authorized=event, remaining=HashTrieMap(rows), started=None, secured=HashTrieMap())
        case PaymentDeclined() if event.reason in ENDS_THE_ROUND:
            cards, transfers = give_up(state.cards, whole=True), let_go(state.transfers, _held(state))
            state = replace(state, values=give_up_values(state.values))
            return replace(state, started=None, secured=HashTrieMap(), cards=cards, transfers=transfers)
        case PaymentVoided():
            cards, transfers = give_up(state.cards, whole=False), let_go(state.transfers, _held(state))
            state = replace(state, values=give_up_values(state.values))
            return replace(state, voided=True, remaining=HashTrieMap(), started=None, cards=cards, transfers=transfers)
        case AuthorizationExpired():
            return replace(state, remaining=state.remaining.discard(str(event.tender)))
        case CaptureStarted() | PaymentCaptured() | CaptureRefused():
            return _capture(state, event)
        case RefundStarted() | PaymentRefunded() | RefundRefused():
            return _refund(state, event)
        case DisputeOpened():
            return replace(state, disputes=state.disputes.insert(event.capture, DisputeStage.OPENED))
        case DisputeWon():
            return replace(state, disputes=state.disputes.insert(event.capture, DisputeStage.WON))
        case DisputeLost():
            return replace(state, disputes=state.disputes.insert(event.capture, DisputeStage.LOST))
    return _settle(state, event)


def _held(state: Payment) -> int:
    """What came in by transfer and was not taken, in minor units."""
    if state.authorized is None:
        return sum(state.transfers.received.values())
    places = (place for place, tender in enumerate(state.tenders) if by_transfer(tender))
    return sum(state.remaining.get(str(place), 0) for place in places)


def _settle(state: Payment, event: Event) -> Payment:
    """Something that was asked for outside is secured, taken, given back, or declined."""
    match event:
        case PaymentIncreased() if not event.repeated:
            return _increased(state, event)
        case CardAuthorized() if not state.cards.secured[event.authorization.authorization].unwanted:
            return secured(state, event.authorization) if state.cards.calls[event.key].call.part is None else state
        case CardCaptured():
            return part_taken(state, event.capture, event.authorization)
        case CardRefunded():
            return part_returned(state, event.refund, event.reference or event.key)
        case StoredValueMoved():
            return _value_moved(state, event.asked)
        case CardDeclined() if event.step in (CallStep.AUTHORIZE, CallStep.CAPTURE):
            return _part_declined(state, state.cards.calls[event.key].call.part)
        case CardDeclined() | StoredValueDeclined():
            for refund in state.refunding:
                state = _freed(state, refund)
    return state


def _value_moved(state: Payment, asked: ValuePart) -> Payment:
    if asked.step is CallStep.AUTHORIZE:
        tender = state.tenders[asked.tender]
        row = Authorization(
            authorization=asked.authorization,
            tender=asked.tender,
            method=tender.method,
            amount=asked.amount,
            capture_time=tender.capture,
            capabilities=(Capability.MULTI_CAPTURE, Capability.PARTIAL_VOID),
            reference=asked.value,
        )
        return secured(state, row)
    if asked.part is None:
        return state
    if asked.step is CallStep.CAPTURE:
        return part_taken(state, asked.part, asked.authorization)
    return part_returned(state, asked.part, asked.value)


def _increased(state: Payment, event: PaymentIncreased) -> Payment:
    """With more secured: of a tender that is known its authorisation is for so much more."""
    before, remaining = state.authorized, state.remaining
    rows = {row.tender: row for row in before.authorizations} if before else {}
    for row in event.authorizations:
        known, place = rows.get(row.tender), str(row.tender)
        rows[row.tender] = row if known is None else known.model_copy(update={"amount": known.amount + row.amount})
        remaining = remaining.insert(place, remaining.get(place, 0) + row.amount.amount)
    authorized = PaymentAuthorized(
        order_id=event.order_id,
        amount=event.amount if before is None else before.amount + event.amount,
        tenders=_summed(before.tenders if before else (), event.tenders),
        authorizations=tuple(rows[place] for place in sorted(rows)),
        reply_to=before.reply_to if before else event.reply_to,
    )
    increases = state.increases.insert(event.increase, event)
    return replace(state, authorized=authorized, remaining=remaining, increases=increases, voided=False)


def _summed(before: Sequence[Tender], more: Sequence[Tender]) -> tuple[Tender, ...]:
    """The tenders by their places, each with what of it is secured in all."""
    known = dict(enumerate(before))
    return tuple(
        tender.model_copy(update={"amount": known[place].amount + tender.amount}) if place in known else tender
        for place, tender in enumerate(more)
    )


def secured(state: Payment, row: Authorization) -> Payment:
    """The tender of this authorisation is secured, for the round that is under way."""
    return state if state.started is None else replace(state, secured=state.secured.insert(str(row.tender), row))


def part_taken(state: Payment, part: str, authorization: str) -> Payment:
    """The part of a capture with this id was taken of an authorisation."""
    for key, each in state.capturing.items():
        if any(row.capture == part for row in each.asked.captures):
            return _capturing(state, key, replace(each, done=each.done.insert(part, authorization)))
    return state


def part_returned(state: Payment, part: str, reference: str) -> Payment:
    """The part of a refund with this id went back."""
    for key, each in state.refunding.items():
        if any(row.refund == part for row in each.asked.refunds):
            late = tuple(row for row in each.asked.refunds if row.refund == part and part in each.free)
            changed = replace(each, done=each.done.insert(part, reference), free=each.free.discard(part))
            taken = _returned(state, late) if late else state.taken
            return replace(state, taken=taken, refunding=state.refunding.insert(key, changed))
    return state


def _part_declined(state: Payment, part: str | None) -> Payment:
    for key, each in state.capturing.items():
        if any(row.capture == part for row in each.asked.captures):
            return _capturing(state, key, replace(each, declines=each.declines + 1))
    return state


def _capturing(state: Payment, key: str, changed: Capturing) -> Payment:
    return replace(state, capturing=state.capturing.insert(key, changed))


def _capture(state: Payment, event: CaptureStarted | PaymentCaptured | CaptureRefused) -> Payment:
    key = capture_key(event)
    known = state.capturing.get(key)
    if isinstance(event, CaptureStarted):
        if known is not None:
            return _capturing(state, key, replace(known, asked=event, refused=False, declines=0))
        return _capturing(replace(state, remaining=_less(state, event.captures)), key, Capturing(event))
    if isinstance(event, CaptureRefused):
        ends = known is not None and event.reason in (CaptureRefusal.CARD_DECLINED, CaptureRefusal.VALUE_REFUSED)
        return _capturing(state, key, replace(known, refused=True)) if known is not None and ends else state
    return replace(
        state,
        remaining=_less(state, event.captures) if known is None else state.remaining,
        capturing=state.capturing.discard(key),
        captures=state.captures.insert(key, event.amount.amount),
        captured=state.captured + event.amount.amount,
        taken=(*state.taken, *(Taken(row.capture, row.tender, row.amount.amount) for row in event.captures)),
    )


def _less(state: Payment, captures: Sequence[Capture]) -> HashTrieMap[str, int]:
    remaining = state.remaining
    for capture in captures:
        place = str(capture.tender)
        remaining = remaining.insert(place, remaining[place] - capture.amount.amount)
    return remaining


def _refund(state: Payment, event: RefundStarted | PaymentRefunded | RefundRefused) -> Payment:
    known = state.refunding.get(event.refund)
    if isinstance(event, RefundRefused):
        if known is None or event.reason not in (RefundRefusal.PROVIDER, RefundRefusal.VALUE_REFUSED):
            return state
        refused = replace(known, refused=True)
        return _freed(replace(state, refunding=state.refunding.insert(event.refund, refused)), event.refund)
    if isinstance(event, RefundStarted):
        parts = event.refunds if known is None else freed_parts(known)
        changed = Refunding(event) if known is None else replace(known, asked=event, refused=False, free=HashTrieMap())
        return replace(state, taken=_returned(state, parts), refunding=state.refunding.insert(event.refund, changed))
    return replace(
        state,
        taken=_returned(state, event.refunds) if known is None else state.taken,
        refunding=state.refunding.discard(event.refund),
        refunds=state.refunds.insert(event.refund, event.amount.amount),
        refunded=state.refunded + event.amount.amount,
    )


def freed_parts(known: Refunding) -> tuple[TenderRefund, ...]:
    """The parts of a refused refund that others may give back instead."""
    return tuple(part for part in known.asked.refunds if part.refund in known.free)


def _freed(state: Payment, refund: str) -> Payment:
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


def capture_key(message: CapturePayment | CaptureStarted | PaymentCaptured | CaptureRefused) -> str:
    """What a capture is known by: fulfilment and sequence."""
    return f"{message.fulfillment}\x1f{message.sequence}"


def split_capture_key(key: str) -> tuple[str, int]:
    """The fulfilment and sequence of a capture."""
    fulfillment, _, sequence = key.rpartition("\x1f")
    return fulfillment, int(sequence)


def deadlines_of(state: Payment) -> Mapping[str, datetime]:
    """When what the channel authorised lapses and has something left, and what cards wait for."""
    rows = () if state.authorized is None else state.authorized.authorizations
    theirs = {
        f"{EXPIRY}{row.tender}": row.expires_at
        for row in rows
        if row.expires_at is not None
        and HOW.get(row.method) is not How.PROVIDER
        and state.remaining.get(str(row.tender))
    }
    return {**theirs, **deadlines_of_cards(state.cards), **deadlines_of_transfers(state.transfers)}
