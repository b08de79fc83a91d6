"""The payment of one order as its events leave it: what is secured, taken and given back, by tender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.message import Event
from contracts.money import Money, Tender
from contracts.payments import (
    ORDER_COMPLETE,
    Authorization,
    AuthorizationExpired,
    CallStep,
    Capability,
    Capture,
    CapturePayment,
    CaptureRefusal,
    CaptureRefused,
    CaptureStarted,
    CardAuthorizationRaised,
    CardAuthorized,
    CardCaptured,
    CardDeclined,
    CardRefunded,
    DeclineReason,
    DisputeLost,
    DisputeOpened,
    DisputeStage,
    DisputeWon,
    IncreaseDeclined,
    IncreaseStarted,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentIncreased,
    PaymentRefunded,
    PaymentStarted,
    PaymentVoided,
    RefundRefused,
    RefundReversed,
    RefundStarted,
    StoredValueDeclined,
    StoredValueMoved,
    ValuePart,
)
from services.payments import going_back, increases, invoice_charges, prepaid
from services.payments.card_calls import Cards, give_up
from services.payments.card_calls import deadlines_of as deadlines_of_cards
from services.payments.card_calls import evolve as evolve_cards
from services.payments.going_back import Refunding, Taken
from services.payments.increases import Increases
from services.payments.methods import HOW, How, by_transfer
from services.payments.transfers import Transfers, let_go, received_for
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
    "authorization_status",
    "capture_key",
    "charge_status",
    "deadlines_of",
    "evolve",
    "part_taken",
    "secured",
    "split_capture_key",
]

ENDS_THE_ROUND = frozenset({DeclineReason.CARD_DECLINED, DeclineReason.NOT_RECEIVED, DeclineReason.VALUE_REFUSED})
"""Declines that come of what others said; all others say that a wish did not even begin."""

EXPIRY = "authorization_expires:"
"""The deadline of an authorisation is this and its tender's place."""


@dataclass(frozen=True, slots=True)
class Capturing:
    """A capture that somebody outside is asked for: `done` are its parts that are taken, with the authorisation that
    each was taken of. Once `refused` it rests until it is asked for again; `declines` counts those of a provider."""

    asked: CaptureStarted
    done: HashTrieMap[str, str] = field(default_factory=HashTrieMap)
    refused: bool = False
    declines: int = 0


@dataclass(frozen=True, slots=True)
class Payment:
    """`remaining` is what may still be captured (minor units) by the tender's place, as text; `captures` the amounts
    captured, by fulfilment and sequence; `taken` the same by tender, in the order of capture; `refunds` those that are
    whole, by their ids. While others are asked: `started` is what is to be secured, in which `round`, and `secured`
    what of it is, by the tender's place; `capturing` and `refunding` what is to be taken and given back, by the same
    names as `captures` and `refunds`. Of one that was `voided`, `complete` says that its order took all that it needs, and
    was not cancelled. What of a tender is to be taken is no longer in `remaining`."""

    authorized: PaymentAuthorized | None = None
    remaining: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    captures: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    captured: int = 0
    taken: tuple[Taken, ...] = ()
    refunds: HashTrieMap[str, PaymentRefunded] = field(default_factory=HashTrieMap)
    refunded: int = 0
    voided: bool = False
    complete: bool = False
    started: PaymentStarted | None = None
    round: int = 0
    secured: HashTrieMap[str, Authorization] = field(default_factory=HashTrieMap)
    capturing: HashTrieMap[str, Capturing] = field(default_factory=HashTrieMap)
    refunding: HashTrieMap[str, Refunding] = field(default_factory=HashTrieMap)
    disputes: HashTrieMap[str, DisputeStage] = field(default_factory=HashTrieMap)
    cards: Cards = field(default_factory=Cards)
    transfers: Transfers = field(default_factory=Transfers)
    values: Values = field(default_factory=Values)
    prepaid: prepaid.Charges = field(default_factory=HashTrieMap)
    invoice_charges: invoice_charges.InvoiceCharges = field(default_factory=HashTrieMap)
    increases: Increases = field(default_factory=Increases)

    @property
    def left(self) -> int:
        """What may still be captured, in minor units."""
        return sum(self.remaining.values())

    def money(self, amount: int) -> Money:
        """An amount of the payment's currency; only of one that is authorised."""
        more = self.increases.under_way
        asked = self.authorized or self.started or (more and more.asked)
        assert asked, "a payment has no currency before anybody asked for it"
        return Money(amount=amount, currency=asked.amount.currency)

    @property
    def tenders(self) -> tuple[Tender, ...]:
        """The tenders that are secured, or are to be; none of what nobody asked for. Those that an increase brings come
        last."""
        asked, more = self.authorized or self.started, self.increases.under_way
        known = () if asked is None else asked.tenders
        return known if more is None else (*known, *more.asked.tenders[len(known) :])


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
    return _part(state.captured - state.refunded + prepaid.held(state.prepaid), owed)


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
    state = replace(state, prepaid=prepaid.evolve(state.prepaid, event, cards))
    state = replace(state, invoice_charges=invoice_charges.evolve(state.invoice_charges, event))
    match event:
        case PaymentStarted():
            return replace(state, started=event, round=event.round, secured=HashTrieMap())
        case PaymentAuthorized():
            rows = {str(row.tender): row.amount.amount for row in event.authorizations}
            return replace(state, authorized=event, remaining=HashTrieMap(rows), started=None, secured=HashTrieMap())
        case PaymentDeclined() if event.reason in ENDS_THE_ROUND:
            cards, transfers = give_up(state.cards, whole=True), let_go(state.transfers, _held(state))
            state = replace(state, values=give_up_values(state.values), prepaid=prepaid.unwanted(state.prepaid))
            return replace(state, started=None, secured=HashTrieMap(), cards=cards, transfers=transfers)
        case PaymentVoided():
            cards, transfers = give_up(state.cards, whole=False), let_go(state.transfers, _held(state))
            state = replace(state, values=give_up_values(state.values), prepaid=prepaid.unwanted(state.prepaid))
            state = replace(state, increases=replace(state.increases, under_way=None))
            state = replace(state, voided=True, complete=event.cause == ORDER_COMPLETE, started=None)
            return replace(state, remaining=HashTrieMap(), cards=cards, transfers=transfers)
        case AuthorizationExpired():
            return replace(state, remaining=state.remaining.discard(str(event.tender)))
        case CaptureStarted() | PaymentCaptured() | CaptureRefused():
            return _capture(state, event)
        case RefundStarted() | PaymentRefunded() | RefundRefused():
            return going_back.asked_or_answered(state, event)
        case RefundReversed() if not event.prepaid:
            return going_back.reversed_(state, event)
        case DisputeOpened():
            return replace(state, disputes=state.disputes.insert(event.capture, DisputeStage.OPENED))
        case DisputeWon():
            return replace(state, disputes=state.disputes.insert(event.capture, DisputeStage.WON))
        case DisputeLost():
            state = replace(state, disputes=state.disputes.insert(event.capture, DisputeStage.LOST))
            return replace(state, taken=going_back.lost(state, event))
    return _settle(state, event)


def _held(state: Payment) -> int:
    """What came in by transfer and was not taken, in minor units."""
    if state.authorized is None:
        return sum(state.transfers.received.values())
    places = (place for place, tender in enumerate(state.authorized.tenders) if by_transfer(tender))
    more = state.increases.under_way
    coming = 0 if more is None else received_for(state.transfers, more.asked.increase)
    return sum(state.remaining.get(str(place), 0) for place in places) + coming


def _settle(state: Payment, event: Event) -> Payment:
    """Something that was asked for outside is secured, taken, given back, or declined."""
    match event:
        case IncreaseStarted():
            return increases.started(state, event)
        case PaymentIncreased() if not event.repeated:
            return increases.done(state, event)
        case IncreaseDeclined():
            return increases.declined(state, event)
        case CardAuthorized() if not state.cards.secured[event.authorization.authorization].unwanted:
            call = state.cards.calls[event.key].call
            return secured(state, event.authorization, call.increase) if call.part is None else state
        case CardAuthorizationRaised() if not state.cards.calls[event.key].given_up:
            return _raised(state, event)
        case CardCaptured():
            return part_taken(state, event.capture, event.authorization)
        case CardRefunded():
            return going_back.part_returned(state, event.refund, event.reference or event.key)
        case StoredValueMoved():
            return _value_moved(state, event.asked)
        case CardDeclined() if event.step in (CallStep.AUTHORIZE, CallStep.CAPTURE):
            return _part_declined(state, state.cards.calls[event.key].call.part)
        case CardDeclined() | StoredValueDeclined():
            for refund in state.refunding:
                state = going_back.freed(state, refund)
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
        return secured(state, row, asked.increase)
    if asked.part is None:
        return state
    if asked.step is CallStep.CAPTURE:
        return part_taken(state, asked.part, asked.authorization)
    return going_back.part_returned(state, asked.part, asked.value)


def _raised(state: Payment, event: CardAuthorizationRaised) -> Payment:
    """An authorisation that is there already secures the increase."""
    row = state.cards.secured[event.authorization].row.model_copy(
        update={"tender": event.tender, "amount": event.amount}
    )
    return secured(state, row, state.cards.calls[event.key].call.increase)


def secured(state: Payment, row: Authorization, increase: str | None = None) -> Payment:
    """The tender of this authorisation is secured, for the increase or the round that is under way."""
    if increase is not None:
        return increases.secured_more(state, increase, row)
    return state if state.started is None else replace(state, secured=state.secured.insert(str(row.tender), row))


def part_taken(state: Payment, part: str, authorization: str) -> Payment:
    """The part of a capture with this id was taken of an authorisation."""
    for key, each in state.capturing.items():
        if any(row.capture == part for row in each.asked.captures):
            return _capturing(state, key, replace(each, done=each.done.insert(part, authorization)))
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
        return _capturing(_drawn(replace(state, remaining=_less(state, event.captures)), event), key, Capturing(event))
    if isinstance(event, CaptureRefused):
        ends = known is not None and event.reason in (CaptureRefusal.CARD_DECLINED, CaptureRefusal.VALUE_REFUSED)
        return _capturing(state, key, replace(known, refused=True)) if known is not None and ends else state
    if known is None:
        state = _drawn(replace(state, remaining=_less(state, event.captures)), event)
    return replace(
        state,
        capturing=state.capturing.discard(key),
        captures=state.captures.insert(key, event.amount.amount),
        captured=state.captured + event.amount.amount,
        taken=(*state.taken, *(Taken(row.capture, row.tender, row.amount.amount) for row in event.captures)),
    )


def _drawn(state: Payment, event: CaptureStarted | PaymentCaptured) -> Payment:
    """What was taken at the order pays for what left."""
    charges, cards = prepaid.draw(state.prepaid, state.cards, event.captures)
    return replace(state, prepaid=charges, cards=cards)


def _less(state: Payment, captures: Sequence[Capture]) -> HashTrieMap[str, int]:
    remaining = state.remaining
    for capture in captures:
        place = str(capture.tender)
        remaining = remaining.insert(place, remaining[place] - capture.amount.amount)
    return remaining


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
