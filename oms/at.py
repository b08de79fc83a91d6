"""`oms at TIME`: the whole installation as it was recorded at one moment, as counts and sums.

Whatever was recorded up to the moment is in it, and nothing else: one consistent cut over all services, read from the
topics of events.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chassis.log import Log
from chassis.service import Service
from chassis.settings import load_settings
from contracts.ids import split_stream
from contracts.message import format_instant
from contracts.topics import SERVICES
from oms.calls import AsJson, print_json
from oms.declared import declared
from oms.past import instant, streams_at
from oms.reach import reach_log
from services.inventory.stock_book import StockBook
from services.order.order import status
from services.payments.payment_state import Payment

__all__ = ["everything_at", "show_at"]

LEVELS = ("on_hand", "reserved", "available", "picked")
"""What of a location's stock is summed, in base units of all its articles together."""

console = Console()


def show_at(
    moment: Annotated[str, typer.Argument(metavar="TIME", help="An instant, such as 2026-01-05T09:00:00Z.")],
    as_json: AsJson = False,
) -> None:
    """Say how everything stood at one moment: orders, stock, payments, work and shipments, counted and summed."""
    settings = load_settings()
    at = instant(moment)
    services = [declared(name, settings.namespace) for name in SERVICES]
    found = everything_at(reach_log(settings), services, at)
    if as_json:
        print_json(found)
    else:
        _show(found)


def everything_at(log: Log, services: Iterable[Service], moment: datetime) -> dict[str, Any]:
    """The counts and sums. Raises LogError, of it TooManyStreams, and LookupError for an event that this release cannot read."""
    views: dict[str, list[Any]] = defaultdict(list)
    held = 0
    for service in services:
        kinds = service.by_kind
        found = streams_at(log, service, moment, held)
        held += len(found)
        for name, stream in found.items():
            kind = split_stream(name)[0]
            views[kind].append(stream.view(kinds[kind]))
    return {
        "at": format_instant(moment),
        "orders": _counted(status(view.order) for view in views["order"] if view.order.placed is not None),
        "stock": _stock(views["stock_item"]),
        "payments": _payments(views["payment"]),
        "fulfillment_orders": _counted(view.stage for view in views["fulfillment_order"]),
        "returns": _counted(view.stage for view in views["return"]),
        "shipments": _counted(view.stage for view in views["shipment"]),
    }


def _counted(stages: Iterable[Any]) -> dict[str, int]:
    return dict(sorted(Counter(str(stage) for stage in stages).items()))


def _stock(items: Sequence[StockBook]) -> dict[str, dict[str, int]]:
    """By location."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        for location, shelf in item.shelves.items():
            level = shelf.level(location)
            found[location].update({name: getattr(level, name) for name in LEVELS})
    return {location: {name: found[location][name] for name in LEVELS} for location in sorted(found)}


def _payments(payments: Sequence[Payment]) -> dict[str, dict[str, int]]:
    """By currency, in minor units: what may still be taken, what was taken, and what went back. `open` counts the
    payments of which something may still be taken, or is to be secured."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for payment in payments:
        asked = payment.authorized or payment.started
        if asked is not None:
            found[asked.amount.currency].update(
                payments=1,
                open=int(payment.left > 0 or payment.started is not None),
                remaining=payment.left,
                captured=payment.captured,
                refunded=payment.refunded,
            )
    names = ("payments", "open", "remaining", "captured", "refunded")
    return {currency: {name: found[currency][name] for name in names} for currency in sorted(found)}


def _show(found: Mapping[str, Any]) -> None:
    console.print(f"[bold]as recorded at {found['at']}[/]", highlight=False)
    table = Table("what", "which", "how much", box=None, pad_edge=False)
    for name in ("orders", "fulfillment_orders", "shipments", "returns"):
        for stage, number in found[name].items():
            table.add_row(name.replace("_", " "), stage, f"{number:,}")
    for name in ("stock", "payments"):
        for which, sums in found[name].items():
            said = ", ".join(f"{number:,} {what.replace('_', ' ')}" for what, number in sums.items())
            table.add_row(name, escape(which), said)
    console.print(table)
