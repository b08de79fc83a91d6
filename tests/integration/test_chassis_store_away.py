"""The database goes away, loses its last commits, or falls behind: the loop waits, and goes on without a gap."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from deploy.local.database import Database, start_database
from tests.integration.proofs import await_outcomes, book_until, ended, prove
from tests.small.harness import SERVICES, World
from tests.waiting import eventually


@pytest.fixture
def own_database(stack_folder: Path, tmp_path: Path) -> Iterator[Database]:
    """A server that this test may stop."""
    server = start_database(stack_folder / tmp_path.name, dies_with_parent=True)
    yield server
    started_again(server).stop()


def waits(world: World, service: str) -> bool:
    return world.health(service).get("state") == "waiting"


def started_again(server: Database) -> Database:
    """The server at the same address; as it is when it still runs."""
    port = int(str(conninfo_to_dict(server.url)["port"]))
    return start_database(server.folder, port, dies_with_parent=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_a_database_that_goes_away_and_comes_back(
    broker: str, own_database: Database, tmp_path: Path, number: signal.Signals
) -> None:
    world = World(broker, own_database.url, tmp_path)
    try:
        # given a load during which the database goes away; where it crashes it forgets its last commits
        processes = [world.start(service) for service in SERVICES]
        halls = [world.open_hall(f"hall {hall}", 40) for hall in range(3)]
        names = book_until(world, halls, lambda: ended(world) > 20)
        own_database.process.send_signal(number)
        own_database.process.wait(30)
        # then both processes say that they wait for it, and nothing else happens to them
        for service in SERVICES:
            eventually(partial(waits, world, service), because=f"{service} waiting")
            assert "database" in world.health(service)["last_error"]
        late = [f"late {number}" for number in range(30)]
        for name in late:
            world.book(name, halls[0])
        world.flush()
        # when it is back, then the same processes go on, and everything ends once
        own_database = started_again(own_database)
        await_outcomes(world, [*names, *late])
        assert [process.poll() for process in processes] == [None, None]
        prove(world, [*names, *late])
    finally:
        world.end()


def test_processes_killed_while_the_store_could_not_be_written(world: World) -> None:
    # given followers that cannot write: everything handled is in the topic alone, and a transaction is left open
    world.start("venue")
    dying = world.start("box_office", fault="loop.produced:4:kill9")
    halls = [world.open_hall(f"hall {hall}", 40) for hall in range(3)]
    names = book_until(world, halls, lambda: ended(world) > 5 or dying.poll() is not None)
    with psycopg.connect(world.database) as lock:
        for service in SERVICES:
            lock.execute(f"lock table {world.declared(service).schema}.tracking in exclusive mode")
        more = [f"more {number}" for number in range(60)]
        for name in more:
            world.book(name, halls[1])
        world.flush()
        eventually(lambda: dying.poll() is not None or world.health("box_office").get("partitions"))
        for service in SERVICES:
            if world.processes[service].poll() is None:
                world.kill(service)
        # when new processes start, the store still locked, and it is opened later
        for service in SERVICES:
            world.start(service)
        lock.rollback()
    # then nothing was lost with what the store had not yet
    await_outcomes(world, [*names, *more])
    prove(world, [*names, *more])


def test_a_store_that_falls_behind_holds_the_loop_back(world: World) -> None:
    # given a loop that may be hardly ahead of its store, and that keeps few streams
    world.unfollowed_offsets, world.cached_streams = 20, 10
    hall = world.open_hall("big", 500)
    names = [f"booking {number}" for number in range(1_500)]
    for name in names:
        world.book(name, hall)
    world.flush()
    # when it takes a load far beyond that
    for service in SERVICES:
        world.start(service)
    # then it was held back, and skipped nothing that had been fetched before
    await_outcomes(world, names)
    assert "events behind" in (world.folder / "box_office.log").read_text()
    prove(world, names)
