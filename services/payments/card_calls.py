"""What was asked of a provider for a payment, call by call, and the authorisations that came of it.

State and evolve of a part of the payment; what is asked when is in advancing.py, what outcomes lead to in outcomes.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.message import Event
from contracts.payments import (
    Authorization,
    CallStep,
    Capability,
    CardActionRequired,
    CardAuthorizationLapsed,
    CardAuthorizationRaised,
    CardAuthorizationRequested,
    CardAuthorized,
    CardCaptured,
    CardCaptureRequested,
    CardDeclined,
    CardRefunded,
    CardRefundRequested,
    CardVoided,
    CardVoidRequested,
    ProviderCall,
    ProviderCallDelayed,
    ProviderCallPending,
    ProviderInquiryRequested,
    ProviderOutcomeUnknown,
    ProviderOutcomeUnresolved,
    RefundReversed,
)

__all__ = [
    "CALL",
    "LAPSES",
    "CallStage",
    "CardCall",
    "Cards",
    "Charge",
    "Secured",
    "deadlines_of",
    "evolve",
    "give_up",
    "give_up_increase",
    "raises",
    "serves_several",
]

CALL = "call/"
"""The deadline of a call is this and its key."""

LAPSES = "card_lapses/"
"""The deadline of a card's authorisation is this and its id."""


class CallStage(StrEnum):
    """Where a call stands: asked; to be made again; the payer has to confirm; taken and not yet done; nobody can tell;
    a person has to find out; done; declined; nobody waits for it any more, and nothing came of it."""

    ASKED = "asked"
    DELAYED = "delayed"
    ACTION_REQUIRED = "action_required"
    PENDING = "pending"
    UNKNOWN = "unknown"
    UNRESOLVED = "unresolved"
    DONE = "done"
    DECLINED = "declined"
    LET_GO = "let_go"


ENDED = frozenset({CallStage.DONE, CallStage.DECLINED, CallStage.LET_GO})


@dataclass(frozen=True, slots=True)
class CardCall:
    """A call: how often it was made and asked after, when something is due about it, and in which round of the payment
    it was first made. `given_up`: nobody wants what it secures, so it is let go of as soon as it is there. `taken_back`: a
    refund that was done and failed after that, for good. `reference` and `provider` as the provider told them."""

    call: ProviderCall
    round: int
    stage: CallStage = CallStage.ASKED
    tries: int = 1
    inquiries: int = 0
    due: datetime | None = None
    given_up: bool = False
    taken_back: bool = False
    reference: str | None = None
    provider: str | None = None

    @property
    def open(self) -> bool:
        """Its outcome is not known."""
        return self.stage not in ENDED

    @property
    def waits_again(self) -> bool:
        """It was declined softly, and the next attempt is not made yet: what it secures after all is wanted."""
        return self.stage is CallStage.DECLINED and self.due is not None

    @property
    def too_late(self) -> bool:
        """Nobody wants what it secures: it was given up, declined for good, or another attempt was made since."""
        ended = self.stage in (CallStage.DECLINED, CallStage.LET_GO)
        return self.given_up or (ended and not self.waits_again)


@dataclass(frozen=True, slots=True)
class Secured:
    """An authorisation of a card; `left` of it may be captured, in minor units, for the tenders (their places) that it
    secures: its own, and those of increases that it was raised for. `surplus` is held beside that and wanted by nobody,
    as it came too late. `open` until it is used up, final, lapsed or let go of; `unwanted` ones are let go of. That of a
    `collection` secures no tender of the order: what is open of an invoice is charged to it."""

    row: Authorization
    provider: str
    left: int
    open: bool = True
    unwanted: bool = False
    tenders: tuple[int, ...] = ()
    surplus: int = 0
    collection: bool = False

    @property
    def usable(self) -> bool:
        """Something may be captured of it."""
        return self.open and not self.unwanted and self.left > 0


@dataclass(frozen=True, slots=True)
class Charge:
    """What a provider took, by its name there, and the key of the call that did it."""

    key: str
    provider: str
    tender: int
    authorization: str
    amount: int
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Cards:
    """`calls` by key, `secured` by our id of the authorisation, `charges` by our id of the capture; `groups` counts the
    attempts, which number keys and authorisations."""

    calls: HashTrieMap[str, CardCall] = field(default_factory=HashTrieMap)
    secured: HashTrieMap[str, Secured] = field(default_factory=HashTrieMap)
    charges: HashTrieMap[str, Charge] = field(default_factory=HashTrieMap)
    groups: int = 0

    def call_for(self, part: str, step: CallStep) -> CardCall | None:
        """The open call for a part of a capture or refund."""
        return next((c for c in self.calls.values() if c.open and c.call.part == part and c.call.step is step), None)

    def capturing(self, authorization: str) -> bool:
        """Whether something is being captured of an authorisation, which letting go of it must not cross."""
        calls = (each for each in self.calls.values() if each.open and each.call.step is CallStep.CAPTURE)
        return any(each.call.authorization == authorization for each in calls)

    def done_by_another(self, call: ProviderCall) -> bool:
        """Whether what a call is for was done by another one since, as after a decline it is tried once more."""
        return call.part is not None and any(
            other.stage is CallStage.DONE and (other.call.part, other.call.step) == (call.part, call.step)
            for key, other in self.calls.items()
            if key != call.key
        )

    def raising(self, authorization: str) -> bool:
        """Whether more is being secured on an authorisation, so that no capture of it may be its last."""
        calls = (each for each in self.calls.values() if each.open and raises(each.call))
        return any(each.call.authorization == authorization for each in calls)

    def usable(self, tender: int) -> list[Secured]:
        """The authorisations that secure a tender and have something left, the smallest first."""
        rows = (row for row in self.secured.values() if tender in row.tenders and row.usable)
        return sorted(rows, key=lambda row: (row.left, row.row.authorization))


def serves_several(row: Authorization) -> bool:
    """Whether several captures may be taken of an authorisation, as far as is known."""
    return Capability.MULTI_CAPTURE in row.capabilities and not row.final


def raises(call: ProviderCall) -> bool:
    """Whether a call asks for more on an authorisation that is there."""
    return call.step is CallStep.AUTHORIZE and call.reference is not None


def evolve(cards: Cards, event: Event, round_: int) -> Cards:
    """The calls and authorisations after one more event of the payment."""
    match event:
        case CardAuthorizationRequested() | CardCaptureRequested() | CardVoidRequested() | CardRefundRequested():
            return _asked(cards, event.call, event.tries, round_)
        case ProviderInquiryRequested():
            return _changed(cards, event.call.key, inquiries=event.inquiries, due=None)
        case CardAuthorized():
            return _authorized(cards, event)
        case CardAuthorizationRaised():
            return _raised(cards, event)
        case CardActionRequired():
            stage = CallStage.ACTION_REQUIRED
            return _changed(
                cards, event.key, stage=stage, due=event.until, reference=event.reference, provider=event.provider
            )
        case CardDeclined():
            return _declined(cards, event)
        case CardCaptured():
            return _captured(cards, event)
        case CardVoided():
            stage = CallStage.DONE if cards.calls[event.key].call.step is CallStep.VOID else CallStage.LET_GO
            return _changed(cards, event.key, stage=stage, due=None)
        case RefundReversed():
            return _changed(cards, event.key, stage=CallStage.DECLINED, due=None, taken_back=True)
        case CardRefunded():
            return _changed(cards, event.key, stage=CallStage.DONE, due=None, reference=event.reference)
    return _waits(cards, event)


def _waits(cards: Cards, event: Event) -> Cards:
    """Something is not over, or its time is."""
    match event:
        case CardAuthorizationLapsed():
            return _row(cards, event.authorization, open=False)
        case ProviderCallPending():
            return _changed(cards, event.key, stage=CallStage.PENDING, due=event.ask_at, reference=event.reference)
        case ProviderCallDelayed():
            return _changed(cards, event.key, stage=CallStage.DELAYED, due=event.again_at, provider=event.provider)
        case ProviderOutcomeUnknown():
            return _changed(cards, event.key, stage=CallStage.UNKNOWN, due=event.ask_at, provider=event.provider)
        case ProviderOutcomeUnresolved():
            return _changed(cards, event.key, stage=CallStage.UNRESOLVED, due=None, provider=event.provider)
    return cards


def give_up(cards: Cards, whole: bool) -> Cards:
    """Nobody wants what is secured and not captured: `whole` of every authorisation, else of what no capture is under
    way for. A call that surely did nothing yet is over."""
    for key, each in cards.calls.items():
        if each.call.step is CallStep.AUTHORIZE and each.call.part is None:
            cards = _given_up(cards, key, each)
    secured = cards.secured
    for name, row in cards.secured.items():
        if row.open and not row.collection and (whole or row.left or row.surplus):
            secured = secured.insert(name, replace(row, unwanted=True))
    return replace(cards, secured=secured)


def give_up_increase(cards: Cards, increase: str) -> Cards:
    """Nobody wants what was, or is to be, secured for an increase."""
    for key, each in cards.calls.items():
        if each.call.increase != increase:
            continue
        cards = _given_up(cards, key, each)
        row = cards.secured.get(each.call.authorization)
        if row is not None and row.open and not raises(each.call):
            cards = replace(cards, secured=cards.secured.insert(each.call.authorization, replace(row, unwanted=True)))
    return cards


def _given_up(cards: Cards, key: str, each: CardCall) -> Cards:
    """What it secures is let go of as soon as it is there; a call that surely did nothing yet is over."""
    if each.stage is CallStage.DELAYED:
        each = replace(each, stage=CallStage.LET_GO, due=None, given_up=True)
    elif each.open or each.due:
        each = replace(each, given_up=True, due=None if each.stage is CallStage.DECLINED else each.due)
    return replace(cards, calls=cards.calls.insert(key, each))


def _asked(cards: Cards, call: ProviderCall, tries: int, round_: int) -> Cards:
    if call.key in cards.calls:
        return _changed(cards, call.key, stage=CallStage.ASKED, tries=tries, due=None)
    cards = replace(cards, calls=cards.calls.insert(call.key, CardCall(call, round_)), groups=cards.groups + 1)
    if call.step is CallStep.CAPTURE:
        row = cards.secured[call.authorization]
        several = serves_several(row.row) and not call.final
        return _row(cards, call.authorization, left=row.left - call.amount.amount, open=several)
    if call.step is CallStep.VOID:
        return _let_go(cards, call.authorization)
    return _once_more(cards, call) if call.step is CallStep.AUTHORIZE else cards


def _once_more(cards: Cards, call: ProviderCall) -> Cards:
    """Another attempt at a tender: what was declined before it waits for none any more."""
    for key, each in cards.calls.items():
        if each.stage is CallStage.DECLINED and each.due and each.call.tender == call.tender:
            cards = _changed(cards, key, due=None)
    return cards


def _let_go(cards: Cards, authorization: str) -> Cards:
    """It is being voided: nothing more is captured of it, nor does anybody wait for the payer to confirm it."""
    for key, each in cards.calls.items():
        waits = each.stage is CallStage.ACTION_REQUIRED and each.call.authorization == authorization
        if waits and each.call.step is CallStep.AUTHORIZE:
            cards = _changed(cards, key, stage=CallStage.LET_GO, due=None, given_up=True)
    return _row(cards, authorization, open=False) if authorization in cards.secured else cards


def _authorized(cards: Cards, event: CardAuthorized) -> Cards:
    known, row = cards.calls[event.key], event.authorization
    collection = known.call.collection
    tenders = () if collection else (row.tender,)
    secured = Secured(row, event.provider, row.amount.amount, unwanted=known.too_late, tenders=tenders)
    secured = replace(secured, collection=collection)
    cards = replace(cards, secured=cards.secured.insert(row.authorization, secured))
    return _changed(cards, event.key, stage=CallStage.DONE, due=None, reference=row.reference)


def _raised(cards: Cards, event: CardAuthorizationRaised) -> Cards:
    """There is so much more of an authorisation. What came too late is let go of with it: at once where nothing else of it
    is wanted."""
    known, row, amount = cards.calls[event.key], cards.secured[event.authorization], event.amount
    raised = row.row.model_copy(update={"amount": row.row.amount + amount})
    if known.too_late:
        row = replace(row, row=raised, surplus=row.surplus + amount.amount, unwanted=row.unwanted or not row.left)
    else:
        tenders = row.tenders if event.tender in row.tenders else (*row.tenders, event.tender)
        row = replace(row, row=raised, left=row.left + amount.amount, tenders=tenders)
    cards = replace(cards, secured=cards.secured.insert(event.authorization, row))
    return _changed(cards, event.key, stage=CallStage.DONE, due=None, given_up=known.too_late)


def _declined(cards: Cards, event: CardDeclined) -> Cards:
    known = cards.calls[event.key]
    cards = _changed(cards, event.key, stage=CallStage.DECLINED, due=event.again_at)
    row = cards.secured.get(known.call.authorization)
    if event.step is not CallStep.CAPTURE or row is None or (row.unwanted and not row.open):
        return cards
    # Nobody captures of it again, so that what the provider may still hold of it is let go of.
    unwanted = replace(row, open=True, unwanted=True, left=row.left + known.call.amount.amount)
    return replace(cards, secured=cards.secured.insert(known.call.authorization, unwanted))


def _captured(cards: Cards, event: CardCaptured) -> Cards:
    charge = Charge(event.key, event.provider, event.tender, event.authorization, event.amount.amount, event.reference)
    cards = replace(cards, charges=cards.charges.insert(event.capture, charge))
    return _changed(cards, event.key, stage=CallStage.DONE, due=None, reference=event.reference)


def _changed(
    cards: Cards,
    key: str,
    *,
    due: datetime | None,
    stage: CallStage | None = None,
    tries: int | None = None,
    inquiries: int | None = None,
    given_up: bool | None = None,
    taken_back: bool = False,
    reference: str | None = None,
    provider: str | None = None,
) -> Cards:
    known = cards.calls[key]
    changed = replace(
        known,
        due=due,
        stage=known.stage if stage is None else stage,
        tries=known.tries if tries is None else tries,
        inquiries=known.inquiries if inquiries is None else inquiries,
        given_up=known.given_up if given_up is None else given_up,
        taken_back=known.taken_back or taken_back,
        reference=reference or known.reference,
        provider=provider or known.provider,
    )
    return replace(cards, calls=cards.calls.insert(key, changed))


def _row(cards: Cards, authorization: str, *, open: bool, left: int | None = None) -> Cards:
    row = cards.secured[authorization]
    changed = replace(row, open=open, left=row.left if left is None else left)
    return replace(cards, secured=cards.secured.insert(authorization, changed))


def deadlines_of(cards: Cards) -> Mapping[str, datetime]:
    """When something is due about calls, and when authorisations lapse that something is left of."""
    calls = {f"{CALL}{key}": each.due for key, each in sorted(cards.calls.items()) if each.due is not None}
    rows = {
        f"{LAPSES}{name}": row.row.expires_at
        for name, row in sorted(cards.secured.items())
        if row.open and row.left and row.row.expires_at is not None
    }
    return {**calls, **rows}
