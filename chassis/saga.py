"""A saga as a table: each step says what it asks of whom, what answers it, what undoes it, and how long it waits.

Here live the rows, the book-keeping of what was asked (pure, folded by the saga from its own events), and the drawing
of the table for a README. What a step's events are called is the saga's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chassis.decider import Send
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.message import Event, Message

__all__ = [
    "Asked",
    "Asking",
    "Asks",
    "Step",
    "ask",
    "asked_by",
    "asking",
    "deadlines",
    "name_of",
    "note",
    "settle",
    "suspend",
    "table",
    "undo",
]


@dataclass(frozen=True, slots=True)
class Asked:
    """A step that was asked for under a key, `asks` times; `due` is when its answer is late, None once it is answered,
    or a person was asked instead. `answered` is true too once nobody waits for the answer any more."""

    step: str
    key: str
    asks: int
    due: datetime | None
    answered: bool = False


Asks = HashTrieMap[str, Asked]
"""Everything that a saga has asked for, answered or not, by `<step>/<key>`."""


def nothing(state: Any, key: str) -> Sequence[Send]:
    """What a step without compensation sends to be undone."""
    return ()


@dataclass(frozen=True)
class Step:
    """A row. `when` tells people what leads to it; the event `asked_by` records that it was asked for, under the keys
    that `keys` finds in it. A step that `sends` nothing only waits.

    `ask(state, key)` and `undo(state, key)` make the messages from the stream's state, so that asking again sends the
    same. After `asks_max` asks without an answer within `answer_within` comes what `on_silence` tells.
    """

    name: str
    when: str
    asked_by: type[Event]
    keys: Callable[[Any], Sequence[str]]
    service: str
    sends: type[Message] | None
    answers: tuple[type[Event], ...]
    answer_within: timedelta
    asks_max: int
    on_silence: str
    ask: Callable[[Any, str], Sequence[Send]]
    compensation: type[Message] | None = None
    undo: Callable[[Any, str], Sequence[Send]] = nothing


Asking = Mapping[type[Event], Sequence[Step]]
"""A saga's rows by the event that records that they were asked for."""


def name_of(step: str, key: str) -> str:
    """The name of what was asked, which is also the name of its deadline."""
    return f"{step}/{key}"


def note(asks: Asks, step: str, key: str, due: datetime, count: int = 1) -> Asks:
    """A step was asked for (for the `count`-th time) and should be answered by `due`."""
    return asks.insert(name_of(step, key), Asked(step, key, count, due))


def settle(asks: Asks, step: str, key: str) -> Asks:
    """A step was answered, or nobody waits for it any more: it stays known, since undoing it needs that."""
    found = asks.get(name_of(step, key))
    return asks if found is None else asks.insert(name_of(step, key), replace(found, due=None, answered=True))


def suspend(asks: Asks, step: str, key: str) -> Asks:
    """A person was asked, since no answer came or it was a refusal. An answer may come after all."""
    found = asks.get(name_of(step, key))
    return asks if found is None else asks.insert(name_of(step, key), replace(found, due=None))


def deadlines(asks: Asks) -> Mapping[str, datetime]:
    """When the answers that are still open are late."""
    return {name: asked.due for name, asked in sorted(asks.items()) if asked.due is not None}


def ask(steps: Mapping[str, Step], step: str, key: str, state: Any) -> Sequence[Send]:
    """The messages of a step; none for a step of another saga."""
    return steps[step].ask(state, key) if step in steps else ()


def asking(steps: Mapping[str, Step]) -> Asking:
    """The rows of a saga by the event that records that they were asked for."""
    found: dict[type[Event], tuple[Step, ...]] = {}
    for step in steps.values():
        found[step.asked_by] = (*found.get(step.asked_by, ()), step)
    return found


def asked_by(asking: Asking, event: Event, state: Any) -> Sequence[Send]:
    """The messages of every step that an event records the asking of."""
    rows = asking.get(type(event))
    return () if rows is None else [send for step in rows for key in step.keys(event) for send in step.ask(state, key)]


def undo(steps: Mapping[str, Step], asks: Asks, state: Any) -> list[Send]:
    """The compensation of every step that was asked for, answered or not."""
    return [send for _, asked in sorted(asks.items()) for send in steps[asked.step].undo(state, asked.key)]


def table(steps: Mapping[str, Step]) -> str:
    """The saga as a table in Markdown."""
    head = "| step | when | sends | answered by | compensation | answer within | on silence |"
    rows = [head, "|---|---|---|---|---|---|---|"]
    for step in steps.values():
        answers = ", ".join(answer.__name__ for answer in step.answers)
        undone = step.compensation.__name__ if step.compensation else "none"
        wait = f"{step.answer_within}, {step.asks_max} times"
        cells = (
            step.name,
            step.when,
            f"{step.sends.__name__} to {step.service}" if step.sends else "nothing: it waits",
            answers,
            undone,
            wait,
            step.on_silence,
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)
