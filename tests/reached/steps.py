"""How the steps of the order's sagas went: asked for, answered, undone, asked again, given up; and what of that never
happened. For specifications and simulated days alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chassis.decider import Send
from chassis.saga import Asked, Step
from contracts.message import Event, Message
from contracts.order import StepAskedAgain, StepUnanswered
from services.order.stream import STEPS, OrderStream

__all__ = ["COMPENSATIONS", "StepsReached", "unreached_steps"]

COMPENSATIONS = frozenset(step.compensation for step in STEPS.values() if step.compensation is not None)
"""The messages that undo a step."""


@dataclass
class StepsReached:
    """By step: `asked`, `answered` by which event, `undone` with or without its answer (True: it was answered), `again`,
    `given_up`."""

    asked: set[str] = field(default_factory=set)
    answered: set[tuple[str, str]] = field(default_factory=set)
    undone: set[tuple[str, bool]] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    given_up: set[str] = field(default_factory=set)

    def see(
        self,
        before: OrderStream,
        after: OrderStream,
        message: type[Message],
        events: Iterable[Event],
        sent: Sequence[Send],
    ) -> None:
        """One message met an order, and led to these events and messages."""
        known, now = _asks(before), _asks(after)
        self.asked.update(asked.step for name, asked in now.items() if name not in known)
        self.answered.update((step, message.__name__) for step in _waited_for(known, message))
        if any(type(send.message) in COMPENSATIONS for send in sent):
            self._undone(known, after, sent)
        for event in events:
            if isinstance(event, StepAskedAgain):
                self.again.add(event.step)
            if isinstance(event, StepUnanswered):
                self.given_up.add(event.step)

    def _undone(self, known: Mapping[str, Asked], after: OrderStream, sent: Sequence[Send]) -> None:
        """Whoever undoes also stops waiting, so what was answered is asked of the state before."""
        told = set(map(repr, sent))
        for asked in known.values():
            undoing = STEPS[asked.step].undo(after, asked.key)
            if undoing and set(map(repr, undoing)) <= told:
                self.undone.add((asked.step, asked.answered))


def _asks(state: OrderStream) -> Mapping[str, Asked]:
    folds = (state.reservation, state.fulfillment, state.refunds, state.returns)
    return {name: asked for fold in folds for name, asked in fold.asks.items()}


def _waited_for(asks: Mapping[str, Asked], answer: type) -> Iterator[str]:
    """The steps that this may be an answer to, among those asked for."""
    steps: dict[str, Step] = {asked.step: STEPS[asked.step] for asked in asks.values()}
    yield from (name for name, step in steps.items() if answer in step.answers)


def unreached_steps(reached: StepsReached) -> list[str]:
    """What a row of a saga can do, and nothing made it do."""
    return list(_unreached(reached))


def _unreached(reached: StepsReached) -> Iterator[str]:
    for name, step in STEPS.items():
        if name not in reached.asked:
            yield f"{name}: asked"
        for answer in step.answers:
            if (name, answer.__name__) not in reached.answered:
                yield f"{name}: answered by {answer.__name__}"
        if step.compensation:
            for answered in (True, False):
                if (name, answered) not in reached.undone:
                    yield f"{name}: undone, {'answered' if answered else 'unanswered'}"
        if step.asks_max > 1 and name not in reached.again:
            yield f"{name}: asked again"
        if name not in reached.given_up:
            yield f"{name}: given up"
