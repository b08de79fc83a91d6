"""The numbers of a seller's documents: one series for invoices and one for credit notes, each counting from 1 in each
year, without a gap.

One stream a seller, which says nothing of a document but its number; what documents say is in invoice.py. A number is
given only to a document that has been settled in every other way, in the transaction in which that document hears of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from chassis.decider import Answer, Context, Fold, Outgoing, StreamKind
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.ids import aggregate_id, stream
from contracts.message import Event
from contracts.payments.invoices import (
    AssignNumber,
    DescribeSeller,
    DocumentKind,
    NumberAssigned,
    NumberRefusal,
    NumberRefused,
    SellerDescribed,
    SellerParticulars,
)

__all__ = ["PREFIXES", "SERIES", "Series", "series_stream"]

PREFIXES = {DocumentKind.INVOICE: "INV", DocumentKind.CREDIT_NOTE: "CN"}
"""What a series of each kind is called, before its year."""

NUMBER_DIGITS = 6
"""A number has at least so many: `INV-2026-000001`."""


@dataclass(frozen=True, slots=True)
class Count:
    """How far a series is: its year, its last number, and on which day (ISO 8601) that was given."""

    year: int
    sequence: int
    issued_on: str


@dataclass(frozen=True, slots=True)
class Series:
    """A seller as they are described, and the `counts` of their series by the kind of document."""

    particulars: SellerParticulars | None = None
    counts: HashTrieMap[str, Count] = HashTrieMap()


def series_stream(tenant: str, seller: str) -> str:
    """The stream of a seller's numbers."""
    return stream("invoice_series", aggregate_id(tenant, "invoice_series", seller))


def _evolve(state: Series, event: Event) -> Series:
    match event:
        case SellerDescribed():
            return replace(state, particulars=event.particulars)
        case NumberAssigned():
            year = int(event.series.rpartition("-")[2])
            count = Count(year, event.sequence, event.issued_on.isoformat())
            return replace(state, counts=state.counts.insert(event.kind, count))
    return state


def _describe(command: DescribeSeller, state: Series, context: Context) -> Sequence[Event]:
    return (SellerDescribed(seller=command.seller, particulars=command.particulars),)


def _assign(command: AssignNumber, state: Series, context: Context) -> Sequence[Event]:
    """The year is that of the day in the seller's zone; no move of the zone takes it back."""
    if state.particulars is None:
        reason = NumberRefusal.SELLER_NOT_DESCRIBED
        refused = NumberRefused(
            seller=command.seller, document=command.document, reason=reason, reply_to=context.reply_to
        )
        return (refused,)
    today = context.now.astimezone(ZoneInfo(state.particulars.time_zone)).date()
    last = state.counts.get(command.kind)
    day = today if last is None else max(today, date.fromisoformat(last.issued_on))
    sequence = 1 if last is None or last.year != day.year else last.sequence + 1
    series = f"{PREFIXES[command.kind]}-{day.year}"
    return (
        NumberAssigned(
            seller=command.seller,
            document=command.document,
            kind=command.kind,
            series=series,
            sequence=sequence,
            number=f"{series}-{sequence:0{NUMBER_DIGITS}}",
            issued_on=day,
            particulars=state.particulars,
            reply_to=context.reply_to,
        ),
    )


def _react(state: Series, event: Event) -> Sequence[Outgoing]:
    reply_to = getattr(event, "reply_to", None)
    return () if reply_to is None else (Answer(reply_to),)


SERIES = StreamKind(
    kind="invoice_series",
    folds=(Fold("invoice_series", 1, Series(), _evolve, _react),),
    decide={DescribeSeller: _describe, AssignNumber: _assign},
)
