"""`oms dead-letters …`: what is typed becomes requests, each for what was chosen, and a dry run changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from oms import lists
from oms.letters import command
from oms.main import app

HERE = "order:channel.orders:1:7"


class Doors:
    """Knows some that wait, remembers what was asked for, and does it."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, Any]] = []
        self.rows = [
            self.row(HERE, "dead", ""),
            self.row("order:channel.orders:1:9", "dead", ""),
            self.row("order:0:3", "parked", "order/1"),
            self.row("order:0:5", "parked", "order/1"),
            self.row("order:1:5", "parked", "order/2"),
        ]
        self.copy: dict[str, Any] = {"text": "{cut"}

    @staticmethod
    def row(name: str, state: str, stream: str) -> dict[str, Any]:
        said = {"type": "unknown", "reason": "not JSON", "since": "2026-01-05T12:00:00.000Z"}
        return {"name": name, "state": state, "service": "order", "stream": stream, **said}

    def __call__(
        self, method: str, path: str, body: Any = None, key: str | None = None, parameters: Any = None
    ) -> dict[str, Any]:
        if method == "POST":
            if parameters:
                return {"would": f"{path} {parameters}"}
            self.posted.append((path.removeprefix("/dead-letters/").replace("%3A", ":"), body))
            return {"outcome": "done"}
        if path == "/dead-letters":
            # Two pages, as a door gives them.
            later = "after" in (parameters or {})
            return {"dead_letters": self.rows[3:] if later else self.rows[:3], **({} if later else {"next": "x"})}
        return {**self.rows[0], "size": 4, "unless_settled": "It is deleted.", "headers": [], **self.copy}


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> Doors:
    found = Doors()
    monkeypatch.setattr(command, "call", found)
    monkeypatch.setattr(lists, "call", found)
    return found


def oms(*typed: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["dead-letters", *typed])
    assert done.exit_code == code, done.output
    return done.output


def test_what_waits_is_listed_with_why(doors: Doors) -> None:
    said = oms("list", "--service", "order")
    assert HERE in said
    assert "not JSON" in said
    assert "--after x" in said


def test_one_is_tried_again_or_what_was_chosen_or_all_and_each_stream_once(doors: Doors) -> None:
    oms("redrive", HERE, "--why", "mended")
    assert doors.posted == [(f"{HERE}/redrive", {"reason": "mended"})]
    doors.posted.clear()
    oms("redrive", "--all")
    assert [path for path, _ in doors.posted] == [
        f"{HERE}/redrive",
        "order:channel.orders:1:9/redrive",
        "order:0:3/redrive",
        "order:1:5/redrive",
    ]


def test_what_one_stream_has_parked_counts_once_towards_how_many_are_tried(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given two dead letters, and two streams of which one has two messages parked
    monkeypatch.setattr(command, "CHOSEN_MAX", 4)
    said = oms("redrive", "--all")
    assert [path.partition("/")[0] for path, _ in doors.posted[2:]] == ["order:0:3", "order:1:5"]
    assert "There are more" not in said
    # when fewer are tried than wait, then it is said
    monkeypatch.setattr(command, "CHOSEN_MAX", 3)
    assert "There are more: those were the oldest 3." in oms("redrive", "--all")


def test_a_range_of_offsets_is_of_one_place(doors: Doors) -> None:
    oms("redrive", "--service", "order", "--offsets", "channel.orders:1:8-20")
    oms("redrive", "--service", "order", "--offsets", "0:4-9")
    assert [path for path, _ in doors.posted] == ["order:channel.orders:1:9/redrive", "order:0:5/redrive"]
    assert "Nothing that waits" in oms("redrive", "--service", "order", "--offsets", "7:0-9")
    oms("redrive", "--service", "order", "--offsets", "seven", code=2)


def test_more_than_is_tried_at_a_time_is_said_and_a_range_is_looked_for_among_all(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "CHOSEN_MAX", 2)
    assert "There are more: those were the oldest 2." in oms("redrive", "--all")
    assert "There are more" not in oms("redrive", "--service", "order", "--offsets", "1:5-5")
    assert doors.posted[-1] == ("order:1:5/redrive", None)


@pytest.mark.parametrize(
    "typed", [("redrive",), ("redrive", HERE, "--all"), ("redrive", "--all", "--service", "order")]
)
def test_what_is_meant_has_to_be_said_once(doors: Doors, typed: tuple[str, ...]) -> None:
    oms(*typed, code=2)
    assert doors.posted == []


def test_a_dry_run_says_what_would_be_done(doors: Doors) -> None:
    assert "would: " in oms("redrive", "--all", "--dry-run")
    assert "would: " in oms("discard", HERE, "--why", "theirs", "--dry-run")
    assert doors.posted == []


def test_to_give_up_needs_a_word(doors: Doors) -> None:
    oms("discard", HERE, code=2)
    oms("discard", HERE, "--why", "a test of theirs")
    assert doors.posted == [(f"{HERE}/discard", {"reason": "a test of theirs"})]


def test_a_copy_is_written_for_an_editor_and_taken_when_it_makes_sense(doors: Doors, tmp_path: Path) -> None:
    # given a copy of what cannot be decoded, as text, which only its owner reads
    path = tmp_path / "copy.json"
    oms("edit", HERE, "--to", str(path))
    assert path.stat().st_mode & 0o077 == 0
    copy = json.loads(path.read_text())
    assert (copy["value"], copy["text"]) == (None, "{cut")
    # when it comes back as it was, then it is refused; and a copy is not written over
    assert "no object under `value`" in oms("edit", HERE, "--from", str(path), "--why", "x", code=12)
    assert "is there already" in oms("edit", HERE, "--to", str(path), code=12)
    # when it was mended, then the new words are sent, with why
    path.write_text(json.dumps({**copy, "value": {"a": 1}}))
    oms("edit", HERE, "--from", str(path), code=2)
    oms("edit", HERE, "--from", str(path), "--why", "cut short")
    assert doors.posted == [(f"{HERE}/edit", {"reason": "cut short", "value": {"a": 1}})]
    assert "is a copy of" in oms("edit", "order:0:3", "--from", str(path), "--why", "x", code=12)


def test_one_is_shown_with_what_happens_if_nobody_acts(doors: Doors) -> None:
    doors.copy = {"hex": "fffe"}
    said = oms("show", HERE)
    assert "It is deleted." in said
    assert "(hex) fffe" in said
