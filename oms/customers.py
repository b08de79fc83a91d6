"""`oms customer …`: whose personal data an order holds, and forgetting one, which blanks it in every copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, NamedTuple

import orjson
import typer
from rich.console import Console
from rich.table import Table

from chassis.reading import Reads
from chassis.sealing import CACHED_KEY_AGE_MAX_SECONDS
from chassis.settings import Settings, load_settings
from chassis.store import Recorded
from chassis.tokens import Role
from chassis.vault import PostgresVault
from contracts.ids import stream
from contracts.order import ForgetReason
from contracts.personal import Personal
from deploy.local.errors import NotReady
from oms.calls import AsJson, call, print_json
from oms.calls import part as address_part
from oms.declared import declared
from oms.orders import find_order
from oms.tokens import at_console

__all__ = ["Checked", "Held", "customer_commands", "held_in", "look_for_keys"]

customer_commands = typer.Typer(
    help="Personal data: whose an order holds, and forgetting a customer.", no_args_is_help=True
)
console = Console()

READABLE, FORGOTTEN, LOST = "readable", "forgotten", "lost"
"""What can be said of a person's key. Of one who came back after they were forgotten there is a new one."""


SUBJECT_CHARS = 36
"""Of a subject, which is a UUID."""

PEOPLE_AT_ONCE = 5_000
LOST_SHOWN_MAX = 100
"""Lost keys that are named, of however many."""


class Held(NamedTuple):
    """Sealed personal data in an event: the person's subject, and which part of the event it is."""

    subject: str
    event: str
    part: str


def held_in(events: Iterable[Recorded]) -> list[Held]:
    """Every person whose sealed data is in these events, each with the first place."""
    found: dict[str, Held] = {}
    for event in events:
        for part, subject in _sealed(orjson.loads(event.value), ()):
            found.setdefault(subject, Held(subject, event.type.split(".")[-2], part))
    return list(found.values())


def _sealed(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value.keys() == Personal.model_fields.keys():
        yield ".".join(path), value["subject"]
        return
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from _sealed(part, (*path, str(name)))


@customer_commands.command("list")
def list_customers(
    order: Annotated[str, typer.Argument(help="The order's id, number or external id.")], as_json: AsJson = False
) -> None:
    """List the persons whose personal data an order holds, and whether it can still be read."""
    settings = load_settings()
    at_console(settings, Role.ADMIN)
    service = declared("order", settings.namespace)
    reads = Reads(settings.database, service, settings.partitions)
    persons = held_in(reads.events(stream("order", find_order(order))))
    keys = _keys(settings, persons)
    if as_json:
        print_json([{**person._asdict(), "key": keys[person.subject]} for person in persons])
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("subject", no_wrap=True, min_width=SUBJECT_CHARS)  # whole, to be copied
    for column in ("first in", "part", "key"):
        table.add_column(column, overflow="fold")
    for person in persons:
        table.add_row(*person, keys[person.subject])
    console.print(table if persons else "It holds nobody's personal data.")
    if LOST in keys.values():
        console.print("A key is lost: put back the latest backup of the vault (docs/privacy.md).", highlight=False)


@customer_commands.command("forget")
def forget(
    subject: Annotated[str, typer.Argument(help="The person's subject, as `oms customer list` shows it.")],
    reason: Annotated[ForgetReason, typer.Option(help="Why; it is recorded for ever.")] = ForgetReason.ASKED,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    key: Annotated[str | None, typer.Option("--key", help="The Idempotency-Key: the same one is done once.")] = None,
    as_json: AsJson = False,
) -> None:
    """Destroy a person's key and record it: in every topic, table and copy their personal data is unreadable from then on,
    for ever. Asked again after it was broken off, it is finished."""
    if not yes:
        typer.confirm(f"Destroy the key of {subject} for ever, in every order of theirs?", abort=True)
    said = call("POST", f"/customers/{address_part(subject)}/forget", {"reason": reason}, key)
    if as_json:
        print_json(said)
        return
    recorded = "and recorded" if "events" in said else "and is being recorded"
    console.print(
        f"The key is destroyed, {recorded}. A process that has it in memory may read for "
        f"{CACHED_KEY_AGE_MAX_SECONDS:.0f} s more.",
        highlight=False,
    )


@customer_commands.command("check")
def check(as_json: AsJson = False) -> None:
    """Look for a key of everybody whose data an order holds. Exit code 7 when one is lost."""
    settings = load_settings()
    at_console(settings, Role.ADMIN)
    reads = Reads(settings.database, declared("order", settings.namespace), settings.partitions)
    vault = PostgresVault(settings.vault)
    try:
        found = look_for_keys(reads, vault)
    finally:
        vault.close()
        reads.close()
    if as_json:
        print_json(found._asdict())
    else:
        console.print(f"{found.people} people, the keys of {found.lost} are lost.", highlight=False)
        console.print("\n".join(found.first), highlight=False)
    if found.lost:
        raise NotReady("put back the latest backup of the vault: `oms restore vault FOLDER` (docs/privacy.md)")


class Checked(NamedTuple):
    """How many people orders hold data of, of how many the key is lost, and the first of those by their subject."""

    people: int
    lost: int
    first: list[str]


def look_for_keys(reads: Reads, vault: PostgresVault) -> Checked:
    """Ask the vault for the key of everybody whose data an order holds, PEOPLE_AT_ONCE at a time."""
    people, lost, first = 0, 0, list[str]()
    after = ""
    while rows := reads.rows(
        "select distinct subject from order_customers where subject > %s order by subject limit %s",
        [after, PEOPLE_AT_ONCE],
    ):
        subjects = [subject for (subject,) in rows]
        missing = vault.lost(subjects)
        people, lost, after = people + len(subjects), lost + len(missing), subjects[-1]
        first += missing[: LOST_SHOWN_MAX - len(first)]
    return Checked(people, lost, first)


def _keys(settings: Settings, persons: Iterable[Held]) -> dict[str, str]:
    vault = PostgresVault(settings.vault)
    try:
        return {person.subject: _key_of(vault, person.subject) for person in persons}
    finally:
        vault.close()


def _key_of(vault: PostgresVault, subject: str) -> str:
    if vault.get(subject) is not None:
        return READABLE
    return FORGOTTEN if vault.forgotten(subject) else LOST
