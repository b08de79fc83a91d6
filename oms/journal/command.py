"""`oms journal`: every money event as a balanced entry, out of the topics into a file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from chassis.settings import load_settings
from chassis.tokens import Role
from contracts.message import parse_instant
from oms.journal.reading import journal
from oms.journal.writing import Form, write
from oms.reach import reach_log
from oms.tokens import at_console

__all__ = ["write_journal"]

console = Console()


def write_journal(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file: .csv, or .beancount.")],
    since: Annotated[str | None, typer.Option("--from", help="The first day, such as 2026-01-01 (UTC).")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The day after the last one.")] = None,
    form: Annotated[Form | None, typer.Option("--form", help="csv or beancount, unless FILE says it.")] = None,
) -> None:
    """Write every money event as a balanced entry: captures, what was fulfilled, refunds, stored value."""
    settings = load_settings()
    at_console(settings, Role.FINANCE)
    wanted = form or (Form.BEANCOUNT if output.suffix in {".beancount", ".bean"} else Form.CSV)
    first, last = _day(since), _day(until)
    unfinished = output.with_name(f"{output.name}.part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        count = write(journal(reach_log(settings), settings.namespace, first, last), file, wanted)
    unfinished.replace(output)
    console.print(f"{count} entries in {output}", highlight=False, soft_wrap=True)


def _day(text: str | None) -> datetime | None:
    """The beginning of a day in UTC, or an instant; ends the command with one sentence when it is neither."""
    if text is None:
        return None
    try:
        return parse_instant(f"{text}T00:00:00Z" if len(text) == 10 else text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day, such as 2026-01-31, and no instant") from error
