"""What is asked of a payment provider, and what became of it: intents, outcomes, and what nobody can tell.

Each call has an idempotency key, uuid5 of (payment's stream, step, attempt group); asked again under the same key it is
the same call. Money in minor units, instants UTC.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.canonical import canonical_json
from contracts.message import Command, Event, Instant, Intent, Value
from contracts.money import DecimalText, Money
from contracts.payments.paying import Authorization, Capability, CardDecline

__all__ = [
    "CallResult",
    "CallStep",
    "CardActionRequired",
    "CardAuthorizationLapsed",
    "CardAuthorizationRaised",
    "CardAuthorizationRequested",
    "CardAuthorized",
    "CardCaptureRequested",
    "CardCaptured",
    "CardDeclined",
    "CardRefundRequested",
    "CardRefunded",
    "CardVoidRequested",
    "CardVoided",
    "DisputeLost",
    "DisputeOpened",
    "DisputeStage",
    "DisputeWon",
    "IgnoredBecause",
    "ProviderCall",
    "ProviderCallDelayed",
    "ProviderCallPending",
    "ProviderInquiryRequested",
    "ProviderOutcomeIgnored",
    "ProviderOutcomeResolved",
    "ProviderOutcomeUnknown",
    "ProviderOutcomeUnresolved",
    "RecordProviderOutcome",
    "ResolutionRefusal",
    "ResolutionRefused",
    "ResolveProviderOutcome",
    "Settled",
]

Said = Annotated[str, StringConstraints(max_length=300)]
"""What a provider said, for people, without personal data."""


class CallStep(StrEnum):
    """What is asked of a provider."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class CallResult(StrEnum):
    """What became of a call: the results of a provider's port, by their names there."""

    DONE = "done"
    ACTION_REQUIRED = "action_required"
    PENDING = "pending"
    DECLINED = "declined"
    TRY_AGAIN = "try_again"
    UNKNOWN = "unknown"
    NEVER_SEEN = "never_seen"


class DisputeStage(StrEnum):
    """How far a dispute is: the payer took it to the bank; the merchant won it, or lost it."""

    OPENED = "opened"
    WON = "won"
    LOST = "lost"


class Settled(Value):
    """What reaches the merchant's account: `amount` in the account's currency, `rate` how much of that currency one unit
    of the payment's is, `source` whose rate it is and of which day, `fee` what the provider keeps of it."""

    amount: Money
    rate: DecimalText
    source: str
    fee: Money | None = None


class ProviderCall(Value):
    """One call: `provider` by name (absent: the installation's own), `tender` its place, `authorization` our id of the
    authorisation, `token` the stored method (authorise), `reference` the provider's name of the authorisation (capture,
    void) or of the charge (refund); to authorise with it is to raise that authorisation by the amount. `final`: no capture
    of this authorisation follows. `part` is the id of the capture or of the part of a refund that it is for, `increase`
    that of the increase. `prepaid`: of the money that is taken at the order, before any capture draws on it, or for an invoice.
    `collection`: what is open of an invoice is charged, `part` is our id of the charge."""

    step: CallStep
    key: str
    tender: int
    authorization: str
    amount: Money
    provider: str | None = None
    token: str | None = None
    reference: str | None = None
    final: bool = False
    part: str | None = None
    increase: str | None = None
    prepaid: bool = False
    collection: bool = False


# Intents


class CardAuthorizationRequested(Intent):
    """Secure the amount on the stored method; asked for the `tries`-th time under this key."""

    order_id: str
    call: ProviderCall
    tries: int = 1


class CardCaptureRequested(Intent):
    """Take the amount of an authorisation; asked for the `tries`-th time under this key."""

    order_id: str
    call: ProviderCall
    tries: int = 1


class CardVoidRequested(Intent):
    """Let go of an authorisation; asked for the `tries`-th time under this key."""

    order_id: str
    call: ProviderCall
    tries: int = 1


class CardRefundRequested(Intent):
    """Give the amount back out of a charge; asked for the `tries`-th time under this key."""

    order_id: str
    call: ProviderCall
    tries: int = 1


class ProviderInquiryRequested(Intent):
    """Ask the provider what became of a call; for the `inquiries`-th time. Changes nothing there."""

    order_id: str
    call: ProviderCall
    inquiries: int = 1


# What the worker, a provider's notice or a person brings


class RecordProviderOutcome(Command):
    """What a provider said to a call, or told by itself (`notice`: its id of that). With a `dispute` it tells of one:
    `key` is then of the capture that is disputed, `amount` what is disputed. `retry_after` in seconds."""

    order_id: str
    step: CallStep
    key: str
    authorization: str
    result: CallResult
    provider: str
    reference: str | None = None
    amount: Money | None = None
    reason: CardDecline | None = None
    soft: bool = False
    code: str | None = None
    action_url: str | None = None
    expires_at: Instant | None = None
    capabilities: tuple[Capability, ...] = ()
    final: bool = False
    retry_after: Annotated[int, Field(ge=0)] | None = None
    settlement: Settled | None = None
    brand: str | None = None
    last_four: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")] | None = None
    said: Said | None = None
    notice: str | None = None
    dispute: DisputeStage | None = None

    def digest(self) -> str:
        """Of what decides; the provider's words aside, which differ from one asking to the next."""
        words = {"said", "retry_after", "code", "action_url", "settlement"}
        return sha256(canonical_json(self.model_dump(mode="json", exclude=words, exclude_none=True))).hexdigest()


class ResolveProviderOutcome(Command):
    """A person found out what became of a call that stayed unknown: it `happened`, under the provider's `reference`, or
    it did not."""

    order_id: str
    key: str
    happened: bool
    reference: str | None = None


# Events: what became of calls


class CardAuthorized(Event):
    """The provider secures the amount. `provider` as it calls itself; of the card no more than brand and last four."""

    order_id: str
    key: str
    authorization: Authorization
    provider: str
    brand: str | None = None
    last_four: str | None = None


class CardAuthorizationRaised(Event):
    """The provider holds `amount` more on an authorisation, for this tender."""

    order_id: str
    key: str
    authorization: str
    tender: int
    amount: Money
    provider: str


class CardActionRequired(Event):
    """The payer has to confirm at `action_url` until `until`; else it is declined."""

    order_id: str
    key: str
    tender: int
    authorization: str
    provider: str
    reference: str | None = None
    action_url: str | None = None
    until: Instant


class CardDeclined(Event):
    """The provider refused a call. A soft refusal of an authorisation is tried again at `again_at`, as another attempt."""

    order_id: str
    key: str
    step: CallStep
    tender: int
    amount: Money
    provider: str
    reason: CardDecline
    soft: bool = False
    code: str | None = None
    again_at: Instant | None = None


class CardCaptured(Event):
    """The provider took the amount: `capture` is our id of it, `reference` the provider's name of the charge. `prepaid`:
    at the order, for captures that will draw on it, or for an invoice that will."""

    order_id: str
    key: str
    capture: str
    tender: int
    authorization: str
    amount: Money
    provider: str
    reference: str | None = None
    settlement: Settled | None = None
    prepaid: bool = False


class CardVoided(Event):
    """The provider let go of an authorisation, or had nothing to let go of."""

    order_id: str
    key: str
    tender: int
    authorization: str
    provider: str


class CardRefunded(Event):
    """The provider gave the amount back: `refund` is our id of the part, `reference` the provider's name of it.
    `prepaid`: of what was taken at the order, or for an invoice, and is not needed."""

    order_id: str
    key: str
    refund: str
    tender: int
    amount: Money
    provider: str
    reference: str | None = None
    settlement: Settled | None = None
    prepaid: bool = False


class CardAuthorizationLapsed(Event):
    """An authorisation of a card lapsed with `amount` of it not captured. The next capture secures it anew."""

    order_id: str
    authorization: str
    tender: int
    amount: Money


class ProviderCallPending(Event):
    """The provider has taken the call and tells later; asked after at `ask_at`."""

    order_id: str
    key: str
    step: CallStep
    provider: str
    reference: str | None = None
    ask_at: Instant


class ProviderCallDelayed(Event):
    """Nothing happened for certain; the same call is made again at `again_at`."""

    order_id: str
    key: str
    step: CallStep
    tries: int
    code: str | None = None
    again_at: Instant
    provider: str | None = None


class ProviderOutcomeUnknown(Event):
    """Nobody can tell whether the call happened; the provider is asked at `ask_at`, never called again blindly."""

    order_id: str
    key: str
    step: CallStep
    inquiries: int
    ask_at: Instant
    provider: str | None = None


class ProviderOutcomeUnresolved(Event):
    """What became of a call stays open after all asking; `owner` has to find out. An outcome may come after all."""

    order_id: str
    key: str
    step: CallStep
    tender: int
    amount: Money
    owner: str
    detail: str
    provider: str | None = None


class ProviderOutcomeResolved(Event):
    """A person said what became of the call; the event that says it follows."""

    order_id: str
    key: str
    step: CallStep
    happened: bool
    reference: str | None = None


class ResolutionRefusal(StrEnum):
    """Why a person's word was not taken: no such call; its outcome is known; to say that it happened a reference of the
    provider is needed, but for a void; the money of this part was taken, or given back, by another call since: whoever
    undoes it at the provider says then that it did not happen."""

    UNKNOWN_CALL = "unknown_call"
    SETTLED = "settled"
    REFERENCE_MISSING = "reference_missing"
    DONE_TWICE = "done_twice"


class ResolutionRefused(Event):
    """Nothing was changed by what a person said about a call."""

    order_id: str
    key: str
    reason: ResolutionRefusal


class IgnoredBecause(StrEnum):
    """Why an outcome changed nothing: no such call of this payment; its outcome is known; it says no more than is known."""

    UNKNOWN_CALL = "unknown_call"
    SETTLED = "settled"
    NOTHING_NEW = "nothing_new"


class ProviderOutcomeIgnored(Event):
    """An outcome came again, late, or of a call that is not known here."""

    order_id: str
    key: str
    step: CallStep
    result: CallResult
    because: IgnoredBecause


class DisputeOpened(Event):
    """The payer disputes a capture at the bank: `amount` is withheld until it is decided."""

    order_id: str
    key: str
    capture: str
    amount: Money
    provider: str
    reference: str | None = None


class DisputeWon(Event):
    """The bank decided for the merchant."""

    order_id: str
    key: str
    capture: str
    amount: Money
    provider: str
    reference: str | None = None


class DisputeLost(Event):
    """The bank decided for the payer: the amount is gone, and is no refund of ours."""

    order_id: str
    key: str
    capture: str
    amount: Money
    provider: str
    reference: str | None = None
