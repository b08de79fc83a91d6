"""Clients that stand still: another takes the place of one, so often as clients may be left alone and no more, and what the
one still says counts no longer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from threading import Event
from typing import Any

import pytest
from confluent_kafka import TopicPartition as KafkaTopicPartition

from chassis import unanswered
from chassis.kafka import group, reader
from chassis.kafka.clients import committed_reading
from chassis.log import LogError, Rebalance, TooManyUnanswered, TopicPartition
from chassis.streaming import AWAY
from contracts.topics import DEAD_LETTER_BYTES_MAX


class Client:
    """A consumer that is given nothing, and closes no sooner than `released`."""

    made: list[Client]
    released: Event

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.on_assign: Any = None
        self.given: set[int] = set()
        self.paused: set[int] = set()
        self.made.append(self)

    def subscribe(self, topics: list[str], on_assign: Any, on_revoke: Any, on_lost: Any) -> None:
        self.on_assign = on_assign

    def assign(self, partitions: list[KafkaTopicPartition]) -> None:
        self.given = {where.partition for where in partitions}

    def incremental_assign(self, partitions: list[KafkaTopicPartition]) -> None:
        self.given |= {where.partition for where in partitions}

    def pause(self, partitions: list[KafkaTopicPartition]) -> None:
        self.paused |= {where.partition for where in partitions}

    def poll(self, timeout: float) -> None:
        """Nothing comes."""

    def consume(self, limit: int, timeout: float) -> list[Any]:
        return []

    def close(self) -> None:
        self.released.wait()


class StandsStill:
    """Says of each poll that it stood still."""

    def __init__(self, ends: Any) -> None:
        """Looks at nothing."""

    def stands(self, positions_of: Callable[[], Mapping[TopicPartition, int]]) -> bool:
        return True


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Client, "made", [], raising=False)
    monkeypatch.setattr(Client, "released", Event(), raising=False)
    monkeypatch.setattr(unanswered, "_left_alone", [])
    monkeypatch.setattr(unanswered, "LEFT_ALONE_MAX", 2)
    for module in (group, reader):
        monkeypatch.setattr(module, "Consumer", Client)
        monkeypatch.setattr(module, "Still", StandsStill)
        monkeypatch.setattr(module, "CLOSE_TIMEOUT", 0.01)
    yield Client.made
    Client.released.set()


def _ends(partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    return {}


def _member() -> group.GroupConsumer:
    return group.GroupConsumer("127.0.0.1:1", "order", "order.inbox", _ends)


def _reader() -> reader.TopicReader:
    made = reader.TopicReader("127.0.0.1:1", _ends)
    made.assign({("order.events", 0): 7})
    return made


@pytest.mark.parametrize("make", [_member, _reader])
def test_one_is_replaced_until_so_many_were_left_alone_that_the_process_has_to_end(clients: Any, make: Any) -> None:
    # given one that always stands still, and of which no client ever closes
    reading = make()
    # when it was replaced as often as clients may be left alone
    for _ in range(2):
        reading.poll(10, 0)
    # then no further one is made
    with pytest.raises(TooManyUnanswered):
        reading.poll(10, 0)
    assert len(clients) == 3


def test_nobody_who_waits_for_a_broker_waits_for_that() -> None:
    assert not issubclass(TooManyUnanswered, (*AWAY, LogError))


def test_what_a_replaced_member_is_given_is_not_ours(clients: Any) -> None:
    # given a member in whose place another joined
    member = _member()
    member.poll(10, 0)
    before, now = clients
    # when each of both is given a partition
    before.on_assign(before, [KafkaTopicPartition("order.inbox", 1)])
    now.on_assign(now, [KafkaTopicPartition("order.inbox", 2)])
    # then ours is the one of the other alone, and neither hands anything out yet
    assert member.rebalance() == Rebalance({2}, set())
    assert (before.given, before.paused) == ({1}, {1})
    assert (now.given, now.paused) == ({2}, {2})


def test_an_answer_to_a_read_holds_the_largest_record_and_no_more() -> None:
    settings = committed_reading("127.0.0.1:1", "order")
    assert settings["fetch.max.bytes"] == DEAD_LETTER_BYTES_MAX
