"""Every list of what may wait for a person takes the moments that it has, and counts; claims know which are overdue."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, cast

import psycopg
import pytest

from chassis.doors import Door
from chassis.listing import Counting, Listing, _Asked, list_page, number_key, text_key
from chassis.reading import Reads
from chassis.testing import DAWN
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.message import parse_instant
from oms import past_deadlines
from oms.declared import declared
from services.fulfillment.api import FULFILLMENT_ORDERS
from services.fulfillment.returns_api import RETURNS
from services.inventory import claims_api
from services.inventory.app import declare
from services.inventory.projections import StockProjection
from services.order.api import ORDERS
from services.order.missing_api import MISSING_UNITS
from services.order.refunds_api import REFUNDS
from services.payments.api import PAYMENTS
from services.payments.bank_list import BANK_ENTRIES
from services.payments.invoice_list import INVOICES
from services.shipping.api import SHIPMENTS
from tests.doors.fakes import KeptWriter, guarded_client
from tests.integration.lists import Tables

LISTS = {
    "order": (ORDERS, MISSING_UNITS, REFUNDS),
    "inventory": (claims_api.CLAIMS,),
    "fulfillment": (FULFILLMENT_ORDERS, RETURNS),
    "shipping": (SHIPMENTS,),
    "payments": (PAYMENTS, BANK_ENTRIES, INVOICES),
}
MOMENTS = [(service, each, moment) for service, lists in LISTS.items() for each in lists for moment in each.moments]


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    ("service", "listing", "moment"), MOMENTS, ids=[f"{each.name}-{moment}" for _, each, moment in MOMENTS]
)
def test_a_list_takes_each_of_its_moments(
    connection: psycopg.Connection[Any], namespace: str, service: str, listing: Listing, moment: str
) -> None:
    tables = Tables(connection, namespace, *declared(service, "").projections)
    page = list_page(tables, listing, _Asked(10, None), {}, Counting(moment, True, DAWN))
    assert (page[listing.name], page["total"], page["late"]) == ([], 0, 0)
    # and a place in it is read again
    ordered = listing.oldest_by(moment)
    some = {parse_instant: DAWN, text_key: "1", number_key: 1}
    after = ordered.cursor([*(None for _ in ordered.columns), *(some[read] for read in ordered.key.values())])
    assert list_page(tables, listing, _Asked(10, after), {}, Counting(moment))[listing.name] == []


def test_what_still_waits_for_goods_that_were_needed_by_now_is_overdue(
    connection: psycopg.Connection[Any], namespace: str
) -> None:
    # given three claims that wait, of which one was needed by now, and one that holds what it needed
    tables = Tables(connection, namespace, StockProjection())
    now = datetime.now(DAWN.tzinfo)
    for line, waiting, need_by in (
        ("late", 2, now - timedelta(days=1)),
        ("soon", 2, now + timedelta(days=1)),
        ("any", 2, None),
        ("held", 0, now - timedelta(days=1)),
    ):
        connection.execute(
            "insert into claims values ('A', 'order', 'o1', %s, 0, 'north', 2, 'each', %s, 0, %s, null, %s)",
            [line, waiting, need_by, DAWN],
        )
    gate = Gate(declare(), Door("http", KeptWriter(), 4), cast(Reads, tables), Waiters(1))
    client, _ = guarded_client(claims_api.router(gate))
    answer = client.get("/claims", params={"overdue": True, "oldest_by": "need_by", "counted": True}).json()
    assert [claim["demand"]["line"] for claim in answer["claims"]] == ["late"] and answer["total"] == 1


def test_deadlines_that_are_past_are_found_in_a_services_tables(
    connection: psycopg.Connection[Any], namespace: str
) -> None:
    tables = Tables(connection, namespace)
    connection.execute("create table deadlines (partition int, stream text, name text, due timestamptz)")
    for stream in ("order/b", "order/a"):
        connection.execute("insert into deadlines values (1, %s, 'claim/0', %s)", [stream, DAWN])
    client, _ = guarded_client(past_deadlines.router({"order": tables}, 2, lambda: DAWN + timedelta(hours=1)))
    asked: dict[str, Any] = {"limit": 1, "counted": True}
    first = client.get("/deadlines/past", params=asked).json()
    second = client.get("/deadlines/past", params={**asked, "after": first["next"]}).json()
    assert [page["deadlines"][0]["stream"] for page in (first, second)] == ["order/a", "order/b"]
    assert (first["total"], "next" in second) == (2, False)
