"""What an order waits for is said in a sentence, from its events alone."""

from __future__ import annotations

from datetime import timedelta

from chassis.testing import DAWN
from contracts.order import ReleaseHold
from services.order.fulfillment_saga import COLLECT_WITHIN
from services.order.sourcing import Availability
from services.order.tests.story import COUNTER, NAME, Story, eur
from services.order.waiting import Waiting, waiting

MINUTE = timedelta(minutes=1)
SHORT = {"A": {"north": Availability(0, 40)}}


def of(story: Story) -> Waiting:
    found = waiting(NAME, story.log)
    assert found is not None
    return found


def test_nothing_is_said_of_an_order_that_was_never_placed() -> None:
    assert waiting(NAME, []) is None


def test_a_hold_names_itself_its_reason_and_who_looks_after_it() -> None:
    # given an order whose total differs from what its channel stated
    story = Story().placed(("A", 2, 1000), stated_total=eur(900))
    # then it waits for a person, since it was placed, and for as long as that takes
    sentence = of(story).sentence
    assert "hold 1 (total_differs" in sentence
    assert "since 2026-01-05 09:00:00 UTC" in sentence
    assert "order_desk can release the hold, or cancel the order" in sentence
    assert of(story).waits[0][0].until is None


def test_a_released_hold_is_waited_for_no_more() -> None:
    story = Story().placed(("A", 2, 1000), stated_total=eur(900))
    for held in list(story.view.order.holds):
        story.later(MINUTE).tell(ReleaseHold(hold=held), door="http")
    first, since = of(story).waits[0]
    assert first.key == "claim/1"
    assert since > DAWN


def test_an_answer_that_is_late_says_when_it_is_asked_for_again() -> None:
    story = Story().placed(("A", 2, 1000))
    (wait, since), *rest = of(story).waits
    assert wait.what == "inventory to answer its claims on stock"
    assert wait.until == since + timedelta(minutes=5)
    assert rest == []


def test_units_in_the_queue_name_the_goods_and_where_they_may_arrive() -> None:
    # given an order of which nothing is there, inventory's answer a minute later, and what it costs secured
    story = Story(SHORT).placed(("A", 2, 1000))
    story.later(MINUTE).queued()
    story.authorized()
    (wait, since), *rest = of(story).waits
    assert wait.what == "2 each of A (line 1) to arrive (no announced supply will bring them)"
    assert wait.mover == "goods received at north can serve it"
    assert since == DAWN + MINUTE
    assert rest == []


def test_units_in_the_queue_name_the_supply_that_will_bring_them() -> None:
    story = Story(SHORT).placed(("A", 2, 1000))
    story.queued(awaits="po-7", expected_at=DAWN + timedelta(days=4))
    story.authorized()
    [(wait, _)] = of(story).waits
    assert wait.what == "2 each of A (line 1) to arrive (expected with po-7 on 2026-01-09)"


def test_what_is_collected_waits_for_its_node_and_then_for_the_customer_until_a_person_is_asked() -> None:
    # given an order to be collected at a counter
    story = Story({"A": {"berlin": Availability(9, 1)}}).released(("A", 2, 1000), ship_groups=(COUNTER,))
    story.later(MINUTE).listed()
    story.later(MINUTE).picked()
    assert [wait.what for wait, _ in of(story).waits] == ["berlin to set aside 2 units to be collected"]
    # when it lies ready, then it waits there for a week, and says who can move it
    story.later(MINUTE).ready()
    [(wait, since)] = of(story).waits
    assert wait.what == "the customer (2 units wait at berlin to be collected until 2026-01-12 09:03:00 UTC)"
    assert (since, wait.until) == (DAWN + 3 * MINUTE, DAWN + 3 * MINUTE + COLLECT_WITHIN)
    assert of(story).sentence.endswith("; whoever may collect them can, and order_desk can cancel the order.")
    # and once it was collected, for its money alone
    story.later(MINUTE).collected()
    assert [wait.what for wait, _ in of(story).waits] == ["payments to capture what left berlin"]


def test_a_node_is_named_with_what_it_has_to_do_next_and_since_when() -> None:
    story = Story().released(("A", 2, 1000))
    story.later(MINUTE).listed()
    assert [wait.what for wait, _ in of(story).waits] == ["north to pick 2 units"]
    story.later(MINUTE).picked()
    assert [(wait.what, since) for wait, since in of(story).waits] == [("north to pack 2 units", DAWN + 2 * MINUTE)]
    story.later(MINUTE).packed()
    assert [wait.what for wait, _ in of(story).waits] == ["shipping to label its packages at north"]
    story.later(MINUTE).labelled()
    assert [wait.what for wait, _ in of(story).waits] == ["north to hand over the packages"]
    story.later(MINUTE).handed_over()
    assert [wait.what for wait, _ in of(story).waits] == ["shipping to send off its packages from north"]
    story.later(MINUTE).shipped()
    assert [wait.what for wait, _ in of(story).waits] == ["payments to capture what left north"]
    story.later(MINUTE).captured(1000)
    assert of(story).sentence.endswith("is completed and waits for nothing.")
