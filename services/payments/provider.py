"""A payment provider: what is asked of it, what it may say, and what it tells by itself.

A port: adapters stand behind it in services/payments/providers/, and tests/conformance/test_provider.py is what each has
to pass. Only the worker and the door for notices use it; deciders see what was said, as recorded.

What a provider said is put into few results, because what comes next hangs on one question alone: whether money may
have moved. TRY_AGAIN is said only when it surely did not; UNKNOWN whenever nobody can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from contracts.money import DecimalText, Money
from contracts.payments import CallStep, Capability, CardDecline, DisputeStage

__all__ = [
    "Call",
    "CallStep",
    "DisputeStage",
    "Notice",
    "NoticeLater",
    "NoticeRefused",
    "Notices",
    "Outcome",
    "Provider",
    "Result",
    "Settlement",
]


@dataclass(frozen=True, slots=True)
class Call:
    """One thing asked of a provider, known again by `key`: the same key is the same call, however often it is sent.

    `authorization` is our id of the authorisation; with the order and the key it goes into the provider's own record, so
    that the call is found without the provider's name for it. `amount` is in minor units; of a void it is what is given
    back. `token` is the stored method (authorise). `reference` is the provider's name of the authorisation (capture,
    void) or of the charge (refund). `final` says that no capture of this authorisation follows. `payer_absent`: nobody is
    there to confirm; the payer agreed to be charged when the method was stored.
    """

    step: CallStep
    key: str
    order_id: str
    tenant: str
    authorization: str
    amount: Money
    token: str | None = None
    reference: str | None = None
    final: bool = False
    payer_absent: bool = False


class Result(StrEnum):
    """What became of a call.

    DONE: it happened. ACTION_REQUIRED: the payer has to confirm first. PENDING: taken, not yet done; a notice follows.
    DECLINED: refused for good or softly, and nothing happened. TRY_AGAIN: nothing happened for certain (too many calls,
    unavailable, no connection). UNKNOWN: it may have happened (time-out, error of theirs, connection lost after
    sending). NEVER_SEEN: the provider has no such call; said by `find` alone.
    """

    DONE = "done"
    ACTION_REQUIRED = "action_required"
    PENDING = "pending"
    DECLINED = "declined"
    TRY_AGAIN = "try_again"
    UNKNOWN = "unknown"
    NEVER_SEEN = "never_seen"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What reaches the merchant's account, in minor units of the account's currency.

    `rate` is how much of that currency one unit of the payment's is; `source` says whose rate it is and of which day.
    `fee` is what the provider keeps of `amount`.
    """

    amount: Money
    rate: DecimalText
    source: str
    fee: Money | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a provider said to a call.

    `reference` is its name of what was made: the authorisation, the charge, the refund. `amount` is what it was done
    for, in minor units. `reason` is of a decline; `soft` says that the same call may go well later. `code` is the
    provider's own word for it, never free text. `action_url` is where the payer confirms. `expires_at` is when an
    authorisation lapses (UTC), `capabilities` what it allows; `final` that nothing more can be captured of it.
    `retry_after` is how long the provider asks to be left alone. `away` says that the provider did not take the call up at
    all, which others may find as well: no connection, no answer, too many calls, unavailable, a key that it does not let
    in. Without it the trouble may be this call's own. `said` tells people what happened, without personal
    data.
    """

    result: Result
    provider: str
    reference: str | None = None
    amount: Money | None = None
    reason: CardDecline | None = None
    soft: bool = False
    code: str | None = None
    action_url: str | None = None
    expires_at: datetime | None = None
    capabilities: tuple[Capability, ...] = ()
    final: bool = False
    retry_after: timedelta | None = None
    away: bool = False
    settlement: Settlement | None = None
    brand: str | None = None
    last_four: str | None = None
    said: str | None = None


class Provider(Protocol):
    """Who takes cards for us."""

    @property
    def name(self) -> str:
        """What tenders and messages call it."""

    @property
    def keys_kept(self) -> timedelta:
        """How long it knows a key. A call older than that is asked after before it is sent again."""

    async def call(self, call: Call) -> Outcome:
        """Ask for it. What the provider says and what the network does is an outcome; neither is raised."""

    async def find(self, call: Call) -> Outcome:
        """What became of the call, by its key or by what it left in the provider's record; NEVER_SEEN where it left
        nothing, UNKNOWN or TRY_AGAIN where the provider cannot tell now. Changes nothing there."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a provider tells by itself about a call of ours; `id` is its own, the same whenever it is told again.

    Notices may come twice, late, before the answer to the call, and in any order. `key` is the key of the call that
    made it. With a `dispute` it tells of one: `step` is then CAPTURE, `outcome.reference` the charge, and
    `outcome.amount` what is disputed.
    """

    id: str
    provider: str
    step: CallStep
    order_id: str
    authorization: str
    key: str
    outcome: Outcome
    dispute: DisputeStage | None = None
    tenant: str = "default"


class NoticeRefused(ValueError):
    """These bytes are not from the provider, or are too old, or cannot be read; the text says which, for the log."""


class NoticeLater(RuntimeError):
    """What this tells of has to be looked up at the provider, which does not answer now: it is to be told again."""


class Notices(Protocol):
    """Reads what a provider tells by itself."""

    @property
    def name(self) -> str:
        """The provider's name, as in the address that it calls."""

    async def read(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice | None:
        """The notice in these raw bytes; None when it is genuine and says nothing that we follow.

        Names of headers are in lower case. What a provider leaves out is looked up there, once it is sure that it told.
        Raises NoticeRefused and NoticeLater.
        """
