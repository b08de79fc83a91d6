"""Puts the provider together: a ledger, the bank on it, notices, the application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from deploy.sandbox.api import Conduct, make_sandbox
from deploy.sandbox.bank import Bank, Terms
from deploy.sandbox.ledger import Ledger
from deploy.sandbox.notices import Notices

__all__ = ["HOST", "Place", "serving"]

HOST = "127.0.0.1"
"""It takes anything for money: nobody but this machine may reach it."""


@dataclass(frozen=True)
class Place:
    """Where the ledger lies, what lets callers in (`key`), what signs notices (`secret`) and where they go, and how
    long things take."""

    ledger: Path
    key: str
    secret: str
    notices: str | None = None
    settles_in: str = "EUR"
    keys_kept_seconds: int = 86_400
    slow_seconds: float = 30.0
    hold_seconds: float = 60.0
    late_seconds: int = 30
    pending_seconds: int = 5


@contextmanager
def serving(place: Place) -> Iterator[FastAPI]:
    """The application, while its ledger is open."""
    ledger = Ledger(place.ledger)
    terms = Terms(place.settles_in, late_seconds=place.late_seconds, pending_seconds=place.pending_seconds)
    conduct = Conduct(place.key, place.keys_kept_seconds, place.slow_seconds, place.hold_seconds)
    try:
        yield make_sandbox(Bank(ledger, terms), Notices(ledger, place.notices, place.secret), conduct)
    finally:
        ledger.close()
