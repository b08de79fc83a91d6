"""The pick list, without servers: what stands on it, and what a scanner reads off it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from chassis.tokens import Role, Tokens
from services.console.pick_list_pdf import pick_list_pdf
from services.shipping.tests.parcels import scanned, text_of
from tests.doors.test_console import signed_in

WORK = "3f0c8a52-93c7-5d3c-8c3e-8d5a5f1f7b11"
ORDER = "bdebd2b8-5485-59e2-b9dd-65081be601f6"
SAID = {"DONE-PICK", "NEXT-PACKAGE", "DONE-PACK", "DONE-HAND-OVER"}
"""Codes of what is said of a work whose page is open."""


def work(identifier: str = WORK, stage: str = "accepted", **line: Any) -> dict[str, Any]:
    pot = {"line": "1", "sequence": 1, "sku": "POT-1", "description": "A <b>pot</b>", "quantity": 2, "unit": "each"}
    cup = {"line": "2", "sequence": 1, "sku": "CUP-1", "description": None, "quantity": 3, "unit": "each"}
    shown = {"id": identifier, "order_id": ORDER, "location": "dc-1", "method": "ship", "stage": stage}
    return {**shown, "lines": [{**pot, **line}, cup]}


def test_a_list_says_what_to_pick_and_its_codes_are_read() -> None:
    paper = pick_list_pdf("dc-1", [work()], "2026-01-05 09:00 UTC")
    text = text_of(paper)
    for said in ("Pick list dc-1", "Works: 1, units: 5", f"Work {WORK}", f"Order {ORDER}", "A <b>pot</b>", "2 each"):
        assert said in text
    # lines stand by article, and a scanner reads the work, each article, and what is to be said of the work
    assert text.index("CUP-1") < text.index("POT-1")
    assert {code for _, code in scanned(paper)} == {WORK, "CUP-1", "POT-1", *SAID}


def test_an_article_whose_name_no_code_holds_is_text_alone() -> None:
    paper = pick_list_pdf("dc-1", [work(sku="Kännchen")], "2026-01-05 09:00 UTC")
    assert "Kännchen" in text_of(paper)
    assert {code for _, code in scanned(paper)} == {WORK, "CUP-1", *SAID}


def test_a_long_list_goes_on_on_more_pages_and_is_the_same_each_time() -> None:
    works = [work(f"{WORK[:-2]}{number:02}", description="long " * 200) for number in range(20)]
    paper = pick_list_pdf("dc-1", works, "2026-01-05 09:00 UTC")
    assert "page 5" in text_of(paper)
    assert paper == pick_list_pdf("dc-1", works, "2026-01-05 09:00 UTC")


class Doors:
    """Doors of one node with work that it accepted, and one that it picked since it was listed."""

    def __init__(self) -> None:
        self.works = {WORK: work(), "picked": work("picked", "picked")}
        self.asked: list[str] = []
        self.app = Starlette(routes=[Route("/{path:path}", self._answer)])

    async def _answer(self, request: Request) -> Response:
        path = request.path_params["path"]
        if path == "fulfillment-orders":
            self.asked.append(str(request.query_params))
            return JSONResponse({"fulfillment_orders": [{"id": name} for name in self.works]})
        return JSONResponse(self.works[path.rpartition("/")[2]])


@pytest.fixture
def doors() -> Doors:
    return Doors()


def test_a_node_has_what_it_accepted_and_has_not_picked_on_paper(
    browser: TestClient, tokens: Tokens, doors: Doors
) -> None:
    signed_in(browser, tokens, Role.WAREHOUSE)
    answer = browser.get("/console/warehouse/pick-list.pdf?location=dc-1")
    assert answer.headers["content-type"] == "application/pdf"
    assert doors.asked == ["limit=50&location=dc-1&stage=accepted"]
    assert "Works: 1," in text_of(answer.content)


def test_without_a_node_or_without_work_there_is_no_list(browser: TestClient, tokens: Tokens, doors: Doors) -> None:
    signed_in(browser, tokens, Role.WAREHOUSE)
    assert browser.get("/console/warehouse/pick-list.pdf").status_code == 422
    doors.works.clear()
    answer = browser.get("/console/warehouse/pick-list.pdf?location=dc-1")
    assert answer.status_code == 404 and "Nothing is to be picked" in answer.text
