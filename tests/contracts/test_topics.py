"""The one table of topics says of each what the design says."""

from __future__ import annotations

import pytest

from contracts.topics import SERVICES, TopicSpec, all_topics, dead_letters, events, inbox, intents, topics_of_service

MIB = 1024 * 1024
THIRTY_DAYS_MS = "2592000000"


def test_every_topic_of_an_installation() -> None:
    topics = {topic.name: topic for topic in all_topics(partitions=24)}
    kinds = [f"{service}.{kind}" for service in SERVICES for kind in ("inbox", "events", "dead-letters")]
    assert set(topics) == {
        *kinds,
        "order.intents",
        "payments.intents",
        "channel.orders",
        "channel.updates",
        "channel.availability",
    }
    assert {topics[name].partitions for name in ("order.inbox", "order.events", "channel.orders")} == {24}
    assert topics["order.intents"].partitions == 16
    assert topics["order.dead-letters"].partitions == 1


@pytest.mark.parametrize("topic", all_topics(partitions=4), ids=lambda topic: topic.name)
def test_only_events_are_kept_for_ever_and_nothing_is_compacted(topic: TopicSpec) -> None:
    forever = topic.name.endswith(".events")
    assert topic.config["cleanup.policy"] == "delete"
    assert topic.config["retention.ms"] == ("-1" if forever else THIRTY_DAYS_MS)
    assert topic.config["retention.bytes"] == "-1"
    assert topic.config["message.timestamp.type"] == ("CreateTime" if forever else "LogAppendTime")
    largest = 10 if topic.name.endswith(".dead-letters") else 8
    assert topic.config["max.message.bytes"] == str(largest * MIB)


def test_any_service_has_the_same_kinds_of_topics() -> None:
    topics = topics_of_service("counter", partitions=2, namespace="t1", intents_partitions=3)
    assert [(topic.name, topic.partitions) for topic in topics] == [
        ("t1-counter.inbox", 2),
        ("t1-counter.events", 2),
        ("t1-counter.dead-letters", 1),
        ("t1-counter.intents", 3),
    ]


def test_names_without_a_namespace() -> None:
    names = [inbox("order"), events("order"), intents("order"), dead_letters("order")]
    assert names == ["order.inbox", "order.events", "order.intents", "order.dead-letters"]
