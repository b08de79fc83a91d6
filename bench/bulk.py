"""Bulk import: how many orders a second `oms import` reads from a file and publishes, and the door puts into the inbox."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from typing import Any

from bench.at_the_doors import published_orders_taken
from bench.installation import installed
from bench.machine import Meter, describe
from bench.orders import synthetic
from bench.people import HTTP, door, goods_entry, seller_entry
from bench.sending import send_all
from contracts.channel import ChannelLine, ChannelOrder
from oms.stack import PROCESSES

__all__ = ["bulk_import", "rows_of"]

IMPORT_SECONDS = 600.0


def bulk_import(orders: int) -> dict[str, Any]:
    """One run: a file of so many orders of three lines. Raises subprocess.CalledProcessError when it is not imported whole."""
    machine, shop = describe(), synthetic(orders, "import")
    with installed(PROCESSES) as here, TemporaryDirectory(prefix="orderlog-bench-") as folder:
        way_in = door(HTTP, here.settings.partitions)
        send_all(
            here.settings.bootstrap, [way_in.record(each) for each in (seller_entry(), *map(goods_entry, shop.goods))]
        )
        here.caught_up()
        file = Path(folder) / "orders.csv"
        _write(file, shop.orders)
        meter, children, began = Meter(here.pids()), getrusage(RUSAGE_CHILDREN), time.monotonic()
        with published_orders_taken(here, orders):
            subprocess.run(
                [sys.executable, "-m", "oms", "import", str(file)],
                check=True,
                capture_output=True,
                text=True,
                timeout=IMPORT_SECONDS,
            )
            sent = time.monotonic() - began
            # Of the children of this process only the command has ended: the installation goes on.
            ended = getrusage(RUSAGE_CHILDREN)
        taken = time.monotonic() - began
        command = ended.ru_utime + ended.ru_stime - children.ru_utime - children.ru_stime
        cpu = {**meter.read().cpu, "import": command}
        size = file.stat().st_size
    return {
        "machine": machine,
        "orders": orders,
        "file_bytes": size,
        "orders_per_second": round(orders / taken, 1),
        "published_per_second": round(orders / sent, 1),
        "cpu_ms_per_order": {name: round(1_000 * each / orders, 2) for name, each in cpu.items()},
    }


def _write(file: Path, orders: Sequence[ChannelOrder]) -> None:
    rows = [row for order in orders for row in rows_of(order)]
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def rows_of(order: ChannelOrder) -> Iterator[Mapping[str, str]]:
    """A row for each line, as docs/importing.md names the columns."""
    tender, buyer, customer = order.tenders[0], order.buyer, order.customer
    assert buyer is not None
    assert customer is not None
    party = {
        "name": buyer.name,
        "address_1": buyer.address_lines[0],
        "city": buyer.city,
        "postcode": buyer.postcode,
        "region": buyer.region,
        "country": buyer.country,
        "email": buyer.email,
        "phone": buyer.phone,
    }
    head = {
        "channel_account": order.channel_account,
        "external_id": order.external_id,
        "channel": order.channel,
        "seller": order.seller,
        "number": order.number,
        "placed_at": order.placed_at.isoformat(),
        "currency": order.currency,
        "customer_issuer": customer.issuer,
        "customer_id": customer.id,
        **{f"{whose}_{part}": text for whose in ("buyer", "ship") for part, text in party.items()},
        "ship_group": order.ship_groups[0].group,
        "tender_method": tender.method,
        "tender_amount": _decimal(tender.amount),
        "tender_capture": tender.capture,
        "tender_reference": tender.reference,
        "tender_state": tender.state,
        "tender_refunds_by": tender.refunds_by,
        "total": _decimal(order.total),
    }
    for line in order.lines:
        yield {name: str(text or "") for name, text in {**head, **_line(line)}.items()}


def _line(line: ChannelLine) -> dict[str, Any]:
    tax = line.taxes[0]
    return {
        "line_id": line.line_id,
        "sku": line.sku,
        "description": line.description,
        "quantity": line.quantity,
        "amount": _decimal(line.amount),
        "unit_price": line.unit_price,
        "price_basis": line.price_basis,
        "line_charge_discount": _decimal(line.charges[0].amount),
        "tax_jurisdiction": tax.jurisdiction,
        "tax_rate": tax.rate,
        "tax_base": _decimal(tax.base),
        "tax_amount": _decimal(tax.amount),
    }


def _decimal(minor: int | None) -> str:
    """Dollars of cents."""
    return "" if minor is None else f"{minor / 100:.2f}"
