"""The headers around every message: CloudEvents 1.0 in the Kafka binary binding, with our extensions.

Here lives the mapping between an `Envelope` and header bytes, in written order, and nothing that gives a header its
meaning (that is the chassis) or its value (contracts/ids.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import orjson

from contracts.message import Value, format_instant, parse_instant

__all__ = [
    "Actor",
    "Deadlines",
    "Envelope",
    "EventPlace",
    "Headers",
    "MalformedEnvelope",
    "addressed",
    "child_traceparent",
    "placed",
    "replace_reply",
    "root_traceparent",
    "texts",
    "type_named",
]

Headers = tuple[tuple[str, bytes], ...]
"""Kafka headers in written order; names may repeat in Kafka, but never in a message of ours."""

_TYPE_AT = 3
"""Where `Envelope.headers` writes the type, so that it is found there without a search."""

_REPLY_AT = 11
"""Where `Envelope.headers` writes whom an answer goes to: behind what every message has."""

Deadlines = dict[str, datetime | None]
"""Named deadlines that an event set (a due time, UTC) or cleared (None)."""


class MalformedEnvelope(ValueError):
    """The headers are not an envelope of ours; the text says which header, and what is wrong with it."""


class Actor(Value):
    """Who caused a message: a person or a system outside. `on_behalf_of` names whom they acted for."""

    kind: str
    subject: str
    on_behalf_of: str | None = None


class Envelope(NamedTuple):
    """Everything about a message but its value. A tuple, since a life of an order makes over a hundred, and a frozen
    dataclass of so many fields takes almost four times as long to make.

    `subject` is the stream it is about (of an answer: the event's stream, not the key it travels under);
    `correlation_id` the order's stream where there is one; `sequence` the event's version in its stream, 1..n;
    `inbox_offset` the offset of the inbox message that caused the event; `reply_to` is `<service>:<stream>`.
    """

    id: str
    type: str
    source: str
    time: datetime
    subject: str
    tenant: str
    correlation_id: str
    causation_id: str
    traceparent: str
    reply_to: str | None = None
    actor: Actor | None = None
    reason: str | None = None
    sequence: int | None = None
    inbox_offset: int | None = None
    deadlines: Deadlines | None = None
    txn: str | None = None
    prev: str | None = None

    def headers(self) -> Headers:
        """The headers as written, in the order of the table in docs/wire.md."""
        return placed(self.headers_but_place(), self.txn, self.prev)

    def headers_but_place(self) -> Headers:
        """The headers without the two that tell a record's place, which are known only as its transaction is written."""
        (
            identifier,
            kind,
            source,
            time,
            subject,
            tenant,
            correlation_id,
            causation_id,
            traceparent,
            reply_to,
            actor,
            reason,
            sequence,
            inbox_offset,
            deadlines,
            _,
            _,
        ) = self
        rows: list[tuple[str, bytes]] = [
            ("ce_specversion", b"1.0"),
            ("content-type", b"application/json"),
            ("ce_id", identifier.encode()),
            ("ce_type", kind.encode()),
            ("ce_source", source.encode()),
            ("ce_time", format_instant(time).encode()),
            ("ce_subject", subject.encode()),
            ("ce_tenant", tenant.encode()),
            ("ce_correlationid", correlation_id.encode()),
            ("ce_causationid", causation_id.encode()),
            ("traceparent", traceparent.encode()),
        ]
        if reply_to is not None:
            rows.append(("ce_replyto", reply_to.encode()))
        if actor is not None:
            rows.append(("ce_actor", actor.model_dump_json(exclude_none=True).encode()))
        if reason is not None:
            rows.append(("ce_reason", reason.encode()))
        if sequence is not None:
            rows.append(("ce_sequence", b"%d" % sequence))
        if inbox_offset is not None:
            rows.append(("ce_inboxoffset", b"%d" % inbox_offset))
        if deadlines is not None:
            named = {name: due and format_instant(due) for name, due in sorted(deadlines.items())}
            rows.append(("ce_deadlines", orjson.dumps(named)))
        return tuple(rows)

    @classmethod
    def parse(cls, headers: Iterable[tuple[str, bytes]]) -> Envelope:
        """Read the headers back; raises MalformedEnvelope naming the header that is missing or wrong."""
        found = texts(headers)
        try:
            return cls._of(found)
        except (KeyError, ValueError, OverflowError) as error:
            raise _unreadable(error) from error

    @classmethod
    def _of(cls, found: dict[str, str]) -> Envelope:
        actor, deadlines = found.get("ce_actor"), found.get("ce_deadlines")
        return cls(
            id=found["ce_id"],
            type=found["ce_type"],
            source=found["ce_source"],
            time=parse_instant(found["ce_time"]),
            subject=found["ce_subject"],
            tenant=found["ce_tenant"],
            correlation_id=found["ce_correlationid"],
            causation_id=found["ce_causationid"],
            traceparent=found["traceparent"],
            reply_to=found.get("ce_replyto"),
            actor=None if actor is None else Actor.model_validate_json(actor),
            reason=found.get("ce_reason"),
            sequence=_integer(found.get("ce_sequence")),
            inbox_offset=_integer(found.get("ce_inboxoffset")),
            deadlines=None if deadlines is None else _read_deadlines(deadlines),
            txn=found.get("ce_txn"),
            prev=found.get("ce_prev"),
        )


@dataclass(frozen=True, slots=True)
class EventPlace:
    """What an event's headers say of where it stands and what it set: its type, its version in its stream, deadlines, and
    the hash of the event before it. All of them are there as text, too."""

    texts: dict[str, str]
    type: str
    sequence: int
    deadlines: Deadlines
    prev: str | None

    @classmethod
    def parse(cls, headers: Headers) -> EventPlace:
        """Read no more than that; raises MalformedEnvelope."""
        found = texts(headers)
        deadlines = found.get("ce_deadlines")
        try:
            named = {} if deadlines is None else _read_deadlines(deadlines)
            return cls(found, found["ce_type"], int(found.get("ce_sequence", "0")), named, found.get("ce_prev"))
        except (KeyError, ValueError, OverflowError) as error:
            raise _unreadable(error) from error


def texts(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Headers as text by their names; raises MalformedEnvelope where one is none that a table can keep."""
    try:
        found = {name: value.decode() for name, value in headers}
    except (UnicodeDecodeError, AttributeError) as error:
        raise MalformedEnvelope(f"a header is not UTF-8 text: {error}") from error
    if "\0" in "".join(found.values()):
        name = next(name for name, text in found.items() if "\0" in text)
        raise MalformedEnvelope(f"the header {name} holds the character U+0000, which no table can keep")
    return found


def _unreadable(error: Exception) -> MalformedEnvelope:
    """What is said of headers of which one is missing (KeyError) or cannot be read."""
    what = (
        f"the header {error.args[0]} is missing" if isinstance(error, KeyError) else f"a header cannot be read: {error}"
    )
    return MalformedEnvelope(what)


def type_named(headers: Headers) -> str:
    """The type of a message, read without the rest of its headers: most readers want few types. Empty where none is
    named."""
    if len(headers) > _TYPE_AT and headers[_TYPE_AT][0] == "ce_type":
        return headers[_TYPE_AT][1].decode("utf-8", "replace")
    return next((value for name, value in headers if name == "ce_type"), b"").decode("utf-8", "replace")


def placed(headers: Headers, txn: str | None, prev: str | None) -> Headers:
    """Headers and behind them a record's place: the number in its transaction, and the hash of the event before."""
    if txn is not None:
        headers = (*headers, ("ce_txn", txn.encode()))
    return headers if prev is None else (*headers, ("ce_prev", prev.encode()))


def addressed(headers: Headers, reply_to: str | None) -> Headers:
    """The headers of an event without its place, as a copy of it has them that is addressed to `reply_to`."""
    if reply_to is None:
        return headers
    return (*headers[:_REPLY_AT], ("ce_replyto", reply_to.encode()), *headers[_REPLY_AT:])


def replace_reply(event: Envelope, reply_to: str) -> Envelope:
    """The envelope of an answer: the event's own, addressed to whoever asked."""
    return event._replace(reply_to=reply_to)


def _integer(text: str | None) -> int | None:
    return None if text is None else int(text)


def _read_deadlines(text: str) -> Deadlines:
    named = orjson.loads(text)
    if not isinstance(named, dict) or not all(isinstance(due, str | None) for due in named.values()):
        raise ValueError("ce_deadlines is not a JSON object of instants")
    return {name: None if due is None else parse_instant(due) for name, due in named.items()}


def root_traceparent(message_id: str) -> str:
    """The W3C trace context of a message that starts a trace: trace and span are bits of its own id."""
    digits = message_id.replace("-", "")
    return f"00-{digits}-{digits[:16]}-01"


def child_traceparent(parent: str, message_id: str) -> str:
    """The trace context of a message caused within `parent`: the same trace, a span of its own."""
    return f"{parent[:36]}{message_id.replace('-', '')[:16]}-01"
