"""Sessions end when their token does, and nobody is signed in for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis.accounts import Accounts, Callers
from chassis.tokens import Kind, Role, Tokens
from services.console import sessions
from services.console.sessions import SESSION_SECONDS, Sessions


class Clock:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tmp_path / "tokens.toml")


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path / "accounts.toml")


@pytest.fixture
def callers(tokens: Tokens, accounts: Accounts) -> Callers:
    return Callers(tokens, accounts)


def test_a_token_that_is_revoked_ends_its_sessions_at_once(tokens: Tokens, callers: Callers) -> None:
    # given somebody signed in
    token = tokens.issue("ada", Kind.PERSON, frozenset({Role.CSR}))
    signed_in = Sessions(callers)
    name = signed_in.begin(token)
    found = signed_in.of(name)
    assert found is not None and found[1].subject == "ada"
    # when the token is revoked, then the next request is nobody's
    tokens.issue("bo", Kind.PERSON, frozenset({Role.CSR}))
    tokens.revoke("ada")
    assert signed_in.of(name) is None


def test_a_session_ends_by_itself(tokens: Tokens, callers: Callers) -> None:
    clock = Clock()
    signed_in = Sessions(callers, clock)
    name = signed_in.begin(tokens.issue("ada", Kind.PERSON, frozenset({Role.CSR})))
    clock.now = SESSION_SECONDS - 1
    assert signed_in.of(name) is not None
    clock.now = SESSION_SECONDS
    assert signed_in.of(name) is None


def test_a_token_that_nobody_issued_begins_nothing(tokens: Tokens, callers: Callers) -> None:
    tokens.issue("ada", Kind.PERSON, frozenset({Role.CSR}))
    assert Sessions(callers).begin("guessed") is None


def test_too_many_sessions_sign_out_the_oldest(
    tokens: Tokens, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SESSIONS_MAX", 2)
    token = tokens.issue("ada", Kind.PERSON, frozenset({Role.CSR}))
    signed_in = Sessions(callers)
    first, second, third = (signed_in.begin(token) for _ in range(3))
    assert signed_in.of(first) is None
    assert signed_in.of(second) is not None and signed_in.of(third) is not None


@pytest.mark.parametrize("ended", ("removed", "changed", "signed out"))
def test_a_session_of_an_account_ends_with_it(accounts: Accounts, tokens: Tokens, callers: Callers, ended: str) -> None:
    # given somebody who signed in with a password
    tokens.issue("bo", Kind.PERSON, frozenset({Role.CSR}))
    accounts.add("ada", frozenset({Role.CSR}), "correct horse")
    account = accounts.check("ada", "correct horse")
    assert account is not None
    token = callers.sign_in(account)
    signed_in = Sessions(callers)
    name = signed_in.begin(token)
    found = signed_in.of(name)
    assert name is not None and found is not None
    # then they are who the account says, as a person
    assert (found[1].subject, found[1].kind, found[1].roles) == ("ada", Kind.PERSON, frozenset({Role.CSR}))
    # when it is removed, has another password, or they sign out
    match ended:
        case "removed":
            assert accounts.remove("ada")
        case "changed":
            assert accounts.change("ada", "battery staple")
        case _:
            signed_in.end(name)
    # then neither the session nor its token is anybody's
    assert signed_in.of(name) is None and callers.holder(token) is None
