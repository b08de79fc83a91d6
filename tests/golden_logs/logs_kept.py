"""A golden log as a file, and the states that today's code folds of it.

A log is a line of JSON an event, in the order in which it was written, compressed. It is never edited. The digests of
states stand beside it, by fold and version: another version of a fold gets a digest of its own.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from chassis.chain import GENESIS, event_hash
from chassis.memory import MemoryLog
from chassis.rebuild import ends_of
from chassis.service import Service
from chassis.snapshots import encode_stream, evolve_recorded
from chassis.store import Recorded
from chassis.stream import Stream, fresh
from contracts import topics
from contracts.envelope import Envelope, Headers
from contracts.ids import split_stream
from oms.declared import declared

__all__ = [
    "DIGESTS",
    "LOGS",
    "UNRELEASED",
    "Kept",
    "broken_chain",
    "digests",
    "events_of",
    "keep_digests",
    "kept_digests",
    "log_file",
    "read",
    "write",
]

LOGS = Path(__file__).parent / "logs"
DIGESTS = LOGS / "digests.json"
UNRELEASED = "unreleased"
"""The log of what was not released yet: drawn again whenever that changes."""

POLLED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Kept:
    """An event of a golden log: where it stood, and its bytes."""

    service: str
    partition: int
    offset: int
    key: str
    value: str
    headers: Headers


def log_file(version: str) -> Path:
    return LOGS / f"{version}.jsonl.xz"


def kept_digests() -> dict[str, dict[str, str]]:
    """The digests that stand beside the logs: by log, by fold and version."""
    found: dict[str, dict[str, str]] = json.loads(DIGESTS.read_text())
    return found


def write(version: str, events: Sequence[Kept]) -> None:
    """Keep a log. Raises FileExistsError for one that is there: it is never edited."""
    lines = [
        orjson.dumps([each.service, each.partition, each.offset, each.key, each.value, _texts(each.headers)])
        for each in events
    ]
    with log_file(version).open("xb") as file:
        file.write(lzma.compress(b"\n".join(lines), preset=9 | lzma.PRESET_EXTREME))


def _texts(headers: Headers) -> list[list[str]]:
    return [[name, value.decode()] for name, value in headers]


def read(version: str) -> list[Kept]:
    """A log as it was written."""
    lines = lzma.decompress(log_file(version).read_bytes()).split(b"\n")
    return [_kept(*orjson.loads(line)) for line in lines]


def _kept(service: str, partition: int, offset: int, key: str, value: str, headers: list[list[str]]) -> Kept:
    return Kept(service, partition, offset, key, value, tuple((name, text.encode()) for name, text in headers))


def events_of(log: MemoryLog) -> Iterator[Kept]:
    """Everything in the events topics of all services, partition by partition."""
    for name in topics.SERVICES:
        service = declared(name, "")
        reader = log.reader()
        reader.assign(dict.fromkeys(ends_of(log, service).store, 0))
        while True:
            records, moved = reader.poll(POLLED_MAX, 0)
            if not moved:
                break
            for each in records:
                key, value = (each.key or b"").decode(), (each.value or b"").decode()
                yield Kept(name, each.partition, each.offset, key, value, each.headers)
        reader.close()


def broken_chain(events: Sequence[Kept]) -> list[Kept]:
    """Events that do not name the hash of the one before them in their partition: the file was changed."""
    heads: dict[tuple[str, int], str] = {}
    broken = []
    for each in events:
        where = (each.service, each.partition)
        if Envelope.parse(each.headers).prev != heads.get(where, GENESIS):
            broken.append(each)
        heads[where] = event_hash(each.key.encode(), each.value.encode(), each.headers)
    return broken


def digests(events: Sequence[Kept]) -> dict[str, str]:
    """SHA-256 (hex) over the canonical states of all streams, by `<service>/<kind>/<fold>:<version>`.

    Raises LookupError where a log has a gap, or a type that this release cannot read.
    """
    found = {}
    for name in topics.SERVICES:
        service = declared(name, "")
        streams = _streams(service, [each for each in events if each.service == name])
        for kind in service.kinds:
            documents = [
                (stream.name, orjson.loads(encode_stream(stream))["states"])
                for stream in streams
                if split_stream(stream.name)[0] == kind.kind
            ]
            for number, fold in enumerate(kind.folds):
                digest = sha256()
                for stream, states in documents:
                    digest.update(orjson.dumps([stream, states[number]], option=orjson.OPT_SORT_KEYS) + b"\n")
                found[f"{name}/{kind.kind}/{fold.name}:{fold.version}"] = digest.hexdigest()
    return found


def _streams(service: Service, events: Sequence[Kept]) -> list[Stream]:
    """Every stream after its last event, by name."""
    streams: dict[str, Stream] = {}
    for each in events:
        kind = service.by_kind[split_stream(each.key)[0]]
        stream = streams.get(each.key) or fresh(kind, each.key)
        streams[each.key] = evolve_recorded(kind, stream, _recorded(each))
    return [stream for _, stream in sorted(streams.items())]


def _recorded(each: Kept) -> Recorded:
    envelope = Envelope.parse(each.headers)
    texts: dict[str, Any] = {name: value.decode() for name, value in each.headers}
    return Recorded(
        each.key, envelope.sequence or 0, envelope.type, texts, each.value.encode(), each.partition, each.offset
    )


def keep_digests(found: dict[str, dict[str, str]]) -> None:
    """Write the digests beside the logs."""
    DIGESTS.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
