"""The label of a package and its packing slip, asked for over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Followed, Reads, Seen
from chassis.sealing import FileMasterKey, Sealer, create_master_key
from chassis.stream import fresh
from chassis.testing import Spec
from chassis.tokens import Role
from chassis.vault import MemoryVault
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.order import OrderPlaced
from contracts.shipping import CancelShipment
from services.shipping import papers_api
from services.shipping.app import declare
from services.shipping.papers import FORGOTTEN
from services.shipping.shipment import SHIPMENT
from services.shipping.sscc import COMPANY_PREFIX, sscc
from services.shipping.tests.parcels import (
    ORDER_ID,
    RECIPIENT,
    SUBJECT,
    created,
    labelled,
    package,
    placed,
    scanned,
    text_of,
)
from tests.doors.fakes import KeptWriter, guarded_client

SHIPMENT_ID = "bdebd2b8-5485-59e2-b9dd-65081be601f6"


class _Shipments:
    """A store that knows one shipment."""

    def __init__(self) -> None:
        self.spec: Spec | None = None

    def stream(self, name: str) -> Seen:
        known = self.spec is not None and name == f"shipment/{SHIPMENT_ID}"
        return Seen(cast(Spec, self.spec).stream if known else fresh(SHIPMENT, name), Followed("t.events", {0: 0}, 0.0))


class Site:
    """The routes, a vault, and the shipment and order that they find."""

    def __init__(self, folder: Path) -> None:
        create_master_key(folder / "master.key")
        self.sealer = Sealer(MemoryVault(), FileMasterKey(folder / "master.key"))
        self.personal = self.sealer.seal(SUBJECT, RECIPIENT)
        self.orders: dict[str, OrderPlaced] = {ORDER_ID: placed()}
        self.shipments = _Shipments()
        gate = Gate(declare(), Door("http", KeptWriter(), 4), cast(Reads, self.shipments), Waiters(1))
        self.client, self.tokens = guarded_client(papers_api.router(gate, self.orders.get, self.sealer.open))

    def get(self, paper: str, number: int = 1, identifier: str = SHIPMENT_ID, **headers: str) -> Any:
        return self.client.get(f"/shipments/{identifier}/packages/{number}/{paper}", headers=headers)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.shipments.spec = labelled(personal=site.personal)
    return site


def test_a_label_comes_as_pdf_and_is_scanned(site: Site) -> None:
    answer = site.get("label", 2)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert scanned(answer.content) == [("]C1", f"00{sscc(COMPANY_PREFIX, 8)}")]
    assert "Zoë Žižek" in text_of(answer.content)


@pytest.mark.parametrize(
    ("query", "accept", "given"),
    [
        ("", "*/*", "application/pdf"),
        ("", "application/zpl", "application/zpl"),
        ("", "application/zpl;q=0.5, application/*;q=0.9", "application/pdf"),
        ("", "text/html, application/pdf;q=0.1, application/zpl; q=0.2", "application/zpl"),
        ("", "application/pdf;q=0, */*", "application/zpl"),
        ("?format=zpl", "application/pdf", "application/zpl"),
        ("?format=pdf", "text/html", "application/pdf"),
    ],
)
def test_a_label_comes_in_the_format_that_is_asked_for(site: Site, query: str, accept: str, given: str) -> None:
    answer = site.get(f"label{query}", Accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, given)
    assert answer.content.startswith(b"%PDF" if given == "application/pdf" else b"^XA")


@pytest.mark.parametrize("accept", ["text/html", "application/pdf;q=0, application/zpl;q=0", "image/*;q=1, x;q=nan"])
def test_a_format_that_no_label_has_is_a_problem(site: Site, accept: str) -> None:
    answer = site.get("label", Accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")
    assert "application/zpl" in answer.json()["detail"]


def test_a_packing_slip_comes_as_pdf_before_there_are_labels_too(site: Site) -> None:
    for spec in (created(personal=site.personal), labelled(personal=site.personal)):
        site.shipments.spec = spec
        answer = site.get("packing-slip")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
        assert "POT-1" in text_of(answer.content)


@pytest.mark.parametrize("paper", ["label", "label?format=zpl", "packing-slip"])
def test_nothing_between_us_and_the_printer_is_to_keep_a_name(site: Site, paper: str) -> None:
    answer = site.get(paper)
    assert answer.headers["cache-control"] == "no-store"
    assert "Zoë" not in str(answer.headers)


@pytest.mark.parametrize("paper", ["label", "packing-slip"])
def test_only_those_who_pack_read_an_address(site: Site, paper: str) -> None:
    for role in Role:
        site.tokens.tell(role, f"the-{role}", role)
        allowed = role in {Role.WAREHOUSE, Role.ADMIN}
        assert site.get(paper, Authorization=f"Bearer {role}").status_code == (200 if allowed else 403)


@pytest.mark.parametrize("paper", ["label", "packing-slip"])
def test_once_a_person_is_forgotten_their_papers_say_so(site: Site, paper: str) -> None:
    assert "Hafenstraße" in text_of(site.get(paper).content)
    site.sealer.forget(SUBJECT)
    said = " ".join(text_of(site.get(paper).content).split())
    assert FORGOTTEN in said and "Hafenstraße" not in said


def test_an_address_that_does_not_open_is_a_problem_and_not_a_label_without_one(site: Site) -> None:
    lost = site.personal.model_copy(update={"subject": "6f0a7c2e-5e4f-5a51-9f55-0a1b2c3d4e5f"})
    altered = site.personal.model_copy(update={"ciphertext": lost.ciphertext[::-1]})
    for personal, said in ((lost, "put back the latest backup of the vault"), (altered, "was altered")):
        site.shipments.spec = labelled(personal=personal)
        answer = site.get("label")
        assert (answer.status_code, answer.json()["title"]) == (500, "The address cannot be opened")
        assert personal.subject in answer.json()["detail"] and said in answer.json()["detail"]


def test_where_there_is_nothing_to_print_it_is_said_why(site: Site) -> None:
    void = labelled(personal=site.personal)
    void.when(CancelShipment(cause="changed their mind"))
    numbered = labelled(package(4), package(7), personal=site.personal)
    cases: list[tuple[Spec | None, str, int, int, str]] = [
        (created(personal=site.personal), "label", 1, 409, "no label yet"),
        (void, "label", 1, 410, "cancelled"),
        (void, "packing-slip", 1, 410, "cancelled"),
        (None, "label", 1, 404, "No shipment"),
        (numbered, "label", 1, 404, "no package 1"),
    ]
    for spec, paper, number, status, title in cases:
        site.shipments.spec = spec
        answer = site.get(paper, number)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert title in answer.json()["title"]
    assert "4, 7" in answer.json()["detail"]
    assert site.get("label", identifier="1001").status_code == 404


def test_an_order_that_is_not_known_here_yet_is_worth_another_try(site: Site) -> None:
    site.orders.clear()
    answer = site.get("label")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
