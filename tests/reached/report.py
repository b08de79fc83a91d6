"""What the message tables on the services' pages promise and no specification reached."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chassis.decider import StreamKind
from contracts.message import CATALOGUE, Event

__all__ = ["rows_of", "unreached_messages", "unreached_rows", "unwritten"]

NAME = re.compile(r"`(\w+)`")
BY_NAME = {message.__name__: message for message in CATALOGUE.values()}
CHASSIS = {"CommandOutdated", "DoorMessageIgnored", "MessageConflicted", "MessageParked", "MessageRedriven"}


@dataclass(frozen=True)
class Row:
    """A row of a message table: the messages that it is about (none: of any), and the events that it names."""

    messages: frozenset[str]
    events: frozenset[str]


def rows_of(page: str) -> tuple[Row, ...]:
    """The rows of the page's message table."""
    table = page.partition("| message | from | what comes of it |\n|---|---|---|\n")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    return tuple(Row(frozenset(NAME.findall(row[0])) & set(BY_NAME), _events(row[-1])) for row in cells)


def _events(cell: str) -> frozenset[str]:
    return frozenset(name for name in NAME.findall(cell) if issubclass(BY_NAME.get(name, object), Event))


def unreached_messages(kinds: Iterable[StreamKind], caused: Mapping[str, set[str]]) -> list[str]:
    """Messages with a decider that no specification sends."""
    taken = {message.__name__ for kind in kinds for message in kind.decide}
    return sorted(taken - set(caused))


def unreached_rows(page: str, caused: Mapping[str, set[str]]) -> list[str]:
    """Events that a row promises, and that no message of the row led to."""
    found = []
    for row in rows_of(page):
        messages = row.messages or frozenset(caused)
        came = {event for message in messages for event in caused.get(message, ())}
        found += [f"{event} of {', '.join(sorted(row.messages)) or 'any'}" for event in sorted(row.events - came)]
    return found


def unwritten(page: str, caused: Mapping[str, set[str]]) -> list[str]:
    """Events that came of a message, and that no row about it names."""
    rows = rows_of(page)
    found = []
    for message, events in sorted(caused.items()):
        named = {event for row in rows if message in row.messages or not row.messages for event in row.events}
        found += [f"{event} of {message}" for event in sorted(events - named - CHASSIS)]
    return found
