"""Taking orders: whatever parses becomes an order, and what does not add up becomes a hold that shows it."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.money import Charge, ChargeKind, Tender, TenderMethod
from contracts.order import (
    HoldChangeRefusal,
    HoldChangeRefused,
    HoldKind,
    HoldPlaced,
    IgnoreReason,
    OrderAdjusted,
    OrderConflicted,
    OrderPlaced,
    OrderRevisionIgnored,
    PlaceHold,
    ReleaseHold,
    ShipGroup,
    ShipMethod,
)
from services.order.order import OrderStatus, due, status
from services.order.tests.story import SHIP_TO, Story, eur, kinds, messages, order

WRONG: list[tuple[HoldKind, dict[str, Any], tuple[tuple[str, int, int], ...]]] = [
    (HoldKind.NO_LINES, {}, ()),
    (HoldKind.NOT_POSITIVE, {}, (("A", 0, 100),)),
    (HoldKind.NEGATIVE_AMOUNT, {}, (("A", 1, -5), ("B", 1, 105))),
    (HoldKind.TOTAL_DIFFERS, {"stated_total": eur(101)}, (("A", 1, 100),)),
    (HoldKind.TENDERS_DIFFER, {"tenders": ()}, (("A", 1, 100),)),
    (HoldKind.UNKNOWN_CURRENCY, {"currency": "XXX", "stated_currency": "credits"}, (("A", 1, 100),)),
    (HoldKind.MISSING_SKU, {}, (("", 1, 100),)),
    (HoldKind.MISSING_ADDRESS, {"ship_groups": (ShipGroup(group="1", method=ShipMethod.SHIP),)}, (("A", 1, 100),)),
    (HoldKind.MISSING_LOCATION, {"ship_groups": (ShipGroup(group="1", method=ShipMethod.PICKUP),)}, (("A", 1, 100),)),
    *(
        (
            HoldKind.UNSUPPORTED_METHOD,
            {"ship_groups": (ShipGroup(group="1", method=method, location="store", ship_to=SHIP_TO),)},
            (("A", 1, 100),),
        )
        for method in (ShipMethod.DROP_SHIP, ShipMethod.DIGITAL, ShipMethod.SERVICE, ShipMethod.SHIP_TO_STORE)
    ),
    (
        HoldKind.UNKNOWN_SHIP_GROUP,
        {"ship_groups": (ShipGroup(group="2", method=ShipMethod.SHIP, ship_to=SHIP_TO),)},
        (("A", 1, 100),),
    ),
]


def test_an_order_is_placed_with_its_number_and_totals() -> None:
    outcome = Story().tell(order(("A", 2, 1000)), door="channel.orders")
    placed = outcome.events[0]
    assert isinstance(placed, OrderPlaced)
    assert placed.door_digest == "f1"
    assert (placed.number, placed.totals.total) == ("QQNX5-E2MGN-U", eur(1000))


@pytest.mark.parametrize(("kind", "more", "lines"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_what_does_not_add_up_is_held_and_nothing_is_claimed(
    kind: HoldKind, more: dict[str, Any], lines: tuple[tuple[str, int, int], ...]
) -> None:
    story = Story()
    outcome = story.tell(order(*lines, **more), door="channel.orders")
    assert kind in {event.kind for event in outcome.events if isinstance(event, HoldPlaced)}
    assert outcome.sent == ()
    assert status(story.view.order) is OrderStatus.HELD


def test_a_difference_in_money_is_shown_and_its_acceptance_is_an_adjustment() -> None:
    story = Story()
    first = story.tell(order(("A", 2, 1000), tenders=(Tender(method=TenderMethod.INVOICE, amount=eur(990)),)))
    [held] = [event for event in first.events if isinstance(event, HoldPlaced)]
    assert (held.expected, held.found) == (eur(1000), eur(990))
    outcome = story.tell(ReleaseHold(hold=held.hold), door="console")
    adjustment = Charge(kind=ChargeKind.ROUNDING, amount=eur(-10), tax_included=True)
    assert OrderAdjusted(charge=adjustment) in outcome.events
    assert due(story.view.order) == 990
    assert messages(outcome) == ["ClaimStock"]


def test_an_order_waits_for_the_last_of_its_holds() -> None:
    story = Story().placed(("A", 2, 1000), stated_total=eur(900), tenders=())
    assert messages(story.tell(ReleaseHold(hold="1"))) == []
    assert messages(story.tell(ReleaseHold(hold="2"))) == ["ClaimStock"]


def test_what_nobody_can_do_without_is_not_accepted() -> None:
    story = Story().placed(("", 1, 100))
    story.tell(ReleaseHold(hold="1"), door="console").then(
        HoldChangeRefused(hold="1", reason=HoldChangeRefusal.CANNOT_BE_ACCEPTED)
    )


def test_holds_of_what_is_not_there_are_refused_by_name() -> None:
    refused = HoldChangeRefusal
    Story().tell(ReleaseHold(hold="7")).then(HoldChangeRefused(hold="7", reason=refused.UNKNOWN_ORDER))
    Story().tell(PlaceHold(detail="look")).then(HoldChangeRefused(reason=refused.UNKNOWN_ORDER))
    story = Story().placed(("A", 1, 100))
    story.tell(ReleaseHold(hold="7")).then(HoldChangeRefused(hold="7", reason=refused.UNKNOWN_HOLD))


def test_a_person_holds_an_order_before_it_is_released() -> None:
    story = Story().placed(("A", 1, 100))
    story.tell(PlaceHold(detail="looks like fraud"), door="console")
    story.reserved()
    assert status(story.view.order) is OrderStatus.HELD
    assert messages(story.tell(ReleaseHold(hold="1"), door="console")) == ["AuthorizePayment"]


def test_the_same_order_again_is_ignored() -> None:
    story = Story().placed(("A", 1, 100), revision=2)
    again = order(("A", 1, 100), revision=3)
    story.tell(again, door="http").then(
        OrderRevisionIgnored(reason=IgnoreReason.SAME_FINGERPRINT, revision=3, known_revision=2)
    )


def test_a_lower_revision_is_ignored_and_a_higher_one_asks_a_person() -> None:
    story = Story().placed(("A", 1, 100), revision=2)
    story.tell(order(("A", 9, 900), revision=1, fingerprint="f0")).then(
        OrderRevisionIgnored(reason=IgnoreReason.LOWER_REVISION, revision=1, known_revision=2)
    )
    outcome = story.tell(order(("A", 9, 900), revision=3, fingerprint="f3"))
    assert kinds(outcome) == ["OrderChangeRequested", "HoldPlaced", "ChangeProposed"]


def test_another_body_without_a_revision_is_a_conflict_with_an_owner() -> None:
    story = Story().placed(("A", 1, 100))
    story.tell(order(("A", 9, 900), fingerprint="f2")).then(
        OrderConflicted(known_fingerprint="f1", fingerprint="f2", owner="order_desk")
    )
