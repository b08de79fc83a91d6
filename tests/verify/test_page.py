"""The page about the checker names every rule as it is."""

from __future__ import annotations

from pathlib import Path

from oms.verify.rules import RULES

PAGE = Path(__file__).parents[2] / "docs" / "verify.md"


def test_the_page_names_every_rule() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| I-")]
    assert rows == [f"| {rule.name} | {rule.says} |" for rule in RULES.values()]
