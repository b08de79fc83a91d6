"""`oms demo`: take the next real baskets, play them through Orderlog, and tell what came of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.markup import escape

from chassis.accounts import Accounts
from chassis.settings import Settings, load_settings
from chassis.tokens import Tokens
from oms.demo import report
from oms.demo.accounts import journal_balances
from oms.demo.badges import VISITOR, Badges, badges, visitor
from oms.demo.board import board
from oms.demo.door import DoorRefused
from oms.demo.people import PLANTED
from oms.demo.play import Standstill, perform
from oms.demo.promises import REST_SECONDS, Verified, promises_kept
from oms.demo.run import Run, prepare
from oms.demo.site import Site
from oms.demo.summary import Summary, summarise
from oms.demo.tail import history
from oms.demo.till import Till
from oms.journal.reading import journal
from oms.reach import reach_log
from oms.typed import typed
from oms.verify.records import Unreadable
from oms.verifying import installation

__all__ = ["demo"]

ORDERS_MAX = 155_000
NOT_CLEAN = 1
STOPPED_SHORT = 2


def demo(
    orders: Annotated[int, typer.Option(min=1, max=ORDERS_MAX, help="How many orders to play.")] = 2_000,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Orders a second at most; as fast as taken.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary for a program.")] = False,
    verify: Annotated[bool, typer.Option(help="Ask `oms verify` at the end; not beside other work or faults.")] = True,
) -> None:
    """Play the next real baskets as orders: stock, staff, carrier and late goods come through the public doors.

    Leaves 0 when every promise was kept (`oms verify`), nothing of the mix is missing, and every order is final or queued for a named supply, else 1; 2
    when the run could not be played to its end or not be verified, and 11 when no broker answers. An interrupted run is taken up again by the same command.
    """
    console = Console(stderr=as_json)
    settings = load_settings()
    doors = f"http://{settings.http_host}:{settings.http_port}"
    site = Site(settings.bootstrap, settings.namespace, doors, settings.home)
    log = reach_log(settings)
    with console.status("Reading the year's baskets"):
        run = prepare(Till(), _position(site), orders)
    if run is None:
        console.print(f"The year's baskets are used up; remove {site.notes} to begin it again on a fresh installation.")
        raise typer.Exit(STOPPED_SHORT)
    try:
        with badges(Tokens(settings.tokens)) as made:
            _play(site, made, run, rate, console)
    except KeyboardInterrupt:
        console.print(f"Interrupted. `{typed()} demo --orders {orders}` goes on from here.")
        raise
    _remember(site, run)
    with console.status("Reading what the topics say of the run"):
        summary = summarise(run.orders, lambda source: history(site, source))
        over = run.orders.keys() - set(summary.open_orders)
        books = journal_balances(journal(log, settings.namespace), over)
        summary = replace(summary, checks=(*summary.checks, books))
    verified = _verified(settings, run, console) if verify else None
    _tell(run, summary, verified, console, as_json)
    if not as_json:
        password = visitor(Accounts(settings.accounts))
        console.print(
            f"The console shows this run: {doors}/console/ (sign in for a day as {VISITOR}, password {password}).",
            soft_wrap=True,
        )
    if not summary.clean or (verified is not None and not verified.findings.clean):
        raise typer.Exit(NOT_CLEAN)


def _verified(settings: Settings, run: Run, console: Console) -> Verified:
    """What the outside checker says; exits in plain words when something cannot be read."""
    try:
        with console.status("Checking every promise from outside"):
            return promises_kept(installation(settings, settings.namespace, REST_SECONDS, PLANTED), len(run.orders))
    except Unreadable as error:
        console.print("[red]The run could not be verified:[/]", escape(str(error)))
        raise typer.Exit(STOPPED_SHORT) from error


def _play(site: Site, made: Badges, run: Run, rate: float | None, console: Console) -> None:
    """Play the run and show how far it is; exits in plain words when a door refuses or nothing moves."""
    stopped: BaseException | None = None
    try:
        with board(console) as shown:
            asyncio.run(perform(site, made, run, rate, shown))
    except* (DoorRefused, Standstill, KafkaError) as troubles:
        stopped = _first(troubles)
    if stopped is not None:
        console.print("[red]The run stopped:[/]", escape(str(stopped)))
        raise typer.Exit(STOPPED_SHORT) from stopped


def _first(trouble: BaseException) -> BaseException:
    while isinstance(trouble, BaseExceptionGroup):
        trouble = trouble.exceptions[0]
    return trouble


def _tell(run: Run, summary: Summary, verified: Verified | None, console: Console, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report.as_data(run, summary, verified), indent=2))
    else:
        report.show(console, run, summary, verified)


def _position(site: Site) -> int:
    """The basket that the next run starts with."""
    if not site.notes.is_file():
        return 0
    return int(json.loads(site.notes.read_text())["next_basket"])


def _remember(site: Site, run: Run) -> None:
    """Only a run that was played to its end moves on: the same command takes up one that was interrupted."""
    site.notes.parent.mkdir(parents=True, exist_ok=True)
    fresh = site.notes.with_suffix(".new")
    fresh.write_text(json.dumps({"next_basket": run.next_start}))
    fresh.replace(site.notes)
