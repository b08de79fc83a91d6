"""`oms replay`: what another version makes of the same log, before it is installed (`--with`), and a part of the log played
into a sandbox by this one (`--into`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from chassis.rebuild import ends_of
from chassis.settings import Settings, load_settings
from chassis.tokens import Role
from contracts.topics import SERVICES
from oms.declared import declared
from oms.reach import reach_log
from oms.rebuild.showing import checked_services, compared_table, first_difference
from oms.replay.asking import Shown, play_selected, remove_sandbox, selection_of
from oms.replay.comparing import Replayed, Wanted, document_of, replay
from oms.tokens import at_console
from oms.told_progress import AsProgress, Teller

__all__ = ["replay_log"]

DIFFERENT = 1
HERE = Path(__file__).parents[2]
HERE_NAME, OTHER_NAME = "this version", "the other"

VALUE_CHARS_MAX = 200
"""Characters of a value that are shown to people; `--json` has all of it."""

console = Console()


def replay_log(
    services: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(SERVICES)}; all without.")] = None,
    other: Annotated[
        Path | None, typer.Option("--with", help="The folder of a checkout of the other version.", exists=True)
    ] = None,
    into: Annotated[
        str | None, typer.Option(metavar="NAMESPACE", help="Play records of inboxes into a sandbox of this name.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="With --into: records appended from this instant on.")] = None,
    until: Annotated[str | None, typer.Option(help="With --into: records appended up to this instant.")] = None,
    offsets: Annotated[
        list[str] | None,
        typer.Option(metavar="PARTITION=FIRST-LAST", help="With --into and one service: these offsets. Repeat it."),
    ] = None,
    key: Annotated[list[str] | None, typer.Option(help="With --into: this stream alone. Repeat it.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--type", help="With --into: messages of this type, as PlaceOrder. Repeat it.")
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.1, help="With --into: records a second, at most.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --into: only say how many records.")] = False,
    removing: Annotated[bool, typer.Option("--remove", help="With --into: delete that sandbox.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    as_progress: AsProgress = False,
) -> None:
    """Let this version and another make all tables of the same log and compare them, or play a part of the log into a
    sandbox and compare what is written with what was."""
    if (other is None) == (into is None):
        raise typer.BadParameter("say --with CHECKOUT, or --into NAMESPACE")
    if as_progress and not (as_json and into):
        raise typer.BadParameter("--progress is for programs that play into a sandbox: say --json and --into too")
    settings = load_settings()
    at_console(settings, Role.ADMIN)
    named = checked_services(services)
    if into is not None:
        if removing:
            remove_sandbox(settings, into, as_json)
            return
        selection = selection_of(named, since, until, offsets or [], key or [], kind or [])
        shown = Shown(as_json, Teller() if as_progress else None)
        raise typer.Exit(play_selected(settings, named, selection, into, rate, shown, dry_run=dry_run))
    assert other is not None
    found = [_replayed(settings, name, other.resolve()) for name in named]
    if as_json:
        sys.stdout.write(json.dumps([_document(one) for one in found], indent=2) + "\n")
    else:
        for one in found:
            _show(one)
    raise typer.Exit(0 if all(one.equal for one in found) else DIFFERENT)


def _replayed(settings: Settings, name: str, other: Path) -> Replayed:
    service = declared(name, settings.namespace)
    asked = {
        "service": name,
        "namespace": settings.namespace,
        "bootstrap": settings.bootstrap,
        "database": settings.database,
        "positions": document_of(ends_of(reach_log(settings), service)),
    }
    here = Wanted(HERE, f"{service.schema}_replay_here")
    return replay(service, asked, here, Wanted(other, f"{service.schema}_replay_other"))


def _show(found: Replayed) -> None:
    console.print(compared_table(found.service, found.tables, HERE_NAME, OTHER_NAME))
    for line in _why(found):
        console.print(escape(line), highlight=False)
    console.print(f"calls outside: {found.calls_outside}\n", highlight=False)


def _why(found: Replayed) -> Iterator[str]:
    for one in found.tables:
        if one.note is not None:
            yield f"{one.table}: {one.note}"
        if one.first is not None:
            yield from first_difference(one.table, one.first, HERE_NAME, OTHER_NAME)
    if found.streams:
        yield "streams that come to other states, the first of them, each with the first field that differs:"
    for each in found.streams:
        mine, theirs = (json.dumps(value)[:VALUE_CHARS_MAX] for value in each.values)
        if each.field:
            yield f"  {each.stream}: {each.field} is {mine} by {HERE_NAME}, {theirs} by {OTHER_NAME}"
        else:
            yield f"  {each.stream}: only {OTHER_NAME if each.values[0] is None else HERE_NAME} has it"


def _document(found: Replayed) -> dict[str, Any]:
    return {
        "service": found.service,
        "equal": found.equal,
        "calls_outside": found.calls_outside,
        "streams": [
            {"stream": each.stream, "field": each.field, "values": list(each.values)} for each in found.streams
        ],
        "different": [one.table for one in found.tables if not one.equal],
        "tables": len(found.tables),
    }
