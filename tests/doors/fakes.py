"""What doors stand on, without servers: a writer that keeps what it is given, a store that knows what it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chassis.log import LogError, NewRecord
from chassis.reading import Known
from chassis.sealing import seal_under
from contracts.personal import Personal, PersonalContent

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
KEY = bytes(range(64))


def seal(subject: str, content: PersonalContent) -> Personal:
    """Every subject has the same key here."""
    return seal_under(KEY, subject, content)


@dataclass
class KeptWriter:
    """Keeps records; `away` times it takes nothing first. `then` is called with each batch that it took."""

    records: list[NewRecord] = field(default_factory=list)
    away: int = 0
    then: Callable[[Sequence[NewRecord]], None] = lambda records: None

    async def write(self, records: Sequence[NewRecord]) -> None:
        if self.away:
            self.away -= 1
            raise LogError("the broker is away")
        self.records += records
        self.then(records)


@dataclass
class ToldReads:
    """Knows the door messages that a test told it of."""

    messages: dict[str, Known] = field(default_factory=dict)

    def known(self, message_id: str) -> Known | None:
        return self.messages.get(message_id)
