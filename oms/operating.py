"""Commands for those who operate: dead letters, offsets. Added to the `oms` command by oms/main.py."""

from __future__ import annotations

import base64
import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chassis.offsets import restore_positions
from chassis.settings import load_settings
from contracts.topics import SERVICES
from oms.declared import declared
from oms.letters import Letter, find_letters, redrive
from oms.reach import reach_log

__all__ = ["dead_letters", "offsets"]

SHOWN_CHARS_MAX = 4_000
"""Characters of a message's value that are shown to people; `--json` has all of it."""

console = Console()
dead_letters = typer.Typer(help="What could not be taken: list, show, try again.", no_args_is_help=True)
offsets = typer.Typer(help="Positions of services in their inboxes.", no_args_is_help=True)

ServiceName = Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]
OfService = Annotated[str | None, typer.Option("--service", help="Only this service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def _checked(service: str) -> str:
    if service not in SERVICES:
        raise typer.BadParameter(f"there is no service {service}; there are {', '.join(SERVICES)}")
    return service


def _letters(service: str | None) -> list[Letter]:
    settings = load_settings()
    names = SERVICES if service is None else (_checked(service),)
    return [letter for name in names for letter in find_letters(settings, name)]


@dead_letters.command("list")
def list_letters(service: OfService = None, as_json: AsJson = False) -> None:
    """List dead letters and parked messages, with why."""
    found = _letters(service)
    if as_json:
        _print_json([_document(letter) for letter in found])
        return
    table = Table("name", "state", "since", "type", "stream", "reason", box=None, pad_edge=False)
    for letter in found:
        since = letter.since.isoformat(timespec="seconds")
        table.add_row(letter.name, letter.state, since, letter.type, letter.stream, escape(letter.reason[:200]))
    console.print(table if found else "Nothing is dead or parked.")


@dead_letters.command("show")
def show_letter(name: str, as_json: AsJson = False) -> None:
    """Show one, with its bytes as they came."""
    letter = _named(name)
    if as_json:
        _print_json({**_document(letter), "value_base64": base64.b64encode(_value(letter)).decode()})
        return
    for key, value in _document(letter).items():
        console.print(f"[bold]{key}[/]: {escape(str(value))}", highlight=False)
    console.print(escape(_value(letter).decode(errors="backslashreplace")[:SHOWN_CHARS_MAX]), highlight=False)


@dead_letters.command("redrive")
def redrive_letters(
    name: Annotated[str | None, typer.Argument(help="As listed; left out with --all.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that is listed.")] = False,
    service: OfService = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be tried.")] = False,
) -> None:
    """Try one again, or all. A parked message takes those in front of it in its stream along."""
    if (name is None) == (not every):
        raise typer.BadParameter("name one, or say --all")
    found = _letters(service) if name is None else [_named(name)]
    if not dry_run:
        console.print(f"{redrive(load_settings(), found)} sent again; `oms dead-letters list` shows what stays.")
        return
    for letter in found:
        console.print(f"would try {letter.name} ({letter.type}) again", highlight=False)


@offsets.command("restore")
def restore_offsets(service: ServiceName) -> None:
    """Set a service's positions to after the last message that its events name. Stop the service first."""
    settings = load_settings()
    of = declared(_checked(service), settings.namespace)
    log = reach_log(settings)
    positions = restore_positions(log, of)
    log.commit_positions(of.qualified, of.inbox, positions)
    for partition, position in sorted(positions.items()):
        console.print(f"{of.inbox}/{partition} goes on at {position}", highlight=False)


def _named(name: str) -> Letter:
    service = name.partition("/")[0]
    found = [letter for letter in _letters(service) if letter.name == name]
    if not found:
        raise typer.BadParameter(f"nothing named {name} is dead or parked; `oms dead-letters list` names them")
    return found[0]


def _value(letter: Letter) -> bytes:
    if letter.parked is not None:
        return base64.b64decode(letter.parked.value)
    return (letter.record.value or b"") if letter.record is not None else b""


def _document(letter: Letter) -> dict[str, str]:
    return {
        "name": letter.name,
        "state": letter.state,
        "service": letter.service,
        "stream": letter.stream,
        "type": letter.type,
        "since": letter.since.isoformat(),
        "reason": letter.reason,
    }


def _print_json(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
