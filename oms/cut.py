"""An order and everything that belongs to it as known at one moment: one consistent cut over all services.

Whatever was recorded up to the moment is in the cut, and nothing else. Time never goes back from a cause to what it
caused, so no effect is in it without its causes (chassis/recorded.py). Only doors are asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oms.calls import call, find, part, print_json

__all__ = ["cut_of", "show_cut"]

console = Console()


def cut_of(name: str, at: str) -> dict[str, Any]:
    """The order `at` a moment (an offset is the moment of the order's last event up to there), and what every other
    service knew then of its goods, money, work and shipments; None for what was not known. `followed` is false while a
    service's tables lack events that may belong to it."""
    order = call("GET", f"/orders/{part(name)}", parameters={"at": at})
    moment = {"at": order["at"]}
    works = order["fulfillment_orders"]
    shipments = [work["shipment"] for work in works if work["shipment"]]
    cut: dict[str, Any] = {
        "at": order["at"],
        "order": order,
        "stock": {sku: find(f"/stock-items/{part(sku)}", moment) for sku in _skus(order)},
        "payment": find(f"/payments/{order['order_id']}", moment),
        "fulfillment_orders": {work["id"]: find(f"/fulfillment-orders/{work['id']}", moment) for work in works},
        "shipments": {shipment: find(f"/shipments/{shipment}", moment) for shipment in shipments},
    }
    cut["followed"] = all(shown["followed"]["age_seconds"] == 0 for shown in _shown(cut))
    return cut


def _skus(order: dict[str, Any]) -> list[str]:
    return sorted({line["sku"] for line in order["lines"]})


def _shown(cut: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = [cut["order"], cut["payment"]]
    for name in ("stock", "fulfillment_orders", "shipments"):
        found += cut[name].values()
    return (each for each in found if each is not None)


def show_cut(cut: dict[str, Any], as_json: bool) -> None:
    """For people, or for programs."""
    if as_json:
        print_json(cut)
        return
    order = cut["order"]
    console.print(f"[bold]{order['number']}[/] as known at {cut['at']}: {order['status']}", highlight=False)
    table = Table("what", "which", "as known then", box=None, pad_edge=False)
    for line in order["lines"]:
        units = ", ".join(f"{count} {bucket}" for bucket, count in line["units"].items())
        table.add_row("line", f"{line['line']}: {escape(line['sku'])}", units)
    for sku, item in cut["stock"].items():
        levels = [] if item is None else item["levels"]
        told = "; ".join(f"{each['location']}: {each['on_hand']} on hand, {each['available']} free" for each in levels)
        table.add_row("stock", escape(sku), escape(told) or "nothing")
    paid = cut["payment"]
    table.add_row("payment", "", "nothing" if paid is None else f"{paid['authorization']}, captured {paid['captured']}")
    for kind, name in (("work", "fulfillment_orders"), ("shipment", "shipments")):
        for identifier, shown in cut[name].items():
            table.add_row(kind, identifier, "nothing" if shown is None else str(shown["stage"]))
    console.print(table)
    if not cut["followed"]:
        console.print("[yellow]Some tables lack their last events: of a moment ago, ask again.[/]")
