"""What is still to come of each supply that has a name, from inventory.events alone."""

from __future__ import annotations

from collections import Counter

from oms.demo.tail import Seen

__all__ = ["Supplies"]


class Supplies:
    """`open` is how many units are still expected, by SKU and name of the supply."""

    def __init__(self) -> None:
        self.open: Counter[tuple[str, str]] = Counter()

    def note(self, event: Seen) -> None:
        """Take in one event of inventory."""
        value = event.value
        if event.name == "SupplyExpected":
            self.open[value["sku"], value["supply"]] = value["quantity"]
        elif event.name == "StockReceived" and "supply" in value:
            self.open[value["sku"], value["supply"]] = value.get("supply_open", 0)
