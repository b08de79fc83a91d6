"""Whatever comes, in any order and again: units of a line always sum, only what was fulfilled is captured, nothing goes
to a node without what it has to wait for, and the customer hears of each unit once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.chassis import MessageParked
from contracts.inventory import KitComponent
from contracts.order import (
    Bucket,
    CreditApplied,
    CreditCharged,
    CreditPaidOut,
    ExchangeSend,
    FulfilledKind,
    HeldStep,
    LinesCancelled,
    LinesFulfilled,
    NoticeKind,
    NoticeRequested,
    OrderCancelled,
    OrderConfirmed,
    Refunded,
    RefundGranted,
    RefundWithdrawn,
    ReleasedToFulfillment,
    ShipMethod,
    ShipNotBeforePassed,
    ShortagePolicy,
)
from services.order.exchange_advance import kept_for_returns
from services.order.fulfillment_state import fulfilled_in_order
from services.order.kits import Kit, kit_key
from services.order.leaving import worth
from services.order.order import WITH_CUSTOMER, blocked, due, held_lines, line_of, line_units
from services.order.refund_state import RefundStage, given_back, without
from services.order.refunding import captured_units
from services.order.replaced_units import paid_back, replaced
from services.order.sourcing import Availability
from services.order.tests.life import DEEDS, PLACES, Life
from services.order.tests.story import Story
from services.order.unit_ranges import count
from services.order.value import line_values, parts_of_kits
from services.order.waiting import waiting
from services.order.ways import ship_groups

picks = st.integers(0, 5)
OFTEN = [
    *["go_on"] * 40,
    *["release_hold", "arrived", "decide_change", "increase_answered"] * 3,
    *["wish_return", "return_came", "return_looked", "claim_goods", "exchange"] * 2,
]
"""What happens more often than anything else may, so that most lives get somewhere."""

deeds = st.lists(
    st.tuples(st.sampled_from([*OFTEN, *DEEDS]), picks, picks),
    min_size=30,
    max_size=60,
)
levels = st.dictionaries(st.sampled_from(PLACES), st.integers(0, 6).map(lambda n: Availability(n, 1)), min_size=1)


def _tea_set(pots: Any, cups: Any) -> dict[str, Any]:
    """Article A as a kit of a pot and two cups."""
    components = (KitComponent(sku="POT", quantity=1), KitComponent(sku="CUP", quantity=2))
    there = {"POT": pots, "CUP": cups}
    return {kit_key("A"): Kit(components, there), **there}


stocks = st.builds(
    lambda goods, kit: {**goods, **kit},
    st.fixed_dictionaries({"A": levels, "B": levels}),
    st.just({}) | st.builds(_tea_set, levels, levels),
)


@given(
    stocks,
    st.sampled_from(ShortagePolicy),
    st.lists(st.sampled_from(("1", "counter"))),
    st.booleans(),
    st.just([]) | st.lists(st.sampled_from("1234")),
    deeds,
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_units_always_sum_and_nothing_is_captured_that_was_not_fulfilled(
    stock: Any,
    policy: ShortagePolicy,
    complete: list[str],
    till: bool,
    early: list[str],
    course: list[tuple[str, int, int]],
) -> None:
    life = Life(stock, policy, complete, till, early)
    for deed in course:
        known = len(life.story.log)
        life.do(*deed)
        check(life.story)
        _check_released(life.story, known)
    _check_wait(life.story)


def _check_wait(story: Story) -> None:
    """An order has ended with no package astray, or waits for something that has a name, and somebody who can move it."""
    found = waiting(story.name, story.log)
    assert found is not None
    going = (RefundStage.PROPOSED, RefundStage.GRANTED, RefundStage.FAILED)
    refunds = [refund for refund in story.view.refunds.refunds.values() if refund.stage in going]
    returns = [each for each in story.view.returns.returns.values() if not each.state.over]
    unsettled = story.view.order.open or len(story.view.astray.packages) > 0 or bool(refunds or returns)
    assert bool(found.waits) is unsettled, found.sentence
    assert all(wait.what and wait.mover for wait, _ in found.waits)


def _check_released(story: Story, known: int) -> None:
    """Of a line that is held or early, and of a group that must be complete or a kit while a unit of it waits, is held or
    is early, nothing was released after the first `known` events; and nothing else lies reserved that may leave."""
    state, groups = story.view.order, ship_groups(story.view.order.terms)
    kits = {part.line: part.kit for part in parts_of_kits(state.terms)}
    come = [event.due for event, _, _ in story.log if isinstance(event, ShipNotBeforePassed)]
    first = {line.line: line.ship_not_before for line in state.terms.lines if line.ship_not_before}
    early = {name for name in state.lines if name in first and first[name] not in come}
    held = held_lines(state, HeldStep.RELEASE) | early
    waiting = [name for name, line in state.lines.items() if line_units(line, Bucket.ORDERED, Bucket.BACKORDERED)]
    waiting += [name for name in held if line_units(state.lines[name], Bucket.RESERVED)]
    waiting_groups = {line_of(state, name).ship_group for name in waiting}
    waiting_kits = {kits[name] for name in waiting if name in kits}

    kept = kept_for_returns(story.view)

    def may_leave(name: str) -> bool:
        group = line_of(state, name).ship_group
        return (
            name not in held
            and name not in kept
            and kits.get(name) not in waiting_kits
            and not (groups[group].complete and group in waiting_groups)
        )

    fresh = [event for event, _, _ in story.log[known:] if isinstance(event, ReleasedToFulfillment)]
    assert all(may_leave(line.line) or line.line in kept for event in fresh for line in event.lines)
    held_up = not (state.open and state.confirmed) or story.view.fulfillment.cancelling
    if not held_up and not story.view.reservation.unanswered and not blocked(state, HeldStep.RELEASE):
        assert not [name for name, line in state.lines.items() if line_units(line, Bucket.RESERVED) and may_leave(name)]


def check(story: Story) -> None:
    """What holds at every prefix of every life."""
    state = story.view.order
    events = [event for event, _, _ in story.log]
    assert not [event for event in events if isinstance(event, MessageParked)]
    if any(event.kind is FulfilledKind.HANDED_OUT for event in events if isinstance(event, LinesFulfilled)):
        assert state.ended != OrderCancelled.__name__, "a line was handed out at the till"
    for name, moved in state.lines.items():
        assert sum(moved.units) == line_of(state, name).quantity and min(moved.units) >= 0
    fulfilled = [event for event in events if isinstance(event, LinesFulfilled)]
    assert state.captured <= sum(event.amount.amount for event in fulfilled) <= due(state)
    values = line_values(state.terms, state.adjustments)
    ranges = sorted((part.line, part.from_unit, part.to_unit) for event in fulfilled for part in event.ranges)
    for (line, _, end), (other, start, _) in pairwise(ranges):
        assert line != other or end <= start
    assert all(end <= values[line].units for line, _, end in ranges)
    _check_refunds(story)
    _check_returns(story)
    assert story.view.reservation.unanswered >= 0
    waiting = sum(claim.waiting for claim in story.view.reservation.claims.values() if claim.live)
    assert state.ended or waiting == state.units[3]
    _check_notices(story)


def _check_refunds(story: Story) -> None:
    """No more is paid back than is owed, and owed than was taken; no unit is paid back twice, nor one that is not paid
    for; and what channels hear is what is paid."""
    refunds, captured = story.view.refunds, captured_units(story.view)
    assert 0 <= refunds.refunded <= refunds.granted
    if not any(isinstance(event, RefundWithdrawn) for event, _, _ in story.log):
        assert refunds.granted - refunds.applied <= story.view.order.captured
    _check_exchanges(story)
    for line in story.view.order.lines:
        ranges = given_back(refunds, line)
        assert all(end <= start for (_, end), (start, _) in pairwise(ranges))
        assert without(ranges, captured.get(line, ())) == ()
        _check_replaced(story, line)
    told = [event for event, _, _ in story.log if isinstance(event, Refunded) and not event.again]
    assert len({event.refund for event in told}) == len(told)
    # what was taken back after it was told of stays told, and is told no second time
    paid = {key: refund.refunded for key, refund in refunds.refunds.items() if refund.stage is RefundStage.REFUNDED}
    assert {each.refund: each.amount.amount for each in told if each.refund in paid} == paid


def _check_exchanges(story: Story) -> None:
    """What left in an exchange is paid by money or by credit, each once; no more credit is used or paid out than there is,
    but for goods that leave at once; and never more than they are worth is taken."""
    view = story.view
    assert view.order.captured - view.refunds.refunded == _kept(story) + view.refunds.credit
    for each in view.exchanges.exchanges.values():
        assert each.earned >= 0 and each.paid_out >= 0 and each.applied >= 0
        if each.send is ExchangeSend.ON_RECEIPT or not view.order.open:
            assert each.applied + each.paid_out <= each.earned
    left = fulfilled_in_order(view.fulfillment.fulfilled)
    values = line_values(view.order.terms, view.order.adjustments)
    assert sum(one.covered for _, one in left) <= max(0, sum(worth(values, one.ranges) for _, one in left))


def _kept(story: Story) -> int:
    """What the customer keeps, by the events alone."""
    kept = story.view.order.captured
    owed: dict[str, int] = {}
    for event, _, _ in story.log:
        match event:
            case CreditApplied() | CreditPaidOut():
                kept += event.amount.amount
            case CreditCharged():
                kept -= event.amount.amount
            case RefundGranted():
                owed[event.refund] = event.amount.amount
    for refund in story.view.refunds.refunds.values():
        if refund.contents.refund in owed:
            owed[refund.contents.refund] = refund.owed
    return kept - sum(owed.values())


def _check_replaced(story: Story, line: str) -> None:
    """No unit is sent again twice; and what is still to be sent again is not paid back."""
    refunds, state = story.view.refunds, story.view.order
    again = replaced(refunds, line)
    assert all(end <= start for (_, end), (start, _) in pairwise(again))
    assert all(end <= line_units(state.lines[line], *WITH_CUSTOMER) for _, end in again)
    if line in refunds.origins:
        units = state.lines[line]
        to_come = (line_units(units, *WITH_CUSTOMER), sum(units.units) - line_units(units, Bucket.CANCELLED))
        assert without((to_come,), paid_back(refunds, line)) == ((to_come,) if to_come[0] < to_come[1] else ())


def _check_returns(story: Story) -> None:
    """No unit is in two returns, all of them have left, and the line's buckets say the same."""
    view = story.view
    for name, line in view.order.lines.items():
        parts = [each.lines[name] for each in view.returns.returns.values() if name in each.lines]
        units = sorted((one.from_unit, one.to_unit) for part in parts for one in (*part.waited, *part.here))
        assert all(end <= start for (_, end), (start, _) in pairwise(units))
        assert all(end <= line_units(line, *WITH_CUSTOMER) for _, end in units)
        waited = sum(count(part.waited) for part in parts)
        assert line_units(line, Bucket.RETURN_REQUESTED) == waited
        assert line_units(line, Bucket.RETURNED) == sum(count(part.here) for part in parts)
        assert all(part.from_delivered >= 0 for part in parts)


def _check_notices(story: Story) -> None:
    """The customer hears of every unit that is shipped or cancelled, once, and once of a confirmation that something
    comes of."""
    notices = [event for event, _, _ in story.log if isinstance(event, NoticeRequested) and event.tries == 1]
    assert [notice.notice for notice in notices] == [str(number) for number in range(1, len(notices) + 1)]
    state = story.view.order
    to_come = [event for event, _, _ in story.log if isinstance(event, OrderConfirmed) and not event.all_left]
    assert [notice.kind for notice in notices].count(NoticeKind.CONFIRMED) == len(to_come)
    for line in sorted(state.lines):
        ships = ship_groups(state.terms)[line_of(state, line).ship_group].method is ShipMethod.SHIP
        told = {kind: _told_of(line, kind, notices) for kind in NoticeKind}
        left = line_units(state.lines[line], *WITH_CUSTOMER)
        assert told[NoticeKind.SHIPPED] == (left if ships else 0)
        cancelled = line_units(state.lines[line], Bucket.CANCELLED)
        waiting = sum(news.units.get(line, 0) for news in story.view.notices.due)
        # what goes by a change is told with the change
        assert told[NoticeKind.CANCELLED] + waiting + _cancelled_by_changes(line, story) == cancelled
    assert not story.view.notices.due or story.view.fulfillment.withdrawing


def _cancelled_by_changes(line: str, story: Story) -> int:
    cancels = (event for event, _, _ in story.log if isinstance(event, LinesCancelled) and event.change is not None)
    return sum(
        move.quantity
        for event in cancels
        for move in event.moves
        if move.line == line and move.target is Bucket.CANCELLED
    )


def _told_of(line: str, kind: NoticeKind, notices: Sequence[NoticeRequested]) -> int:
    return sum(told.quantity for notice in notices if notice.kind is kind for told in notice.lines if told.line == line)
