"""Breaks of the log: of versions, causes, transactions, chains and values. Each is named by the rule that must notice."""

from __future__ import annotations

from dataclasses import replace

from oms.verify.records import Record
from tests.verify.breaking import Breaks
from tests.verify.installations import MemoryInstallation
from tests.verify.logs import MemorySource, other_partition, with_header, with_value

__all__ = ["BREAKS", "written_with"]

BREAKS = Breaks()


def _event(log: MemorySource, name: str = "OrderConfirmed") -> Record:
    return log.all("order.events", name)[0]


HOUR_MS = 60 * 60 * 1_000


def written_with(log: MemorySource, one: Record) -> list[Record]:
    """Everything that a transaction wrote."""
    name = dict(one.headers)["ce_txn"].partition(b";")[0]
    every = [record for records in log.logs.values() for record in records]
    return [r for r in every if dict(r.headers).get("ce_txn", b"").partition(b";")[0] == name]


def _answer(log: MemorySource) -> Record:
    return log.all("order.inbox", "StockReserved")[0]


@BREAKS.of("I-11 versions")
def an_event_is_lost(here: MemoryInstallation) -> None:
    log = here.log
    log.drop(_event(log))


@BREAKS.of("I-11 versions", "I-12 id")
def an_event_is_there_twice(here: MemoryInstallation) -> None:
    log = here.log
    log.repeat(_event(log))


@BREAKS.of("I-11 versions")
def two_events_change_places(here: MemoryInstallation) -> None:
    log = here.log
    first = _event(log)
    later = next(r for r in log.all("order.events") if r.key == first.key and r.offset > first.offset)
    log.swap(first, later)


@BREAKS.of("I-11 partition")
def a_stream_goes_on_in_another_partition(here: MemoryInstallation) -> None:
    log = here.log
    event = log.all("order.events", "OrderCompleted")[0]
    log.drop(event)
    log.append(other_partition(event), event.key, event.value, event.headers)


@BREAKS.of("I-11 key")
def an_event_lies_under_another_key(here: MemoryInstallation) -> None:
    log = here.log
    event = _event(log)
    other = next(r for r in log.all("order.events") if r.partition == event.partition and r.key != event.key)
    log.put(event, replace(event, key=other.key))


@BREAKS.of("I-12 cause")
def the_message_that_caused_an_event_is_lost(here: MemoryInstallation) -> None:
    log = here.log
    log.drop(log.all("inventory.inbox", "ClaimStock")[0])


@BREAKS.of("I-12 cause")
def an_event_names_the_place_of_another_message(here: MemoryInstallation) -> None:
    log = here.log
    event = _event(log)
    log.put(event, with_header(event, "ce_inboxoffset", "0"))


@BREAKS.of("I-12 cause", "I-12 id")
def an_event_names_another_cause(here: MemoryInstallation) -> None:
    log = here.log
    event = _event(log)
    log.put(event, with_header(event, "ce_causationid", event.headers[2][1].decode()))


@BREAKS.of("I-12 time")
def an_event_is_earlier_than_its_cause(here: MemoryInstallation) -> None:
    log = here.log
    event = _event(log)
    log.put(event, with_header(event, "ce_time", "2020-01-01T00:00:00.000Z"))


@BREAKS.of("I-12 id")
def an_event_bears_a_random_id(here: MemoryInstallation) -> None:
    log = here.log
    event = _event(log)
    log.put(event, with_header(event, "ce_id", "0f7e6c5b-4a39-4287-9165-043210fedcba"))


@BREAKS.of("I-12 message")
def a_message_has_no_event_of_its_cause(here: MemoryInstallation) -> None:
    log = here.log
    sent = log.all("inventory.inbox", "ClaimStock")[0]
    log.put(sent, with_header(sent, "ce_causationid", "0f7e6c5b-4a39-4287-9165-043210fedcba"))


@BREAKS.of("I-12 copy")
def an_answer_says_something_else_than_its_event(here: MemoryInstallation) -> None:
    log = here.log
    answer = _answer(log)
    log.put(answer, with_value(answer, quantity=7))


@BREAKS.of("I-12 copy")
def an_answer_is_of_no_event(here: MemoryInstallation) -> None:
    log = here.log
    answer = _answer(log)
    log.put(answer, with_header(answer, "ce_id", "0f7e6c5b-4a39-4287-9165-043210fedcba"))


@BREAKS.of("I-12 door")
def a_door_s_message_names_a_cause_that_never_was(here: MemoryInstallation) -> None:
    log = here.log
    received = log.all("inventory.inbox", "ReceiveStock")[0]
    log.put(received, with_header(received, "ce_causationid", "0f7e6c5b-4a39-4287-9165-043210fedcba"))


@BREAKS.of("I-12 deadline")
def a_deadline_bears_another_id(here: MemoryInstallation) -> None:
    log = here.log
    passed = log.all("order.inbox", "DeadlinePassed")[0]
    log.put(passed, with_header(passed, "ce_id", "0f7e6c5b-4a39-4287-9165-043210fedcba"))


@BREAKS.of("I-14 whole")
def a_transaction_lacks_a_message(here: MemoryInstallation) -> None:
    log = here.log
    log.drop(log.all("fulfillment.inbox")[0])


@BREAKS.of("I-14 whole")
def a_transaction_lacks_all_in_one_partition(here: MemoryInstallation) -> None:
    log = here.log
    answer = _answer(log)
    name = dict(answer.headers)["ce_txn"].partition(b";")[0]
    for record in log.all("order.inbox"):
        if dict(record.headers).get("ce_txn", b"").partition(b";")[0] == name:
            log.drop(record)


@BREAKS.of("I-14 whole")
def an_aborted_message_is_read(here: MemoryInstallation) -> None:
    log = here.log
    log.repeat(log.all("inventory.inbox", "ClaimStock")[-1])


@BREAKS.of("I-14 numbers")
def a_whole_transaction_is_lost(here: MemoryInstallation) -> None:
    for record in written_with(here.log, _event(here.log)):
        here.log.drop(record)


@BREAKS.of("I-11 versions", "I-14 whole")
def a_transaction_that_was_undone_is_read_after_all(here: MemoryInstallation) -> None:
    # What was in it was worked on once more, by the transaction that is there.
    for record in written_with(here.log, _event(here.log)):
        here.log.repeat(record)


@BREAKS.of("I-11 versions", "I-12 id")
def what_an_older_producer_had_written_is_read_after_it_was_fenced(here: MemoryInstallation) -> None:
    # The same handling under another number of another producer: what it says of itself is whole.
    for record in written_with(here.log, _event(here.log)):
        _, semicolon, table = dict(record.headers)["ce_txn"].decode().partition(";")
        here.log.repeat(with_header(record, "ce_txn", f"older.1{semicolon}{table}"))


@BREAKS.of("I-14 numbers")
def a_whole_transaction_is_lost_of_late_where_the_oldest_are_not_kept(here: MemoryInstallation) -> None:
    # It left no event, so nothing else tells of it.
    log = here.log
    passed = log.all("order.inbox", "DeadlinePassed")[-1]
    for where in list(log.logs):
        if not where.topic.endswith(".events"):
            log.forget(where, passed.timestamp - HOUR_MS)
    for record in written_with(log, passed):
        log.drop(record)


@BREAKS.of("I-14 chain")
def an_event_was_edited(here: MemoryInstallation) -> None:
    log = here.log
    event = log.all("inventory.events", "StockReserved")[0]
    log.put(event, with_value(event, quantity=1_000))


@BREAKS.of("I-14 chain")
def the_actor_of_an_event_was_edited(here: MemoryInstallation) -> None:
    log = here.log
    event = log.all("inventory.events", "StockReserved")[0]
    log.put(event, replace(event, headers=(*event.headers, ("ce_reason", b"because"))))


@BREAKS.of("I-18 schema")
def a_value_lacks_a_field(here: MemoryInstallation) -> None:
    log = here.log
    received = log.all("inventory.inbox", "ReceiveStock")[0]
    log.put(received, replace(received, value=b'{"sku":"A"}'))


@BREAKS.of("I-18 schema")
def a_type_is_unknown(here: MemoryInstallation) -> None:
    log = here.log
    received = log.all("inventory.inbox", "ReceiveStock")[0]
    log.put(received, with_header(received, "ce_type", "orderlog.inventory.EatStock.v1"))


@BREAKS.of("I-18 bytes")
def a_value_holds_a_float(here: MemoryInstallation) -> None:
    log = here.log
    received = log.all("inventory.inbox", "ReceiveStock")[0]
    log.put(received, with_value(received, quantity=20.0))


@BREAKS.of("I-18 bytes")
def a_value_holds_a_null(here: MemoryInstallation) -> None:
    log = here.log
    received = log.all("inventory.inbox", "ReceiveStock")[0]
    log.put(received, with_value(received, lot=None))


@BREAKS.of("I-18 bytes")
def a_value_has_spaces(here: MemoryInstallation) -> None:
    log = here.log
    received = log.all("inventory.inbox", "ReceiveStock")[0]
    log.put(received, replace(received, value=received.value.replace(b":", b": ", 1)))


@BREAKS.of("I-18 bytes")
def a_value_is_no_json(here: MemoryInstallation) -> None:
    log = here.log
    received = log.all("inventory.inbox", "ReceiveStock")[0]
    log.put(received, replace(received, value=received.value[:-1]))


@BREAKS.of("I-12 deadline")
def a_deadline_passed_that_nobody_set(here: MemoryInstallation) -> None:
    log = here.log
    passed = log.all("order.inbox", "DeadlinePassed")[0]
    log.put(passed, with_header(passed, "ce_causationid", "0f7e6c5b-4a39-4287-9165-043210fedcba"))
