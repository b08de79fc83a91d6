"""What customers are told, event by event, and what becomes of each notice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.stream import open_deadlines
from chassis.testing import DAWN, Outcome
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import FulfillmentCancelled, FulfillmentCancelRefused, FulfillmentLine, RefusalReason
from contracts.ids import provider_key
from contracts.money import Charge, ChargeKind, Tender, TenderMethod
from contracts.order import (
    CancelLine,
    CancelOrder,
    CancelReason,
    ConfirmChange,
    HoldKind,
    LineQuantity,
    NoticeAgainRefusal,
    NoticeAgainRefused,
    NoticeDelayed,
    NoticeFailed,
    NoticeFailure,
    NoticeKind,
    NoticeNotSent,
    NoticeOutcomeIgnored,
    NoticeRequested,
    NoticeSent,
    NotSentReason,
    OrderLine,
    PlaceHold,
    ProposeChange,
    RecordNoticeNotSent,
    RecordNoticeRefused,
    RecordNoticeSent,
    ReleaseHold,
    SendNoticeAgain,
    ShipGroup,
    ShipMethod,
    ShortagePolicy,
)
from contracts.payments import AuthorizationExpired, DeclineReason, PaymentDeclined
from contracts.personal import Personal
from services.order import notice_content
from services.order.notices import LINES_TOLD_MAX, TOLD_HOLDS, TRY_AGAIN_AFTER
from services.order.sourcing import Availability
from services.order.stream import ORDER
from services.order.tests.refund_story import asks, claim, grant, paid, paid_back
from services.order.tests.story import COUNTER, NAME, ORDER_ID, PAYMENT, Story, eur, order
from services.order.views import order_view

TWO_PLACES = {"A": {"north": Availability(2, 1)}, "B": {"south": Availability(1, 2)}}


def asked(outcome: Outcome) -> list[NoticeRequested]:
    """The notices that came of a message."""
    return [event for event in outcome.events if isinstance(event, NoticeRequested)]


def told(story: Story) -> list[NoticeRequested]:
    """Every notice that was asked for, each once."""
    return [event for event, _, _ in story.log if isinstance(event, NoticeRequested) and event.tries == 1]


def units(notice: NoticeRequested) -> dict[str, int]:
    """The units that a notice is about, by SKU."""
    return {line.sku: line.quantity for line in notice.lines}


def following(notice: NoticeRequested) -> dict[str, int]:
    """The units that are still to come, by SKU."""
    return {line.sku: line.quantity for line in notice.following}


def withdrawn(story: Story, place: int = 0) -> Outcome:
    """A node lets go of its work."""
    work = story.view.fulfillment.works[story.work(place)]
    lines = tuple(FulfillmentLine(**line.model_dump()) for line in work.lines)
    return story.node(FulfillmentCancelled(order_id=ORDER_ID, location=work.location, lines=lines, seen=True), place)


def not_withdrawn(story: Story, place: int = 0) -> Outcome:
    """A node goes on with its work."""
    location = story.view.fulfillment.works[story.work(place)].location
    refused = FulfillmentCancelRefused(order_id=ORDER_ID, location=location, lines=(), reason=RefusalReason.CLOSED)
    return story.node(refused, place)


# Confirmed


def test_a_confirmed_order_is_told_with_what_is_owed() -> None:
    buyer = Personal(subject="ada", ciphertext="c2VhbGVk")
    shipping = Charge(kind=ChargeKind.SHIPPING, amount=eur(490))
    story = Story().placed(
        ("A", 2, 1000),
        ("B", 1, 500),
        buyer=buyer,
        brand="acme-tea",
        locale="de-AT",
        channel_number="W-1",
        charges=(shipping,),
        stated_total=eur(1990),
        tenders=(Tender(method=TenderMethod.INVOICE, amount=eur(1990)),),
    )
    story.reserved(0)
    story.reserved(1)
    [notice] = asked(story.authorized())
    assert (notice.notice, notice.kind, notice.tries) == ("1", NoticeKind.CONFIRMED, 1)
    assert notice.key == provider_key(NAME, "notice", "1")
    assert (notice.brand, notice.seller, notice.locale, notice.buyer) == ("acme-tea", "acme", "de-AT", buyer)
    assert (notice.number, notice.placed_at) == ("W-1", DAWN)
    assert [(line.sku, line.quantity, line.amount) for line in notice.lines] == [
        ("A", 2, eur(1000)),
        ("B", 1, eur(500)),
    ]
    assert (notice.other, notice.total) == (eur(490), eur(1990))
    assert notice.following == ()


def test_who_took_everything_along_at_a_till_is_told_nothing() -> None:
    till = ShipGroup(group="1", method=ShipMethod.CARRY_OUT, location="berlin")
    story = Story({}).placed(("A", 2, 1000), ship_groups=(till,))
    story.authorized()
    assert told(story) == []


def test_an_order_without_a_number_of_its_channel_is_told_under_ours() -> None:
    [notice] = told(Story().released(("A", 2, 1000)))
    assert notice.number == "QQNX5-E2MGN-U"


def test_the_customer_is_told_what_is_left_of_each_line_and_what_that_costs() -> None:
    story = Story({"A": {"north": Availability(2, 5)}, "B": {"north": Availability(0, 5)}})
    story.placed(("A", 3, 1000), ("B", 1, 500), shortage=ShortagePolicy.CANCEL_LINE)
    story.reserved()
    [notice] = asked(story.authorized())
    assert [(line.sku, line.quantity, line.amount) for line in notice.lines] == [("A", 2, eur(666))]
    assert notice.total == eur(666)


def test_of_a_long_order_a_hundred_lines_are_told_and_the_rest_counted() -> None:
    stock = {f"S{n}": {"north": Availability(9, 1)} for n in range(LINES_TOLD_MAX + 3)}
    story = Story(stock).released(*((sku, 1, 100) for sku in stock))
    [notice] = told(story)
    assert (len(notice.lines), notice.lines_more) == (LINES_TOLD_MAX, 3)
    assert (notice.other, notice.total) == (eur(0), eur(10300))


# Held


def test_a_hold_that_the_customer_can_help_with_is_told() -> None:
    story = Story()
    nowhere = ShipGroup(group="1", method=ShipMethod.SHIP, address_missing=("city",))
    [notice] = asked(story.tell(order(("A", 1, 100), ship_groups=(nowhere,))))
    assert (notice.kind, notice.hold, notice.lines) == (NoticeKind.HELD, HoldKind.MISSING_ADDRESS, ())


def test_two_addresses_that_are_missing_are_told_once() -> None:
    groups = tuple(ShipGroup(group=name, method=ShipMethod.SHIP) for name in ("1", "2"))
    outcome = Story().tell(order(("A", 1, 100), ship_groups=groups))
    assert [notice.hold for notice in asked(outcome)] == [HoldKind.MISSING_ADDRESS]


def test_each_payment_that_fails_is_told_once() -> None:
    story = Story().placed(("A", 2, 1000))
    story.reserved()
    declined = PaymentDeclined(order_id=ORDER_ID, amount=eur(1000), reason=DeclineReason.UNSUPPORTED_METHOD)
    assert [notice.hold for notice in asked(story.tell(declined, subject=PAYMENT))] == [HoldKind.PAYMENT_DECLINED]
    assert story.tell(declined, subject=PAYMENT).events == ()
    story.tell(ReleaseHold(hold="1"))
    assert [notice.notice for notice in asked(story.tell(declined, subject=PAYMENT))] == ["2"]


def test_a_payment_that_lapsed_is_told() -> None:
    story = Story().released(("A", 2, 1000))
    expired = AuthorizationExpired(order_id=ORDER_ID, authorization="a", tender=0, amount=eur(1000))
    [notice] = asked(story.tell(expired, subject=PAYMENT))
    assert notice.hold is HoldKind.AUTHORIZATION_EXPIRED


@pytest.mark.parametrize("kind", sorted(set(HoldKind) - TOLD_HOLDS))
def test_what_only_we_can_mend_is_not_told(kind: HoldKind) -> None:
    story = Story().placed(("A", 2, 1000))
    assert asked(story.tell(PlaceHold(kind=kind, detail="look"))) == []


# Shipped


def test_what_lies_ready_is_told_with_where_and_not_again_when_it_was_collected() -> None:
    story = Story({"A": {"berlin": Availability(2, 1)}}).released(("A", 2, 1000), ship_groups=(COUNTER,))
    story.listed()
    story.picked()
    [notice] = asked(story.ready())
    assert (notice.kind, notice.location) == (NoticeKind.READY_FOR_PICKUP, "berlin")
    assert (units(notice), following(notice)) == ({"A": 2}, {})
    assert asked(story.collected()) == []


def test_each_shipment_is_told_with_what_follows_it() -> None:
    story = Story(TWO_PLACES).released(("A", 2, 1000), ("B", 1, 500))
    for place in (0, 1):
        story.listed(place)
        story.picked(place=place)
        story.packed(place)
        story.labelled(place)
        story.handed_over(place)
    [first] = asked(story.shipped(0))
    [second] = asked(story.shipped(1))
    assert (units(first), following(first)) == ({"A": 2}, {"B": 1})
    assert (units(second), following(second)) == ({"B": 1}, {})
    assert (first.kind, first.carrier) == (NoticeKind.SHIPPED, "own-fleet")
    assert story.shipped(1).events == ()


# Cancelled


def test_a_cancelled_order_is_told_with_the_reason() -> None:
    story = Story().placed(("A", 2, 1000))
    [notice] = asked(story.tell(CancelOrder(cause=CancelReason.PAYMENT)))
    assert (notice.kind, notice.whole, notice.cancel_reason) == (NoticeKind.CANCELLED, True, CancelReason.PAYMENT)
    assert (units(notice), following(notice)) == ({"A": 2}, {})


def test_units_cancelled_by_policy_are_told_with_the_rest_that_still_comes() -> None:
    story = Story({"A": {"north": Availability(2, 5)}})
    [notice] = asked(story.tell(order(("A", 5, 1000), shortage=ShortagePolicy.CANCEL_LINE)))
    assert (notice.whole, notice.cancel_reason) == (False, CancelReason.OUT_OF_STOCK)
    assert (units(notice), following(notice)) == ({"A": 3}, {"A": 2})


def test_an_order_that_is_cancelled_line_by_line_is_told_once_as_cancelled() -> None:
    story = Story({"A": {}, "B": {}})
    [notice] = asked(story.tell(order(("A", 1, 100), ("B", 2, 100), shortage=ShortagePolicy.CANCEL_LINE)))
    assert (notice.whole, units(notice)) == (True, {"A": 1, "B": 2})


def test_claims_that_are_given_back_are_no_news() -> None:
    story = Story().released(("A", 2, 1000), ("B", 1, 500))
    story.tell(CancelOrder())
    assert asked(not_withdrawn(story)) == []


def test_a_cancel_that_several_nodes_answer_is_told_once_after_the_last() -> None:
    # given an order that two nodes work on
    story = Story(TWO_PLACES)
    story.released(("A", 2, 1000), ("B", 1, 500))
    # when it is cancelled, and one lets go and then the other
    assert asked(story.tell(CancelOrder())) == []
    assert asked(withdrawn(story, 0)) == []
    [notice] = asked(withdrawn(story, 1))
    # then the customer hears of it all at once
    assert (notice.whole, notice.cancel_reason, units(notice)) == (True, CancelReason.CUSTOMER, {"A": 2, "B": 1})


def test_as_many_units_that_each_of_two_nodes_lets_go_of_are_told_together() -> None:
    story = Story({"A": {"north": Availability(1, 40), "south": Availability(1, 40)}})
    story.released(("A", 2, 1000))
    story.tell(CancelOrder())
    withdrawn(story, 0)
    [notice] = asked(withdrawn(story, 1))
    assert units(notice) == {"A": 2}


def test_a_cancel_that_one_node_refuses_is_told_for_the_rest() -> None:
    story = Story(TWO_PLACES)
    story.released(("A", 2, 1000), ("B", 1, 500))
    story.tell(CancelOrder(cause=CancelReason.PAYMENT))
    withdrawn(story, 0)
    [notice] = asked(not_withdrawn(story, 1))
    assert (notice.whole, notice.cancel_reason) == (False, CancelReason.PAYMENT)
    assert (units(notice), following(notice)) == ({"A": 2}, {"B": 1})


# Changed


def changed(story: Story, **wish: Any) -> list[NoticeRequested]:
    """What the customer is told of a change that is proposed and confirmed."""
    assert asked(story.tell(ProposeChange(**wish))) == []
    return asked(story.tell(ConfirmChange(change="1")))


def test_a_changed_order_is_told_as_it_is_now_with_the_difference() -> None:
    # given an order of two lines, nothing of which a node has
    story = Story({}).placed(("A", 3, 1000), ("B", 2, 500))
    # when one line has a unit less, and another is added
    added = OrderLine(line="", sku="C", quantity=1, unit="each", amount=eur(900), ship_group="1")
    [notice] = changed(story, lines=(LineQuantity(line="1", quantity=2),), added=(added,))
    # then the customer is told once: what it is now, what it comes to, and how much more that is
    assert (notice.kind, units(notice), following(notice)) == (NoticeKind.CHANGED, {"A": 2, "B": 2, "C": 1}, {})
    assert (notice.total, notice.difference) == (eur(2066), eur(566))


def test_a_change_that_takes_units_away_is_told_as_a_change_and_not_as_a_cancel() -> None:
    story = Story({}).placed(("A", 3, 1000), ("B", 2, 500))
    [notice] = changed(story, lines=(LineQuantity(line="1", quantity=1),))
    assert (notice.kind, units(notice), notice.difference) == (NoticeKind.CHANGED, {"A": 1, "B": 2}, eur(-667))


def test_a_change_that_leaves_nothing_is_told_as_a_cancelled_order() -> None:
    story = Story({}).placed(("A", 3, 1000))
    [notice] = changed(story, lines=(LineQuantity(line="1", quantity=0),))
    assert (notice.kind, notice.whole, units(notice)) == (NoticeKind.CANCELLED, True, {})


# What becomes of a notice


def test_money_that_goes_back_is_told_with_what_it_is_for() -> None:
    story = paid(("A", 3, 1000))
    asks(story, claim(2))
    [notice] = asked(paid_back(story))
    assert (notice.kind, units(notice), notice.total, following(notice)) == (
        NoticeKind.REFUNDED,
        {"A": 2},
        eur(667),
        {},
    )
    asks(story, grant(100))
    [notice] = asked(paid_back(story, 2))
    assert (units(notice), notice.total) == ({}, eur(100))


SENT = RecordNoticeSent(notice="1", name="k.eml")
FOR_NOW = RecordNoticeRefused(notice="1", for_now=True, said="451 try again later")
FOR_GOOD = RecordNoticeRefused(notice="1", for_now=False, said="550 5.1.1 no such user")
IGNORED = NoticeOutcomeIgnored(notice="1")


def confirmed() -> Story:
    """An order whose confirmation was asked for."""
    return Story().released(("A", 2, 1000))


def passed(story: Story) -> Outcome:
    """The deadline of the first notice passes."""
    due = open_deadlines(ORDER, story.stream)["notice/1"]
    return story.later(due - story.log[-1][2]).tell(DeadlinePassed(name="notice/1", due=due))


def test_that_it_left_is_recorded_once() -> None:
    story = confirmed()
    story.tell(SENT).then(NoticeSent(notice="1", kind=NoticeKind.CONFIRMED, name="k.eml"))
    story.tell(SENT).then(IGNORED)
    story.tell(FOR_GOOD).then(IGNORED)


def test_the_same_report_by_the_door_is_one_and_another_outcome_of_the_same_intent_changes_nothing() -> None:
    story = confirmed()
    once = story.when(SENT, door="worker", message_id="m")
    assert [type(event) for event in once.events] == [NoticeSent]
    story.when(SENT, door="worker", message_id="m").then_nothing()
    story.when(FOR_GOOD, door="worker", message_id="m")
    assert not [event for event, _, _ in story.log if isinstance(event, NoticeFailed)]


def test_a_refusal_in_other_words_is_the_same_report() -> None:
    story = confirmed()
    story.when(FOR_GOOD, door="worker", message_id="m")
    other_words = FOR_GOOD.model_copy(update={"said": "550 5.1.1 user unknown (id 7)"})
    story.when(other_words, door="worker", message_id="m").then_nothing()


@pytest.mark.parametrize("reason", NotSentReason)
def test_that_there_is_nobody_to_tell_is_recorded_by_name(reason: NotSentReason) -> None:
    story = confirmed()
    nobody = NoticeNotSent(notice="1", kind=NoticeKind.CONFIRMED, reason=reason)
    story.tell(RecordNoticeNotSent(notice="1", reason=reason)).then(nobody)
    story.tell(SENT).then(IGNORED)


def test_one_that_is_refused_for_good_is_for_the_order_desk() -> None:
    story = confirmed()
    failed = NoticeFailed(
        notice="1",
        kind=NoticeKind.CONFIRMED,
        failure=NoticeFailure.REFUSED,
        said="550 5.1.1 no such user",
        owner="order_desk",
    )
    story.tell(FOR_GOOD).then(failed)
    story.tell(FOR_GOOD).then(IGNORED)
    assert "notice/1" not in open_deadlines(ORDER, story.stream)


def test_one_that_is_refused_for_now_is_asked_for_again_under_the_same_key_and_at_last_given_up() -> None:
    story = confirmed()
    [first] = told(story)
    for tries, wait in enumerate(TRY_AGAIN_AFTER, start=1):
        [delayed] = story.tell(FOR_NOW).events
        assert isinstance(delayed, NoticeDelayed)
        assert (delayed.tries, delayed.again_at - story.log[-1][2]) == (tries, wait)
        story.tell(FOR_NOW).then(IGNORED)
        passed(story).then(first.model_copy(update={"tries": tries + 1}))
    [failed] = story.tell(FOR_NOW).events
    assert isinstance(failed, NoticeFailed) and failed.failure is NoticeFailure.GAVE_UP


def test_one_that_was_refused_for_now_may_leave_after_all() -> None:
    story = confirmed()
    story.tell(FOR_NOW)
    due = open_deadlines(ORDER, story.stream)["notice/1"]
    assert isinstance(story.tell(SENT).events[0], NoticeSent)
    story.later(timedelta(days=1)).tell(DeadlinePassed(name="notice/1", due=due)).then_nothing()


def test_a_notice_of_an_order_that_has_ended_is_asked_for_again_too() -> None:
    story = Story().placed(("A", 2, 1000))
    story.tell(CancelOrder())
    story.tell(FOR_NOW)
    assert [notice.kind for notice in asked(passed(story))] == [NoticeKind.CANCELLED]


@pytest.mark.parametrize(
    "report", [RecordNoticeSent(notice="7", name="k"), RecordNoticeNotSent(notice="7", reason=NotSentReason.FORGOTTEN)]
)
def test_a_notice_that_was_never_asked_for_is_ignored_by_name(report: RecordNoticeSent | RecordNoticeNotSent) -> None:
    confirmed().tell(report).then(NoticeOutcomeIgnored(notice="7"))


# Sent again by a person

AGAIN = SendNoticeAgain(notice="1", detail="it went to the wrong folder")


def test_what_the_customer_was_told_is_told_again_by_a_notice_of_its_own() -> None:
    # given a confirmation that left
    story = confirmed()
    [first] = told(story)
    story.tell(SENT)
    # when somebody has it sent again
    [again] = asked(story.tell(AGAIN))
    # then it says the same under a number and a key of its own, of which notice it is, and why
    same = {"notice": "2", "key": provider_key(NAME, "notice", "2"), "again_of": "1", "detail": AGAIN.detail}
    assert again == first.model_copy(update=same)
    assert [(each["notice"], each["status"], each.get("again_of")) for each in order_view(story.stream)["notices"]] == [
        ("1", "sent", None),
        ("2", "asked", "1"),
    ]
    # and it has an outcome of its own
    story.tell(RecordNoticeSent(notice="2", name="k2.eml")).then(
        NoticeSent(notice="2", kind=NoticeKind.CONFIRMED, name="k2.eml")
    )


def test_news_that_is_still_to_be_told_is_told_all_the_same() -> None:
    # given an order at two nodes, of which a line that waited for goods was cancelled, as the customer was told
    story = Story({**TWO_PLACES, "C": {"north": Availability(0, 1)}})
    story.placed(("A", 2, 1000), ("B", 1, 500), ("C", 1, 100))
    story.reserved(0)
    story.reserved(1)
    story.queued(2)
    story.authorized()
    [cancelled] = asked(story.tell(CancelOrder(lines=(CancelLine(line="3"),))))
    story.tell(RecordNoticeSent(notice=cancelled.notice, name="k.eml"))
    # and one of the nodes let go of its work, which is told as soon as the other has answered
    story.tell(CancelOrder())
    assert asked(withdrawn(story, 0)) == []
    # when the first is sent again meanwhile, then it is about what it was about
    [again] = asked(story.tell(AGAIN.model_copy(update={"notice": cancelled.notice})))
    assert (again.kind, units(again), again.again_of) == (NoticeKind.CANCELLED, {"C": 1}, cancelled.notice)
    # and the other is told in its time
    [rest] = asked(not_withdrawn(story, 1))
    assert (units(rest), rest.again_of) == ({"A": 2}, None)


def test_one_that_failed_may_be_sent_again_also_of_an_order_that_has_ended() -> None:
    story = Story().placed(("A", 2, 1000))
    story.tell(CancelOrder())
    story.tell(FOR_GOOD)
    [again] = asked(story.tell(AGAIN))
    assert (again.kind, again.whole, again.again_of) == (NoticeKind.CANCELLED, True, "1")


def test_the_same_request_by_the_door_sends_it_again_once() -> None:
    story = confirmed()
    story.tell(SENT)
    story.when(AGAIN, door="http", message_id="m")
    story.when(AGAIN, door="http", message_id="m").then_nothing()
    assert [notice.notice for notice in told(story)] == ["1", "2"]


def test_what_cannot_be_sent_again_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(reason: NoticeAgainRefusal, notice: str = "1") -> NoticeAgainRefused:
        return NoticeAgainRefused(notice=notice, reason=reason)

    Story().tell(AGAIN).then(refused(NoticeAgainRefusal.UNKNOWN_ORDER))
    # while it is on its way, or is tried again later
    story = confirmed()
    story.tell(AGAIN).then(refused(NoticeAgainRefusal.ON_ITS_WAY))
    story.tell(FOR_NOW)
    story.tell(AGAIN).then(refused(NoticeAgainRefusal.ON_ITS_WAY))
    story.tell(SENT)
    story.tell(AGAIN.model_copy(update={"notice": "9"})).then(refused(NoticeAgainRefusal.UNKNOWN_NOTICE, "9"))
    # and more often than a customer wants to hear of it
    monkeypatch.setattr(notice_content, "AGAIN_MAX", 1)
    assert asked(story.tell(AGAIN))
    story.tell(AGAIN).then(refused(NoticeAgainRefusal.TOO_MANY))
