"""I-03: each unit that was reserved for a demand ends in one way: picked, released, expired or broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from oms.verify.findings import Findings
from oms.verify.stories import Story, Told

__all__ = ["check_claims"]

ENDS = {"ReservationBroken": "quantity", "ClaimReduced": "quantity", "StockPicked": "from_claim"}
"""Events that take units out of a claim, by the field that says how many."""

WHOLE_ENDS = frozenset({"ClaimReleased", "ClaimExpired"})
"""Events after which a claim holds nothing: what they say came free is all that it held."""


def check_claims(story: Story, over: bool, findings: Findings) -> Counter[str]:
    """Every claim of a demand, event by event; of an order that is over, none may hold anything in the end. What they
    hold then, by line."""
    held: Counter[tuple[str, str, int]] = Counter()
    last: dict[tuple[str, str, int], Told] = {}
    for event in _about_claims(story.events["inventory"]):
        value = event.value
        claim = (value["sku"], value["demand"]["line"], value["sequence"])
        last[claim] = event
        if event.name == "StockReserved":
            held[claim] += value["quantity"]
            continue
        ended = value[ENDS.get(event.name, "quantity")]
        left = held[claim] - ended
        whole = event.name in WHOLE_ENDS
        what = f"{event.name} ends {ended} units of a claim that holds {held[claim]}"
        findings.expect("I-03 units", left == 0 if whole else left >= 0, what, event.place)
        held[claim] = left
    if over:
        for claim, event in last.items():
            what = f"{held[claim]} units are still held for line {claim[1]} of an order that is over"
            findings.expect("I-03 closed", held[claim] == 0, what, event.place)
    lines: Counter[str] = Counter()
    for (_, line, _), quantity in held.items():
        lines[line] += quantity
    return lines


def _about_claims(events: Iterable[Told]) -> Iterable[Told]:
    names = {"StockReserved", *ENDS, *WHOLE_ENDS}
    return (event for event in events if event.name in names)
