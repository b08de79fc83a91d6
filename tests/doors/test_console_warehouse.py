"""The pages of a warehouse, without servers: what a scanner does on them, and what they tell the doors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, LiteralString

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from chassis.tokens import Role, Tokens
from tests.doors.test_console import Tables, Untold, form_of, opened, signed_in

WORK = "3f0c8a52-93c7-5d3c-8c3e-8d5a5f1f7b11"
OTHER = "7d1b8a52-93c7-5d3c-8c3e-8d5a5f1f7b22"
ORDER = "bdebd2b8-5485-59e2-b9dd-65081be601f6"


def work(stage: str = "open", identifier: str = WORK, **more: Any) -> dict[str, Any]:
    lines = [
        {"line": "1", "sequence": 0, "sku": "POT-1", "description": "A pot", "quantity": 2, "unit": "each"},
        {"line": "2", "sequence": 0, "sku": "CUP-1", "quantity": 1, "unit": "each"},
    ]
    picked = [{**line, "expected": line["quantity"], "short": 0} for line in lines]
    return {
        "id": identifier, "order_id": ORDER, "location": "dc-1", "method": "ship", "stage": stage, "lines": lines,
        "picked": picked if stage in {"picked", "packed", "ready"} else [], "packages": [], "quantity": 3,
        "priority": 0, "created_at": "2026-01-05T09:00:00Z", **more,
    }  # fmt: skip


class Doors:
    """Doors of one node, which keep what they were told."""

    def __init__(self) -> None:
        self.works = {WORK: work()}
        self.gtins = {"CUP-1": "4006381333931"}
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> Response:
        first, *rest = request.path_params["path"].split("/")
        if first == "items" and rest[0] in self.gtins:
            return JSONResponse({"sku": rest[0], "gtin": self.gtins[rest[0]]})
        if first != "fulfillment-orders":
            return JSONResponse({"title": "There is no such thing"}, 404)
        if request.method == "POST":
            self.told.append((rest[1], json.loads(await request.body())))
            return JSONResponse({"events": [{"type": "Done"}]})
        if rest:
            return JSONResponse(self.works[rest[0]])
        stages = request.query_params.getlist("stage")
        return JSONResponse({"fulfillment_orders": [each for each in self.works.values() if each["stage"] in stages]})

    def steps(self) -> list[str]:
        return [step for step, _ in self.told]

    def body(self) -> dict[str, Any]:
        [(_, said)] = self.told
        return {name: value for name, value in said.items() if name != "document"}


class Standing(Tables):
    """Tables in which every code finds these works."""

    found: Sequence[str] = ()

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        if query.startswith("select thing, order_id from standing"):
            return [(f"fulfillment_order/{name}", ORDER) for name in self.found]
        return super().rows(query, parameters)


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
def standing() -> Standing:
    return Standing()


@pytest.fixture
def browser(doors: Doors, standing: Standing, tokens: Tokens) -> Iterator[TestClient]:
    with opened(doors.app, tokens, standing, Untold()) as client:
        signed_in(client, tokens, Role.WAREHOUSE)
        yield client


class Picker:
    """Somebody at the page of a work, whose form keeps what was counted."""

    def __init__(self, browser: TestClient) -> None:
        self._browser = browser
        self.answer = browser.get(f"/console/warehouse/{WORK}")

    @property
    def page(self) -> str:
        return str(self.answer.text)

    def _fields(self) -> dict[str, str]:
        kept = {name: text for name, text in self.answer.url.params.items() if name not in {"came", "code", "mark"}}
        return {**kept, "form": form_of(self.page)}

    def scans(self, *codes: str) -> Picker:
        for code in codes:
            self.sends("scan", scan=code)
        return self

    def sends(self, step: str, **typed: str) -> Picker:
        self.answer = self._browser.post(f"/console/warehouse/{WORK}/{step}", data={**self._fields(), **typed})
        return self


def at(browser: TestClient, doors: Doors, stage: str, **more: Any) -> Picker:
    doors.works[WORK] = work(stage, **more)
    return Picker(browser)


@pytest.mark.parametrize("stage", ["open", "accepted", "picked", "packed", "ready"])
@pytest.mark.parametrize("code", ["POT-1", WORK, "", "CUP-9"])
def test_no_code_of_an_article_or_a_work_does_a_step(browser: TestClient, doors: Doors, stage: str, code: str) -> None:
    # given the page of a work at any stage, when something is scanned, again and again
    at(browser, doors, stage).scans(code, code, code)
    # then nothing is done
    assert doors.told == []


def test_units_are_counted_and_then_the_step_is_done_by_its_code(browser: TestClient, doors: Doors) -> None:
    picker = at(browser, doors, "accepted")
    # given one unit too few, when the step's code is scanned, then nothing is done, and the page says what lacks
    picker.scans("POT-1", "CUP-1", "DONE-PICK")
    assert doors.told == [] and "Line 1 (POT-1): 1 of 2 counted. Count the rest" in picker.page
    # nor is a step that is not next
    picker.scans("DONE-PACK")
    assert doors.told == [] and "DONE-PACK is not what is done next here" in picker.page
    # when the last unit is there, one more is not counted, and the code does the step
    assert "all units that are asked for are counted already" in picker.scans("POT-1", "POT-1").page
    assert "3 of 3 counted" in picker.page
    picker.scans("DONE-PICK")
    assert doors.steps() == ["pick"]
    assert doors.body() == {
        "lines": [{"line": "1", "sequence": 0, "quantity": 2}, {"line": "2", "sequence": 0, "quantity": 1}]
    }
    assert "Picked: Done." in picker.page


def test_what_is_not_on_the_work_is_not_counted(browser: TestClient, doors: Doors) -> None:
    picker = at(browser, doors, "accepted").scans("POT-1", "KNIFE-7")
    assert "KNIFE-7 is not on this work" in picker.page and "1 of 3 counted" in picker.page
    # and loading the page again counts nothing twice
    assert "1 of 3 counted" in browser.get(str(picker.answer.url)).text


@pytest.mark.parametrize("code", ["4006381333931", "04006381333931"])
def test_the_number_that_stands_on_the_goods_counts_as_their_article(
    browser: TestClient, doors: Doors, code: str
) -> None:
    picker = at(browser, doors, "accepted").scans(code)
    assert f"{code}: counted." in picker.page
    picker.scans("POT-1", "POT-1", "DONE-PICK")
    assert [line["quantity"] for line in doors.body()["lines"]] == [2, 1]
    # one that is nobody's counts nothing
    assert "is not on this work" in at(browser, doors, "picked").scans("4006381333932").page


@pytest.mark.parametrize("typed", ["two", "-1", "1.5", "9999999999"])
def test_what_is_no_count_does_nothing(browser: TestClient, doors: Doors, typed: str) -> None:
    refused = at(browser, doors, "accepted").sends("pick", **{"pick-1-1-0": typed})
    assert refused.answer.status_code == 422 and "Nothing was done" in refused.page and doors.told == []


def test_more_than_was_asked_for_is_neither_picked_nor_packed(browser: TestClient, doors: Doors) -> None:
    for stage, step in (("accepted", "pick"), ("picked", "pack")):
        typed = {f"{step}-1-1-0": "3", f"{step}-1-2-0": "1", "grams-1": "900"}
        assert "3 of 2 counted, 1 too many" in at(browser, doors, stage).sends(step, **typed).page
    assert doors.told == []


def test_the_reason_of_a_short_pick_is_chosen(browser: TestClient, doors: Doors) -> None:
    # given a cup that is broken, when the rest is said to be picked, then nothing is done without a reason
    picker = at(browser, doors, "accepted").scans("POT-1", "POT-1").sends("pick")
    assert doors.told == [] and "Line 2 (CUP-1): 0 of 1 counted" in picker.page
    # and with one it is recorded
    picker.sends("pick", **{"why-2-0": "damaged"})
    assert doors.body()["lines"][1] == {"line": "2", "sequence": 0, "quantity": 0, "short_reason": "damaged"}


def test_units_are_packed_into_several_packages_each_with_its_weight(browser: TestClient, doors: Doors) -> None:
    picker = at(browser, doors, "picked").scans("NEXT-PACKAGE", "POT-1").sends("scan", next="1").scans("POT-1", "CUP-1")
    # given all units in two packages, when they are said to be packed, then none has a weight by itself
    picker.scans("DONE-PACK")
    assert doors.told == []
    assert "Package 1 has no weight." in picker.page and "Package 2 has no weight." in picker.page
    picker.sends("pack", **{"grams-1": "900", "grams-2": "1150"})
    assert doors.body()["packages"] == [
        {"number": 1, "contents": [{"line": "1", "sequence": 0, "quantity": 1}], "weight_grams": 900},
        {
            "number": 2,
            "contents": [{"line": "1", "sequence": 0, "quantity": 1}, {"line": "2", "sequence": 0, "quantity": 1}],
            "weight_grams": 1150,
        },
    ]


def test_what_was_counted_in_one_step_counts_for_nothing_in_the_next(browser: TestClient, doors: Doors) -> None:
    # given a pick that was counted, and somebody else who said that it is done
    picker = at(browser, doors, "accepted").scans("POT-1", "POT-1", "CUP-1")
    doors.works[WORK] = work("picked")
    # when the same address is loaded, then nothing is packed yet
    assert "0 of 3 counted" in browser.get(str(picker.answer.url)).text


def test_work_is_rejected_by_a_button_of_its_own_and_accepted_whatever_stands_beside_it(
    browser: TestClient, doors: Doors
) -> None:
    # given a reason that somebody began to type, when they accept, then it is accepted
    at(browser, doors, "open").sends("acceptance", reject_reason="we have no")
    assert doors.told.pop()[1]["accepted"] is True
    # without a reason nothing is rejected
    refused = at(browser, doors, "open").sends("rejection", reject_reason=" ")
    assert refused.answer.status_code == 422 and doors.told == []
    at(browser, doors, "open").sends("rejection", reject_reason="no such pot")
    assert doors.steps() == ["acceptance"]
    assert doors.body() == {"accepted": False, "reject_reason": "no such pot"}


def test_a_second_click_says_the_same_document(browser: TestClient, doors: Doors) -> None:
    at(browser, doors, "packed").sends("hand-over")
    at(browser, doors, "packed").sends("hand-over")
    first, second = doors.told
    assert first == second


def test_what_is_collected_is_set_aside_and_no_carrier_is_asked(browser: TestClient, doors: Doors) -> None:
    picker = at(browser, doors, "picked", method="pickup")
    assert "Ready to be collected" in picker.page and "Packed" not in picker.page
    picker.sends("ready", shelf="rack 7")
    assert doors.steps() == ["ready"] and doors.body() == {"shelf": "rack 7"}


@pytest.mark.parametrize(("roles", "led"), [((Role.WAREHOUSE,), False), ((Role.WAREHOUSE, Role.CSR), True)])
def test_who_may_see_no_orders_is_led_to_none(
    browser: TestClient, tokens: Tokens, roles: Sequence[Role], led: bool
) -> None:
    signed_in(browser, tokens, *roles)
    for path in ("/console/warehouse", f"/console/warehouse/{WORK}"):
        page = browser.get(path).text
        assert ORDER[:8] in page and (f"/console/orders/{ORDER}" in page) == led


def test_an_article_leads_to_its_claims(browser: TestClient, doors: Doors) -> None:
    picker = at(browser, doors, "accepted")
    assert 'href="/console/stock/POT-1#claims"' in picker.page


def test_a_code_of_one_work_leads_to_it(browser: TestClient, standing: Standing) -> None:
    standing.found = [WORK]
    answer = browser.get("/console/warehouse?scan=POT-1", follow_redirects=False)
    assert answer.headers["location"] == f"/console/warehouse/{WORK}"


def test_of_several_hits_those_alone_stand_there_at_the_stage_that_was_chosen(
    browser: TestClient, doors: Doors, standing: Standing
) -> None:
    # given three works of which a code finds two, one of them accepted, and a third beside them
    doors.works = {name: work("open", name) for name in ("w-one", "w-two", "w-three")}
    standing.found = ["w-one", "w-two"]
    # when it is scanned, then the hits stand there, and nothing else
    page = browser.get("/console/warehouse?scan=POT-1").text
    assert "2 are open with POT-1: choose one." in page
    assert "/warehouse/w-one" in page and "/warehouse/w-two" in page and "/warehouse/w-three" not in page
    # and the stage that was chosen stays chosen, and counts
    doors.works["w-two"]["stage"] = doors.works["w-three"]["stage"] = "packed"
    answer = browser.get("/console/warehouse?scan=POT-1&stage=packed", follow_redirects=False)
    assert answer.headers["location"] == "/console/warehouse/w-two"
    standing.found = ["w-one"]
    page = browser.get("/console/warehouse?scan=POT-1&stage=packed").text
    assert "No open work that is packed is called POT-1" in page and "<option selected>packed" in page
