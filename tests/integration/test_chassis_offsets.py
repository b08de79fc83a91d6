"""Positions and topics that are not as they must be stop a process before it does anything; positions are restored."""

from __future__ import annotations

import signal

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from chassis.log import NoPosition
from chassis.offsets import restore_positions
from chassis.runtime import Exit
from contracts import topics
from tests.integration.proofs import await_outcomes, prove
from tests.small.harness import PARTITIONS, SERVICES, World


def booked(world: World, names: list[str]) -> None:
    for name in names:
        world.book(name, world.hall("hall"))
    world.flush()


def stopped_after_a_load(world: World, names: list[str]) -> None:
    for service in SERVICES:
        world.start(service)
    world.open_hall("hall", 25)
    booked(world, names)
    await_outcomes(world, names)
    for service in SERVICES:
        assert world.kill(service, signal.SIGTERM) == Exit.STOPPED


def refuses(world: World, service: str) -> int:
    """The exit code of a process that is expected to end by itself."""
    code = world.start(service, waits=False).wait(40)
    world.processes.pop(service)
    return code


def test_a_lost_group_is_refused_and_restored_from_the_events(world: World) -> None:
    # given services that have handled a load, and whose groups are deleted
    names = [f"booking {number}" for number in range(40)]
    stopped_after_a_load(world, names)
    admin = AdminClient({"bootstrap.servers": world.bootstrap})
    groups = [world.declared(service).qualified for service in SERVICES]
    for future in admin.delete_consumer_groups(groups, request_timeout=10).values():
        future.result(10)
    # when their topics are asked for, then the partitions without a position are named
    with pytest.raises(NoPosition, match=r"venue\.inbox/\d.*`oms offsets restore venue`"):
        world.kafka.create_service_topics("venue", partitions=PARTITIONS, namespace=world.namespace)
    # when they start, then they refuse and say what to do
    for service in SERVICES:
        assert refuses(world, service) == Exit.NO_POSITION
        assert "oms offsets restore" in (world.folder / f"{service}.log").read_text()
    # when the positions are restored from what the events say
    for service in SERVICES:
        declared = world.declared(service)
        positions = restore_positions(world.kafka, declared)
        assert any(positions.values())
        world.kafka.commit_positions(declared.qualified, declared.inbox, positions)
        world.start(service)
    # then nothing is handled twice, and they go on
    more = [f"more {number}" for number in range(20)]
    booked(world, more)
    await_outcomes(world, [*names, *more])
    prove(world, [*names, *more])


def test_a_position_before_the_first_message_kept_is_refused(world: World) -> None:
    # given an inbox whose messages were deleted past a position that was set back
    names = [f"booking {number}" for number in range(40)]
    stopped_after_a_load(world, names)
    declared = world.declared("box_office")
    admin = AdminClient({"bootstrap.servers": world.bootstrap})
    partition = next(number for number, end in restore_positions(world.kafka, declared).items() if end > 0)
    first = world.kafka.bounds(declared.inbox, partition)[1]
    world.kafka.commit_positions(declared.qualified, declared.inbox, {partition: 0})
    admin.delete_records([TopicPartition(declared.inbox, partition, first)])[
        TopicPartition(declared.inbox, partition)
    ].result(10)
    # when it starts, then it refuses; restored, the position is the first message that is kept
    assert refuses(world, "box_office") == Exit.NO_POSITION
    positions = restore_positions(world.kafka, declared)
    assert positions[partition] == first
    world.kafka.commit_positions(declared.qualified, declared.inbox, positions)
    for service in SERVICES:
        world.start(service)
    booked(world, ["one more"])
    await_outcomes(world, [*names, "one more"])


def test_topics_that_are_set_otherwise_are_refused(world: World) -> None:
    # given an events topic that somebody lets expire
    events = topics.events("venue", world.namespace)
    entry = ConfigEntry("retention.ms", "86400000", incremental_operation=AlterConfigOpType.SET)
    admin = AdminClient({"bootstrap.servers": world.bootstrap})
    resource = ConfigResource(ResourceType.TOPIC, events, incremental_configs=[entry])
    for future in admin.incremental_alter_configs([resource], request_timeout=10).values():
        future.result(10)
    # when the service starts, then it refuses, and names the topic, what is set and what it must be
    assert refuses(world, "venue") == Exit.TOPICS
    assert f"{events} has retention.ms=86400000, not -1" in (world.folder / "venue.log").read_text()
