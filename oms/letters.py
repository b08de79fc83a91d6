"""What could not be taken, in one place: dead letters (nobody can decode them) and parked messages (their stream
cannot take them), found in the topics and tried again through the doors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.doors import Door, Entry
from chassis.kafka import partition_of
from chassis.log import Log, LogError, NewRecord, Record, TopicPartition
from chassis.settings import Settings
from chassis.streaming import KafkaWriter
from chassis.tokens import Role
from contracts import topics
from contracts.chassis import MessageParked, MessageRedriven, RedriveStream
from contracts.envelope import Actor, Envelope
from oms.reach import reach_log
from oms.tokens import at_console

__all__ = ["DEAD", "PARKED", "Letter", "find_letters", "redrive"]

DEAD, PARKED = "dead", "parked"
READ_MAX = 5_000
"""Records read at a time."""

POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that waits for a person. `name` is what people call it, after where it came in.

    Of a parked one that is `<service>/<partition>/<offset>` of the inbox, and `stream` is what it waits in front of; of
    a dead one `<service>/<topic>/<partition>/<offset>`, since it may have come in by another topic.
    """

    name: str
    state: str
    service: str
    stream: str
    type: str
    reason: str
    since: datetime
    record: Record | None = None
    parked: MessageParked | None = None


def find_letters(settings: Settings, service: str) -> list[Letter]:
    """Everything of a service that waits: the dead letters of the last 30 days, and what is parked now."""
    log = reach_log(settings)
    dead = [_dead(service, record) for record in _read(log, topics.dead_letters(service, settings.namespace))]
    return [*dead, *_parked(service, _read(log, topics.events(service, settings.namespace)))]


def _read(log: Log, topic: str) -> list[Record]:
    ends = {(topic, number): log.bounds(topic, number) for number in range(log.partitions(topic))}
    reached: dict[TopicPartition, int] = {where: first for where, (first, _) in ends.items()}
    reader = log.reader()
    found: list[Record] = []
    try:
        reader.assign(reached)
        while any(reached[where] < end for where, (_, end) in ends.items()):
            records, moved = reader.poll(READ_MAX, POLL_SECONDS)
            reached.update(moved)
            found.extend(record for record in records if _matters(topic, record))
    finally:
        reader.close()
    return sorted(found, key=lambda record: (record.partition, record.offset))


def _matters(topic: str, record: Record) -> bool:
    """Of the events only those about parking are kept in memory."""
    wanted = {MessageParked.TYPE.encode(), MessageRedriven.TYPE.encode()}
    return topic.endswith(".dead-letters") or any(
        name == "ce_type" and value in wanted for name, value in record.headers
    )


def _dead(service: str, record: Record) -> Letter:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    return Letter(
        # What somebody else wrote there may not say where it came in.
        name=f"{service}/{headers.get('place') or f'{record.topic}/{record.partition}/{record.offset}'}",
        state=DEAD,
        service=service,
        stream=(record.key or b"").decode(errors="replace"),
        type=headers.get("original-ce_type", "unknown"),
        reason=headers.get("reason", "not said"),
        since=record.timestamp,
        record=record,
    )


def _parked(service: str, records: Sequence[Record]) -> list[Letter]:
    # By offset, not by message id: two bodies under one id may both be parked.
    waiting: dict[tuple[str, int], Letter] = {}
    for record in records:
        envelope, value = Envelope.parse(record.headers), record.value or b""
        if envelope.type == MessageRedriven.TYPE:
            waiting.pop((envelope.subject, MessageRedriven.decode(value).offset), None)
            continue
        parked = MessageParked.decode(value)
        waiting[envelope.subject, parked.offset] = Letter(
            name=f"{service}/{record.partition}/{parked.offset}",
            state=PARKED,
            service=service,
            stream=envelope.subject,
            type=parked.message_type,
            reason=f"{parked.fault}: {parked.detail}",
            since=envelope.time,
            parked=parked,
        )
    return list(waiting.values())


def redrive(settings: Settings, letters: Sequence[Letter]) -> int:
    """Try these again: a dead letter goes back as it came, a parked stream is asked to try all it has, in order.

    Returns how many messages were written. Raises LogError when the broker does not take them, TokensRefused when the
    person at the console is not known or no admin.
    """
    who = at_console(settings, Role.ADMIN)
    return asyncio.run(_redrive(settings, letters, Actor(kind=who.kind, subject=who.subject)))


async def _redrive(settings: Settings, letters: Sequence[Letter], actor: Actor) -> int:
    writer = KafkaWriter(settings.bootstrap)
    await writer.start()
    try:
        back = [_back(settings, letter) for letter in letters if letter.state == DEAD]
        if back:
            await writer.write(back)
        door = Door("oms", writer, settings.partitions, settings.namespace)
        streams = {(letter.service, letter.stream): letter for letter in letters if letter.state == PARKED}
        for (service, stream), letter in sorted(streams.items()):
            # The key names the oldest parked message and the moment: asking again later is another request.
            key = ("redrive", stream, letter.name, datetime.now(letter.since.tzinfo).isoformat())
            await door.send(Entry(service, stream, RedriveStream(), key, actor, "redriven by hand"))
        return len(back) + len(streams)
    finally:
        await writer.stop()


def _back(settings: Settings, letter: Letter) -> NewRecord:
    """A dead letter as it came, to the partition that its key belongs to: a foreign partitioner may have misled it."""
    record = letter.record
    if record is None:
        raise LogError(f"{letter.name} is no dead letter")
    headers = tuple(
        (name.removeprefix("original-"), value) for name, value in record.headers if name.startswith("original-")
    )
    key = record.key or b""
    partition = partition_of(key, settings.partitions)
    inbox = topics.inbox(letter.service, settings.namespace)
    return NewRecord(inbox, partition, key, record.value or b"", headers)
