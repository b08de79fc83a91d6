"""Which older version is taken out of a history."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.chaos import versions
from tests.chaos.play import NotHere
from tests.chaos.versions import _older

TODAY = "today's tables"


def history(monkeypatch: pytest.MonkeyPatch, alike: int) -> None:
    """Ten commits, from the newest back, of which so many store as today's version does."""
    commits = [f"c{number}" for number in range(10)]
    monkeypatch.setattr(versions, "_git", lambda *asked: " ".join(commits).encode())
    monkeypatch.setattr(versions, "_check_out", lambda commit, folder: folder.mkdir(parents=True))

    def formats(tree: Path) -> str:
        return TODAY if tree == versions.ROOT or int(tree.name[1:]) < alike else "others"

    monkeypatch.setattr(versions, "_formats", formats)


@pytest.mark.parametrize("alike", range(2, 11))
def test_the_oldest_version_that_stores_alike_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alike: int
) -> None:
    history(monkeypatch, alike)
    assert _older(tmp_path) == (tmp_path / f"c{alike - 1}", f"c{alike - 1}")
    assert (tmp_path / f"c{alike - 1}").is_dir()


def test_where_no_older_version_stores_alike_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history(monkeypatch, 1)
    with pytest.raises(NotHere, match="no older commit"):
        _older(tmp_path)


def test_where_there_is_no_history_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*asked: str) -> bytes:
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.setattr(versions, "_git", none)
    with pytest.raises(NotHere, match="history"):
        _older(tmp_path)
