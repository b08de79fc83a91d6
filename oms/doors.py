"""`python -m oms.doors`: the HTTP doors of every service and the door that channels publish to, in one process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from chassis.access import guarded_app
from chassis.accounts import Accounts, Callers
from chassis.doors import Door
from chassis.entry import start
from chassis.horizon import Horizon
from chassis.reading import Reads
from chassis.sealing import FileMasterKey, Sealer
from chassis.service import Service
from chassis.settings import Settings
from chassis.streaming import AWAY, KafkaWriter, Writer, keep_trying, make_broker, subscribe
from chassis.tokens import Tokens
from chassis.vault import PostgresVault
from chassis.waiters import EventsWatch, Waiters
from chassis.web import Gate, stream_of, timeline
from contracts import topics
from contracts.fulfillment import ReturnMatched, ReturnOpened
from contracts.ids import aggregate_id, split_stream, stream
from contracts.inventory import LocationDescribed
from contracts.order import OrderPlaced
from oms import past_deadlines
from oms.access import RULES
from oms.finding import people_asked
from oms.insight import Insight
from oms.letters import api as letters_api
from oms.letters.buried import Buried
from oms.letters.desk import Desk
from oms.letters.settling import Settling
from oms.numbers.for_console import ExportedFigures
from oms.owners import api as owners_api
from oms.owners.kept import Owners
from oms.process import Life, run_process
from oms.providers import notices_of
from oms.reach import reach_log
from oms.runs import api as runs_api
from oms.runs.running import Runs, command_beneath
from oms.seller_terms import seller_terms
from oms.serving import serve
from oms.standing import api as standing_api
from oms.standing.looking import keep_looking, processes_here
from oms.standing.watch import Standing
from services.console import app as console
from services.console.questions import Questions
from services.console.site import beside_doors, make_site
from services.fulfillment import api as fulfillment_api
from services.fulfillment import app as fulfillment
from services.fulfillment import returns_api as goods_back_api
from services.fulfillment.customer_return import RETURN
from services.fulfillment.return_state import announced
from services.inventory import api as inventory_api
from services.inventory import app as inventory
from services.inventory import catalogue_api, claims_api
from services.inventory.catalogue import LOCATION
from services.order import api as order_api
from services.order import app as order
from services.order import (
    astray_api,
    changes_api,
    customers_api,
    holds_api,
    looking_after_api,
    missing_api,
    notices_api,
    refunds_api,
    returns_api,
)
from services.order.channel import ChannelDoor
from services.order.customers_api import Forget
from services.order.intake import Seal
from services.order.seller_terms import SellerTerms
from services.order.stream import ORDER
from services.payments import api as payments_api
from services.payments import app as payments
from services.payments import bank_api, invoice_api, seller_api, stored_value_api
from services.payments.notice_door import NoticeDoor
from services.shipping import api as shipping_api
from services.shipping import app as shipping
from services.shipping import manifest_api, papers_api
from services.shipping.papers import Opened

__all__ = ["CHANNEL_DOOR", "CONNECTIONS_MAX", "HTTP_DOOR", "make_app", "run"]

log = logging.getLogger("orderlog")

HTTP_DOOR = "http"
CHANNEL_DOOR = topics.CHANNEL_ORDERS
NOTICE_DOOR = "notices"
"""Names of doors are part of every id of a message that came through one: they never change."""

COUNT_SECONDS = 10.0
"""Between counts of what waits for a person."""

CONNECTIONS_MAX = 1_000
"""Callers that are served at once; the next one gets 503."""


def make_app(
    settings: Settings, writer: Writer, waiters: Waiters, horizon: Horizon, seal: Seal, opened: Opened, forget: Forget
) -> FastAPI:
    """Every service's routes on one application."""
    callers = Callers(Tokens(settings.tokens), Accounts(settings.accounts))
    app = guarded_app("Orderlog", "The doors of the order management system.", callers, RULES)
    app.state.callers, app.state.horizon = callers, horizon

    def door(name: str) -> Door:
        return Door(name, writer, settings.partitions, settings.namespace)

    def gate(service: Service) -> Gate:
        reads = Reads(settings.database, service, settings.partitions, horizon)
        return Gate(service, door(HTTP_DOOR), reads, waiters)

    namespace = settings.namespace
    orders, shipments = gate(order.declare(namespace)), gate(shipping.declare(namespace))

    def order_read(order_id: str) -> OrderPlaced | None:
        placed: OrderPlaced | None = orders.reads.stream(stream(ORDER.kind, order_id)).stream.view(ORDER).order.placed
        return placed

    sellers = seller_terms(settings)
    app.include_router(order_api.router(orders, door(CHANNEL_DOOR), seal))
    _order_desk(app, orders, sellers)
    app.include_router(looking_after_api.router(orders, seal, opened))
    app.include_router(changes_api.router(orders, seal, sellers))
    app.include_router(customers_api.router(orders, forget))
    stock = gate(inventory.declare(namespace))
    app.include_router(inventory_api.router(stock))
    app.include_router(claims_api.router(stock))
    app.include_router(catalogue_api.router(stock))
    work = gate(fulfillment.declare(namespace))
    app.include_router(fulfillment_api.router(work, seal, opened))
    app.include_router(goods_back_api.router(work))
    app.include_router(shipping_api.router(shipments))
    app.include_router(manifest_api.router(shipments))
    app.include_router(papers_api.router(shipments, order_read, opened))

    def return_read(identifier: str) -> ReturnOpened | ReturnMatched | None:
        return announced(work.reads.stream(stream_of(RETURN.kind, identifier)).stream.view(RETURN))

    def place_read(location: str) -> LocationDescribed | None:
        name = stream(LOCATION.kind, aggregate_id(stock.door.tenant, LOCATION.kind, location))
        described: LocationDescribed | None = stock.reads.stream(name).stream.view(LOCATION).described
        return described

    app.include_router(papers_api.return_router(return_read, order_read, place_read))
    money = gate(payments.declare(namespace))
    app.include_router(payments_api.router(money))
    app.include_router(invoice_api.router(gate(payments.declare(namespace)), opened))
    app.include_router(bank_api.router(gate(payments.declare(namespace)), seal, opened))
    app.include_router(seller_api.router(gate(payments.declare(namespace))))
    app.include_router(stored_value_api.router(gate(payments.declare(namespace)), seal))
    app.state.desk = desk = desk_of(settings, (orders, stock, work, shipments, money))
    kinds = {name: frozenset(each.service.by_kind) for name, each in desk.gates.items()}
    app.include_router(letters_api.router(desk, Settling(desk.buried, door(HTTP_DOOR), kinds)))
    app.state.owners = owners = Owners(settings.exception_owners)
    app.include_router(owners_api.router(owners, door(HTTP_DOOR)))
    app.state.runs = runs = Runs(settings.runs, command_beneath())
    app.include_router(runs_api.router(runs, door(HTTP_DOOR)))
    _look_at_all(app, settings, desk)
    return app


def _look_at_all(app: FastAPI, settings: Settings, desk: Desk) -> None:
    """How far everything is, for the console, and what stands still or was not taken, for both."""
    reads = {name: gate.reads for name, gate in desk.gates.items()}
    app.include_router(past_deadlines.router(reads, settings.partitions))
    app.state.tables = tables = Reads(settings.database, console.declare(settings.namespace), settings.partitions)
    models, horizon = {"console": tables}, app.state.horizon
    app.state.insight = insight = Insight(settings, reads, models, lambda: reach_log(settings), horizon)
    app.state.standing = standing = Standing(insight, lambda: processes_here(settings))
    app.include_router(standing_api.router(standing))


def _order_desk(app: FastAPI, orders: Gate, sellers: SellerTerms) -> None:
    """What the order desk asks and does, beside orders themselves."""
    app.include_router(notices_api.router(orders))
    app.include_router(holds_api.router(orders))
    app.include_router(astray_api.router(orders, sellers))
    app.include_router(refunds_api.router(orders, sellers))
    app.include_router(missing_api.router(orders))
    app.include_router(returns_api.router(orders, sellers))


def console_over(app: FastAPI, settings: Settings, seal: Seal) -> ASGIApp:
    """The doors with the console beside them, which asks them, and shows events as they do."""
    desk: Desk = app.state.desk
    by_kind = {kind: gate for gate in desk.gates.values() for kind in gate.service.by_kind}

    def history(stream: str, after: int = 0) -> Sequence[Mapping[str, Any]]:
        gate = by_kind.get(split_stream(stream)[0])
        found: Sequence[Mapping[str, Any]] = (
            () if gate is None else timeline(gate.reads.history(stream, after))["events"]
        )
        return found

    questions = Questions(app.state.tables.rows)

    def position(reads: Reads) -> Callable[[], object]:
        return lambda: reads.rows("select sum(position) from tracking", [])

    positions = [
        questions.positions,
        app.state.runs.position,
        app.state.owners.position,
        app.state.standing.position,
        *(position(gate.reads) for gate in desk.gates.values()),
    ]
    site = make_site(
        app,
        app.state.callers,
        questions,
        history,
        positions,
        app.state.insight,
        ExportedFigures(settings.numbers),
        people_asked(seal),
    )
    return beside_doors(app, site)


def desk_of(settings: Settings, gates: Sequence[Gate]) -> Desk:
    """What waits for a person in the services of these gates."""
    by_name = {gate.service.name: gate for gate in gates}
    return Desk(by_name, Buried(lambda: reach_log(settings), tuple(by_name), settings.namespace))


async def _count_letters(desk: Desk, life: Life) -> None:
    """Have the health answer say what waits for a person, for as long as the doors are open."""
    while True:
        try:
            life.health.letters = await asyncio.to_thread(desk.counts, datetime.now(UTC))
        except AWAY:
            life.health.letters = None  # nobody knows now
        except Exception as error:  # counting is no reason to close the doors
            life.health.letters = None
            log.error("what waits for a person cannot be counted: %s", error, exc_info=error)
        await asyncio.sleep(COUNT_SECONDS)


async def _open(settings: Settings, life: Life) -> None:
    Tokens(settings.tokens).grants()  # nobody could come in without it: say so at once
    readers = notices_of(settings)
    vault = PostgresVault(settings.vault)
    sealer = Sealer(vault, FileMasterKey(settings.master_key))
    writer, waiters, horizon = KafkaWriter(settings.bootstrap), Waiters(), Horizon()
    followed = [topics.events(service, settings.namespace) for service in topics.SERVICES]
    watch = EventsWatch(settings.bootstrap, followed, waiters, horizon)
    async with AsyncExitStack() as ends:
        ends.callback(vault.close)
        for start, stop in ((writer.start, writer.stop), (watch.start, watch.stop)):
            ends.push_async_callback(stop)
            await keep_trying(start, life.waits)
        channel = ChannelDoor(
            Door(CHANNEL_DOOR, writer, settings.partitions, settings.namespace), sealer.seal, life.waits
        )
        broker = make_broker(settings.bootstrap)
        orders = topics.named(topics.CHANNEL_ORDERS, settings.namespace)
        subscribe(broker, orders, topics.named("doors", settings.namespace), channel.take, life.failed)
        ends.push_async_callback(broker.stop)
        await keep_trying(broker.start, life.waits)
        app = make_app(settings, writer, waiters, horizon, sealer.seal, sealer.open, sealer.forget)
        app.state.runs.take_up()
        ends.push_async_callback(app.state.runs.close)
        counting = asyncio.create_task(_count_letters(app.state.desk, life), name="count-letters")
        ends.callback(counting.cancel)
        ends.callback(keep_looking(app.state.standing))
        notices = Door(NOTICE_DOOR, writer, settings.partitions, settings.namespace)
        open_to_providers = NoticeDoor(console_over(app, settings, sealer.seal), notices, readers)
        await serve(open_to_providers, settings.http_host, settings.http_port, life, CONNECTIONS_MAX)


def run(settings: Settings) -> int:
    """Keep the doors open until asked to stop; the exit code."""
    return run_process("doors", settings, lambda life: _open(settings, life))


if __name__ == "__main__":
    start(run)
