"""Finding orders by the name or the e-mail address of a person, although both are sealed.

What is kept is no name and no address: a keyed digest of each, by which nobody is found who is not asked for. The key is
made of one in the vault. A person who is forgotten is found no more.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any, LiteralString

import psycopg

from chassis.changes import by_column
from chassis.log import Record
from chassis.projection import events_among
from chassis.sealing import CACHED_KEY_AGE_MAX_SECONDS
from contracts.finding import finding_subject
from contracts.ids import split_stream
from contracts.order import CustomerForgotten, OrderImported, OrderPlaced, ShipGroupChanged
from contracts.personal import Personal, PersonalContent, sealed_in

__all__ = ["Digests", "PeopleProjection"]

Seal = Callable[[str, PersonalContent], Personal]
Open = Callable[[Iterable[Personal]], Mapping[Personal, PersonalContent]]

WORD = re.compile(r"[^\W\d_]{2,}")
"""A word of a name: letters, and at least two of them."""

NAME = re.compile(r"[^\W\d_]+(?:[\s'.-]{1,3}[^\W\d_]+)*\.?")
"""What may be a name. Digits are no part of one: then a number is looked for, or words of goods."""

WORDS_MAX = 20
"""Words that are taken of a name, or of a search."""

_KEY = "key of digests, 1"

_FOLDED = (OrderPlaced, OrderImported, ShipGroupChanged, CustomerForgotten)

SETTLES = timedelta(seconds=2 * CACHED_KEY_AGE_MAX_SECONDS)
"""After a forgetting. What is recorded within it may have been sealed, or opened here, with the key that is destroyed."""


class Digests:
    """Makes digests, of what a person is called and of what somebody looks for. `seal` may reach the vault, once."""

    def __init__(self, seal: Seal, tenant: str) -> None:
        self._seal, self._tenant = seal, tenant

    @cached_property
    def _key(self) -> bytes:
        # Sealing is deterministic, so the key is the same in every process that has the vault; of its ciphertext only
        # a hash is used, so that digests are no place to begin from.
        made = self._seal(finding_subject(self._tenant), PersonalContent(notes=_KEY)).ciphertext
        return sha256(made.encode()).digest()

    def of_person(self, content: PersonalContent) -> list[str]:
        """Those by which somebody is found: of the whole e-mail address, and of each word of the name."""
        address = [] if content.email is None else [_address(content.email)]
        return [self._digest(text) for text in (*address, *_words(content.name or ""))]

    def of_search(self, said: str) -> list[str]:
        """Those of what somebody looks for, all of which a person has to have; none where it can be no person."""
        if "@" in said:
            return [self._digest(_address(said))]
        return [self._digest(text) for text in _words(said)] if NAME.fullmatch(said.strip()) else []

    def _digest(self, text: str) -> str:
        return hmac.digest(self._key, text.encode(), "sha256").hex()


def _address(text: str) -> str:
    return f"e-mail {unicodedata.normalize('NFKC', text).strip().casefold()}"


def _words(text: str) -> list[str]:
    """Words as they count: without case and accents, each once."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return [f"name {word}" for word in dict.fromkeys(WORD.findall(plain))][:WORDS_MAX]


_Row = tuple[str, str, str, datetime]


class PeopleProjection:
    """`people`: a row a digest, order and subject, with when it was recorded. `opened` opens what is
    sealed (Sealer.open_all): nothing of somebody whose key is gone, who is found by nobody, and it raises as long as the
    master key is another one, which opens nothing at all until the right one is back."""

    name = "people"
    topics = ("order.events",)
    tables: LiteralString = """
    create table if not exists people (
        digest text not null, order_id text not null, subject text not null, recorded_at timestamptz not null,
        primary key (digest, order_id, subject));
    create index if not exists people_subject on people (subject);
    """

    def __init__(self, digests: Digests, opened: Open) -> None:
        self._digests, self._opened = digests, opened

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        named, forgotten = list[tuple[Personal, str, datetime]](), dict[str, datetime]()
        for envelope, event in events_among(records, _FOLDED):
            if isinstance(event, CustomerForgotten):
                until = event.keys_until + SETTLES
                forgotten[event.subject] = max(until, forgotten.get(event.subject, until))
            else:
                order = split_stream(envelope.subject)[1]
                named += [(personal, order, envelope.time) for personal in sealed_in(event)]
        if rows := self._rows(named):
            connection.execute(
                "insert into people select * from unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[])"
                " on conflict do nothing",
                by_column(rows),
            )
        if forgotten:
            connection.execute(
                "delete from people using unnest(%b::text[], %b::timestamptz[]) as gone (subject, until)"
                " where people.subject = gone.subject and people.recorded_at <= gone.until",
                by_column(forgotten.items()),
            )

    def _rows(self, named: Sequence[tuple[Personal, str, datetime]]) -> list[_Row]:
        """A row for each digest of whoever is named in an order: of those who are named twice, the first."""
        opened = self._opened(personal for personal, _, _ in named)
        rows = dict[tuple[str, str, str], _Row]()
        for personal, order, at in named:
            if (content := opened.get(personal)) is not None:
                for digest in self._digests.of_person(content):
                    row = (digest, order, personal.subject)
                    rows.setdefault(row, (*row, at))
        return list(rows.values())
