"""`oms account`: what it prints, once, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chassis.accounts import Accounts
from chassis.tokens import Role, TokensRefused
from oms.accounts import account_commands


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    monkeypatch.setenv("OMS_HOME", str(tmp_path))
    return Accounts(tmp_path / "accounts.toml")


def typed(*arguments: str, keyboard: str = "") -> Result:
    return CliRunner().invoke(account_commands, arguments, input=keyboard)


def test_a_password_is_printed_once_and_signs_in_until_another_one_is_made(accounts: Accounts) -> None:
    first = typed("add", "ada", "--role", "csr", "--role", "finance").stdout.strip()
    found = accounts.check("ada", first)
    assert found is not None and found.roles == {Role.CSR, Role.FINANCE}
    listed = typed("list", "--json").stdout
    assert first not in listed
    [row] = json.loads(listed)
    assert row == {"name": "ada", "roles": ["csr", "finance"], "expires": None, "counts": True}
    second = typed("password", "ada").stdout.strip()
    assert accounts.check("ada", second) is not None and accounts.check("ada", first) is None
    assert typed("remove", "ada").exit_code == 0 and accounts.all() == ()


def test_a_password_that_is_asked_for_is_not_printed(accounts: Accounts) -> None:
    chosen = "correct horse battery"
    done = typed("add", "ada", "--role", "csr", "--ask", keyboard=f"{chosen}\n{chosen}\n")
    assert done.exit_code == 0 and chosen not in done.output
    assert accounts.check("ada", chosen) is not None


def test_what_is_taken_too_short_or_unknown_is_refused(accounts: Accounts) -> None:
    typed("add", "ada", "--role", "csr")
    assert isinstance(typed("add", "ada", "--role", "csr").exception, TokensRefused)
    assert isinstance(typed("password", "ada", "--ask", keyboard="short\nshort\n").exception, TokensRefused)
    for command in ("password", "remove"):
        assert typed(command, "bob").exit_code == 2
    assert [account.name for account in accounts.all()] == ["ada"]
