"""Whatever comes, in any order and again: units of a line always sum, only what was fulfilled is captured, nothing goes
to a node without what it has to wait for, and the customer hears of each unit once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.stream import open_deadlines
from contracts.chassis import DeadlinePassed, MessageParked
from contracts.fulfillment import (
    FulfillmentCancelled,
    FulfillmentCancelRefused,
    FulfillmentLine,
    FulfillmentRejected,
    RefusalReason,
)
from contracts.inventory import BreakReason, KitComponent, ReservationBroken
from contracts.order import (
    Bucket,
    CancelOrder,
    HeldStep,
    LinesFulfilled,
    NoticeKind,
    NoticeRequested,
    OrderCancelled,
    OrderConfirmed,
    PlaceHold,
    RecordNoticeRefused,
    RecordNoticeSent,
    ReleasedToFulfillment,
    ReleaseHold,
    ShipGroup,
    ShipMethod,
    ShortagePolicy,
)
from contracts.payments import DeclineReason, PaymentDeclined
from services.order.fulfillment_state import Work, fulfilled_in_order
from services.order.kits import Kit, kit_key
from services.order.order import WITH_CUSTOMER, blocked, due, held_lines, line_of, line_units
from services.order.sourcing import Availability
from services.order.stream import ORDER
from services.order.tests.story import ORDER_ID, PAYMENT, SHIP_TO, Story, demand, eur, order
from services.order.value import line_values, parts_of_kits
from services.order.ways import ship_groups

LINES = (("A", 3, 1000), ("B", 2, 501), ("A", 1, 0), ("B", 2, 333), ("A", 1, 77))
PLACES = ("north", "south")
WAYS = (
    ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO),
    ShipGroup(group="counter", method=ShipMethod.PICKUP, location="north"),
    ShipGroup(group="till", method=ShipMethod.CARRY_OUT, location="north"),
)
OF_LINES = ("1", "1", "1", "counter", "till")
picks = st.integers(0, 5)
actions = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *["reserved"] * 8,
                *["authorized", "listed", "picked", "packed", "labelled", "handed_over", "shipped", "captured"] * 4,
                *["ready", "collected"] * 4,
                *[
                    "queued",
                    "rejected",
                    "broken",
                    "withdrawn",
                    "not_withdrawn",
                    "asked_to_cancel",
                    "decided",
                    "release_hold",
                ]
                * 2,
                *["declined", "rejects", "cancel", "hold", "deadline"],
                *["told", "not_told"] * 2,
            ]
        ),
        picks,
        picks,
    ),
    max_size=80,
)
levels = st.dictionaries(st.sampled_from(PLACES), st.integers(0, 4).map(lambda n: Availability(n, 1)), min_size=1)


class Life:
    """Does what an action says, where it can be said at all."""

    def __init__(self, stock: Any, policy: ShortagePolicy, complete: Sequence[str]) -> None:
        self.story = Story(stock)
        lines = zip(order(*LINES).lines, OF_LINES, strict=True)
        self.story.placed(
            *LINES,
            lines=tuple(line.model_copy(update={"ship_group": group}) for line, group in lines),
            ship_groups=tuple(way.model_copy(update={"complete": way.group in complete}) for way in WAYS),
            shortage=policy,
            cancel_after="2026-01-20T00:00:00Z",
        )

    def do(self, action: str, one: int, two: int) -> None:
        story, view = self.story, self.story.view
        claims = sorted(view.reservation.claims.values(), key=lambda claim: claim.sequence)
        works = sorted(view.fulfillment.works.values(), key=lambda work: work.sequence)
        if action in ("reserved", "queued", "rejected", "broken") and claims:
            self._claim(action, claims[one % len(claims)], two)
        elif action in ("authorized", "declined") and view.reservation.authorization:
            declined = PaymentDeclined(order_id=ORDER_ID, amount=eur(1), reason=DeclineReason.CONFLICT)
            story.authorized() if action == "authorized" else story.tell(declined, subject=PAYMENT)
        elif action == "cancel":
            story.tell(CancelOrder())
        elif action == "hold":
            story.tell(PlaceHold(detail="look", lines=(str(1 + one % len(LINES)),) if two % 2 else ()))
        elif action == "release_hold":
            story.tell(ReleaseHold(hold=str(one + 1)))
        elif action == "deadline":
            self._deadline(one)
        elif action == "captured":
            self._captured(one)
        elif action == "told":
            story.tell(RecordNoticeSent(notice=str(one), name="k"))
        elif action == "not_told":
            story.tell(RecordNoticeRefused(notice=str(one), for_now=two > 1, said="no"))
        elif works:
            self._work(action, one % len(works), two)

    def _claim(self, action: str, claim: Any, two: int) -> None:
        part = 1 + two % claim.quantity
        if action == "reserved":
            self.story.reserved(claim.sequence, part, PLACES[two % 2])
        elif action == "queued":
            self.story.queued(claim.sequence, part)
        elif action == "rejected":
            self.story.rejected(claim.sequence)
        else:
            broken = ReservationBroken(
                sku=claim.sku,
                demand=demand(claim.line),
                sequence=claim.sequence,
                location=claim.location,
                quantity=part,
                unit="each",
                reason=BreakReason.COUNT,
                levels=(),
            )
            self.story.tell(broken)

    def _deadline(self, one: int) -> None:
        found = sorted(open_deadlines(ORDER, self.story.stream).items())
        if found:
            name, due_at = found[one % len(found)]
            self.story.later(timedelta(days=4)).tell(DeadlinePassed(name=name, due=due_at))

    def _captured(self, one: int) -> None:
        left = fulfilled_in_order(self.story.view.fulfillment.fulfilled)
        key, fulfilled = left[one % len(left)]
        self.story.captured(fulfilled.asked or fulfilled.amount.amount, fulfillment=key)

    def _work(self, action: str, place: int, two: int) -> None:
        story = self.story
        work = story.view.fulfillment.works[story.work(place)]
        lines = tuple(FulfillmentLine(**line.model_dump()) for line in work.lines)
        where: dict[str, Any] = {"order_id": ORDER_ID, "location": work.location, "lines": lines}
        if action == "rejects":
            story.node(FulfillmentRejected(document="a", **where), place)
        elif action == "withdrawn":
            story.node(FulfillmentCancelled(seen=True, **where), place)
        elif action == "not_withdrawn":
            story.node(FulfillmentCancelRefused(reason=RefusalReason.CLOSED, **where), place)
        elif action == "asked_to_cancel":
            story.asked_to_cancel(place=place)
        elif action == "decided":
            self._decided(place, two)
        elif action == "picked":
            story.picked(min(two % 2, min(line.quantity for line in work.lines)), place)
        elif action in ("listed", "handed_over"):
            getattr(story, action)(place) if action == "listed" or self._packed(place) else None
        elif action == "packed" and self._packed(place):
            story.packed(place)
        elif action in _of_its_way(work) and self._packed(place):
            getattr(story, action)(place)

    def _decided(self, place: int, two: int) -> None:
        """A node lets go of some units of its first line."""
        work = self.story.view.fulfillment.works[self.story.work(place)]
        first = work.lines[0].line
        there = sum(work.counts.get(f"{bucket}:{first}", 0) for bucket in ("released", "picked", "packed"))
        self.story.decided(min(two, there), place=place, packages=self.story.packages(place) if work.packages else ())

    def _packed(self, place: int) -> bool:
        return any(content.quantity > 0 for package in self.story.packages(place) for content in package.contents)


def _of_its_way(work: Work) -> Sequence[str]:
    """What can be said of packages that a carrier takes, or of goods that lie at a counter."""
    if work.method is ShipMethod.PICKUP:
        return ("ready", "collected")
    return ("labelled", "shipped") if work.shipment else ()


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


@given(stocks, st.sampled_from(ShortagePolicy), st.lists(st.sampled_from(("1", "counter"))), actions)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_units_always_sum_and_nothing_is_captured_that_was_not_fulfilled(
    stock: Any, policy: ShortagePolicy, complete: list[str], deeds: list[tuple[str, int, int]]
) -> None:
    life = Life(stock, policy, complete)
    for deed in deeds:
        known = len(life.story.log)
        life.do(*deed)
        check(life.story)
        _check_released(life.story, known)


def _check_released(story: Story, known: int) -> None:
    """Of a line that is held, and of a group that must be complete or a kit while a unit of it waits or is held, nothing
    was released after the first `known` events; and nothing else lies reserved that may leave."""
    state, groups = story.view.order, ship_groups(story.view.order.terms)
    kits = {part.line: part.kit for part in parts_of_kits(state.terms)}
    held = held_lines(state, HeldStep.RELEASE)
    waiting = [name for name, line in state.lines.items() if line_units(line, Bucket.ORDERED, Bucket.BACKORDERED)]
    waiting += [name for name in held if line_units(state.lines[name], Bucket.RESERVED)]
    waiting_groups = {line_of(state, name).ship_group for name in waiting}
    waiting_kits = {kits[name] for name in waiting if name in kits}

    def may_leave(name: str) -> bool:
        group = line_of(state, name).ship_group
        return (
            name not in held
            and kits.get(name) not in waiting_kits
            and not (groups[group].complete and group in waiting_groups)
        )

    fresh = [event for event, _, _ in story.log[known:] if isinstance(event, ReleasedToFulfillment)]
    assert all(may_leave(line.line) for event in fresh for line in event.lines)
    held_up = not (state.open and state.confirmed) or story.view.fulfillment.cancelling
    if not held_up and not story.view.reservation.unanswered and not blocked(state, HeldStep.RELEASE):
        assert not [name for name, line in state.lines.items() if line_units(line, Bucket.RESERVED) and may_leave(name)]


def check(story: Story) -> None:
    """What holds at every prefix of every life."""
    state = story.view.order
    assert not [event for event, _, _ in story.log if isinstance(event, MessageParked)]
    assert state.ended != OrderCancelled.__name__, "a line was handed out at the till"
    for name, moved in state.lines.items():
        assert sum(moved.units) == line_of(state, name).quantity and min(moved.units) >= 0
    fulfilled = [event for event, _, _ in story.log if isinstance(event, LinesFulfilled)]
    assert state.captured <= sum(event.amount.amount for event in fulfilled) <= due(state)
    values = line_values(state.terms, state.adjustments)
    ranges = sorted((part.line, part.from_unit, part.to_unit) for event in fulfilled for part in event.ranges)
    for (line, _, end), (other, start, _) in pairwise(ranges):
        assert line != other or end <= start
    assert all(end <= values[line].units for line, _, end in ranges)
    assert story.view.reservation.unanswered >= 0
    waiting = sum(claim.waiting for claim in story.view.reservation.claims.values() if claim.live)
    assert state.ended or waiting == state.units[3]
    _check_notices(story)


def _check_notices(story: Story) -> None:
    """The customer hears of every unit that is shipped or cancelled, once, and once of a confirmation that something
    comes of."""
    notices = [event for event, _, _ in story.log if isinstance(event, NoticeRequested) and event.tries == 1]
    assert [notice.notice for notice in notices] == [str(number) for number in range(1, len(notices) + 1)]
    state = story.view.order
    to_come = [event for event, _, _ in story.log if isinstance(event, OrderConfirmed) and not event.all_left]
    assert [notice.kind for notice in notices].count(NoticeKind.CONFIRMED) == len(to_come)
    for line in sorted(state.lines):
        group = line_of(state, line).ship_group
        told = {kind: _told_of(line, kind, notices) for kind in NoticeKind}
        left = line_units(state.lines[line], *WITH_CUSTOMER)
        assert told[NoticeKind.SHIPPED] == (left if group == "1" else 0)
        cancelled = line_units(state.lines[line], Bucket.CANCELLED)
        waiting = sum(news.units.get(line, 0) for news in story.view.notices.due)
        assert told[NoticeKind.CANCELLED] + waiting == cancelled
    assert not story.view.notices.due or story.view.fulfillment.withdrawing


def _told_of(line: str, kind: NoticeKind, notices: Sequence[NoticeRequested]) -> int:
    return sum(told.quantity for notice in notices if notice.kind is kind for told in notice.lines if told.line == line)
