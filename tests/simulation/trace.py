"""A course told message by message: a sequence diagram (Mermaid) and the acts that led to it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.course import Course
from tests.simulation.said import said
from tests.simulation.world import KINDS, Handled

__all__ = ["told"]

MESSAGES_MAX = 400
"""Messages drawn; a course that is longer was not made shorter, and nobody reads all of it."""


def told(course: Course) -> str:
    """The acts, the diagram, and what broke."""
    acts = [f"    {number:3} {act.name} {act.number}" for number, act in enumerate(course.schedule, 1)]
    broken = f"Broken: {course.broken}" if course.broken else "Nothing broke."
    return "\n".join(
        ["Acts:", *acts, "", "```mermaid", *_diagram(course), "```", "", broken, f"Digest: {course.digest}"]
    )


def _diagram(course: Course) -> Iterator[str]:
    yield "sequenceDiagram"
    handled = course.day.world.handled[:MESSAGES_MAX]
    senders = dict.fromkeys(each.sender for each in handled if each.sender not in KINDS)
    for name in (*senders, *KINDS):
        yield f"    participant {name}"
    remarks = dict[int, list[str]]()
    for number, what in course.day.told:
        remarks.setdefault(number, []).append(what)
    for number, each in enumerate(handled):
        yield from _remarks(remarks.get(number, ()))
        yield f"    {each.sender}->>{each.service}: {_plain(said(each.message))}"
        if each.events:
            yield f"    Note over {each.service}: {'<br>'.join(_plain(said(event)) for event in each.events)}"
    yield from _remarks(remarks.get(len(handled), ()))


def _remarks(remarks: list[str] | tuple[()]) -> Iterator[str]:
    for what in remarks:
        yield f"    Note over {next(iter(KINDS))}: {_plain(what)}"


def _plain(text: str) -> str:
    """Without what means something to Mermaid."""
    return text.replace("`", "").replace(";", ",").replace("#", "no. ").replace(":", ".")


def line_of(each: Handled) -> str:
    """One message in one line, for those who read no diagrams."""
    events = ", ".join(said(event) for event in each.events)
    return f"{each.sender} -> {each.service}: {said(each.message)} => {events or 'nothing'}"
