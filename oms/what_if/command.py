"""`oms what-if`: real orders of a span through changed policies, beside what happened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from chassis.settings import load_settings
from chassis.tokens import Role
from contracts.message import to_milliseconds
from contracts.topics import SERVICES
from oms.calls import AsJson, print_json
from oms.declared import declared
from oms.past import instant
from oms.reach import reach_log
from oms.tokens import at_console
from oms.what_if.comparing import what_if
from oms.what_if.policies import NAMES, PolicyRefused, policies_from
from oms.what_if.showing import document_of, show

__all__ = ["what_if_changed"]

POLICIES = "; ".join(f"{name}: {says}" for name, says in NAMES.items())


def what_if_changed(
    since: Annotated[str, typer.Option(help="From this instant on, such as 2026-01-01T00:00:00Z.")],
    changed: Annotated[
        list[str] | None, typer.Option("--set", metavar="POLICY=VALUE", help=f"Repeat it. {POLICIES}.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Up to this instant; without it up to now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Play the orders of a span through changed policies, beside what happened. Nothing live is touched."""
    settings = load_settings()
    at_console(settings, Role.ADMIN)
    try:
        policies = policies_from(changed or [])
    except PolicyRefused as error:
        raise typer.BadParameter(str(error)) from error
    first = instant(since)
    last = to_milliseconds(datetime.now(UTC)) if until is None else instant(until)
    if last <= first:
        raise typer.BadParameter("the span ends before it begins: --until is after --since")
    services = [declared(name, settings.namespace) for name in SERVICES]
    found = what_if(reach_log(settings), services, first, last, policies)
    if as_json:
        print_json(document_of(found, changed or []))
    else:
        show(found, changed or [])
