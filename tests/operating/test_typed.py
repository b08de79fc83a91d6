"""People are told to type what works in their shell."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from oms.typed import typed


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command in a folder of its own, which is called by its path."""
    made = tmp_path / "bin" / "oms"
    made.parent.mkdir()
    made.write_text("#!/bin/sh\n")
    made.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(made)])
    monkeypatch.setenv("PATH", str(tmp_path))
    return made


def test_a_command_that_the_shell_does_not_find_is_told_by_its_path(command: Path) -> None:
    assert typed() == str(command)


def test_a_command_that_the_shell_finds_is_told_by_its_name(command: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(command.parent))

    assert typed() == "oms"


def test_another_command_of_the_same_name_is_not_meant(
    command: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "oms"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)

    assert typed() == str(command)


def test_a_module_is_told_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/oms/__main__.py"])

    assert typed() == f"{sys.executable} -m oms"
