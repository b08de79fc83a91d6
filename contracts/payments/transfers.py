"""Bank transfers: money that the payer sends by themselves, which is waited for, and may be too little or too much."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.message import Command, Event, Instant
from contracts.money import Money

__all__ = [
    "RecordTransferReceived",
    "RecordTransferReturned",
    "TransferAwaited",
    "TransferIgnored",
    "TransferReceived",
    "TransferReturned",
    "TransferUnmatched",
]

TransferName = Annotated[str, StringConstraints(min_length=1, max_length=128), Field(description="the bank's own id")]


class RecordTransferReceived(Command):
    """Money came in for an order. `transfer` is the bank's own id of it, by which it is known again."""

    order_id: str
    transfer: TransferName
    amount: Money


class RecordTransferReturned(Command):
    """Money that came in and that no order needs was sent back, under the bank's own id `transfer`."""

    order_id: str
    transfer: TransferName
    amount: Money


class TransferAwaited(Event):
    """The payer is to send `amount`, naming `reference`, until `until`; else the payment, or the `increase`, is
    declined."""

    order_id: str
    tender: int
    amount: Money
    reference: str
    until: Instant
    increase: str | None = None


class TransferReceived(Event):
    """Money came in; with a `tender` that waits for it, perhaps of an `increase`, `missing` says what is still
    to come for that."""

    order_id: str
    transfer: str
    amount: Money
    tender: int | None = None
    missing: Money | None = None
    increase: str | None = None


class TransferIgnored(Event):
    """A transfer is known already, is in another currency, or more was sent back than is ours to send."""

    order_id: str
    transfer: str
    amount: Money


class TransferUnmatched(Event):
    """Money came in that the order does not need: too much, too late, not enough in time, or the order was cancelled.
    `owner` has to send `amount` back; `unmatched` is all that waits for that."""

    order_id: str
    amount: Money
    unmatched: Money
    owner: str


class TransferReturned(Event):
    """Money was sent back; `unmatched` is what still waits for that."""

    order_id: str
    transfer: str
    amount: Money
    unmatched: Money
