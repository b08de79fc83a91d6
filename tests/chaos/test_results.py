"""What the page of evidence says of many runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import results
from tests.chaos.results import SEEDS_NAMED_MAX, TABLE, Outcome, recorded


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page without runs, and none of bugs."""
    made = tmp_path / "chaos.md"
    made.write_text(f"# Evidence\n\n{TABLE}\n\n## Runs\n\n")
    monkeypatch.setattr(results, "EVIDENCE", made)
    monkeypatch.setattr(results, "BUGS", made.with_name("bugs.md"))
    return made


def test_every_seed_of_a_row_is_named_or_counted(page: Path) -> None:
    # given a page without runs,
    # when a row was made with more seeds than are named, and found one thing wrong; with each seed it fired twice
    for seed in range(1, SEEDS_NAMED_MAX + 4):
        found = [Outcome("F13", "twice", seed, fired=1) for _ in range(2)]
        found[0].wrong += ["lost"] if seed == SEEDS_NAMED_MAX + 2 else []
        recorded(found, "2026-01-01")
    # then all are there
    named = ", ".join(map(str, range(1, SEEDS_NAMED_MAX + 1)))
    assert (
        f"| F13 | {SEEDS_NAMED_MAX + 3} | {2 * (SEEDS_NAMED_MAX + 3)} | 0 | - | {named} and 3 more | 1 | 0 |"
        in page.read_text()
    )
    assert page.read_text().count("| 2026-01-01 |") == SEEDS_NAMED_MAX + 3


def test_what_a_machine_cannot_make_is_said_and_not_recorded(page: Path) -> None:
    # given a row that needs what is not here, beside one that was made
    one = Outcome("F23", "a full disk", 7, not_here="only root may mount a small disk")
    assert one.line().endswith("not made here: only root may mount a small disk")
    # when both are recorded, then the page has the one that was made
    recorded([one, Outcome("F13", "twice", 7, fired=1)], "2026-01-01")
    assert "F23" not in page.read_text()
    assert "| F13 | 1 | 1 | 0 | - | 7 | 0 | 0 |" in page.read_text()


def test_rows_on_three_brokers_are_summed_apart(page: Path) -> None:
    # given the same fault on one broker, and twice on three
    for row in ("F05", "F05/3", "F05/3"):
        recorded([Outcome(row, "stopped", 7, fired=1)], "2026-01-01")
    # then each has its own sum
    assert "| F05 | 1 | 1 | 0 | - | 7 | 0 | 0 |\n| F05/3 | 1 | 2 | 0 | - | 7 | 0 | 0 |" in page.read_text()


def test_a_row_tells_what_was_written_meanwhile_and_which_bugs_it_found(page: Path) -> None:
    # given two bugs that one row found, one of them on three brokers
    bugs = page.with_name("bugs.md")
    bugs.write_text("| found by |\n|---|\n| `make chaos`, F05 | it stood |\n| three brokers, cut off (F05) | too |\n")
    # when it is made with two seeds, one of which took longer
    recorded([Outcome("F05", "stopped", 7, fired=1, events=90, live=2.5)], "2026-01-01")
    recorded([Outcome("F05", "stopped", 8, fired=2, events=10, live=1.5)], "2026-01-02")
    # then its line says both runs, all that was written, the slowest, and the bug that it found on one broker
    assert "| F05 | 2 | 3 | 100 | 2.5 | 7, 8 | 0 | 1 |" in page.read_text()
