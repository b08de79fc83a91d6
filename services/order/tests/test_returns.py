"""Which units of an order may come back, who decides, and what becomes of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.decider import Context
from chassis.stream import open_deadlines
from chassis.testing import Outcome
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import (
    CancelReturn,
    Disposition,
    InspectedItem,
    MatchedUnits,
    OpenReturn,
    Postage,
    ReturnCancelCause,
    ReturnCancelled,
    ReturnClosed,
    ReturnedItem,
    ReturnInspected,
    ReturnMatched,
    ReturnOpened,
    ReturnReason,
    ReturnReceived,
    ReturnRefusal,
    ReturnRefused,
    ReturnReopened,
    ReturnSent,
)
from contracts.ids import aggregate_id, stream
from contracts.message import Event, Message
from contracts.order import (
    ApproveReturn,
    Bucket,
    DeclineReturn,
    Move,
    NoticeKind,
    NoticeRequested,
    OrderLine,
    RequestReturn,
    ReturnApproved,
    ReturnChangeRefusal,
    ReturnChangeRefused,
    ReturnDecider,
    ReturnDeclined,
    ReturnDenial,
    ReturnExpired,
    ReturnQuestion,
    ReturnRequested,
    ReturnUnitsInspected,
    ReturnUnitsReceived,
    ReturnWish,
    ReturnWithdrawn,
    StepUnanswered,
    UnitRange,
    WithdrawReturn,
)
from contracts.shipping import Delivered
from services.order import return_answers
from services.order.order import OrderStatus, moved, status
from services.order.return_policy import DECIDE_WITHIN, GOODS_WITHIN, INSPECT_WITHIN, POLICIES
from services.order.return_state import ReturnState
from services.order.stream import ORDER
from services.order.tests.story import NAME, ORDER_ID, TENANT, Story, eur, kinds, messages, units_of
from services.order.views import order_view
from services.order.waiting import waiting

RETURN_ID = aggregate_id(TENANT, "return", ORDER_ID, "1")
RETURN = stream("return", RETURN_ID)
PAID = ["ReturnUnitsInspected", "RefundGranted", "ReturnReckoned"]
"""What comes of units that somebody looked at."""

RESTOCK, SCRAP, MISSING = Disposition.RESTOCK, Disposition.SCRAP, Disposition.MISSING
DAY = timedelta(days=1)
STANDARD = POLICIES["standard"]


def complete(quantity: int = 3, delivered: bool = False, **more: Any) -> Story:
    """An order of one line that left whole, and is paid for."""
    line = OrderLine(line="1", sku="A", quantity=quantity, unit="each", amount=eur(900), ship_group="1", **more)
    story = Story().released(("A", quantity, 900), lines=(line,)).until_handed_over()
    story.shipped()
    story.captured(900)
    if delivered:
        (package,) = story.view.fulfillment.works[story.work()].packages
        event = Delivered(
            order_id=ORDER_ID, fulfillment_order=story.work(), package=package, occurred_at=story._now, outstanding=0
        )
        story.tell(event, subject=story.shipment())
    return story


def wish(
    quantity: int = 2, reason: ReturnReason = ReturnReason.DID_NOT_FIT, line: str = "1", **more: Any
) -> RequestReturn:
    return RequestReturn(lines=(ReturnWish(line=line, quantity=quantity, reason=reason),), **more)


def ask(story: Story, message: Message) -> Outcome:
    return story.tell(message, door="http")


def goods(story: Story, answer: Message) -> Outcome:
    """Fulfillment says this of the return."""
    return story.tell(answer, subject=RETURN)


def opened(story: Story) -> Outcome:
    return goods(story, ReturnOpened(tenant=TENANT, return_id=RETURN_ID, order_id=ORDER_ID, number=1))


def received(story: Story, quantity: int = 2, line: str | None = "1", document: str = "b1") -> Outcome:
    items = (ReturnedItem(line=line, sku="A", quantity=quantity),)
    return goods(story, ReturnReceived(location="north", document=document, items=items, expected=0))


def inspected(
    story: Story, quantity: int = 2, disposition: Disposition = RESTOCK, document: str = "i1", **more: Any
) -> Outcome:
    items = (InspectedItem(line="1", sku="A", quantity=quantity, disposition=disposition, **more),)
    return goods(story, ReturnInspected(location="north", document=document, items=items, open_units=0))


def closed(story: Story) -> Outcome:
    return goods(story, ReturnClosed(inspected=()))


def approved(quantity: int = 2, **more: Any) -> Story:
    """A complete order of which so many units may come back."""
    story = complete(**more)
    ask(story, wish(quantity))
    opened(story)
    return story


def late(story: Story, name: str) -> Outcome:
    """The deadline of this name passes."""
    due = open_deadlines(ORDER, story.stream)[name]
    return story.at(due).when(DeadlinePassed(name=name, due=due), needed=story.stock)


def denials(outcome: Outcome) -> list[tuple[str, ReturnDenial]]:
    [event] = outcome.events
    assert isinstance(event, ReturnDeclined)
    return [(line.line, line.denial) for line in event.lines]


def told(outcome: Outcome) -> list[Event]:
    """What happened; what the customer is told of it is specified below."""
    return [event for event in outcome.events if not isinstance(event, NoticeRequested)]


def refusal(outcome: Outcome) -> ReturnChangeRefusal:
    [event] = outcome.events
    assert isinstance(event, ReturnChangeRefused)
    return event.reason


def state(story: Story) -> ReturnState:
    return story.view.returns.returns["1"].state


# The wish


def test_what_the_policy_allows_is_approved_and_told_to_the_nodes() -> None:
    # given an order that is complete
    story = complete(3)
    # when two of its three units are to come back
    outcome = ask(story, wish(2, label=True))
    # then the policy approves, names the units and says who pays
    requested, agreed = told(outcome)
    assert isinstance(requested, ReturnRequested) and isinstance(agreed, ReturnApproved)
    assert requested.lines[0].ranges == (UnitRange(from_unit=0, to_unit=2),)
    assert (requested.postage, requested.return_id, agreed.by) == (Postage.DEDUCTED, RETURN_ID, ReturnDecider.POLICY)
    assert units_of(story) == {Bucket.FULFILLED: 1, Bucket.RETURN_REQUESTED: 2}
    [send] = outcome.sent
    assert isinstance(send.message, OpenReturn) and (send.service, send.stream) == ("fulfillment", RETURN)
    assert send.message.expires_at == agreed.goods_by
    assert kinds(opened(story)) == ["ReturnListed"]
    opened(story).then_nothing()


def test_no_unit_is_in_two_returns_and_what_has_not_left_is_in_none() -> None:
    story = complete(3)
    ask(story, wish(2))
    [event] = told(ask(story, wish(2)))
    assert isinstance(event, ReturnDeclined)
    assert (event.lines[0].denial, event.lines[0].most) == (ReturnDenial.NOT_WITH_CUSTOMER, 1)
    requested = told(ask(story, wish(1)))[0]
    assert isinstance(requested, ReturnRequested)
    assert (requested.number, requested.lines[0].ranges) == (2, (UnitRange(from_unit=2, to_unit=3),))
    assert denials(ask(Story().released(("A", 2, 1000)), wish(1))) == [("1", ReturnDenial.NOT_WITH_CUSTOMER)]


@pytest.mark.parametrize("reason", [ReturnReason.DID_NOT_FIT, ReturnReason.DEFECTIVE])
@pytest.mark.parametrize("days", [0, 29, 31, 50, 800])
def test_the_window_counts_from_when_goods_left_or_arrived(reason: ReturnReason, days: int) -> None:
    story = complete(2).later(days * DAY)
    outcome = ask(story, wish(1, reason))
    first = told(outcome)[0]
    if reason is ReturnReason.DEFECTIVE:
        assert isinstance(first, ReturnRequested if days < 730 else ReturnDeclined)
        return
    if days < 30:
        assert isinstance(first, ReturnRequested) and first.approved
    elif days < 44:
        assert isinstance(first, ReturnRequested) and first.lines[0].question is ReturnQuestion.LATE
    else:
        assert denials(outcome) == [("1", ReturnDenial.TOO_LATE)]


def test_what_arrived_later_may_come_back_later() -> None:
    story = complete(2).later(20 * DAY)
    (package,) = story.view.fulfillment.works[story.work()].packages
    arrived = Delivered(
        order_id=ORDER_ID, fulfillment_order=story.work(), package=package, occurred_at=story._now, outstanding=0
    )
    story.tell(arrived, subject=story.shipment())
    story.later(20 * DAY)
    assert kinds(ask(story, wish(1))) == ["ReturnRequested", "ReturnApproved"]
    assert units_of(story) == {Bucket.DELIVERED: 1, Bucket.RETURN_REQUESTED: 1}


def test_what_was_sold_for_good_comes_back_only_if_we_are_at_fault() -> None:
    story = complete(2, final_sale=True)
    assert denials(ask(story, wish(1))) == [("1", ReturnDenial.FINAL_SALE)]
    requested = told(ask(story, wish(1, ReturnReason.WRONG_ITEM)))[0]
    assert isinstance(requested, ReturnRequested) and requested.postage is Postage.OURS


def test_a_line_has_its_own_rules_by_name() -> None:
    story = complete(2, return_policy="electronics").later(20 * DAY)
    requested = told(ask(story, wish(1)))[0]
    assert isinstance(requested, ReturnRequested)
    [line] = requested.lines
    assert (line.policy, line.restocking, line.question) == ("electronics", 1_500, ReturnQuestion.LATE)


def test_a_wish_is_taken_whole_or_not_at_all_and_says_of_every_line_why_not() -> None:
    story = complete(2)
    two = RequestReturn(
        lines=(
            ReturnWish(line="9", quantity=1, reason=ReturnReason.OTHER),
            ReturnWish(line="1", quantity=1, reason=ReturnReason.OTHER),
            ReturnWish(line="1", quantity=1, reason=ReturnReason.OTHER),
        )
    )
    twice = ReturnDenial.LISTED_TWICE
    assert denials(ask(story, two)) == [("9", ReturnDenial.UNKNOWN_LINE), ("1", twice), ("1", twice)]
    assert units_of(story) == {Bucket.FULFILLED: 2}
    assert denials(ask(Story(), wish(1))) == [("1", ReturnDenial.UNKNOWN_LINE)]


# What people decide


def test_a_person_makes_an_exception() -> None:
    story = complete(2)
    [requested] = told(ask(story, wish(1, ReturnReason.OTHER)).sends())
    assert isinstance(requested, ReturnRequested) and not requested.approved
    found = waiting(NAME, story.log)
    assert found is not None and "somebody to decide" in found.sentence
    assert messages(ask(story, ApproveReturn(number=1, detail="fine"))) == ["OpenReturn"]
    assert refusal(ask(story, ApproveReturn(number=1))) is ReturnChangeRefusal.NOT_ASKED
    assert refusal(ask(story, DeclineReturn(number=2, detail="x"))) is ReturnChangeRefusal.UNKNOWN_RETURN
    assert refusal(ask(Story(), WithdrawReturn(number=1))) is ReturnChangeRefusal.UNKNOWN_ORDER


def test_or_does_not_and_the_units_stay_where_they_were() -> None:
    story = complete(2, delivered=True)
    ask(story, wish(1, ReturnReason.OTHER))
    [event] = told(ask(story, DeclineReturn(number=1, detail="it was worn")).sends())
    assert isinstance(event, ReturnDeclined) and event.by is ReturnDecider.PERSON
    assert units_of(story) == {Bucket.DELIVERED: 2}


def test_silence_makes_no_exception() -> None:
    story = complete(2)
    ask(story, wish(1, ReturnReason.OTHER))
    before = story._now
    [event] = told(late(story, "return_decision/1"))
    assert isinstance(event, ReturnDeclined) and event.by is ReturnDecider.SILENCE
    assert story._now == before + DECIDE_WITHIN
    assert units_of(story) == {Bucket.FULFILLED: 2}


def test_the_customer_keeps_the_goods_until_they_have_come() -> None:
    story = complete(2)
    ask(story, wish(1))
    # before the nodes have answered, and afterwards of another
    outcome = ask(story, WithdrawReturn(number=1))
    [event] = outcome.events
    assert isinstance(event, ReturnWithdrawn)
    assert [send.message for send in outcome.sent] == [CancelReturn(cause=ReturnCancelCause.WITHDRAWN)]
    goods(story, ReturnCancelled(cause=ReturnCancelCause.WITHDRAWN, seen=True)).then_nothing()
    assert refusal(ask(story, WithdrawReturn(number=1))) is ReturnChangeRefusal.TOO_LATE
    assert units_of(story) == {Bucket.FULFILLED: 2}
    story = approved()
    assert messages(ask(story, WithdrawReturn(number=1))) == ["CancelReturn"]


# Goods


def test_goods_come_in_parts_and_are_looked_at_unit_by_unit() -> None:
    story = approved(delivered=True)
    sent = ReturnSent(document="s1", carrier="own-fleet", tracking_number="T1")
    assert kinds(goods(story, sent)) == ["ReturnOnItsWay"]
    [event] = told(received(story, 1))
    assert isinstance(event, ReturnUnitsReceived)
    assert event.lines[0].ranges == (UnitRange(from_unit=0, to_unit=1),)
    received(story, 1, document="b2")
    goods(story, sent).then_nothing()
    assert refusal(ask(story, WithdrawReturn(number=1))) is ReturnChangeRefusal.TOO_LATE
    assert units_of(story) == {Bucket.DELIVERED: 1, Bucket.RETURNED: 2}
    found = waiting(NAME, story.log)
    assert found is not None and "somebody to look at what came" in found.sentence
    assert kinds(inspected(story, 1)) == PAID
    assert kinds(inspected(story, 1, SCRAP, "i2")) == PAID
    assert kinds(closed(story)) == ["ReturnCompleted"]
    closed(story).then_nothing()
    assert status(story.view.order) is OrderStatus.PARTLY_RETURNED
    [shown] = order_view(story.stream)["returns"]
    assert (shown["state"], shown["lines"][0]["inspected"]) == ("completed", {"restock": 1, "scrap": 1})
    found = waiting(NAME, story.log)
    assert found is not None
    assert all(wait.key.startswith("refund/") for wait, _ in found.waits)


def test_an_order_of_which_all_came_back_is_returned() -> None:
    story = approved(3)
    received(story, 3)
    inspected(story, 3)
    closed(story)
    assert status(story.view.order) is OrderStatus.RETURNED


def test_what_is_missing_when_the_box_is_opened_is_still_the_customer_s_and_found_it_is_not() -> None:
    story = approved(delivered=True)
    received(story)
    [event] = told(inspected(story, 1, MISSING))
    assert isinstance(event, ReturnUnitsInspected) and event.lines[0].lost is None
    assert units_of(story) == {Bucket.DELIVERED: 2, Bucket.RETURNED: 1}
    inspected(story, 1, RESTOCK, "i2", instead_of=MISSING, reason="under the paper")
    assert units_of(story) == {Bucket.DELIVERED: 1, Bucket.RETURNED: 2}
    # what is lost with us once it was taken back is our loss
    inspected(story, 1, RESTOCK, "i3")
    [event] = told(inspected(story, 1, MISSING, "i4", instead_of=RESTOCK, reason="stolen"))
    assert isinstance(event, ReturnUnitsInspected) and event.lines[0].lost
    assert units_of(story) == {Bucket.DELIVERED: 1, Bucket.RETURNED: 2}
    inspected(story, 1, SCRAP, "i5", instead_of=SCRAP).then_nothing()


def test_units_that_are_found_in_two_rows_of_a_document_are_taken_once_from_where_they_were() -> None:
    # given two units that were missing, of which one was delivered
    story = approved()
    received(story)
    inspected(story, 2, MISSING)
    one = Move(line="1", quantity=1, source=Bucket.FULFILLED, target=Bucket.DELIVERED)
    state = story.view._replace(order=moved(story.view.order, (one,)))
    rows = (
        InspectedItem(line="1", sku="A", quantity=1, disposition=said, instead_of=MISSING, reason="found")
        for said in (RESTOCK, SCRAP)
    )
    found = ReturnInspected(location="north", document="i2", items=tuple(rows), open_units=0)
    # when both are found, then each leaves the place where it was
    context = Context(story._now, TENANT, NAME, "m", RETURN, NAME)
    [seen] = return_answers.decide[ReturnInspected](found, state, context)
    assert [(each.quantity, each.source) for each in seen.moves] == [(1, Bucket.DELIVERED), (1, Bucket.FULFILLED)]


def test_what_does_not_come_stays_with_the_customer_and_is_taken_should_it_come_later() -> None:
    story = approved()
    received(story, 1)
    inspected(story, 1)
    closed(story)
    assert units_of(story) == {Bucket.FULFILLED: 2, Bucket.RETURNED: 1}
    assert kinds(goods(story, ReturnReopened(detail="a second box"))) == ["ReturnResumed"]
    received(story, 1, document="b2")
    assert units_of(story) == {Bucket.FULFILLED: 1, Bucket.RETURNED: 2}


def test_what_came_beyond_what_was_announced_is_nobody_s_yet() -> None:
    story = approved()
    [event] = told(received(story, 3))
    assert isinstance(event, ReturnUnitsReceived) and event.beyond == 1
    [event] = told(received(story, 1, None, "b2"))
    assert isinstance(event, ReturnUnitsReceived) and (event.beyond, event.lines) == (1, ())
    assert units_of(story) == {Bucket.FULFILLED: 1, Bucket.RETURNED: 2}


def test_goods_that_never_come_are_not_waited_for() -> None:
    story = approved(delivered=True)
    outcome = late(story, "return_goods/1")
    unanswered, expired = told(outcome)
    assert isinstance(unanswered, StepUnanswered) and isinstance(expired, ReturnExpired)
    assert [send.message for send in outcome.sent] == [CancelReturn(cause=ReturnCancelCause.EXPIRED)]
    assert units_of(story) == {Bucket.DELIVERED: 3}
    # they come after all
    received(story, 1)
    assert units_of(story) == {Bucket.DELIVERED: 2, Bucket.RETURNED: 1}


def test_the_rest_of_what_came_in_part_is_not_waited_for_either() -> None:
    story = approved()
    received(story, 1)
    inspected(story, 1)
    found = waiting(NAME, story.log)
    assert found is not None and any("the rest to come back" in wait.what for wait, _ in found.waits)
    outcome = late(story, "return_goods/1")
    assert [type(event).__name__ for event in told(outcome)] == ["StepUnanswered", "ReturnExpired"]
    assert messages(outcome) == ["CancelReturn"]
    assert units_of(story) == {Bucket.FULFILLED: 2, Bucket.RETURNED: 1}
    assert state(story) is ReturnState.RECEIVED
    assert kinds(closed(story)) == ["ReturnCompleted"]


def test_nodes_that_do_not_answer_are_asked_again_and_then_somebody_has_to_look() -> None:
    story = complete(2)
    ask(story, wish(1))
    for _ in range(2):
        outcome = late(story, "open_return/1")
        assert (kinds(outcome), messages(outcome)) == (["StepAskedAgain"], ["OpenReturn"])
    assert kinds(late(story, "open_return/1")) == ["StepUnanswered"]
    assert kinds(opened(story)) == ["ReturnListed"]


def test_what_nobody_looks_at_is_shown() -> None:
    story = approved()
    received(story)
    before = story._now
    assert kinds(late(story, "inspect_return/1")) == ["StepUnanswered"]
    assert story._now == before + INSPECT_WITHIN
    assert kinds(inspected(story)) == PAID


def test_a_deadline_that_nobody_waits_for_any_more_changes_nothing() -> None:
    story = approved()
    due = story._now + GOODS_WITHIN
    received(story)
    for name in ("return_goods/1", "return_decision/1", "return_goods/7"):
        story.tell(DeadlinePassed(name=name, due=due)).then_nothing()


def test_what_the_nodes_cannot_take_comes_to_nothing() -> None:
    story = complete(2)
    ask(story, wish(1))
    refused = ReturnRefused(step="OpenReturn", reason=ReturnRefusal.EXISTS)
    [event] = told(goods(story, refused))
    assert isinstance(event, ReturnDeclined) and event.by is ReturnDecider.FULFILLMENT
    assert units_of(story) == {Bucket.FULFILLED: 2}
    goods(story, refused).then_nothing()


def test_goods_that_had_come_before_anybody_knew_whose_they_were() -> None:
    story = complete(3)
    blind = aggregate_id(TENANT, "return", "unannounced", "north", "b1")
    requested = told(ask(story, wish(3, matches=blind)))[0]
    assert isinstance(requested, ReturnRequested) and requested.return_id == blind
    unit: dict[str, Any] = {"line": "1", "sku": "A", "unit": "each", "quantity": 1}
    matched = ReturnMatched(
        order_id=ORDER_ID,
        number=1,
        lines=(),
        postage=Postage.CUSTOMERS,
        units=(
            MatchedUnits(**unit, location="north", disposition=RESTOCK),
            MatchedUnits(**unit, location="north", disposition=MISSING),
            MatchedUnits(**unit, location="south"),
        ),
    )
    outcome = story.tell(matched, subject=stream("return", blind))
    assert kinds(outcome) == ["ReturnListed", "ReturnUnitsReceived", "ReturnUnitsReceived", *PAID]
    assert units_of(story) == {Bucket.FULFILLED: 1, Bucket.RETURNED: 2}
    story.tell(matched, subject=stream("return", blind)).then_nothing()
    assert denials(ask(story, wish(1, matches=blind))) == [("1", ReturnDenial.MATCHED)]


BLIND = aggregate_id(TENANT, "return", "unannounced", "north", "b1")


def test_goods_that_came_without_their_return_take_its_place_so_that_no_unit_is_in_two() -> None:
    # given three units, of which two are announced, and a box of all three that names no return
    story = approved(2)
    # when it is said whose they are
    outcome = ask(story, wish(3, matches=BLIND))
    # then the one return comes to nothing, at the nodes too, and all three are in the other
    withdrawn, requested, _ = told(outcome)
    assert isinstance(withdrawn, ReturnWithdrawn) and withdrawn.number == 1
    assert isinstance(requested, ReturnRequested) and requested.lines[0].ranges == (UnitRange(from_unit=0, to_unit=3),)
    assert messages(outcome) == ["CancelReturn", "OpenReturn"]
    assert units_of(story) == {Bucket.RETURN_REQUESTED: 3}
    assert state(story) is ReturnState.WITHDRAWN


def test_a_return_stays_as_long_as_other_units_are_enough_or_some_of_it_came() -> None:
    story = approved(2)
    assert kinds(ask(story, wish(1, matches=BLIND)))[0] == "ReturnRequested"
    # of one that came in part nothing is taken, and nobody asks for units of it without goods that came
    other = approved(2)
    assert denials(ask(other, wish(2))) == [("1", ReturnDenial.NOT_WITH_CUSTOMER)]
    received(other, 1)
    assert denials(ask(other, wish(2, matches=BLIND))) == [("1", ReturnDenial.NOT_WITH_CUSTOMER)]
    # nor is anything withdrawn where there are not that many units
    third = approved(2)
    assert denials(ask(third, wish(4, matches=BLIND))) == [("1", ReturnDenial.NOT_WITH_CUSTOMER)]
    assert state(third) is ReturnState.APPROVED


def test_what_is_said_of_a_return_of_no_order_of_ours_changes_nothing() -> None:
    story = complete(2)
    for answer in (opened, received, inspected, closed):
        answer(story).then_nothing()
    goods(story, ReturnReopened(detail="x")).then_nothing()
    goods(story, ReturnSent(document="s")).then_nothing()


def test_the_customer_hears_that_goods_may_come_and_that_they_came() -> None:
    story = complete(3)
    [notice] = [event for event in ask(story, wish(2, label=True)).events if isinstance(event, NoticeRequested)]
    assert (notice.kind, notice.postage, notice.following) == (NoticeKind.RETURN_APPROVED, Postage.DEDUCTED, ())
    assert [(line.sku, line.quantity) for line in notice.lines] == [("A", 2)]
    opened(story)
    [notice] = [event for event in received(story, 1).events if isinstance(event, NoticeRequested)]
    assert (notice.kind, [line.quantity for line in notice.lines]) == (NoticeKind.RETURN_RECEIVED, [1])
    # what is not the order's is nothing to tell
    assert not any(isinstance(event, NoticeRequested) for event in received(story, 1, None, "b2").events)
