"""A payment provider with a ledger of its own, and the worker that asks it, run without a network or an event loop.

The worker is the real one (services/payments/workers.py). What the provider does is in its ledger whatever it says: it
may answer nothing, too late, or twice, and tells of everything by notices, which come in any order. Nothing here trusts
the services: what was done twice is seen here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from chassis.acting import Asked
from chassis.doors import Door
from chassis.log import NewRecord
from contracts.envelope import Actor, Envelope
from contracts.ids import stream
from contracts.message import Command, Intent
from contracts.payments import CallStep, Capability, CardDecline, DisputeStage, ProviderCall
from services.payments.provider import Call, Notice, Outcome, Result
from services.payments.workers import ProviderWorker, outcome_of_notice
from tests.simulation.schedule import Chance
from tests.simulation.world import TENANT, Broken, World

__all__ = ["Bank", "Mood", "ProviderDesk"]

T = TypeVar("T")

NAME = "sandbox"

HELD_FOR = timedelta(days=7)
"""How long an authorisation stands."""


class Mood(StrEnum):
    """What the provider does with the next call that it does not know yet."""

    DOES = "does"
    DECLINES = "declines"
    DECLINES_SOFTLY = "declines_softly"
    ASKS_PAYER = "asks_payer"
    TAKES = "takes"
    BUSY = "busy"
    LOSES_CALL = "loses_call"
    LOSES_ANSWER = "loses_answer"


LOST = Outcome(Result.UNKNOWN, NAME, said="no answer")
BUSY = Outcome(Result.TRY_AGAIN, NAME, said="too many calls")


@dataclass(slots=True)
class Entry:
    """A call in the ledger, what was said of it, and how often it took effect."""

    call: Call
    outcome: Outcome
    effects: int = 0


@dataclass
class Bank:
    """The provider, by its own `clock`. `several`: an authorisation may be captured more than once."""

    clock: Callable[[], datetime]
    several: bool = True
    keys_kept: timedelta = timedelta(hours=24)
    mood: Mood = Mood.DOES
    entries: dict[str, Entry] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    disputes: set[tuple[str, DisputeStage]] = field(default_factory=set)
    name: str = NAME

    # -- what the worker asks

    async def call(self, call: Call) -> Outcome:
        """The same key is the same call."""
        mood, self.mood = self.mood, Mood.DOES
        known = self.entries.get(call.key)
        if known is not None:
            return known.outcome
        if mood is Mood.BUSY:
            return BUSY
        if mood is Mood.LOSES_CALL:
            return LOST
        entry = self.entries[call.key] = Entry(call, self._first(call, mood))
        if entry.outcome.result is Result.DONE:
            self._effect(entry)
        self._tell(entry)
        return LOST if mood is Mood.LOSES_ANSWER else entry.outcome

    async def find(self, call: Call) -> Outcome:
        mood, self.mood = self.mood, Mood.DOES
        if mood is Mood.BUSY:
            return BUSY
        if mood in (Mood.LOSES_CALL, Mood.LOSES_ANSWER):
            return LOST
        known = self.entries.get(call.key)
        return Outcome(Result.NEVER_SEEN, NAME) if known is None else known.outcome

    def _first(self, call: Call, mood: Mood) -> Outcome:
        if call.step is CallStep.VOID:
            return self._outcome(call, Result.DONE)
        if self._impossible(call) or mood in (Mood.DECLINES, Mood.DECLINES_SOFTLY):
            return self._outcome(call, Result.DECLINED, soft=mood is Mood.DECLINES_SOFTLY)
        if mood is Mood.ASKS_PAYER and call.step is CallStep.AUTHORIZE:
            return self._outcome(call, Result.ACTION_REQUIRED)
        if mood is Mood.TAKES:
            return self._outcome(call, Result.PENDING)
        return self._outcome(call, Result.DONE)

    def _impossible(self, call: Call) -> bool:
        """More than there is, or of what was given back."""
        if call.step is CallStep.CAPTURE:
            return call.amount.amount > self.left(call.authorization)
        if call.step is CallStep.REFUND:
            return call.amount.amount > self.kept(call.reference or "")
        return False

    def _outcome(self, call: Call, result: Result, soft: bool = False) -> Outcome:
        declined = result is Result.DECLINED
        return Outcome(
            result,
            NAME,
            reference=f"{call.step}-{call.key[:8]}",
            amount=None if declined else call.amount,
            reason=CardDecline.INSUFFICIENT_FUNDS if declined else None,
            soft=soft,
            action_url="https://bank.example/confirm" if result is Result.ACTION_REQUIRED else None,
            expires_at=self.clock() + HELD_FOR,
            capabilities=(Capability.MULTI_CAPTURE,) if self.several else (),
        )

    def _effect(self, entry: Entry) -> None:
        entry.effects += 1
        if entry.effects > 1:
            raise Broken("provider", f"{entry.call.step} {entry.call.key} took effect {entry.effects} times")

    def _tell(self, entry: Entry, dispute: DisputeStage | None = None) -> None:
        call, number = entry.call, len(self.notices) + 1
        self.notices.append(
            Notice(
                f"n{number}",
                NAME,
                call.step,
                call.order_id,
                call.authorization,
                call.key,
                entry.outcome,
                dispute,
                call.tenant,
            )
        )

    # -- what its customers do

    def waiting(self) -> list[Entry]:
        """Calls that wait for the payer, or that it has not done yet."""
        waits = (Result.PENDING, Result.ACTION_REQUIRED)
        return [entry for entry in self.entries.values() if entry.outcome.result in waits]

    def finish(self, entry: Entry, happens: bool) -> None:
        """The payer confirms or does not, or what was taken is done or not."""
        given_back = entry.call.step is CallStep.AUTHORIZE and self._given_back(entry.call.authorization)
        result = Result.DONE if happens and not given_back and not self._impossible(entry.call) else Result.DECLINED
        entry.outcome = self._outcome(entry.call, result)
        if result is Result.DONE:
            self._effect(entry)
        self._tell(entry)

    def by_hand(self, call: ProviderCall, order_id: str) -> None:
        """A person does at the provider what a call that never arrived was to do."""
        asked = Call(call.step, call.key, order_id, TENANT, call.authorization, call.amount)
        entry = self.entries[call.key] = Entry(asked, self._outcome(asked, Result.DONE))
        self._effect(entry)

    def dispute(self, entry: Entry, stage: DisputeStage) -> None:
        """A payer disputes a charge, and somebody wins."""
        self.disputes.add((entry.call.key, stage))
        self._tell(entry, stage)

    # -- its books

    def done(self, step: CallStep) -> list[Entry]:
        """The calls of a step that took effect."""
        return [entry for entry in self.entries.values() if entry.effects and entry.call.step is step]

    def _given_back(self, authorization: str) -> bool:
        return any(entry.call.authorization == authorization for entry in self.done(CallStep.VOID))

    def left(self, authorization: str) -> int:
        """What may still be captured of an authorisation: held, not lapsed, not captured, not given back. Minor units."""
        now = self.clock()
        return self._not_taken(authorization, now)

    def _not_taken(self, authorization: str, now: datetime | None) -> int:
        """Of what was held at a moment; at none, of what was ever held."""
        held = sum(
            entry.call.amount.amount
            for entry in self.done(CallStep.AUTHORIZE)
            if entry.call.authorization == authorization and (now is None or (entry.outcome.expires_at or now) > now)
        )
        taken = [e for e in self.done(CallStep.CAPTURE) if e.call.authorization == authorization]
        closed = self._given_back(authorization) or any(e.call.final for e in taken) or (taken and not self.several)
        return 0 if closed else max(0, held - sum(entry.call.amount.amount for entry in taken))

    def kept(self, charge: str) -> int:
        """What was captured by a charge and not paid back. Minor units."""
        taken = sum(e.call.amount.amount for e in self.done(CallStep.CAPTURE) if e.outcome.reference == charge)
        back = sum(e.call.amount.amount for e in self.done(CallStep.REFUND) if e.call.reference == charge)
        return taken - back

    def held(self, order_id: str, lapsed: Collection[str]) -> int:
        """What it was never told to let go of, of an order's payer, but for the authorisations that had `lapsed`. Minor
        units."""
        asked = {entry.call.authorization for entry in self.done(CallStep.AUTHORIZE) if entry.call.order_id == order_id}
        return sum(self._not_taken(authorization, None) for authorization in asked.difference(lapsed))


class _Nowhere:
    """The worker's door records what it did by the world, never by itself."""

    async def write(self, records: Sequence[NewRecord]) -> None:
        raise AssertionError("nothing is written past the world")


class ProviderDesk:
    """The process of the payments worker in a world: takes intents in their order, one of a payment after the other."""

    def __init__(self, world: World, bank: Bank) -> None:
        self._world, self.bank = world, bank
        self.open: list[Asked] = []
        self._seen = 0
        self.parts: dict[str, str | None] = {}
        """The part of a capture or refund that each call is for, by its key."""
        self._door = Door("payments", _Nowhere(), 1, clock=self._clock)
        self.restart()

    def _clock(self) -> Any:
        return self._world.clock("payments")

    def restart(self) -> None:
        """A new process: what was wanted before it began is asked after first."""
        self._worker = ProviderWorker(self._door, lambda _: (), lambda _: None, {NAME: self.bank}, NAME, self._clock)

    def collect(self) -> None:
        """See what is wanted now."""
        for service, envelope, intent in self._world.intents[self._seen :]:
            if service == "payments":
                self.open.append(Asked(envelope, intent))
                self._hear(intent)
        self._seen = len(self._world.intents)

    def _hear(self, intent: Intent) -> None:
        call = getattr(intent, "call", None)
        if isinstance(call, ProviderCall):
            self.parts[call.key] = call.part

    def act(self, chance: Chance, moods: Sequence[Mood] = (Mood.DOES,), dies: int = 0) -> bool:
        """Take the next intent of some payment; False when there is none. In `dies` of a hundred cases the process dies
        when the provider has done it, and before that is recorded."""
        self.collect()
        if not self.open:
            return False
        firsts = list({asked.envelope.subject: asked for asked in reversed(self.open)}.values())
        asked = chance.choice(firsts)
        self.bank.mood = chance.choice(moods)
        outcome = at_once(self._worker.act(asked))
        self.bank.mood = Mood.DOES
        if chance.happens(dies):
            self.restart()
            return True
        self.open.remove(asked)
        self._record(asked.envelope, outcome)
        return True

    def _record(self, intent: Envelope, outcome: Command) -> None:
        actor = Actor(kind="worker", subject="payments")
        self._world.post("payments", intent.subject, outcome, "payments", actor, key=(intent.id,), cause=intent)

    def tell(self, number: int) -> bool:
        """The provider tells by itself, for the first time or again; False when it has nothing to tell."""
        if not self.bank.notices:
            return False
        notice = self.bank.notices[number % len(self.bank.notices)]
        name = stream("payment", notice.order_id)
        actor = Actor(kind="provider", subject=NAME)
        self._world.post("payments", name, outcome_of_notice(notice), "notices", actor, key=(NAME, notice.id))
        return True


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as ended:
        value: T = ended.value
        return value
    raise AssertionError("it waits for something outside the world")


assert TENANT == "default", "the bank's calls carry the tenant of the payments"
