"""What the command says of exported events, and of wishes that it cannot fulfil."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from oms.main import app
from oms.numbers import command
from oms.numbers.exporting import export
from tests.numbers.worlds import append, empty_log
from tests.simulation.people import Floor, channel_order, place, receive
from tests.simulation.world import World


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An order that was fulfilled, exported; whoever asks may see it."""
    monkeypatch.setattr(command, "at_console", lambda *_: None)
    world, log = World(), empty_log()
    receive(world, "A", "north", 2)
    place(world, channel_order("1", ("A", 2, 1_000)))
    Floor(world).work()
    append(log, world.written)
    export(log, tmp_path)
    return str(tmp_path)


def said(*typed: str) -> str:
    told = CliRunner().invoke(app, ["numbers", *typed])
    assert told.exit_code == 0, told.output
    return told.output


def test_figures_are_said_to_people_and_programs(folder: str) -> None:
    assert "average order value" in said(folder)
    [figures] = json.loads(said(folder, "--by", "day", "--json"))
    assert figures["day"] == "2026-01-05" and figures["revenue"] == 1_000


def test_events_queries_and_stock_are_said(folder: str) -> None:
    [event] = json.loads(said(folder, "--evidence", "revenue", "--json"))
    assert event["name"] == "LinesFulfilled"
    [channel] = json.loads(said(folder, "--query", "channels", "--json"))
    assert channel["orders"] == 1
    [shelf] = json.loads(said(folder, "--stock", "--from", "2026-01-05", "--to", "2026-01-07", "--json"))
    assert shelf["units_gone"] == 2
    assert "nothing of it" in said(folder, "--from", "2027-01-01")


@pytest.mark.parametrize(
    "wish", [["--from", "monday"], ["--query", "none"], ["--evidence", "none"], ["--stock"]], ids=lambda wish: wish[0]
)
def test_a_wish_that_makes_no_sense_is_refused(folder: str, wish: list[str]) -> None:
    told = CliRunner().invoke(app, ["numbers", folder, *wish])
    assert told.exit_code == 2


def test_a_folder_without_an_export_is_told(folder: str) -> None:
    told = CliRunner().invoke(app, ["numbers", f"{folder}/elsewhere"])
    assert told.exit_code != 0 and "oms export" in told.output
