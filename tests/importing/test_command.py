"""`oms import` as it is typed: the examples of the guide, the exit codes, and what programs read."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chassis.settings import load_settings
from deploy.local.process import free_port
from oms.importing.columns import COLUMNS
from oms.main import app, main
from oms.tokens import create_console_token
from tests.importing.test_importing import csv_text, row

ROOT = Path(__file__).parents[2]
GUIDE, *_ = (ROOT / "docs" / "importing.md").read_text("utf-8").partition("## The first locations")
NAMED_BLOCK = re.compile(r"`([\w.]+)`:\n\n```(?:csv|toml)\n(.*?)```", re.DOTALL)
CALL = re.compile(r"```console\n\$ oms (import .*?)\n(.*?)```", re.DOTALL)
CALLS = CALL.findall(GUIDE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands are typed in, with the guide's files."""
    monkeypatch.chdir(tmp_path)
    for name, content in NAMED_BLOCK.findall(GUIDE):
        (tmp_path / name).write_text(content, "cp1252" if name == "export.csv" else "utf-8")
    return tmp_path


@pytest.mark.parametrize(("typed", "printed"), CALLS, ids=[typed for typed, _ in CALLS])
def test_the_guide_shows_what_is_printed(folder: Path, typed: str, printed: str) -> None:
    result = CliRunner().invoke(app, shlex.split(typed))

    assert result.stdout == printed


def test_the_guide_has_its_examples_and_names_every_column() -> None:
    assert len(CALLS) == 2
    assert [name for name, _ in NAMED_BLOCK.findall(GUIDE)] == ["orders.csv", "shop.toml", "export.csv"]
    named = set(re.findall(r"`(\w+)`", GUIDE))
    parts = re.compile(r"(buyer|bill|ship|pickup)_(name|company|address_\d|city|postcode|region|country|email|phone)")
    unnamed = {name for name in COLUMNS.keys() - named if not parts.fullmatch(name)}
    assert {name for name in unnamed if name.removeprefix("line_") not in named} == set()
    assert {name for name in named if name.endswith("_id") or name.startswith(("tax_", "tender_"))} <= COLUMNS.keys()


def test_every_row_sent_is_exit_code_0_and_kept_rows_are_13(folder: Path) -> None:
    (folder / "good.csv").write_text(csv_text([row()]))
    (folder / "bad.csv").write_text(csv_text([row(), row(external_id="2", amount="x")]))

    good = CliRunner().invoke(app, ["import", "good.csv", "--dry-run", "--json"])
    bad = CliRunner().invoke(app, ["import", "bad.csv", "--dry-run", "--json", "--report", "kept.csv"])

    assert (good.exit_code, bad.exit_code) == (0, 13)
    assert json.loads(good.stdout)["report"] is None
    document = json.loads(bad.stdout)
    assert (document["rows"], document["sent"]) == (2, {"orders": 1, "rows": 1})
    assert (document["rejected"], document["report"]) == ({"orders": 1, "rows": 1}, "kept.csv")
    assert document["problems"][0]["row"] == 3
    assert document["problems"][0]["column"] == "amount"


def test_a_file_that_cannot_be_used_is_exit_code_14(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["oms", "import", "none.csv", "--dry-run"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 14
    assert capsys.readouterr().err == "oms: none.csv cannot be read: No such file or directory\n"


def test_a_broker_that_is_away_is_exit_code_11_and_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "good.csv").write_text(csv_text([row()]))
    monkeypatch.setenv("OMS_HOME", str(folder))
    monkeypatch.setenv("OMS_BOOTSTRAP", f"127.0.0.1:{free_port()}")
    monkeypatch.setattr("sys.argv", ["oms", "import", "good.csv"])

    with pytest.raises(SystemExit) as closed:
        main()
    assert (closed.value.code, "`oms up` makes the first" in capsys.readouterr().err) == (2, True)

    create_console_token(load_settings())
    with pytest.raises(SystemExit) as away:
        main()
    assert away.value.code == 11
    assert "Run the same command again" in capsys.readouterr().err
