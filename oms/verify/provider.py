"""I-05 and I-08: a payment provider's own books against our payment events, both ways, call by call."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from oms.verify.findings import Findings
from oms.verify.reading import Reading
from oms.verify.records import Place, Unreadable
from oms.verify.spill import Spill

__all__ = ["Books", "Entry", "SandboxBooks", "check_provider"]

KINDS = ("authorization", "charge", "refund")
DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a provider's books. `key` is that of our call; amounts in minor units."""

    id: str
    kind: str
    key: str
    order: str
    amount: int
    currency: str
    declined: bool


class Books(Protocol):
    """What a provider kept."""

    name: str

    def entries(self) -> Iterable[Entry]:
        """Everything it ever posted. Raises Unreadable."""


class SandboxBooks:
    """The books of the payment sandbox: its SQLite file, opened for reading alone."""

    name = "sandbox"

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise Unreadable(f"there are no books of the payment sandbox at {path}")
        self._path = path

    def entries(self) -> Iterator[Entry]:
        """See Books.entries."""
        try:
            books = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)
            for kind, text in books.execute("select kind, document from entries order by number"):
                if kind in KINDS:
                    yield _entry(kind, json.loads(text))
            books.close()
        except sqlite3.Error as error:
            raise Unreadable(f"the books at {self._path} cannot be read: {error}") from error


def _entry(kind: str, found: dict[str, object]) -> Entry:
    amount, currency = found["amount"], found["currency"]
    assert isinstance(amount, int)
    declined = found["state"] == DECLINED
    key, order = str(found.get("key") or ""), str(found.get("order_id") or "")
    return Entry(str(found["id"]), kind, key, order, amount, str(currency), declined)


def check_provider(books: Books, reading: Reading, spill: Spill, findings: Findings) -> None:
    """Both ways. The books are read after the topics, so what the topics say is done is in them; what they have more
    may have come since, which is said by our having asked for it."""
    spill.clear("entries")
    for entry in books.entries():
        row = (entry.id, entry.kind, entry.key, entry.order, entry.amount, entry.currency, entry.declined)
        spill.add("entries", row)
    findings.checked["I-05 once"] += spill.count("select count(*) from entries", {})
    for key, kind, many in spill.ask("select key, kind, count(*) from entries group by key, kind having count(*) > 1"):
        findings.broken("I-05 once", f"{books.name} has {many} entries of the {kind} with the key {key}")
    _steps(books, spill, findings)
    _done_here(books, reading, spill, findings)
    _there(books, spill, findings)


def _steps(books: Books, spill: Spill, findings: Findings) -> None:
    """A part of a capture or refund moves money once, under however many keys it was asked for: what was declined or
    taken back moved none."""
    standing = """
        select distinct e."order", e.kind, c."of", e.key from entries e join calls c
            on c.said = 'asked' and c.key = e.key and c.kind = e.kind and c."order" = e."order"
        where not e.declined and e.kind in ('charge', 'refund') and c."of" <> ''
            and not exists (select 1 from calls r where r.said = 'reversed' and r.key = e.key and r.kind = e.kind)
    """
    steps = f"""select "order", kind, "of", count(*) as many, min(key) as one, max(key) as other from ({standing})
        group by all"""
    findings.checked["I-05 steps"] += spill.count(f"select count(*) from ({steps})", {})
    twice = f"select * from ({steps}) where many > 1"
    found = spill.ask(f"select count(*) over (), * from ({twice}) order by all limit 1")
    for count, order, kind, of, many, one, other in found:
        what = (
            f"{books.name} has {many} entries of the {kind} of {of} of order {order}, with the keys {one} and {other}"
        )
        findings.broken("I-05 steps", what, count=count)


def _done_here(books: Books, reading: Reading, spill: Spill, findings: Findings) -> None:
    ours = f"select * from calls where said = 'done' and starts_with(provider, '{books.name}')"
    findings.checked["I-05 ours"] += spill.count(f"select count(*) from ({ours})", {})
    query = f"""
        select c.topic, c.part, c.off, c.kind, c.key, c.amount, c.currency, e.amount, e.currency from ({ours}) c
        left join (select * from entries where not declined) e on e.key = c.key and e.kind = c.kind
        where e.id is null or e.amount <> c.amount or e.currency <> c.currency order by 1, 2, 3
    """
    for topic, part, off, kind, key, amount, currency, there, other in spill.ask(query):
        found = "nothing of it" if there is None else f"{there} {other}"
        what = f"our events say that the {kind} {key} of {amount} {currency} was made, {books.name} has {found}"
        findings.broken("I-05 ours", what, Place(reading.topics[topic], part, off))


def _there(books: Books, spill: Spill, findings: Findings) -> None:
    findings.checked["I-05 theirs"] += spill.count("select count(*) from entries where not declined", {})
    query = """
        select e.id, e.kind, e.key from entries e where not e.declined
        and exists (select 1 from calls c where c.key = e.key and c.said = 'declined' and c.kind = e.kind)
        and not exists (select 1 from calls c where c.key = e.key and c.said = 'done' and c.kind = e.kind) order by 1
    """
    for identifier, kind, key in spill.ask(query):
        what = f"{books.name} made the {kind} {identifier} with the key {key}, and our events say that it was declined"
        findings.broken("I-05 theirs", what)
    findings.checked["I-08 cause"] += spill.count("select count(*) from entries", {})
    query = """
        select e.id, e.kind, e.key, e."order" from entries e
        anti join (select * from calls where said = 'asked') c
            on c.key = e.key and c.kind = e.kind and c."order" = e."order"
        order by 1
    """
    for identifier, kind, key, order in spill.ask(query):
        what = f"{books.name} has the {kind} {identifier} with the key {key} of order {order}, which no event asked for"
        findings.broken("I-08 cause", what)
