"""The loads of a whole life, on a machine of any speed."""

from __future__ import annotations

from typing import Any

import pytest

from bench import life
from bench.life import PARTS, Size, at_rate, orders_made
from bench.machine import Reading
from bench.outside import Course, Load


def test_no_machine_is_so_fast_that_orders_are_wanted_which_nobody_made(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a machine that takes more orders a second than are made for all loads
    loads = list[Load]()

    def run(line: Any, meter: Any, load: Load) -> tuple[Course, Reading]:
        loads.append(load)
        return Course(confirmed_after=[0.1, 0.2], completed_after=[0.1, 0.2]), Reading(1.0, {}, {})

    monkeypatch.setattr(life, "run_load", run)
    size = Size(orders=101, open_max=10, warm=5.0, window=20.0, limit_records=0)
    # when parts of that rate are looked at
    line: Any = None
    for part in PARTS:
        at_rate(line, line, part, 1_000.0, size)
    # then all loads together send no more than was made
    assert [load.rate for load in loads] == [part * 1_000 for part in PARTS]
    assert size.orders + sum(load.orders for load in loads) <= orders_made(size)
