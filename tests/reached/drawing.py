"""State diagrams, from the transitions that specifications went through, written where a page says `<!-- drawn: NAME -->`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chassis.decider import StreamKind
from chassis.testing import Step
from contracts.inventory import Movement
from contracts.order import Bucket, OrderPlaced, QuantityMoved
from services.fulfillment import fulfillment_order_state, return_state
from services.order.notices import Notice
from services.order.stream import OrderStream
from services.payments import invoice
from services.payments.payment_state import Payment
from services.shipping import shipment

__all__ = ["DRAWINGS", "PAGES", "Edge", "drawn", "marked", "page_with"]

SERVICES = Path(__file__).parents[2] / "services"
PAGES = tuple(SERVICES / name / "README.md" for name in ("order", "inventory", "fulfillment", "shipping", "payments"))
"""The pages with drawings."""

OUTSIDE = "[*]"
"""Mermaid's name for where there is nothing yet, or nothing follows."""

MARKED = re.compile(r"(<!-- drawn: (\w+) -->\n```mermaid\n)(.*?)(\n```)", re.DOTALL)


class Edge(NamedTuple):
    """`event` led from one state to another."""

    source: str
    target: str
    event: str


def _units(kind: StreamKind, step: Step) -> Iterator[Edge]:
    """Units of an order's lines go from bucket to bucket."""
    name = type(step.event).__name__
    if isinstance(step.event, OrderPlaced):
        yield Edge(OUTSIDE, Bucket.ORDERED, name)
    if isinstance(step.event, QuantityMoved):
        yield from (Edge(move.source, move.target, name) for move in step.event.moves)


def _notices(kind: StreamKind, step: Step) -> Iterator[Edge]:
    """A notice to a customer, from one status to another."""
    if not isinstance(step.after, OrderStream):
        return
    known: Mapping[str, Notice] = step.before.notices.notices
    for number, notice in step.after.notices.notices.items():
        source = known[number].status.value if number in known else OUTSIDE
        yield from _edge(source, notice.status.value, step)


def _goods(kind: StreamKind, step: Step) -> Iterator[Edge]:
    """Goods of a stock item, from bucket to bucket."""
    movements: tuple[Movement, ...] = getattr(step.event, "movements", ())
    yield from (Edge(move.source, move.target, type(step.event).__name__) for move in movements)


def _stages(kind: str, unknown: str) -> Callable[[StreamKind, Step], Iterator[Edge]]:
    """The `stage` of streams of a kind."""

    def edges(of: StreamKind, step: Step) -> Iterator[Edge]:
        if of.kind == kind:
            before, after = (OUTSIDE if stage == unknown else stage.value for stage in _both(step))
            yield from _edge(before, after, step)

    return edges


def _both(step: Step) -> tuple[Any, Any]:
    return step.before.stage, step.after.stage


def _payments(kind: StreamKind, step: Step) -> Iterator[Edge]:
    """What is secured and taken of an order's money."""
    if kind.kind == "payment":
        yield from _edge(_payment(step.before), _payment(step.after), step)


def _payment(state: Payment) -> str:
    if state.voided:
        return "voided"
    if state.started is not None:
        return "securing"
    if state.authorized is None:
        return "declined" if state.round else OUTSIDE
    if state.capturing:
        return "capturing"
    if state.captured == state.authorized.amount.amount:
        return "captured"
    if not any(state.remaining.values()):
        return "lapsed"
    return "partly_captured" if state.captured else "authorized"


def _edge(source: str, target: str, step: Step) -> Iterator[Edge]:
    if source != target:
        yield Edge(source, target, type(step.event).__name__)


DRAWINGS: Mapping[str, Callable[[StreamKind, Step], Iterable[Edge]]] = {
    "units": _units,
    "notices": _notices,
    "goods": _goods,
    "fulfillment_order": _stages("fulfillment_order", fulfillment_order_state.Stage.UNKNOWN),
    "return": _stages("return", return_state.ReturnStage.UNKNOWN),
    "shipment": _stages("shipment", shipment.Stage.UNKNOWN),
    "payment": _payments,
    "invoice": _stages("invoice", invoice.Stage.UNKNOWN),
}
"""What can be drawn, by the name that a page marks it with."""


def drawn(edges: Iterable[Edge]) -> str:
    """A Mermaid state diagram; states from which nothing leads on are ends."""
    labels: dict[tuple[str, str], set[str]] = defaultdict(set)
    for edge in edges:
        labels[edge.source, edge.target].add(edge.event)
    lines = [
        f"    {source} --> {target}: {', '.join(sorted(events))}" for (source, target), events in sorted(labels.items())
    ]
    ends = {target for _, target in labels} - {source for source, _ in labels}
    return "\n".join(["stateDiagram-v2", *lines, *(f"    {end} --> {OUTSIDE}" for end in sorted(ends))])


def page_with(page: str, edges: Mapping[str, Iterable[Edge]]) -> str:
    """The text of a page with its marked diagrams drawn anew."""

    def again(found: re.Match[str]) -> str:
        return f"{found[1]}{drawn(edges[found[2]])}{found[4]}"

    return MARKED.sub(again, page)


def marked(page: str) -> list[str]:
    """The names of the drawings that a page asks for."""
    found: list[Any] = MARKED.findall(page)
    return [name for _, name, _, _ in found]
