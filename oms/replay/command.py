"""`oms replay --with CHECKOUT`: what another version makes of the same log, before it is installed."""

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
from oms.replay.comparing import Replayed, Wanted, document_of, replay
from oms.tokens import at_console

__all__ = ["replay_log"]

DIFFERENT = 1
HERE = Path(__file__).parents[2]
HERE_NAME, OTHER_NAME = "this version", "the other"

console = Console()


def replay_log(
    other: Annotated[Path, typer.Option("--with", help="The folder of a checkout of the other version.", exists=True)],
    services: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(SERVICES)}; all without.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Let this version and another make all tables of the same log, and compare them: tables, and states of streams."""
    settings = load_settings()
    at_console(settings, Role.ADMIN)
    found = [_replayed(settings, name, other.resolve()) for name in checked_services(services)]
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
        yield f"streams that come to other states, the first of them: {', '.join(found.streams)}"


def _document(found: Replayed) -> dict[str, Any]:
    return {
        "service": found.service,
        "equal": found.equal,
        "calls_outside": found.calls_outside,
        "streams": list(found.streams),
        "different": [one.table for one in found.tables if not one.equal],
        "tables": len(found.tables),
    }
