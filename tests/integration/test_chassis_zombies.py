"""Processes that stall and come back, and two that believe they are the same: one of them writes, never both."""

from __future__ import annotations

import signal
from collections.abc import Callable
from subprocess import Popen

import pytest
from confluent_kafka import Consumer, TopicPartition

from chassis.log import Fenced, NewRecord
from chassis.runtime import Exit
from contracts import topics
from tests.integration.proofs import await_outcomes, book_until, ended, prove
from tests.small.harness import PARTITIONS, World
from tests.waiting import eventually


def test_the_older_of_two_producers_with_one_id_is_fenced(world: World) -> None:
    # given a producer with an open transaction
    topic = topics.dead_letters("venue", world.namespace)
    older = world.kafka.producer(f"{world.namespace}-same")
    older.begin()
    older.send([NewRecord(topic, 0, b"key", b"older", ())])
    older.flush()
    # when another takes its id, and commits
    newer = world.kafka.producer(f"{world.namespace}-same")
    newer.begin()
    newer.send([NewRecord(topic, 0, b"key", b"newer", ())])
    newer.flush()
    newer.commit()
    # then the older is told so, and nothing of its transaction is ever read
    with pytest.raises(Fenced):
        older.commit()
    assert [record.value for record in world.records("venue.dead-letters")] == [b"newer"]


def test_a_process_that_stalled_longer_than_its_session_changes_nothing(world: World) -> None:
    # given a process that stops in the middle of a load, between transactions or within one
    world.start("venue")
    zombie = world.start("box_office")
    halls = [world.open_hall(f"hall {number}", 30) for number in range(3)]
    names = book_until(world, halls, lambda: ended(world) > 10)
    _stall_and_come_back(world, zombie, names, lambda: None)


def test_a_process_that_stalled_inside_a_transaction_cannot_commit_it(world: World) -> None:
    # given a process that stops with a transaction open, its records written and not committed
    world.start("venue")
    zombie = world.start("box_office", fault="loop.produced:3:sleep=5")
    halls = [world.open_hall(f"hall {number}", 30) for number in range(3)]
    names = book_until(world, halls, lambda: _open_transactions(world) > 0)

    def refused() -> None:
        eventually(lambda: zombie.poll() is not None or world.health("box_office").get("state") == "running")
        assert zombie.poll() in (None, Exit.FENCED)

    _stall_and_come_back(world, zombie, names, refused)


def _stall_and_come_back(world: World, zombie: Popen[bytes], names: list[str], after: Callable[[], None]) -> None:
    zombie.send_signal(signal.SIGSTOP)
    # when a second process has taken over and finished everything, and the first wakes up
    world.start("box_office", "box_office-second")
    await_outcomes(world, names)
    zombie.send_signal(signal.SIGCONT)
    after()
    more = [f"late {number}" for number in range(30)]
    for name in more:
        world.book(name, world.hall("hall 0"))
    world.flush()
    # then every booking, those that came later too, ended once
    await_outcomes(world, [*names, *more])
    prove(world, [*names, *more])


def _open_transactions(world: World) -> int:
    """In how many partitions of the venue's inbox records stand that are not decided."""
    inbox = topics.inbox("venue", world.namespace)
    eyes = Consumer({"bootstrap.servers": world.bootstrap, "group.id": "eyes", "isolation.level": "read_committed"})
    try:
        stable = [
            eyes.get_watermark_offsets(TopicPartition(inbox, number), timeout=10)[1] for number in range(PARTITIONS)
        ]
    finally:
        eyes.close()
    return sum(world.kafka.bounds(inbox, number)[1] > stable[number] for number in range(PARTITIONS))
