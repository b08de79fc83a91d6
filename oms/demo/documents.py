"""The documents of a run, from payments.events alone: what was invoiced, and whether a number is left out."""

from __future__ import annotations

from collections import Counter

from oms.demo.tail import Seen

__all__ = ["Documents"]


class Documents:
    """`invoiced` is what was invoiced of each order, in minor units; `numbered` how many documents have a number, and
    `wrong` which of these is not the next of its seller's series."""

    def __init__(self) -> None:
        self._last: Counter[tuple[str, str]] = Counter()
        self.invoiced: Counter[str] = Counter()
        self.numbered = 0
        self.wrong: list[str] = []

    def note(self, event: Seen) -> None:
        """Take in one event of payments."""
        if event.name == "InvoiceIssued":
            self.invoiced[event.value["order_id"]] += event.value["gross"]["amount"]
        elif event.name == "NumberAssigned":
            self._note_number(event)

    def _note_number(self, event: Seen) -> None:
        series = (event.id, event.value["series"])
        self._last[series] += 1
        self.numbered += 1
        if event.value["sequence"] != self._last[series]:
            self.wrong.append(f"{event.value['number']} has the place {self._last[series]} in its series")
