"""`oms payments reconcile`: a provider's books of a day against our events, both ways."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from chassis.log import Log, TopicPartition
from chassis.projection import events_among
from chassis.settings import Settings, load_settings
from contracts import topics
from oms.providers import ledgers_of
from oms.reach import reach_log
from services.payments.our_calls import FOLLOWED, OurCalls
from services.payments.provider_ledger import Entry, Payout, ProviderLedger
from services.payments.providers.settlement_file import SettlementRefused, read_settlement
from services.payments.reconciling import Difference, OurCall, compare, compare_settled

__all__ = ["payments_commands", "reconcile", "reconciled"]

READ_MAX = 5_000
"""Records read at a time."""

POLL_SECONDS = 0.2
DIFFERENT = 1
"""The exit code when anything differs."""

payments_commands = typer.Typer(help="Compare payments with the books of providers.", no_args_is_help=True)
console = Console()


@payments_commands.callback()
def group() -> None:
    """Keep `reconcile` a command of its own."""


@payments_commands.command("reconcile")
def reconcile(
    provider: Annotated[str, typer.Argument(help="The provider, as tenders name it.")],
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day in UTC; yesterday.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A settlement file (CSV) of that day, with fees and payouts."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Compare a provider's books of a day with our events, both ways. Exit code 1 when anything differs."""
    settings = load_settings()
    ledgers = ledgers_of(settings)
    if provider not in ledgers:
        raise typer.BadParameter(f"no provider is called {provider}; there are {', '.join(sorted(ledgers)) or 'none'}")
    wanted = day.date() if day else datetime.now(UTC).date() - timedelta(days=1)
    calls = our_calls(reach_log(settings), settings, provider)
    differences, entries = asyncio.run(reconciled(ledgers[provider], wanted, calls, file))
    if as_json:
        _print_json(provider, wanted, entries, calls, differences)
    else:
        _print(provider, wanted, entries, calls, differences)
    raise typer.Exit(DIFFERENT if differences else 0)


def our_calls(log: Log, settings: Settings, provider: str) -> list[OurCall]:
    """What our events tell of a provider, from the first on. Raises LogError."""
    topic = topics.events("payments", settings.namespace)
    bounds = {(topic, number): log.bounds(topic, number) for number in range(log.partitions(topic))}
    reached: dict[TopicPartition, int] = {where: first for where, (first, _) in bounds.items()}
    calls, reader = OurCalls(settings.card_provider), log.reader()
    try:
        reader.assign(reached)
        while any(reached[where] < end for where, (_, end) in bounds.items()):
            records, moved = reader.poll(READ_MAX, POLL_SECONDS)
            reached.update(moved)
            for envelope, event in events_among(records, FOLLOWED):
                calls.apply(event, envelope.time.date())
    finally:
        reader.close()
    return calls.of(provider)


async def reconciled(
    ledger: ProviderLedger, day: date, calls: list[OurCall], file: Path | None
) -> tuple[list[Difference], list[Entry]]:
    """The differences of the day, and its entries there. Raises LedgerAway or SettlementRefused."""
    beside = [entry for days in (-1, 1) for entry in await ledger.entries(day + timedelta(days=days))]
    payouts: tuple[Payout, ...] = ()
    if file is None:
        entries = list(await ledger.entries(day))
    else:
        settlement = read_settlement(file)
        entries, payouts = [entry for entry in settlement.entries if entry.day == day], settlement.payouts
        if strangers := len(settlement.entries) - len(entries):
            raise SettlementRefused(f"{file} has {strangers} entries of other days than {day}: say which day it is of")
    differences = compare(day, calls, [*entries, *beside])
    return [*differences, *compare_settled(calls, entries, payouts)], entries


def _print(provider: str, day: date, entries: list[Entry], calls: list[OurCall], differences: list[Difference]) -> None:
    for found in differences:
        named = [f"order {found.order_id}"] if found.order_id else []
        named += [f"{name} {value}" for name, value in (("key", found.key), ("as", found.reference)) if value]
        console.print(f"[yellow]{found.cause}[/]  {escape(', '.join(named))}", highlight=False, soft_wrap=True)
        for name, text in (
            ("there", found.there),
            ("here", found.here),
            ("cause", found.meaning),
            ("next", found.next_step),
        ):
            console.print(f"  {name:<6} {escape(text)}", highlight=False, soft_wrap=True)
    ended = sum(call.ended == day for call in calls)
    many = {0: "no difference", 1: "1 difference"}.get(len(differences), f"{len(differences)} differences")
    said = f"{provider}, {day}: entries there {len(entries)}, calls ended here {ended}, {many}"
    console.print(said, highlight=False, soft_wrap=True)


def _print_json(
    provider: str, day: date, entries: list[Entry], calls: list[OurCall], differences: list[Difference]
) -> None:
    document = {
        "provider": provider,
        "day": day.isoformat(),
        "entries": len(entries),
        "calls": sum(call.ended == day for call in calls),
        "differences": [
            {**asdict(found), "meaning": found.meaning, "next_step": found.next_step} for found in differences
        ],
    }
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
