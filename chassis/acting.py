"""How a worker acts on intents: those whose outcome is known are left alone, and what came of each is recorded at once.

What acting means is the worker's business; here are the skipping, the order within a stream, the bound on how much is
done at once, the recording through a door, and the places where a process may die.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from chassis.doors import Door, Entry
from chassis.faultpoints import faultpoint
from chassis.streaming import Records, keep_trying
from contracts.envelope import Actor, Envelope
from contracts.message import CATALOGUE, Command, Intent

__all__ = ["Acting", "Asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """An intent, and its envelope."""

    envelope: Envelope
    intent: Intent


@dataclass(frozen=True)
class Acting:
    """Acts on intents of a service's `kinds` with `act`, whose answer is the command that tells the intent's stream what
    came of it. `taken` says which of some door messages were taken already; `waits` hears what is waited for, and None
    when it goes on. Streams are served `at_once` at most; the intents of one stream one after the other."""

    service: str
    kinds: tuple[type[Intent], ...]
    act: Callable[[Asked], Awaitable[Command]]
    actor: str
    door: Door
    taken: Callable[[Sequence[str]], Collection[str]]
    waits: Callable[[str | None], None]
    at_once: int

    async def take(self, records: Records) -> None:
        """Returns when every intent was acted on and its outcome is in the inbox."""
        named, asked = {kind.TYPE for kind in self.kinds}, []
        for record in records:
            envelope = Envelope.parse(record.headers)
            if envelope.type in named:
                intent = CATALOGUE[envelope.type].decode(record.value or b"")
                assert isinstance(intent, Intent), f"{envelope.type} is no intent"
                asked.append(Asked(envelope, intent))
        known = await self._known([self._outcome_of(each) for each in asked])
        streams: dict[str, list[Asked]] = defaultdict(list)
        for each in asked:
            if self._outcome_of(each) not in known:
                streams[each.envelope.subject].append(each)
        places = asyncio.Semaphore(self.at_once)
        await asyncio.gather(*(self._in_order(several, places) for several in streams.values()))

    def _outcome_of(self, asked: Asked) -> str:
        """The id of the message that says what came of an intent, whatever that is: one outcome an intent."""
        return self.door.message_id((asked.envelope.id,))

    async def _known(self, outcomes: Sequence[str]) -> Collection[str]:
        """The outcomes that are known: of intents that come again after a restart, or from the beginning."""
        if not outcomes:
            return ()
        return await keep_trying(lambda: asyncio.to_thread(self.taken, outcomes), self.waits)

    async def _in_order(self, several: Sequence[Asked], places: asyncio.Semaphore) -> None:
        async with places:
            for asked in several:
                await self._one(asked)

    async def _one(self, asked: Asked) -> None:
        """Act, and say what came of it at once: what was done is not done again for the sake of another."""
        envelope = asked.envelope
        faultpoint(f"{self.actor}.before_act")
        outcome = await self.act(asked)
        faultpoint(f"{self.actor}.after_act")
        record = self.door.record(
            Entry(
                self.service,
                envelope.subject,
                outcome,
                (envelope.id,),
                actor=Actor(kind="worker", subject=self.actor),
                correlation=envelope.correlation_id,
                cause=envelope,
            )
        )
        await keep_trying(lambda: self.door.writer.write([record]), self.waits)
        faultpoint(f"{self.actor}.after_record")
