"""Who looks after what waits and has no order: taken, handed over, put down; at the door and on the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response as Answer
from starlette.routing import Mount, Route

from chassis.doors import Door
from chassis.tokens import Role, Tokens
from contracts.envelope import Actor
from oms import past_deadlines
from oms.letters import api as letters_api
from oms.letters.desk import DEAD, Letter
from oms.owners import api, kept
from oms.owners.kept import List, Owned, Owners
from oms.standing.watch import Still, row_of
from services.console.deeds import row_name
from services.console.queues import QUEUES, Queue
from services.fulfillment.returns_api import RETURNS
from services.inventory.api import STOCK_ITEMS
from services.inventory.claims_api import CLAIMS
from services.order.api import ORDERS
from services.order.missing_api import MISSING_UNITS
from services.order.refunds_api import REFUNDS
from services.payments.api import PAYMENTS
from services.payments.bank_list import BANK_ENTRIES
from services.payments.invoice_list import INVOICES
from services.shipping.api import SHIPMENTS
from tests.doors.fakes import NOON, KeptWriter, guarded_client
from tests.doors.test_console import Tables, Untold, form_of, opened, signed_in

MONEY = {"account": "DE02", "entry": "entry-1", "amount": 100, "currency": "EUR", "booked_on": "2026-01-05"}
ENTRY = {"list": "bank", "name": "DE02/entry-1"}


class Office:
    """The door, with a token for each role of that role's name."""

    def __init__(self, path: Path) -> None:
        self.owners = Owners(path)
        routes = api.router(self.owners, Door("http", KeptWriter(), 4), lambda: NOON)
        self.client, tokens = guarded_client(routes)
        for role in Role:
            tokens.tell(role, f"the-{role}", role)

    def post(self, role: Role = Role.FINANCE, key: str = "k1", **said: Any) -> Response:
        headers = {"Idempotency-Key": key, "Authorization": f"Bearer {role}"}
        answer: Response = self.client.post("/exceptions/owners", json={**ENTRY, **said}, headers=headers)
        return answer

    def listed(self, role: Role = Role.FINANCE) -> list[Any]:
        shown = self.client.get("/exceptions/owners", headers={"Authorization": f"Bearer {role}"}).json()
        return list(shown["owners"])


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "owners.jsonl")


def test_a_row_is_taken_handed_over_and_put_down_and_who_said_so_is_kept(office: Office, tmp_path: Path) -> None:
    assert office.listed() == []
    assert office.post(owner="ada", reason="I know the customer").json()["outcome"] == "looked_after"
    assert office.post(key="k2", owner="bob", reason="on holiday from today").status_code == 202
    [row] = office.listed()
    assert (row["list"], row["name"], row["owner"], row["at"]) == (*ENTRY.values(), "bob", "2026-01-05T12:00:00.000Z")
    assert row["actor"]["subject"] == "the-finance" and row["reason"] == "on holiday from today"
    # and other doors of the same home know it at once
    other = Office(tmp_path / "owners.jsonl")
    assert other.listed() == [row]
    before = office.owners.position()
    assert other.post(key="k3", reason="it is booked").json()["outcome"] == "put_down"
    assert office.listed() == [] and office.owners.position() != before


def test_the_same_request_is_done_once_and_with_another_body_not_at_all(office: Office) -> None:
    office.post(owner="ada")
    office.post(key="k2", owner="bob")
    assert office.post(owner="ada").status_code == 202
    assert office.post(owner="eve").status_code == 409
    assert [row["owner"] for row in office.listed()] == ["bob"]


@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.CARRIER, Role.CHANNEL_BOT, Role.VIEWER}])
@pytest.mark.parametrize("which", List)
def test_whoever_deals_with_a_list_looks_after_its_rows_and_sees_who_does(
    office: Office, role: Role, which: List
) -> None:
    office.owners.name(
        Owned(id="x", list=which, name="1", owner="ada", actor=Actor(kind="person", subject="a"), at=NOON)
    )
    allowed = role in api.ALLOWED[which]
    assert office.post(role, list=which, owner="bob").status_code == (202 if allowed else 403)
    assert (office.listed(role) != []) == allowed


def test_an_owner_is_an_account_and_a_card_number_stays_nowhere(office: Office, tmp_path: Path) -> None:
    assert office.post(owner="Ada Lindqvist").status_code == 422
    office.post(owner="ada", reason="paid by 4111 1111 1111 1111")
    assert "4111 1111" not in (tmp_path / "owners.jsonl").read_text()


def test_a_line_that_was_broken_off_takes_no_other_with_it(office: Office, tmp_path: Path) -> None:
    office.post(owner="ada")
    with (tmp_path / "owners.jsonl").open("a") as file:
        file.write('{"id": "half')
    assert office.post(key="k2", name="entry-2", owner="bob").status_code == 202
    assert [row["owner"] for row in office.listed()] == ["ada", "bob"]


def test_the_file_does_not_grow_without_limit(office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kept, "LINES_MAX", 10)
    monkeypatch.setattr(kept, "OWNED_KEPT", 5)
    for number in range(40):
        office.post(key=f"k{number}", name=f"entry-{number}", owner="ada")
    assert [row["name"] for row in office.listed()][-5:] == [f"entry-{number}" for number in range(35, 40)]
    assert len((tmp_path / "owners.jsonl").read_text().splitlines()) <= 10


class Listing:
    """Doors with a bank entry that matches nothing, an order that is held, and who looks after what."""

    def __init__(self, path: Path) -> None:
        self.office = Office(path)
        self.asked: list[tuple[str, Any]] = []
        self.app = Starlette(
            routes=[
                Route("/exceptions/owners", self._owners, methods=["GET", "POST"]),
                Mount("/", routes=[Route("/{path:path}", self._list, methods=["GET", "POST"])]),
            ]
        )

    async def _owners(self, request: Request) -> Answer:
        if request.method == "POST":
            said = await request.json()
            self.asked.append((request.url.path, said))
            return JSONResponse(self.office.post(key=request.headers["idempotency-key"], **said).json())
        return JSONResponse({"owners": self.office.listed()})

    async def _list(self, request: Request) -> Answer:
        if request.method == "POST":
            self.asked.append((request.url.path, await request.json()))
            return JSONResponse({"events": [{"type": "OrderAssigned"}]})
        rows: dict[str, list[Any]] = {queue.rows: [] for queue in QUEUES if queue.path == request.url.path}
        if request.url.path == "/bank-entries":
            rows["bank_entries"] = [{**MONEY, "known_at": f"{NOON:%Y-%m-%dT%H:%M:%S}Z"}]
        if request.query_params.get("held"):
            rows["orders"] = [{"order_id": "o1", "number": "QQ-1", "changed_at": "2026-01-05T09:00:00Z"}]
        return JSONResponse(rows)


def test_what_has_no_order_is_looked_after_on_the_page_as_what_has_one(tmp_path: Path) -> None:
    doors, tokens = Listing(tmp_path / "owners.jsonl"), Tokens(tmp_path / "tokens.toml")
    with opened(doors.app, tokens, Tables(), Untold()) as browser:
        signed_in(browser, tokens, Role.FINANCE)

        def does(what: str, queue: str = "bank", row: str = "row.DE02/entry-1", **more: str) -> Response:
            form = form_of(browser.get("/console/exceptions").text)
            fields = {"form": form, "do": what, "why": "mine", row: "it", **more}
            answer: Response = browser.post(f"/console/exceptions/{queue}", data=fields)
            return answer

        # when somebody takes a bank entry, then the list and its file say so
        assert "Look after it myself: done." in does("take").text
        assert "<td>ada</td>" in browser.get("/console/exceptions").text
        assert "entry-1,DE02,100,EUR,2026-01-05,ada," in browser.get("/console/exceptions/bank.csv").text
        # and when they hand it over, which has to be said to whom, and it is put down
        assert does("hand over").status_code == 422
        assert "Hand over: done." in does("hand over", to="bob").text
        assert "<td>bob</td>" in browser.get("/console/exceptions").text
        assert "Put down: nobody looks after it any more." in does("put down").text
        # and of an order it is the order's owner that is named
        does("hand over", "held", "row.o1", to="bob")
        does("put down", "held", "row.o1")
    assert doors.asked == [
        ("/exceptions/owners", {**ENTRY, "reason": "mine", "owner": "ada"}),
        ("/exceptions/owners", {**ENTRY, "reason": "mine", "owner": "bob"}),
        ("/exceptions/owners", {**ENTRY, "reason": "mine"}),
        ("/orders/o1/owner", {"owner": "bob"}),
        ("/orders/o1/owner", {}),
    ]


def test_a_row_is_called_on_the_page_what_its_door_calls_it() -> None:
    # given an article whose name has what parts the names of a bank entry, then it is that name as it is
    assert row_name(["A/B 100%"]) == "A/B 100%"
    # and of several names each is told from the next
    assert row_name(["DE/02", "7%"]) == "DE%2F02/7%25" != row_name(["DE", "02/7%"])


def test_every_list_has_somebody_who_may_look_after_its_rows() -> None:
    for queue in QUEUES:
        assert {"take", "hand over", "put down"} <= {deed.name for deed in queue.deeds}, queue.name
    assert {queue.owners for queue in QUEUES if queue.owners} == set(List)


LISTS = (ORDERS, MISSING_UNITS, CLAIMS, PAYMENTS, REFUNDS, SHIPMENTS, RETURNS, STOCK_ITEMS, INVOICES, BANK_ENTRIES)


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
def test_what_is_shown_of_a_row_and_names_it_is_what_its_door_says(queue: Queue) -> None:
    said = {f"/{each.name.replace('_', '-')}": set(each.columns) for each in LISTS}
    moments = {f"/{each.name.replace('_', '-')}": set(each.moments) for each in (*LISTS, letters_api.CURSOR)}
    letter = Letter("order:0:1", DEAD, "order", "order/o1", "PlaceHold", "not JSON", NOON)
    past = past_deadlines.Past(NOON, "order", "order/o1", "release/1")
    said["/deadlines/past"] = set(past_deadlines.row_of(past))
    moments["/deadlines/past"] = set(past_deadlines.DEADLINES.moments)
    said["/dead-letters"] = set(letters_api.row_of(letter))
    still = Still("order", "waiting", NOON, "orders wait", "the store is away", 3, "messages")
    said["/standing"], moments["/standing"] = set(row_of(still)), {"since"}
    said["/claims"] |= {"order"}  # what its demand names (exceptions_page)
    assert {name for name, _ in queue.columns} <= said[queue.path]
    assert set(queue.key) <= said[queue.path]
    # and where somebody should have acted within a time, it says since when it waits
    assert (queue.within is None) == (queue.since is None)
    assert queue.since is None or queue.since in moments[queue.path]
