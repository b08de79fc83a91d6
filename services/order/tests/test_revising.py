"""A channel's higher revision becomes a change that a person confirms or declines, shown with what it comes to."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import Outcome
from contracts.money import Tender, TenderMethod
from contracts.order import (
    Bucket,
    ChangeDeclined,
    ChangeProposed,
    ChangeSource,
    ConfirmChange,
    DeclineChange,
    HoldKind,
    HoldPlaced,
    OrderLine,
    PlaceOrder,
    ReleaseHold,
    ShipGroup,
    ShipMethod,
)
from services.order.order import OrderStatus, due, status
from services.order.tests.story import SHIP_TO, Story, eur, kinds, order, units_of

LINES = (("A", 3, 900), ("B", 2, 500))
PAID = Tender(method=TenderMethod.EXTERNAL, amount=eur(1400))


def as_sent(*lines: tuple[str, int, int], **more: Any) -> PlaceOrder:
    """An order whose lines have the channel's own ids."""
    sent = order(*lines)
    named = tuple(line.model_copy(update={"channel_line": f"c{line.line}"}) for line in sent.lines)
    fields: dict[str, Any] = {"lines": named, "tenders": (PAID,), "revision": 1, **more}
    return sent.model_copy(update=fields)


def placed() -> Story:
    """An order of which nothing is claimed for."""
    story = Story()
    story.tell(as_sent(*LINES), door="channel.orders")
    return story


def revised(story: Story, *lines: tuple[str, int, int], **more: Any) -> Outcome:
    """The channel sends it again, under a higher revision."""
    return story.tell(as_sent(*lines, **{"revision": 2, "fingerprint": "f2", **more}), door="channel.orders")


def proposed(outcome: Outcome) -> ChangeProposed:
    assert kinds(outcome)[:3] == ["OrderChangeRequested", "HoldPlaced", "ChangeProposed"], outcome.events
    found = outcome.events[2]
    assert isinstance(found, ChangeProposed)
    return found


def held(outcome: Outcome) -> HoldPlaced:
    found = outcome.events[1]
    assert isinstance(found, HoldPlaced) and found.kind is HoldKind.CHANGE_REQUESTED
    return found


def test_other_quantities_and_lines_are_a_change_that_the_hold_shows() -> None:
    # given an order that a channel took the money for
    story = placed()
    # when it comes again with one less of the first line, one more of the second and a third
    outcome = revised(story, ("A", 2, 600), ("B", 3, 800), ("A", 1, 250))
    # then that is a change, priced as the channel says, and paid as the channel pays the rest
    change = proposed(outcome)
    assert (change.source, change.hold) == (ChangeSource.CHANNEL, held(outcome).hold)
    assert [(each.line, each.quantity) for each in change.cancelled] == [("1", 1)]
    assert [(line.line, line.channel_line, line.quantity, line.amount) for line in change.lines] == [
        ("3", "c2", 1, eur(300)),
        ("4", "c3", 1, eur(250)),
    ]
    assert (change.before, change.after, change.difference) == (eur(1400), eur(1650), eur(250))
    assert [(tender.method, tender.amount) for tender in change.tenders] == [(TenderMethod.EXTERNAL, eur(250))]
    assert held(outcome).detail == ("revision 2 asks for another order: change 1 makes it 16.50 EUR instead of 14.00")
    assert (held(outcome).expected, held(outcome).found) == (eur(1650), eur(1650))
    # and a person's yes does it, and lets the order go on
    done = story.tell(ConfirmChange(change="1"))
    assert kinds(done)[:4] == ["LinesCancelled", "LinesAdded", "OrderChanged", "HoldReleased"]
    assert due(story.view.order) == 1650
    assert status(story.view.order) is not OrderStatus.HELD


def test_what_the_channel_says_it_comes_to_is_shown_where_we_find_another_sum() -> None:
    outcome = revised(placed(), ("A", 3, 900), ("B", 1, 200))
    assert proposed(outcome).after == eur(1150)
    assert held(outcome).detail.endswith("makes it 11.50 EUR instead of 14.00, where the channel says 11.00")
    assert held(outcome).expected == eur(1100)


def test_no_and_the_order_goes_on_as_it_is() -> None:
    story = placed()
    revised(story, ("A", 1, 300), ("B", 2, 500))
    outcome = story.tell(DeclineChange(change="1"))
    assert kinds(outcome)[:2] == ["ChangeDeclined", "HoldReleased"]
    assert units_of(story) == {Bucket.ORDERED: 3}


def test_whoever_releases_the_hold_says_no_too() -> None:
    story = placed()
    hold = held(revised(story, ("A", 1, 300), ("B", 2, 500))).hold
    outcome = story.tell(ReleaseHold(hold=hold))
    assert [event for event in outcome.events if isinstance(event, ChangeDeclined)]
    assert story.view.changes.proposed is None


def test_a_line_that_grew_by_one_revision_shrinks_by_the_next_from_what_was_added() -> None:
    story = placed()
    revised(story, ("A", 5, 1500), ("B", 2, 500))
    story.tell(ConfirmChange(change="1"))
    assert units_of(story, "3") == {Bucket.ORDERED: 2}
    change = proposed(revised(story, ("A", 2, 600), ("B", 2, 500), revision=3, fingerprint="f3"))
    assert [(each.line, each.quantity) for each in change.cancelled] == [("3", 2), ("1", 1)]
    assert change.after == eur(1100)


def test_a_line_that_is_not_named_any_more_and_another_way() -> None:
    elsewhere = ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO, service_level="express")
    change = proposed(revised(placed(), ("A", 3, 900), ship_groups=(elsewhere,)))
    assert [(each.line, each.quantity) for each in change.cancelled] == [("2", 2)]
    assert [group.service_level for group in change.groups] == ["express"]


def _with(line: int, **more: Any) -> tuple[OrderLine, ...]:
    lines = list(as_sent(*LINES).lines)
    lines[line] = lines[line].model_copy(update=more)
    return tuple(lines)


TWO_GROUPS = (
    ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO),
    ShipGroup(group="2", method=ShipMethod.SHIP, ship_to=SHIP_TO),
)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"seller": "other"}, "its seller differs"),
        ({"lines": _with(0, sku="Z")}, "line c1 is another article, or goes another way"),
        ({"lines": _with(0, amount=eur(1))}, "line c1 costs another amount"),
        ({"lines": _with(0, quantity=4, amount=eur(1))}, "more of line c1 costs less"),
        ({"lines": _with(1, channel_line="c1")}, "line c1 comes twice"),
        ({"ship_groups": TWO_GROUPS}, "it has other ship groups"),
        (
            {"ship_groups": (ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO, complete=True),)},
            "ship group 1 asks for something else",
        ),
    ],
)
def test_what_is_more_than_that_is_told_to_a_person(more: dict[str, Any], why: str) -> None:
    outcome = revised(placed(), *LINES, **more)
    assert kinds(outcome)[:2] == ["OrderChangeRequested", "HoldPlaced"]
    assert "ChangeProposed" not in kinds(outcome)
    assert held(outcome).detail == f"revision 2 asks for another order: {why}"


def test_what_cannot_be_done_any_more_is_told_too() -> None:
    story = Story()
    story.tell(as_sent(*LINES), door="channel.orders")
    for sequence in range(2):
        story.reserved(sequence)
    story.authorized()
    outcome = revised(story, ("A", 1, 300), ("B", 2, 500))
    assert held(outcome).detail == (
        "revision 2 asks for another order, which cannot be done: "
        "a node has units of line 1, or they have left: cancel them instead"
    )
