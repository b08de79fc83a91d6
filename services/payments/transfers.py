"""Bank transfers of a payment: what is waited for, what came, and what of it no order needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from chassis.decider import Context
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.ids import order_number
from contracts.message import Event
from contracts.money import Money
from contracts.payments import (
    DeclineReason,
    IncreaseStarted,
    RecordTransferReceived,
    RecordTransferReturned,
    TransferAwaited,
    TransferIgnored,
    TransferReceived,
    TransferReturned,
    TransferUnmatched,
)
from services.payments.endings import increase_declined, payment_declined
from services.payments.methods import PAYMENTS_DESK, TRANSFER_WITHIN

if TYPE_CHECKING:
    from services.payments.payment_state import Payment

__all__ = [
    "AWAITS",
    "Transfers",
    "await_transfer",
    "awaits_key",
    "deadlines_of",
    "evolve",
    "let_go",
    "missed",
    "received_for",
    "record_received",
    "record_returned",
    "unmatched",
    "without",
]

AWAITS = "transfer_awaited:"
"""The deadline of a transfer is this, its tender's place and, of an increase, a stroke and the increase."""


@dataclass(frozen=True, slots=True)
class Transfers:
    """`awaited` until when, `wanted` and `received` how much (minor units), by the tender's place (of an increase with
    that: `awaits_key`); `known` the transfers by the bank's id. `idle` came in and is needed by nobody, which is said next; `unmatched` is what a person has to send back
    of what was said."""

    currency: str | None = None
    awaited: HashTrieMap[str, datetime] = field(default_factory=HashTrieMap)
    wanted: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    received: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    known: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    idle: int = 0
    unmatched: int = 0


def awaits_key(tender: int, increase: str | None = None) -> str:
    """What a transfer is waited for by: the tender's place, and the increase where it is for one."""
    return str(tender) if increase is None else f"{tender}/{increase}"


def evolve(transfers: Transfers, event: Event) -> Transfers:
    """The transfers after one more event of the payment."""
    match event:
        case TransferAwaited():
            return replace(
                transfers,
                currency=event.amount.currency,
                awaited=transfers.awaited.insert(awaits_key(event.tender, event.increase), event.until),
                wanted=transfers.wanted.insert(awaits_key(event.tender, event.increase), event.amount.amount),
                received=transfers.received.insert(awaits_key(event.tender, event.increase), 0),
            )
        case TransferReceived():
            return _received(transfers, event)
        case TransferUnmatched():
            return replace(transfers, idle=0, unmatched=event.unmatched.amount)
        case TransferReturned():
            known = transfers.known.insert(event.transfer, event.amount.amount)
            return replace(transfers, known=known, unmatched=event.unmatched.amount)
    return transfers


def let_go(transfers: Transfers, held: int) -> Transfers:
    """Nothing is waited for any more; `held` of what came in is needed by nobody."""
    nothing: HashTrieMap[str, datetime] = HashTrieMap()
    return replace(transfers, awaited=nothing, received=HashTrieMap(), idle=transfers.idle + held)


def received_for(transfers: Transfers, increase: str) -> int:
    """What came in for an increase, in minor units."""
    return sum(amount for key, amount in transfers.received.items() if key.endswith(f"/{increase}"))


def without(transfers: Transfers, increase: str, idle: int = 0) -> Transfers:
    """Nothing is waited for any more for an increase; `idle` of what came in for it is needed by nobody."""
    awaited, wanted, received = transfers.awaited, transfers.wanted, transfers.received
    for key in transfers.received:
        if key.endswith(f"/{increase}"):
            awaited, wanted, received = awaited.discard(key), wanted.discard(key), received.discard(key)
    return replace(transfers, awaited=awaited, wanted=wanted, received=received, idle=transfers.idle + idle)


def _received(transfers: Transfers, event: TransferReceived) -> Transfers:
    amount = event.amount.amount
    transfers = replace(transfers, currency=event.amount.currency, known=transfers.known.insert(event.transfer, amount))
    if event.tender is None or event.missing is None:
        return replace(transfers, idle=transfers.idle + amount)
    place, over = awaits_key(event.tender, event.increase), max(0, -event.missing.amount)
    awaited = transfers.awaited if event.missing.amount > 0 else transfers.awaited.discard(place)
    received = transfers.received.insert(place, transfers.received[place] + amount - over)
    return replace(transfers, awaited=awaited, received=received, idle=transfers.idle + over)


def deadlines_of(transfers: Transfers) -> Mapping[str, datetime]:
    """Until when transfers are waited for."""
    return {f"{AWAITS}{place}": until for place, until in sorted(transfers.awaited.items())}


# What happens


def await_transfer(
    order_id: str, place: int, amount: Money, context: Context, more: IncreaseStarted | None = None
) -> TransferAwaited:
    """The payer is to send so much; of an increase no longer than that is waited for."""
    latest = context.now + TRANSFER_WITHIN
    return TransferAwaited(
        order_id=order_id,
        tender=place,
        amount=amount,
        reference=order_number(order_id) if len(order_id) == 36 else order_id,
        until=latest if more is None or more.until is None else min(latest, max(context.now, more.until)),
        increase=None if more is None else more.increase,
    )


def record_received(command: RecordTransferReceived, state: Payment, context: Context) -> Sequence[Event]:
    """Money came in: for the tender that waits for it, or for nobody."""
    transfers, amount = state.transfers, command.amount
    other = transfers.currency is not None and amount.currency != transfers.currency
    if command.transfer in transfers.known or other or amount.amount <= 0:
        return [_ignored(command)]
    waits = sorted(transfers.awaited)
    if not waits:
        return [TransferReceived(order_id=command.order_id, transfer=command.transfer, amount=amount)]
    place, _, increase = waits[0].partition("/")
    wanted = transfers.wanted[waits[0]] - transfers.received[waits[0]]
    return [
        TransferReceived(
            order_id=command.order_id,
            transfer=command.transfer,
            amount=amount,
            tender=int(place),
            missing=Money(amount=wanted - amount.amount, currency=amount.currency),
            increase=increase or None,
        )
    ]


def record_returned(command: RecordTransferReturned, state: Payment, context: Context) -> Sequence[Event]:
    """A person sent back what nobody needs."""
    transfers, amount = state.transfers, command.amount
    ours = amount.currency == transfers.currency and 0 < amount.amount <= transfers.unmatched
    if command.transfer in transfers.known or not ours:
        return [_ignored(command)]
    return [
        TransferReturned(
            order_id=command.order_id,
            transfer=command.transfer,
            amount=amount,
            unmatched=Money(amount=transfers.unmatched - amount.amount, currency=amount.currency),
        )
    ]


def _ignored(command: RecordTransferReceived | RecordTransferReturned) -> TransferIgnored:
    return TransferIgnored(order_id=command.order_id, transfer=command.transfer, amount=command.amount)


def unmatched(order_id: str, transfers: Transfers) -> TransferUnmatched:
    """Somebody has to send back what nobody needs."""
    assert transfers.currency is not None, "what came in has a currency"
    return TransferUnmatched(
        order_id=order_id,
        amount=Money(amount=transfers.idle, currency=transfers.currency),
        unmatched=Money(amount=transfers.unmatched + transfers.idle, currency=transfers.currency),
        owner=PAYMENTS_DESK,
    )


def missed(state: Payment, key: str) -> Sequence[Event]:
    """The money did not come in time."""
    if increase := key.partition("/")[2]:
        return increase_declined(state, increase, DeclineReason.NOT_RECEIVED)
    return payment_declined(state, DeclineReason.NOT_RECEIVED)
