"""`oms verify`: the outside checker, told by the settings where everything is. What it checks is oms/verify/."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import contracts
from chassis.settings import load_settings
from oms.verify.checking import Checker
from oms.verify.kafka import KafkaSource, murmur2
from oms.verify.records import Unreadable
from oms.verify.running import run

__all__ = ["verify"]

BROKEN, UNREADABLE = 1, 2
"""Exit codes: a promise is broken, or nothing was there to check it by; something could not be read."""

SCHEMAS = Path(contracts.__file__).parent / "schemas"


def verify(
    namespace: Annotated[str | None, typer.Option(help="Of another installation than the settings name.")] = None,
    follow: Annotated[
        float | None, typer.Option(min=0, help="Go on checking for so many seconds, and print what changes.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--json", help="Write all of it as JSON into this file.")] = None,
) -> None:
    """Check from outside that every promise is kept. Exit code 1 when one is broken, 2 when something cannot be read."""
    settings = load_settings()
    chosen = settings.namespace if namespace is None else namespace
    try:
        source = KafkaSource(settings.bootstrap, chosen)
        checker = Checker(source, SCHEMAS, chosen, murmur2)
        try:
            clean = run(checker, source, report, typer.echo, follow)
        finally:
            checker.close()
    except Unreadable as error:
        typer.echo(f"oms verify: {error}", err=True)
        raise typer.Exit(UNREADABLE) from error
    raise typer.Exit(0 if clean else BROKEN)
