"""What doors stand on, without servers: a writer that keeps what it is given, a store that knows what it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter
from fastapi.testclient import TestClient

from chassis.access import guarded_app
from chassis.log import LogError, NewRecord
from chassis.reading import Known
from chassis.sealing import seal_under
from chassis.tokens import Grant, Kind, Role, Tokens, TokensRefused
from contracts.personal import Personal, PersonalContent
from oms.access import RULES
from services.order.postbox import Mail, MailRefused, MailServerAway

ADMIN = "admin-token"
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
KEY = bytes(range(64))


def seal(subject: str, content: PersonalContent) -> Personal:
    """Every subject has the same key here."""
    return seal_under(KEY, subject, content)


@dataclass
class KeptWriter:
    """Keeps records; `away` times it takes nothing first. `then` is called with each batch that it took."""

    records: list[NewRecord] = field(default_factory=list)
    away: int = 0
    then: Callable[[Sequence[NewRecord]], None] = lambda records: None

    async def write(self, records: Sequence[NewRecord]) -> None:
        if self.away:
            self.away -= 1
            raise LogError("the broker is away")
        self.records += records
        self.then(records)


@dataclass
class KeptPostbox:
    """Keeps what is put in, each once; `away` times it takes nothing first. `refused` is its answer to everything."""

    mails: dict[str, Mail] = field(default_factory=dict)
    away: int = 0
    refused: MailRefused | None = None

    async def put(self, mail: Mail) -> str:
        if self.away:
            self.away -= 1
            raise MailServerAway("the postbox is away")
        if self.refused:
            raise self.refused
        self.mails.setdefault(mail.key, mail)
        return mail.key

    async def take_back(self, key: str) -> bool:
        return self.mails.pop(key, None) is not None


@dataclass
class ToldReads:
    """Knows the door messages that a test told it of."""

    messages: dict[str, Known] = field(default_factory=dict)

    def known(self, message_id: str) -> Known | None:
        return self.messages.get(message_id)


class ToldTokens(Tokens):
    """Knows the tokens that a test told it of; `ADMIN` is one from the start. `away` is why nobody is known now."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))
        self.known: dict[str, Grant] = {}
        self.away: str | None = None
        self.tell(ADMIN, "anna", Role.ADMIN)

    def tell(self, token: str, subject: str, *roles: Role, kind: Kind = Kind.PERSON) -> None:
        self.known[token] = Grant(subject=subject, kind=kind, roles=frozenset(roles), sha256="0" * 64)

    def holder(self, token: str) -> Grant | None:
        if self.away:
            raise TokensRefused(self.away)
        return self.known.get(token)


def guarded_client(*routers: APIRouter) -> tuple[TestClient, ToldTokens]:
    """A client of these routes behind the guard and the rules of the doors, with the token of an admin."""
    tokens = ToldTokens()
    app = guarded_app("doors", "", tokens, RULES)
    for router in routers:
        app.include_router(router)
    return TestClient(app, headers={"Authorization": f"Bearer {ADMIN}"}), tokens
