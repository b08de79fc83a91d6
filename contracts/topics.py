"""The one table of topics: their names, partitions and settings.

Whoever makes a topic, checks one or documents one reads it here. How many partitions an installation has is its own
setting, chosen once; the client that makes topics is chassis/kafka/cluster.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "CHANNEL_AVAILABILITY",
    "CHANNEL_ORDERS",
    "CHANNEL_TOPICS",
    "CHANNEL_UPDATES",
    "COMMAND_BYTES_MAX",
    "DEAD_LETTER_BYTES_MAX",
    "DOOR_BODY_BYTES_MAX",
    "INTENTS_PARTITIONS",
    "RECORD_BYTES_MAX",
    "RETENTION_MS",
    "SERVICES",
    "SERVICES_WITH_INTENTS",
    "TopicSpec",
    "all_topics",
    "channel_topics",
    "dead_letters",
    "events",
    "inbox",
    "intents",
    "named",
    "topics_of_service",
]

MIB = 1024 * 1024

DOOR_BODY_BYTES_MAX = 4 * MIB
"""The largest body that a door takes from outside."""

COMMAND_BYTES_MAX = 5 * MIB
"""The largest value of a message from a door. What a door makes of a body may be larger than that; put aside in an
event, its bytes in base64, it still has to fit a record."""

RECORD_BYTES_MAX = 8 * MIB
"""The largest record of ours. Twice a door's body, since an event may carry what came in and what was decided."""

DEAD_LETTER_BYTES_MAX = 10 * MIB
"""The largest dead letter: a record of the full size as it came, with its headers, the reason and the place."""

RETENTION_MS = 30 * 24 * 60 * 60 * 1000
"""How long everything but events is kept. What a stream remembers of door messages and compensations rests on it."""

FOR_EVER = -1

DEAD_LETTER_PARTITIONS = 1
"""One, so that an offset alone names a dead letter and a list of them is in the order in which they came. Only what
cannot be read comes here, so one partition is never the narrow place."""

INTENTS_PARTITIONS = 16
"""More than an embedded inbox has: a worker waits for somebody outside, so many must be able to wait at once."""

SERVICES = ("order", "inventory", "fulfillment", "shipping", "payments")
SERVICES_WITH_INTENTS = frozenset({"order", "payments"})

CHANNEL_ORDERS = "channel.orders"
CHANNEL_UPDATES = "channel.updates"
CHANNEL_AVAILABILITY = "channel.availability"
CHANNEL_TOPICS = (CHANNEL_ORDERS, CHANNEL_UPDATES, CHANNEL_AVAILABILITY)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be: its full name, its number of partitions, and its settings by Kafka's names."""

    name: str
    partitions: int
    config: Mapping[str, str]


def named(topic: str, namespace: str = "") -> str:
    """The name of a topic in a namespace: `<namespace>-<topic>`, or the topic alone where there is none."""
    return f"{namespace}-{topic}" if namespace else topic


def inbox(service: str, namespace: str = "") -> str:
    """Everything addressed to a service: commands, and answers to what it asked of others."""
    return named(f"{service}.inbox", namespace)


def events(service: str, namespace: str = "") -> str:
    """Everything that happened in a service: the log of record."""
    return named(f"{service}.events", namespace)


def intents(service: str, namespace: str = "") -> str:
    """Copies of a service's events that are intents to act outside, for its workers."""
    return named(f"{service}.intents", namespace)


def dead_letters(service: str, namespace: str = "") -> str:
    """What a door of a service let in and nobody can decode."""
    return named(f"{service}.dead-letters", namespace)


def topics_of_service(
    service: str, *, partitions: int, namespace: str = "", intents_partitions: int | None = None
) -> tuple[TopicSpec, ...]:
    """The topics of any service; without `intents_partitions` it has no topic of intents.

    Inbox and events have the same number of partitions: partition p of one belongs with partition p of the other.
    """
    topics = [
        TopicSpec(inbox(service, namespace), partitions, _kept(RETENTION_MS, RECORD_BYTES_MAX)),
        TopicSpec(events(service, namespace), partitions, _kept(FOR_EVER, RECORD_BYTES_MAX)),
        TopicSpec(dead_letters(service, namespace), DEAD_LETTER_PARTITIONS, _kept(RETENTION_MS, DEAD_LETTER_BYTES_MAX)),
    ]
    if intents_partitions is not None:
        kept = _kept(RETENTION_MS, RECORD_BYTES_MAX)
        topics.append(TopicSpec(intents(service, namespace), intents_partitions, kept))
    return tuple(topics)


def channel_topics(*, partitions: int, namespace: str = "") -> tuple[TopicSpec, ...]:
    """The public doors: orders come in, what became of them and what is available goes out."""
    kept = _kept(RETENTION_MS, RECORD_BYTES_MAX)
    return tuple(TopicSpec(named(topic, namespace), partitions, kept) for topic in CHANNEL_TOPICS)


def all_topics(
    *, partitions: int, namespace: str = "", intents_partitions: int = INTENTS_PARTITIONS
) -> tuple[TopicSpec, ...]:
    """Every topic of an installation: those of the five services and the public doors."""
    of_services = (
        topic
        for service in SERVICES
        for topic in topics_of_service(
            service,
            partitions=partitions,
            namespace=namespace,
            intents_partitions=intents_partitions if service in SERVICES_WITH_INTENTS else None,
        )
    )
    return (*of_services, *channel_topics(partitions=partitions, namespace=namespace))


def _kept(retention_ms: int, record_bytes_max: int) -> Mapping[str, str]:
    """The settings of a topic that is never compacted.

    What is kept for a time gets the broker's time (LogAppendTime): a sender with a wrong clock could else have its
    records deleted at once, or kept for ever. An event's record keeps its producer's time, which decides nothing.
    """
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        "retention.bytes": "-1",
        "max.message.bytes": str(record_bytes_max),
        "message.timestamp.type": "CreateTime" if retention_ms == FOR_EVER else "LogAppendTime",
    }
