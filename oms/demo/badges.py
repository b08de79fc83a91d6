"""Who plays in the demonstration, and the token that each comes in with: made for one run and taken back after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chassis.accounts import Accounts, new_password
from chassis.tokens import Kind, Role, Tokens
from contracts.message import to_milliseconds
from oms.demo.baskets import CHANNEL_ACCOUNT

__all__ = ["VISITOR", "Badges", "badges", "visitor"]

COUNTS_FOR = timedelta(days=1)
"""A run that is killed takes nothing back: its tokens end by themselves."""

VISITOR = "demo-visitor"
"""Whoever looks at a run in the console afterwards."""

STAFF, DRIVER, DESK, FINANCE = "demo-staff", "demo-driver", "demo-desk", "demo-finance"


@dataclass(frozen=True, slots=True)
class Badges:
    """A token for each part: the till of the channel, the staff of warehouses and stores, the carrier's drivers, a
    person at the order desk, and one who keeps the books."""

    till: str
    staff: str
    carrier: str
    desk: str
    finance: str


@contextmanager
def badges(tokens: Tokens) -> Iterator[Badges]:
    """Tokens that count while this runs. Those that an earlier run left behind are taken back first."""
    until = to_milliseconds(datetime.now(UTC) + COUNTS_FOR)
    parts = (
        (CHANNEL_ACCOUNT, Kind.CHANNEL, Role.CHANNEL_BOT),
        (STAFF, Kind.SYSTEM, Role.WAREHOUSE),
        (DRIVER, Kind.SYSTEM, Role.CARRIER),
        (DESK, Kind.PERSON, Role.CSR),
        (FINANCE, Kind.PERSON, Role.FINANCE),
    )
    _take_back(tokens, parts)
    try:
        yield Badges(*(tokens.issue(subject, kind, frozenset({role}), until) for subject, kind, role in parts))
    finally:
        _take_back(tokens, parts)


def _take_back(tokens: Tokens, parts: tuple[tuple[str, Kind, Role], ...]) -> None:
    for subject, _, _ in parts:
        tokens.revoke(subject)


def visitor(accounts: Accounts) -> str:
    """The password of an account, VISITOR, to look at the run with, and to do in the console what the parts of the
    demonstration do, for a day. That of an earlier run counts no more."""
    accounts.remove(VISITOR)
    until = to_milliseconds(datetime.now(UTC) + COUNTS_FOR)
    roles = frozenset({Role.CSR, Role.WAREHOUSE, Role.FINANCE, Role.ADMIN})
    password = new_password()
    accounts.add(VISITOR, roles, password, until)
    return password
