"""Whatever dies, stalls or is away, in whatever order: every booking ends once, and no seat is sold twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import groupby

import pytest

from chassis import follower
from chassis.chain import GENESIS, event_hash
from chassis.snapshots import state_version
from contracts import topics
from contracts.envelope import Envelope
from tests.simulation.small_world import DEATHS, PARTITIONS, SERVICES, SmallWorld, no_faults_armed
from tests.small.box_office import (
    Book,
    BookingConfirmed,
    BookingExpired,
    BookingOpened,
    BookingRefused,
)
from tests.small.venue import OpenHall, SeatsReturned, SeatsTaken

SEEDS = 60
HALLS = ("red", "blue", "green")
SEATS = 14
BOOKINGS = 40
OUTCOMES = (BookingConfirmed, BookingRefused, BookingExpired)


@pytest.fixture(autouse=True)
def _conditions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Snapshots often enough that short streams have them, and no fault point left armed."""
    monkeypatch.setattr(follower, "SNAPSHOT_EVERY", 4)
    with no_faults_armed():
        yield


@cache
def run(seed: int) -> SmallWorld:
    """What became of a seed's world."""
    return live(seed)


def live(seed: int) -> SmallWorld:
    """Halls with fewer seats than are asked for; bookings come while processes die; then all settle."""
    world = SmallWorld(seed)
    for hall in HALLS:
        world.send("venue", world.hall(hall), OpenHall(seats=SEATS), f"open {hall}")
    for number in range(BOOKINGS):
        name, hall = f"b{number}", world.hall(world.random.choice(HALLS))
        patience_ms = world.random.choice((50, 3_000, 60_000))
        command = Book(name=name, hall=hall, seats=world.random.randint(1, 3), patience_ms=patience_ms)
        for _ in range(world.random.randint(1, 2)):
            # A door that hears no answer sends again.
            world.send("box_office", world.booking(name), command, f"book {name}")
        # Often many at once: batches with several messages of one stream, and a store that falls behind.
        if world.random.random() < 0.4:
            world.live(world.random.randrange(60))
    world.live(200)
    world.settle()
    return world


def check_bookings(world: SmallWorld) -> None:
    taken = [
        (name, event.booking, event.seats, event.free)
        for name, event in world.messages(topics.events("venue"))
        if isinstance(event, SeatsTaken | SeatsReturned)
    ]
    returned = {
        event.booking for _, event in world.messages(topics.events("venue")) if isinstance(event, SeatsReturned)
    }
    assert all(0 <= free <= SEATS for *_, free in taken)
    opened: dict[str, BookingOpened] = {}
    outcomes: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for name, event in world.messages(topics.events("box_office")):
        if isinstance(event, BookingOpened):
            assert name not in opened, f"{name} was opened twice"
            opened[name] = event
        if isinstance(event, OUTCOMES):
            outcomes[name] += 1
        if isinstance(event, BookingConfirmed):
            held[opened[name].hall] += opened[name].seats
            assert opened[name].name not in returned
        if isinstance(event, BookingExpired):
            assert opened[name].name in returned
    assert len(opened) == BOOKINGS
    assert outcomes == Counter(dict.fromkeys(opened, 1))
    assert all(seats <= SEATS for seats in held.values())
    for hall in held:
        assert [free for name, _, _, free in taken if name == hall][-1] == SEATS - held[hall]


def check_log(world: SmallWorld, service: str) -> None:
    """Versions have no gap, no message is handled twice, and each event names the one before it."""
    versions: Counter[str] = Counter()
    ids: Counter[str] = Counter()
    for _, records in groupby(world.records(topics.events(service)), key=lambda record: record.partition):
        head = GENESIS
        for record in records:
            envelope = Envelope.parse(record.headers)
            name = (record.key or b"").decode()
            versions[name] += 1
            ids[envelope.id] += 1
            assert (envelope.sequence, envelope.prev) == (versions[name], head), f"{name} at {record.offset}"
            head = event_hash(record.key or b"", record.value or b"", record.headers)
    assert set(ids.values()) == {1}


def check_store(world: SmallWorld, service: str) -> None:
    """The store says what one rebuilt from the topic says."""
    (kind,) = SERVICES[service].kinds
    names = {(record.key or b"").decode(): state_version(kind) for record in world.records(topics.events(service))}
    store, rebuilt = world.databases[service].tables, world.rebuilt(service)
    assert store.load(names, range(PARTITIONS)) == rebuilt.load(names, range(PARTITIONS))
    assert store.door_messages == rebuilt.door_messages
    for number in range(PARTITIONS):
        assert store.tracked(number) == rebuilt.tracked(number)


@pytest.mark.parametrize("first", range(0, SEEDS, 10))
def test_bookings_end_once_and_seats_are_never_oversold(first: int) -> None:
    for seed in range(first, first + 10):
        world = run(seed)
        try:
            check_bookings(world)
            for service in SERVICES:
                check_log(world, service)
                check_store(world, service)
            confirmed = [name for name, _ in world.messages(topics.intents("box_office"))]
            assert len(confirmed) == len(set(confirmed)), "an intent was copied twice"
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_the_seeds_meet_every_fault() -> None:
    met = set().union(*(run(seed).met for seed in range(SEEDS)))
    assert met >= {*DEATHS, "held", "away", "store crashed", "zombie fenced", "no producer", "no producer at the start"}


def test_a_seed_gives_the_same_log_to_the_byte() -> None:
    first, second = run(7), live(7)
    for service in SERVICES:
        for topic in (topics.inbox(service), topics.events(service), topics.dead_letters(service)):
            assert list(first.records(topic)) == list(second.records(topic))
