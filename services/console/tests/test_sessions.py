"""Sessions end when their token does, and nobody is signed in for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_a_token_that_is_revoked_ends_its_sessions_at_once(tokens: Tokens) -> None:
    # given somebody signed in
    token = tokens.issue("ada", Kind.PERSON, frozenset({Role.CSR}))
    signed_in = Sessions(tokens)
    name = signed_in.begin(token)
    found = signed_in.of(name)
    assert found is not None and found[1].subject == "ada"
    # when the token is revoked, then the next request is nobody's
    tokens.issue("bo", Kind.PERSON, frozenset({Role.CSR}))
    tokens.revoke("ada")
    assert signed_in.of(name) is None


def test_a_session_ends_by_itself(tokens: Tokens) -> None:
    clock = Clock()
    signed_in = Sessions(tokens, clock)
    name = signed_in.begin(tokens.issue("ada", Kind.PERSON, frozenset({Role.CSR})))
    clock.now = SESSION_SECONDS - 1
    assert signed_in.of(name) is not None
    clock.now = SESSION_SECONDS
    assert signed_in.of(name) is None


def test_a_token_that_nobody_issued_begins_nothing(tokens: Tokens) -> None:
    tokens.issue("ada", Kind.PERSON, frozenset({Role.CSR}))
    assert Sessions(tokens).begin("guessed") is None


def test_too_many_sessions_sign_out_the_oldest(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SESSIONS_MAX", 2)
    token = tokens.issue("ada", Kind.PERSON, frozenset({Role.CSR}))
    signed_in = Sessions(tokens)
    first, second, third = (signed_in.begin(token) for _ in range(3))
    assert signed_in.of(first) is None
    assert signed_in.of(second) is not None and signed_in.of(third) is not None
