"""`oms token`, and the token of the person at the console."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chassis.settings import Settings, load_settings
from chassis.tokens import Kind, Role, Tokens, TokensRefused, write_secret
from oms.main import app
from oms.tokens import at_console, console_token, create_console_token


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home in which nothing was started yet, and an environment that names it."""
    for name in [name for name in os.environ if name.startswith("OMS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMS_HOME", str(tmp_path / "home"))
    return load_settings()


def oms(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["token", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_the_first_start_makes_a_token_for_the_person_at_the_console(settings: Settings) -> None:
    assert create_console_token(settings)
    token = console_token(settings)
    (grant,) = Tokens(settings.tokens).grants()
    assert Tokens(settings.tokens).holder(token) == grant
    assert (grant.kind, grant.roles, grant.expires) == (Kind.PERSON, frozenset({Role.ADMIN}), None)
    for path in (settings.tokens, settings.console_token):
        assert path.stat().st_mode & 0o777 == 0o600
    assert token not in settings.tokens.read_text()
    assert not create_console_token(settings)
    assert console_token(settings) == token


def test_a_token_is_printed_once_listed_without_it_and_revoked(settings: Settings) -> None:
    token = oms("add", "anna", "--role", "csr", "--role", "finance", "--days", "30").strip()
    tokens = Tokens(settings.tokens)
    holder = tokens.holder(token)
    assert holder is not None
    assert (holder.subject, holder.roles) == ("anna", frozenset({Role.CSR, Role.FINANCE}))
    assert token not in oms("list") + oms("list", "--json")
    (row,) = json.loads(oms("list", "--json"))
    assert (row["subject"], row["roles"], row["counts"]) == ("anna", ["csr", "finance"], True)
    assert row["id"] in oms("revoke", row["id"])
    assert tokens.holder(token) is None
    assert "no token has" in oms("revoke", "anna", code=2)


def test_a_role_that_is_none_is_refused(settings: Settings) -> None:
    assert "emperor" in oms("add", "anna", "--role", "emperor", code=2)
    assert not settings.tokens.exists()


def test_who_works_at_the_console_needs_the_role(settings: Settings) -> None:
    create_console_token(settings)
    assert at_console(settings, Role.ADMIN).roles == {Role.ADMIN}
    settings.console_token.write_text(Tokens(settings.tokens).issue("anna", Kind.PERSON, frozenset({Role.CSR})))
    assert at_console(settings, Role.CSR).subject == "anna"
    with pytest.raises(TokensRefused, match="anna may not do this: it needs the role admin"):
        at_console(settings, Role.ADMIN)
    Tokens(settings.tokens).revoke("anna")
    with pytest.raises(TokensRefused, match="does not count"):
        at_console(settings, Role.CSR)


def test_a_console_without_a_token_is_told_how_to_get_one(settings: Settings) -> None:
    with pytest.raises(TokensRefused, match="oms up"):
        console_token(settings)
    settings.home.mkdir()
    write_secret(settings.console_token, "two\nlines")
    with pytest.raises(TokensRefused) as refused:
        console_token(settings)
    assert "two" not in str(refused.value)


def test_a_token_that_others_may_read_is_not_sent(settings: Settings) -> None:
    create_console_token(settings)
    settings.console_token.chmod(0o644)
    with pytest.raises(TokensRefused, match="chmod 600"):
        console_token(settings)
