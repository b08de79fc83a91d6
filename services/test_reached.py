"""The last specification: what the others reached is what the pages draw, and all that their tables promise.

`python -m pytest services --draw` draws the diagrams anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from chassis.decider import StreamKind
from services.fulfillment.fulfillment_order import KINDS as FULFILLMENT
from services.inventory.stock_item import KINDS as INVENTORY
from services.order.stream import KINDS as ORDER
from services.payments.streams import KINDS as PAYMENTS
from services.shipping.shipment import KINDS as SHIPPING
from tests.reached.drawing import DRAWINGS, PAGES, marked, page_with
from tests.reached.record import Reached
from tests.reached.report import unreached_messages, unreached_rows, unwritten
from tests.reached.steps import unreached_steps

KINDS: Mapping[str, tuple[StreamKind, ...]] = {
    "order": ORDER,
    "inventory": INVENTORY,
    "fulfillment": FULFILLMENT,
    "shipping": SHIPPING,
    "payments": PAYMENTS,
}


def _page(service: str) -> str:
    [page] = [page for page in PAGES if page.parent.name == service]
    return page.read_text(encoding="utf-8")


def test_every_drawing_has_its_place() -> None:
    assert sorted(name for page in PAGES for name in marked(page.read_text(encoding="utf-8"))) == sorted(DRAWINGS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_diagrams_show_what_was_reached(page: Path, all_reached: Reached, request: pytest.FixtureRequest) -> None:
    written = page.read_text(encoding="utf-8")
    again = page_with(written, all_reached.edges)
    if request.config.getoption("--draw", default=False):
        page.write_text(again, encoding="utf-8")
    else:
        assert written == again, "run `python -m pytest services --draw`"


@pytest.mark.parametrize("service", KINDS)
def test_every_message_is_sent_by_a_specification(service: str, all_reached: Reached) -> None:
    assert unreached_messages(KINDS[service], all_reached.caused[service]) == []


@pytest.mark.parametrize("service", KINDS)
def test_every_row_of_a_message_table_was_seen(service: str, all_reached: Reached) -> None:
    assert unreached_rows(_page(service), all_reached.caused[service]) == []


@pytest.mark.parametrize("service", [service for service in KINDS if service != "order"])
def test_every_event_that_was_seen_is_in_a_row(service: str, all_reached: Reached) -> None:
    # What a message leads the sagas to in the same handling is in their tables, so the order's page is not asked.
    assert unwritten(_page(service), all_reached.caused[service]) == []


def test_every_step_of_a_saga_was_asked_answered_undone_and_given_up(all_reached: Reached) -> None:
    assert unreached_steps(all_reached.steps) == []
