"""Securing more than an order was placed with: for a change of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contracts.message import Command, Event, Instant
from contracts.money import Money, Tender
from contracts.payments.paying import Authorization, DeclineReason

__all__ = ["AuthorizeMore", "CancelIncrease", "IncreaseDeclined", "IncreaseStarted", "PaymentIncreased"]


class AuthorizeMore(Command):
    """Secure `amount` beside what is secured already. `tenders` are all those of the order by their places, new ones at the
    end, each with what of `amount` it pays; they must add up to it. `increase` is the id by which it is known again: sent
    again with the same contents it changes nothing. The payer may send money until `until`; without it as long as for the
    order itself."""

    order_id: str
    increase: str
    amount: Money
    tenders: Annotated[tuple[Tender, ...], Field(min_length=1)]
    until: Instant | None = None


class CancelIncrease(Command):
    """Nobody waits for this increase any more: what is secured for it is given back, and it is declined when it comes
    later. One that is done already stays."""

    order_id: str
    increase: str
    amount: Money


class IncreaseStarted(Event):
    """So much more is to be secured over these tenders, some of which somebody outside is asked for; `PaymentIncreased` or
    `IncreaseDeclined` answers."""

    order_id: str
    increase: str
    amount: Money
    tenders: tuple[Tender, ...]
    until: Instant | None = None
    reply_to: str | None = None


class PaymentIncreased(Event):
    """`amount` more is secured, by these authorisations; said again when it is asked for again (`repeated`). Answers the
    order."""

    order_id: str
    increase: str
    amount: Money
    tenders: tuple[Tender, ...] = ()
    authorizations: tuple[Authorization, ...]
    repeated: bool = False
    reply_to: str | None = None


class IncreaseDeclined(Event):
    """No more was secured; what was before stays. Answers the order."""

    order_id: str
    increase: str
    amount: Money
    reason: DeclineReason
    detail: str | None = None
    reply_to: str | None = None
