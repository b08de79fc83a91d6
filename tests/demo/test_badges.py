"""The tokens of the demonstration: one a part, for as long as it plays; and the account of whoever looks at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis.accounts import Accounts
from chassis.tokens import Kind, Role, Tokens
from oms.demo.badges import VISITOR, Badges, badges, visitor
from oms.demo.baskets import CHANNEL_ACCOUNT


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    """A file with the token of somebody who plays no part."""
    made = Tokens(tmp_path / "tokens.toml")
    made.issue("anna", Kind.PERSON, frozenset({Role.ADMIN}))
    return made


def _roles(tokens: Tokens, made: Badges) -> list[tuple[str, set[Role]]]:
    holders = [tokens.holder(token) for token in (made.till, made.staff, made.carrier, made.desk, made.finance)]
    return [(holder.subject, set(holder.roles)) for holder in holders if holder is not None]


def test_each_part_has_the_role_of_its_own_while_the_run_lasts(tokens: Tokens) -> None:
    with badges(tokens) as made:
        assert _roles(tokens, made) == [
            (CHANNEL_ACCOUNT, {Role.CHANNEL_BOT}),
            ("demo-staff", {Role.WAREHOUSE}),
            ("demo-driver", {Role.CARRIER}),
            ("demo-desk", {Role.CSR}),
            ("demo-finance", {Role.FINANCE}),
        ]
    assert _roles(tokens, made) == []
    assert [grant.subject for grant in tokens.grants()] == ["anna"]


def test_a_run_takes_back_what_one_that_was_killed_left_behind(tokens: Tokens) -> None:
    killed = badges(tokens)
    left = killed.__enter__()
    with badges(tokens) as made:
        assert _roles(tokens, left) == []
        assert len(_roles(tokens, made)) == 5
        assert len(tokens.grants()) == 6


def test_whoever_looks_at_a_run_has_an_account_until_the_next_run_or_for_a_day(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "accounts.toml")
    first = visitor(accounts)
    found = accounts.check(VISITOR, first)
    assert found is not None and found.expires is not None and Role.ADMIN in found.roles
    assert accounts.check(VISITOR, visitor(accounts)) is not None
    assert accounts.check(VISITOR, first) is None
