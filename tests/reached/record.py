"""What happened in specifications, kept as small facts: which messages came, what they caused, and how each saga's steps
went. Random courses are left out, since what they reach differs from run to run.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import currently_in_test_context

from chassis.testing import Happening
from services.order.stream import OrderStream
from tests.reached.drawing import DRAWINGS, Edge
from tests.reached.steps import StepsReached

__all__ = ["Reached"]


@dataclass
class Reached:
    """`caused` are the events that came of a message (both by name), by service; `edges` those of each drawing, by its
    name; `steps` how the sagas went."""

    caused: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    edges: dict[str, set[Edge]] = field(default_factory=lambda: defaultdict(set))
    steps: StepsReached = field(default_factory=StepsReached)

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
            after = happening.steps[-1].after if happening.steps else happening.before
            self.steps.see(
                happening.before,
                after,
                type(happening.message),
                [step.event for step in happening.steps],
                happening.sent,
            )
