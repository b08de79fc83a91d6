"""What a what-if run found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contracts.message import format_instant
from contracts.order import SourcingDecided
from oms.what_if.comparing import DIFFERENCES_MAX, Differs, WhatIf
from oms.what_if.outcomes import FIGURES, Changed, Outcome

__all__ = ["differs_document", "differs_line", "differs_of", "document_of", "show"]

VALUE_CHARS_MAX = 200
"""Characters of a value that are shown to people; `--json` has all of it."""

console = Console()


def document_of(found: WhatIf, changed: Sequence[str]) -> dict[str, Any]:
    """All of it, in an order that the same span and policies always give."""
    return {
        "since": format_instant(found.since),
        "until": format_instant(found.until),
        "changed": list(changed),
        "figures": {
            name: {
                "means": says,
                "happened": found.happened[name],
                "control": found.control[name],
                "changed": found.changed[name],
            }
            for name, says in FIGURES.items()
        },
        "control": {
            "streams": found.streams,
            "different": len(found.differ),
            "first": [differs_document(each) for each in found.differ[:DIFFERENCES_MAX]],
        },
        "orders_changed": found.orders_changed,
        "orders": [
            {
                "order": (each.one.order or each.other.order).partition("/")[2],
                "number": each.one.number or each.other.number,
                "external_id": each.one.external_id or each.other.external_id,
                "units": each.units,
                "control": _outcome(each.one),
                "changed": _outcome(each.other),
            }
            for each in found.most
        ],
        "fulfillment_orders_modelled": found.modelled,
        "left_out": dict(sorted(found.left_out.items())),
        "calls_outside": found.calls_outside,
    }


def differs_document(each: Differs) -> dict[str, Any]:
    """A stream that was written otherwise, for programs."""
    return {
        "service": each.service,
        "stream": each.stream,
        "event": each.sequence,
        "happened": each.then,
        "control": each.control,
        "field": each.field,
        "values": list(each.values),
    }


def differs_of(document: Mapping[str, Any]) -> Differs:
    """What a document of a stream that was written otherwise says."""
    then, now = document["values"]
    return Differs(
        document["service"],
        document["stream"],
        document["event"],
        document["happened"],
        document["control"],
        document["field"],
        (then, now),
    )


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "cancelled": outcome.cancelled,
        "units_out_of_stock": outcome.out_of_stock,
        "fulfillment_orders": [release.location for release in outcome.releases],
        "decisions": [decided.model_dump(mode="json", exclude_none=True) for decided in outcome.decisions],
    }


def show(found: WhatIf, changed: Sequence[str]) -> None:
    """For people."""
    names = ", ".join(changed) or "nothing"
    console.print(
        f"{format_instant(found.since)} to {format_instant(found.until)}; changed: {escape(names)}", highlight=False
    )
    table = Table("", "happened", "control", "changed", "", box=None, pad_edge=False)
    for name, says in FIGURES.items():
        numbers = [_number(each[name]) for each in (found.happened, found.control, found.changed)]
        table.add_row(name, *numbers, says)
    console.print(table)
    for line in (*_of_control(found), *_of_model(found)):
        console.print(escape(line), highlight=False)
    if found.most:
        console.print(f"{found.orders_changed} orders come out otherwise; most changed:", highlight=False)
    for each in found.most:
        for line in _order(each):
            console.print(escape(line), highlight=False)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:,}"


def _of_control(found: WhatIf) -> Iterator[str]:
    if not found.differ:
        yield f"The control wrote all {found.streams:,} streams as they were."
        return
    yield f"The control wrote {len(found.differ):,} of {found.streams:,} streams otherwise; the first of them:"
    for each in found.differ[:DIFFERENCES_MAX]:
        yield differs_line(each)


def differs_line(each: Differs) -> str:
    """A stream that was written otherwise, for people."""
    place = f"  {each.stream}, event {each.sequence}"
    if each.field is None:
        return f"{place}: was {each.then or 'none'}, and is {each.control or 'none'}"
    then, now = (str(value)[:VALUE_CHARS_MAX] for value in each.values)
    return f"{place}, {each.then}: {each.field} was {then}, and is {now}"


def _of_model(found: WhatIf) -> Iterator[str]:
    yield f"{found.modelled:,} fulfillment orders had other work than then, and are modelled."
    for reason, count in sorted(found.left_out.items()):
        yield f"{count:,} times {reason}."


def _order(each: Changed) -> Iterator[str]:
    known = each.one if each.one.number else each.other
    yield f"{known.number} ({known.external_id}): {each.units} units"
    for name, outcome in (("control", each.one), ("changed", each.other)):
        for decided in outcome.decisions:
            yield f"  {name}: {_decision(decided)}"
        if outcome.out_of_stock:
            yield f"  {name}: {outcome.out_of_stock} units cancelled, out of stock"


def _decision(decided: SourcingDecided) -> str:
    parts = [
        f"line {part.line}: {part.quantity} {'wait at' if part.queue else 'from'} {part.location}"
        for part in decided.allocations
    ]
    parts += [
        f"line {short.line}: {short.quantity} short, {short.policy}"
        for short in decided.shortages
        if short.policy != "backorder"
    ]
    lost = [f"{one.location} {one.lost_because}" for one in decided.candidates if one.lost_because]
    return "; ".join(parts) + (f" ({'; '.join(lost)})" if lost else "")
