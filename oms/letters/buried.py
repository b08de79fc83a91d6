"""Dead letters that wait for somebody, as their topics have them.

They are read from the topics and kept in no table: they are few, they may hold what outsiders sent in the clear, and
after 30 days they are gone. What is kept here is what a list shows of each; the bytes are read when one is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from time import monotonic

from chassis.letter import ORIGINAL, Settlement, settlement_of
from chassis.log import Log, LogError, Record, TopicReader
from contracts import topics

__all__ = ["KEPT_FOR", "LISTED_MAX", "Buried", "DeadLetter"]

KEPT_FOR = timedelta(milliseconds=topics.RETENTION_MS)
"""How long a dead letter is there for somebody to act."""

LISTED_MAX = 20_000
"""Waiting dead letters of one service that are listed, the oldest; those beyond are counted until some are settled."""

BEYOND_MAX = 200_000
"""Waiting dead letters of one service that are remembered by their places besides, the oldest. Those beyond are a number, which
counts also what was settled since they were last read through."""

SETTLED_MAX = 100_000
"""Settlements of one service that are remembered, the latest."""

READ_MAX = 25
"""Records read at a time, each of which may have 10 MiB."""

POLL_SECONDS = 0.2
READ_SECONDS = 5.0
"""How long a caller waits for what came since the last look. Who is not served then is told so, and the next one goes on
from there."""

REASON_SHOWN = 500
"""Characters of a reason that a list keeps."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is listed of a dead letter. `place` is where it came in, `offset` where it lies; `key` and `type` are what its
    sender said, if that is text."""

    service: str
    place: str
    offset: int
    key: str
    type: str
    reason: str
    since: datetime

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.service}:{self.place.replace('/', ':')}"


@dataclass
class _Grave:
    """One service's dead letters, as far as they are read. `beyond`: places of waiting ones that are not listed, and
    `uncounted` how many there are of which no place is kept, the first at `uncounted_from`. Read once more, of those before
    the offset `known_to` the ones in `known` wait and no others, whatever `settled` forgot."""

    reader: TopicReader
    position: int
    waiting: dict[str, DeadLetter] = field(default_factory=dict)
    settled: dict[str, Settlement] = field(default_factory=dict)
    beyond: set[str] = field(default_factory=set)
    uncounted: int = 0
    uncounted_from: int | None = None
    known: frozenset[str] = frozenset()
    known_to: int = 0


class Buried:
    """Dead letters of these services. Methods raise LogError while the broker is away, and while what is there is not
    read to its end: one that was settled might still be taken for one that waits. `clock`: UTC."""

    def __init__(
        self,
        log: Callable[[], Log],
        services: Sequence[str],
        namespace: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`log` is asked for when somebody first looks."""
        self._open, self._services, self._namespace, self._clock = log, services, namespace, clock
        self._log: Log | None = None
        self._graves: dict[str, _Grave] = {}
        self._lock = Lock()

    def waiting(self, service: str) -> list[DeadLetter]:
        """Those of a service that nobody settled, the oldest first."""
        with self._lock:
            return list(self._looked(service).waiting.values())

    def beyond(self, service: str) -> int:
        """How many wait that are not listed; past BEYOND_MAX not fewer than those."""
        with self._lock:
            grave = self._looked(service)
            return len(grave.beyond) + grave.uncounted

    def settlement(self, service: str, place: str) -> Settlement | None:
        """How one was settled."""
        with self._lock:
            return self._looked(service).settled.get(place)

    def record(self, letter: DeadLetter) -> Record | None:
        """A dead letter with its bytes; None when it is not kept any more."""
        topic = topics.dead_letters(letter.service, self._namespace)
        with self._lock:
            reader = self._reached().reader()
            try:
                reader.assign({(topic, 0): letter.offset})
                until = monotonic() + READ_SECONDS
                while monotonic() < until:
                    records, moved = reader.poll(1, POLL_SECONDS)
                    for record in records:
                        return record if record.offset == letter.offset else None
                    if moved.get((topic, 0), 0) > letter.offset:
                        return None
            finally:
                reader.close()
        raise LogError(f"{letter.name} could not be read within {READ_SECONDS:.0f} s")

    def _reached(self) -> Log:
        if self._log is None:
            self._log = self._open()
        return self._log

    def _looked(self, service: str) -> _Grave:
        """All that is there now."""
        topic = topics.dead_letters(service, self._namespace)
        first, end = self._reached().bounds(topic, 0)
        until = monotonic() + READ_SECONDS
        grave = self._graves.get(service)
        if grave is None:
            grave = self._graves[service] = _Grave(self._reader(topic, first), first)
        self._read(service, grave, end, until)
        while (grave.beyond or grave.uncounted) and len(grave.waiting) < LISTED_MAX // 2:
            grave = self._graves[service] = self._again(topic, first, grave)
            self._read(service, grave, end, until)
        self._let_go(grave, first)
        return grave

    def _read(self, service: str, grave: _Grave, end: int, until: float) -> None:
        """Read on to the end; raises LogError when it is not reached in time."""
        topic = topics.dead_letters(service, self._namespace)
        while grave.position < end:
            if monotonic() >= until:
                raise LogError(
                    f"the dead letters of {service} are still being read, up to offset {grave.position} of {end}"
                )
            records, moved = grave.reader.poll(READ_MAX, POLL_SECONDS)
            for record in records:
                self._take(service, grave, record)
            grave.position = moved.get((topic, 0), grave.position)
        if grave.position >= grave.known_to:
            grave.known = frozenset()

    def _again(self, topic: str, first: int, before: _Grave) -> _Grave:
        """From the beginning, for those that were not listed: there is room for them now."""
        known = frozenset(before.waiting) | before.beyond
        known_to = before.position if before.uncounted_from is None else before.uncounted_from
        reader = self._reader(topic, first)
        before.reader.close()
        return _Grave(reader, first, settled=before.settled, known=known, known_to=known_to)

    def _reader(self, topic: str, first: int) -> TopicReader:
        reader = self._reached().reader()
        reader.assign({(topic, 0): first})
        return reader

    def _take(self, service: str, grave: _Grave, record: Record) -> None:
        settlement = settlement_of(record.headers)
        if settlement is None:
            letter = _letter(service, record)
            if letter.place in grave.settled or (letter.offset < grave.known_to and letter.place not in grave.known):
                return
            if len(grave.waiting) < LISTED_MAX:
                grave.waiting[letter.place] = letter
            elif len(grave.beyond) < BEYOND_MAX and grave.uncounted_from is None:
                grave.beyond.add(letter.place)
            else:
                grave.uncounted += 1
                grave.uncounted_from = letter.offset if grave.uncounted_from is None else grave.uncounted_from
            return
        grave.settled[settlement.place] = settlement
        grave.waiting.pop(settlement.place, None)
        grave.beyond.discard(settlement.place)
        while len(grave.settled) > SETTLED_MAX:
            del grave.settled[next(iter(grave.settled))]

    def _let_go(self, grave: _Grave, first: int) -> None:
        """Forget what its topic does not keep any more, or is about to delete."""
        now = self._clock()
        for letter in list(grave.waiting.values()):
            if letter.offset >= first and letter.since + KEPT_FOR > now:
                break
            del grave.waiting[letter.place]


def _letter(service: str, record: Record) -> DeadLetter:
    # The first header of a name counts; what came in may have some called like ours.
    headers = {name: value.decode(errors="replace") for name, value in reversed(record.headers)}
    return DeadLetter(
        service=service,
        # What somebody else wrote there may not say where it came in.
        place=headers.get("place") or f"{record.topic}/{record.partition}/{record.offset}",
        offset=record.offset,
        key=(record.key or b"").decode(errors="replace"),
        type=headers.get(f"{ORIGINAL}ce_type", "unknown"),
        reason=headers.get("reason", "not said")[:REASON_SHOWN],
        since=record.timestamp,
    )
