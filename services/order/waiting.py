"""What an order waits for: in a sentence, since when, until when, and who can move it.

A function of the order's events alone, so it holds for any moment of its past too. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from chassis.saga import Asked
from chassis.stream import evolve, fresh
from contracts.message import Event, format_instant
from contracts.order import Bucket, HoldPlaced, PackageFate, ShipMethod
from services.order.fulfillment_state import (
    CAPTURE,
    COLLECT,
    DECIDE,
    DISPATCH,
    LABEL,
    RELEASE,
    WITHDRAW,
    WORK,
    Work,
    not_before,
    works_in_order,
)
from services.order.order import ORDER_DESK, Hold, OrderStatus, line_of, line_units, status
from services.order.refund_state import PROPOSAL, REFUND, RefundStage, in_order, step_of
from services.order.reservation_state import AUTHORIZE, CLAIM, INCREASE, Claim, claims_in_order
from services.order.return_state import INSPECT_RETURN, Returning, ReturnState
from services.order.stream import ORDER, STEPS, OrderStream

__all__ = ["Happened", "Wait", "Waiting", "waiting"]

Happened = tuple[Event, str, datetime]
"""An event, the id of the message that caused it, and when it was recorded."""

_ASKED_OF = {
    CLAIM: "inventory to answer its claims on stock",
    AUTHORIZE: "payments to secure what is due",
    INCREASE: "payments to secure what a change costs more",
    RELEASE: "fulfillment to list the work for {location}",
    LABEL: "shipping to label its packages at {location}",
    DISPATCH: "shipping to send off its packages from {location}",
    CAPTURE: "payments to capture what left {location}",
    WITHDRAW: "fulfillment to tell {location} of the cancel",
}


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that an order waits for. `key` stays the same as long as the wait does; `until` is when Orderlog acts
    by itself (asks again, or places a hold), None where it never will."""

    key: str
    what: str
    mover: str
    until: datetime | None = None


ENDED = (OrderStatus.COMPLETED, OrderStatus.CANCELLED, OrderStatus.PARTLY_RETURNED, OrderStatus.RETURNED)
"""Statuses of orders that go no further by themselves."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order's waits, each with when it began, those first that keep all the rest from going on."""

    number: str
    status: OrderStatus
    waits: tuple[tuple[Wait, datetime], ...]

    @property
    def sentence(self) -> str:
        """What people ask for: what it waits for, and who can move it."""
        if not self.waits:
            over = self.status in ENDED
            return f"Order {self.number} is {self.status}" + (
                " and waits for nothing." if over else " and goes on now."
            )
        first, since = self.waits[0]
        more = f", and for {len(self.waits) - 1} more" if len(self.waits) > 1 else ""
        return f"Order {self.number} waits for {first.what} since {since:%Y-%m-%d %H:%M:%S} UTC{more}; {first.mover}."


def waiting(stream: str, happened: Iterable[Happened]) -> Waiting | None:
    """What an order waits for after these events of its stream, which begin with its first; None before it is placed."""
    folded = fresh(ORDER, stream)
    holds: dict[str, HoldPlaced] = {}
    found: dict[str, tuple[Wait, datetime]] = {}
    for event, cause, time in happened:
        folded = evolve(ORDER, folded, event, cause, time)
        if isinstance(event, HoldPlaced):
            holds[event.hold] = event
        now = _waits(folded.view(ORDER), holds)
        found = {wait.key: (wait, found[wait.key][1] if wait.key in found else time) for wait in now}
    state: OrderStream = folded.view(ORDER)
    known = status(state.order)
    return None if known is None else Waiting(state.order.terms.number, known, tuple(found.values()))


def _waits(state: OrderStream, holds: Mapping[str, HoldPlaced]) -> list[Wait]:
    if not state.order.open:
        return [*_astray(state), *_refunds(state), *_returns(state)]
    return [
        *_held(state, holds),
        *_unanswered(state),
        *_for_stock(state),
        *_early(state),
        *_at_nodes(state),
        *_astray(state),
        *_refunds(state),
        *_returns(state),
    ]


def _held(state: OrderStream, holds: Mapping[str, HoldPlaced]) -> Iterator[Wait]:
    """Holds that block every step come first, those of lines alone last."""

    def first(hold: Hold) -> tuple[bool, int, int]:
        return bool(hold.lines), -len(hold.blocks), int(hold.hold)

    for hold in (held.hold for held in sorted(state.order.holds.values(), key=first)):
        placed = holds[hold]
        yield Wait(
            f"hold/{hold}",
            f"somebody to look at hold {hold}{_of_lines(placed)} ({placed.kind}: {placed.detail})",
            f"{placed.owner} can release the hold, or cancel the order",
        )


def _of_lines(hold: HoldPlaced) -> str:
    """Which lines wait, where not the whole order does: in the words of whoever named them."""
    if not hold.held_lines:
        return ""
    return f" of line {hold.lines[0]}" if len(hold.lines) == 1 else f" of lines {', '.join(hold.lines)}"


def _unanswered(state: OrderStream) -> Iterator[Wait]:
    """Steps that were asked for; what takes people days is told by what they have to do."""
    asked = [*state.reservation.asks.values(), *state.fulfillment.asks.values()]
    for each in sorted((each for each in asked if each.due and each.step not in (WORK, COLLECT)), key=_oldest):
        subject = state.fulfillment.works.get(each.key) or state.fulfillment.fulfilled.get(each.key)
        location = (subject.location if subject else None) or "a till"
        service = STEPS[each.step].service
        if each.step == DECIDE:
            yield _decision(each, location)
            continue
        times = f", asked {each.asks} times" if each.asks > 1 else ""
        what = _ASKED_OF[each.step].format(location=location) + times
        yield Wait(f"{each.step}/{each.key}", what, f"the {service} service can answer", each.due)


def _decision(asked: Asked, location: str) -> Wait:
    """A node that thinks about a cancel: by its own deadline, when silence refuses."""
    assert asked.due is not None
    until = asked.due - STEPS[DECIDE].answer_within
    what = f"{location} to say what it can still cancel (until {until:%Y-%m-%d %H:%M:%S} UTC, then nothing)"
    return Wait(f"{asked.step}/{asked.key}", what, f"{location} can answer", until)


def _oldest(asked: Asked) -> tuple[datetime, str, str]:
    assert asked.due is not None
    return asked.due, asked.step, asked.key


def _for_stock(state: OrderStream) -> Iterator[Wait]:
    """Units in inventory's queue."""
    for claim in claims_in_order(state.reservation.claims):
        if claim.live and claim.waiting:
            places = ", ".join(claim.eligible_locations) or claim.location
            yield Wait(
                f"stock/{claim.sequence}",
                f"{claim.waiting} {claim.unit} of {claim.sku} (line {claim.line}) to arrive ({_expected(claim)})",
                f"goods received at {places} can serve it",
            )


def _expected(claim: Claim) -> str:
    if claim.expected_at is None:
        return "no announced supply will bring them"
    return f"expected with {claim.awaits} on {claim.expected_at:%Y-%m-%d}"


def _early(state: OrderStream) -> Iterator[Wait]:
    """Units that are reserved, of lines that must not leave yet: one wait for each first moment."""
    terms, order = state.order.terms, state.order
    for limit in state.fulfillment.not_before:
        reserved = [
            name
            for name, line in sorted(order.lines.items())
            if not_before(terms, line_of(order, name)) == limit and line_units(line, Bucket.RESERVED)
        ]
        if reserved:
            named = f"line {reserved[0]}" if len(reserved) == 1 else f"lines {', '.join(reserved)}"
            what = f"{limit:%Y-%m-%d %H:%M:%S} UTC ({named} must not leave before)"
            yield Wait(f"not_before/{format_instant(limit)}", what, "it goes on then by itself", limit)


def _at_nodes(state: OrderStream) -> Iterator[Wait]:
    for key, work in works_in_order(state.fulfillment.works):
        if not work.open or work.handed_over is not None:
            continue
        if work.ready:
            yield _at_counter(state, key, work)
        elif (deed := _next_deed(work)) is not None:
            due = state.fulfillment.asks.get(f"{WORK}/{key}")
            yield Wait(f"{deed}/{key}", f"{work.location} to {deed}", f"{work.location} can", due.due if due else None)


def _at_counter(state: OrderStream, key: str, work: Work) -> Wait:
    asked = state.fulfillment.asks.get(f"{COLLECT}/{key}")
    due = asked.due if asked else None
    until = f" until {due:%Y-%m-%d %H:%M:%S} UTC" if due else ""
    units = sum(work.counts.values())
    what = f"the customer ({units} units wait at {work.location} to be collected{until})"
    mover = f"whoever may collect them can, and {ORDER_DESK} can cancel the order"
    return Wait(f"{COLLECT}/{key}", what, mover, due)


def _astray(state: OrderStream) -> Iterator[Wait]:
    """Packages that did not arrive, also of an order that is complete."""
    for package, astray in sorted(state.astray.packages.items()):
        units = sum(line.quantity for line in astray.lines)
        became = f"{astray.carrier} lost it" if astray.fate is PackageFate.LOST else f"{astray.carrier} brings it back"
        what = f"somebody to look after package {astray.number} of shipment {astray.shipment} ({units} units: {became})"
        yield Wait(f"package/{package}", what, f"{astray.owner} can settle it")


def _refunds(state: OrderStream) -> Iterator[Wait]:
    """Money that is owed or may come to be, also of an order that has ended."""
    for key, refund in in_order(state.refunds):
        decision, asked = refund.contents, state.refunds.asks.get(f"{step_of(refund.contents)}/{key}")
        money = f"{decision.amount.to_decimal()} {decision.amount.currency} (refund {decision.number})"
        if refund.stage is RefundStage.PROPOSED:
            what, mover = f"a second person to approve {money}", "anybody else who may give as much can"
            yield Wait(f"{PROPOSAL}/{key}", what, mover, refund.decide_by)
        elif refund.failed is not None:
            what = f"somebody to look at {money} that was not paid back"
            yield Wait(f"failed_refund/{key}", what, f"{refund.failed.owner} can have it tried again, or withdraw it")
        elif refund.stage is RefundStage.GRANTED and asked is not None:
            times = f", asked {asked.asks} times" if asked.asks > 1 else ""
            what = f"payments to pay back {money}{times}"
            yield Wait(f"{REFUND}/{key}", what, "the payments service can answer", asked.due)


def _returns(state: OrderStream) -> Iterator[Wait]:
    """Returns that are not over, also of an order that is complete."""
    for number, each in sorted(state.returns.returns.items()):
        if (found := _return(state, number, each)) is not None:
            what, mover, until = found
            yield Wait(f"return/{number}", f"{what} (return {number})", mover, until)


def _return(state: OrderStream, number: str, each: Returning) -> tuple[str, str, datetime | None] | None:
    """What a return waits for, who can move it, and until when."""
    if each.state is ReturnState.REQUESTED:
        return "somebody to decide what the rules do not", f"{ORDER_DESK} can approve or decline it", each.decide_by
    if each.state in (ReturnState.APPROVED, ReturnState.IN_TRANSIT):
        if not each.listed:
            return "the fulfillment service to list it", "the fulfillment service can answer", None
        return "goods to come back", "the customer can send them, or withdraw it", each.goods_by
    if each.state is ReturnState.RECEIVED:
        if any(line.waited for line in each.lines.values()) and not any(line.received for line in each.lines.values()):
            return "the rest to come back", "the customer can send it, and the node can close it", each.goods_by
        asked = state.returns.asks.get(f"{INSPECT_RETURN}/{number}")
        return "somebody to look at what came", "the node that has it can", asked.due if asked else None
    return None


def _next_deed(work: Work) -> str | None:
    """What the people at a node do next; None while they wait for labels themselves."""
    left = {
        bucket: sum(count for key, count in work.counts.items() if key.startswith(f"{bucket}:")) for bucket in Bucket
    }
    if left[Bucket.RELEASED]:
        return f"pick {left[Bucket.RELEASED]} units"
    if work.method is ShipMethod.PICKUP:
        return f"set aside {left[Bucket.PICKED] + left[Bucket.PACKED]} units to be collected"
    if left[Bucket.PICKED]:
        return f"pack {left[Bucket.PICKED]} units"
    return "hand over the packages" if left[Bucket.PACKED] and work.labelled else None
