"""All events up to one moment are a consistent cut over all services, whatever clocks say: an effect is in it only with
its causes, and a stream only with its past."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from contracts.envelope import Envelope
from tests.simulation import busy
from tests.simulation.busy import busy_month
from tests.simulation.world import Letter, World

SEEDS = range(3)


class Skewed(World):
    """Every broker and host has a clock of its own, which is wrong by up to half an hour. Keeps every message by its
    id."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.messages: dict[str, Envelope] = {}
        self._clocks = random.Random(seed)

    def step(self) -> bool:
        right = self.now
        self.now += timedelta(milliseconds=self._clocks.randint(-1_800_000, 1_800_000))
        went_on = super().step()
        self.now = right + timedelta(milliseconds=1)
        return went_on

    def _enqueue(self, letter: Letter) -> None:
        self.messages[letter.envelope.id] = letter.envelope
        super()._enqueue(letter)


@pytest.fixture(scope="module", params=SEEDS)
def month(request: pytest.FixtureRequest) -> Skewed:
    """A month of all services under such clocks."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(busy, "BusyWorld", Skewed)
        world = busy_month(request.param, days=8)
    assert isinstance(world, Skewed)
    return world


def test_no_cut_holds_an_effect_without_its_cause(month: Skewed) -> None:
    events = [event.envelope for _, emitted in month.written for event in emitted]
    for effect in events:
        cause = month.messages[effect.causation_id]
        assert cause.time <= effect.time, f"{effect.type} is recorded before {cause.type}, which caused it"
    # and so it is of every message, back to what came in from outside
    chained = [message for message in month.messages.values() if message.causation_id in month.messages]
    assert all(month.messages[message.causation_id].time <= message.time for message in chained)
    assert len(events) > 300 and len(chained) > 300


def test_no_cut_holds_an_event_of_a_stream_without_those_before_it(month: Skewed) -> None:
    last: dict[str, Envelope] = {}
    for _, emitted in month.written:
        for event in emitted:
            before = last.get(event.envelope.subject)
            if before is not None:
                assert before.time <= event.envelope.time
                assert (before.sequence or 0) + 1 == event.envelope.sequence
            last[event.envelope.subject] = event.envelope


def test_a_cut_by_offsets_would_not_be_one(month: Skewed) -> None:
    """Why the cut is by time: half of each service's events hold effects whose causes are in no half."""
    halves: dict[str, list[Envelope]] = {}
    for service, emitted in month.written:
        halves.setdefault(service, []).extend(event.envelope for event in emitted)
    cut = {envelope.id for half in halves.values() for envelope in half[: len(half) // 2]}
    events = {event.envelope.id for _, emitted in month.written for event in emitted}
    assert any(
        envelope.causation_id in events and envelope.causation_id not in cut
        for half in halves.values()
        for envelope in half[: len(half) // 2]
    )
