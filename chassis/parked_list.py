"""What every service lists of the messages that its streams have parked: which, why, and since when.

A table of its own, since a log of events is long and what is parked is little. What the messages are stays in their
streams.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from chassis.log import Record
from chassis.projection import events_among
from contracts.chassis import MessageDiscarded, MessageEdited, MessageParked, MessageRedriven, RedriveFailed
from contracts.envelope import Envelope, type_named
from contracts.message import Event

__all__ = ["ParkedProjection"]

_KINDS: tuple[type[Event], ...] = (MessageParked, MessageRedriven, MessageDiscarded, MessageEdited, RedriveFailed)
_TYPES = frozenset(kind.TYPE for kind in _KINDS)


class ParkedProjection:
    """One row for each message that is parked now; `inbox_offset` names it in its partition."""

    name = "parked"
    tables: LiteralString = """
    create table if not exists parked_messages (
        partition int, inbox_offset bigint, stream text not null, message_id text not null, type text not null,
        fault text not null, detail text not null, since timestamptz not null, primary key (partition, inbox_offset));
    create index if not exists parked_messages_since on parked_messages (since, partition, inbox_offset);
    create index if not exists parked_messages_stream on parked_messages (stream);
    """

    def __init__(self, service: str) -> None:
        self.topics = (f"{service}.events",)

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        with connection.cursor() as cursor:
            for record in records:
                if type_named(record.headers) not in _TYPES:
                    continue
                for envelope, event in events_among((record,), _KINDS):
                    self._one(cursor, record.partition, envelope, event)

    def _one(self, cursor: psycopg.Cursor[Any], partition: int, envelope: Envelope, event: Any) -> None:
        where = [partition, event.offset]
        match event:
            case MessageParked():
                cursor.execute(
                    "insert into parked_messages values (%s, %s, %s, %s, %s, %s, %s, %s)",
                    [*where, envelope.subject, event.message_id, event.message_type, *_why(event), envelope.time],
                )
            case RedriveFailed():
                cursor.execute(
                    "update parked_messages set fault = %s, detail = %s where partition = %s and inbox_offset = %s",
                    [*_why(event), *where],
                )
            case MessageEdited():
                cursor.execute(
                    "update parked_messages set message_id = %s, type = %s where partition = %s and inbox_offset = %s",
                    [event.edited_id, event.message_type, *where],
                )
            case _:
                cursor.execute("delete from parked_messages where partition = %s and inbox_offset = %s", where)


def _why(event: MessageParked | RedriveFailed) -> tuple[str, str]:
    """Why it waits. What an error's text holds may be no text for a table."""
    return event.fault, event.detail.replace("\0", "�")
