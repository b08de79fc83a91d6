"""A clean log is found clean, with every rule put to the test; each break of it is noticed by the rules that are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from oms.verify.checking import Checker
from oms.verify.findings import Findings, State
from oms.verify.kafka import murmur2
from oms.verify.rules import RULES
from tests.verify import log_mutations
from tests.verify.breaking import Break
from tests.verify.lives import clean_log
from tests.verify.logs import MemorySource

SCHEMAS = Path(__file__).parents[2] / "contracts" / "schemas"
BREAKS = [*log_mutations.BREAKS]


def checked(log: MemorySource) -> Findings:
    checker = Checker(log, SCHEMAS, "", murmur2)
    try:
        return checker.check()
    finally:
        checker.close()


def test_a_clean_log_is_clean_and_every_rule_had_something_to_check() -> None:
    found = checked(clean_log())
    assert not found.first
    assert set(found.states.values()) == {State.HOLDS}
    assert found.clean


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
def test_a_break_is_noticed(broken: Break) -> None:
    log = clean_log()
    broken.apply(log)
    found = checked(log)
    assert broken.rules <= {name for name, state in found.states.items() if state == State.BROKEN}
    assert not found.clean


def test_every_rule_has_a_break() -> None:
    assert set(RULES) <= {rule for broken in BREAKS for rule in broken.rules}


def test_a_log_with_nothing_in_it_proves_nothing() -> None:
    empty = MemorySource({where: [] for where in clean_log().logs})
    found = checked(empty)
    assert not found.clean
    assert found.states["I-11 versions"] == State.UNCHECKED
