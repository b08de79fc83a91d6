"""What waits for a person in all services: found by what it is, counted, and taken out of the way.

Parked messages come from each service's own list (chassis/parked_list.py) and stream; dead letters from their topics.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, LiteralString

from chassis.store import NoTables
from chassis.web import Gate
from contracts.chassis import MessageParked
from oms.letters.buried import Buried, DeadLetter

__all__ = ["DEAD", "PARKED", "Desk", "Letter", "Parked", "Wanted", "listed_letter"]

DEAD, PARKED = "dead", "parked"

REASONS_MAX = 50
"""Reasons that are counted one by one, the most frequent."""

REASON_WORDS = 60
"""Characters of a reason by which reasons are one."""

COUNTED_MAX = 100_000
"""Parked messages of one service that are counted by reason."""

_PARTS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")


@dataclass(frozen=True, slots=True)
class Letter:
    """One that waits. `name` says where it came in: of a parked one `<service>:<partition>:<offset>` of the inbox, of a
    dead one `<service>:<topic>:<partition>:<offset>`."""

    name: str
    state: str
    service: str
    stream: str
    type: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked message, and the stream that cannot take it."""

    service: str
    stream: str
    since: datetime
    message: MessageParked


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which ones somebody asks for; None: all. `reason` and `type` are parts of theirs."""

    service: str | None = None
    state: str | None = None
    stream: str | None = None
    type: str | None = None
    reason: str | None = None
    since: datetime | None = None

    def fits(self, letter: Letter) -> bool:
        """Whether one is among them."""
        return (
            self.stream in (None, letter.stream)
            and (self.type or "") in letter.type
            and (self.reason or "") in letter.reason
            and (self.since is None or letter.since >= self.since)
        )


_PARKED_LIST: LiteralString = """
    select name, stream, type, fault, detail, since
    from (select *, (%s || ':' || partition || ':' || inbox_offset) collate "C" as name from parked_messages) as named
    where (%s::text is null or stream = %s) and position(%s in type) > 0
        and position(%s in fault || ': ' || detail) > 0 and since >= %s and (since, name) > (%s, %s)
    order by since, name limit %s
"""
_PARKED_COUNTED: LiteralString = """
    select count(*) from parked_messages
    where (%s::text is null or stream = %s) and position(%s in type) > 0
        and position(%s in fault || ': ' || detail) > 0 and since >= %s and since < %s
"""
_PARKED_COUNTS: LiteralString = "select count(*), count(distinct stream), min(since) from parked_messages"
_PARKED_ONE: LiteralString = "select stream, since from parked_messages where partition = %s and inbox_offset = %s"
_PARKED_REASONS: LiteralString = "select fault || ': ' || detail from parked_messages order by since limit %s"
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


class Desk:
    """All that waits. Methods raise LogError while the broker is away and StoreAway while the database is."""

    def __init__(self, gates: Mapping[str, Gate], buried: Buried) -> None:
        self.gates, self.buried = gates, buried

    def listed(self, wanted: Wanted, limit: int, after: tuple[datetime, str] | None = None) -> list[Letter]:
        """So many at most, the oldest first, of those that stand behind `after`: a time and a name."""
        services = sorted(self.gates) if wanted.service is None else [wanted.service]
        parts: list[Iterator[Letter]] = []
        for service in services:
            if wanted.state in (None, DEAD):
                parts.append(self._dead(service, wanted))
            if wanted.state in (None, PARKED):
                parts.append(self._parked(service, wanted, limit, after))
        in_order = heapq.merge(*parts, key=_place)
        return list(islice((one for one in in_order if after is None or _place(one) > after), limit))

    def counted(self, wanted: Wanted, before: datetime = NEVER) -> int:
        """How many of these there are that came before a moment. Of dead letters that came when too many waited to list
        them nothing is known but how many they are: those count where all are asked for.
        """
        services = sorted(self.gates) if wanted.service is None else [wanted.service]
        all_of_them = replace(wanted, service=None, state=None) == Wanted() and before == NEVER
        found = 0
        for service in services:
            if wanted.state in (None, DEAD):
                found += sum(letter.since < before for letter in self._dead(service, wanted))
                found += self.buried.beyond(service) if all_of_them else 0
            if wanted.state in (None, PARKED):
                asked = [wanted.stream, wanted.stream, wanted.type or "", wanted.reason or "", wanted.since or LONG_AGO]
                rows = self._rows(service, _PARKED_COUNTED, [*asked, before])
                found += rows[0][0] if rows else 0
        return found

    def _dead(self, service: str, wanted: Wanted) -> Iterator[Letter]:
        found = (listed_letter(letter) for letter in self.buried.waiting(service))
        return iter(sorted((letter for letter in found if wanted.fits(letter)), key=_place))

    def _parked(self, service: str, wanted: Wanted, limit: int, after: tuple[datetime, str] | None) -> Iterator[Letter]:
        moment, name = after or (LONG_AGO, "")
        asked = [service, wanted.stream, wanted.stream, wanted.type or "", wanted.reason or ""]
        rows = self._rows(service, _PARKED_LIST, [*asked, wanted.since or LONG_AGO, moment, name, limit])
        for named, stream, kind, fault, detail, since in rows:
            yield Letter(named, PARKED, service, stream, kind, f"{fault}: {detail}", since.astimezone(UTC))

    def _rows(self, service: str, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        try:
            return self.gates[service].reads.rows(query, parameters)
        except NoTables:
            return []  # a service that never ran has nothing parked

    # -- one

    def dead(self, name: str) -> DeadLetter | None:
        """The dead letter of this name that waits."""
        service = name.partition(":")[0]
        if service not in self.gates:
            return None
        return next((letter for letter in self.buried.waiting(service) if letter.name == name), None)

    def parked(self, name: str) -> Parked | None:
        """The parked message of this name."""
        service, _, place = name.partition(":")
        match = re.fullmatch(r"(\d{1,6}):(\d{1,15})", place)
        if service not in self.gates or match is None:
            return None
        rows = self._rows(service, _PARKED_ONE, [int(match[1]), int(match[2])])
        if not rows:
            return None
        stream, since = rows[0]
        here = [one for one in self.parked_in(service, stream) if one.offset == int(match[2])]
        return Parked(service, stream, since.astimezone(UTC), here[0]) if here else None

    def parked_in(self, service: str, stream: str) -> Sequence[MessageParked]:
        """All that is parked in a stream, in its order."""
        return self.gates[service].reads.stream(stream).stream.parked

    # -- counts

    def counts(self, now: datetime) -> dict[str, dict[str, Any]]:
        """By service: streams with something parked, messages parked, dead letters that wait, and the age of the oldest
        of all in whole seconds (0 where nothing waits)."""
        return {service: self._counts(service, now) for service in sorted(self.gates)}

    def _counts(self, service: str, now: datetime) -> dict[str, Any]:
        waiting = self.buried.waiting(service)
        rows = self._rows(service, _PARKED_COUNTS, []) or [(0, 0, None)]
        messages, streams, oldest = rows[0]
        times = [time.astimezone(UTC) for time in (oldest, *(letter.since for letter in waiting[:1])) if time]
        return {
            "parked_streams": streams,
            "parked_messages": messages,
            "dead_letters": len(waiting) + self.buried.beyond(service),
            "oldest_seconds": max((int((now - time).total_seconds()) for time in times), default=0),
        }

    def reasons(self) -> list[dict[str, Any]]:
        """How many wait for what, the most frequent first; numbers and ids in a reason count as one."""
        found: Counter[tuple[str, str, str]] = Counter()
        for service in self.gates:
            found.update((service, DEAD, _words(letter.reason)) for letter in self.buried.waiting(service))
            rows = self._rows(service, _PARKED_REASONS, [COUNTED_MAX])
            found.update((service, PARKED, _words(row[0])) for row in rows)
        return [
            {"service": service, "state": state, "reason": reason, "count": count}
            for (service, state, reason), count in found.most_common(REASONS_MAX)
        ]


def _words(reason: str) -> str:
    return _PARTS.sub("…", reason)[:REASON_WORDS]


def _place(letter: Letter) -> tuple[datetime, str]:
    return letter.since, letter.name


def listed_letter(letter: DeadLetter) -> Letter:
    """A dead letter as it is listed with the others."""
    return Letter(letter.name, DEAD, letter.service, letter.key, letter.type, letter.reason, letter.since)
