"""A log may be as long as it likes: what the checker keeps in memory is of what goes on, not of what has ended."""

from __future__ import annotations

from datetime import timedelta

from contracts.ids import stream
from contracts.money import Money, TenderMethod
from contracts.payments import IssueCause, IssueValue, ValueKind
from contracts.payments.gift_codes import gift_card_id
from oms.verify.checking import Checker, Installation
from oms.verify.findings import Findings
from oms.verify.kafka import murmur2
from tests.simulation.people import channel_order, receive, sealed
from tests.simulation.world import TENANT
from tests.verify.installations import CANARY, SCHEMAS, MemoryInstallation, MemoryTables
from tests.verify.lives import CODE, Days, clean, tender
from tests.verify.multiplied import MultipliedBooks, MultipliedLog

LIVES = 5


def ended() -> MemoryInstallation:
    """All goods that came were sold, delivered and paid, with all that was on a gift card."""
    days = Days()
    receive(days.world, "A", "north", 2)
    card = stream("stored_value", gift_card_id(TENANT, sealed, CODE))
    worth = Money(amount=2_000, currency="EUR")
    issue = IssueValue(kind=ValueKind.GIFT_CARD, entry="e1", amount=worth, cause=IssueCause.SOLD)
    days.world.tell("payments", card, issue)
    days.publish(channel_order("1", ("A", 2, 2000), tenders=[tender(TenderMethod.GIFT_CARD, 2_000, CODE)]))
    days.work()
    now = days.world.now + timedelta(hours=1)
    return MemoryInstallation(days.log, days.provider.books, MemoryTables.following(days.log), now)


def checked(lived: MemoryInstallation, times: int) -> tuple[Findings, dict[str, int]]:
    """What is found in so many lives, and how much is kept in memory in the end."""
    log = MultipliedLog(lived, times)
    books = [MultipliedBooks(lived, log)]
    of = Installation(log, SCHEMAS, murmur2, lambda: lived.now, timedelta(), books=books, canaries=[CANARY])
    checker = Checker(of)
    try:
        found = checker.check()
        assert checker.records == log.records
        return found, dict(checker.kept)
    finally:
        checker.close()


def test_a_log_that_was_multiplied_is_clean_and_has_so_many_cases() -> None:
    one, _ = checked(clean(), 1)
    many, _ = checked(clean(), LIVES)
    assert many.clean, many.first
    events = "I-11 versions"
    assert many.checked[events] == LIVES * one.checked[events]
    assert many.checked["I-04 value"] == LIVES * one.checked["I-04 value"]


def test_of_what_has_ended_nothing_is_kept_in_memory() -> None:
    found, kept = checked(ended(), LIVES)
    assert found.checked["I-04 value"] > 0
    assert found.checked["I-02 stock"] > 0
    assert not found.violated, found.first
    assert set(kept.values()) == {0}, kept


def test_what_goes_on_is_kept() -> None:
    _, kept = checked(clean(), LIVES)
    assert kept["claims"] % LIVES == 0
    assert min(kept["books"], kept["claims"], kept["stored values"]) >= LIVES
