"""A second reading of docs/wire.md: checks the records of a log, and shares no code with what wrote them.

`check(records)` takes every record of every topic of an installation, each partition in the order of its offsets, read
committed. A count of 0 means that a rule was never put to the test.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

NAMESPACE = uuid5(NAMESPACE_DNS, "orderlog")
INDEXES = (*range(4096), *range(1_000_000, 1_000_100), *range(3_000_000, 3_004_096))
"""The places in one handling that an id may name; conflicts of door messages count from a million, and what makes room
in a full parking from three millions."""
PARKED_AGAIN = 2_000_000
"""Added to the version of a MessageParked whose cause is known to the stream already."""


@dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    def __getitem__(self, header: str) -> str:
        return dict(self.headers).get(header, b"").decode()

    @property
    def place(self) -> str:
        return f"{self.topic}-{self.partition}@{self.offset}"


@dataclass
class Report:
    """How often each rule was checked, and every breach as `rule: place: what`."""

    checked: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def expect(self, rule: str, record: Record, holds: bool, what: str) -> None:
        self.checked[rule] += 1
        if not holds:
            self.violations.append(f"{rule}: {record.place}: {what}")


def check(records: Iterable[Record], keys: Mapping[str, bytes] | None = None) -> Report:
    """Check everything; `keys` are the unwrapped keys of subjects, by which `Personal` must open."""
    everything, report = list(records), Report()
    ours = [record for record in everything if record["ce_txn"]]
    events = [record for record in ours if record.topic.endswith(".events")]
    _sequences(events, report)
    _chains(events, report)
    _offsets(events, everything, report)
    _ids(events, ours, report)
    _times(events, everything, report)
    _transactions(ours, report)
    for record in ours:
        _personal(record, keys or {}, report)
    return report


def _sequences(events: list[Record], report: Report) -> None:
    last: dict[tuple[str, str], tuple[int, int]] = {}
    for event in events:
        stream = (event.topic, event["ce_subject"])
        sequence, partition = last.get(stream, (0, event.partition))
        report.expect(
            "ce_sequence", event, event["ce_sequence"] == str(sequence + 1), f"{stream[1]} has a gap before it"
        )
        report.expect("partition", event, event.partition == partition, f"{stream[1]} lives in {partition} too")
        report.expect("key", event, event.key.decode() == stream[1], "the key is not the stream")
        last[stream] = (int(event["ce_sequence"]), event.partition)


def _chains(events: list[Record], report: Report) -> None:
    heads: dict[tuple[str, int], str] = {}
    for event in events:
        partition = (event.topic, event.partition)
        report.expect(
            "ce_prev", event, event["ce_prev"] == heads.get(partition, "0" * 64), "another event was before it"
        )
        parts = [event.key, event.value, *(part for name, value in event.headers for part in (name.encode(), value))]
        heads[partition] = sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).hexdigest()


def _offsets(events: list[Record], everything: list[Record], report: Report) -> None:
    inboxes = {(r.topic, r.partition, r.offset): r for r in everything if r.topic.endswith(".inbox")}
    last: dict[tuple[str, int], int] = {}
    redriven: set[tuple[str, int, int, str]] = set()
    for event in events:
        partition, offset = (event.topic, event.partition), int(event["ce_inboxoffset"] or -1)
        report.expect("ce_inboxoffset", event, offset >= last.get(partition, 0), "missing, or before the last event's")
        last[partition] = max(offset, last.get(partition, 0))
        inbox = event.topic.removesuffix(".events") + ".inbox"
        if cause := inboxes.get((inbox, event.partition, offset)):
            if event["ce_type"] == "orderlog.chassis.MessageRedriven.v1":
                redriven.add((*partition, offset, json.loads(event.value)["message_id"]))
            parked = (*partition, offset, event["ce_causationid"]) in redriven
            same = parked or cause["ce_id"] == event["ce_causationid"]
            report.expect("ce_inboxoffset cause", event, same, f"{cause.place} is not its cause")


def _ids(events: list[Record], ours: list[Record], report: Report) -> None:
    emitters = defaultdict(set)
    for event in events:
        emitters[event["ce_causationid"]].add(event["ce_subject"])
    values: dict[str, bytes] = {}
    for event in events:
        report.expect("ce_id once", event, event["ce_id"] not in values, "the id was used before")
        values[event["ce_id"]] = event.value
        parked_again = [PARKED_AGAIN + int(event["ce_sequence"])] if "MessageParked" in event["ce_type"] else []
        named = _is_named(event, {event["ce_subject"]}, parked_again)
        report.expect("ce_id event", event, named, "not the uuid5 of cause, stream and index")
    for record in (record for record in ours if not record["ce_sequence"] and record["ce_id"]):
        if record["ce_type"] == "orderlog.chassis.DeadlinePassed.v1":
            value = json.loads(record.value)
            expected = _uuid5(record["ce_subject"], "deadline", value["name"], value["due"])
            report.expect(
                "ce_id deadline", record, record["ce_id"] == expected, "not the uuid5 of stream, name and due"
            )
        else:
            named = _is_named(record, emitters[record["ce_causationid"]])
            report.expect("ce_id message", record, named, "not the uuid5 of cause, an emitting stream and index")
    for copy in (record for record in ours if record["ce_sequence"] and not record.topic.endswith(".events")):
        report.expect("copy", copy, values.get(copy["ce_id"]) == copy.value, "no event with this id and value")


def _uuid5(*parts: str) -> str:
    return str(uuid5(NAMESPACE, "\x1f".join(parts)))


def _is_named(record: Record, streams: set[str], more: Iterable[int] = ()) -> bool:
    cause, identifier = record["ce_causationid"], record["ce_id"]
    indexes = (*more, *INDEXES)
    return any(_uuid5(cause, stream, str(index)) == identifier for index in indexes for stream in sorted(streams))


def _times(events: list[Record], everything: list[Record], report: Report) -> None:
    times: dict[str, str] = {}
    for record in everything:
        # A door's message may come again, later: the first is the one that counts.
        times[record["ce_id"]] = min(times.get(record["ce_id"], record["ce_time"]), record["ce_time"])
    last: dict[str, str] = {}
    for event in events:
        stream, time = event["ce_subject"], event["ce_time"]
        report.expect("ce_time stream", event, last.get(stream, "") <= time, "earlier than the event before it")
        last[stream] = time
        if cause := times.get(event["ce_causationid"]):
            report.expect("ce_time cause", event, cause <= time, "earlier than what caused it")


def _transactions(ours: list[Record], report: Report) -> None:
    found: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in ours:
        found[record["ce_txn"].partition(";")[0]][f"{record.topic}-{record.partition}"].append(record)
    numbers: dict[str, list[tuple[int, Record]]] = defaultdict(list)
    for transaction, partitions in found.items():
        first = next(iter(partitions.values()))[0]
        incarnation, _, number = transaction.rpartition(".")
        numbers[incarnation].append((int(number), first))
        counts = {place: len(records) for place, records in partitions.items()}
        for records in partitions.values():
            for n, record in enumerate(records):
                table = record["ce_txn"].partition(";")[2]
                whole = json.loads(table or "null") == counts if n == 0 else not table
                report.expect("ce_txn whole", record, whole, f"{transaction} says {table or 'nothing'}, found {counts}")
    for used in numbers.values():
        for due, (used_number, record) in enumerate(sorted(used, key=lambda pair: pair[0]), 1):
            report.expect("ce_txn number", record, used_number == due, f"transaction {due} is missing before it")


def _personal(record: Record, keys: Mapping[str, bytes], report: Report) -> None:
    floats: list[str] = []
    value = json.loads(record.value, parse_float=lambda text: floats.append(text))
    report.expect("no float", record, not floats, f"a float in the value: {floats}")
    for subject, ciphertext in _sealed(value):
        if subject in keys:
            report.expect("personal", record, _opens(keys[subject], subject, ciphertext), f"{subject} does not open")


def _sealed(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if value.keys() == {"subject", "ciphertext"}:
            yield value["subject"], value["ciphertext"]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _sealed(part)


def _opens(key: bytes, subject: str, ciphertext: str) -> bool:
    try:
        return isinstance(json.loads(AESSIV(key).decrypt(b64decode(ciphertext), [subject.encode()])), dict)
    except InvalidTag:
        return False
