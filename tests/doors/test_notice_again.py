"""Having a notice sent again by HTTP: who may, with which reason, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Reads
from chassis.tokens import Role
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.order import SendNoticeAgain
from services.order import notices_api
from services.order.app import declare
from services.order.tests.story import ORDER_ID
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client

AGAIN = f"/orders/{ORDER_ID}/notices/2/again"


class Orders(ToldReads):
    """One order."""

    def rows(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        return [(ORDER_ID,)] if parameters[0] == ORDER_ID else []


class Doors:
    def __init__(self) -> None:
        self.writer = KeptWriter()
        gate = Gate(declare(), Door("http", self.writer, 4), cast(Reads, Orders()), Waiters(10))
        self.client, self.tokens = guarded_client(notices_api.router(gate))

    def post(self, path: str, body: dict[str, Any]) -> int:
        status: int = self.client.post(path, json=body, headers={"Idempotency-Key": "k1"}).status_code
        return status


def test_a_notice_is_sent_again_by_its_number_with_the_reason() -> None:
    doors = Doors()
    assert doors.post(AGAIN, {"detail": "it went to the wrong folder"}) == 202
    [record] = doors.writer.records
    assert SendNoticeAgain.decode(record.value) == SendNoticeAgain(notice="2", detail="it went to the wrong folder")


@pytest.mark.parametrize("body", [{}, {"detail": ""}])
def test_nothing_is_sent_again_without_a_reason(body: dict[str, Any]) -> None:
    doors = Doors()
    assert doors.post(AGAIN, body) == 422 and doors.writer.records == []


def test_an_order_that_nobody_knows_has_no_notices() -> None:
    assert Doors().post("/orders/no-such/notices/1/again", {"detail": "asked"}) == 404


@pytest.mark.parametrize(("role", "status"), [(Role.CSR, 202), (Role.VIEWER, 403), (Role.FINANCE, 403)])
def test_those_who_serve_customers_have_them_told_again(role: Role, status: int) -> None:
    doors = Doors()
    doors.tokens.tell("seen", "vera", role)
    doors.client.headers["Authorization"] = "Bearer seen"
    assert doors.post(AGAIN, {"detail": "asked"}) == status
