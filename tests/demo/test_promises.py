"""A run ends with the outside checker: late things are waited for, a break is one, and a short run need not show all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from oms.demo.mix import MIX_ORDERS_MIN
from oms.demo.promises import CHECKS_MAX, REST_SECONDS, Verified, promises_kept
from oms.verify.checking import Installation
from oms.verify.findings import State
from oms.verify.kafka import murmur2
from oms.verify.rules import RULES
from tests.verify.installations import CANARY, SCHEMAS, MemoryInstallation, MemoryTables
from tests.verify.lives import clean


def verified(here: MemoryInstallation, orders: int, meanwhile: Callable[[float], None] = lambda _: None) -> Verified:
    """What a run of so many orders is told. `meanwhile` happens at each wait."""
    of = Installation(
        here.log, SCHEMAS, murmur2, lambda: here.now, timedelta(), "", here.tables, [here.books], [CANARY]
    )
    return promises_kept(of, orders, meanwhile)


def emptied() -> MemoryInstallation:
    """An installation in which nobody carried anything."""
    here = clean()
    for where, records in here.log.logs.items():
        if where.topic.startswith("shipping."):
            records.clear()
    here.tables = MemoryTables.following(here.log)
    return here


def test_a_run_that_kept_every_promise_is_told_rule_by_rule() -> None:
    told = verified(clean(), MIX_ORDERS_MIN)
    assert told.findings.clean
    assert [line.split("  ")[0] for line in told.lines[: len(RULES)]] == list(RULES)
    assert told.document["clean"]


def test_what_is_late_is_waited_for() -> None:
    here, waits = clean(), list[float]()
    number, offset = next(
        (where.number, bounds.end) for where, bounds in here.log.bounds().items() if where.topic == "order.inbox"
    )
    here.log.groups["order", number] = 0

    def meanwhile(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            here.log.groups["order", number] = offset

    assert verified(here, MIX_ORDERS_MIN, meanwhile).findings.clean
    assert waits == [REST_SECONDS] * 3


def test_what_stays_broken_is_told_with_its_record() -> None:
    here, waits = clean(), list[float]()
    here.log.repeat(here.log.all("order.events", "OrderPlaced")[0])
    told = verified(here, MIX_ORDERS_MIN, waits.append)
    assert not told.findings.clean
    assert len(waits) == CHECKS_MAX
    assert any("orderlog.order.OrderPlaced.v1" in line for line in told.lines)


def test_a_rule_without_a_case_fails_a_long_run_and_is_named_in_a_short_one() -> None:
    long, short = verified(emptied(), MIX_ORDERS_MIN), verified(emptied(), MIX_ORDERS_MIN - 1)
    assert long.findings.states["I-06 packages"] == State.UNCHECKED
    assert short.findings.states["I-06 packages"] == State.NOT_APPLICABLE
    assert "the run had 199 orders" in short.findings.not_applicable["I-06 packages"]
