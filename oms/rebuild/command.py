"""`oms rebuild`: every table of a service made again from its topics, and compared with the live ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from chassis.log import Log
from chassis.settings import Settings, load_settings
from chassis.tokens import Role
from contracts.topics import SERVICES
from oms.declared import declared
from oms.finding import people_of
from oms.reach import reach_log
from oms.rebuild.channels import NAME as CHANNELS
from oms.rebuild.channels import channel_models
from oms.rebuild.documents import document_of, explained
from oms.rebuild.read_models import ReadModels, rebuild_read_models
from oms.rebuild.running import Rebuilt, Watcher, rebuild_and_compare
from oms.rebuild.showing import checked_services, compared_table
from oms.tokens import at_console
from oms.told_progress import AsProgress, Teller
from services.console import app as console_app
from services.console.people import PeopleProjection

__all__ = ["rebuild"]

DIFFERENT = 1

CONSOLE = "console"
READ_MODELS = (CHANNELS, CONSOLE)
"""Tables of no service with streams; they are compared, and never put in place of the live ones."""

console = Console()


def rebuild(
    services: Annotated[
        list[str] | None, typer.Argument(help=f"Of {', '.join((*SERVICES, *READ_MODELS))}; all without.")
    ] = None,
    swap: Annotated[
        bool, typer.Option("--swap", help="Put the new tables in the place of the live ones, also where they differ.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    as_progress: AsProgress = False,
) -> None:
    """Build all tables of services again from their topics, and compare them with the live ones, while these go on."""
    if as_progress and not as_json:
        raise typer.BadParameter("--progress is for programs: say --json too")
    settings = load_settings()
    if swap:
        at_console(settings, Role.ADMIN)
    named = _named(services, swap)
    log = reach_log(settings)
    found, teller = [], Teller() if as_progress else None
    for name in named:
        with _watching(name, teller, shown=not as_json) as watcher:
            one = _rebuilt(settings, log, name, watcher, swap)
        found.append(one)
        if not as_json:
            _show(one)
    if as_json:
        document = {"equal": all(one.equal for one in found), "services": [document_of(one) for one in found]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    raise typer.Exit(0 if all(one.equal for one in found) else DIFFERENT)


def _named(services: Sequence[str] | None, swap: bool) -> Sequence[str]:
    """What is made again. Raises BadParameter."""
    named = set(services or ()).intersection(READ_MODELS)
    if swap and named:
        raise typer.BadParameter(f"{min(named)} cannot be swapped; docs/operating.md says how it is made again")
    if not services:
        return SERVICES if swap else (*SERVICES, *READ_MODELS)
    checked_services([name for name in services if name not in READ_MODELS] or None)
    return services


def _rebuilt(settings: Settings, log: Log, name: str, watcher: Watcher, swap: bool) -> Rebuilt:
    if name == CHANNELS:
        return rebuild_read_models(channel_models(settings.namespace), log, settings.database, watcher)
    if name == CONSOLE:
        with people_of(settings) as people:
            return rebuild_read_models(_console_models(settings.namespace, people), log, settings.database, watcher)
    return rebuild_and_compare(declared(name, settings.namespace), log, settings.database, watcher, swapping=swap)


def _console_models(namespace: str, people: Callable[[], PeopleProjection]) -> ReadModels:
    service = console_app.declare(namespace)
    return ReadModels(CONSOLE, service.schema, namespace, lambda: console_app.declare(namespace, people()).projections)


class _Bar:
    """A watcher that draws: offsets with their rate and the time left, then rows."""

    def __init__(self, progress: Progress, service: str) -> None:
        self._progress, self._service = progress, service
        self._task: TaskID = progress.add_task(service, total=None, rate="")

    def follows(self, total: int) -> None:
        self._progress.update(self._task, description=f"{self._service}: offsets", total=total)

    def followed(self, offsets: int) -> None:
        self._progress.update(self._task, completed=offsets)
        speed = self._progress.tasks[self._task].speed
        self._progress.update(self._task, rate=f"{speed:,.0f}/s" if speed else "")

    def compared(self, rows: int) -> None:
        self._progress.update(self._task, description=f"{self._service}: {rows:,} rows compared")


class _Said:
    """A watcher that tells programs."""

    def __init__(self, teller: Teller, service: str) -> None:
        self._teller, self._service = teller, service

    def follows(self, total: int) -> None:
        self._teller.begin(f"{self._service}: offsets followed", total)

    def followed(self, offsets: int) -> None:
        self._teller.done(offsets)

    def compared(self, rows: int) -> None:
        self._teller.begin(f"{self._service}: rows compared")
        self._teller.done(rows)


class _Silent:
    """A watcher that draws nothing."""

    def follows(self, total: int) -> None: ...

    def followed(self, offsets: int) -> None: ...

    def compared(self, rows: int) -> None: ...


@contextmanager
def _watching(service: str, teller: Teller | None, *, shown: bool) -> Iterator[Watcher]:
    if not shown:
        yield _Silent() if teller is None else _Said(teller, service)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress, service)


def _show(found: Rebuilt) -> None:
    console.print(compared_table(found.service, found.tables, "live", "rebuilt"))
    for line in explained(found):
        console.print(escape(line), highlight=False)
    console.print(f"{found.offsets:,} offsets followed; calls outside: {found.calls_outside}\n", highlight=False)
    if found.swapped:
        kept = "" if found.equal else "; what differed is kept beside them, in the schema that ends in _replaced"
        console.print(f"The live tables of {found.service} are the new ones now{kept}.\n", highlight=False)
