"""The independent reader agrees with what the chassis writes, and names every breach put into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.contracts.independent_reader import Record, check
from tests.contracts.log import KEY, SUBJECT, log

RULES = {
    "ce_sequence",
    "partition",
    "key",
    "ce_prev",
    "ce_inboxoffset",
    "ce_inboxoffset cause",
    "ce_id once",
    "ce_id event",
    "ce_id deadline",
    "ce_id message",
    "copy",
    "ce_time stream",
    "ce_time cause",
    "ce_txn whole",
    "ce_txn number",
    "no float",
    "personal",
}

Log = list[Record]


def test_a_log_of_ours_breaks_no_rule_and_puts_each_to_the_test() -> None:
    report = check(log(), {SUBJECT: KEY})
    assert report.violations == []
    assert set(report.checked) == RULES


def _header(record: Record, name: str, value: str) -> Record:
    return replace(record, headers=tuple((n, value.encode() if n == name else v) for n, v in record.headers))


def _at(records: Log, topic: str, offset: int) -> int:
    return next(n for n, record in enumerate(records) if (record.topic, record.offset) == (topic, offset))


def _changed(topic: str, offset: int, change: Callable[[Record], Record]) -> Callable[[Log], Log]:
    def mutate(records: Log) -> Log:
        place = _at(records, topic, offset)
        return [*records[:place], change(records[place]), *records[place + 1 :]]

    return mutate


def _dropped(topic: str, offset: int) -> Callable[[Log], Log]:
    return lambda records: [r for r in records if (r.topic, r.offset) != (topic, offset)]


def _set(topic: str, offset: int, header: str, value: str) -> Callable[[Log], Log]:
    return _changed(topic, offset, lambda record: _header(record, header, value))


def _without_transaction(prefix: str) -> Callable[[Log], Log]:
    return lambda records: [r for r in records if not r["ce_txn"].startswith(prefix)]


def _doubled(records: Log) -> Log:
    last = records[-1]
    return [*records, replace(last, offset=last.offset + 1)]


MUTATIONS: dict[str, tuple[str, Callable[[Log], Log]]] = {
    "an event in the middle is lost": ("ce_sequence", _dropped("order.events", 1)),
    "an event is there twice": ("ce_id once", _doubled),
    "a version is skipped": ("ce_sequence", _set("order.events", 2, "ce_sequence", "4")),
    "a stream is in two partitions": (
        "partition",
        _changed("order.events", 2, lambda record: replace(record, partition=0)),
    ),
    "an event has another key": ("key", _changed("order.events", 2, lambda record: replace(record, key=b"order/x"))),
    "a value was edited": (
        "ce_prev",
        _changed("order.events", 1, lambda record: replace(record, value=b'{"rounds":2}')),
    ),
    "a header was edited": ("ce_prev", _set("order.events", 1, "ce_tenant", "other")),
    "the first event of the partition is gone": ("ce_prev", _dropped("order.events", 0)),
    "an inbox offset is missing": ("ce_inboxoffset", _set("order.events", 2, "ce_inboxoffset", "")),
    "inbox offsets go back": ("ce_inboxoffset", _set("order.events", 0, "ce_inboxoffset", "7")),
    "the inbox offset names another message": ("ce_inboxoffset cause", _set("order.events", 2, "ce_inboxoffset", "1")),
    "an event has an id of its own making": (
        "ce_id event",
        _set("order.events", 1, "ce_id", "9dc2e61c-e5bd-500c-b216-154c1ae34111"),
    ),
    "a command has an id of its own making": (
        "ce_id message",
        _set("inventory.inbox", 0, "ce_id", "9dc2e61c-e5bd-500c-b216-154c1ae34111"),
    ),
    "a deadline has another due time": (
        "ce_id deadline",
        _changed("order.inbox", 2, lambda record: replace(record, value=record.value.replace(b"10:15", b"10:16"))),
    ),
    "an answer says something else than the event": (
        "copy",
        _changed("order.inbox", 1, lambda record: replace(record, value=b'{"quantity":3}')),
    ),
    "time goes back along a stream": (
        "ce_time stream",
        _set("order.events", 2, "ce_time", "2026-11-22T09:00:00.000Z"),
    ),
    "an effect is before its cause": (
        "ce_time cause",
        _set("inventory.events", 0, "ce_time", "2026-11-22T09:00:00.000Z"),
    ),
    "a transaction is torn": ("ce_txn whole", _dropped("inventory.inbox", 0)),
    "a transaction says other counts": (
        "ce_txn whole",
        _set("order.inbox", 2, "ce_txn", '0198c0de.2;{"order.inbox-3":2}'),
    ),
    "a whole transaction is lost": ("ce_txn number", _without_transaction("0198c0de.2")),
    "a value holds a float": (
        "no float",
        _changed("order.events", 2, lambda record: replace(record, value=b'{"price":1.5}')),
    ),
    "sealed data was moved to another subject": (
        "personal",
        _changed(
            "order.events",
            0,
            lambda record: replace(record, value=record.value.replace(SUBJECT.encode(), b"someone-else")),
        ),
    ),
}


@pytest.mark.parametrize("breach", MUTATIONS)
def test_a_breach_is_named(breach: str) -> None:
    rule, mutate = MUTATIONS[breach]
    report = check(mutate(log()), {SUBJECT: KEY, "someone-else": KEY})
    assert any(violation.startswith(f"{rule}: ") for violation in report.violations), report.violations


def test_every_rule_has_a_breach_that_it_names() -> None:
    assert {rule for rule, _ in MUTATIONS.values()} == RULES
