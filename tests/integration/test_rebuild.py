"""Tables are a function of the topics: made again in other batches, in another order of partitions, they are the same;
and a row that is not the topics' is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest
from psycopg.sql import SQL, Identifier

from chassis import follower, projection
from chassis.comparison import TableCompared, compare_schemas
from chassis.log import NewRecord, TopicPartition
from chassis.memory import MemoryLog
from chassis.projection import Projection, ProjectionFollower
from chassis.rebuild import Copy, Positions, ends_of
from chassis.service import Service
from chassis.snapshots import state_version
from chassis.store import StoreAway, connect
from contracts import topics
from contracts.personal import Personal, PersonalContent
from oms.declared import declared
from oms.rebuild.channels import channel_models
from oms.rebuild.outside import CallRefused, no_calls_outside
from oms.rebuild.progress import Progress, progress
from oms.rebuild.read_models import ReadModels, rebuild_read_models
from oms.rebuild.running import Rebuilt, rebuild_and_compare
from services.console.app import declare as declare_console
from services.console.people import Digests, PeopleProjection
from services.order.channel_availability import StockToSell
from services.order.channel_follower import ChannelUpdates, Written
from services.order.channel_out import ChannelOut
from tests.simulation.busy import PARTITIONS, busy_month, log_of
from tests.simulation.people import sealed
from tests.simulation.world import TENANT
from tests.waiting import eventually

PLANTED = {
    "order": ("orders", "update orders set stage = 'lost' where id = (select min(id) from orders)"),
    "inventory": ("stock_levels", "delete from stock_levels where sku = 'A' and location = 'north'"),
    "fulfillment": ("deadlines", "insert into deadlines values ('x/1', 'n', 0, '2026-01-01', 'c', 'x/1', 'default')"),
    "shipping": ("shipments", "update shipments set labels = '[]' where id = (select max(id) from shipments)"),
    "payments": ("events", "delete from events where originator_version = 2"),
}


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    """What a busy month left in the topics of all services."""
    return log_of(busy_month(1, days=20))


class Schemas:
    """Copies of services' tables in schemas of one test, thrown away at its end."""

    def __init__(self, log: MemoryLog, url: str, prefix: str) -> None:
        self._log, self.url, self._prefix = log, url, prefix
        self._numbers = count(1)
        self._copies: list[Copy] = []

    def made(self, service: Service, *stages: Positions) -> Copy:
        """The tables of `service`, filled stage by stage, and at last to the end."""
        copy = Copy(service, self._log, self.url, f"{self._prefix}_{next(self._numbers)}")
        self._copies.append(copy)
        for stage in (*stages, ends_of(self._log, service)):
            copy.advance(stage)
        return copy

    def compared(self, one: Copy, other: Copy) -> tuple[TableCompared, ...]:
        versions = {state_version(kind) for kind in one.service.kinds}
        with connect(self.url, one.schema) as left, connect(self.url, other.schema) as right:
            return compare_schemas(left, right, versions)

    def end(self) -> None:
        for copy in self._copies:
            copy.drop()


@pytest.fixture
def schemas(log: MemoryLog, database: str, namespace: str) -> Iterator[Schemas]:
    made = Schemas(log, database, namespace)
    yield made
    made.end()


@pytest.mark.parametrize("name", topics.SERVICES)
def test_tables_are_the_same_whatever_batches_they_were_made_in(
    name: str, schemas: Schemas, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = declared(name, "")
    whole = schemas.made(service)
    for size in (1, 7, 1000):
        monkeypatch.setattr(follower, "FOLLOWED_MAX", size)
        monkeypatch.setattr(projection, "PROJECTED_MAX", size)
        again = schemas.compared(whole, schemas.made(service))
        assert [table.table for table in again if not table.equal] == [], again
        # and there was something to compare, in every table that this month reaches
        assert sum(table.live.rows for table in again if table.live) > 50


@pytest.mark.parametrize("name", topics.SERVICES)
def test_tables_are_the_same_in_whatever_order_partitions_are_read(name: str, log: MemoryLog, schemas: Schemas) -> None:
    service = declared(name, "")
    whole = schemas.made(service)
    ends = ends_of(log, service)
    places = sorted({where for each in (ends.store, *ends.projections.values()) for where in each})
    for order in (places, places[::-1]):
        stages = [_only(ends, order[:number]) for number in range(1, len(order))]
        again = schemas.compared(whole, schemas.made(service, *stages))
        assert [(table.table, table.first) for table in again if not table.equal] == []


def _only(ends: Positions, places: list[TopicPartition]) -> Positions:
    return Positions(
        {where: end for where, end in ends.store.items() if where in places},
        {name: {where: end for where, end in of.items() if where in places} for name, of in ends.projections.items()},
    )


class Silence:
    """Nobody watches the rebuild."""

    def follows(self, total: int) -> None: ...

    def followed(self, offsets: int) -> None: ...

    def compared(self, rows: int) -> None: ...


def live(name: str, log: MemoryLog, database: str, namespace: str) -> tuple[Service, Copy]:
    """A service whose live tables stand at the end of its topics. Only the schema has the test's name."""
    service = declared(name, "")
    named = replace(service, name=name)
    copy = Copy(named, log, database, named.schema)
    copy.advance(ends_of(log, named))
    return named, copy


@pytest.mark.parametrize("name", topics.SERVICES)
def test_a_planted_row_is_named_and_nobody_outside_is_called(name: str, log: MemoryLog, database: str) -> None:
    # given live tables as the topics say
    service, copy = live(name, log, database, "")
    try:
        found = rebuild_and_compare(service, log, database, Silence())
        assert found.equal and found.calls_outside == 0 and found.offsets > 100
        assert {"events", "tracking", "projection_tracking"} < {table.table for table in found.tables}
        # when one row is changed, put in or taken away, then its table differs, and the row is named
        table, change = PLANTED[name]
        with connect(database, service.schema) as connection:
            assert connection.execute(change.encode()).rowcount >= 1
        found = rebuild_and_compare(service, log, database, Silence())
        assert [one.table for one in found.tables if not one.equal] == [table]
        _is_named(found, table)
    finally:
        copy.drop()


def _is_named(found: Rebuilt, table: str) -> None:
    [one] = [one for one in found.tables if one.table == table]
    assert one.first is not None and one.live is not None and one.rebuilt is not None
    match table:
        case "orders":
            assert one.first.live is not None and one.first.rebuilt is not None
            changed = {name for name, value in one.first.live.items() if value != one.first.rebuilt[name]}
            assert changed == {"stage"} and one.first.live["stage"] == "lost"
        case "stock_levels":
            assert one.first.key == {"sku": "A", "location": "north"} and one.first.live is None
        case "deadlines":
            assert one.first.key == {"stream": "x/1", "name": "n"} and one.first.rebuilt is None
        case "shipments":
            assert one.first.live is not None and one.first.live["labels"] == "[]"
        case "events":
            assert one.live.rows < one.rebuilt.rows and one.first.key["originator_version"] == "2"


@pytest.mark.parametrize("name", ["order", "fulfillment"])
def test_followers_go_on_from_what_took_the_place_of_their_tables(
    name: str, log: MemoryLog, database: str, schemas: Schemas, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given live tables half way, by followers whose statements the database has prepared, and a row that is wrong
    monkeypatch.setattr(follower, "FOLLOWED_MAX", 20)
    monkeypatch.setattr(projection, "PROJECTED_MAX", 20)
    monkeypatch.setattr(projection, "LEAD_AGAIN_SECONDS", 0.0)
    service = declared(name, "")
    ends = ends_of(log, service)
    copy = Copy(service, log, database, service.schema)
    try:
        copy.advance(_half(ends))
        with connect(database, service.schema) as connection:
            connection.execute("update tracking set head = repeat('1', 64) where partition = 1")
        # when others that stand at the end take their place
        found = rebuild_and_compare(service, log, database, Silence(), swapping=True)
        assert [table.table for table in found.tables if not table.equal] == ["tracking"]
        # then the followers find their positions moved, and go on from where the new tables are
        for _ in range(len(service.projections) + 1):
            with suppress(StoreAway):
                copy.advance(ends)
        assert copy.positions() == ends
        assert [table for table in schemas.compared(copy, schemas.made(service)) if not table.equal] == []
        with connect(database, f"{service.schema}_replaced") as connection:
            kept = connection.execute("select head from tracking where partition = 1").fetchone()
            assert kept is not None and kept[0] == "1" * 64
            connection.execute(f"drop schema {service.schema}_replaced cascade".encode())
    finally:
        copy.drop()


def _half(ends: Positions) -> Positions:
    return Positions(
        {where: end // 2 for where, end in ends.store.items()},
        {name: {where: end // 2 for where, end in of.items()} for name, of in ends.projections.items()},
    )


@pytest.mark.parametrize("name", topics.SERVICES)
def test_no_table_has_a_value_of_its_own(name: str, schemas: Schemas) -> None:
    """No serial and no clock: a default that is computed differs each time; and each row has a key."""
    copy = schemas.made(declared(name, ""))
    with connect(schemas.url, copy.schema) as connection:
        computed = connection.execute(
            "select table_name, column_name, column_default from information_schema.columns where table_schema = %s"
            " and (column_default ~ '\\(' or is_identity = 'YES' or is_generated <> 'NEVER')",
            [copy.schema],
        ).fetchall()
        keyless = connection.execute(
            "select c.relname from pg_class c where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace"
            " and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)"
        ).fetchall()
    assert computed == [] and keyless == []


def test_a_call_outside_is_refused_and_counted() -> None:
    import socket

    with no_calls_outside() as calls, socket.socket() as reaching:
        with pytest.raises(CallRefused, match=r"socket\.connect"):
            reaching.connect(("127.0.0.1", 9))
    assert calls.tried == 1


@pytest.fixture
def channels(log: MemoryLog, database: str, namespace: str) -> Iterator[str]:
    """The schema of what channels hear, as it is after the month."""
    schema = f"{namespace}_channels"
    out = ChannelOut(topics.CHANNEL_UPDATES, PARTITIONS)
    written = Written(log, "channel-updates", topics.events("order"))
    heard: list[NewRecord] = []
    live = (
        ProjectionFollower(log, database, schema, ChannelUpdates(heard.extend, written, out), ""),
        ProjectionFollower(log, database, schema, StockToSell(), ""),
    )
    for follower_ in live:
        while follower_.step():
            pass
        follower_.close()
    assert heard
    with connect(database, schema) as connection:
        connection.execute("update channel_accounts set availability_said = 7")
        connection.execute("update stock_to_sell set change = change + 1000")
    yield schema
    with connect(database, schema) as connection:
        connection.execute(f"drop schema {schema} cascade")


def test_what_channels_hear_is_a_function_of_the_topics_but_for_what_they_were_told(
    log: MemoryLog, database: str, channels: str
) -> None:
    found = rebuild_read_models(channel_models("", channels), log, database, Silence())
    assert found.equal and found.calls_outside == 0 and found.offsets > 0
    rows = {one.table: one.live.rows for one in found.tables if one.live is not None}
    assert rows["channel_orders"] > 10 and rows["stock_to_sell"] == 3 and rows["channel_accounts"] == 1
    with connect(database, channels) as connection:
        connection.execute("update stock_to_sell set available = available + 1 where sku = 'A'")
    found = rebuild_read_models(channel_models("", channels), log, database, Silence())
    [different] = [one for one in found.tables if not one.equal]
    assert different.table == "stock_to_sell" and different.first is not None


def called_by_subject(sealed: Iterable[Personal]) -> dict[Personal, PersonalContent]:
    """Stands in for who opens: everybody has an address of their own, and the same name."""
    return {one: PersonalContent(name="Ada Example", email=f"{one.subject}@example.org") for one in sealed}


@pytest.fixture
def console(log: MemoryLog, database: str, namespace: str) -> Iterator[ReadModels]:
    """What the console reads, as it is after the month."""

    def projections() -> Sequence[Projection]:
        return declare_console("", PeopleProjection(Digests(sealed, TENANT), called_by_subject)).projections

    models = ReadModels("console", f"{namespace}_console", "", projections)
    for each in models.projections():
        follower_ = ProjectionFollower(log, database, models.schema, each, "")
        while follower_.step():
            pass
        follower_.close()
    yield models
    with connect(database, models.schema) as connection:
        connection.execute(f"drop schema {models.schema} cascade")


def test_what_the_console_reads_is_a_function_of_the_topics(log: MemoryLog, database: str, console: ReadModels) -> None:
    # given orders with their work, when the tables are made again, then they are the live ones, row by row
    found = rebuild_read_models(console, log, database, Silence())
    assert found.equal and found.calls_outside == 0
    rows = {one.table: one.live.rows for one in found.tables if one.live is not None}
    assert rows["cards"] > 10 and rows["names"] > rows["cards"] and rows["standing"] > rows["cards"]
    assert rows["visits"] > rows["standing"] and rows["people"] > rows["cards"]
    # and a row that is wrong is named
    with connect(database, console.schema) as connection:
        connection.execute("update standing set step = 'to_pack' where thing = (select min(thing) from standing)")
    [different] = [one for one in rebuild_read_models(console, log, database, Silence()).tables if not one.equal]
    assert different.table == "standing" and different.first is not None


def test_a_rebuild_at_work_is_seen_from_outside_and_so_is_one_that_was_broken_off(
    log: MemoryLog, database: str, console: ReadModels
) -> None:
    # given tables of which none are made again
    schemas = {"console": console.schema}
    assert progress(database, schemas) == []
    seen = list[Progress]()

    class Looking(Silence):
        def followed(self, offsets: int) -> None:
            seen.extend(progress(database, schemas))

    # when they are, then each look says how far it is, and at last nothing
    rebuild_read_models(console, log, database, Looking())
    assert {(each.service, each.at_work) for each in seen} == {("console", True)}
    assert [each.followed for each in seen] == sorted(each.followed for each in seen)
    assert 0 < seen[-1].followed <= seen[-1].total
    assert progress(database, schemas) == []
    # and what a broken one left is seen as such
    with connect(database, "public") as connection:
        connection.execute(SQL("create schema {}").format(Identifier(f"{console.schema}_rebuilt")))
        # (the database lets go of a lock a moment after its connection was closed)
        left = [Progress("console", 0, seen[-1].total, at_work=False)]
        eventually(lambda: progress(database, schemas) == left, seconds=10.0)
        connection.execute(SQL("drop schema {}").format(Identifier(f"{console.schema}_rebuilt")))
