"""What simulated days reached, over many of them: steps of the sagas, messages of every decider, deadlines, faults; and
what was never reached (never_reached.py names what may be so)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from chassis.decider import Send
from contracts.chassis import DeadlinePassed
from contracts.message import CATALOGUE
from services.order.stream import OrderStream
from tests.reached.report import unreached_messages
from tests.reached.steps import COMPENSATIONS, StepsReached, unreached_steps
from tests.simulation.course import Course
from tests.simulation.world import KINDS, Handled

__all__ = ["DEADLINES", "Seen"]

DEADLINES: Mapping[str, tuple[str, ...]] = {
    "order": ("cancel_after", "ship_not_before", "change", "return_decision", "refund_proposal", "notice"),
    "fulfillment": ("cancel_answer",),
    "payments": ("call", "card_lapses", "authorization_expires", "transfer_awaited"),
}
"""Deadlines that are no step's of a saga, by the first part of their names: each is to pass with something coming of it."""

_TYPES = frozenset(step.TYPE for step in COMPENSATIONS)


@dataclass
class Seen:
    """`caused` are the events that came of a message (both by name), by service; `passed` the deadlines of which something
    came, by service and first part of the name."""

    schedules: int = 0
    acts: int = 0
    messages: int = 0
    events: int = 0
    checked: int = 0
    caused: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    passed: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    steps: StepsReached = field(default_factory=StepsReached)

    def see(self, course: Course) -> None:
        """One more course."""
        world = course.day.world
        self.schedules += 1
        self.acts += len(course.schedule)
        self.messages += len(world.handled)
        self.events += len(world.events)
        self.checked += course.checked
        self.faults += course.day.faults
        for each in world.handled:
            self._see(each)

    def _see(self, each: Handled) -> None:
        kind = CATALOGUE[each.letter.envelope.type]
        names = self.caused[each.service][kind.__name__]
        names.update(type(event).__name__ for event in each.events)
        if kind is DeadlinePassed and each.events:
            message = each.message
            assert isinstance(message, DeadlinePassed)
            self.passed[each.service, message.name.replace(":", "/").partition("/")[0]] += 1
        if each.kind.kind == "order":
            undoes = any(send.envelope.type in _TYPES for send in each.sends)
            sent = (
                [
                    Send(send.service, send.stream, message, wants_answer=send.envelope.reply_to is not None)
                    for send, (_, message) in zip(each.sends, each.sent, strict=True)
                ]
                if undoes
                else []
            )
            before: OrderStream = each.before.view(each.kind)
            self.steps.see(before, each.after.view(each.kind), kind, each.events, sent)

    def unreached(self) -> list[str]:
        """Rows, answers, compensations and deadlines of sagas, other deadlines, and messages of deciders: what was never
        seen of them."""
        steps = [f"step {each}" for each in unreached_steps(self.steps)]
        deadlines = [
            f"deadline {service} {name}"
            for service, names in DEADLINES.items()
            for name in names
            if not self.passed[service, name]
        ]
        messages = [
            f"message {service} {name}"
            for service, kinds in KINDS.items()
            for name in unreached_messages(kinds, self.caused[service])
        ]
        return [*steps, *deadlines, *messages]
