"""Who comes in, and who may do what: every route for every role, and what the unknown are told."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from chassis.access import TOLD_A_MINUTE
from chassis.horizon import Horizon
from chassis.reading import Reads
from chassis.settings import Settings
from chassis.store import StoreAway
from chassis.tokens import Kind, Role
from chassis.waiters import Waiters
from contracts.envelope import Actor, Envelope
from oms.access import RULES
from oms.doors import make_app
from services.console.queues import QUEUES
from tests.doors.fakes import KeptWriter, ToldTokens, guarded_client, seal

FIRST_ORDER = Path(__file__).parents[2] / "docs" / "first-order.json"
OPEN = {"/docs", "/openapi.json"}
SHIPMENT = "/shipments/bdebd2b8-5485-59e2-b9dd-65081be601f6/tracking"
REPORT = {
    "carrier": "own-fleet",
    "event_id": "e1",
    "package": "p1",
    "status": "delivered",
    "occurred_at": "2026-01-05T12:00:00Z",
}


@dataclass(frozen=True)
class Site:
    """All routes as they are served, and what lies behind them."""

    app: FastAPI
    client: TestClient
    tokens: ToldTokens
    writer: KeptWriter

    def call(self, method: str, path: str, token: str | None = None, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return self.client.request(method, path, headers=headers | more.pop("headers", {}), **more)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """The doors, with a token for each role of that role's name, and a store that is away."""

    def away(*_: object) -> Any:
        raise StoreAway("no store in this test")

    for read in ("rows", "stream", "known"):
        monkeypatch.setattr(Reads, read, away)
    tokens, writer = ToldTokens(), KeptWriter()
    for role in Role:
        tokens.tell(role, f"the-{role}", role)
    monkeypatch.setattr("oms.doors.Tokens", lambda path: tokens)
    monkeypatch.setattr("oms.doors.reach_log", away)
    app = make_app(Settings(), writer, Waiters(1), Horizon(), seal, away, away)
    return Site(app, TestClient(app), tokens, writer)


def _routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for context in iter_route_contexts(app.router.routes):
        path, methods = getattr(context, "path_format", None) or context.path, context.methods or {"ANY"}
        yield from ((method, str(path)) for method in sorted(methods))


def _address(path: str) -> str:
    """An address of a route, with a value for each of its parameters."""
    names = (
        "name",
        "hold",
        "notice",
        "package",
        "refund",
        "change_number",
        "sku",
        "location",
        "identifier",
        "number",
        "order_id",
        "subject",
        "seller",
    )
    path = path.replace("/dead-letters/{name}", "/dead-letters/order:0:1")
    for name in names:
        path = path.replace(f"{{{name}}}", "bdebd2b8-5485-59e2-b9dd-65081be601f6")
    assert "{" not in path
    return path


def test_every_route_has_a_row_and_every_row_a_route(site: Site) -> None:
    routes = {route for route in _routes(site.app) if route[1] not in OPEN}
    assert routes - RULES.keys() == set(), "a route without a row in oms/access.py is open to nobody"
    assert RULES.keys() - routes == set(), "a row in oms/access.py without a route"
    described = {(m.upper(), path) for path, ways in site.app.openapi()["paths"].items() for m in ways}
    assert described == routes


@pytest.mark.parametrize("role", Role)
def test_each_role_is_let_through_where_the_rules_name_it_and_nowhere_else(site: Site, role: Role) -> None:
    for (method, path), allowed in RULES.items():
        answer = site.call(method, _address(path), role)
        if role in allowed:
            assert answer.status_code not in {401, 403, 404, 405}, (method, path, answer.text)
        else:
            assert answer.status_code == 403, (method, path, answer.text)
            assert answer.json()["title"] == "This is not allowed to you"
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert site.writer.records == []


def test_an_admin_may_do_everything_and_nobody_else_does_what_moves_goods_and_money() -> None:
    assert all(Role.ADMIN in allowed for allowed in RULES.values())
    for (method, path), allowed in RULES.items():
        if method != "GET":
            assert Role.VIEWER not in allowed, path
    of_channels = {path for (_, path), allowed in RULES.items() if Role.CHANNEL_BOT in allowed}
    claims = "/stock-items/{sku}/claims"
    assert of_channels == {"/orders", claims, f"{claims}/harden", f"{claims}/release"}


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"Authorization": "Bearer nobody"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Authorization": "admin"},
        {"Authorization": "Bearer " + "x" * 10_000},
        {"X-Actor": "person:anna"},
    ],
)
def test_who_is_unknown_is_told_how_to_be_known_on_every_route(site: Site, sent: dict[str, str]) -> None:
    for method, path in [*RULES, ("GET", "/nowhere"), ("DELETE", "/orders"), ("POST", "/docs")]:
        answer = site.call(method, _address(path), headers=sent)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith('Bearer realm="orderlog"')
        assert "oms token" in answer.json()["detail"]
    assert site.writer.records == []


def test_two_tokens_in_one_request_are_none(site: Site) -> None:
    both: Any = [("Authorization", f"Bearer {role}") for role in (Role.ADMIN, Role.VIEWER)]
    assert site.client.get("/orders", headers=both).status_code == 401


def test_what_is_no_text_is_no_token(site: Site) -> None:
    sent: Any = [(b"Authorization", b"Bearer \xff\xfe")]
    assert site.client.get("/orders", headers=sent).status_code == 401


def test_who_is_known_may_ask_in_vain(site: Site) -> None:
    assert site.call("GET", "/nowhere", Role.VIEWER).status_code == 404
    assert site.call("DELETE", "/orders", Role.VIEWER).status_code == 405


def test_an_address_or_a_parameter_with_a_character_that_no_table_keeps_is_a_bad_request_on_every_route(
    site: Site,
) -> None:
    for method, path in RULES:
        addresses = [f"{_address(path)}?stream=a%00b", *([path.replace("{", "%00{")] if "{" in path else [])]
        for address in addresses:
            answer = site.call(method, address, Role.ADMIN)
            assert (answer.status_code, "U+0000" in answer.text) == (400, True), (method, address, answer.text)
    assert site.writer.records == []


def test_the_body_of_who_is_unknown_is_not_read(site: Site) -> None:
    def body() -> Iterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    answer = site.client.post("/orders", content=body(), headers={"Content-Length": "5000000"})
    assert answer.status_code == 401


@pytest.mark.parametrize("path", sorted(OPEN))
def test_the_description_is_open_to_all(site: Site, path: str) -> None:
    assert site.call("GET", path).status_code == 200


def test_a_route_that_the_rules_do_not_name_is_open_to_nobody() -> None:
    router = APIRouter()

    @router.get("/forgotten")
    def forgotten() -> str:
        return "reached"

    client, _ = guarded_client(router)
    answer = client.get("/forgotten")
    assert answer.status_code == 403
    assert "none has it" in answer.json()["detail"]


def test_openapi_says_that_a_token_is_needed_and_of_which_role(site: Site) -> None:
    document = site.call("GET", "/openapi.json").json()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    place = document["paths"]["/orders"]["post"]
    assert place["security"] == [{"bearer": []}]
    assert place["x-roles"] == ["admin", "channel-bot", "csr"]
    assert {"401", "403"} <= place["responses"].keys()
    assert "x-actor" not in site.call("GET", "/openapi.json").text.lower()


def test_what_the_lists_of_exceptions_ask_their_doors_is_what_those_take(site: Site) -> None:
    # a parameter that a door does not know is passed over, and the list would show everything
    paths = site.call("GET", "/openapi.json").json()["paths"]
    for queue in QUEUES:
        taken = {each["name"] for each in paths[queue.path]["get"].get("parameters", ())}
        assert queue.asked.keys() <= taken, queue.name
        counted = {"oldest_by", "counted", "late_before", "limit", "after"}
        assert counted <= taken or queue.path == "/standing", queue.name  # which lists all of it at once


def test_while_the_tokens_cannot_be_trusted_nobody_comes_in_and_the_caller_tries_again(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.tokens.away = "the file of tokens /srv/tokens.toml cannot be read"
    answer = site.call("GET", "/orders", Role.ADMIN)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "/srv" not in answer.text
    assert "/srv/tokens.toml" in caplog.text


def test_a_refusal_is_logged_without_the_token(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    site.call("GET", "/orders%0Aadmin came in", "a-secret-nobody-knows")
    site.tokens.tell("a-secret-of-eve", "eve", Role.CARRIER)
    site.call("GET", "/orders", "a-secret-of-eve")
    said = [record.getMessage() for record in caplog.records if record.name == "orderlog"]
    assert said == [
        r"refused GET '/orders\nadmin came in' of testclient: a token that does not count",
        "refused GET /orders of person:eve: not allowed",
    ]
    assert "a-secret" not in caplog.text


def test_no_caller_fills_the_log(site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [monotonic() + 61]
    monkeypatch.setattr("chassis.access.monotonic", lambda: now[0])
    for _ in range(TOLD_A_MINUTE + 7):
        site.call("GET", "/orders")
    now[0] += 61
    caplog.clear()
    site.call("GET", "/orders")
    assert [record.getMessage()[:15] for record in caplog.records if record.name == "orderlog"] == [
        "7 more refusals",
        "refused GET '/o",
    ]


def test_a_channel_places_its_own_orders_alone(site: Site) -> None:
    site.tokens.tell("shop", "webshop-eu", Role.CHANNEL_BOT, kind=Kind.CHANNEL)
    own = json.loads(FIRST_ORDER.read_bytes())
    for account, status in (("webshop-eu", 503), ("webshop-us", 403)):
        body = {**own, "channel_account": account}
        assert site.call("POST", "/orders", "shop", json=body, headers={"Idempotency-Key": "k"}).status_code == status
    assert site.writer.records == []


def test_a_deed_is_recorded_as_of_whom_the_token_stands_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reads, "known", lambda *_: None)
    key = {"Idempotency-Key": "k", "X-Actor": "person:ben"}
    assert site.call("POST", SHIPMENT, Role.CARRIER, json=REPORT, headers=key).status_code == 202
    envelope = Envelope.parse(site.writer.records[0].headers)
    assert envelope.actor == Actor(kind="person", subject="the-carrier")


def test_who_acts_for_nobody_may_not_say_so(site: Site) -> None:
    headers = {"Idempotency-Key": "k", "X-On-Behalf-Of": "ada"}
    answer = site.call("POST", SHIPMENT, Role.CARRIER, json=REPORT, headers=headers)
    assert (answer.status_code, "X-On-Behalf-Of" in answer.json()["detail"]) == (403, True)
    assert site.writer.records == []
