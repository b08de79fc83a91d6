"""What happens in the simulated world breaks nothing that the checker knows: rough days, and the lives of orders."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chassis.testing import DAWN
from oms.verify.provider import Entry
from services.payments.provider import Result
from tests.simulation.order_lives import LIVES, Life
from tests.simulation.provider import Bank
from tests.simulation.test_rough_days import _rough_day
from tests.verify.installations import MemoryBooks, MemoryBroker, MemoryInstallation, MemoryTables
from tests.verify.lives import CALLS
from tests.verify.recorded import recording

LEFT_OPEN = {"I-19 deadlines", "I-19 outside"}
"""What these worlds leave open: they end before some deadlines are due, and nobody sends every notice."""

LATER = DAWN + timedelta(days=3_650)
"""When everything has long come to rest."""


def _broken(log: MemoryBroker, now: datetime, books: MemoryBooks | None = None) -> dict[str, str]:
    found = MemoryInstallation(log, books or MemoryBooks(), MemoryTables.following(log), now).checked()
    return {rule: violation.what for rule, violation in found.first.items() if rule not in LEFT_OPEN}


@pytest.mark.parametrize("seed", range(3))
def test_a_day_on_which_everything_happens_at_once_breaks_nothing(seed: int) -> None:
    with recording() as logs:
        _rough_day(seed)
    [log] = logs
    assert _broken(log, LATER) == {}


def test_the_lives_of_orders_break_nothing() -> None:
    broken: dict[str, dict[str, str]] = {}
    for kind in LIVES:
        with recording() as logs:
            life = Life()
            kind.play(life)
        [log] = logs
        broken[kind.title] = _broken(log, LATER, _books(life.provider.bank))
    assert not any(broken.values()), broken


def _books(bank: Bank) -> MemoryBooks:
    """What a provider of the simulated world did, as its books say it. They do not show what it let go of."""
    return MemoryBooks(
        [
            Entry(
                entry.outcome.reference or key,
                CALLS[entry.call.step],
                key,
                entry.call.order_id,
                entry.call.amount.amount,
                entry.call.amount.currency,
                entry.outcome.result is Result.DECLINED,
            )
            for key, entry in bank.entries.items()
            if entry.call.step in CALLS
        ]
    )
