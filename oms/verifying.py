"""`oms verify`: the outside checker, told by the settings where everything is. What it checks is oms/verify/."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

import contracts
from chassis.settings import Settings, load_settings
from oms.verify.checking import Checker, Installation
from oms.verify.kafka import KafkaSource, murmur2
from oms.verify.provider import SandboxBooks
from oms.verify.records import Unreadable
from oms.verify.running import run
from oms.verify.schemas import Schemas
from oms.verify.tables import PostgresTables

__all__ = ["installation", "verify"]

BROKEN, UNREADABLE = 1, 2
"""Exit codes: a promise is broken, or nothing was there to check it by; something could not be read."""

GRACE_SECONDS = 60.0

SCHEMAS = Path(contracts.__file__).parent / "schemas"


def verify(
    namespace: Annotated[str | None, typer.Option(help="Of another installation than the settings name.")] = None,
    follow: Annotated[
        float | None, typer.Option(min=0, help="Go on checking for so many seconds, and print what changes.")
    ] = None,
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds without an event after which an order is taken to be at rest.")
    ] = GRACE_SECONDS,
    canary: Annotated[
        list[str] | None, typer.Option(help="A text that was planted as personal data and must be nowhere. Repeat it.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--json", help="Write all of it as JSON into this file.")] = None,
) -> None:
    """Check from outside that every promise is kept. Exit code 1 when one is broken, 2 when something cannot be read."""
    if report is not None and not report.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {report.parent}: make it first", param_hint="--json")
    settings = load_settings()
    try:
        of = installation(settings, settings.namespace if namespace is None else namespace, grace, canary or [])
        checker = Checker(of)
        try:
            clean = run(checker, of.broker, report, typer.echo, follow)
        finally:
            checker.close()
    except Unreadable as error:
        typer.echo(f"oms verify: {error}", err=True)
        raise typer.Exit(UNREADABLE) from error
    raise typer.Exit(0 if clean else BROKEN)


def installation(settings: Settings, namespace: str, grace: float, canaries: Sequence[str]) -> Installation:
    """Where the settings say that everything is. The sandbox's books are those of this machine."""
    books = settings.home / "sandbox.sqlite3"
    return Installation(
        KafkaSource(settings.bootstrap, namespace),
        Schemas(SCHEMAS),
        murmur2,
        lambda: datetime.now(UTC),
        timedelta(seconds=grace),
        namespace,
        PostgresTables(settings.database, namespace),
        [SandboxBooks(books)] if books.is_file() else [],
        canaries,
    )
