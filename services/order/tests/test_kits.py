"""Kits: one line for the channel, several for us, and money that sums to what the kit costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chassis.maps import HashTrieMap
from chassis.testing import DAWN
from contracts.channel import UpdateKind
from contracts.envelope import Envelope, root_traceparent
from contracts.ids import stream
from contracts.inventory import KitComponent
from contracts.message import Event
from contracts.money import Charge, ChargeKind
from contracts.order import (
    Bucket,
    CancelOrder,
    CancelReason,
    FulfilledKind,
    LinesCancelled,
    LinesFulfilled,
    Move,
    OrderLine,
    OrderPlaced,
    RelatesTo,
    RelationKind,
    ShipGroup,
    ShipMethod,
    SourcingDecided,
)
from services.order.channel_updates import KnownOrder, counted, known_order, update_of
from services.order.kits import Kit, exploded, kit_key
from services.order.order import OrderStatus, due, status
from services.order.reservation_advance import needs
from services.order.sourcing import Availability
from services.order.tests.story import ORDER_ID, Story, eur, kinds, order, units_of
from services.order.views import order_view

POT, CUP = KitComponent(sku="POT", quantity=1, weight=3), KitComponent(sku="CUP", quantity=2, weight=1)


def stocked(pots: int = 9, cups: int = 9) -> dict[str, Any]:
    """What the loader knows of a tea set: a pot and two cups."""
    there = {"POT": {"north": Availability(pots, 1)}, "CUP": {"north": Availability(cups, 2)}}
    return {kit_key("SET"): Kit((POT, CUP), there), **there}


TEA_SET = stocked()


def tea_sets(quantity: int = 2, amount: int = 1001, **more: Any) -> Story:
    return Story(more.pop("stock", stocked())).placed(("SET", quantity, amount), **more)


def placed(story: Story) -> OrderPlaced:
    return story.view.order.terms


def test_a_kit_keeps_its_line_and_its_components_are_lines_of_ours() -> None:
    kit, pot, cup = placed(tea_sets()).lines
    assert (kit.sku, kit.quantity, kit.amount) == ("SET", 2, eur(1001))
    assert [(line.line, line.sku, line.quantity, line.amount) for line in (pot, cup)] == [
        ("1.1", "POT", 2, eur(750)),
        ("1.2", "CUP", 4, eur(251)),
    ]
    assert pot.relates_to is not None and cup.relates_to is not None
    assert (cup.relates_to.kind, cup.relates_to.line, cup.relates_to.quantity_per) == (
        RelationKind.COMPONENT_OF,
        "1",
        2,
    )


def test_what_a_kit_costs_is_counted_once() -> None:
    story = tea_sets()
    assert placed(story).totals.total == eur(1001)
    assert due(story.view.order) == 1001
    assert len(story.view.order.holds) == 0


def test_a_charge_of_the_kit_s_line_is_shared_too() -> None:
    charge = Charge(kind=ChargeKind.DISCOUNT, amount=eur(-101))
    (line,) = order(("SET", 2, 1001)).lines
    charged = (line.model_copy(update={"charges": (charge,)}),)
    assert sum(part.amount.amount for part in exploded(charged, TEA_SET)[1:]) == 900


def test_placing_needs_the_components_of_every_article_and_later_messages_do_not() -> None:
    assert needs(order(("SET", 1, 100)), Story({}).view) == ["SET", kit_key("SET")]
    assert needs(CancelOrder(), tea_sets().view) == ()


def test_components_are_sourced_and_the_kit_is_not() -> None:
    story = tea_sets()
    (decided,) = [event for event, _, _ in story.log if isinstance(event, SourcingDecided)]
    assert [(part.line, part.sku, part.quantity) for part in decided.allocations] == [
        ("1.1", "POT", 2),
        ("1.2", "CUP", 4),
    ]
    assert sorted(story.view.order.lines) == ["1.1", "1.2"]


def test_an_order_of_a_kit_comes_to_its_end_and_captures_what_the_kit_costs() -> None:
    story = Story(stocked()).released(("SET", 2, 1001)).until_handed_over()
    story.shipped()
    story.captured(1001)
    assert status(story.view.order) is OrderStatus.COMPLETED
    assert story.view.order.captured == 1001


def test_an_order_shows_its_kits_beside_the_lines_that_goods_leave_by() -> None:
    shown = order_view(tea_sets().stream)
    assert [(kit["line"], kit["sku"], kit["quantity"]) for kit in shown["kits"]] == [("1", "SET", 2)]
    assert [line["relates_to"]["line"] for line in shown["lines"]] == ["1", "1"]


def test_a_component_that_is_a_kit_itself_comes_from_its_own_stock() -> None:
    there = {"SET": {"north": Availability(5, 1)}}
    nested: dict[str, Any] = {kit_key("BOX"): Kit((KitComponent(sku="SET", quantity=1),), there), **TEA_SET, **there}
    story = Story(nested).placed(("BOX", 1, 900))
    assert [line.sku for line in placed(story).lines] == ["BOX", "SET"]


def test_what_a_channel_calls_a_component_is_a_line_like_any_other() -> None:
    first, second = order(("A", 1, 100), ("B", 2, 200)).lines
    related = RelatesTo(kind=RelationKind.COMPONENT_OF, line="1", quantity_per=2)
    theirs = second.model_copy(update={"channel_line": "b", "relates_to": related})
    story = Story().placed(lines=(first, theirs))
    assert due(story.view.order) == 300
    assert sorted(story.view.order.lines) == ["1", "2"]


def test_a_kit_handed_out_at_a_till_is_handed_out_as_its_components() -> None:
    till = ShipGroup(group="1", method=ShipMethod.CARRY_OUT, location="north")
    story = tea_sets(ship_groups=(till,))
    assert units_of(story, "1.2") == {Bucket.FULFILLED: 4}


# Whole kits


def test_where_cups_are_short_whole_kits_are_cancelled() -> None:
    # given 2 sets and a towel, cups for one set and a half
    towels = {"TOWEL": {"north": Availability(1, 1)}}
    story = Story({**stocked(cups=3), **towels})
    story.placed(("SET", 2, 1001), ("TOWEL", 1, 500), shortage="cancel_line")
    # then the second set is given up, pot and cups, and all of the first is claimed
    assert units_of(story, "1.1") == {Bucket.ORDERED: 1, Bucket.CANCELLED: 1}
    assert units_of(story, "1.2") == {Bucket.ORDERED: 2, Bucket.CANCELLED: 2}
    assert sorted((c.sku, c.quantity) for c in story.view.reservation.claims.values()) == [
        ("CUP", 2),
        ("POT", 1),
        ("TOWEL", 1),
    ]
    assert due(story.view.order) == 375 + 125 + 500


def test_what_is_given_up_for_one_component_may_leave_enough_of_the_next() -> None:
    story = tea_sets(3, stock=stocked(pots=2, cups=3), shortage="cancel_line")
    assert units_of(story, "1.1") == {Bucket.ORDERED: 1, Bucket.CANCELLED: 2}
    assert units_of(story, "1.2") == {Bucket.ORDERED: 2, Bucket.CANCELLED: 4}


def test_an_order_whose_only_kit_cannot_be_whole_is_cancelled() -> None:
    story = tea_sets(1, stock=stocked(cups=1), shortage="cancel_line")
    assert story.view.reservation.claims == HashTrieMap()
    assert status(story.view.order) is OrderStatus.CANCELLED


def test_a_kit_that_is_claimed_in_part_waits_for_what_was_lost_whatever_the_policy() -> None:
    story = tea_sets(shortage="cancel_line")
    for sequence in (0, 1):
        story.reserved(sequence)
    story.stock = stocked(cups=0)
    story.lost(1)
    story.queued(2, 1)
    assert status(story.view.order) is OrderStatus.BACKORDERED
    assert units_of(story, "1.2") == {Bucket.RESERVED: 3, Bucket.BACKORDERED: 1}


def test_a_kit_that_waits_for_cups_waits_whole() -> None:
    story = tea_sets(stock=stocked(cups=3))
    story.reserved(0)
    story.reserved(1)
    story.queued(2)
    # then it is confirmed, and nothing of it goes to a node
    assert "ReleasedToFulfillment" not in kinds(story.authorized())
    assert status(story.view.order) is OrderStatus.BACKORDERED
    # until the last cup is there
    story.reserved(2)
    assert units_of(story, "1.1") == {Bucket.RELEASED: 2}
    assert units_of(story, "1.2") == {Bucket.RELEASED: 4}


def test_a_kit_that_waits_keeps_no_other_line_back() -> None:
    towels = {"TOWEL": {"north": Availability(1, 1)}}
    story = Story({**stocked(cups=3), **towels}).placed(("SET", 2, 1001), ("TOWEL", 1, 500))
    for claim in story.view.reservation.claims.values():
        story.queued(claim.sequence) if claim.queue else story.reserved(claim.sequence)
    story.authorized()
    assert units_of(story, "2") == {Bucket.RELEASED: 1}
    assert units_of(story, "1.1") == {Bucket.RESERVED: 2}


# What the channel hears


def told(story: Story) -> Sequence[tuple[UpdateKind, Mapping[str, int]]]:
    """The updates of the whole story, with the quantities of the channel's lines."""
    known: KnownOrder | None = None
    found = []
    for number, (event, _, time) in enumerate(story.log, start=1):
        known = known_order(event) if isinstance(event, OrderPlaced) else known and counted(known, event)
        assert known is not None
        if update := update_of(event, envelope(number, time), known):
            found.append((update.kind, {line.line_id: line.quantity for line in update.lines}))
    return found


def envelope(number: int, time: datetime) -> Envelope:
    return Envelope(
        id=ORDER_ID,
        type="",
        source="/order",
        time=time,
        subject=stream("order", ORDER_ID),
        tenant="default",
        correlation_id=stream("order", ORDER_ID),
        causation_id="c",
        traceparent=root_traceparent(ORDER_ID),
        sequence=number,
    )


def sent(*lines: OrderLine) -> tuple[OrderLine, ...]:
    return tuple(line.model_copy(update={"channel_line": f"c{line.line}"}) for line in lines)


def test_a_channel_hears_of_its_kit_in_its_own_line() -> None:
    story = Story(stocked())
    story.released(
        lines=sent(*order(("SET", 2, 1001)).lines), stated_total=eur(1001), tenders=order(("SET", 2, 1001)).tenders
    )
    story.until_handed_over()
    story.shipped()
    heard = dict(told(story))
    assert heard[UpdateKind.ACCEPTED] == {"c1": 2}
    assert heard[UpdateKind.FULFILLED] == {"c1": 2}


def test_kits_that_are_given_up_are_cancelled_in_the_line_of_the_channel() -> None:
    terms = order(("SET", 2, 1001))
    story = Story(stocked(cups=3))
    story.placed(lines=sent(*terms.lines), stated_total=eur(1001), tenders=terms.tenders, shortage="cancel_line")
    assert [lines for kind, lines in told(story) if kind is UpdateKind.CANCELLED] == [{"c1": 1}]


def test_a_kit_is_fulfilled_with_the_last_of_its_components_and_given_up_with_the_first() -> None:
    kit = known_order(placed(Story(stocked()).placed(lines=sent(*order(("SET", 2, 1001)).lines))))
    heard = []
    for line, quantity, target in (
        ("1.1", 1, Bucket.FULFILLED),
        ("1.2", 1, Bucket.FULFILLED),
        ("1.2", 1, Bucket.FULFILLED),
        ("1.2", 1, Bucket.CANCELLED),
        ("1.2", 1, Bucket.CANCELLED),
        ("1.1", 1, Bucket.CANCELLED),
    ):
        moves = (Move(line=line, quantity=quantity, source=Bucket.ORDERED, target=target),)
        event: Event = LinesCancelled(reason=CancelReason.OUT_OF_STOCK, moves=moves)
        if target is Bucket.FULFILLED:
            event = LinesFulfilled(
                kind=FulfilledKind.SHIPPED, fulfillment="s", ranges=(), other=eur(0), amount=eur(0), moves=moves
            )
        kit = counted(kit, event)
        update = update_of(event, envelope(1, DAWN), kit)
        heard.append(None if update is None else {line.line_id: line.quantity for line in update.lines})
    assert heard == [{}, {}, {"c1": 1}, {"c1": 1}, None, None]


@given(
    st.integers(-5000, 5000),
    st.integers(1, 9),
    st.lists(st.tuples(st.integers(1, 5), st.none() | st.integers(0, 4)), min_size=1, max_size=5),
)
def test_components_are_worth_together_what_the_kit_is(amount: int, quantity: int, parts: Any) -> None:
    components = tuple(
        KitComponent(sku=f"S{n}", quantity=each, weight=weight) for n, (each, weight) in enumerate(parts)
    )
    made = exploded(order(("SET", quantity, amount)).lines, {kit_key("SET"): Kit(components, {})})
    assert sum(line.amount.amount for line in made[1:]) == amount
    assert [line.quantity for line in made[1:]] == [quantity * each for each, _ in parts]
