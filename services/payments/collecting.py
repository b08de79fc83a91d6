"""When an invoice is charged to its buyer's card on file, and for how much: deciders of a document's stream.

On the due date what is open then is asked of the payment of its order, which asks the provider (invoice_charges.py). One
attempt is under way at a time, and each is for what is open when it is asked for: what the bank brought, what was credited,
moved or given up before is not charged. What comes too much all the same goes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from chassis.decider import Context, Send
from contracts.chassis import DeadlinePassed
from contracts.ids import split_stream, stream
from contracts.message import Event
from contracts.money import Money
from contracts.payments.collecting import (
    CollectInvoice,
    CollectionAsked,
    CollectionDelayed,
    CollectionFailed,
    CollectionGivenUp,
    InvoiceOverpaid,
    ReturnCollected,
)
from services.payments.receivables import FINANCE

if TYPE_CHECKING:
    from services.payments.invoice import Invoice

__all__ = [
    "COLLECT",
    "COLLECT_AGAIN_AFTER",
    "asked",
    "begins",
    "collection_due",
    "collection_failed",
    "deadlines_of",
    "given_up",
    "overpaid",
    "wish",
]

COLLECT = "collect/"
"""The deadline of a charge is this and the number of its attempt."""

COLLECT_AGAIN_AFTER = tuple(timedelta(days=days) for days in (1, 3, 5))
"""When a card that was declined softly is charged again, attempt by attempt; then finance looks after the invoice."""


def begins(day: date, time_zone: str) -> datetime:
    """When a day begins in a zone (IANA)."""
    return datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC)


def deadlines_of(state: Invoice) -> Mapping[str, datetime]:
    """When the next attempt is due, as long as something is open and none is under way."""
    if state.collect_at is None or state.collecting is not None or not state.open:
        return {}
    return {f"{COLLECT}{state.attempts + 1}": state.collect_at}


def collection_due(message: DeadlinePassed, state: Invoice, context: Context) -> Sequence[Event]:
    """It is due: charge what is open now. Nothing of a deadline that nobody waits for any more."""
    if deadlines_of(state).get(message.name) != message.due:
        return ()
    return (asked(state, context),)


def asked(state: Invoice, context: Context) -> CollectionAsked:
    """One more attempt, for all that is open."""
    assert state.on_account and state.order_id and state.collected_from is not None, "only such an invoice is due here"
    return CollectionAsked(
        order_id=state.order_id,
        invoice=split_stream(context.stream)[1],
        attempt=state.attempts + 1,
        tender=state.collected_from,
        amount=Money(amount=state.open, currency=state.on_account.currency),
    )


def given_up(state: Invoice) -> bool:
    """Whether something is open of an invoice that is charged to a card on file, and nothing will be by itself."""
    waits = state.collect_at is not None or state.collecting is not None
    return state.number is not None and state.collected_from is not None and not waits and state.open > 0


def collection_failed(answer: CollectionFailed, state: Invoice, context: Context) -> Sequence[Event]:
    """Another attempt on another day where that may go well, a few times; else somebody's to look after."""
    if state.collecting != answer.attempt:
        return ()
    said = {name: getattr(answer, name) for name in ("attempt", "reason", "card")}
    if answer.soft and state.softly < len(COLLECT_AGAIN_AFTER):
        return (CollectionDelayed(**said, again_at=context.now + COLLECT_AGAIN_AFTER[state.softly]),)
    return (CollectionGivenUp(**said, owner=FINANCE),)


def overpaid(state: Invoice, context: Context) -> Sequence[Event]:
    """What the buyer owes less than was paid, since it was credited or moved afterwards, goes back out of charges, the last
    first. What came by bank is nobody's to charge back: it stays the buyer's credit, as ever."""
    if state.on_account is None or state.order_id is None:
        return ()
    owed = state.on_account.amount + sum(state.moved.values()) - sum(state.credits.values())
    over, found = state.paid - max(0, owed), list[Event]()
    for charge, kept in reversed(state.charged):
        if (part := min(over, kept)) > 0:
            over -= part
            found.append(
                InvoiceOverpaid(
                    order_id=state.order_id,
                    invoice=split_stream(context.stream)[1],
                    charge=charge,
                    number=state.returns + 1 + len(found),
                    amount=Money(amount=part, currency=state.on_account.currency),
                )
            )
    return found


# React


def wish(event: CollectionAsked | InvoiceOverpaid) -> Send:
    """What the payment of the order is to do: charge the invoice, or give something of a charge back."""
    payment = stream("payment", event.order_id)
    common = {name: getattr(event, name) for name in ("order_id", "invoice", "amount")}
    if isinstance(event, CollectionAsked):
        charge = CollectInvoice(**common, attempt=event.attempt, tender=event.tender)
        return Send("payments", payment, charge, wants_answer=True)
    return Send("payments", payment, ReturnCollected(**common, charge=event.charge, number=event.number))
