"""Stored value: one ledger a gift card, and one a customer's store credit in a currency. What of it is available, held for
orders, spent and lapsed.

The stream decides one message after the other, so that no unit of money is held twice. Holds are known by the order's
authorisation, what is spent by the order's capture, what is issued by its entry: whatever comes again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chassis.decider import Answer, Context, Fold, Outgoing, StreamKind
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.chassis import DeadlinePassed
from contracts.ids import split_stream
from contracts.message import Command, Event
from contracts.money import Money
from contracts.payments import (
    BlockValue,
    HoldValue,
    IssueValue,
    RedeemValue,
    ReleaseValue,
    UnblockValue,
    ValueBlocked,
    ValueExpired,
    ValueHeld,
    ValueIssued,
    ValueKind,
    ValueRedeemed,
    ValueRefusal,
    ValueRefused,
    ValueReleased,
    ValueRepeated,
    ValueUnblocked,
)
from contracts.payments.gift_codes import STORED_VALUE

__all__ = ["LAPSES", "STORED_VALUES", "HeldValue", "StoredValue"]

LAPSES = "value_lapses"
"""The deadline at which what is available lapses."""


@dataclass(frozen=True, slots=True)
class HeldValue:
    """What a hold took and what it still keeps (minor units); a released one keeps nothing any more."""

    taken: int = 0
    left: int = 0
    released: bool = False


@dataclass(frozen=True, slots=True)
class StoredValue:
    """Amounts in minor units of `currency`. `entries` and `captures` are those known, by id, with their amounts."""

    kind: ValueKind | None = None
    currency: str | None = None
    issuer: str | None = None
    customer: str | None = None
    ending: str | None = None
    expires_at: datetime | None = None
    lapsed: bool = False
    blocked: bool = False
    issued: int = 0
    available: int = 0
    redeemed: int = 0
    expired: int = 0
    entries: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    holds: HashTrieMap[str, HeldValue] = field(default_factory=HashTrieMap)
    captures: HashTrieMap[str, int] = field(default_factory=HashTrieMap)

    @property
    def held(self) -> int:
        """What holds keep, all together."""
        return self.issued - self.available - self.redeemed - self.expired

    def money(self, amount: int) -> Money:
        """An amount of the ledger's currency; only of one that was issued to."""
        assert self.currency is not None, "a ledger has no currency before something is issued"
        return Money(amount=amount, currency=self.currency)


# Evolve


def _evolve(state: StoredValue, event: Event) -> StoredValue:
    match event:
        case ValueIssued():
            return _issued(state, event)
        case ValueHeld():
            held = HeldValue(event.amount.amount, event.amount.amount)
            return replace(state, available=event.available.amount, holds=state.holds.insert(event.hold, held))
        case ValueRedeemed():
            held = replace(state.holds[event.hold], left=event.held.amount)
            return replace(
                state,
                redeemed=state.redeemed + event.amount.amount,
                holds=state.holds.insert(event.hold, held),
                captures=state.captures.insert(event.capture, event.amount.amount),
            )
        case ValueReleased():
            held = replace(state.holds.get(event.hold, HeldValue()), left=0, released=True)
            back = 0 if event.amount is None else event.amount.amount
            return replace(state, available=state.available + back, holds=state.holds.insert(event.hold, held))
        case ValueExpired():
            amount = event.amount.amount
            return replace(state, available=state.available - amount, expired=state.expired + amount, lapsed=True)
        case ValueBlocked():
            return replace(state, blocked=True)
        case ValueUnblocked():
            return replace(state, blocked=False)
    return state


def _issued(state: StoredValue, event: ValueIssued) -> StoredValue:
    return replace(
        state,
        kind=event.kind,
        currency=event.amount.currency,
        issuer=event.issuer or state.issuer,
        customer=event.customer or state.customer,
        ending=event.ending or state.ending,
        expires_at=_end(state, event),
        lapsed=state.lapsed and event.expires_at is None,
        issued=state.issued + event.amount.amount,
        available=event.available.amount,
        entries=state.entries.insert(event.entry, event.amount.amount),
    )


def _end(state: StoredValue, event: ValueIssued) -> datetime | None:
    """When the ledger lapses from now on: money that comes later never makes earlier money lapse sooner. What is issued
    without an end keeps a card's own, and takes a customer's credit's away, as all of it lapses together."""
    if state.currency is None or state.lapsed:
        return event.expires_at or state.expires_at
    if event.expires_at is None:
        return state.expires_at if event.kind is ValueKind.GIFT_CARD else None
    return None if state.expires_at is None else max(state.expires_at, event.expires_at)


# Decide


def _value(context: Context) -> str:
    return split_stream(context.stream)[1]


def _repeated(command: Command, about: str, context: Context) -> list[Event]:
    request = type(command).__name__
    return [ValueRepeated(value=_value(context), request=request, about=about, reply_to=context.reply_to)]


def _refused(
    command: Command, about: str | None, reason: ValueRefusal, state: StoredValue, context: Context
) -> list[Event]:
    return [
        ValueRefused(
            value=_value(context),
            request=type(command).__name__,
            about=about,
            reason=reason,
            available=None if state.currency is None else state.money(state.available),
            reply_to=context.reply_to,
        )
    ]


def _issue(command: IssueValue, state: StoredValue, context: Context) -> Sequence[Event]:
    if (known := state.entries.get(command.entry)) is not None:
        if (known, state.currency) == (command.amount.amount, command.amount.currency):
            return _repeated(command, command.entry, context)
        return _refused(command, command.entry, ValueRefusal.CONFLICT, state, context)
    if (reason := _not_to_be_issued(command, state)) is not None:
        return _refused(command, command.entry, reason, state, context)
    return [
        ValueIssued(
            value=_value(context),
            available=command.amount.model_copy(update={"amount": state.available + command.amount.amount}),
            reply_to=context.reply_to,
            **{name: getattr(command, name) for name in IssueValue.model_fields if name != "expected_version"},
        )
    ]


def _not_to_be_issued(command: IssueValue, state: StoredValue) -> ValueRefusal | None:
    if command.amount.amount <= 0:
        return ValueRefusal.NO_AMOUNT
    if state.kind is not None and state.kind is not command.kind:
        return ValueRefusal.CONFLICT
    if state.currency is not None and state.currency != command.amount.currency:
        return ValueRefusal.WRONG_CURRENCY
    return None


def _hold(command: HoldValue, state: StoredValue, context: Context) -> Sequence[Event]:
    if (known := state.holds.get(command.hold)) is not None:
        if known.released:
            return _refused(command, command.hold, ValueRefusal.RELEASED, state, context)
        if (known.taken, state.currency) == (command.amount.amount, command.amount.currency):
            return _repeated(command, command.hold, context)
        return _refused(command, command.hold, ValueRefusal.CONFLICT, state, context)
    if (reason := _not_to_be_held(command.amount, state)) is not None:
        return _refused(command, command.hold, reason, state, context)
    return [
        ValueHeld(
            value=_value(context),
            hold=command.hold,
            order_id=command.order_id,
            amount=command.amount,
            available=state.money(state.available - command.amount.amount),
            reply_to=context.reply_to,
        )
    ]


def _not_to_be_held(amount: Money, state: StoredValue) -> ValueRefusal | None:
    if state.currency is None:
        return ValueRefusal.UNKNOWN
    if state.blocked:
        return ValueRefusal.BLOCKED
    if amount.currency != state.currency:
        return ValueRefusal.WRONG_CURRENCY
    if amount.amount <= 0:
        return ValueRefusal.NO_AMOUNT
    return ValueRefusal.INSUFFICIENT if amount.amount > state.available else None


def _redeem(command: RedeemValue, state: StoredValue, context: Context) -> Sequence[Event]:
    if (known := state.captures.get(command.capture)) is not None:
        if (known, state.currency) == (command.amount.amount, command.amount.currency):
            return _repeated(command, command.capture, context)
        return _refused(command, command.capture, ValueRefusal.CONFLICT, state, context)
    held = state.holds.get(command.hold, HeldValue())
    if (reason := _not_to_be_redeemed(command.amount, held, state)) is not None:
        return _refused(command, command.capture, reason, state, context)
    return [
        ValueRedeemed(
            value=_value(context),
            hold=command.hold,
            capture=command.capture,
            order_id=command.order_id,
            amount=command.amount,
            held=state.money(held.left - command.amount.amount),
            reply_to=context.reply_to,
        )
    ]


def _not_to_be_redeemed(amount: Money, held: HeldValue, state: StoredValue) -> ValueRefusal | None:
    if held.released:
        return ValueRefusal.RELEASED
    if amount.currency != state.currency:
        return ValueRefusal.WRONG_CURRENCY if state.currency else ValueRefusal.UNKNOWN
    if amount.amount <= 0:
        return ValueRefusal.NO_AMOUNT
    return ValueRefusal.INSUFFICIENT if amount.amount > held.left else None


def _release(command: ReleaseValue, state: StoredValue, context: Context) -> Sequence[Event]:
    held = state.holds.get(command.hold)
    if held is not None and held.released:
        return _repeated(command, command.hold, context)
    back = None if held is None else held.left
    events: list[Event] = [
        ValueReleased(
            value=_value(context),
            hold=command.hold,
            order_id=command.order_id,
            amount=None if back is None else state.money(back),
            available=None if back is None else state.money(state.available + back),
            reply_to=context.reply_to,
        )
    ]
    if back and state.lapsed:
        # It was there when the rest lapsed, so it lapses with it.
        events.append(_expired(state, back, context))
    return events


def _expired(state: StoredValue, amount: int, context: Context) -> ValueExpired:
    assert state.kind is not None, "what lapses was issued"
    return ValueExpired(value=_value(context), kind=state.kind, amount=state.money(amount))


def _lapse(message: DeadlinePassed, state: StoredValue, context: Context) -> Sequence[Event]:
    if _deadlines(state).get(message.name) != message.due:
        return []
    return [_expired(state, state.available, context)]


def _block(command: BlockValue, state: StoredValue, context: Context) -> Sequence[Event]:
    if state.currency is None:
        return _refused(command, None, ValueRefusal.UNKNOWN, state, context)
    if state.blocked:
        return _repeated(command, _value(context), context)
    return [ValueBlocked(value=_value(context), detail=command.detail)]


def _unblock(command: UnblockValue, state: StoredValue, context: Context) -> Sequence[Event]:
    if state.currency is None:
        return _refused(command, None, ValueRefusal.UNKNOWN, state, context)
    if not state.blocked:
        return _repeated(command, _value(context), context)
    return [ValueUnblocked(value=_value(context), detail=command.detail)]


# React and deadlines


def _react(state: Any, event: Event) -> Sequence[Outgoing]:
    reply_to = getattr(event, "reply_to", None)
    return () if reply_to is None else (Answer(reply_to),)


def _deadlines(state: StoredValue) -> Mapping[str, datetime]:
    return {} if state.expires_at is None or state.lapsed else {LAPSES: state.expires_at}


STORED_VALUES = StreamKind(
    kind=STORED_VALUE,
    folds=(Fold("stored_value", 2, StoredValue(), _evolve, _react, _deadlines),),
    decide={
        IssueValue: _issue,
        HoldValue: _hold,
        RedeemValue: _redeem,
        ReleaseValue: _release,
        BlockValue: _block,
        UnblockValue: _unblock,
        DeadlinePassed: _lapse,
    },
)
