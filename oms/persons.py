"""`oms person …`: whose personal data an order holds, and destroying a person's key, which blanks it in every copy."""

from __future__ import annotations

import json
import sys
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
from contracts.personal import Personal
from oms.declared import declared
from oms.orders import find_order
from oms.tokens import at_console

__all__ = ["Held", "held_in", "person_commands"]

person_commands = typer.Typer(
    help="Personal data: whose an order holds, and forgetting a person.", no_args_is_help=True
)
console = Console()


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


@person_commands.command("list")
def list_persons(
    order: Annotated[str, typer.Argument(help="The order's id, number or external id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List the persons whose personal data an order holds, and whether it can still be read."""
    settings = load_settings()
    at_console(settings, Role.ADMIN)
    service = declared("order", settings.namespace)
    reads = Reads(settings.database, service, settings.partitions)
    persons = held_in(reads.events(stream("order", find_order(order))))
    readable = _readable(settings, persons)
    if as_json:
        rows = [{**person._asdict(), "readable": person.subject in readable} for person in persons]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    table = Table("subject", "first in", "part", "", box=None, pad_edge=False)
    for person in persons:
        table.add_row(*person, "readable" if person.subject in readable else "forgotten")
    console.print(table if persons else "It holds nobody's personal data.")


@person_commands.command("forget")
def forget(
    subject: Annotated[str, typer.Argument(help="The person's subject, as `oms person list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Destroy a person's key: in every topic, table and copy their personal data is unreadable from then on, for ever."""
    settings = load_settings()
    who = at_console(settings, Role.ADMIN)
    if not yes:
        typer.confirm(f"{who.subject}, destroy the key of {subject} for ever, in every order of theirs?", abort=True)
    vault = PostgresVault(settings.vault)
    try:
        known = vault.forget(subject)
    finally:
        vault.close()
    if not known:
        raise typer.BadParameter(f"the vault has no key of {subject}: it was destroyed before, or never was one")
    console.print(
        f"The key is destroyed. A process that has it in memory may read for {CACHED_KEY_AGE_MAX_SECONDS:.0f} s more; "
        "whoever puts back a backup of the vault from before brings it back, and has to ask for this again.",
        highlight=False,
    )


def _readable(settings: Settings, persons: Iterable[Held]) -> set[str]:
    vault = PostgresVault(settings.vault)
    try:
        return {person.subject for person in persons if vault.get(person.subject) is not None}
    finally:
        vault.close()
