"""`oms export` and `oms numbers`: events into Parquet files, and key figures out of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from chassis.settings import load_settings
from chassis.tokens import Role
from oms.calls import AsJson, fail, print_json
from oms.numbers.exporting import export
from oms.numbers.facts import NothingExported, Row, ask, facts
from oms.numbers.kpis import EVIDENCE, By, evidence, key_figures, stock_figures
from oms.numbers.object_log import write_object_log
from oms.reach import reach_log
from oms.tokens import at_console

__all__ = ["QUERIES", "export_events", "show_numbers"]

QUERIES = {found.stem: found for found in sorted((Path(__file__).parent / "queries").glob("*.sql"))}
"""Example queries over the facts, by name."""

console = Console()

Folder = Annotated[Path, typer.Argument(help="Where exported events lie, in a folder a day.")]


def export_events(
    folder: Folder,
    ocel: Annotated[
        Path | None, typer.Option(help="Write all exported events as an object-centric log (OCEL 2.0, JSON), too.")
    ] = None,
) -> None:
    """Write the events that were not exported before as Parquet files, nobody's name or address among them."""
    settings = load_settings()
    at_console(settings, Role.ADMIN)
    try:
        count = export(reach_log(settings), folder, settings.namespace)
    except BlockingIOError:
        fail(f"another export writes into {folder}: wait until it has ended")
    console.print(f"{count} new events in {folder}", highlight=False, soft_wrap=True)
    if ocel is not None:
        try:
            with facts(folder) as connection:
                told = write_object_log(connection, ocel)
        except NothingExported:
            fail(f"nothing is exported yet, so {ocel} was not written")
        console.print(f"{told} events in {ocel}", highlight=False, soft_wrap=True)


def show_numbers(
    folder: Folder,
    by: Annotated[By, typer.Option(help="What to tell figures apart by.")] = By.ALL,
    since: Annotated[str | None, typer.Option("--from", help="The first day of orders, such as 2026-01-01.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The day after the last one.")] = None,
    stock: Annotated[bool, typer.Option("--stock", help="Turns and days of cover; needs --from and --to.")] = False,
    figure: Annotated[str | None, typer.Option("--evidence", help="The events behind a figure.")] = None,
    value: Annotated[str | None, typer.Option(help="With --evidence: of this day, channel, …, alone.")] = None,
    currency: Annotated[str | None, typer.Option(help="With --evidence: of this currency alone.")] = None,
    query: Annotated[str | None, typer.Option(help=f"One of {', '.join(QUERIES)}.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what exported events come to: key figures, what stands behind one, or the answer to a query."""
    at_console(load_settings(), Role.VIEWER)
    first, last = _day(since), _day(until)
    try:
        with facts(folder) as connection:
            if query is not None:
                rows = ask(connection, _known("query", query, QUERIES).read_text(encoding="utf-8"))
            elif figure is not None:
                _known("figure", figure, EVIDENCE)
                rows = evidence(connection, figure, by, value, first, last, currency)
            elif stock:
                if first is None or last is None or last <= first:
                    raise typer.BadParameter("--stock needs --from and a later --to")
                rows = stock_figures(connection, first, last)
            else:
                rows = key_figures(connection, by, first, last)
    except NothingExported as error:
        fail(str(error))
    if as_json:
        print_json([{name: _plain(found) for name, found in row.items()} for row in rows])
    else:
        _show(rows)


def _known(what: str, name: str, known: dict[str, Any]) -> Any:
    if name not in known:
        raise typer.BadParameter(f"there is no {what} {name!r}, but {', '.join(known)}")
    return known[name]


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day, such as 2026-01-31") from error


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float | str | list) else str(value)


def _show(rows: list[Row]) -> None:
    if not rows:
        console.print("nothing of it was exported")
        return
    if len(rows) == 1:
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, found in rows[0].items():
            table.add_row(name.replace("_", " "), _text(found))
    else:
        table = Table(*(name.replace("_", " ") for name in rows[0]), box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(_text(found) for found in row.values()))
    console.print(table)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
