"""The two small services as loops over the log in memory, in one process, with faults that a seed decides.

Everything that could differ between two runs (time, order, faults, incarnations) comes from the seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from chassis.faultpoints import FaultInjected, arm
from chassis.follower import Follower
from chassis.inbox import Routes
from chassis.kafka import partition_of
from chassis.log import Abortable, Fenced, Indefinite, NewRecord, Record, TopicPartition
from chassis.loop import Limits, Loop
from chassis.memory import SESSION_TIMEOUT, MemoryLog
from chassis.memory_store import MemoryStore
from chassis.service import FetchNothing, Service
from chassis.store import DueDeadline, Loaded, StoreAway
from contracts import topics
from contracts.envelope import Actor, Envelope, root_traceparent
from contracts.ids import aggregate_id, door_message_id, stream
from contracts.message import CATALOGUE, Command, Message
from tests.small.box_office import BOOKING
from tests.small.venue import HALL

PARTITIONS = 3
INTENTS_PARTITIONS = 2
PROCESSES = 2
"""Of each service."""

SERVICES = {"venue": Service("venue", (HALL,)), "box_office": Service("box_office", (BOOKING,), intents=True)}
ROUTES = Routes(partition_of, dict.fromkeys(SERVICES, PARTITIONS), INTENTS_PARTITIONS)
START = datetime(2026, 1, 5, 8, tzinfo=UTC)

LIMITS = Limits(
    batch_records=6, cached_streams=3, unfollowed_offsets=6, deadline_scan=0.2, deadline_again=2.0, store_retry=0.3
)
"""So small that a short run meets every one of them."""

DEATHS = (
    "loop.polled",
    "loop.loaded",
    "loop.begun",
    "loop.produced",
    "loop.offsets_sent",
    "loop.committed",
    "loop.aborting",
    "follower.before_apply",
    "follower.after_apply",
)


class ChancyProducer:
    """A producer whose transactions sometimes must be aborted, or end in a way that nobody learns; sometimes it is cut off."""

    def __init__(self, log: ChancyLog, transactional_id: str) -> None:
        self._log = log
        self._producer = MemoryLog.producer(log, transactional_id)

    def cut_off(self) -> bool:
        return self._log.happens(0.01)

    def begin(self) -> None:
        self._producer.begin()

    def send(self, records: list[NewRecord]) -> None:
        self._producer.send(records)

    def flush(self) -> Mapping[TopicPartition, tuple[int, int]]:
        if self._log.happens(0.15):
            raise Abortable("a record was not written")
        return self._producer.flush()

    def send_offsets(self, topic: str, positions: Mapping[int, int], group_metadata: Any) -> None:
        self._producer.send_offsets(topic, positions, group_metadata)

    def commit(self) -> None:
        if self._log.happens(0.03):
            raise Indefinite("the commit was not sent")
        self._producer.commit()
        if self._log.happens(0.03):
            raise Indefinite("the commit was not answered")

    def abort(self) -> None:
        self._producer.abort()

    def close(self) -> None:
        self._producer.close()


class LazyReader:
    """A reader that brings nothing for as long as the world says so: a store that falls behind."""

    def __init__(self, log: ChancyLog) -> None:
        self._log, self._reader = log, MemoryLog.reader(log)

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        self._reader.assign(positions)

    def poll(self, limit: int, timeout: float) -> tuple[list[Record], dict[TopicPartition, int]]:
        if self._log.lazy or self._log.happens(0.3):
            return [], {}
        return self._reader.poll(limit, timeout)

    def close(self) -> None:
        self._reader.close()


class Database:
    """A service's tables, whose crash takes back the last writes, as `synchronous_commit` off allows."""

    def __init__(self) -> None:
        self.tables = MemoryStore()
        self.crashes = 0
        self._written: list[tuple[Any, ...]] = []

    def apply(self, *written: Any) -> None:
        self.tables.apply(*written)
        self._written.append(written)

    def crash(self, lost: int) -> None:
        """Be as before the last `lost` writes; whoever is connected gets an error first."""
        self.crashes += 1
        del self._written[max(0, len(self._written) - lost) :]
        self.tables = MemoryStore()
        for written in self._written:
            self.tables.apply(*written)


class Connection:
    """The store of one process: a crash of the database breaks it once."""

    def __init__(self, database: Database) -> None:
        self._database, self._crashes = database, database.crashes

    def _tables(self) -> MemoryStore:
        if self._crashes != self._database.crashes:
            self._crashes = self._database.crashes
            raise StoreAway("the connection broke")
        return self._database.tables

    def tracked(self, partition: int) -> tuple[int, str]:
        return self._tables().tracked(partition)

    def load(self, wanted: Mapping[str, str], partitions: Sequence[int]) -> Loaded:
        return self._tables().load(wanted, partitions)

    def due(
        self, partitions: Sequence[int], now: datetime, limit: int, after: DueDeadline | None = None
    ) -> list[DueDeadline]:
        return self._tables().due(partitions, now, limit, after)

    def apply(self, *written: Any) -> None:
        self._tables()
        self._database.apply(*written)


class ChancyLog(MemoryLog):
    """The log in memory with the faults of a network. `calm`: none of them; `lazy`: readers bring nothing."""

    def __init__(self, world: SmallWorld) -> None:
        super().__init__(lambda: world.now)
        self._random = world.random
        self.calm = self.lazy = False

    def happens(self, probability: float) -> bool:
        return not self.calm and self._random.random() < probability

    def producer(self, transactional_id: str) -> Any:
        if self.happens(0.3):
            raise Indefinite("the broker gives no producer now")
        return ChancyProducer(self, transactional_id)

    def reader(self) -> Any:
        return LazyReader(self)


class SmallWorld:
    """Two processes of each service, their stores, a door, a clock that only the world moves, and a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = START
        self.log = ChancyLog(self)
        self.databases = {name: Database() for name in SERVICES}
        self.loops: dict[tuple[str, int], Loop] = {}
        self.zombies: list[Loop] = []
        self.met: set[str] = set()
        """Which faults came, by name: what a run of many seeds must have met."""
        self._incarnations = count(1)
        self._door = MemoryLog.producer(self.log, "door")
        self._happenings = (
            self._step,
            self._die,
            self._freeze,
            self._zombie_steps,
            self._store_goes,
            self._store_crashes,
            self._reader_stalls,
            self._time_passes,
            self._sleeps,
        )
        self._weights = (1_000, 14, 4, 20, 8, 8, 30, 4, 8)
        for service in SERVICES.values():
            intents = INTENTS_PARTITIONS if service.intents else None
            self.log.create_service_topics(service.name, partitions=PARTITIONS, intents_partitions=intents)
            for slot in range(PROCESSES):
                self._start(service.name, slot)

    # -- the door

    def send(self, service: str, target: str, command: Command, key: str) -> None:
        """Put a command into an inbox as a door does."""
        identifier = door_message_id("default", "test", key)
        envelope = Envelope(
            id=identifier,
            type=command.TYPE,
            source="/door/test",
            time=self.now,
            subject=target,
            tenant="default",
            correlation_id=target,
            causation_id=identifier,
            traceparent=root_traceparent(identifier),
            actor=Actor(kind="person", subject="tester"),
        )
        topic, number = ROUTES.inbox(service, target.encode(), "")
        self._door.begin()
        self._door.send([NewRecord(topic, number, target.encode(), command.encode(), envelope.headers())])
        self._door.commit()

    @staticmethod
    def hall(name: str) -> str:
        return stream("hall", aggregate_id("default", "hall", name))

    @staticmethod
    def booking(name: str) -> str:
        return stream("booking", aggregate_id("default", "booking", name))

    # -- what happens

    def _start(self, service: str, slot: int) -> None:
        while True:
            try:
                self.loops[(service, slot)] = self._loop(SERVICES[service], slot)
                return
            except Indefinite:
                self.met.add("no producer at the start")

    def _loop(self, service: Service, slot: int) -> Loop:
        return Loop(
            service,
            self.log,
            Connection(self.databases[service.name]),
            FetchNothing(),
            ROUTES,
            f"{service.name}-{slot}",
            clock=lambda: self.now,
            incarnation=lambda: f"incarnation-{next(self._incarnations)}",
            limits=LIMITS,
        )

    def live(self, steps: int) -> None:
        """So many things happen, chosen by the seed: mostly a step of some process, sometimes a fault."""
        for _ in range(steps):
            self.now += timedelta(milliseconds=self.random.randrange(100))
            where = self.random.choice(sorted(self.loops))
            (happening,) = self.random.choices(self._happenings, self._weights)
            happening(where)

    def _step(self, where: tuple[str, int]) -> None:
        try:
            self.loops[where].step(0)
        except Fenced:
            # Its transaction was open for too long, or its loop was frozen: as a process, it ends and is started again.
            self.met.add("fenced")
            self._start(*where)
        except Indefinite:
            # No new producer after a transaction of unknown outcome: the next step asks again.
            self.met.add("no producer")
        if (waiting := self.loops[where].waiting) is not None:
            self.met.add("held" if "behind" in waiting else "away")

    def _die(self, where: tuple[str, int]) -> None:
        """The process dies without a word at some place of its next steps, and is started again in its slot."""
        place = self.random.choice(DEATHS)
        arm(f"{place}:1:raise")
        try:
            self._steps(where, 20)
        except FaultInjected:
            self.met.add(place)
            self._start(*where)
        finally:
            arm("")

    def _freeze(self, where: tuple[str, int]) -> None:
        """The process stands still; another takes its slot; it wakes up later as a zombie."""
        self.zombies.append(self.loops[where])
        self._start(*where)

    def _zombie_steps(self, where: tuple[str, int]) -> None:
        if not self.zombies:
            return
        zombie = self.random.choice(self.zombies)
        try:
            zombie.step(0)
        except (Fenced, Indefinite) as error:
            self.met.add(f"zombie {type(error).__name__.lower()}")
            self.zombies.remove(zombie)

    def _store_goes(self, where: tuple[str, int]) -> None:
        self.databases[where[0]].tables.away = True
        self._steps(where, self.random.randrange(20))
        self.databases[where[0]].tables.away = False

    def _store_crashes(self, where: tuple[str, int]) -> None:
        self.databases[where[0]].crash(self.random.randrange(1, 6))
        self.met.add("store crashed")

    def _reader_stalls(self, where: tuple[str, int]) -> None:
        self.log.lazy = True
        self._steps(where, self.random.randrange(40))
        self.log.lazy = False

    def _time_passes(self, where: tuple[str, int]) -> None:
        self.now += SESSION_TIMEOUT * self.random.random() * 2

    def _sleeps(self, where: tuple[str, int]) -> None:
        """The process stands still until it is out of its group; the others go on, and may then be silent as long."""
        others = sorted(self.loops.keys() - {where})
        for _ in range(40):
            self.now += SESSION_TIMEOUT / 30
            self._step(self.random.choice(others))
        if self.random.random() < 0.5:
            self.now += SESSION_TIMEOUT + timedelta(seconds=1)
        self._step(where)

    def _steps(self, where: tuple[str, int], times: int) -> None:
        for _ in range(times):
            self.now += timedelta(milliseconds=self.random.randrange(100))
            self._step(where)

    # -- the end

    def settle(self, rounds: int = 3_000) -> None:
        """No more faults: the processes run until every inbox is handled and every deadline passed.

        Fails when they do not get there.
        """
        self.log.calm, self.log.lazy = True, False
        self.zombies.clear()
        for _ in range(rounds):
            self.now += timedelta(milliseconds=200)
            for where in sorted(self.loops):
                self._step(where)
            if self._quiet():
                return
        raise AssertionError(f"not settled after {rounds} rounds: {self._state()}")

    def _quiet(self) -> bool:
        forever = self.now + timedelta(days=365)
        open_deadlines = [
            row
            for database in self.databases.values()
            for row in database.tables.due(range(PARTITIONS), forever, limit=1)
        ]
        return not open_deadlines and all(self._handled(name) and self._followed(name) for name in SERVICES)

    def _handled(self, service: str) -> bool:
        positions = self.log.positions(service, topics.inbox(service))
        rest = (self.log.read((topics.inbox(service), n), positions[n], 1)[0] for n in range(PARTITIONS))
        return not any(rest)

    def _followed(self, service: str) -> bool:
        ends = (self.log.bounds(topics.events(service), number)[1] for number in range(PARTITIONS))
        return all(self.databases[service].tables.tracked(number)[0] == end for number, end in enumerate(ends))

    def _state(self) -> str:
        return "; ".join(
            f"{service}-{slot} waiting={loop.waiting} {loop.partitions.owned}"
            for (service, slot), loop in sorted(self.loops.items())
        )

    # -- eyes

    def records(self, topic: str) -> Iterator[Record]:
        """Everything committed in a topic, partition by partition."""
        for number in range(self.log.partitions(topic)):
            yield from self.log.read((topic, number), 0, 1_000_000)[0]

    def messages(self, topic: str) -> list[tuple[str, Message]]:
        """Stream and message of everything committed in a topic."""
        return [
            ((record.key or b"").decode(), CATALOGUE[Envelope.parse(record.headers).type].decode(record.value or b""))
            for record in self.records(topic)
        ]

    def rebuilt(self, service: str) -> MemoryStore:
        """A store built from the events topic alone."""
        store = MemoryStore()
        declared = SERVICES[service]
        follower = Follower(self.log.reader(), store, declared.events, declared.by_kind)
        follower.follow(range(PARTITIONS))
        while follower.step(0):
            pass
        return store


@contextmanager
def no_faults_armed() -> Iterator[None]:
    """Leave no fault point armed behind, whatever happened."""
    try:
        yield
    finally:
        arm("")
