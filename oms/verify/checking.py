"""One check of an installation: read everything that is there, then ask what must be true of it together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from oms.verify.findings import Findings
from oms.verify.log_rules import check_log
from oms.verify.reading import Message, Reading
from oms.verify.records import Partition, Source
from oms.verify.schemas import Schemas
from oms.verify.spill import Spill

__all__ = ["Checker"]


class Checker:
    """Keeps what it has read, so that it may be asked again when there is more. Raises Unreadable."""

    def __init__(self, source: Source, schemas: Path, namespace: str, murmur2: Callable[[bytes, int], int]) -> None:
        self._source, self._spill, self._seen = source, Spill(), Findings()
        self._reading = Reading(self._seen, self._spill, Schemas(schemas), namespace, murmur2, self._hear)
        self._reached: dict[Partition, int] = {}

    @property
    def records(self) -> int:
        """How many records were read so far."""
        return self._reading.records

    def check(self) -> Findings:
        """Read what is new, twice, and judge.

        A transaction reaches its partitions one after the other, so of what is read first, the rest is there when the
        second reading begins; of what only the second reading found, the rest may be missing, and it is not judged.
        """
        self._read()
        settled = self._reading.round
        if not self._read():
            settled = self._reading.round
        asked = Findings()
        check_log(self._reading, self._spill, asked, settled)
        return self._seen.joined(asked)

    def close(self) -> None:
        """Throw away what was kept on disk."""
        self._spill.close()

    def _read(self) -> int:
        bounds = self._source.bounds()
        self._reading.begin(bounds)
        since = {where: max(self._reached.get(where, 0), found.first) for where, found in bounds.items()}
        until = {where: found.end for where, found in bounds.items()}
        before = self._reading.records
        for records in self._source.read(since, until):
            for record in records:
                self._reading.take(record)
        self._reached.update(until)
        return self._reading.records - before

    def _hear(self, message: Message) -> None:
        """For the rules of the trade."""
