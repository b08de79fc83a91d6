"""The story of each order: what all services wrote of it, gathered on disk and told one order after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from oms.verify.reading import EVENT, Message, Reading
from oms.verify.records import Place
from oms.verify.spill import Spill

__all__ = ["SERVICES", "Story", "Told", "gather", "stories"]

SERVICES = ("order", "inventory", "payments", "fulfillment", "shipping")
"""In the order in which a story tells of them."""

UNTOLD = frozenset({"NoticeRequested", "NoticeDelayed", "IssueInvoice", "ShipmentLabelled", "PackageWentAstray"})
"""Events that are large or many, and that no rule asks for."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a story. `time` as a number that sorts like it; `deadlines` are those that it set (True) or cleared."""

    place: Place
    name: str
    stream: str
    time: int
    value: Mapping[str, Any]
    deadlines: Mapping[str, bool]


@dataclass
class Story:
    """Everything of one order or other demand: the events of each service, each service's in their order."""

    of: str
    events: dict[str, list[Told]] = field(default_factory=lambda: {service: [] for service in SERVICES})

    def named(self, service: str, *names: str) -> Iterator[Told]:
        """The events of a service that are called so."""
        return (event for event in self.events[service] if event.name in names)

    @property
    def last(self) -> Told:
        """The latest of them."""
        return max((event for told in self.events.values() for event in told), key=lambda event: event.time)


def gather(message: Message, topic: int, spill: Spill) -> None:
    """Keep an event for the story that it belongs to, if it belongs to one."""
    if message.kind != EVENT or message.name in UNTOLD:
        return
    of = _belongs(message)
    if of is None:
        return
    record = message.record
    row = (of, SERVICES.index(message.service), topic, record.partition, record.offset, message.time)
    spill.add(
        "told", (*row, message.name, message.head["ce_subject"], message.head.get("ce_deadlines", ""), record.value)
    )


def _belongs(message: Message) -> str | None:
    value, (kind, _, identifier) = message.value, message.head["ce_subject"].partition("/")
    match message.service:
        case "order" if kind == "order":
            return identifier
        case "inventory":
            demand = value.get("demand")
            return None if demand is None else _of_demand(demand)
        case "payments" if kind == "payment":
            return identifier
    found = value.get("order_id")
    return found if isinstance(found, str) else None


def _of_demand(demand: Mapping[str, Any]) -> str:
    return str(demand["id"]) if demand["kind"] == "order" else f"{demand['kind']} {demand['id']}"


def stories(reading: Reading, spill: Spill) -> Iterator[Story]:
    """All stories, one after the other. Nothing else may be asked of the spill in between."""
    story: Story | None = None
    query = "select * from told order by story, service, part, off"
    for of, service, topic, part, off, time, name, stream, deadlines, value in spill.each(query):
        if story is None or story.of != of:
            if story is not None:
                yield story
            story = Story(of)
        place = Place(reading.topics[topic], part, off)
        told = Told(place, name, stream, time, orjson.loads(value), _deadlines(deadlines))
        story.events[SERVICES[service]].append(told)
    if story is not None:
        yield story


def _deadlines(text: str) -> Mapping[str, bool]:
    return {name: due is not None for name, due in orjson.loads(text).items()} if text else {}
