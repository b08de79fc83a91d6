"""How a record of an inbox is read, by whoever reads one: the message that it is, or why it is a dead letter; and where
messages go.

Pure. What a message does to its stream is chassis/handling.py.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass

from chassis.log import NAMELESS, Record
from chassis.taking import HEADERS_BYTES_MAX, Incoming
from contracts import topics
from contracts.envelope import Envelope, MalformedEnvelope
from contracts.ids import split_stream

__all__ = ["Routes", "Unreadable", "read_message"]


class Unreadable(ValueError):
    """A record that no stream can be given: a dead letter. The text is why."""


@dataclass(frozen=True)
class Routes:
    """Where a key goes: the partition counts of every inbox and intents topic, and the partitioner."""

    partition_of: Callable[[bytes, int], int]
    inbox_partitions: Mapping[str, int]
    intents_partitions: int = topics.INTENTS_PARTITIONS

    def inbox(self, service: str, key: bytes, namespace: str) -> tuple[str, int]:
        """Topic and partition of a message to a stream of `service`; raises LookupError for an unknown service."""
        if service not in self.inbox_partitions:
            raise LookupError(f"there is no service {service} to send to")
        return topics.inbox(service, namespace), self.partition_of(key, self.inbox_partitions[service])

    def reach(self, reply_to: str) -> bool:
        """Whether an answer can go there: `<service>:<stream>`, the service one of ours."""
        service, _, stream = reply_to.partition(":")
        kind, _, identifier = stream.partition("/")
        return service in self.inbox_partitions and bool(kind and identifier)


def read_message(
    record: Record, service: str, kinds: Container[str], routes: Routes, home: Callable[[bytes], int]
) -> Incoming:
    """The message to a stream of `service` that a record is. `home`: the partition that a key belongs to.

    Raises Unreadable.
    """
    try:
        if sum(len(name) + len(value) for name, value in record.headers) > HEADERS_BYTES_MAX:
            raise Unreadable(f"its headers are larger than {HEADERS_BYTES_MAX} bytes")
        key = (record.key or b"").decode()
        kind, _ = split_stream(key)
        if "\0" in key:
            raise Unreadable(f"the key {key!r} holds the character U+0000, which no table can keep")
        if kind not in kinds:
            raise Unreadable(f"{service} has no streams of kind {kind}")
        if home(record.key or b"") != record.partition:
            raise Unreadable(f"the key {key} does not belong to partition {record.partition}")
        if record.headers == NAMELESS:
            raise Unreadable("the name of a header is not UTF-8 text, and none of its headers can be read")
        envelope = Envelope.parse(record.headers)
        if envelope.reply_to is not None and not routes.reach(envelope.reply_to):
            raise Unreadable(f"no answer can go to {envelope.reply_to}, which is not <service>:<kind>/<id>")
        return Incoming(record, envelope)
    except Unreadable:
        raise
    except (MalformedEnvelope, ValueError) as error:
        raise Unreadable(str(error)) from error
