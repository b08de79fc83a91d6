"""What must hold of a world whatever happened to its processes, and the loads that the proofs are run under."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial

from chassis.comparison import compare_schemas
from chassis.rebuild import Copy, ends_of
from chassis.snapshots import state_version
from chassis.store import connect
from contracts.envelope import Envelope
from tests.contracts import independent_reader
from tests.small.box_office import BookingConfirmed, BookingExpired, BookingOpened, BookingRefused
from tests.small.harness import SERVICES, World
from tests.small.venue import HallOpened, SeatsReturned, SeatsTaken
from tests.waiting import eventually

OUTCOMES = (BookingConfirmed, BookingRefused, BookingExpired)


def book_until(
    world: World, halls: Sequence[str], done: Callable[[], bool], first: int = 0, seconds: float = 120
) -> list[str]:
    """Keep booking one seat after the other, hall by hall, until `done`; the names of the bookings, from number `first`.

    The load goes on for as long as that takes: what dies at its second batch must be given a second batch, also when
    it was slow to start and found everything in its first, and when the other, who would have sent it more, is dead.
    """
    names: list[str] = []

    def tick() -> bool:
        names.append(f"booking {first + len(names)}")
        world.book(names[-1], halls[len(names) % len(halls)])
        world.open_hall(f"annex {first + len(names)}", 1)
        return done()

    eventually(tick, seconds, "the end of the load")
    return names


def ended(world: World) -> int:
    """How many bookings have an outcome."""
    return len({stream for stream, event in world.messages("box_office.events") if isinstance(event, OUTCOMES)})


def await_outcomes(world: World, names: Sequence[str], seconds: float = 60) -> None:
    """Wait until every booking has ended and nothing is on its way any more."""
    eventually(lambda: ended(world) == len(names), seconds, f"the end of {len(names)} bookings")
    eventually(world.quiet, seconds, "quiet")


def prove(world: World, names: Sequence[str]) -> None:
    """Every booking ended once, no hall is oversold, the wire's rules hold, and the tables are the topic's."""
    prove_bookings(world, names)
    prove_halls(world)
    prove_wire(world)
    prove_tables(world)


def prove_bookings(world: World, names: Sequence[str]) -> None:
    streams = sorted(world.booking(name) for name in names)
    events = world.messages("box_office.events")
    assert sorted(stream for stream, event in events if isinstance(event, BookingOpened)) == streams
    assert sorted(stream for stream, event in events if isinstance(event, OUTCOMES)) == streams
    confirmed = sorted(stream for stream, event in events if isinstance(event, BookingConfirmed))
    assert sorted(stream for stream, _ in world.messages("box_office.intents")) == confirmed


def prove_halls(world: World) -> None:
    """At every prefix of a hall's events: seats = free + taken, and none below zero."""
    seats: Counter[str] = Counter()
    taken: dict[str, dict[str, int]] = defaultdict(dict)
    for hall, event in world.messages("venue.events"):
        match event:
            case HallOpened():
                seats[hall] += event.seats
                continue
            case SeatsTaken():
                assert event.booking not in taken[hall], f"{event.booking} took seats twice"
                taken[hall][event.booking] = event.seats
            case SeatsReturned():
                assert event.seats == taken[hall].get(event.booking, 0)
                taken[hall][event.booking] = 0
            case _:
                continue
        assert event.free == seats[hall] - sum(taken[hall].values()) >= 0


def prove_wire(world: World) -> None:
    """The reader that shares no code with the chassis finds no breach in any topic, and had something to check."""
    topics = [f"{service}.{kind}" for service in SERVICES for kind in ("inbox", "events", "dead-letters")]
    records = [record for topic in (*topics, "box_office.intents") for record in world.records(topic)]
    read = [
        independent_reader.Record(
            record.topic, record.partition, record.offset, record.key or b"", record.value or b"", record.headers
        )
        for record in records
    ]
    report = independent_reader.check(read)
    assert not report.violations, report.violations[:5]
    for rule in ("ce_sequence", "ce_prev", "ce_id once", "ce_inboxoffset cause", "ce_txn whole", "ce_txn number"):
        assert report.checked[rule] > 0, f"nothing was there to check {rule} with"


def prove_tables(world: World, services: Sequence[str] = tuple(SERVICES)) -> None:
    """Each service's tables, made again from its topic alone, are the live ones, table by table."""
    for service in services:
        declared = world.declared(service)
        copy = Copy(declared, world.kafka, world.database, f"{declared.schema}_again")
        copy.advance(ends_of(world.kafka, declared))
        eventually(partial(_equal, world, copy), because=f"{service}'s tables as its topic says")
        copy.drop()


def _equal(world: World, copy: Copy) -> bool:
    versions = {state_version(kind) for kind in copy.service.kinds}
    with connect(world.database, copy.service.schema) as live, connect(world.database, copy.schema) as rebuilt:
        return all(table.equal for table in compare_schemas(live, rebuilt, versions))


def ids(world: World, topic: str) -> list[str]:
    """The ids of everything committed in a topic."""
    return [Envelope.parse(record.headers).id for record in world.records(topic)]
