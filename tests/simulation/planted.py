"""Bugs planted on purpose, one at a time, so that it is known what the simulation finds: a simulation that never failed
proves nothing. Each is a service made of other tables; no code of a service is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chassis.decider import Context, Fold, Outgoing, Send, StreamKind
from contracts.chassis import DeadlinePassed
from contracts.inventory import ClaimStock, RecordGone, RecordPicked, ReleaseClaim
from contracts.message import Event, Message
from contracts.order import CaptureRecorded, LinesFulfilled
from contracts.payments import (
    CapturePayment,
    PaymentCaptured,
    VoidPayment,
)
from contracts.shipping import DispatchShipment, Shipped
from services.inventory.stock_book import StockBook
from tests.simulation.world import KINDS, Kinds

__all__ = ["PLANTED", "Planted"]

Decider = Callable[[Any, Any, Context], Sequence[Event]]
Reacting = Callable[[Any, Event, Sequence[Outgoing]], Sequence[Outgoing]]


@dataclass(frozen=True)
class Planted:
    """A bug: where, what it does, and the services that have it. One of so many seeds (`within`), counted from `first`,
    shows it."""

    service: str
    title: str
    kinds: Kinds
    first: int = 0
    within: int = 60


def _with(service: str, kind: str, change: Callable[[StreamKind], StreamKind]) -> Kinds:
    kinds = tuple(change(each) if each.kind == kind else each for each in KINDS[service])
    return {**KINDS, service: kinds}


def _deciding(service: str, kind: str, message: type[Message], wrong: Callable[[Decider], Decider]) -> Kinds:
    """A service whose decider of a message is another."""
    return _with(
        service, kind, lambda each: replace(each, decide={**each.decide, message: wrong(each.decide[message])})
    )


def _sending(service: str, kind: str, wrong: Reacting) -> Kinds:
    """A service whose reactions send something else."""

    def change(each: StreamKind) -> StreamKind:
        return replace(each, folds=tuple(replace(fold, react=_wrong(fold, wrong)) for fold in each.folds))

    return _with(service, kind, change)


def _wrong(fold: Fold[Any], wrong: Reacting) -> Callable[[Any, Event], Sequence[Outgoing]]:
    return lambda state, event: wrong(state, event, fold.react(state, event))


def _never_sends(service: str, kind: str, *messages: type[Message]) -> Kinds:
    """A service that forgets to send these."""
    return _sending(
        service,
        kind,
        lambda state, event, out: [
            each for each in out if not (isinstance(each, Send) and isinstance(each.message, messages))
        ],
    )


# Each bug


def _sees_more_stock(right: Decider) -> Decider:
    """A claim is served as if there were one more than there is."""

    def wrong(message: ClaimStock, book: StockBook, context: Context) -> Sequence[Event]:
        shelf = book.shelf(message.location)
        more = replace(shelf, sellable=shelf.sellable + 1)
        return right(message, book.with_shelf(message.location, more), context)

    return wrong


def _forgets_shelf(right: Decider) -> Decider:
    """A pick is booked twice."""

    def wrong(message: RecordPicked, book: Any, context: Context) -> Sequence[Event]:
        events = list(right(message, book, context))
        return [*events, *(event for event in events if type(event).__name__ == "StockPicked")]

    return wrong


def _takes_twice(right: Decider) -> Decider:
    """What is taken at once is taken twice."""

    def wrong(message: CapturePayment, state: Any, context: Context) -> Sequence[Event]:
        events = list(right(message, state, context))
        return [*events, *(event for event in events if isinstance(event, PaymentCaptured))]

    return wrong


def _fulfils_again(right: Decider) -> Decider:
    """What left is told as having left whenever it is heard of."""

    def wrong(message: Shipped, state: Any, context: Context) -> Sequence[Event]:
        events = list(right(message, state, context))
        return [*events, *(event for event in events if isinstance(event, LinesFulfilled))]

    return wrong


def _takes_a_cent_more(right: Decider) -> Decider:
    """What was taken is recorded with a cent more."""

    def wrong(message: PaymentCaptured, state: Any, context: Context) -> Sequence[Event]:
        return [
            event.model_copy(update={"amount": event.amount.model_copy(update={"amount": event.amount.amount + 1})})
            if isinstance(event, CaptureRecorded)
            else event
            for event in right(message, state, context)
        ]

    return wrong


def _deaf(right: Decider) -> Decider:
    """A message comes and nothing comes of it, although it should."""
    return lambda message, state, context: ()


PLANTED: tuple[Planted, ...] = (
    Planted(
        "inventory",
        "a claim is served above what is available",
        _deciding("inventory", "stock_item", ClaimStock, _sees_more_stock),
    ),
    Planted("inventory", "a pick is booked twice", _deciding("inventory", "stock_item", RecordPicked, _forgets_shelf)),
    Planted("order", "claims are not given back", _never_sends("order", "order", ReleaseClaim)),
    Planted("order", "money is not given back", _never_sends("order", "order", VoidPayment)),
    Planted("order", "what left is fulfilled again", _deciding("order", "order", Shipped, _fulfils_again)),
    Planted("order", "a cent more is recorded", _deciding("order", "order", PaymentCaptured, _takes_a_cent_more)),
    Planted("order", "deadlines are not heard", _deciding("order", "order", DeadlinePassed, _deaf)),
    Planted(
        "fulfillment", "a pick is not told to stock", _never_sends("fulfillment", "fulfillment_order", RecordPicked)
    ),
    Planted(
        "fulfillment", "what left is not told to stock", _never_sends("fulfillment", "fulfillment_order", RecordGone)
    ),
    Planted("shipping", "a dispatch is not heard", _deciding("shipping", "shipment", DispatchShipment, _deaf)),
    Planted("payments", "what is taken is taken twice", _deciding("payments", "payment", CapturePayment, _takes_twice)),
)
"""The bugs."""
