"""Breaks of what stands beside the events: what came in, tables, positions, a provider's books, planted names."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from oms.verify.provider import Entry
from oms.verify.records import Partition
from oms.verify.wire import GENESIS
from tests.verify.breaking import Breaks
from tests.verify.installations import CANARY, MemoryInstallation
from tests.verify.logs import with_header, with_value
from tests.verify.order_mutations import first, more, rename, say, value_of

__all__ = ["BREAKS"]

BREAKS = Breaks()

OTHER = "0f7e6c5b-4a39-4287-9165-043210fedcba"


# -- what came in


@BREAKS.of("I-13 order")
def an_order_is_placed_under_another_external_id(here: MemoryInstallation) -> None:
    say(here.log, first(here.log, "order.events", "OrderPlaced"), external_id="77")


@BREAKS.of("I-13 order")
def an_order_is_placed_twice(here: MemoryInstallation) -> None:
    placed = first(here.log, "order.events", "OrderPlaced")
    rename(here.log, first(here.log, "order.events", "OrderConfirmed"), "OrderPlaced", **value_of(placed))


@BREAKS.of("I-13 effect")
def a_message_of_a_door_leaves_no_event(here: MemoryInstallation) -> None:
    received = here.log.all("inventory.inbox", "ReceiveStock")[0]
    here.log.put(received, with_header(with_header(received, "ce_id", OTHER), "ce_causationid", OTHER))


@BREAKS.of("I-13 published")
def a_published_order_is_forgotten(here: MemoryInstallation) -> None:
    published = here.log.all("channel.orders")[0]
    here.log.put(published, with_value(published, external_id="78"))


@BREAKS.of("I-13 published")
def nonsense_that_was_published_vanishes(here: MemoryInstallation) -> None:
    here.log.drop(here.log.all("order.dead-letters")[0])


@BREAKS.of("I-13 letters")
def nonsense_becomes_two_dead_letters(here: MemoryInstallation) -> None:
    here.log.repeat(here.log.all("order.dead-letters")[0])


@BREAKS.of("I-13 letters")
def a_dead_letter_says_no_reason(here: MemoryInstallation) -> None:
    letter = here.log.all("order.dead-letters")[0]
    here.log.put(letter, with_header(letter, "reason", None))


# -- tables and positions


@BREAKS.of("I-15 events")
def a_table_lacks_an_event(here: MemoryInstallation) -> None:
    here.tables.rows["order"].pop(3)


@BREAKS.of("I-15 events")
def a_table_has_an_event_edited(here: MemoryInstallation) -> None:
    rows = here.tables.rows["payments"]
    rows[0] = rows[0]._replace(value=rows[0].value.replace(b"1", b"2"))


@BREAKS.of("I-15 events")
def a_table_has_an_event_that_never_was(here: MemoryInstallation) -> None:
    rows = here.tables.rows["shipping"]
    rows.append(rows[-1]._replace(version=rows[-1].version + 1, offset=rows[-1].offset + 1_000))


@BREAKS.of("I-15 deadlines")
def a_table_forgot_a_deadline(here: MemoryInstallation) -> None:
    here.tables.waiting["order"].popitem()


@BREAKS.of("I-15 deadlines")
def a_table_has_a_deadline_at_another_time(here: MemoryInstallation) -> None:
    waiting = here.tables.waiting["order"]
    waiting[next(iter(waiting))] += 1


@BREAKS.of("I-15 deadlines")
def a_table_has_a_deadline_that_was_cleared(here: MemoryInstallation) -> None:
    here.tables.waiting["payments"]["payment/x", "expires"] = 20260101000000000


@BREAKS.of("I-16 tables")
def a_table_stands_at_another_event(here: MemoryInstallation) -> None:
    where = next(place for place, found in here.tables.found.items() if found.head != GENESIS)
    here.tables.found[where] = here.tables.found[where]._replace(head="f" * 64)


@BREAKS.of("I-16 tables")
def a_table_is_behind(here: MemoryInstallation) -> None:
    where = next(place for place, found in here.tables.found.items() if found.head != GENESIS)
    here.tables.found[where] = here.tables.found[where]._replace(next=1)


@BREAKS.of("I-16 tables")
def a_partition_was_never_followed(here: MemoryInstallation) -> None:
    where = next(place for place, found in here.tables.found.items() if found.head != GENESIS)
    del here.tables.found[where]


@BREAKS.of("I-16 groups")
def a_group_has_not_read_what_is_old(here: MemoryInstallation) -> None:
    here.log.groups["order", 0] = 0


@BREAKS.of("I-16 groups")
def a_group_has_lost_its_position(here: MemoryInstallation) -> None:
    here.log.groups["order", 0] = None


@BREAKS.of("I-16 hanging")
def a_transaction_never_ends(here: MemoryInstallation) -> None:
    where = Partition("order.inbox", 0)
    here.log.hanging[where] = here.log.bounds()[where].end + 1


# -- a provider's books


@BREAKS.of("I-05 once")
def a_card_is_charged_twice_under_one_key(here: MemoryInstallation) -> None:
    here.books.kept.append(replace(_entry(here, "charge"), id="again"))


@BREAKS.of("I-05 steps")
def a_card_is_charged_twice_for_one_capture(here: MemoryInstallation) -> None:
    # Under two keys, each of which was asked for.
    taken = _entry(here, "charge")
    asked = next(
        record
        for record in here.log.all("payments.events", "CardCaptureRequested")
        if value_of(record)["call"]["key"] == taken.key
    )
    again = {**value_of(asked), "call": {**value_of(asked)["call"], "key": OTHER}}
    rename(here.log, first(here.log, "payments.events", "CardCaptured", key=taken.key), "CardCaptureRequested", **again)
    here.books.kept.append(replace(taken, id="other", key=OTHER))


@BREAKS.of("I-05 ours")
def a_charge_that_we_know_is_not_in_the_books(here: MemoryInstallation) -> None:
    here.books.kept.remove(_entry(here, "charge"))


@BREAKS.of("I-05 ours")
def a_charge_is_a_cent_more_in_the_books(here: MemoryInstallation) -> None:
    _alter(here, _entry(here, "charge"), amount=_entry(here, "charge").amount + 1)


@BREAKS.of("I-05 ours")
def a_refund_is_in_another_currency_in_the_books(here: MemoryInstallation) -> None:
    _alter(here, _entry(here, "refund"), currency="USD")


@BREAKS.of("I-05 theirs")
def what_we_call_declined_was_made(here: MemoryInstallation) -> None:
    _alter(here, next(entry for entry in here.books.kept if entry.declined), declined=False)


@BREAKS.of("I-08 cause")
def the_books_have_a_charge_that_nobody_asked_for(here: MemoryInstallation) -> None:
    here.books.kept.append(replace(_entry(here, "charge"), id="other", key=OTHER))


@BREAKS.of("I-08 cause")
def the_books_have_a_charge_for_another_order(here: MemoryInstallation) -> None:
    _alter(here, _entry(here, "charge"), order=OTHER)


def _entry(here: MemoryInstallation, kind: str) -> Entry:
    return next(entry for entry in here.books.kept if entry.kind == kind and not entry.declined)


def _alter(here: MemoryInstallation, entry: Entry, **changes: object) -> None:
    here.books.kept[here.books.kept.index(entry)] = replace(entry, **changes)  # type: ignore[arg-type]


# -- stored value, documents, packages


@BREAKS.of("I-04 value")
def a_gift_card_is_spent_beyond_its_worth(here: MemoryInstallation) -> None:
    held = first(here.log, "payments.events", "ValueHeld")
    say(here.log, held, amount=more(value_of(held)["amount"], 1_000))


@BREAKS.of("I-04 value")
def a_gift_card_says_another_rest(here: MemoryInstallation) -> None:
    held = first(here.log, "payments.events", "ValueHeld")
    say(here.log, held, available=more(value_of(held)["available"], 1))


@BREAKS.of("I-04 numbers")
def a_document_s_number_is_left_out(here: MemoryInstallation) -> None:
    assigned = here.log.all("payments.events", "NumberAssigned")[-1]
    say(here.log, assigned, sequence=value_of(assigned)["sequence"] + 1)


@BREAKS.of("I-06 numbers")
def two_packages_have_one_number(here: MemoryInstallation) -> None:
    one, other = here.log.all("shipping.events", "LabelIssued")[:2]
    labels = [{**value_of(other)["labels"][0], "sscc": value_of(one)["labels"][0]["sscc"]}]
    say(here.log, other, labels=labels)


# -- what waits


@BREAKS.of("I-19 parked")
def a_message_stays_parked(here: MemoryInstallation) -> None:
    event = first(here.log, "order.events", "NoticeSent")
    fields = {"message_type": "t", "fault": "crashed", "detail": "d", "offset": 1, "headers": [], "value": ""}
    parked = {"message_id": OTHER, "timestamp": "2026-01-01T00:00:00.000Z", **fields}
    rename(here.log, event, "MessageParked", owner="chassis", **parked)


@BREAKS.of("I-19 outside")
def a_notice_is_never_sent(here: MemoryInstallation) -> None:
    say(here.log, first(here.log, "order.events", "NoticeSent"), notice="other")


@BREAKS.of("I-19 outside")
def a_call_to_the_provider_never_ends(here: MemoryInstallation) -> None:
    say(here.log, first(here.log, "payments.events", "CardCaptured"), key=OTHER)


@BREAKS.of("I-19 deadlines")
def nobody_hears_of_a_deadline_that_is_due(here: MemoryInstallation) -> None:
    here.now += timedelta(days=700)


@BREAKS.of("I-20 canaries")
def a_name_stands_in_a_value(here: MemoryInstallation) -> None:
    received = here.log.all("inventory.inbox", "ReceiveStock")[0]
    here.log.put(received, with_value(received, document=f"for {CANARY}"))


@BREAKS.of("I-20 canaries")
def a_name_stands_in_a_header(here: MemoryInstallation) -> None:
    event = first(here.log, "order.events", "OrderConfirmed")
    here.log.put(event, replace(event, headers=(*event.headers, ("ce_reason", CANARY.encode()))))
