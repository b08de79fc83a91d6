"""How many break a rule is counted, however few are shown; and what is shown is a record wherever one lies there."""

from __future__ import annotations

import pytest

from oms.verify.findings import Findings
from oms.verify.records import Partition, Record
from oms.verify.wire import GENESIS
from tests.verify.installations import MemoryInstallation
from tests.verify.lives import clean

MANY = 250


def shown(here: MemoryInstallation, found: Findings, rule: str) -> Record | None:
    place = found.first[rule].place
    return here.log.at(place) if place else None


def test_each_event_that_a_table_has_and_its_topic_has_not_is_counted() -> None:
    here = clean()
    rows = here.tables.rows["shipping"]
    last = rows[-1]
    rows += [last._replace(version=last.version + 1 + more, offset=last.offset + 1 + more) for more in range(MANY)]

    found = here.checked()

    assert found.violated["I-15 events"] == MANY
    assert f"of version {last.version + 1}" in found.first["I-15 events"].what


def test_of_an_event_that_a_table_has_otherwise_the_record_in_its_place_is_shown() -> None:
    here = clean()
    rows = here.tables.rows["shipping"]
    rows.append(rows[0]._replace(version=99))

    found = here.checked()

    record = shown(here, found, "I-15 events")
    assert record is not None and record.offset == rows[0].offset


def test_each_deadline_that_a_table_has_otherwise_is_counted_and_the_event_that_set_it_is_shown() -> None:
    here = clean()
    waiting = here.tables.waiting["payments"]
    waiting |= {(f"payment/{number}", "expires"): 20260101000000000 for number in range(MANY)}
    order = here.tables.waiting["order"]
    for key in list(order):
        order[key] += 1
    changed = len(order)

    found = here.checked()

    assert found.violated["I-15 deadlines"] == MANY + changed
    record = shown(here, found, "I-15 deadlines")
    assert record is not None and record.topic == "order.events"
    assert dict(record.headers)["ce_subject"].decode() in found.first["I-15 deadlines"].what


@pytest.mark.parametrize("how", ["never followed", "another head"])
def test_where_tables_stand_wrong_the_last_event_is_shown(how: str) -> None:
    here = clean()
    where = next(place for place, found in here.tables.found.items() if found.head != GENESIS)
    if how == "never followed":
        del here.tables.found[where]
    else:
        here.tables.found[where] = here.tables.found[where]._replace(head="f" * 64)

    record = shown(here, here.checked(), "I-16 tables")

    assert record == here.log.logs[Partition(f"{where[0]}.events", where[1])][-1]


def test_of_a_group_without_a_position_the_first_record_is_shown() -> None:
    here = clean()
    here.log.groups["order", 0] = None

    record = shown(here, here.checked(), "I-16 groups")

    assert record == here.log.logs[Partition("order.inbox", 0)][0]
