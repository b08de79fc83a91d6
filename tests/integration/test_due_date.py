"""On account, charged on the due date: with every service running, and the card by the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.card_shop import CardShop, open_shop
from tests.integration.test_doors import Site
from tests.integration.test_doors import site as site
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(400)

DUE_SECONDS = 120.0


@pytest.fixture(scope="module")
def shop(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CardShop]:
    with open_shop(site, tmp_path_factory.mktemp("sandbox")) as made:
        yield made


def test_an_invoice_that_is_due_is_charged_once_to_the_card_on_file(shop: CardShop) -> None:
    # given a seller whose buyers on account owe at once
    particulars = {
        "name": "Acme GmbH",
        "address_lines": ["Weg 1"],
        "postcode": "10115",
        "city": "Berlin",
        "country": "DE",
        "vat_id": "DE123456789",
        "payment_days": 0,
    }
    answer = shop.site.post("/sellers", {"seller": "acme", "particulars": particulars}, "acme")
    assert answer.status_code in (200, 201, 202), answer.text
    # and an order on account whose buyer left a card
    shop.stock(1)
    on_account = {"method": "invoice", "amount": 2000, "card_on_file": "tok_ok", "provider": "sandbox"}
    shop.order("due", tenders=[on_account])
    # when the goods leave
    shop.left("due")
    # then the provider is asked for what is open, once, and the invoice is paid
    charged = shop.await_made("charge", "due", "captured")
    assert charged["amount"] == 2000

    def paid() -> dict[str, Any] | None:
        listed = shop.site.get("/invoices")["invoices"]
        return next((each for each in listed if each["state"] == "paid"), None)

    eventually(paid, DUE_SECONDS, "the invoice is paid", 0.3)
    assert len(shop.made("charge", "due")) == 1
    # and the provider's books are ours
    shop.prove(["due"])
