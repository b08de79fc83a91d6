"""The file of tokens: what it holds, whom it lets in, and when nobody is."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from chassis.tokens import Grant, Kind, Role, Tokens, TokensRefused
from tests.doors.fakes import NOON

CSR = frozenset({Role.CSR})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "tokens.toml"


@pytest.fixture
def tokens(path: Path) -> Tokens:
    return Tokens(path, lambda: NOON)


def test_a_token_stands_for_whom_it_was_made(tokens: Tokens) -> None:
    anna = tokens.issue("anna", Kind.PERSON, CSR)
    tokens.issue("scanner-3", Kind.SYSTEM, frozenset({Role.WAREHOUSE}))
    holder = tokens.holder(anna)
    assert holder is not None
    assert (holder.subject, holder.kind, holder.roles) == ("anna", Kind.PERSON, CSR)


def test_no_two_tokens_are_alike_and_each_has_32_random_bytes(tokens: Tokens) -> None:
    made = {tokens.issue("anna", Kind.PERSON, CSR) for _ in range(20)}
    assert len(made) == 20
    assert {len(token) for token in made} == {43}
    assert all(set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") for token in made)


def test_the_file_has_the_digest_alone_and_only_its_owner_reads_it(tokens: Tokens, path: Path) -> None:
    token = tokens.issue("anna", Kind.PERSON, frozenset({Role.CSR, Role.FINANCE}), NOON + timedelta(days=1))
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    (row,) = tomllib.loads(path.read_text())["token"]
    assert (row["subject"], row["kind"], row["roles"]) == ("anna", "person", ["csr", "finance"])
    assert row["expires"] == NOON + timedelta(days=1)
    assert len(row["sha256"]) == 64


@pytest.mark.parametrize("wrong", ["", "x", "é" * 43, "A" * 43])
def test_what_is_no_token_stands_for_nobody(tokens: Tokens, wrong: str) -> None:
    token = tokens.issue("anna", Kind.PERSON, CSR)
    digest = tokens.grants()[0].sha256
    for tried in (wrong, token[:-1], token + "A", digest):
        assert tokens.holder(tried) is None


def test_a_token_counts_until_it_expires(path: Path) -> None:
    now = [NOON]
    tokens = Tokens(path, lambda: now[0])
    token = tokens.issue("anna", Kind.PERSON, CSR, NOON + timedelta(seconds=1))
    assert tokens.holder(token)
    now[0] += timedelta(seconds=1)
    assert tokens.holder(token) is None


def test_what_another_process_changes_is_seen_at_once(tokens: Tokens, path: Path) -> None:
    kept = tokens.issue("anna", Kind.PERSON, CSR)
    assert tokens.holder(kept)
    elsewhere = Tokens(path)
    added = elsewhere.issue("ben", Kind.PERSON, CSR)
    assert tokens.holder(added)
    elsewhere.revoke("anna")
    assert tokens.holder(kept) is None
    assert tokens.holder(added)


def test_a_token_is_revoked_by_its_id_and_all_of_a_subject_by_its_name(tokens: Tokens) -> None:
    old, new = (tokens.issue("anna", Kind.PERSON, CSR) for _ in range(2))
    ben = tokens.issue("ben", Kind.PERSON, CSR)
    holder = tokens.holder(old)
    assert holder is not None
    assert [grant.id for grant in tokens.revoke(holder.id)] == [holder.id]
    assert (tokens.holder(old), tokens.holder(new) is None) == (None, False)
    tokens.issue("anna", Kind.PERSON, CSR)
    assert len(tokens.revoke("anna")) == 2
    assert [grant.subject for grant in tokens.grants()] == ["ben"]
    assert tokens.holder(ben)
    assert tokens.revoke("nobody") == ()


def test_two_who_write_at_once_lose_nothing(path: Path) -> None:
    writers = [Thread(target=Tokens(path).issue, args=(f"s{n}", Kind.SYSTEM, CSR)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(grant.subject for grant in Tokens(path).grants()) == [f"s{n}" for n in range(8)]


def _readable(path: Path) -> None:
    path.chmod(0o640)


def _gone(path: Path) -> None:
    path.unlink()


def _nonsense(path: Path) -> None:
    path.write_text("[[token]\n")


def _a_role_that_nobody_knows(path: Path) -> None:
    path.write_text(path.read_text().replace("csr", "emperor"))


def _an_instant_without_a_zone(path: Path) -> None:
    path.write_text(path.read_text() + "expires = 2026-01-05T12:00:00\n")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_readable, "chmod 600"),
        (_gone, "No such file"),
        (_nonsense, "cannot be read"),
        (_a_role_that_nobody_knows, "roles"),
        (_an_instant_without_a_zone, "expires"),
    ],
)
def test_a_file_that_cannot_be_trusted_lets_nobody_in(
    tokens: Tokens, path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    token = tokens.issue("anna", Kind.PERSON, CSR)
    assert tokens.holder(token)
    spoil(path)
    with pytest.raises(TokensRefused, match=said):
        tokens.holder(token)


@pytest.mark.parametrize("subject", ["", "anna@example.org", "Ada Lindqvist", 'a"b', "a\nb", "x" * 129])
def test_a_subject_is_no_address_and_fits_any_file(tokens: Tokens, path: Path, subject: str) -> None:
    with pytest.raises(TokensRefused, match="subject"):
        tokens.issue(subject, Kind.PERSON, CSR)
    assert not path.exists()


def test_a_token_without_a_role_is_not_made(tokens: Tokens) -> None:
    with pytest.raises(TokensRefused, match="roles"):
        tokens.issue("anna", Kind.PERSON, frozenset())


def test_more_tokens_than_may_be_are_refused(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.tokens.TOKENS_MAX", 1)
    tokens.issue("anna", Kind.PERSON, CSR)
    with pytest.raises(TokensRefused, match="revoke"):
        tokens.issue("ben", Kind.PERSON, CSR)


@pytest.mark.parametrize(
    ("roles", "account", "may"),
    [
        ({Role.CHANNEL_BOT}, "webshop-eu", True),
        ({Role.CHANNEL_BOT}, "webshop-us", False),
        ({Role.CSR}, "webshop-us", True),
        ({Role.CHANNEL_BOT, Role.ADMIN}, "webshop-us", True),
        ({Role.CHANNEL_BOT, Role.VIEWER}, "webshop-us", False),
    ],
)
def test_a_channel_acts_for_itself_alone(roles: set[Role], account: str, may: bool) -> None:
    grant = Grant(subject="webshop-eu", kind=Kind.CHANNEL, roles=frozenset(roles), sha256="0" * 64)
    assert grant.speaks_for(account) is may


def test_an_expiry_written_by_hand_in_another_zone_is_kept(tokens: Tokens, path: Path) -> None:
    tokens.issue("anna", Kind.PERSON, CSR)
    path.write_text(path.read_text() + "expires = 2026-02-01T08:30:00.25+02:00\n")
    tokens.issue("ben", Kind.PERSON, CSR)
    assert tokens.grants()[0].expires == datetime(2026, 2, 1, 6, 30, 0, 250_000, tzinfo=UTC)
