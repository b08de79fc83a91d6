"""What happened in specifications, kept as small facts: which messages came, what they caused, and how each saga's steps
went. Random courses are left out, since what they reach differs from run to run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hypothesis import currently_in_test_context

from chassis.saga import Asked, Step
from chassis.testing import Happening
from contracts.order import StepAskedAgain, StepUnanswered
from services.order.stream import STEPS, OrderStream
from tests.reached.drawing import DRAWINGS, Edge

__all__ = ["Reached"]


@dataclass
class Reached:
    """`caused` are the events that came of a message (both by name), by service; `edges` those of each drawing, by its
    name; the rest is of the sagas, by step: `asked`, `answered` by which event, `undone` with or without its answer
    (True: it was answered), `again`, `given_up`."""

    caused: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    edges: dict[str, set[Edge]] = field(default_factory=lambda: defaultdict(set))
    asked: set[str] = field(default_factory=set)
    answered: set[tuple[str, str]] = field(default_factory=set)
    undone: set[tuple[str, bool]] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    given_up: set[str] = field(default_factory=set)

    def watch(self, happening: Happening) -> None:
        """Keep what one message did, unless chance sent it."""
        if currently_in_test_context():
            return
        for name, drawing in DRAWINGS.items():
            self.edges[name].update(edge for step in happening.steps for edge in drawing(happening.kind, step))
        if happening.message is None:
            return
        events = self.caused[happening.service][type(happening.message).__name__]
        events.update(type(step.event).__name__ for step in happening.steps)
        if isinstance(happening.before, OrderStream):
            self._steps(happening, happening.before)

    def _steps(self, happening: Happening, before: OrderStream) -> None:
        known = _asks(before)
        after = _asks(happening.steps[-1].after) if happening.steps else known
        self.asked.update(asked.step for name, asked in after.items() if name not in known)
        answer = type(happening.message)
        self.answered.update((step, answer.__name__) for step in _waited_for(known, answer))
        # Whoever undoes also stops waiting, so what was answered is asked of the state before.
        for asked in known.values():
            undoing = STEPS[asked.step].undo(happening.steps[-1].after if happening.steps else before, asked.key)
            if undoing and set(map(repr, undoing)) <= set(map(repr, happening.sent)):
                self.undone.add((asked.step, asked.answered))
        for step in happening.steps:
            if isinstance(step.event, StepAskedAgain):
                self.again.add(step.event.step)
            if isinstance(step.event, StepUnanswered):
                self.given_up.add(step.event.step)


def _asks(state: OrderStream) -> Mapping[str, Asked]:
    folds = (state.reservation, state.fulfillment, state.refunds, state.returns)
    return {name: asked for fold in folds for name, asked in fold.asks.items()}


def _waited_for(asks: Mapping[str, Asked], answer: type) -> Iterator[str]:
    """The steps that this may be an answer to, among those asked for."""
    steps: dict[str, Step] = {asked.step: STEPS[asked.step] for asked in asks.values()}
    yield from (name for name, step in steps.items() if answer in step.answers)
