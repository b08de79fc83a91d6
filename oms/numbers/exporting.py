"""Events out of the topics into Parquet files, a folder a day: what was exported before is left as it is.

Writes files and reads the log; what the events mean is not known here (facts.sql), nor anything of a person: sealed data
and customers' ids leave as the pseudonymous subject alone.
"""

from __future__ import annotations

import fcntl
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from chassis.log import Log, LogError, Record, TopicReader
from contracts import topics
from contracts.envelope import Envelope
from contracts.ids import subject_id

__all__ = ["EVENTS_MAX", "SCHEMA", "export", "impersonal"]

EVENTS_MAX = 20_000
"""Events kept in memory before they are written."""

POLL_SECONDS = 0.2

STALLED_SECONDS = 30.0
"""A topic that hands out nothing for so long, before its end, is not waited for."""

PROGRESS, LOCK = "progress.json", "export.lock"

SCHEMA = pa.schema(
    [
        ("service", pa.string()),
        ("part", pa.int32()),
        ("position", pa.int64()),
        ("id", pa.string()),
        ("type", pa.string()),
        ("name", pa.string()),
        ("stream", pa.string()),
        ("sequence", pa.int64()),
        ("time", pa.timestamp("ms", "UTC")),
        ("correlation", pa.string()),
        ("causation", pa.string()),
        ("tenant", pa.string()),
        ("actor", pa.string()),
        ("value", pa.string()),
    ]
)
"""The columns of an event; `position` is its offset, `actor` the kind of who caused it, `value` JSON."""


def export(log: Log, folder: Path, namespace: str = "") -> int:
    """Write what the events topics hold beyond the last export into `folder`; how many events.

    Reads up to where the topics end when it begins. An export that was cut off is taken up again by the next one, and
    one that finds nothing new changes nothing. Raises LogError where the topics are not those that were exported
    before, or stall; BlockingIOError where another export writes there; ValueError for a progress that is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        progress = _progress(folder)
        count = 0
        for service in topics.SERVICES:
            for number in range(log.partitions(topics.events(service, namespace))):
                for written, reached in _partition(log, folder, service, namespace, number, progress):
                    count += written
                    progress[f"{service}/{number}"] = reached
                    _keep(folder, progress)
        return count


def _partition(
    log: Log, folder: Path, service: str, namespace: str, number: int, progress: Mapping[str, int]
) -> Iterator[tuple[int, int]]:
    """Write a partition's new events, some at a time: how many each time, and the position that comes next."""
    where = (topics.events(service, namespace), number)
    first, end = log.bounds(*where)
    reached = progress.get(f"{service}/{number}", first)
    if reached > end:
        raise LogError(
            f"{where[0]}/{number} ends at {end}, and {folder} holds it up to {reached}: another installation's"
        )
    _drop_unfinished(folder, service, number, reached)
    reader = log.reader()
    try:
        reader.assign({where: reached})
        while reached < end:
            records, after = _read(reader, where, reached, end)
            _write(folder, service, number, reached, records)
            reached = after
            yield len(records), reached
    finally:
        reader.close()


def _read(reader: TopicReader, where: tuple[str, int], position: int, end: int) -> tuple[Sequence[Record], int]:
    """Up to EVENTS_MAX events before `end`, and the position that comes next."""
    found: list[Record] = []
    heard = time.monotonic()
    while position < end and len(found) < EVENTS_MAX:
        records, moved = reader.poll(EVENTS_MAX - len(found), POLL_SECONDS)
        found += [record for record in records if record.offset < end]
        if where in moved:
            position, heard = moved[where], time.monotonic()
        elif time.monotonic() - heard > STALLED_SECONDS:
            raise LogError(f"{where[0]}/{where[1]} hands out nothing at {position}, and ends at {end}: try again")
    return found, min(position, end)


def _write(folder: Path, service: str, number: int, start: int, records: Sequence[Record]) -> None:
    """One file a day; it is there whole or not at all."""
    days: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        row = _row(service, record)
        days[f"{row['time']:%Y-%m-%d}"].append(row)
    for day, rows in days.items():
        place = folder / "events" / f"day={day}"
        place.mkdir(parents=True, exist_ok=True)
        unfinished = place / f"{service}-{number}-{start:020}.part"
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), unfinished, compression="zstd")
        unfinished.replace(unfinished.with_suffix(".parquet"))


def _row(service: str, record: Record) -> dict[str, Any]:
    head = Envelope.parse(record.headers)
    return {
        "service": service,
        "part": record.partition,
        "position": record.offset,
        "id": head.id,
        "type": head.type,
        "name": head.type.split(".")[2],
        "stream": head.subject,
        "sequence": head.sequence,
        "time": head.time,
        "correlation": head.correlation_id,
        "causation": head.causation_id,
        "tenant": head.tenant,
        "actor": head.actor.kind if head.actor else None,
        "value": orjson.dumps(impersonal(orjson.loads(record.value or b"{}"), head.tenant)).decode(),
    }


def impersonal(value: Any, tenant: str) -> Any:
    """The value with each person as a pseudonymous subject: what is sealed goes, and so does a customer's id."""
    if isinstance(value, list):
        return [impersonal(part, tenant) for part in value]
    if not isinstance(value, dict):
        return value
    if "ciphertext" in value and "subject" in value:
        return {"subject": value["subject"]}
    known = {name: impersonal(part, tenant) for name, part in value.items()}
    for name in ("id", "customer"):
        if isinstance(value.get("issuer"), str) and isinstance(value.get(name), str):
            subject = subject_id(tenant, known.pop("issuer"), known.pop(name))
            return known | {"subject": subject}
    return known


def _drop_unfinished(folder: Path, service: str, number: int, reached: int) -> None:
    """Files of an export that was cut off before its progress was kept: they are written again."""
    for found in folder.glob(f"events/day=*/{service}-{number}-*"):
        if int(found.stem.rpartition("-")[2]) >= reached:
            found.unlink()


def _progress(folder: Path) -> dict[str, int]:
    """The position that comes next, by `service/partition`."""
    try:
        found = orjson.loads((folder / PROGRESS).read_bytes())
    except FileNotFoundError:
        return {}
    return {str(where): int(position) for where, position in found.items()}


def _keep(folder: Path, progress: Mapping[str, int]) -> None:
    unfinished = folder / f"{PROGRESS}.part"
    unfinished.write_bytes(orjson.dumps(progress, option=orjson.OPT_SORT_KEYS))
    unfinished.replace(folder / PROGRESS)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two exports into one folder would each take the other's files for unfinished ones."""
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
