"""A stock item: one SKU at all its locations, so that reserving and the queue of waiting demand are atomic.

Here it is put together: which message is decided where, and whom each event answers. stock_book.py is its state and
bookkeeping.py what its events mean; claiming.py, stock_facts.py, node_facts.py and returned.py decide,
on the steps of course.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from chassis.decider import Answer, Fold, Outgoing, StreamKind
from contracts.chassis import DeadlinePassed
from contracts.inventory import (
    AdjustStock,
    ClaimReduced,
    ClaimReleased,
    ClaimRepeated,
    ClaimStock,
    CountStock,
    DemandQueued,
    ExpectSupply,
    HardenClaim,
    ReceiveStock,
    RecordGone,
    RecordHandedOut,
    RecordPicked,
    RecordPutBack,
    RecordReturned,
    ReleaseClaim,
    ReservationBroken,
    StockRejected,
    StockReserved,
)
from contracts.message import Event
from services.inventory import claiming, node_facts, stock_facts
from services.inventory.bookkeeping import as_of, deadlines_of, evolve
from services.inventory.catalogue import ITEM, LOCATION
from services.inventory.returned import returned
from services.inventory.stock_book import StockBook

__all__ = ["KINDS", "STOCK_ITEM"]


def _react(book: StockBook, event: Event) -> Sequence[Outgoing]:
    match event:
        case (
            StockReserved()
            | DemandQueued()
            | StockRejected()
            | ClaimRepeated()
            | ClaimReduced()
            | ClaimReleased()
            | ReservationBroken()
        ) if event.reply_to is not None:
            return (Answer(event.reply_to),)
    return ()


STOCK_ITEM = StreamKind(
    kind="stock_item",
    folds=(Fold("stock_item", 3, StockBook(), evolve, _react, deadlines_of, as_of),),
    decide={
        ClaimStock: claiming.claim,
        HardenClaim: claiming.harden,
        ReleaseClaim: claiming.release,
        DeadlinePassed: claiming.expire,
        ReceiveStock: stock_facts.receive,
        ExpectSupply: stock_facts.expect,
        AdjustStock: stock_facts.adjust,
        CountStock: stock_facts.count,
        RecordPicked: node_facts.pick,
        RecordPutBack: node_facts.put_back,
        RecordGone: node_facts.gone,
        RecordHandedOut: node_facts.handed_out,
        RecordReturned: returned,
    },
)

KINDS = (STOCK_ITEM, ITEM, LOCATION)
