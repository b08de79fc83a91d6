"""How long the embedded broker may take until it answers, by what it left when it ended."""

from __future__ import annotations

from pathlib import Path

from deploy.local.broker import ENDED_PROPERLY, RECOVERY_SECONDS, START_SECONDS, patience


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / "data" / name).mkdir(parents=True)
    return folder


def test_one_that_never_ran_has_nothing_to_recover(tmp_path: Path) -> None:
    assert patience(tmp_path) == START_SECONDS
    assert patience(made(tmp_path, "__cluster_metadata-0")) == START_SECONDS


def test_one_that_ended_properly_has_not_either(tmp_path: Path) -> None:
    folder = made(tmp_path, "order.events-0")
    (folder / "data" / ENDED_PROPERLY).touch()
    assert patience(folder) == START_SECONDS


def test_one_that_was_killed_may_read_the_ends_of_its_logs_first(tmp_path: Path) -> None:
    assert patience(made(tmp_path, "order.events-0")) == RECOVERY_SECONDS
