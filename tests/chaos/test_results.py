"""What the page of evidence says of many runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import results
from tests.chaos.results import SEEDS_NAMED_MAX, Outcome, recorded


def test_every_seed_of_a_row_is_named_or_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a page without runs
    page = tmp_path / "chaos.md"
    page.write_text("# Evidence\n\n| row | faults fired | seeds | violations |\n|---|---|---|---|\n\n## Runs\n\n")
    monkeypatch.setattr(results, "EVIDENCE", page)
    # when a row was made with more seeds than are named, and found one thing wrong; with each seed it fired twice
    for seed in range(1, SEEDS_NAMED_MAX + 4):
        found = [Outcome("F13", "twice", seed, fired=1) for _ in range(2)]
        found[0].wrong += ["lost"] if seed == SEEDS_NAMED_MAX + 2 else []
        recorded(found, "2026-01-01")
    # then all are there
    named = ", ".join(map(str, range(1, SEEDS_NAMED_MAX + 1)))
    assert f"| F13 | {2 * (SEEDS_NAMED_MAX + 3)} | {named} and 3 more | 1 |" in page.read_text()
    assert page.read_text().count("| 2026-01-01 |") == SEEDS_NAMED_MAX + 3
