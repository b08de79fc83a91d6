"""Commands for those who operate: offsets. Added to the `oms` command by oms/main.py."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from chassis.offsets import restore_positions
from chassis.settings import load_settings
from contracts.topics import SERVICES
from oms.declared import declared
from oms.reach import reach_log

__all__ = ["offsets"]

console = Console()
offsets = typer.Typer(help="Positions of services in their inboxes.", no_args_is_help=True)

ServiceName = Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]


def _checked(service: str) -> str:
    if service not in SERVICES:
        raise typer.BadParameter(f"there is no service {service}; there are {', '.join(SERVICES)}")
    return service


@offsets.command("restore")
def restore_offsets(service: ServiceName) -> None:
    """Set a service's positions to after the last message that its events name. Stop the service first."""
    settings = load_settings()
    of = declared(_checked(service), settings.namespace)
    log = reach_log(settings)
    positions = restore_positions(log, of)
    log.commit_positions(of.qualified, of.inbox, positions)
    for partition, position in sorted(positions.items()):
        console.print(f"{of.inbox}/{partition} goes on at {position}", highlight=False)
