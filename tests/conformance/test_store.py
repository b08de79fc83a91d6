"""What every store does: the one in memory and PostgreSQL alike. Loop and follower rest on each line of this."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import psycopg
import pytest

from chassis import store as store_module
from chassis.chain import GENESIS
from chassis.memory_store import MemoryStore
from chassis.store import DueDeadline, Followed, Recorded, Store, StoreAway, StoredRow, StreamStore, TrackingMoved

VERSION = "stream:1,hall:1"
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HEAD = "ab" * 32


class Bench:
    """A store of one service, and eyes on its door messages."""

    def __init__(self, store: StreamStore, doors: Callable[[], dict[str, tuple[str, int, str]]]) -> None:
        self.store, self.doors = store, doors

    def apply(self, read: int, position: int, *rows: StoredRow, partition: int = 0, head: str = HEAD) -> None:
        self.store.apply([Followed(partition, read, position, head, rows)], {})

    def versions(self, stream: str, state_version: str = VERSION) -> list[int]:
        events = self.store.load({stream: state_version}, [0]).events
        return [event.version for event in events.get(stream, ())]


def row(
    stream: str,
    version: int,
    deadlines: dict[str, datetime | None] | None = None,
    door: tuple[str, str] | None = None,
    value: bytes = b'{"seats":1}',
) -> StoredRow:
    """An event's row; `door`: id and digest of the door message behind it."""
    cause, digest = door or (f"cause of {stream} {version}", None)
    headers = {
        "ce_id": f"id of {stream} {version}",
        "ce_causationid": cause,
        "ce_correlationid": "order/1",
        "ce_tenant": "default",
        "ce_time": "2026-01-05T12:00:00.000Z",
    }
    event = Recorded(stream, version, "orderlog.venue.HallOpened.v1", headers, value, 0, 10 + version)
    return StoredRow(event, deadlines or {}, digest)


def _doors_in(url: str, schema: str) -> dict[str, tuple[str, int, str]]:
    with psycopg.connect(url, options=f"-c search_path={schema}") as connection:
        rows = connection.execute("select message_id, stream, version, digest from door_messages").fetchall()
    return {identifier: (stream, version, digest) for identifier, stream, version, digest in rows}


@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.servers)])
def bench(request: pytest.FixtureRequest, namespace: str) -> Bench:
    if request.param == "memory":
        memory = MemoryStore()
        return Bench(memory, lambda: memory.door_messages)
    url, schema = request.getfixturevalue("database"), namespace.replace("-", "_")
    store = Store(url, schema, f"{namespace}-events")
    store.create()
    request.addfinalizer(store.close)
    return Bench(store, lambda: _doors_in(url, schema))


# -- tracking


def test_a_partition_never_followed_is_at_its_beginning(bench: Bench) -> None:
    assert bench.store.tracked(3) == (0, GENESIS)
    assert bench.store.load({}, [3]).tracked.get(3, 0) == 0


def test_tracking_moves_with_what_is_written(bench: Bench) -> None:
    bench.apply(0, 4, row("hall/a", 1))
    bench.apply(4, 9, row("hall/a", 2), head="cd" * 32)
    assert bench.store.tracked(0) == (9, "cd" * 32)
    assert bench.store.tracked(1) == (0, GENESIS)
    assert bench.versions("hall/a") == [1, 2]


def test_tracking_moves_where_a_batch_had_only_markers(bench: Bench) -> None:
    bench.apply(0, 2)
    bench.apply(2, 3)
    assert bench.store.tracked(0) == (3, HEAD)


@pytest.mark.parametrize("read", [0, 3, 5])
def test_who_read_another_position_writes_nothing_at_all(bench: Bench, read: int) -> None:
    bench.apply(0, 4, row("hall/a", 1))
    late = row("hall/a", 2, {"answer": NOON}, ("message", "digest"))
    with pytest.raises(TrackingMoved):
        bench.store.apply([Followed(0, read, 9, "cd" * 32, [late])], {"hall/a": (2, VERSION, b"{}")})
    assert bench.store.tracked(0) == (4, HEAD)
    assert bench.versions("hall/a") == [1]
    assert bench.store.due([0], NOON, 10) == []
    assert bench.doors() == {}
    assert bench.store.load({"hall/a": VERSION}, [0]).snapshots == {}


def test_a_partition_that_nobody_began_is_only_begun_at_its_beginning(bench: Bench) -> None:
    with pytest.raises(TrackingMoved):
        bench.apply(5, 9, row("hall/a", 1))
    assert bench.store.tracked(0) == (0, GENESIS)


def test_an_event_written_twice_is_refused_and_nothing_moves(bench: Bench) -> None:
    bench.apply(0, 4, row("hall/a", 1))
    with pytest.raises(Exception, match=r"already|duplicate"):
        bench.apply(4, 8, row("hall/b", 1), row("hall/a", 1))
    assert bench.store.tracked(0) == (4, HEAD)
    assert bench.versions("hall/b") == []


# -- streams


def test_an_event_comes_back_as_it_was_written(bench: Bench) -> None:
    written = row("hall/a", 1, value='{"name":"Müller\\n"}'.encode())
    bench.apply(0, 4, written)
    assert bench.store.load({"hall/a": VERSION}, [0]).events == {"hall/a": [written.event]}


def test_a_load_brings_the_streams_asked_for_in_order_and_no_others(bench: Bench) -> None:
    bench.apply(0, 9, row("hall/b", 1), row("hall/a", 1), row("hall/b", 2), row("hall/c", 1))
    loaded = bench.store.load({"hall/b": VERSION, "hall/a": VERSION, "hall/none": VERSION}, [0, 1])
    assert {name: [event.version for event in events] for name, events in loaded.events.items()} == {
        "hall/a": [1],
        "hall/b": [1, 2],
    }
    assert loaded.tracked == {0: 9}


def test_a_snapshot_stands_for_the_events_before_it(bench: Bench) -> None:
    bench.store.apply(
        [Followed(0, 0, 9, HEAD, [row("hall/a", n) for n in (1, 2, 3)])], {"hall/a": (2, VERSION, b"state of 2")}
    )
    loaded = bench.store.load({"hall/a": VERSION}, [0])
    assert loaded.snapshots == {"hall/a": (2, b"state of 2")}
    assert [event.version for event in loaded.events["hall/a"]] == [3]


def test_a_later_snapshot_replaces_the_earlier(bench: Bench) -> None:
    bench.store.apply([Followed(0, 0, 4, HEAD, [row("hall/a", 1)])], {"hall/a": (1, VERSION, b"state of 1")})
    bench.store.apply([Followed(0, 4, 9, HEAD, [row("hall/a", 2)])], {"hall/a": (2, VERSION, b"state of 2")})
    loaded = bench.store.load({"hall/a": VERSION}, [0])
    assert (loaded.snapshots, loaded.events) == ({"hall/a": (2, b"state of 2")}, {})


def test_a_snapshot_of_another_version_of_the_state_is_not_read(bench: Bench) -> None:
    bench.store.apply(
        [Followed(0, 0, 9, HEAD, [row("hall/a", 1), row("hall/a", 2)])], {"hall/a": (2, VERSION, b"state of 2")}
    )
    loaded = bench.store.load({"hall/a": "stream:1,hall:2"}, [0])
    assert loaded.snapshots == {}
    assert [event.version for event in loaded.events["hall/a"]] == [1, 2]


# -- deadlines


def test_deadlines_come_when_they_are_due_the_oldest_first(bench: Bench) -> None:
    bench.apply(0, 4, row("booking/b", 1, {"answer": NOON + SECOND}), row("booking/a", 1, {"answer": NOON}))
    bench.apply(0, 4, row("booking/c", 1, {"answer": NOON - SECOND}), partition=1)

    def due(now: datetime, limit: int = 10) -> list[str]:
        return [found.stream for found in bench.store.due([0], now, limit)]

    assert due(NOON - SECOND) == []
    assert due(NOON) == ["booking/a"]
    assert due(NOON + SECOND) == ["booking/a", "booking/b"]
    assert due(NOON + SECOND, limit=1) == ["booking/a"]
    assert [found.stream for found in bench.store.due([0, 1], NOON, 10)] == ["booking/c", "booking/a"]
    assert bench.store.due([], NOON, 10) == []


def test_a_scan_goes_on_after_the_last_deadline_it_saw(bench: Bench) -> None:
    rows = [("booking/b", NOON), ("booking/a", NOON), ("booking/c", NOON - SECOND), ("booking/d", NOON + SECOND)]
    bench.apply(0, 9, *(row(stream, 1, {"answer": due, "pay": due}) for stream, due in rows))
    seen: list[tuple[str, str]] = []
    last: DueDeadline | None = None
    while found := bench.store.due([0], NOON, 2, last):
        seen += [(deadline.stream, deadline.name) for deadline in found]
        last = found[-1]
    assert seen == [(f"booking/{name}", kind) for name in "cab" for kind in ("answer", "pay")]


def test_a_deadline_names_the_event_that_set_it(bench: Bench) -> None:
    bench.apply(0, 4, row("booking/a", 1, {"answer": NOON}))
    expected = DueDeadline("booking/a", "answer", NOON, 0, "id of booking/a 1", "order/1", "default")
    assert bench.store.due([0], NOON, 10) == [expected]


def test_a_deadline_is_moved_and_cleared_by_later_events(bench: Bench) -> None:
    bench.apply(0, 4, row("booking/a", 1, {"answer": NOON, "pay": NOON}))
    bench.apply(4, 6, row("booking/a", 2, {"answer": NOON + SECOND}))
    assert [(found.name, found.due) for found in bench.store.due([0], NOON + SECOND, 10)] == [
        ("pay", NOON),
        ("answer", NOON + SECOND),
    ]
    bench.apply(6, 8, row("booking/a", 3, {"answer": None}))
    assert [found.name for found in bench.store.due([0], NOON + SECOND, 10)] == ["pay"]


def test_a_deadline_set_moved_and_cleared_in_one_batch_leaves_what_came_last(bench: Bench) -> None:
    bench.apply(
        0,
        9,
        row("booking/a", 1, {"answer": NOON}),
        row("booking/b", 1, {"answer": NOON}),
        row("booking/a", 2, {"answer": None}),
        row("booking/b", 2, {"answer": NOON + SECOND}),
    )
    assert [(found.stream, found.due) for found in bench.store.due([0], NOON + SECOND, 10)] == [
        ("booking/b", NOON + SECOND)
    ]


# -- door messages


def test_a_door_message_is_known_by_its_id_from_the_first_event_it_caused(bench: Bench) -> None:
    bench.apply(0, 4, row("booking/a", 1, door=("message 1", "digest 1")), row("booking/a", 2))
    bench.apply(4, 6, row("booking/b", 1, door=("message 2", "digest 2")))
    assert bench.doors() == {"message 1": ("booking/a", 1, "digest 1"), "message 2": ("booking/b", 1, "digest 2")}


# -- PostgreSQL alone


def test_a_database_that_hangs_is_away_after_a_while_and_back_when_it_answers(
    database: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a connection whose process in the database stands still: its socket stays open
    monkeypatch.setattr(store_module, "ANSWER_TIMEOUT", 1.0)
    store = Store(database, namespace, f"{namespace}-events")
    store.create()
    bench = Bench(store, dict)
    bench.apply(0, 4, row("hall/a", 1))
    (backend,) = store._fetch("select pg_backend_pid()", [])[0]
    os.kill(backend, signal.SIGSTOP)
    # when it is asked, then it is away, in good time, and a new connection is served
    try:
        with pytest.raises(StoreAway, match="has not answered for 1 s"):
            bench.apply(4, 6, row("hall/a", 2))
        assert store.tracked(0) == (4, HEAD)
        assert bench.versions("hall/a") == [1]
    finally:
        os.kill(backend, signal.SIGCONT)
        store.close()


def test_processes_that_start_at_once_make_the_tables_once(database: str, namespace: str) -> None:
    stores = [Store(database, namespace, f"{namespace}-events") for _ in range(6)]
    barrier = Barrier(len(stores))

    def create(store: Store) -> None:
        barrier.wait(timeout=30)
        store.create()

    with ThreadPoolExecutor(len(stores)) as processes:
        list(processes.map(create, stores))
    assert [store.tracked(0) for store in stores] == [(0, GENESIS)] * len(stores)
    for store in stores:
        store.close()


# -- away


def test_every_method_says_when_the_store_does_not_answer(bench: Bench) -> None:
    store: StreamStore
    if isinstance(bench.store, MemoryStore):
        bench.store.away = True
        store = bench.store
    else:
        store = Store("postgresql://nobody@127.0.0.1:1/none", "schema", "topic")
    calls: list[Callable[[], object]] = [
        lambda: store.tracked(0),
        lambda: store.load({"hall/a": VERSION}, [0]),
        lambda: store.due([0], NOON, 1),
        lambda: store.apply([Followed(0, 0, 1, HEAD, [])], {}),
    ]
    for call in calls:
        with pytest.raises(StoreAway, match="away"):
            call()
