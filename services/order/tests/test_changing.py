"""Changing an order: a proposal shows what it comes to, a confirmed one is done whole, and a refused one leaves all as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.testing import DAWN, Outcome
from contracts.address import Area, ShipTo
from contracts.chassis import DeadlinePassed
from contracts.inventory import ClaimStock, KitComponent
from contracts.message import Message
from contracts.money import Charge, ChargeKind, Money, Tender, TenderMethod
from contracts.order import (
    Bucket,
    CancelLine,
    CancelOrder,
    ChangeDeclined,
    ChangeEnd,
    ChangeProposed,
    ChangeRefusal,
    ChangeRefused,
    ConfirmChange,
    DeclineChange,
    GroupChange,
    LineQuantity,
    LinesAdded,
    OrderChanged,
    OrderLine,
    ProposeChange,
    RelatesTo,
    RelationKind,
    ShipGroup,
    ShipMethod,
    ShortagePolicy,
    StepUnanswered,
)
from contracts.payments import AuthorizeMore, CancelIncrease, DeclineReason, IncreaseDeclined, PaymentIncreased
from contracts.payments.invoices import IssueInvoice
from contracts.personal import Personal
from services.order.changing import PAID_WITHIN
from services.order.kits import Kit, kit_key
from services.order.order import OrderStatus, due, evolve, status
from services.order.reservation_saga import STEPS
from services.order.sourcing import Availability
from services.order.tests.story import (
    ORDER_ID,
    PAYMENT,
    Story,
    authorization_of,
    capture_of,
    eur,
    kinds,
    messages,
    units_of,
)

TWO_LINES = (("A", 3, 1000), ("B", 2, 500))
PARCEL = (Charge(kind=ChargeKind.SHIPPING, amount=eur(490), tax_included=True),)
ELSEWHERE = ShipTo(area=Area(country="FR"), personal=Personal(subject="s2", ciphertext="c2VhbGVk"))


def line(sku: str = "B", quantity: int = 1, amount: int = 250, **more: Any) -> OrderLine:
    """A line that is to be added."""
    fields: dict[str, Any] = {"line": "", "sku": sku, "quantity": quantity, "unit": "each", "amount": eur(amount)}
    return OrderLine(**{**fields, "ship_group": "1", **more})


def propose(story: Story, **wish: Any) -> ChangeProposed:
    """A change is proposed, and shown."""
    outcome = story.tell(ProposeChange(**wish))
    found = outcome.events[-1]
    assert isinstance(found, ChangeProposed), found
    assert messages(outcome) == []
    return found


def confirm(story: Story, change: str = "1") -> Outcome:
    return story.tell(ConfirmChange(change=change))


def refusal(outcome: Outcome) -> tuple[ChangeRefusal, str | None]:
    [event] = [event for event in outcome.events if isinstance(event, ChangeRefused)]
    return event.reason, event.detail


def sent(outcome: Outcome, kind: type[Message]) -> list[Any]:
    return [send.message for send in outcome.sent if isinstance(send.message, kind)]


def secured(story: Story) -> Outcome:
    """Payments secured what a change costs more."""
    asked = story.view.changes.increase
    assert asked is not None
    answer = PaymentIncreased(order_id=ORDER_ID, increase=asked.change, amount=asked.amount, authorizations=())
    return story.tell(answer, subject=PAYMENT)


def waiting_for_money() -> Story:
    """An order of which all is reserved, and payments is asked."""
    story = Story().placed(*TWO_LINES)
    story.reserved(0)
    story.reserved(1)
    return story


def confirmed(**more: Any) -> Story:
    """An order that is confirmed and held before its goods go to a node."""
    story = Story().placed(*TWO_LINES, ship_not_before=DAWN + timedelta(days=1), **more)
    story.reserved(0)
    story.reserved(1)
    story.authorized()
    return story


# The proposal


def test_a_proposal_shows_what_it_comes_to_and_does_nothing() -> None:
    # given an order of 15.00
    story = Story().placed(*TWO_LINES)
    # when one unit less of the first line, one more of the second and another article are proposed
    found = propose(
        story,
        lines=(LineQuantity(line="1", quantity=2), LineQuantity(line="2", quantity=3)),
        added=(line("A", 1, 400),),
    )
    # then the units come off the top, the unit that is added costs its part, and lines have ids of ours
    assert [(each.line, each.quantity) for each in found.cancelled] == [("1", 1)]
    assert [(each.line, each.sku, each.quantity, each.amount.amount, each.added_by) for each in found.lines] == [
        ("3", "B", 1, 250, "1"),
        ("4", "A", 1, 400, "1"),
    ]
    assert found.lines[0].relates_to == RelatesTo(kind=RelationKind.MORE_OF, line="2")
    after = 666 + 500 + 250 + 400
    assert (found.before, found.after, found.difference) == (eur(1500), eur(after), eur(after - 1500))
    assert [(tender.method, tender.amount) for tender in found.tenders] == [(TenderMethod.INVOICE, eur(after - 1500))]
    assert found.expires == DAWN + timedelta(hours=24)
    # and nothing is done
    assert due(story.view.order) == 1500
    assert units_of(story) == {Bucket.ORDERED: 3}


def test_what_a_unit_more_costs_may_be_said() -> None:
    found = propose(Story().placed(*TWO_LINES), lines=(LineQuantity(line="1", quantity=5, amount=eur(500)),))
    assert [each.amount for each in found.lines] == [eur(500)]
    assert found.difference == eur(500)


def test_another_proposal_takes_the_place_of_an_open_one() -> None:
    story = Story().placed(*TWO_LINES)
    propose(story, added=(line(),))
    outcome = story.tell(ProposeChange(added=(line(),)))
    assert kinds(outcome) == ["ChangeDeclined", "ChangeProposed"]
    assert isinstance(outcome.events[0], ChangeDeclined) and outcome.events[0].end is ChangeEnd.REPLACED
    assert refusal(confirm(story, "1"))[0] is ChangeRefusal.UNKNOWN_CHANGE
    assert story.view.changes.proposed is not None
    assert kinds(confirm(story, "2"))[-1] == "OrderChanged"


def test_declined_or_forgotten_nothing_comes_of_it() -> None:
    story = Story().placed(*TWO_LINES)
    found = propose(story, added=(line(),))
    story.tell(DeclineChange(change="1", detail="too dear")).then(
        ChangeDeclined(change="1", end=ChangeEnd.DECLINED, detail="too dear")
    )
    assert refusal(story.tell(DeclineChange(change="1")))[0] is ChangeRefusal.UNKNOWN_CHANGE
    found = propose(story, added=(line(),))
    passed = story.later(timedelta(hours=24)).tell(DeadlinePassed(name="change/2", due=found.expires))
    passed.then(ChangeDeclined(change="2", end=ChangeEnd.EXPIRED))
    story.tell(DeadlinePassed(name="change/2", due=found.expires)).then_nothing()
    assert due(story.view.order) == 1500


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({}, ChangeRefusal.NOTHING_CHANGES),
        ({"lines": (LineQuantity(line="1", quantity=3),)}, ChangeRefusal.NOTHING_CHANGES),
        ({"lines": (LineQuantity(line="9", quantity=1),)}, ChangeRefusal.UNKNOWN_LINE),
        ({"added": (line(ship_group="9"),)}, ChangeRefusal.UNKNOWN_GROUP),
        ({"added": (line(quantity=0),)}, ChangeRefusal.INCOMPLETE),
        ({"added": (line(amount=0, sku=""),)}, ChangeRefusal.INCOMPLETE),
        (
            {"added": (line().model_copy(update={"amount": Money(amount=1, currency="USD")}),)},
            ChangeRefusal.WRONG_CURRENCY,
        ),
        ({"groups": (GroupChange(group="9"),)}, ChangeRefusal.UNKNOWN_GROUP),
        ({"groups": (GroupChange(group="1", method=ShipMethod.DIGITAL),)}, ChangeRefusal.UNSUPPORTED_METHOD),
        ({"groups": (GroupChange(group="1", method=ShipMethod.PICKUP),)}, ChangeRefusal.INCOMPLETE),
        (
            {"groups": (GroupChange(group="1", ship_to=ELSEWHERE, address_missing=("city",)),)},
            ChangeRefusal.INCOMPLETE,
        ),
        (
            {"added": (line(),), "tenders": (Tender(method=TenderMethod.INVOICE, amount=eur(1)),)},
            ChangeRefusal.NOT_PAID,
        ),
    ],
)
def test_a_change_that_makes_no_order_is_refused(wish: dict[str, Any], reason: ChangeRefusal) -> None:
    assert refusal(Story().placed(*TWO_LINES).tell(ProposeChange(**wish)))[0] is reason


def test_of_no_order_and_of_one_that_has_ended_nothing_is_changed() -> None:
    assert refusal(Story().tell(ProposeChange(added=(line(),))))[0] is ChangeRefusal.UNKNOWN_ORDER
    story = Story().placed(*TWO_LINES)
    story.tell(CancelOrder())
    assert refusal(story.tell(ProposeChange(added=(line(),))))[0] is ChangeRefusal.CLOSED
    assert refusal(confirm(story))[0] is ChangeRefusal.CLOSED


def test_what_a_channel_took_the_money_for_does_not_pay_for_more() -> None:
    tender = Tender(method=TenderMethod.EXTERNAL, amount=eur(1500))
    story = Story().placed(*TWO_LINES, tenders=(tender,))
    assert refusal(story.tell(ProposeChange(added=(line(),)))) == (
        ChangeRefusal.NOT_PAID,
        "say in `tenders` how the difference is paid",
    )
    more = Tender(method=TenderMethod.INVOICE, amount=eur(250))
    assert propose(story, added=(line(),), tenders=(more,)).tenders == (more,)


# Doing it


def test_before_its_money_is_asked_for_a_change_is_done_at_once_and_paid_for_with_the_rest() -> None:
    story = Story().placed(*TWO_LINES)
    propose(story, lines=(LineQuantity(line="1", quantity=2),), added=(line("B", 1, 400),))
    outcome = confirm(story)
    assert kinds(outcome)[:3] == ["LinesCancelled", "LinesAdded", "OrderChanged"]
    changed = outcome.events[2]
    assert isinstance(changed, OrderChanged)
    assert (changed.version, changed.total, changed.difference) == (1, eur(666 + 500 + 400), eur(66))
    story.reserved(1)
    for sequence in range(2, len(story.view.reservation.claims)):
        asked = story.reserved(sequence)
    assert authorization_of(asked).amount == eur(1566)
    assert [tender.amount for tender in authorization_of(asked).tenders] == [eur(1500), eur(66)]
    story.authorized()
    assert units_of(story) == {Bucket.RELEASED: 2, Bucket.CANCELLED: 1}
    assert units_of(story, "3") == {Bucket.RELEASED: 1}


def test_once_its_money_is_asked_for_the_difference_is_secured_before_anything_is_done() -> None:
    # given an order whose money is secured
    story = confirmed()
    propose(story, added=(line("B", 2, 600),))
    # when a dearer one is confirmed
    outcome = confirm(story)
    # then payments is asked for the difference, and nothing is done yet
    assert kinds(outcome) == ["IncreaseRequested"]
    [asked] = sent(outcome, AuthorizeMore)
    assert (asked.increase, asked.amount) == ("1", eur(600))
    assert [tender.amount for tender in asked.tenders] == [eur(0), eur(600)]
    assert "3" not in story.view.order.lines
    # when it is secured
    done = secured(story)
    # then it is done, and its units are claimed
    assert kinds(done)[:3] == ["IncreaseRecorded", "LinesAdded", "OrderChanged"]
    assert [claim.quantity for claim in sent(done, ClaimStock)] == [2]
    story.reserved(2)
    assert units_of(story, "3") == {Bucket.RESERVED: 2}
    assert due(story.view.order) == 2100


def test_a_declined_difference_leaves_all_as_it_was() -> None:
    story = confirmed()
    propose(story, added=(line("B", 2, 600),))
    confirm(story)
    declined = IncreaseDeclined(
        order_id=ORDER_ID, increase="1", amount=eur(600), reason=DeclineReason.UNSUPPORTED_METHOD, detail="no"
    )
    outcome = story.tell(declined, subject=PAYMENT)
    outcome.then(
        ChangeRefused(
            change="1",
            reason=ChangeRefusal.PAYMENT_DECLINED,
            detail="payments declined: unsupported_method, no",
        )
    )
    assert (due(story.view.order), story.view.changes.proposed) == (1500, None)
    story.tell(declined, subject=PAYMENT).then_nothing()
    assert story.view.reservation.asks["increase/1"].answered


def test_while_it_is_paid_for_it_is_not_followed_by_another() -> None:
    story = confirmed()
    propose(story, added=(line(),))
    confirm(story)
    assert refusal(confirm(story))[0] is ChangeRefusal.UNDER_WAY
    assert refusal(story.tell(DeclineChange(change="2")))[0] is ChangeRefusal.UNDER_WAY
    assert refusal(story.tell(ProposeChange(added=(line(),))))[0] is ChangeRefusal.UNDER_WAY
    assert story.view.changes.increase is not None
    assert kinds(secured(story))[-1] != "ChangeRefused"


@pytest.mark.parametrize("declined", [True, False])
def test_one_that_is_not_paid_in_time_or_declined_meanwhile_is_given_up(declined: bool) -> None:
    story = confirmed()
    propose(story, added=(line("B", 2, 600),))
    [asked] = sent(confirm(story), AuthorizeMore)
    assert asked.until == DAWN + PAID_WITHIN
    # when it is declined, or its time is over
    if declined:
        outcome = story.tell(DeclineChange(change="1"))
    else:
        outcome = story.later(PAID_WITHIN).tell(DeadlinePassed(name="change/1", due=asked.until))
    # then payments is told, nobody is asked after it, and another may be proposed
    assert sent(outcome, CancelIncrease) == [CancelIncrease(order_id=ORDER_ID, increase="1", amount=eur(600))]
    assert story.view.reservation.asks["increase/1"].answered
    # and what was secured all the same pays for that
    late = PaymentIncreased(order_id=ORDER_ID, increase="1", amount=eur(600), authorizations=())
    assert kinds(story.tell(late, subject=PAYMENT)) == ["IncreaseRecorded"]
    story.tell(late, subject=PAYMENT).then_nothing()
    propose(story, added=(line("B", 2, 600),))
    assert kinds(confirm(story, "2"))[:2] == ["LinesAdded", "OrderChanged"]


def test_silence_of_payments_asks_a_person_and_a_cancel_gives_all_back() -> None:
    story = confirmed()
    propose(story, added=(line(),))
    confirm(story)
    step = STEPS["increase"]
    for _ in range(step.asks_max):
        due_at = story.view.reservation.asks["increase/1"].due
        assert due_at is not None
        outcome = story.later(step.answer_within).tell(DeadlinePassed(name="increase/1", due=due_at))
    assert any(isinstance(event, StepUnanswered) for event in outcome.events)
    assert messages(story.tell(CancelOrder())).count("VoidPayment") == 1
    story.tell(
        PaymentIncreased(order_id=ORDER_ID, increase="1", amount=eur(250), authorizations=()), subject=PAYMENT
    ).then_nothing()


@pytest.mark.parametrize("answered", [False, True])
def test_what_is_secured_for_a_change_alone_is_given_back_by_a_cancel_too(answered: bool) -> None:
    # given an order that was worth nothing until something was added
    story = Story().placed(("A", 1, 0), ship_not_before=DAWN + timedelta(days=1))
    story.reserved(0)
    assert story.view.order.confirmed
    propose(story, added=(line(),))
    confirm(story)
    if answered:
        secured(story)
    # when it is cancelled
    assert "VoidPayment" in messages(story.tell(CancelOrder()))


def test_cheaper_nothing_more_is_secured_and_the_rest_given_back_at_the_end() -> None:
    story = confirmed()
    found = propose(story, lines=(LineQuantity(line="2", quantity=0),))
    assert found.difference == eur(-500)
    outcome = confirm(story)
    assert kinds(outcome) == ["LinesCancelled", "OrderChanged"]
    assert messages(outcome) == ["ReleaseClaim"]


def test_what_was_secured_and_is_not_owed_any_more_pays_first() -> None:
    story = confirmed()
    propose(story, lines=(LineQuantity(line="2", quantity=0),))
    confirm(story)
    found = propose(story, added=(line("B", 1, 500),))
    assert found.tenders == ()
    assert kinds(confirm(story, "2"))[:2] == ["LinesAdded", "OrderChanged"]


FASTER = GroupChange(group="1", charges=(Charge(kind=ChargeKind.SHIPPING, amount=eur(500), tax_included=True),))
"""Goods of an order that pays no postage go faster, for 5.00."""


def test_a_dearer_way_alone_is_paid_for_with_the_rest_before_that_is_asked_for() -> None:
    # given an order of 15.00 whose goods are to go faster
    story = Story().placed(*TWO_LINES)
    story.reserved(0)
    assert [tender.amount for tender in propose(story, groups=(FASTER,)).tenders] == [eur(500)]
    # when that is done before its money is asked for
    assert kinds(confirm(story)) == ["ShipGroupChanged", "OrderChanged"]
    # then what pays for the order adds up to what is asked for
    asked = authorization_of(story.reserved(1))
    assert (asked.amount, [tender.amount for tender in asked.tenders]) == (eur(2000), [eur(1500), eur(500)])


def test_a_dearer_way_alone_is_owed_on_account_like_the_rest() -> None:
    # given an order on account whose goods go faster, which payments has secured
    story = confirmed()
    propose(story, groups=(FASTER,))
    [asked] = sent(confirm(story), AuthorizeMore)
    assert [tender.amount for tender in asked.tenders] == [eur(0), eur(500)]
    assert kinds(secured(story)) == ["IncreaseRecorded", "ShipGroupChanged", "OrderChanged"]
    assert [tender.amount for tender in story.view.order.terms.tenders] == [eur(1500), eur(500)]
    # when they leave
    story.later(timedelta(days=1)).tell(DeadlinePassed(name="ship_not_before", due=DAWN + timedelta(days=1)))
    outcome = story.until_handed_over().shipped()
    # then all of it is invoiced as owed on account
    [invoice] = sent(outcome, IssueInvoice)
    assert (invoice.gross, invoice.on_account) == (eur(2000), eur(2000))


def test_the_last_money_is_taken_for_what_was_added_too_and_the_shares_of_others_stay() -> None:
    # given an order whose goods have left, but for a line that came later, with postage for what it was placed with
    story = Story().placed(*TWO_LINES, charges=PARCEL, stated_total=eur(1990), tenders=(
        Tender(method=TenderMethod.INVOICE, amount=eur(1990)),
    ))  # fmt: skip
    story.reserved(0)
    story.reserved(1)
    story.authorized()
    story.until_handed_over()
    propose(story, added=(line("B", 1, 400),))
    confirm(story)
    secured(story)
    assert capture_of(story.shipped()).amount == eur(1990)
    story.captured(1990)
    assert status(story.view.order) is OrderStatus.PARTLY_FULFILLED
    story.reserved(2)
    story.listed(1)
    story.picked(place=1)
    for step in (story.packed, story.labelled, story.handed_over):
        step(1)
    assert capture_of(story.shipped(1)).amount == eur(400)
    story.captured(400, 1)
    assert status(story.view.order) is OrderStatus.COMPLETED


def test_the_order_does_not_end_while_a_change_is_paid_for() -> None:
    story = Story().released(*TWO_LINES).until_handed_over()
    propose(story, added=(line(),))
    confirm(story)
    story.shipped()
    story.captured(1500)
    assert status(story.view.order) is OrderStatus.FULFILLED
    secured(story)
    assert units_of(story, "3") == {Bucket.ORDERED: 1}


# What cannot be done any more


def test_what_a_node_has_is_not_taken_away_by_a_change() -> None:
    story = waiting_for_money()
    propose(story, lines=(LineQuantity(line="1", quantity=1),))
    story.authorized()
    reason, detail = refusal(confirm(story))
    assert reason is ChangeRefusal.RELEASED
    assert detail == "a node has units of line 1, or they have left: cancel them instead"
    assert refusal(story.tell(ProposeChange(groups=(GroupChange(group="1", ship_to=ELSEWHERE),))))[0] is (
        ChangeRefusal.RELEASED
    )


def test_an_order_that_is_another_now_is_not_changed_as_it_was_shown() -> None:
    story = waiting_for_money()
    propose(story, lines=(LineQuantity(line="1", quantity=2),))
    propose(story, lines=(LineQuantity(line="1", quantity=2),), added=(line(),))
    story.tell(CancelOrder(lines=(CancelLine(line="2", quantity=1),)))
    assert refusal(confirm(story, "2"))[0] is ChangeRefusal.OUTDATED
    assert story.view.changes.proposed is None


def test_money_that_came_too_late_for_its_change_is_given_back_at_the_end() -> None:
    story = confirmed()
    propose(story, added=(line(),), lines=(LineQuantity(line="2", quantity=1),))
    found = story.view.changes.proposed
    assert found is not None and found.difference == eur(0)
    propose(story, added=(line("B", 1, 900),), lines=(LineQuantity(line="2", quantity=1),))
    confirm(story, "2")
    due_at = DAWN + timedelta(days=1)
    story.later(timedelta(days=1)).tell(DeadlinePassed(name="ship_not_before", due=due_at))
    outcome = secured(story)
    assert kinds(outcome)[0] == "IncreaseRecorded"
    assert refusal(outcome)[0] is ChangeRefusal.RELEASED
    assert due(story.view.order) == 1500


def card(reference: str, cents: int, rank: int = 1) -> Tender:
    return Tender(method=TenderMethod.CARD, amount=eur(cents), reference=reference, rank=rank)


def test_what_another_card_secured_for_a_change_that_was_given_up_keeps_its_place() -> None:
    # given an order by one card, and a change by another that is declined while its money is secured
    story = confirmed(tenders=(card("A", 1500),))
    propose(story, added=(line("B", 1, 900),), tenders=(card("B", 900, 2),))
    [asked] = sent(confirm(story), AuthorizeMore)
    story.tell(DeclineChange(change="1"))
    late = PaymentIncreased(
        order_id=ORDER_ID, increase="1", amount=asked.amount, tenders=asked.tenders, authorizations=()
    )
    assert kinds(story.tell(late, subject=PAYMENT)) == ["IncreaseRecorded"]
    # when the next change is paid by a third one
    propose(story, added=(line("B", 1, 1000),), tenders=(card("C", 100, 2),))
    [asked] = sent(confirm(story, "2"), AuthorizeMore)
    # then each is asked for at the place that payments know it by
    assert [(tender.reference, tender.amount) for tender in asked.tenders] == [
        ("A", eur(0)),
        ("B", eur(0)),
        ("C", eur(100)),
    ]


def test_what_another_card_secured_for_a_change_that_cannot_be_done_any_more_keeps_its_place() -> None:
    story = confirmed(tenders=(card("A", 1500),))
    less = (LineQuantity(line="2", quantity=1),)
    propose(story, lines=less, added=(line("B", 1, 900),), tenders=(card("B", 650, 2),))
    confirm(story)
    story.later(timedelta(days=1)).tell(DeadlinePassed(name="ship_not_before", due=DAWN + timedelta(days=1)))
    assert refusal(secured(story))[0] is ChangeRefusal.RELEASED
    assert [(tender.reference, tender.amount) for tender in story.view.order.terms.tenders] == [
        ("A", eur(1500)),
        ("B", eur(650)),
    ]


@pytest.mark.parametrize("policy", [ShortagePolicy.CANCEL_LINE, ShortagePolicy.CANCEL_ORDER])
def test_what_may_not_wait_has_to_be_there(policy: ShortagePolicy) -> None:
    story = Story().placed(*TWO_LINES, shortage=policy)
    propose(story, added=(line("B", 10, 400),))
    assert refusal(confirm(story)) == (ChangeRefusal.OUT_OF_STOCK, "of B 9 are available, not 10")
    assert due(story.view.order) == 1500


# Where it goes


def test_another_address_holds_for_what_has_not_gone_to_a_node() -> None:
    # given an order on hold for want of an address
    lacking = ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=ELSEWHERE, address_missing=("city",))
    story = Story().placed(*TWO_LINES, ship_groups=(lacking,))
    assert status(story.view.order) is OrderStatus.HELD
    # when a change says where it goes, and how
    propose(story, groups=(GroupChange(group="1", ship_to=ELSEWHERE, service_level="express", charges=PARCEL),))
    outcome = confirm(story)
    # then it goes on
    assert kinds(outcome)[:3] == ["ShipGroupChanged", "HoldReleased", "OrderChanged"]
    assert story.view.order.terms.ship_groups[0].service_level == "express"
    assert due(story.view.order) == 1990
    assert status(story.view.order) is not OrderStatus.HELD


def test_what_is_to_be_collected_instead_is_sourced_again_there() -> None:
    stock = {sku: {"north": Availability(9, 1), "berlin": Availability(9, 1)} for sku in "AB"}
    story = Story(stock).placed(*TWO_LINES)
    story.reserved(0)
    propose(story, groups=(GroupChange(group="1", method=ShipMethod.PICKUP, location="berlin"),))
    outcome = confirm(story)
    assert kinds(outcome)[:2] == ["ShipGroupChanged", "OrderChanged"]
    assert messages(outcome).count("ReleaseClaim") == 2
    claims = [claim for claim in story.view.reservation.claims.values() if claim.live]
    assert {claim.location for claim in claims} == {"berlin"}
    assert units_of(story) == {Bucket.ORDERED: 3}


# Kits


def test_a_kit_is_added_with_its_parts_and_less_of_it_is_whole_kits() -> None:
    components = (KitComponent(sku="POT", quantity=1), KitComponent(sku="CUP", quantity=2))
    there = {"POT": {"north": Availability(9, 1)}, "CUP": {"north": Availability(9, 1)}}
    kit: Any = {kit_key("A"): Kit(components, there), **there}
    story = Story(kit).placed(("A", 3, 900))
    found = propose(story, lines=(LineQuantity(line="1", quantity=4),))
    assert [(each.line, each.sku, each.quantity) for each in found.lines] == [
        ("2", "A", 1),
        ("2.1", "POT", 1),
        ("2.2", "CUP", 2),
    ]
    assert found.difference == eur(300)
    confirm(story)
    assert units_of(story, "2.2") == {Bucket.ORDERED: 2}
    found = propose(story, lines=(LineQuantity(line="1", quantity=1),))
    assert found.difference == eur(-600)
    assert refusal(story.tell(ProposeChange(lines=(LineQuantity(line="1.1", quantity=1),))))[0] is (
        ChangeRefusal.UNKNOWN_LINE
    )


def test_lines_that_come_without_a_change_are_lines_like_any_other() -> None:
    added = LinesAdded(lines=(line("B", 1, 0, line="3", added_by="exchange"),))
    state = Story().placed(*TWO_LINES).view.order
    after = evolve(state, added)
    assert (due(after), after.units[0]) == (1500, 6)
