"""I-14 where the oldest records of a topic are not kept any more: only what may have gone with them is excused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from oms.verify.checking import Checker, Installation
from oms.verify.kafka import murmur2
from oms.verify.records import Bounds, Partition
from tests.verify.installations import SCHEMAS, MemoryBooks, MemoryBroker, MemoryInstallation, MemoryTables

NUMBERS = "I-14 numbers"
GONE = "transactions of which nothing is kept any more"

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
LETTERS = Partition("order.dead-letters", 0)
DAYS_AGO = {1: 50, 2: 40, 3: 10, 4: 5, 5: 0}
"""When each transaction of a producer was written, by its number."""


def ms_ago(days: float) -> int:
    return int((NOW - timedelta(days=days)).timestamp() * 1_000)


def here(*lost: int) -> MemoryInstallation:
    """An installation with one producer, each transaction of which left one dead letter; some are not there."""
    log = MemoryBroker({LETTERS: [], Partition("channel.orders", 0): [], Partition("payments.dead-letters", 0): []})
    for number, days in DAYS_AGO.items():
        if number not in lost:
            write(log, "one", number, ms_ago(days))
    return MemoryInstallation(log, MemoryBooks(), MemoryTables(), NOW)


def write(log: MemoryBroker, producer: str, number: int, timestamp: int) -> int:
    transaction = f'{producer}.{number};{{"order.dead-letters-0":1}}'
    return log.append(LETTERS, b"", b"", [("ce_txn", transaction.encode())], timestamp)


def found(of: MemoryInstallation) -> tuple[int, int]:
    """How many transactions are lost, and how many of these are excused."""
    findings = of.checked()
    return findings.violated[NUMBERS], findings.unjudged[GONE]


def test_what_is_not_kept_any_more_is_excused_and_counted() -> None:
    # Given a topic that has forgotten all but the last month, and with it two transactions
    of = here()
    of.log.forget(LETTERS, ms_ago(30))

    # When it is checked, then these are not called lost, and it is said how many there are
    assert found(of) == (0, 2)
    assert of.checked().checked[NUMBERS] == 3


def test_a_transaction_that_is_younger_than_what_is_kept_is_lost() -> None:
    # Given the same, and another that was lost five days ago
    of = here(4)
    of.log.forget(LETTERS, ms_ago(30))

    # When it is checked, then that one is named, with the next record that its producer left
    assert found(of) == (1, 2)
    first = of.checked().first[NUMBERS]
    assert "of producer one what is numbered 4 is lost" in first.what
    assert first.place is not None
    record = of.log.at(first.place)
    assert record is not None and dict(record.headers)["ce_txn"].startswith(b"one.5;")


def test_where_everything_is_kept_nothing_is_excused() -> None:
    assert found(here(1, 2)) == (2, 0)


def test_what_no_service_writes_in_a_transaction_excuses_nothing() -> None:
    of = here(2, 4)
    of.log.first[Partition("channel.orders", 0)] = 3
    assert found(of) == (2, 0)


def test_a_partition_that_holds_nothing_any_more_excuses_only_what_is_older_than_it_would_keep() -> None:
    # Given two transactions lost: one long ago, one of late; and another partition that has forgotten all
    of = here(2, 4)
    of.log.first[Partition("payments.dead-letters", 0)] = 3

    # When it is checked, then only the first may have been there
    assert found(of) == (1, 1)


def test_all_numbers_that_are_missing_are_counted_and_named() -> None:
    of = here()
    write(of.log, "other", 5, ms_ago(0))
    write(of.log, "other", 9, ms_ago(0))
    assert found(of) == (7, 0)
    assert "of producer other what is numbered 1 to 4 is lost" in of.checked().first[NUMBERS].what


@dataclass
class Growing(MemoryBroker):
    """A broker to which something comes between the first reading and the second."""

    coming: list[Callable[[], object]] = field(default_factory=list)
    _asked: int = 0

    def bounds(self) -> Mapping[Partition, Bounds]:
        self._asked += 1
        if self._asked == 2:
            for come in self.coming:
                come()
        return super().bounds()


@pytest.mark.parametrize("comes_late", [True, False])
def test_a_gap_before_what_only_the_second_reading_found_is_judged_by_the_next_check(comes_late: bool) -> None:
    # Given a transaction that is read while the one before it is still on its way
    log = Growing(here().log.logs)
    log.coming.append(lambda: write(log, "other", 2, ms_ago(0)))
    checker = Checker(Installation(log, SCHEMAS, murmur2, lambda: NOW, timedelta()))

    # When it is checked, then that is not called lost
    assert checker.check().violated[NUMBERS] == 0

    # When it is checked again, then it is, unless it came meanwhile
    if comes_late:
        write(log, "other", 1, ms_ago(0))
    assert checker.check().violated[NUMBERS] == (0 if comes_late else 1)
    checker.close()
