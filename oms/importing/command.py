"""`oms import FILE`: what is typed, what is printed, and where the orders go."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from chassis.kafka import partition_of
from chassis.log import LogError, NewRecord
from chassis.settings import Settings, load_settings
from chassis.streaming import KafkaWriter
from chassis.tokens import Role
from contracts import topics
from contracts.channel import ChannelOrder
from oms.calls import DOOR_EXIT_CODE
from oms.importing.form import Form, read_form
from oms.importing.running import Send, Summary, Taken, import_file, import_open_orders
from oms.importing.taking_over import take_over
from oms.opening.command import connect
from oms.patience import DoorsAway
from oms.tokens import at_console

__all__ = ["REJECTED_EXIT_CODE", "import_orders"]

REJECTED_EXIT_CODE = 13
"""Rows were not sent: they lie in the report."""

TENANT = "default"


def import_orders(
    file: Annotated[Path, typer.Argument(help="Order lines as CSV or Parquet.")],
    map_file: Annotated[Path | None, typer.Option("--map", help="A TOML file: the file's headings and form.")] = None,
    open_orders: Annotated[
        bool, typer.Option("--open-orders", help="They lived in another system: take over what is open of them.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and send nothing.")] = False,
    report: Annotated[Path | None, typer.Option(help="Where rows go that are not sent; beside FILE.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Send the orders of a file as a channel would. Doing it again is harmless: an order that is there stays as it is.

    Exit code 0 when every row was sent, 12 when no door takes open orders, 13 when some rows lie in the report, 14 when
    the file cannot be used.
    """
    form, wanted = read_form(map_file), report or file.with_name(f"{file.name}.rejected.csv")
    summary = (_take_over if open_orders else _send)(load_settings(), file, form, wanted, dry_run=dry_run)
    if as_json:
        sys.stdout.write(json.dumps(_document(summary, file, dry_run), indent=2) + "\n")
    else:
        _show(summary, file, dry_run)
    if summary.rejected_rows:
        raise typer.Exit(REJECTED_EXIT_CODE)


def _send(settings: Settings, file: Path, form: Form, report: Path, *, dry_run: bool) -> Summary:
    if dry_run:
        return import_file(file, form, lambda orders: None, report, TENANT)
    at_console(settings, Role.CSR)
    try:
        with _topic(settings) as send:
            return import_file(file, form, send, report, TENANT)
    except LogError as error:
        raise LogError(f"{error}. Run the same command again: what was sent is not sent as another order") from error


def _take_over(settings: Settings, file: Path, form: Form, report: Path, *, dry_run: bool) -> Summary:
    if dry_run:
        return import_open_orders(file, form, lambda orders: [Taken()] * len(orders), report, TENANT)
    try:
        with connect(settings) as client:
            return import_open_orders(file, form, partial(take_over, client), report, TENANT)
    except DoorsAway as error:
        sys.stderr.write(f"oms: {error}\n")
        raise typer.Exit(DOOR_EXIT_CODE) from error


@contextmanager
def _topic(settings: Settings) -> Iterator[Send]:
    """Sends to `channel.orders`; raises LogError when the broker is away. What was sent before that stays sent."""
    writer = KafkaWriter(settings.bootstrap)
    topic = topics.named(topics.CHANNEL_ORDERS, settings.namespace)

    def record(order: ChannelOrder) -> NewRecord:
        key = f"{order.channel_account}/{order.external_id}".encode()
        return NewRecord(topic, partition_of(key, settings.partitions), key, order.encode(), ())

    with asyncio.Runner() as runner:
        runner.run(writer.start())

        def send(orders: Sequence[ChannelOrder]) -> None:
            runner.run(writer.write([record(order) for order in orders]))

        try:
            yield send
        finally:
            runner.run(writer.stop())


def _document(summary: Summary, file: Path, dry_run: bool) -> dict[str, Any]:
    return {
        "file": str(file),
        "dry_run": dry_run,
        "rows": summary.rows,
        "blank_rows": summary.blank_rows,
        "sent": {"orders": summary.sent_orders, "rows": summary.sent_rows},
        "there": summary.there_orders,
        "rejected": {"orders": summary.rejected_orders, "rows": summary.rejected_rows},
        "holds": dict(sorted(summary.holds.items())),
        "ignored_columns": list(summary.ignored),
        "problems": [
            {"row": problem.row, "column": problem.column, "problem": problem.text} for problem in summary.problems
        ],
        "report": str(summary.report) if summary.report else None,
    }


def _show(summary: Summary, file: Path, dry_run: bool) -> None:
    def say(line: str) -> None:
        Console().print(escape(line), highlight=False, soft_wrap=True)

    sent = "would be sent" if dry_run else "sent"
    say(f"{file}: {summary.rows} rows, of which {summary.blank_rows} blank")
    say(f"{summary.sent_orders} orders of {summary.sent_rows} rows {sent}")
    if summary.there_orders:
        say(f"  {summary.there_orders} of them here already, and left as they are")
    for kind, count in sorted(summary.holds.items()):
        say(f"  {count} of them on hold: {kind}")
    say(f"{summary.rejected_orders} orders not sent, {summary.rejected_rows} rows in the report")
    for problem in summary.problems:
        say(f"  {file} row {problem.row}: {problem}")
    if summary.ignored:
        say(f"columns not imported: {', '.join(summary.ignored)}")
    if summary.report:
        say(f"report: {summary.report}; mend the rows in it, and import it")
