"""A clean log is found clean, with every rule put to the test; each break of it is noticed by the rules that are named."""

from __future__ import annotations

import pytest

from oms.verify.findings import State
from oms.verify.rules import RULES
from tests.verify import log_mutations, order_mutations, outside_mutations
from tests.verify.breaking import Break
from tests.verify.installations import MemoryBooks, MemoryTables
from tests.verify.lives import clean

BREAKS = [*log_mutations.BREAKS, *order_mutations.BREAKS, *outside_mutations.BREAKS]


NONE_YET = {"I-19 parked"}
"""What does not happen in a world in which nothing is wrong."""


def test_a_clean_installation_is_clean_and_every_rule_had_something_to_check() -> None:
    found = clean().checked()
    assert not found.first
    assert {name for name, state in found.states.items() if state != State.HOLDS} == NONE_YET
    assert found.clean


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
def test_a_break_is_noticed(broken: Break) -> None:
    here = clean()
    broken.apply(here)
    if broken.sealed:
        here.log.seal()
        here.tables = MemoryTables.following(here.log)
    found = here.checked()
    assert broken.rules <= {name for name, state in found.states.items() if state == State.BROKEN}
    assert not found.clean


def test_every_rule_has_a_break() -> None:
    assert set(RULES) == {rule for broken in BREAKS for rule in broken.rules}


def test_an_installation_with_nothing_in_it_proves_nothing() -> None:
    here = clean()
    for records in here.log.logs.values():
        records.clear()
    here.tables, here.books = MemoryTables.following(here.log), MemoryBooks()
    found = here.checked()
    assert not found.clean
    assert not found.first
    unchecked = {name for name, state in found.states.items() if state == State.UNCHECKED}
    assert {"I-01 oversold", "I-09 ends", "I-11 versions", "I-14 whole"} <= unchecked
