"""The AsyncAPI 3.0 document of all topics: who writes what where, with headers and values.

Made from the catalogue and the table of topics; contracts/generate.py writes it. Partitions, which an installation
chooses, are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import getdoc
from typing import Any

from contracts.channel import ChannelAvailability, ChannelCancel, ChannelOrder, ChannelUpdate
from contracts.message import Command, Event, Intent, Message
from contracts.topics import CHANNEL_AVAILABILITY, CHANNEL_ORDERS, CHANNEL_UPDATES, SERVICES, TopicSpec, all_topics

__all__ = ["document"]

ASKS = {"order": ("inventory", "fulfillment", "shipping", "payments")}
"""Whose answers come to a service's inbox, besides its own."""

_TEXTS = {
    "inbox": "Everything addressed to the service: commands, and answers to what it asked of others. Written by our own "
    "services and doors only; keyed by the stream it is for.",
    "events": "Everything that happened in the service, the log of record: never compacted, kept for ever; keyed by "
    "stream. A partition is in order, and `ce_prev` proves that none is missing.",
    "intents": "Copies of the events that are intents to act outside, for the service's workers; keyed by stream.",
    "dead-letters": "What a door let in and nobody can decode: the original bytes and headers, the reason, the place.",
    "orders": "The public door for channels: publish an order here, or a cancel of one. What parses becomes an order.",
    "updates": "What became of a channel's orders; keyed by channel account and external id. At least once, same id.",
    "availability": "What is available of a SKU, the latest only; keyed by channel account and SKU. At least once, same id.",
}

_TEXT = {"type": "string"}
_HEADERS: dict[str, dict[str, Any]] = {
    "ce_specversion": {"const": "1.0"},
    "content-type": {"const": "application/json"},
    "ce_id": {**_TEXT, "format": "uuid", "description": "The same message always has the same id."},
    "ce_type": {**_TEXT, "description": "orderlog.<owner>.<Name>.v<n>"},
    "ce_source": {**_TEXT, "description": "/<service> or /door/<name>"},
    "ce_time": {**_TEXT, "format": "date-time", "description": "UTC, milliseconds; never goes back along a stream."},
    "ce_subject": {**_TEXT, "description": "The stream it is about; of an answer, the event's stream."},
    "ce_tenant": _TEXT,
    "ce_correlationid": {**_TEXT, "description": "The order's stream where there is one."},
    "ce_causationid": {**_TEXT, "description": "The id of the message that caused it."},
    "traceparent": {**_TEXT, "description": "W3C trace context."},
    "ce_replyto": {**_TEXT, "description": "<service>:<stream>; on commands that want an answer, and on answers."},
    "ce_actor": {**_TEXT, "description": "JSON {kind, subject, on_behalf_of}: the person or system that caused it."},
    "ce_reason": {**_TEXT, "description": "Why the actor did it."},
    "ce_sequence": {**_TEXT, "pattern": "^[1-9][0-9]*$", "description": "On events: the version in the stream, 1..n."},
    "ce_inboxoffset": {**_TEXT, "pattern": "^[0-9]+$", "description": "On events: the inbox offset of the cause."},
    "ce_deadlines": {
        **_TEXT,
        "description": "On events that change them: JSON {name: due time, or null when cleared}.",
    },
    "ce_txn": {
        **_TEXT,
        "description": "<incarnation>.<number> of the transaction; on its first record in each topic partition also "
        ";{topic-partition: count}.",
    },
    "ce_prev": {
        **_TEXT,
        "pattern": "^[0-9a-f]{64}$",
        "description": "On events: SHA-256 of the previous event of the partition; 64 zeros at the start.",
    },
}
_ALWAYS = tuple(_HEADERS)[:11]
_CHANNEL_MESSAGES: dict[str, tuple[type[Message], ...]] = {
    CHANNEL_ORDERS: (ChannelOrder, ChannelCancel),
    CHANNEL_UPDATES: (ChannelUpdate,),
    CHANNEL_AVAILABILITY: (ChannelAvailability,),
}


def document(models: Mapping[str, type[Message]]) -> dict[str, Any]:
    """The document for these messages, by their names on the wire."""
    channels = {topic.name: _channel(topic, models) for topic in all_topics(partitions=1)}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Orderlog",
            "version": "1",
            "description": "Every topic of Orderlog. Kafka keys are UTF-8 text; CloudEvents 1.0 in the binary binding.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {_operation_id(name): _operation(name) for name in channels},
        "components": {
            "messages": {name: _message(name, model) for name, model in models.items()},
            "schemas": {
                "headers": {"type": "object", "required": list(_ALWAYS), "properties": _HEADERS},
            },
        },
    }


def _channel(topic: TopicSpec, models: Mapping[str, type[Message]]) -> dict[str, Any]:
    names = [name for name, model in models.items() if _travels(model, topic.name)]
    return {
        "address": topic.name,
        "description": _TEXTS[topic.name.partition(".")[2]],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "topicConfiguration": {
                    "cleanup.policy": [topic.config["cleanup.policy"]],
                    "retention.ms": int(topic.config["retention.ms"]),
                    "max.message.bytes": int(topic.config["max.message.bytes"]),
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _travels(model: type[Message], topic: str) -> bool:
    """Whether a message may be in a topic. Messages of `contracts.chassis` belong to every service."""
    service, _, kind = topic.partition(".")
    owner = model.TYPE.split(".")[1]
    if owner == "channel" or service not in SERVICES:
        return model in _CHANNEL_MESSAGES.get(topic, ())
    own = owner in (service, "chassis")
    if kind == "inbox":
        return own and issubclass(model, Command) or _answers(model, (*ASKS.get(service, ()), service), owner)
    if kind == "intents":
        return own and issubclass(model, Intent)
    return kind == "events" and own and issubclass(model, Event)


def _answers(model: type[Message], asked: Iterable[str], owner: str) -> bool:
    return issubclass(model, Event) and "reply_to" in model.model_fields and owner in asked


def _operation_id(topic: str) -> str:
    return topic.replace(".", "-")


def _operation(topic: str) -> dict[str, Any]:
    taken = topic == CHANNEL_ORDERS or topic.endswith(".inbox")
    return {"action": "receive" if taken else "send", "channel": {"$ref": f"#/channels/{topic}"}}


def _message(name: str, model: type[Message]) -> dict[str, Any]:
    described = getdoc(model) or ""
    return {
        "name": name,
        "title": model.__name__,
        "summary": described.partition("\n\n")[0].replace("\n", " "),
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {"$ref": f"./schemas/{name}.json"},
    }
