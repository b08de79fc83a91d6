"""The file of accounts: what it holds, who it lets sign in, and when nobody does."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.accounts import Accounts, new_password
from chassis.tokens import Role, TokensRefused
from tests.doors.fakes import NOON

CSR = frozenset({Role.CSR})
PASSWORD = "correct horse battery"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "accounts.toml"


@pytest.fixture
def accounts(path: Path) -> Accounts:
    return Accounts(path, lambda: NOON)


def test_an_account_is_opened_by_its_password_alone(accounts: Accounts) -> None:
    accounts.add("ada", CSR, PASSWORD)
    accounts.add("bob", frozenset({Role.FINANCE}), "another password")
    found = accounts.check("ada", PASSWORD)
    assert found is not None and (found.name, found.roles) == ("ada", CSR)
    for name, tried in (("ada", "another password"), ("bob", PASSWORD), ("eve", PASSWORD), ("ada", ""), ("", "")):
        assert accounts.check(name, tried) is None, (name, tried)
    # and what stands in the file opens nothing
    assert accounts.check("ada", found.password) is None


def test_the_file_has_no_password_and_only_its_owner_reads_it(accounts: Accounts, path: Path) -> None:
    accounts.add("ada", CSR, PASSWORD, NOON + timedelta(days=1))
    accounts.add("bob", CSR, PASSWORD)
    assert PASSWORD not in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    ada, bob = tomllib.loads(path.read_text())["account"]
    # equal passwords look different
    assert ada["password"] != bob["password"] and ada["password"].startswith("scrypt-15-8-3:")
    assert (ada["name"], ada["roles"], ada["expires"]) == ("ada", ["csr"], NOON + timedelta(days=1))


def test_a_password_is_the_same_however_a_keyboard_composes_it(accounts: Accounts) -> None:
    accounts.add("ada", CSR, "caf\u00e9 au lait, please")
    assert accounts.check("ada", "cafe\u0301 au lait, please") is not None


def test_an_account_counts_until_it_expires_or_is_removed(accounts: Accounts, path: Path) -> None:
    accounts.add("ada", CSR, PASSWORD, NOON + timedelta(days=1))
    accounts.add("bob", CSR, PASSWORD)
    later = Accounts(path, lambda: NOON + timedelta(days=1))
    assert later.check("ada", PASSWORD) is None and later.check("bob", PASSWORD) is not None
    assert accounts.remove("bob") and not accounts.remove("bob")
    assert later.check("bob", PASSWORD) is None


def test_a_changed_password_is_the_only_one(accounts: Accounts) -> None:
    accounts.add("ada", CSR, PASSWORD)
    assert accounts.change("ada", "another password") and not accounts.change("bob", "another password")
    assert accounts.check("ada", PASSWORD) is None
    assert accounts.check("ada", "another password") is not None


@pytest.mark.parametrize(
    "name, password", [("a b", PASSWORD), ('a"', PASSWORD), ("bob", "eleven char"), ("bob", "x" * 129)]
)
def test_what_cannot_be_an_account_is_refused_in_words(accounts: Accounts, name: str, password: str) -> None:
    accounts.add("ada", CSR, PASSWORD)
    with pytest.raises(TokensRefused):
        accounts.add(name, CSR, password)
    with pytest.raises(TokensRefused, match="already"):
        accounts.add("ada", CSR, PASSWORD)
    assert [account.name for account in accounts.all()] == ["ada"]


def test_a_file_that_others_may_read_or_that_is_none_lets_nobody_in(accounts: Accounts, path: Path) -> None:
    assert accounts.all() == () and accounts.check("ada", PASSWORD) is None
    accounts.add("ada", CSR, PASSWORD)
    path.chmod(0o640)
    with pytest.raises(TokensRefused, match="chmod 600"):
        accounts.check("ada", PASSWORD)
    path.write_text("nothing of the kind")
    path.chmod(0o600)
    with pytest.raises(TokensRefused, match="cannot be read"):
        accounts.check("ada", PASSWORD)


def test_passwords_that_are_made_are_long_and_never_alike() -> None:
    made = {new_password() for _ in range(20)}
    assert len(made) == 20 and {len(password) for password in made} == {20}
