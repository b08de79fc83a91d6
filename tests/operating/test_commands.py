"""The command: what there is to type, and that none waits for the libraries of another."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from oms.main import COMMANDS, app

SLOW_TO_IMPORT = {"aiokafka", "confluent_kafka", "eventsourcing", "faststream", "httpx", "psycopg", "pyarrow"}


def imported_by(script: str) -> str:
    """What of SLOW_TO_IMPORT a process has imported that ran `script`."""
    asked = f"import sys; {script}; print(sorted({SLOW_TO_IMPORT!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    told = CliRunner().invoke(app, [name, "--help"])

    assert told.exit_code == 0, told.output
    assert f"Usage: oms {name}" in told.output.replace("root", "oms")


@pytest.mark.parametrize(
    "typed", ["dead-letters redrive", "offsets restore", "order place", "stock receive", "token add"]
)
def test_a_group_of_commands_stays_one(typed: str) -> None:
    assert CliRunner().invoke(app, [*typed.split(), "--help"]).exit_code == 0


def test_all_commands_are_listed_with_what_they_do() -> None:
    told = CliRunner().invoke(app, ["--help"])

    assert told.exit_code == 0, told.output
    assert all(f" {name} " in told.output for name in COMMANDS)
    assert "Start the broker, the database and every service" in told.output


def test_a_command_that_is_none_is_refused() -> None:
    assert CliRunner().invoke(app, ["statsu"]).exit_code == 2


@pytest.mark.parametrize(
    "typed", ["rebuild order --progress", "replay --into trial --progress", "replay --with . --json --progress"]
)
def test_how_far_it_is_is_said_to_programs_alone(typed: str) -> None:
    told = CliRunner().invoke(app, typed.split())
    assert told.exit_code == 2 and "--progress is for programs" in told.output


def test_the_command_itself_imports_no_client() -> None:
    assert imported_by("import oms.main") == "[]"


def test_a_command_imports_no_client_that_only_others_need() -> None:
    assert (
        imported_by(
            "from typer.testing import CliRunner; import oms.main; CliRunner().invoke(oms.main.app, ['token', 'list'])"
        )
        == "[]"
    )
