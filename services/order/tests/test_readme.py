"""The page about the service says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chassis.saga import table
from services.order import fulfillment_saga, notices, refund_saga, reservation_saga, return_saga, sourcing_rules
from services.order.stream import ORDER

PAGE = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "saga",
    [reservation_saga, fulfillment_saga, refund_saga, return_saga],
    ids=["reservation", "fulfillment", "refund", "return"],
)
def test_the_table_of_a_saga_is_the_one_in_the_code(saga: object) -> None:
    assert table(saga.STEPS) in PAGE  # type: ignore[attr-defined]


def test_the_table_of_notices_is_the_one_in_the_code() -> None:
    assert notices.table() in PAGE


def test_the_waits_of_a_notice_are_those_in_the_code() -> None:
    minutes = [wait.total_seconds() / 60 for wait in notices.TRY_AGAIN_AFTER]
    assert minutes == [5, 30, 120, 360, 720]
    assert "after 5 minutes, then 30, 2 hours, 6 and 12" in " ".join(PAGE.split())


def test_the_rules_of_sourcing_stand_in_their_order() -> None:
    rules = PAGE.partition("## The rules of sourcing")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", rules, re.MULTILINE) == [rule.name for rule in sourcing_rules.RULES]
    assert f"version of the rules ({sourcing_rules.RULES_VERSION})" in rules


@pytest.mark.parametrize("message", ORDER.decide, ids=lambda message: message.__name__)
def test_every_message_has_its_row(message: type) -> None:
    assert f"`{message.__name__}`" in PAGE
