"""What happens in the simulated world breaks nothing that the checker knows: rough days, and the lives of orders."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chassis.testing import DAWN
from tests.simulation.order_lives import drawn
from tests.simulation.test_rough_days import _rough_day
from tests.verify.installations import MemoryBooks, MemoryBroker, MemoryInstallation, MemoryTables
from tests.verify.recorded import recording

LEFT_OPEN = {"I-19 deadlines", "I-19 outside"}
"""What these worlds leave open: they end before some deadlines are due, and nobody sends every notice."""

LATER = DAWN + timedelta(days=3_650)
"""When everything has long come to rest."""


def _broken(log: MemoryBroker, now: datetime) -> dict[str, str]:
    found = MemoryInstallation(log, MemoryBooks(), MemoryTables.following(log), now).checked()
    return {rule: violation.what for rule, violation in found.first.items() if rule not in LEFT_OPEN}


@pytest.mark.parametrize("seed", range(3))
def test_a_day_on_which_everything_happens_at_once_breaks_nothing(seed: int) -> None:
    with recording() as logs:
        _rough_day(seed)
    [log] = logs
    assert _broken(log, LATER) == {}


def test_the_lives_of_orders_break_nothing() -> None:
    with recording() as logs:
        drawn()
    assert len(logs) > 10
    assert [broken for log in logs if (broken := _broken(log, LATER))] == []
