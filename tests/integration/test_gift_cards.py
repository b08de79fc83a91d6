"""Gift cards on a real broker, with every service running: two orders at once pay with the same card, the payments process
dies in between, and no cent is spent twice or lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from oms.verify.checking import Checker
from oms.verifying import installation
from tests.integration.staffed_site import PRICE, StaffedSite
from tests.integration.test_doors import Site
from tests.integration.test_doors import site as site
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(600)

PAYMENTS = "services.payments"
DEATHS = (("loop.produced", 2), ("loop.offsets_sent", 2), ("loop.committed", 1))
"""Where the payments process dies, and in which of its transactions since it began."""

WORTH = 3000
"""What a card holds: enough for one order of two."""


@pytest.fixture(scope="module")
def shop(site: Site) -> Iterator[StaffedSite]:
    made = StaffedSite(site)
    made.stock(2 * len(DEATHS))
    yield made


def decided(shop: StaffedSite, names: tuple[str, str]) -> tuple[str, str]:
    """The two orders, that which has the card first."""

    def stages() -> dict[str, str] | None:
        found: dict[str, str] = {}
        for name in names:
            order: dict[str, Any] = shop.site.get(f"/orders/{name}")
            if "payment_declined" in [hold["kind"] for hold in order.get("holds", ())]:
                found[name] = "declined"
            elif shop.payment(name).get("authorization") == "full":
                found[name] = "paid"
        return found if len(found) == len(names) else None

    found = eventually(stages, 120, f"{names} decided")
    assert found is not None and sorted(found.values()) == ["declined", "paid"], found
    first, second = sorted(names, key=lambda name: found[name] == "declined")
    return first, second


def stands(shop: StaffedSite, card: str, **wanted: int) -> None:
    """Wait until a card's ledger says so, and of what is not named that it is nothing: it lies in another partition than
    the payment, and tables follow each partition by itself."""
    expected = {"issued": WORTH, "available": 0, "held": 0, "redeemed": 0, "expired": 0, **wanted}
    eventually(lambda: shop.ledger(card) == expected, because=f"the ledger of {card} as {expected}")


def test_two_orders_pay_with_the_same_card_and_one_has_it_whoever_dies_in_between(shop: StaffedSite) -> None:
    cards = {number: shop.sold(WORTH, f"card-{number}") for number in range(len(DEATHS))}
    winners: dict[int, str] = {}
    for number, (point, nth) in enumerate(DEATHS):
        card, code = cards[number]
        shop.stop(PAYMENTS)
        shop.start(PAYMENTS, f"{point}:{nth}:kill9")
        tenders = [{"method": "gift_card", "amount": PRICE, "reference": code}]
        names = (f"first-{number}", f"second-{number}")
        shop.all(lambda name, tenders=tenders: shop.order(name, tenders=tenders), names)  # type: ignore[misc]
        shop.died(PAYMENTS)
        shop.start(PAYMENTS)
        # then one is paid, the other is declined and held, and what is held is one order's money
        winners[number], loser = decided(shop, names)
        stands(shop, card, available=WORTH - PRICE, held=PRICE)
        shop.await_payment(loser, authorized=0)
        told = [event["what"] for event in shop.site.get(f"/orders/{loser}/timeline")["events"]]
        assert "HoldPlaced" in told

    # when one winner's goods leave, and another is cancelled
    shop.left(winners[0])
    shop.cancelled(winners[1])
    shop.await_payment(winners[0], captured=PRICE)
    shop.await_payment(winners[1], voided=True)
    stands(shop, cards[0][0], available=WORTH - PRICE, redeemed=PRICE)
    stands(shop, cards[1][0], available=WORTH)

    # then every event of every ledger adds up, and nothing is held for orders that are over
    settings = shop.site.settings
    checker = Checker(installation(settings, settings.namespace, grace=0, canaries=()))
    try:
        found = checker.check()
    finally:
        checker.close()
    assert found.checked["I-04 value"] >= 7
    assert (found.violated["I-04 value"], found.violated["I-10 secured"]) == (0, 0), found.first
