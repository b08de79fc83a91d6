"""What a stock item makes of goods that customers sent back, once a node has looked at them.

What may be sold again serves those who wait for it in the same handling. A disposition that is changed takes the units
from where they were put, and is never refused: what is not there any more is found first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chassis.decider import Context
from contracts.inventory import BreakReason, Bucket, CountRequested, Disposition, RecordReturned, StockReturned
from contracts.message import Event
from services.inventory.course import Course, movements_at, wrong_unit
from services.inventory.stock_book import ON_SHELF, StockBook

__all__ = ["returned"]

_PUT: Mapping[Disposition, Bucket] = {
    Disposition.RESTOCK: Bucket.SELLABLE,
    Disposition.REFURBISH: Bucket.ON_HOLD,
    Disposition.QUARANTINE: Bucket.ON_HOLD,
    Disposition.RETURN_TO_VENDOR: Bucket.ON_HOLD,
    Disposition.RETURNED_TO_VENDOR: Bucket.FULFILLED,
    Disposition.SCRAP: Bucket.SCRAPPED,
    Disposition.SENT_BACK: Bucket.FULFILLED,
    Disposition.MISSING: Bucket.LOST,
}
"""Where units of a disposition are: what went to a vendor, or back to the customer, has left as what is sold does."""


def returned(command: RecordReturned, book: StockBook, context: Context) -> Sequence[Event]:
    """Goods that came back are where their disposition puts them, or move from where an earlier one put them. What the
    book lacks of that is found; claims that no longer fit are broken."""
    if refused := wrong_unit(command, book, command.quantity):
        return [*refused, CountRequested(sku=command.sku, location=command.location, reason="wrong_unit")]
    course, location = Course(command.sku, book), command.location
    source, target = _source(command.instead_of), _PUT[command.disposition]
    lacking = max(0, command.quantity - getattr(book.shelf(location), source.value)) if source in ON_SHELF else 0
    moving = source is not target
    movements = movements_at(
        location,
        (Bucket.FOUND, source, lacking if moving else 0),
        (source, target, command.quantity),
    )
    course.make_room(location, movements, BreakReason.RETURN_CHANGED)
    course.emit(
        StockReturned(
            **{name: getattr(command, name) for name in _SAME},
            found=lacking if moving else 0,
            movements=movements,
            levels=course.level_after(location, movements),
        )
    )
    course.ask_for_count(location, found=lacking if moving else 0)
    course.serve(location)
    return course.events


_SAME = (
    "sku",
    "return_id",
    "location",
    "quantity",
    "unit",
    "disposition",
    "instead_of",
    "document",
    "occurred_at",
)
"""The fields that the fact and the event of it share."""


def _source(before: Disposition | None) -> Bucket:
    """Where units come from: from the customer, unless something was said of them before. What was missing then never
    entered the book, and what was thrown away has left it: it is found again."""
    if before is None or before is Disposition.MISSING:
        return Bucket.RESTOCKED
    put = _PUT[before]
    return put if put in ON_SHELF else Bucket.FOUND
