"""The sourcing decision of an order as events: where each open unit comes from, and what becomes of what nobody has.

The rules that rank locations are in sourcing.py; here is what the order knows beside them: policies, barred locations,
last moments, attempts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from chassis.decider import Context
from chassis.states import replace
from contracts.message import Event
from contracts.order import (
    Allocation,
    Bucket,
    CancelReason,
    HeldStep,
    HoldKind,
    LinesCancelled,
    OrderCancelled,
    Shortage,
    ShortagePolicy,
    SourcingDecided,
)
from services.order import order as orders
from services.order.kits import with_components
from services.order.order import (
    IN_FULFILLMENT,
    WITH_CUSTOMER,
    held_lines,
    line_of,
    line_units,
    move,
    moves_to_cancelled,
    units,
)
from services.order.reservation_answers import cancel_rest, too_late
from services.order.sourcing import Demanded, Plan, Stock, plan
from services.order.sourcing_rules import RULES_VERSION
from services.order.value import parts_of_kits
from services.order.ways import counters, ship_groups

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["ATTEMPTS_MAX", "open_demands", "source"]

ATTEMPTS_MAX = 3
"""Times that refused units are sourced again; then they wait for supply, or are cancelled by policy."""

CLAIMS_ANSWERED_WITHIN = timedelta(minutes=5)
"""How long inventory may take to answer the claims of a decision before they are asked for again."""

SHOWN_MAX = 20
"""Lines that a hold about sourcing names."""


def open_demands(state: OrderStream) -> list[Demanded]:
    """What has to be sourced, in line order: units that nothing has been decided about, of lines that are not held."""
    lines = sorted(state.order.lines.items(), key=lambda item: item[1].index)
    collected_at, groups = counters(state.order.terms), ship_groups(state.order.terms)
    held = held_lines(state.order, HeldStep.SOURCING)
    found = []
    for name, line in lines:
        quantity = line_units(line, Bucket.ORDERED)
        if quantity and name not in held:
            placed = line_of(state.order, name)
            barred = (*state.reservation.barred.get(name, ()), *state.reservation.refused.get(name, ()))
            only_at = collected_at.get(placed.ship_group)
            group = groups.get(placed.ship_group)
            area = group.ship_to.area if group and group.ship_to and only_at is None else None
            found.append(Demanded(name, placed.sku, placed.unit, quantity, barred, only_at, area))
    return found


class _Missing(NamedTuple):
    """Units that nobody has, what the policy makes of them, and the locations that could serve them later."""

    demand: Demanded
    quantity: int
    policy: ShortagePolicy
    eligible: tuple[str, ...]


def source(state: OrderStream, context: Context) -> Sequence[Event]:
    """Decide about every open unit at once. Past the last attempt nothing counts as available: what inventory refused
    again and again waits for supply, where refusing is not possible."""
    attempt = state.reservation.attempt + 1
    demands = open_demands(state)
    known = with_components(context.needed)
    stock: Stock = {sku: known.get(sku, {}) for sku in sorted({demand.sku for demand in demands})}
    made, given_up = _of_whole_kits(state, demands, stock, context, taking=attempt <= ATTEMPTS_MAX)
    ranks = {place: rank for rank, place in enumerate(made.ranking)}
    missing = [
        _Missing(demand, quantity, _policy(state, demand, context), _eligible(state, demand, stock, ranks))
        for demand, quantity in made.missing
    ]
    missing += [_Missing(demand, quantity, ShortagePolicy.CANCEL_LINE, ()) for demand, quantity in given_up]
    waiting = [part for part in missing if part.policy is ShortagePolicy.BACKORDER]
    if stuck := [part.demand for part in waiting if not part.eligible]:
        return (_nowhere(state, stuck, stock),)
    cancels_order = any(part.policy is ShortagePolicy.CANCEL_ORDER for part in missing)
    allocations = () if cancels_order else _allocations(state, made, waiting)
    decided = _decided_by(state, context, made, attempt, allocations, missing)
    return (decided, *_cancelled_by_policy(state, missing, cancels_order))


def _of_whole_kits(
    state: OrderStream, demands: Sequence[Demanded], stock: Stock, context: Context, *, taking: bool
) -> tuple[Plan, list[tuple[Demanded, int]]]:
    """The plan, and what is given up beside it: where a component that does not wait is short, all that is for the same
    kits, so that nobody gets a part of a kit."""
    made = plan(demands, stock, context.now.date(), taking=taking)
    parts = {part.line: part for part in parts_of_kits(state.order.terms)}
    lost: dict[str, int] = {}
    for demand, quantity in made.missing:
        part = parts.get(demand.line)
        if part and _policy(state, demand, context) is ShortagePolicy.CANCEL_LINE:
            lost[part.kit] = max(lost.get(part.kit, 0), -(-quantity // part.per))
    if not lost:
        return made, []
    given_up, kept = [], []
    for demand in demands:
        part = parts.get(demand.line)
        gone = min(demand.quantity, lost.get(part.kit, 0) * part.per) if part else 0
        if gone:
            given_up.append((demand, gone))
        if gone < demand.quantity:
            kept.append(replace(demand, quantity=demand.quantity - gone))
    if not kept:
        return made._replace(sourced=(), missing=(), candidates=()), given_up
    made, more = _of_whole_kits(state, kept, stock, context, taking=taking)
    return made, [*given_up, *more]


def _eligible(state: OrderStream, demand: Demanded, stock: Stock, ranks: Mapping[str, int]) -> tuple[str, ...]:
    """Locations that may serve a line once it waits: those known for its SKU, best first, unless barred for good. Where
    it is collected may be new to goods that others have."""
    barred = state.reservation.barred.get(demand.line, ())
    places = stock[demand.sku] if demand.only_at is None else [demand.only_at] if stock[demand.sku] else ()
    known = [place for place in places if place not in barred]
    return tuple(sorted(known, key=lambda place: (ranks.get(place, len(ranks)), place)))


def _nowhere(state: OrderStream, stuck: Sequence[Demanded], stock: Stock) -> Event:
    unknown = [demand for demand in stuck if not stock[demand.sku]]
    kind = HoldKind.UNKNOWN_SKU if unknown else HoldKind.NO_LOCATION
    shown = (unknown or stuck)[:SHOWN_MAX]
    names = ", ".join(sorted({demand.sku for demand in shown}))
    why = "no location ever had" if unknown else "every location is barred for"
    lines = [demand.line for demand in shown]
    return orders.hold(state.order, kind, f"{why} {names}", (HeldStep.SOURCING,), lines)


def _policy(state: OrderStream, demand: Demanded, context: Context) -> ShortagePolicy:
    """What becomes of units that nobody has. Past the line's last moment, or once the order is confirmed and the rest
    of it under way, a wish to wait or to cancel the order means the line. A kit that is claimed in part waits for the
    rest, until its last moment."""
    chosen = line_of(state.order, demand.line).shortage or state.order.terms.shortage
    if too_late(state.order, demand.line, context.now):
        return ShortagePolicy.CANCEL_LINE
    if chosen is ShortagePolicy.CANCEL_ORDER and not state.order.confirmed:
        return chosen
    if _kit_begun(state, demand.line):
        return ShortagePolicy.BACKORDER
    return ShortagePolicy.CANCEL_LINE if chosen is ShortagePolicy.CANCEL_ORDER else chosen


def _kit_begun(state: OrderStream, line: str) -> bool:
    """Whether something of the kit that a component is of is claimed already, or has left without the rest: then it waits
    to be whole. Kits that left whole, here or elsewhere, keep the others from nothing."""
    if line_of(state.order, line).relates_to is None:
        return False
    parts = parts_of_kits(state.order.terms)
    kit = next((part.kit for part in parts if part.line == line), None)
    siblings = [(state.order.lines[part.line], part.per) for part in parts if part.kit == kit]
    if any(line_units(each, Bucket.RESERVED, Bucket.BACKORDERED, *IN_FULFILLMENT) for each, _ in siblings):
        return True
    return len({Fraction(line_units(each, *WITH_CUSTOMER), per) for each, per in siblings}) > 1


def _decided_by(
    state: OrderStream,
    context: Context,
    made: Plan,
    attempt: int,
    allocations: tuple[Allocation, ...],
    missing: Sequence[_Missing],
) -> SourcingDecided:
    return SourcingDecided(
        decision=state.reservation.decisions + 1,
        attempt=attempt,
        rules_version=RULES_VERSION,
        allocations=allocations,
        shortages=tuple(Shortage(line=p.demand.line, quantity=p.quantity, policy=p.policy) for p in missing),
        candidates=made.candidates,
        seen=made.seen,
        answer_by=context.now + CLAIMS_ANSWERED_WITHIN if allocations else None,
    )


def _cancelled_by_policy(state: OrderStream, missing: Sequence[_Missing], cancels_order: bool) -> Sequence[Event]:
    if cancels_order and units(state.order, *WITH_CUSTOMER):
        return (cancel_rest(state, CancelReason.OUT_OF_STOCK),)
    if cancels_order:
        return (OrderCancelled(cause=CancelReason.OUT_OF_STOCK, moves=moves_to_cancelled(state.order)),)
    short = [part for part in missing if part.policy is ShortagePolicy.CANCEL_LINE]
    moves = [move(part.demand.line, part.quantity, Bucket.ORDERED, Bucket.CANCELLED) for part in short]
    if not moves:
        return ()
    return (LinesCancelled(reason=CancelReason.OUT_OF_STOCK, moves=tuple(each for part in moves for each in part)),)


def _allocations(state: OrderStream, made: Plan, waiting: Sequence[_Missing]) -> tuple[Allocation, ...]:
    found = [(part.demand, part.quantity, part.location, ()) for part in made.sourced]
    queued = [(part.demand, part.quantity, part.eligible[0], part.eligible) for part in waiting]
    return tuple(
        Allocation(
            line=demand.line,
            sequence=sequence,
            sku=demand.sku,
            quantity=quantity,
            unit=demand.unit,
            location=location,
            queue=bool(eligible),
            eligible_locations=eligible,
        )
        for sequence, (demand, quantity, location, eligible) in enumerate(
            [*found, *queued], start=state.reservation.next_sequence
        )
    )
