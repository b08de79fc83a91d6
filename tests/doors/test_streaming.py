"""What doors and workers ask of Kafka, each setting by name, since each default is wrong for us."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, ClassVar

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaConnectionError, LeaderNotAvailableError, OutOfOrderSequenceNumber
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from chassis.horizon import Horizon
from chassis.log import LogError, NewRecord
from chassis.streaming import (
    CLIENT_SETTINGS,
    PRODUCER_SETTINGS,
    WRITE_SECONDS,
    KafkaWriter,
    keep_trying,
    make_broker,
    subscribe,
)
from chassis.waiters import EventsWatch, Waiters
from contracts.topics import DEAD_LETTER_BYTES_MAX, RECORD_BYTES_MAX


async def _nothing(records: Any) -> None:
    """Handles nothing."""


def _subscribed(handle: Any = _nothing, failed: Any = None) -> KafkaBroker:
    broker = make_broker("127.0.0.1:1")
    subscribe(broker, "channel.orders", "doors", handle, failed or (lambda error: None))
    return broker


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("isolation_level", "read_committed"),
        ("auto_offset_reset", "earliest"),
        ("enable_auto_commit", False),
        ("max_partition_fetch_bytes", DEAD_LETTER_BYTES_MAX),
        ("fetch_max_bytes", DEAD_LETTER_BYTES_MAX),
    ],
)
def test_a_subscriber_reads_what_is_committed_from_the_start_and_commits_by_hand(name: str, value: object) -> None:
    (subscriber,) = _subscribed().subscribers
    assert subscriber._connection_args[name] == value  # type: ignore[attr-defined]
    assert subscriber.ack_policy is AckPolicy.MANUAL


def test_the_writer_is_idempotent_waits_for_all_replicas_and_takes_large_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: dict[str, Any] = {}

    class Producer:
        def __init__(self, **settings: Any) -> None:
            made.update(settings)

        async def start(self) -> None:
            """Connects to nothing."""

    monkeypatch.setattr("chassis.streaming.AIOKafkaProducer", Producer)
    asyncio.run(KafkaWriter("127.0.0.1:1").start())
    assert made["acks"] == "all"
    assert made["enable_idempotence"] is True
    assert made["max_request_size"] >= RECORD_BYTES_MAX
    assert make_broker("127.0.0.1:1").config.broker_config.allow_auto_create_topics is False
    assert made["max_request_size"] == PRODUCER_SETTINGS["max_request_size"]


def test_no_client_waits_longer_for_a_broker_that_was_cut_off_than_a_write_may_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given what each client of doors and workers is made with
    made: dict[str, Any] = {}

    class Client:
        def __init__(self, **settings: Any) -> None:
            made.update(settings)

        async def start(self) -> None:
            raise KafkaConnectionError

        async def stop(self) -> None:
            """Was connected to nothing."""

    monkeypatch.setattr("chassis.streaming.AIOKafkaProducer", Client)
    monkeypatch.setattr("chassis.waiters.AIOKafkaConsumer", Client)
    subscribers = make_broker("127.0.0.1:1").config.broker_config.builder
    assert isinstance(subscribers, partial)
    clients = [dict(subscribers.keywords)]
    for client in (KafkaWriter("127.0.0.1:1"), EventsWatch("127.0.0.1:1", [], Waiters(), Horizon())):
        made.clear()
        with pytest.raises(LogError):
            asyncio.run(client.start())
        clients.append(dict(made))
    # then each gives such a broker up, and has asked by then who leads in its place
    for settings in clients:
        assert settings["metadata_max_age_ms"] < settings["request_timeout_ms"] < 1_000 * WRITE_SECONDS


def test_who_joins_a_group_waits_longer_for_the_answer_than_the_coordinator_for_other_members() -> None:
    (subscriber,) = _subscribed().subscribers
    settings = subscriber._connection_args  # type: ignore[attr-defined]
    assert settings["session_timeout_ms"] < CLIENT_SETTINGS["request_timeout_ms"]
    assert settings["heartbeat_interval_ms"] <= settings["session_timeout_ms"] / 3


class _Producer:
    """As aiokafka's: once it gave up a batch, the broker takes nothing more of it for that partition."""

    made: ClassVar[list[_Producer]]

    def __init__(self, **settings: Any) -> None:
        self.made.append(self)
        self.leader = len(self.made) > 1
        self.lost, self.stopped = False, False

    async def start(self) -> None:
        """Connects to nothing."""

    async def stop(self) -> None:
        self.stopped = True

    async def send(self, topic: str, **record: Any) -> asyncio.Future[None]:
        sent = asyncio.get_running_loop().create_future()
        if self.lost:
            sent.set_exception(OutOfOrderSequenceNumber())
        elif not self.leader:
            self.lost = True
            sent.set_exception(LeaderNotAvailableError())
        else:
            sent.set_result(None)
        return sent


def test_after_a_write_that_failed_others_share_one_new_producer(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a partition without a leader, for which a producer gives up what two writes beside each other gave it
    monkeypatch.setattr(_Producer, "made", [], raising=False)
    monkeypatch.setattr("chassis.streaming.AIOKafkaProducer", _Producer)
    record = NewRecord("order.inbox", 0, b"key", b"value", ())

    async def scenario() -> None:
        writer = KafkaWriter("127.0.0.1:1")
        await writer.start()
        (first,) = _Producer.made
        failed = await asyncio.gather(writer.write([record]), writer.write([record]), return_exceptions=True)
        assert [type(error) for error in failed] == [LogError, LogError]
        # when there is a leader again
        first.leader = True
        # then both writes are taken, by one other producer, and the first is let go
        await asyncio.gather(writer.write([record]), writer.write([record]))
        assert len(_Producer.made) == 2
        await writer.stop()

    asyncio.run(scenario())
    assert [producer.stopped for producer in _Producer.made] == [True, True]


class _Message:
    """A batch that notes whether it was acknowledged."""

    def __init__(self) -> None:
        self.raw_message = (ConsumerRecord("t", 0, 0, 0, 0, b"k", b"v", None, 1, 1, ()),)
        self.acked = False

    async def ack(self) -> None:
        self.acked = True


def _handler(broker: KafkaBroker) -> Any:
    (subscriber,) = broker.subscribers
    return subscriber.calls[0].handler._original_call


def test_a_batch_is_acknowledged_after_it_is_done_and_not_before() -> None:
    message = _Message()

    async def handle(records: Any) -> None:
        assert not message.acked

    asyncio.run(_handler(_subscribed(handle))(message))
    assert message.acked


def test_a_defect_is_told_and_the_batch_is_never_acknowledged() -> None:
    message = _Message()
    told: list[BaseException] = []

    async def handle(records: Any) -> None:
        raise LookupError("a defect")

    async def scenario() -> None:
        taking = asyncio.create_task(_handler(_subscribed(handle, told.append))(message))
        done, _ = await asyncio.wait({taking}, timeout=0.2)
        assert not done
        taking.cancel()

    asyncio.run(scenario())
    assert [type(error) for error in told] == [LookupError]
    assert not message.acked


def test_what_is_away_is_waited_for_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.streaming.RETRY_SECONDS", 0)
    said: list[str | None] = []
    left = [LogError("the broker is away"), OSError("no space left on device")]

    async def attempt() -> str:
        if left:
            raise left.pop(0)
        return "done"

    assert asyncio.run(keep_trying(attempt, said.append)) == "done"
    assert said == ["the broker is away", "no space left on device", None]


def test_a_server_that_minds_is_asked_ever_more_seldom_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("chassis.streaming.asyncio.sleep", sleep)
    left = [OSError("away")] * 8

    async def attempt() -> None:
        if left:
            raise left.pop()

    asyncio.run(keep_trying(attempt, lambda why: None, seconds_max=20))
    assert pauses == [1, 2, 4, 8, 16, 20, 20, 20]
    left, pauses = [OSError("away")] * 3, []
    asyncio.run(keep_trying(attempt, lambda why: None))
    assert pauses == [1, 1, 1]
