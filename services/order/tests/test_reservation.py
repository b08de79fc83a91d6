"""The reservation saga, row by row: what it asks, what it does with each answer, and what it undoes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chassis.testing import DAWN
from contracts.chassis import DeadlinePassed
from contracts.inventory import (
    BreakReason,
    ClaimReleased,
    ClaimRepeated,
    ClaimStock,
    OnShortage,
    RejectReason,
    ReleaseClaim,
    StockReserved,
)
from contracts.order import (
    Bucket,
    CancelOrder,
    CancelReason,
    HoldKind,
    HoldPlaced,
    LinesCancelled,
    OrderCancelled,
    ReleaseHold,
    ShortagePolicy,
    SourcingDecided,
)
from contracts.payments import (
    AuthorizationExpired,
    DeclineReason,
    PaymentAuthorized,
    PaymentDeclined,
    PaymentPending,
    PaymentRepeated,
    PaymentVoided,
    VoidPayment,
)
from services.order.order import OrderStatus, status
from services.order.sourcing import Availability
from services.order.tests.story import (
    NAME,
    ORDER_ID,
    PAYMENT,
    Story,
    authorization_of,
    demand,
    eur,
    kinds,
    messages,
    order,
    stock_of,
    units_of,
)

SPLIT = {"A": {"north": Availability(2, 5), "south": Availability(1, 6)}}


def test_sourcing_records_what_it_saw_and_claims_every_unit() -> None:
    outcome = Story().tell(order(("A", 2, 1000), ("B", 1, 500)), door="channel.orders")
    decided = outcome.events[1]
    assert isinstance(decided, SourcingDecided)
    assert {(seen.sku, seen.available, seen.offset) for seen in decided.seen} == {("A", 9, 40), ("B", 9, 41)}
    assert [candidate.location for candidate in decided.candidates if candidate.chosen] == ["north"]
    claims = [send.message for send in outcome.sent]
    assert [type(claim) for claim in claims] == [ClaimStock, ClaimStock]
    assert [send.stream for send in outcome.sent] == [stock_of("A"), stock_of("B")]
    assert all(send.wants_answer for send in outcome.sent)


def test_what_is_short_is_claimed_in_a_queue_at_every_location_that_could_serve_it() -> None:
    outcome = Story(SPLIT).tell(order(("A", 5, 1000)))
    found = [send.message for send in outcome.sent if isinstance(send.message, ClaimStock)]
    assert [(claim.location, claim.quantity, claim.on_shortage) for claim in found] == [
        ("north", 2, OnShortage.REJECT),
        ("south", 1, OnShortage.REJECT),
        ("north", 2, OnShortage.QUEUE),
    ]
    assert found[2].eligible_locations == ("north", "south")


def test_all_reserved_is_authorised_then_confirmed_once_and_released() -> None:
    story = Story().placed(("A", 2, 1000), ("B", 1, 500))
    assert messages(story.reserved(0)) == []
    asked = authorization_of(story.reserved(1))
    assert asked.amount == eur(1500)
    outcome = story.authorized()
    assert kinds(outcome) == [
        "AuthorizationRecorded",
        "OrderConfirmed",
        "ReleasedToFulfillment",
    ]
    assert story.authorized().events == ()


def test_queued_units_wait_and_are_reserved_when_stock_arrives_elsewhere() -> None:
    story = Story({"A": {"north": Availability(0, 1), "south": Availability(0, 1)}}).placed(("A", 5, 1000))
    story.queued()
    assert units_of(story) == {Bucket.BACKORDERED: 5}
    assert status(story.view.order) is OrderStatus.BACKORDERED
    story.reserved(quantity=2, location="south")
    assert units_of(story) == {Bucket.RESERVED: 2, Bucket.BACKORDERED: 3}
    story.reserved(quantity=3)
    assert units_of(story) == {Bucket.RESERVED: 5}


@pytest.mark.parametrize("answered", [True, False], ids=["reserved", "no answer"])
def test_a_cancel_undoes_what_was_asked_for_answered_or_not(answered: bool) -> None:
    # given a line that is claimed, or may be, and another that waits for supply
    story = Story({**SPLIT, "B": {"north": Availability(0, 1)}}).placed(("A", 2, 1000), ("B", 1, 500))
    story.queued(1)
    if answered:
        story.reserved(0)
        assert story.view.reservation.authorization is not None
    # when the order is cancelled
    outcome = story.tell(CancelOrder(), door="console")
    # then every claim is given back, and the money where it was asked for
    assert messages(outcome) == ["VoidPayment"] * answered + ["ReleaseClaim", "ReleaseClaim"]
    assert [units_of(story, line) for line in ("1", "2")] == [{Bucket.CANCELLED: 2}, {Bucket.CANCELLED: 1}]


def test_a_claim_served_in_part_counts_each_part_once() -> None:
    story = Story({"A": {"north": Availability(0, 1)}}).placed(("A", 5, 1000))
    story.reserved(quantity=2)
    story.queued(quantity=3)
    assert units_of(story) == {Bucket.RESERVED: 2, Bucket.BACKORDERED: 3}


def test_a_refusal_sources_the_rest_again_at_other_locations() -> None:
    story = Story(SPLIT).placed(("A", 2, 1000))
    outcome = story.rejected()
    assert kinds(outcome) == ["ClaimRefused", "SourcingDecided"]
    assert [(c.message.location, c.message.on_shortage.value) for c in outcome.sent] == [  # type: ignore[attr-defined]
        ("south", "reject"),
        ("south", "queue"),
    ]


def test_refused_again_and_again_it_waits_in_a_queue_where_refusing_is_not_possible() -> None:
    everywhere = {"A": {f"l{n}": Availability(9, n) for n in range(9)}}
    story = Story(everywhere).placed(("A", 2, 1000))
    for attempt in range(2):
        assert story.rejected(attempt).sent[0].message.on_shortage is OnShortage.REJECT  # type: ignore[attr-defined]
    assert story.rejected(2).sent[0].message.on_shortage is OnShortage.QUEUE  # type: ignore[attr-defined]


def test_a_claim_that_may_not_even_wait_asks_a_person_instead_of_asking_for_ever() -> None:
    story = Story(SPLIT).placed(("A", 5, 1000))
    story.reserved(0)
    story.reserved(1)
    outcome = story.rejected(2)
    assert kinds(outcome) == ["ClaimRefused", "HoldPlaced"]
    assert messages(outcome) == []


def test_a_location_that_refused_is_recorded_with_why_it_lost() -> None:
    story = Story(SPLIT).placed(("A", 1, 1000))
    decided = story.rejected().events[-1]
    assert isinstance(decided, SourcingDecided)
    assert [(candidate.location, candidate.chosen) for candidate in decided.candidates] == [
        ("south", True),
        ("north", False),
    ]
    assert "barred" in (decided.candidates[1].lost_because or "")
    assert {seen.location for seen in decided.seen} == {"north", "south"}


def test_after_too_many_refusals_the_decision_says_that_it_takes_nothing() -> None:
    story = Story({"A": {f"l{n}": Availability(9, n) for n in range(9)}}).placed(("A", 2, 1000))
    for attempt in range(3):
        decided = story.rejected(attempt).events[-1]
    assert isinstance(decided, SourcingDecided)
    assert {candidate.lost_because for candidate in decided.candidates} >= {"refused too often; what is left waits"}
    assert not any(candidate.chosen for candidate in decided.candidates)


@pytest.mark.parametrize("reason", [RejectReason.WRONG_UNIT, RejectReason.CONFLICT, RejectReason.RELEASED])
def test_a_claim_refused_for_another_reason_asks_a_person(reason: RejectReason) -> None:
    story = Story().placed(("A", 2, 1000))
    outcome = story.rejected(reason=reason)
    assert kinds(outcome) == ["ClaimRefused", "HoldPlaced"]
    assert messages(story.tell(ReleaseHold(hold="1"))) == ["ClaimStock"]


def test_a_shortage_is_cancelled_by_policy() -> None:
    story = Story(SPLIT).placed(("A", 5, 1000), shortage=ShortagePolicy.CANCEL_LINE)
    assert units_of(story) == {Bucket.CANCELLED: 2, Bucket.ORDERED: 3}
    story.reserved(0)
    assert authorization_of(story.reserved(1)).amount == eur(600)


def test_a_shortage_cancels_the_order_by_policy_and_claims_nothing() -> None:
    story = Story(SPLIT)
    outcome = story.tell(order(("A", 5, 1000), shortage=ShortagePolicy.CANCEL_ORDER))
    assert kinds(outcome) == ["OrderPlaced", "SourcingDecided", "OrderCancelled"]
    assert messages(outcome) == []
    assert units_of(story) == {Bucket.CANCELLED: 5}


def test_an_order_of_which_every_line_is_cancelled_is_cancelled() -> None:
    story = Story({"A": {}}).placed(("A", 1, 100), shortage=ShortagePolicy.CANCEL_LINE)
    assert status(story.view.order) is OrderStatus.CANCELLED


def test_a_sku_that_no_location_ever_had_is_held_by_name() -> None:
    story = Story({"A": {}})
    outcome = story.tell(order(("A", 1, 100)))
    [held] = [event for event in outcome.events if isinstance(event, HoldPlaced)]
    assert (held.kind, held.lines) == (HoldKind.UNKNOWN_SKU, ("1",))
    story.stock = {"A": {"north": Availability(1, 1)}}
    assert messages(story.tell(ReleaseHold(hold="1"))) == ["ClaimStock"]


def test_a_broken_reservation_is_sourced_again() -> None:
    story = Story().placed(("A", 2, 1000), ("B", 1, 500))
    story.reserved(0)
    outcome = story.lost()
    assert kinds(outcome) == ["ReservationLost"]
    assert units_of(story) == {Bucket.ORDERED: 1, Bucket.RESERVED: 1}
    assert kinds(story.reserved(1)) == ["LineReserved", "SourcingDecided"]


def test_a_broken_reservation_that_a_node_works_on_is_left_to_its_pick() -> None:
    story = Story().released(("A", 2, 1000))
    story.lost(reason=BreakReason.SHORT_PICK).then_nothing()


def test_declined_is_held_and_asked_again_when_a_person_says_so() -> None:
    story = Story().placed(("A", 2, 1000))
    story.reserved()
    declined = PaymentDeclined(order_id=ORDER_ID, amount=eur(1000), reason=DeclineReason.UNSUPPORTED_METHOD)
    outcome = story.tell(declined, subject=PAYMENT)
    [held] = [event for event in outcome.events if isinstance(event, HoldPlaced)]
    assert held.kind is HoldKind.PAYMENT_DECLINED
    story.tell(declined, subject=PAYMENT).then_nothing()
    assert messages(story.tell(ReleaseHold(hold=held.hold))) == ["AuthorizePayment"]
    repeated = PaymentRepeated(order_id=ORDER_ID, amount=eur(1000), authorizations=())
    assert "OrderConfirmed" in kinds(story.tell(repeated, subject=PAYMENT))


def test_a_payment_that_is_under_way_is_waited_for() -> None:
    story = Story().placed(("A", 2, 1000))
    story.reserved()
    story.tell(PaymentPending(order_id=ORDER_ID, amount=eur(1000)), subject=PAYMENT).then_nothing()
    authorized = PaymentAuthorized(order_id=ORDER_ID, amount=eur(1000), tenders=(), authorizations=())
    assert "OrderConfirmed" in kinds(story.tell(authorized, subject=PAYMENT))


def test_declined_and_cancelled_gives_everything_back() -> None:
    story = Story().placed(("A", 2, 1000))
    story.reserved()
    story.tell(PaymentDeclined(order_id=ORDER_ID, amount=eur(1000), reason=DeclineReason.VOIDED), subject=PAYMENT)
    outcome = story.tell(CancelOrder(cause=CancelReason.PAYMENT))
    assert messages(outcome) == ["VoidPayment", "ReleaseClaim"]


def test_a_lapsed_authorisation_asks_a_person() -> None:
    story = Story().released(("A", 2, 1000))
    expired = AuthorizationExpired(order_id=ORDER_ID, authorization="a", tender=0, amount=eur(1000))
    assert kinds(story.tell(expired, subject=PAYMENT)) == ["HoldPlaced"]


def test_an_order_worth_nothing_is_confirmed_without_payment() -> None:
    story = Story().placed(("A", 1, 0))
    assert "AuthorizePayment" not in messages(story.reserved())
    assert status(story.view.order) is OrderStatus.IN_FULFILLMENT


def test_a_cancel_undoes_every_step_requested_answered_or_not() -> None:
    story = Story().placed(("A", 2, 1000), ("B", 1, 500))
    story.reserved(0)
    outcome = story.tell(CancelOrder())
    assert [type(send.message) for send in outcome.sent] == [ReleaseClaim, ReleaseClaim]
    assert kinds(outcome) == ["OrderCancelled"]
    assert units_of(story) == {Bucket.CANCELLED: 2}


def test_a_cancel_after_the_authorisation_was_asked_for_voids_it() -> None:
    story = Story().placed(("A", 2, 1000))
    story.reserved()
    outcome = story.tell(CancelOrder())
    assert [type(send.message) for send in outcome.sent] == [VoidPayment, ReleaseClaim]


def test_late_answers_change_nothing() -> None:
    story = Story().placed(("A", 2, 1000))
    story.tell(CancelOrder())
    story.reserved().then_nothing()
    story.queued().then_nothing()
    story.rejected().then_nothing()
    story.lost().then_nothing()
    released = ClaimReleased(sku="A", demand=demand("1"), sequence=0, quantity=0, withdrawn=0, seen=False, levels=())
    story.tell(released).then_nothing()
    story.tell(PaymentVoided(order_id=ORDER_ID, seen=False), subject=PAYMENT).then_nothing()


def test_a_repeated_claim_was_answered_before() -> None:
    story = Story().placed(("A", 2, 1000))
    repeated = ClaimRepeated(
        sku="A", demand=demand("1"), sequence=0, location="north", quantity=2, unit="each", reserved=2, waiting=0
    )
    story.tell(repeated).then_nothing()


def test_past_the_last_moment_what_waits_is_cancelled_and_what_was_held_beside_it_sourced_again() -> None:
    story = Story({"A": {"north": Availability(0, 1)}})
    story.placed(("A", 5, 1000), cancel_after=DAWN + timedelta(days=2))
    story.reserved(quantity=2)
    story.queued(quantity=3)
    story.stock = {"A": {"north": Availability(2, 9)}}
    limit = DAWN + timedelta(days=2)
    outcome = story.later(timedelta(days=2)).tell(DeadlinePassed(name="cancel_after", due=limit))
    assert kinds(outcome) == ["CancelAfterPassed", "LinesCancelled", "SourcingDecided"]
    assert messages(outcome) == ["ReleaseClaim", "ClaimStock"]
    assert units_of(story) == {Bucket.CANCELLED: 3, Bucket.ORDERED: 2}
    cancelled = outcome.events[1]
    assert isinstance(cancelled, LinesCancelled) and cancelled.reason is CancelReason.TOO_LATE


def test_an_order_of_which_nothing_is_left_says_why() -> None:
    story = Story({"A": {"north": Availability(0, 1)}}).placed(("A", 5, 1000), cancel_after=DAWN + timedelta(days=2))
    story.queued()
    limit = DAWN + timedelta(days=2)
    outcome = story.later(timedelta(days=2)).tell(DeadlinePassed(name="cancel_after", due=limit))
    assert kinds(outcome) == ["CancelAfterPassed", "LinesCancelled", "OrderCancelled"]
    assert outcome.events[2] == OrderCancelled(cause=CancelReason.TOO_LATE)


def test_cancelled_means_ended() -> None:
    story = Story().placed(("A", 1, 100))
    story.tell(CancelOrder())
    assert story.view.order.ended == OrderCancelled.__name__


def test_what_follows_from_goods_that_came_belongs_to_the_story_of_the_order() -> None:
    # given an order in the queue, served by a receipt that has a story of its own
    story = Story({"A": {"north": Availability(0, 1)}}).placed(("A", 2, 1000))
    story.queued()
    story.authorized()
    claim = story.view.reservation.claims["0"]
    served = StockReserved(
        sku="A",
        demand=demand(claim.line),
        sequence=0,
        location="north",
        quantity=2,
        unit="each",
        claimed=2,
        levels=(),
    )
    outcome = story.when(served, subject=stock_of("A"), correlation=stock_of("A"), needed=story.stock)
    # then all of it is found with the rest of the order
    assert outcome.stories == {NAME}
    assert outcome.sent
