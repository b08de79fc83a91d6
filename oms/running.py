"""`oms up`, `down`, `status`, `topics`: what is typed and printed. What they do is stack.py, preparing.py and status.py."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chassis.kafka import KafkaLog
from chassis.settings import load_settings
from contracts.topics import TopicSpec
from deploy.local.process import require_folder
from oms.preparing import expected_topics
from oms.preparing import prepare as prepare_installation
from oms.reach import reach_log
from oms.stack import Stack
from oms.status import exit_code, read_status, status_table
from oms.typed import typed

__all__ = ["down", "prepare", "status", "topics", "up"]

console = Console()
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def up() -> None:
    """Start the broker, the database and every service, and wait until all of it answers."""
    stack = Stack(load_settings())
    try:
        stack.up(_say)
    except KeyboardInterrupt:
        _say("Interrupted. What was started until now goes on: `oms up` goes on from here, `oms down` stops it.")
        raise
    _say(f"All of it runs: the console {stack.door_address}/console/, the doors {stack.door_address}/docs.")
    _say(f"Files are in {stack.settings.home}.")
    _say(f"`{typed()} status` shows it, `{typed()} down` stops it.")


def prepare() -> None:
    """Make topics, vault, master key and the first token where they are missing, for processes that something else
    than `oms up` starts. Broker and database must answer."""
    settings = load_settings()
    require_folder(settings.home)
    prepare_installation(settings, _say)


def down() -> None:
    """Stop everything in reverse order; what is stored stays."""
    Stack(load_settings()).down(_say)


def status(as_json: AsJson = False) -> None:
    """Show each part: state, address, memory, lag per partition, last error. Exit code 0 when all of it runs."""
    rows = read_status(Stack(load_settings()))
    code = exit_code(rows)
    if as_json:
        _print_json({"healthy": code == 0, "parts": [row.document() for row in rows]})
    else:
        console.print(status_table(rows))
    raise typer.Exit(code)


def topics(as_json: AsJson = False) -> None:
    """List every topic as it must be, and how many offsets of each partition are used."""
    settings = load_settings()
    log = reach_log(settings)
    specs = expected_topics(settings)
    there = log.topics()
    found = {spec.name: _offsets_used(log, spec) for spec in specs if spec.name in there}
    if as_json:
        _print_json(
            [
                {
                    "name": spec.name,
                    "partitions": spec.partitions,
                    "config": dict(spec.config),
                    "offsets_used": found.get(spec.name),
                }
                for spec in specs
            ]
        )
    else:
        console.print(_topics_table(specs, found))
    log.check_topics(specs)


def _offsets_used(log: KafkaLog, spec: TopicSpec) -> list[int]:
    bounds = (log.bounds(spec.name, number) for number in range(spec.partitions))
    return [end - first for first, end in bounds]


def _topics_table(specs: tuple[TopicSpec, ...], found: dict[str, list[int]]) -> Table:
    table = Table("topic", "partitions", "kept", "time", "offsets used by partition", box=None, pad_edge=False)
    for spec in specs:
        kept = int(spec.config["retention.ms"])
        records = found.get(spec.name)
        table.add_row(
            spec.name,
            str(spec.partitions),
            "for ever" if kept < 0 else f"{kept // 86_400_000} days",
            spec.config["message.timestamp.type"],
            "[red]missing[/]" if records is None else " ".join(map(str, records)),
        )
    return table


def _say(line: str) -> None:
    console.print(escape(line), highlight=False, soft_wrap=True)


def _print_json(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
