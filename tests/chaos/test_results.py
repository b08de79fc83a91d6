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


def test_what_a_machine_cannot_make_is_said_and_not_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "chaos.md"
    page.write_text("# Evidence\n\n| row | faults fired | seeds | violations |\n|---|---|---|---|\n\n## Runs\n\n")
    monkeypatch.setattr(results, "EVIDENCE", page)
    # given a row that needs what is not here, beside one that was made
    one = Outcome("F23", "a full disk", 7, not_here="only root may mount a small disk")
    assert one.line().endswith("not made here: only root may mount a small disk")
    # when both are recorded, then the page has the one that was made
    recorded([one, Outcome("F13", "twice", 7, fired=1)], "2026-01-01")
    assert "F23" not in page.read_text()
    assert "| F13 | 1 | 7 | 0 |" in page.read_text()


def test_rows_on_three_brokers_are_summed_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "chaos.md"
    page.write_text("# Evidence\n\n| row | faults fired | seeds | violations |\n|---|---|---|---|\n\n## Runs\n\n")
    monkeypatch.setattr(results, "EVIDENCE", page)
    # given the same fault on one broker, and twice on three
    for row in ("F05", "F05/3", "F05/3"):
        recorded([Outcome(row, "stopped", 7, fired=1)], "2026-01-01")
    # then each has its own sum
    assert "| F05 | 1 | 7 | 0 |\n| F05/3 | 2 | 7 | 0 |" in page.read_text()
