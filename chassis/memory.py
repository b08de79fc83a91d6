"""The log in memory: for the simulated world, and for tests that need no broker.

It keeps what chassis/log.py promises of Kafka, in one process, without threads, randomness or a clock of its own:
offsets that commit markers take part in, readers that stop at the last stable offset, groups with generations and
cooperative rebalances, fencing, and the two time-outs that free what a dead process held. Nothing of a topic is ever deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from chassis.log import (
    Abortable,
    Fenced,
    Indefinite,
    LogError,
    NewRecord,
    NoPosition,
    Rebalance,
    Record,
    TopicPartition,
)
from contracts.message import to_milliseconds
from contracts.topics import TopicSpec, inbox, named, topics_of_service

__all__ = ["SESSION_TIMEOUT", "TRANSACTION_TIMEOUT", "MemoryLog"]

SESSION_TIMEOUT = timedelta(seconds=10)
"""A member that has not polled for so long is out of its group."""

TRANSACTION_TIMEOUT = timedelta(seconds=10)
"""A transaction open for so long is aborted, and its producer fenced."""


class _State(Enum):
    OPEN = auto()
    COMMITTED = auto()
    ABORTED = auto()


@dataclass(eq=False, slots=True)
class _Transaction:
    """What a producer wrote since `begun`. `doomed`: why it can only be aborted."""

    begun: datetime
    state: _State = _State.OPEN
    doomed: str | None = None
    first: dict[TopicPartition, int] = field(default_factory=dict)
    last: dict[TopicPartition, int] = field(default_factory=dict)
    offsets: list[tuple[_Group, dict[int, int]]] = field(default_factory=list)


@dataclass(slots=True)
class _Partition:
    """Records and markers (None) with the transaction of each; the index is the offset."""

    entries: list[tuple[Record | None, _Transaction]] = field(default_factory=list)
    open: dict[int, int] = field(default_factory=dict)
    """The first offset of each open transaction, by its identity."""

    def stable_end(self) -> int:
        return min(self.open.values(), default=len(self.entries))

    def read(self, position: int, limit: int) -> tuple[list[Record], int]:
        """Committed records from `position`, at most `limit`, and the position after them and what is not shown."""
        found: list[Record] = []
        end = self.stable_end()
        while position < end and len(found) < limit:
            record, transaction = self.entries[position]
            if record is not None and transaction.state is _State.COMMITTED:
                found.append(record)
            position += 1
        return found, position


class _Group:
    """Members of a group that read one topic, who shall have which partition, and the positions committed."""

    def __init__(self, name: str, topic: str, partitions: int) -> None:
        self.name, self.topic, self.partitions = name, topic, partitions
        self.members: list[_GroupConsumer] = []
        self.generation = 0
        self.wanted: dict[int, _GroupConsumer] = {}
        self.holder: dict[int, _GroupConsumer] = {}
        self.positions: dict[int, int] = {}

    def join(self, member: _GroupConsumer) -> None:
        self.members.append(member)
        self._assign()

    def leave(self, member: _GroupConsumer) -> None:
        self.members.remove(member)
        self.release([number for number, holder in self.holder.items() if holder is member])
        self._assign()

    def release(self, numbers: Iterable[int]) -> None:
        """Take partitions from their holders, so that whoever shall have them may take them: a new generation."""
        for number in numbers:
            del self.holder[number]
        self.generation += 1

    def _assign(self) -> None:
        """Share the partitions out evenly; each member keeps what it had, as far as that is not too many."""
        before, self.wanted = self.wanted, {}
        self.generation += 1
        for index, member in enumerate(self.members):
            quota = self.partitions // len(self.members) + (index < self.partitions % len(self.members))
            kept = [number for number in range(self.partitions) if before.get(number) is member][:quota]
            self.wanted.update(dict.fromkeys(kept, member))
        for index, member in enumerate(self.members):
            quota = self.partitions // len(self.members) + (index < self.partitions % len(self.members))
            missing = quota - sum(holder is member for holder in self.wanted.values())
            free = [number for number in range(self.partitions) if number not in self.wanted][:missing]
            self.wanted.update(dict.fromkeys(free, member))


@dataclass(frozen=True, slots=True)
class _Membership:
    """What `group_metadata` hands to a producer: as which member, of which generation, offsets are sent."""

    group: _Group
    member: _GroupConsumer
    generation: int


class _GroupConsumer:
    def __init__(self, log: MemoryLog, group: _Group) -> None:
        self._log, self._group = log, group
        self._rebalance = Rebalance(set(), set())
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self._generation = group.generation
        self.polled_at = log.now()
        group.join(self)

    def poll(self, limit: int, timeout: float) -> list[Record]:
        self.polled_at = self._log.now()
        self._log.expire()
        self._synchronize()
        found: list[Record] = []
        for number in sorted(self._positions):
            if number not in self._paused and len(found) < limit:
                records, position = self._log.read(
                    (self._group.topic, number), self._positions[number], limit - len(found)
                )
                self._positions[number] = position
                found += records
        return found

    def _synchronize(self) -> None:
        """Learn the group's generation: give up what others shall have, then take what is free and ours."""
        group = self._group
        if self not in group.members:
            self._lose(list(self._positions))
            group.join(self)
        lost = [number for number in self._positions if group.wanted.get(number) is not self]
        if lost:
            group.release(lost)
            self._lose(lost)
        gained = {number for number, member in group.wanted.items() if member is self and number not in group.holder}
        for number in gained:
            group.holder[number] = self
            self._positions[number] = 0
        self._paused |= gained
        self._rebalance.assigned |= gained
        self._rebalance.revoked -= gained
        self._generation = group.generation

    def _lose(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            del self._positions[number]
        self._paused -= set(numbers)
        self._rebalance.revoked |= set(numbers)
        self._rebalance.assigned -= set(numbers)

    def rebalance(self) -> Rebalance:
        noted, self._rebalance = self._rebalance, Rebalance(set(), set())
        return noted

    def pause(self, partitions: Iterable[int]) -> None:
        self._paused |= self._positions.keys() & set(partitions)

    def resume(self, partitions: Iterable[int]) -> None:
        self._paused -= set(partitions)

    def seek(self, partition: int, offset: int) -> None:
        if partition not in self._positions:
            raise LogError(f"cannot seek {self._group.topic}/{partition} yet: it is not ours")
        self._positions[partition] = offset

    def committed(self, partition: int) -> int | None:
        self._log.expire()
        if self._log.pending(self._group, partition):
            raise LogError(f"the position of {self._group.topic}/{partition} is not known yet: a transaction holds it")
        return self._group.positions.get(partition)

    def group_metadata(self) -> _Membership:
        return _Membership(self._group, self, self._generation)

    def close(self) -> None:
        if self in self._group.members:
            self._group.leave(self)


class _TransactionalProducer:
    def __init__(self, log: MemoryLog, transactional_id: str) -> None:
        self._log, self._id = log, transactional_id
        self.transaction: _Transaction | None = None

    def _open(self) -> _Transaction:
        self._log.expire()
        if not self._log.holds(self._id, self):
            raise Fenced(f"another producer took over this transactional id: {self._id}")
        if self.transaction is None:
            raise Indefinite("the transaction's outcome is unknown: none is open")
        return self.transaction

    def cut_off(self) -> bool:
        return False

    def begin(self) -> None:
        if self.transaction is not None:
            raise Indefinite("the transaction's outcome is unknown: one is open already")
        self.transaction = _Transaction(self._log.now())

    def send(self, records: Sequence[NewRecord]) -> None:
        transaction = self._open()
        for record in records:
            self._log.append(record, transaction)

    def flush(self) -> Mapping[TopicPartition, tuple[int, int]]:
        transaction = self._open()
        if transaction.doomed is not None:
            raise Abortable(transaction.doomed)
        return {where: (transaction.first[where], last) for where, last in transaction.last.items()}

    def send_offsets(self, topic: str, positions: Mapping[int, int], group_metadata: Any) -> None:
        transaction = self._open()
        membership: _Membership = group_metadata
        group = membership.group
        if membership.member not in group.members or membership.generation != group.generation:
            transaction.doomed = f"generation {membership.generation} of {group.name} is over: it is {group.generation}"
            raise Abortable(transaction.doomed)
        transaction.offsets.append((group, dict(positions)))

    def commit(self) -> None:
        transaction = self._open()
        if transaction.doomed is not None:
            raise Abortable(transaction.doomed)
        for group, positions in transaction.offsets:
            group.positions.update(positions)
        self._log.end(transaction, _State.COMMITTED)
        self.transaction = None

    def abort(self) -> None:
        self._log.end(self._open(), _State.ABORTED)
        self.transaction = None

    def close(self) -> None:
        """What is open stays so, until it is fenced or its time is over: as with a process that died."""


class _TopicReader:
    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._positions: dict[TopicPartition, int] = {}

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        self._positions = dict(sorted(positions.items()))

    def poll(self, limit: int, timeout: float) -> tuple[list[Record], dict[TopicPartition, int]]:
        self._log.expire()
        found: list[Record] = []
        moved: dict[TopicPartition, int] = {}
        for where, position in self._positions.items():
            records, after = self._log.read(where, position, limit - len(found))
            found += records
            if after != position:
                moved[where] = after
        self._positions.update(moved)
        return found, moved

    def close(self) -> None:
        self._positions = {}


class MemoryLog:
    """Topics, groups and producers of one simulated world. `clock` gives the broker's time (UTC)."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._topics: dict[str, list[_Partition]] = {}
        self._groups: dict[tuple[str, str], _Group] = {}
        self._producers: dict[str, _TransactionalProducer] = {}

    # -- what chassis/log.py promises --------------------------------------------------------------------------

    def consumer(self, group: str, topic: str) -> _GroupConsumer:
        return _GroupConsumer(self, self._group(group, topic))

    def producer(self, transactional_id: str) -> _TransactionalProducer:
        self._fence(transactional_id)
        producer = self._producers[transactional_id] = _TransactionalProducer(self, transactional_id)
        return producer

    def reader(self) -> _TopicReader:
        return _TopicReader(self)

    def partitions(self, topic: str) -> int:
        if topic not in self._topics:
            raise LogError(f"the topic {topic} does not exist")
        return len(self._topics[topic])

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return 0, len(self._topics[topic][partition].entries)

    # -- topics and positions, as chassis/kafka/ makes them ----------------------------------------------------

    def create_topics(self, specs: Sequence[TopicSpec]) -> list[str]:
        """Make the topics that are missing; the names of those made."""
        made = [spec for spec in specs if spec.name not in self._topics]
        self._topics.update({spec.name: [_Partition() for _ in range(spec.partitions)] for spec in made})
        return [spec.name for spec in made]

    def delete_topics(self, names: Sequence[str]) -> None:
        """Delete topics with everything in them."""
        for name in names:
            del self._topics[name]

    def create_service_topics(
        self, service: str, *, partitions: int, namespace: str = "", intents_partitions: int | None = None
    ) -> list[str]:
        """Make a service's topics and give its group position 0 in a new inbox; the names of the topics made."""
        specs = topics_of_service(
            service, partitions=partitions, namespace=namespace, intents_partitions=intents_partitions
        )
        made = self.create_topics(specs)
        if inbox(service, namespace) in made:
            group = named(service, namespace)
            self.commit_positions(group, inbox(service, namespace), dict.fromkeys(range(partitions), 0))
        return made

    def commit_positions(self, group: str, topic: str, positions: Mapping[int, int]) -> None:
        """Set a group's positions by hand, while nobody of it runs; raises LogError when somebody does."""
        known = self._group(group, topic)
        if known.members:
            raise LogError(f"the positions of {group} were not set: it has members")
        known.positions.update(positions)

    def positions(self, group: str, topic: str) -> dict[int, int]:
        """A group's committed positions of a topic, by partition; partitions without one are left out."""
        return dict(self._group(group, topic).positions)

    def _group(self, name: str, topic: str) -> _Group:
        if (name, topic) not in self._groups:
            self._groups[(name, topic)] = _Group(name, topic, self.partitions(topic))
        return self._groups[(name, topic)]

    # -- what its clients share --------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The broker's time, in whole milliseconds."""
        return to_milliseconds(self._clock())

    def expire(self) -> None:
        """Free what those hold who have been silent for too long."""
        now = self.now()
        for group in self._groups.values():
            for member in [member for member in group.members if now - member.polled_at > SESSION_TIMEOUT]:
                group.leave(member)
        for transactional_id, producer in list(self._producers.items()):
            if producer.transaction is not None and now - producer.transaction.begun > TRANSACTION_TIMEOUT:
                self._fence(transactional_id)

    def _fence(self, transactional_id: str) -> None:
        older = self._producers.pop(transactional_id, None)
        if older is not None and older.transaction is not None:
            self.end(older.transaction, _State.ABORTED)

    def holds(self, transactional_id: str, producer: _TransactionalProducer) -> bool:
        """Whether this producer is the newest of its id."""
        return self._producers.get(transactional_id) is producer

    def pending(self, group: _Group, partition: int) -> bool:
        """Whether an open transaction holds a position of this partition."""
        open_ones = [producer.transaction for producer in self._producers.values() if producer.transaction is not None]
        return any(
            holder is group and partition in positions
            for transaction in open_ones
            for holder, positions in transaction.offsets
        )

    def append(self, new: NewRecord, transaction: _Transaction) -> None:
        """Write a record of an open transaction; one to a place that does not exist dooms it."""
        partitions = self._topics.get(new.topic, [])
        if not 0 <= new.partition < len(partitions):
            transaction.doomed = f"a record was not written: there is no {new.topic}/{new.partition}"
            return
        partition = partitions[new.partition]
        offset = len(partition.entries)
        record = Record(new.topic, new.partition, offset, self.now(), new.key, new.value, new.headers)
        partition.entries.append((record, transaction))
        partition.open.setdefault(id(transaction), offset)
        transaction.first.setdefault((new.topic, new.partition), offset)
        transaction.last[(new.topic, new.partition)] = offset

    def end(self, transaction: _Transaction, state: _State) -> None:
        """Commit or abort: all partitions at once, with a marker at the end of each."""
        transaction.state = state
        for topic, number in sorted(transaction.last):
            partition = self._topics[topic][number]
            del partition.open[id(transaction)]
            partition.entries.append((None, transaction))

    def read(self, where: TopicPartition, position: int, limit: int) -> tuple[list[Record], int]:
        """Committed records of a partition; raises NoPosition for a position outside it."""
        partition = self._topics[where[0]][where[1]]
        if not 0 <= position <= len(partition.entries):
            raise NoPosition(
                f"{where[0]}/{where[1]}: {position} lies outside the log, which ends at {len(partition.entries)}"
            )
        return partition.read(position, limit)
