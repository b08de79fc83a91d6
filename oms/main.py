"""The `oms` command: what is typed, what is printed, and the exit code. What it does lies in the modules beside it.

Each command imports what it needs when it is called, so that none waits for the clients of another.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oms.demo.command import demo
from oms.importing.command import import_orders
from oms.operating import dead_letters, offsets, rebuild
from oms.orders import order_commands, stock_commands
from oms.tokens import token_commands
from oms.typed import typed

if TYPE_CHECKING:
    from chassis.kafka import KafkaLog
    from contracts.topics import TopicSpec

__all__ = ["app", "main"]

app = typer.Typer(
    name="oms",
    help="Orderlog on this machine: start it, look at it, work with it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(demo)
app.command("import")(import_orders)
app.command()(rebuild)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(offsets, name="offsets")
app.add_typer(order_commands, name="order")
app.add_typer(stock_commands, name="stock")
app.add_typer(token_commands, name="token")
console = Console()
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command()
def up() -> None:
    """Start the broker, the database and every service, and wait until all of it answers."""
    from chassis.settings import load_settings
    from oms.stack import Stack

    stack = Stack(load_settings())
    try:
        stack.up(_say)
    except KeyboardInterrupt:
        _say("Interrupted. What was started until now goes on: `oms up` goes on from here, `oms down` stops it.")
        raise
    _say(f"All of it runs: {stack.door_address}/docs, files in {stack.settings.home}.")
    _say(f"`{typed()} status` shows it, `{typed()} down` stops it.")


@app.command()
def down() -> None:
    """Stop everything in reverse order; what is stored stays."""
    from chassis.settings import load_settings
    from oms.stack import Stack

    Stack(load_settings()).down(_say)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show each part: state, address, memory, lag per partition, last error. Exit code 0 when all of it runs."""
    from chassis.settings import load_settings
    from oms.stack import Stack
    from oms.status import exit_code, read_status, status_table

    rows = read_status(Stack(load_settings()))
    code = exit_code(rows)
    if as_json:
        _print_json({"healthy": code == 0, "parts": [row.document() for row in rows]})
    else:
        console.print(status_table(rows))
    raise typer.Exit(code)


@app.command()
def topics(as_json: AsJson = False) -> None:
    """List every topic as it must be, and how many offsets of each partition are used."""
    from chassis.settings import load_settings
    from oms.reach import reach_log
    from oms.stack import expected_topics

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


def main() -> None:
    """Run the command; an error that people can act on becomes one sentence and an exit code."""
    try:
        app()
    except Exception as error:
        from oms.endings import ending_of

        ending = ending_of(error)
        if ending is None:
            raise
        sys.stderr.write(f"oms: {ending.sentence}\n")
        sys.exit(ending.exit_code)


if __name__ == "__main__":
    main()
