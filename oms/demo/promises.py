"""The promises at the end of a run, asked of the outside checker: `oms verify`, in this process, over the whole installation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from oms.demo.mix import MIX_ORDERS_MIN
from oms.verify.checking import Checker, Installation
from oms.verify.findings import Findings, State
from oms.verify.printing import Effort, document, lines
from oms.verify.running import memory_mib

__all__ = ["REST_SECONDS", "Verified", "promises_kept"]

REST_SECONDS = 5.0
"""Without an event for so long an order of a run that has ended is taken to be at rest. `oms verify` gives a live system
a minute; nobody wants to wait that long for the end of a demonstration."""

CHECKS_MAX = 12
"""How often what is not as it must be is looked at again, each time after REST_SECONDS: a notice or a table may be late.
What was broken at any time stays broken."""


@dataclass(frozen=True)
class Verified:
    """What was found, and the same as `oms verify` prints it and writes it as JSON."""

    findings: Findings
    lines: tuple[str, ...]
    document: Mapping[str, Any]


def promises_kept(of: Installation, orders: int, sleep: Callable[[float], None] = time.sleep) -> Verified:
    """What the checker finds once all has come to rest, after a run of so many orders. Raises Unreadable.

    A run that is too short to show the whole mix need not have a case for each rule: such a rule is not applicable, and
    says so.
    """
    began, checker = time.monotonic(), Checker(of)
    try:
        for _ in range(CHECKS_MAX):
            sleep(REST_SECONDS)
            found = checker.check()
            if not found.violated:
                break
        effort = Effort(checker.records, time.monotonic() - began, memory_mib())
    finally:
        checker.close()
    if orders < MIX_ORDERS_MIN:
        for name, state in found.states.items():
            if state == State.UNCHECKED:
                found.excuse(name, f"nothing of it happened yet, and the run had {orders} orders")
    return Verified(found, tuple(lines(found, of.broker, effort)), document(found, of.broker, effort))
