"""New tables take the place of the live ones while a load runs on a real broker: nothing is applied twice, nothing is
lost, and what was wrong is mended."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chassis.store import connect
from oms.rebuild.running import Rebuilt, rebuild_and_compare
from tests.integration.proofs import await_outcomes, book_until, prove
from tests.integration.test_rebuild import Silence
from tests.small.harness import SERVICES, World

HALLS = 4
BOOKED_BEFORE = 150
SWAPS = 2


def _oid(world: World, service: str, table: str) -> int:
    schema = world.declared(service).schema
    with connect(world.database, schema) as connection:
        row = connection.execute("select to_regclass(%s)::oid", [f"{schema}.{table}"]).fetchone()
    assert row is not None and row[0] is not None
    return int(row[0])


def _swapped(world: World, service: str) -> Rebuilt:
    return rebuild_and_compare(world.declared(service), world.kafka, world.database, Silence(), swapping=True)


@pytest.mark.timeout(400)
def test_tables_are_swapped_under_load_and_the_live_system_goes_on_from_them(world: World) -> None:
    # given both services at work, and a read model of one with a row that is not the topics'
    for service in SERVICES:
        world.start(service)
    halls = [world.open_hall(f"hall {number}", 200) for number in range(HALLS)]
    before = [f"booking {number}" for number in range(BOOKED_BEFORE)]
    for number, name in enumerate(before):
        world.book(name, halls[number % HALLS])
    world.flush()
    await_outcomes(world, before)
    with connect(world.database, world.declared("venue").schema) as connection:
        planted = connection.execute("update tally set events = events + 100 where stream = %s", [halls[0]])
        assert planted.rowcount == 1
    first = {service: _oid(world, service, "events") for service in SERVICES}

    # when the tables of both are made again and swapped, again and again, and all the while more is booked
    def swaps() -> list[Rebuilt]:
        return [_swapped(world, service) for _ in range(SWAPS) for service in SERVICES]

    with ThreadPoolExecutor(1) as other:
        going = other.submit(swaps)
        more = book_until(world, halls, going.done, len(before), 240)
        found = going.result()

    # then the planted row was named the first time, and nothing differed the other times
    wrong = [(one.service, table.table) for one in found for table in one.tables if not table.equal]
    assert wrong == [("venue", "tally")]
    [tally] = [table for table in found[0].tables if table.table == "tally"]
    assert tally.first is not None and tally.first.key == {"stream": halls[0]}
    assert all(one.swapped and one.calls_outside == 0 for one in found)
    # and other tables are live now, in which both went on: each booking ended once, each row is the topics'
    assert all(_oid(world, service, "events") != first[service] for service in SERVICES)
    await_outcomes(world, [*before, *more], 120)
    prove(world, [*before, *more])
    # and what was swapped out is kept only where it differed, until the next swap
    assert _replaced(world) == []


def _replaced(world: World) -> list[str]:
    with connect(world.database, "public") as connection:
        rows = connection.execute(
            "select nspname from pg_namespace where nspname like %s", [f"{world.namespace}%_replaced"]
        ).fetchall()
    return [name for (name,) in rows]
