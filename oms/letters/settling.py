"""What is done with dead letters: sent again as they came, sent again in other words, or given up; each time a record
among the dead letters says so, with who and why.

The message goes first and the settlement after it, so that whatever dies between them leaves a letter that waits and
is sent again, and never one that is gone. A message that is sent twice has one id and counts once: its stream remembers
what a door let in, and what says that it was a dead letter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from chassis.card_numbers import mask_text
from chassis.doors import Door, Entry
from chassis.kafka import partition_of
from chassis.letter import MADE_OF, ORIGINAL, REDRIVEN_FROM, Settled, Settlement
from chassis.log import NewRecord, Record
from chassis.problems import Problem, ProblemKind
from chassis.web import Caller
from contracts import topics
from contracts.envelope import Headers
from contracts.ids import split_stream
from contracts.message import CATALOGUE, Command, Message, to_milliseconds
from oms.letters.buried import Buried, DeadLetter
from services.order.channel import read_channel

__all__ = ["Edit", "Plan", "Settling", "read_as", "settled_problem"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A message in other words: its value, and where it was to an inbox its stream and type, if those are others."""

    value: Mapping[str, Any]
    stream: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, in words, and what would be written first of all."""

    says: str
    letter: DeadLetter
    how: Settled
    record: NewRecord | None = None


class Settling:
    """Settles dead letters through a door. `kinds`: the kinds of streams of each service."""

    def __init__(
        self,
        buried: Buried,
        door: Door,
        kinds: Mapping[str, frozenset[str]],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._buried, self._door, self._kinds, self._clock = buried, door, kinds, clock
        self._one_at_a_time = asyncio.Lock()

    # -- plans

    def redrive(self, letter: DeadLetter) -> Plan:
        """As it came, to the partition that its key belongs to: a foreign partitioner may have misled it."""
        record = self._record(letter)
        topic = self._back_to(letter)
        headers = tuple((name.removeprefix(ORIGINAL), value) for name, value in record.headers if _came(name))
        if topic == topics.inbox(letter.service, self._door.namespace):
            before = tuple(header for header in headers if header[0] != REDRIVEN_FROM)
            headers = (*before, (REDRIVEN_FROM, letter.place.encode()))
        back = self._to(topic, record.key or b"", record.value or b"", headers)
        says = f"{letter.name} goes to {topic}/{back.partition} as it came, {len(back.value)} bytes"
        return Plan(says, letter, Settled.REDRIVEN, back)

    def discard(self, letter: DeadLetter) -> Plan:
        """Nothing is sent."""
        says = f"{letter.name} is recorded as discarded, and no message is sent; its bytes stay until they expire"
        return Plan(says, letter, Settled.DISCARDED)

    def edit(self, letter: DeadLetter, edit: Edit, caller: Caller) -> Plan:
        """A new message made of it. Raises Problem, BodyRefused, or pydantic's ValidationError for one that cannot be
        read either."""
        topic = self._back_to(letter)
        if topic == topics.named(topics.CHANNEL_ORDERS, self._door.namespace):
            made = self._by_channel(topic, edit, caller)
        else:
            made = self._to_inbox(letter, edit, caller)
        actor = caller.actor.model_dump_json(exclude_none=True).encode()
        ours = ((MADE_OF, letter.place.encode()), ("ce_actor", actor))
        known = {name for name, _ in made.headers}
        headers = (*made.headers, *((name, value) for name, value in ours if name not in known))
        says = f"{letter.name} is settled by a new message to {topic}/{made.partition}, {len(made.value)} bytes"
        return Plan(says, letter, Settled.EDITED, replace(made, headers=headers))

    def _by_channel(self, topic: str, edit: Edit, caller: Caller) -> NewRecord:
        value = orjson.dumps(edit.value)
        said = read_channel(value)
        if len(value) > topics.DOOR_BODY_BYTES_MAX:
            raise Problem(ProblemKind.TOO_LARGE, "The body is too large", "Send less at a time.")
        key = f"{said.channel_account}/{said.external_id}".encode()
        identifier = self._door.message_id(("edited", topic, caller.key))
        return self._to(topic, key, value, (("ce_id", identifier.encode()),))

    def _to_inbox(self, letter: DeadLetter, edit: Edit, caller: Caller) -> NewRecord:
        command = read_as(edit.type or letter.type, edit.value)
        if not isinstance(command, Command):
            raise _cannot(f"{command.TYPE} is no command; name one as `type`")
        stream = edit.stream or letter.key
        try:
            kind, _ = split_stream(stream)
        except ValueError as error:
            raise _cannot(f"{error}; name one as `stream`") from error
        if kind not in self._kinds[letter.service]:
            raise _cannot(f"{letter.service} has no streams of kind {kind}; name another as `stream`")
        key = ("edited", letter.place, caller.key)
        return self._door.record(Entry(letter.service, stream, command, key, caller.actor, caller.reason))

    def _record(self, letter: DeadLetter) -> Record:
        record = self._buried.record(letter)
        if record is None:
            raise Problem(ProblemKind.GONE, f"{letter.name} is gone", "Its topic keeps dead letters for 30 days.")
        return record

    def _back_to(self, letter: DeadLetter) -> str:
        """The topic that it came in by; raises Problem where that is no way in."""
        topic = letter.place.rpartition("/")[0].rpartition("/")[0]
        ways = [topics.inbox(letter.service, self._door.namespace)]
        if letter.service == "order":
            ways.append(topics.named(topics.CHANNEL_ORDERS, self._door.namespace))
        if topic not in ways:
            raise _cannot(f"{letter.name} does not say that it came in by {' or '.join(ways)}; it can be discarded")
        return topic

    def _to(self, topic: str, key: bytes, value: bytes, headers: Headers) -> NewRecord:
        return NewRecord(topic, partition_of(key, self._door.partitions), key, value, headers)

    # -- doing

    async def carry_out(self, plan: Plan, caller: Caller) -> str:
        """Do it; the id of the settlement, the same for the same request. Raises Problem when somebody was faster."""
        letter = plan.letter
        identifier = self._door.message_id(("letter", letter.place, plan.how, caller.key))
        settlement = Settlement(
            place=letter.place,
            how=plan.how,
            id=identifier,
            time=to_milliseconds(self._clock()),
            actor=caller.actor,
            reason=None if caller.reason is None else mask_text(caller.reason),
        )
        topic = topics.dead_letters(letter.service, self._door.namespace)
        async with self._one_at_a_time:
            await self.none_yet(letter.service, letter.place)
            if plan.record is not None:
                await self._door.writer.write([plan.record])
            await self._door.writer.write([NewRecord(topic, 0, letter.key.encode(), b"", settlement.headers())])
        return identifier

    async def none_yet(self, service: str, place: str) -> None:
        """Raises Problem where a dead letter is settled already."""
        known = await asyncio.to_thread(self._buried.settlement, service, place)
        if known is not None:
            raise settled_problem(known)

    def same_request(self, known: Settlement, how: Settled, caller: Caller) -> bool:
        """Whether it was settled by this very request, which came again."""
        return known.id == self._door.message_id(("letter", known.place, how, caller.key))


def read_as(name: str, value: Mapping[str, Any]) -> Message:
    """A message of this type; raises Problem when there is none such, and ValidationError when the value is not one."""
    model = CATALOGUE.get(name)
    if model is None:
        raise _cannot(f"{name} is not a type that this release knows; name another as `type`")
    return model.decode(orjson.dumps(value))


def settled_problem(known: Settlement) -> Problem:
    """Says who settled it, and when."""
    return Problem(
        ProblemKind.REFUSED,
        "The request was refused",
        f"It was {known.how} by {known.actor.subject} at {known.time:%Y-%m-%d %H:%M} UTC already. Nothing was done.",
    )


def _came(name: str) -> bool:
    return name.startswith(ORIGINAL)


def _cannot(why: str) -> Problem:
    return Problem(ProblemKind.UNREADABLE, "The request cannot be read", f"{why}.")
