"""What the payment of an order asks of ledgers of stored value, and what became of it.

A gift card or store credit that pays for an order is held by its ledger (`stored_value.py`), spent for what was
fulfilled, released, and given back to. Amounts are money in minor units.
"""

from __future__ import annotations

from contracts.message import Event, Value
from contracts.money import Money
from contracts.payments.calls import CallStep
from contracts.payments.stored_value import ValueKind, ValueRefusal

__all__ = ["StoredValueDeclined", "StoredValueMoved", "StoredValueRequested", "ValuePart"]


class ValuePart(Value):
    """What is asked of the ledger `value` for a tender (its place): to hold (authorise), spend (capture), release (void)
    or take back (refund) `amount`. `authorization` is the hold's id, uuid5 of (tenant, `authorization`, payment, tender,
    `value-` and the round, or `increase-` and the `increase` that it is for); `part` the id of the capture or of the part
    of a refund that it is for."""

    step: CallStep
    kind: ValueKind
    value: str
    tender: int
    authorization: str
    amount: Money
    part: str | None = None
    increase: str | None = None


class StoredValueRequested(Event):
    """A ledger is asked. Asked again for a part that it refused before, it is the same request."""

    order_id: str
    asked: ValuePart


class StoredValueMoved(Event):
    """The ledger did what it was asked for."""

    order_id: str
    asked: ValuePart


class StoredValueDeclined(Event):
    """The ledger refused: nothing moved."""

    order_id: str
    asked: ValuePart
    reason: ValueRefusal
