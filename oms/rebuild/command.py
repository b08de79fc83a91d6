"""`oms rebuild`: every table of a service made again from its topics, and compared with the live ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from chassis.comparison import TableCompared
from chassis.log import Log
from chassis.settings import Settings, load_settings
from chassis.tokens import Role
from contracts.topics import SERVICES
from oms.declared import declared
from oms.finding import people_of
from oms.reach import reach_log
from oms.rebuild.channels import NAME as CHANNELS
from oms.rebuild.channels import NOT_OF_TOPICS, channel_models
from oms.rebuild.read_models import ReadModels, rebuild_read_models
from oms.rebuild.running import Rebuilt, Watcher, rebuild_and_compare
from oms.rebuild.showing import checked_services, compared_table, first_difference
from oms.tokens import at_console
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
) -> None:
    """Build all tables of services again from their topics, and compare them with the live ones, while these go on."""
    settings = load_settings()
    if swap:
        at_console(settings, Role.ADMIN)
    named = _named(services, swap)
    log = reach_log(settings)
    found = []
    for name in named:
        with _watching(name, shown=not as_json) as watcher:
            one = _rebuilt(settings, log, name, watcher, swap)
        found.append(one)
        if not as_json:
            _show(one)
    if as_json:
        document = {"equal": all(one.equal for one in found), "services": [_document(one) for one in found]}
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


class _Silent:
    """A watcher that draws nothing."""

    def follows(self, total: int) -> None: ...

    def followed(self, offsets: int) -> None: ...

    def compared(self, rows: int) -> None: ...


@contextmanager
def _watching(service: str, *, shown: bool) -> Iterator[Watcher]:
    if not shown:
        yield _Silent()
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
    for one in found.tables:
        for line in _why(found, one):
            console.print(escape(line), highlight=False)
    console.print(f"{found.offsets:,} offsets followed; calls outside: {found.calls_outside}\n", highlight=False)
    if found.swapped:
        kept = "" if found.equal else "; what differed is kept beside them, in the schema that ends in _replaced"
        console.print(f"The live tables of {found.service} are the new ones now{kept}.\n", highlight=False)


def _why(found: Rebuilt, one: TableCompared) -> Iterator[str]:
    if found.service == CHANNELS and one.table in NOT_OF_TOPICS:
        columns = ", ".join(sorted(NOT_OF_TOPICS[one.table]))
        yield f"{one.table}: {columns} is left out; it is no function of the topics"
    if one.outdated:
        yield f"{one.table}: {one.outdated} rows of another release, which are never read, are left out"
    if one.equal:
        return
    if one.note is not None:
        yield f"{one.table}: {one.note}"
    if one.live is not None and one.rebuilt is not None and one.live.rows != one.rebuilt.rows:
        yield f"{one.table}: {one.live.rows} rows are live, {one.rebuilt.rows} rebuilt"
    if one.first is not None:
        yield from first_difference(one.table, one.first, "live", "rebuilt")


def _document(found: Rebuilt) -> dict[str, Any]:
    return {
        "service": found.service,
        "equal": found.equal,
        "offsets": found.offsets,
        "calls_outside": found.calls_outside,
        "swapped": found.swapped,
        "tables": [_table(one) for one in found.tables],
    }


def _table(one: TableCompared) -> dict[str, Any]:
    document: dict[str, Any] = {"table": one.table, "equal": one.equal, "outdated": one.outdated}
    for name, side in (("live", one.live), ("rebuilt", one.rebuilt)):
        document[name] = None if side is None else {"rows": side.rows, "sha256": side.sha256}
    if one.note is not None:
        document["note"] = one.note
    if one.first is not None:
        document["first"] = {"key": one.first.key, "live": one.first.live, "rebuilt": one.first.rebuilt}
    return document
