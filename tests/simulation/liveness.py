"""What holds once a day is healed: everything has ended, or waits openly for goods or for somebody who is named, and what
each service believes agrees with the others and with the provider's ledger."""

from __future__ import annotations

from collections import Counter
from typing import Any

from contracts.ids import split_stream
from contracts.inventory import StockFulfilled, StockHandedOut
from contracts.order import Bucket, LinesFulfilled, OrderCancelled, OrderCompleted, OrderReopened, StepUnanswered
from contracts.payments import (
    CallStep,
    CardAuthorizationLapsed,
    CardCaptured,
    CardRefunded,
    PaymentCaptured,
    PaymentRefunded,
    PaymentVoided,
    RefundRefused,
)
from contracts.payments.collecting import CollectionGivenUp
from contracts.shipping import ShipmentCancelled, ShipmentCreated, Shipped
from services.order.order import units
from services.order.refund_state import RefundStage
from services.order.waiting import waiting
from tests.simulation.day import Day
from tests.simulation.safety import must

__all__ = ["check"]

GONE = (Bucket.FULFILLED, Bucket.DELIVERED, Bucket.RETURN_REQUESTED, Bucket.RETURNED)
"""Buckets of units that left, wherever they are now."""

OURS = ("claim", "release", "dispatch")
"""Steps that our own services answer at once."""


def check(day: Day) -> None:
    """Raises Broken when something does not hold."""
    world = day.world
    must(not world.waiting(), "rest", "messages are on their way")
    must(not world.deadlines(), "rest", f"deadlines are open: {world.deadlines()[:3]}")
    for name, view in day.views("order", "order"):
        if view.order.placed is not None:
            _order(day, name, view)
    _shipments(day)
    _gone(day)
    _given_up(day)
    _provider(day)
    _collected(day)
    for service in ("order", "inventory", "fulfillment", "shipping", "payments"):
        world.die(service)


def _order(day: Day, name: str, view: Any) -> None:
    going = [each for each in view.refunds.refunds.values() if each.stage in GOING]
    unsettled = view.order.open or len(view.astray.packages) > 0 or bool(going) or _returns(view)
    if unsettled:
        found = waiting(name, day.world.history("order", name))
        assert found is not None
        named = bool(found.waits) and all(wait.what and wait.mover for wait, _ in found.waits)
        must(named, "waits for nobody", f"{name}: {found.sentence}")
    asks = [
        asked
        for fold in (view.reservation, view.fulfillment, view.refunds, view.returns)
        for asked in fold.asks.values()
        if asked.due is not None
    ]
    must(not asks, "unanswered", f"{name} waits for {asks}")
    _claims(day, name, view)
    _money(day, name, view)


GOING = (RefundStage.PROPOSED, RefundStage.GRANTED, RefundStage.FAILED)


def _returns(view: Any) -> bool:
    return any(not each.state.over for each in view.returns.returns.values())


def _claims(day: Day, name: str, view: Any) -> None:
    """I-03: inventory holds for an order what the order believes, which is nothing once it has ended."""
    there = {
        claim.terms.sequence: (claim.reserved, claim.waiting)
        for _, book in day.views("inventory", "stock_item")
        for claim in book.claims.values()
        if claim.terms.demand.id == split_stream(name)[1] and (claim.reserved or claim.waiting)
    }
    held = view.reservation.held.values()
    believed = {
        claim.sequence: (sum(part.quantity for part in held if part.sequence == claim.sequence), claim.waiting)
        for claim in view.reservation.claims.values()
    }
    wanted = {} if view.order.ended else {sequence: both for sequence, both in believed.items() if any(both)}
    must(there == wanted, "claims differ", f"{name}: inventory holds {there}, the order {wanted}")


def _money(day: Day, name: str, view: Any) -> None:
    """What was taken, or paid by credit of an exchange, is what left, less what nobody could take; what was paid back is what
    payments paid back."""
    order_id = split_stream(name)[1]
    left = [event for of, event in day.world.events if of == name and isinstance(event, LinesFulfilled)]
    worth = sum(event.amount.amount for event in left)
    owed = [each for each in view.fulfillment.fulfilled.values() if each.asked and not each.captured]
    credit = sum(each.applied for each in view.exchanges.exchanges.values())
    missing = worth - view.order.captured - credit
    must(missing >= 0 and (missing == 0 or view.order.open or bool(owed)), "not taken", f"{name}: {missing} of {worth}")
    if view.order.ended and not view.order.holds:
        must(missing == 0, "not taken", f"{name} has ended with {missing} of {worth} not taken")
    back = sum(event.amount.amount for event in day.world.of(PaymentRefunded) if event.order_id == order_id)
    told = sum(each.refunded for each in view.refunds.refunds.values() if str(each.contents.to) != "store_credit")
    parts = any(event.order_id == order_id for event in day.world.of(RefundRefused))
    must(back == told or parts, "paid back", f"{name}: payments paid back {back}, the order knows of {told}")
    must(units(view.order, Bucket.ORDERED) == 0 or bool(view.order.holds), "not sourced", name)


def _shipments(day: Day) -> None:
    """Of an order that has ended no label is neither used nor void."""
    ended = {split_stream(name)[1] for name, view in day.views("order", "order") if view.order.ended}
    over = {name for name, event in day.world.events if isinstance(event, Shipped | ShipmentCancelled)}
    labelled = {
        name for name, event in day.world.events if isinstance(event, ShipmentCreated) and event.order_id in ended
    }
    must(labelled <= over, "label left", f"{sorted(labelled - over)}")


def _lapsed_in_time(day: Day) -> set[str]:
    """The authorisations that had lapsed before their order ended, or before payments heard that they are to be let go of:
    nobody lets go of those."""
    lapsed: set[str] = set()
    over: set[str] = set()
    late: dict[str, set[str]] = {}
    for name, event in day.world.events:
        match event:
            case OrderCompleted() | OrderCancelled():
                over.add(split_stream(name)[1])
            case OrderReopened():
                over.discard(split_stream(name)[1])
            case CardAuthorizationLapsed() if event.order_id in over:
                late.setdefault(event.order_id, set()).add(event.authorization)
            case CardAuthorizationLapsed():
                lapsed.add(event.authorization)
            case PaymentVoided():
                lapsed |= late.pop(event.order_id, set())
    return lapsed


def _provider(day: Day) -> None:
    """I-05, I-08: the provider's books and our events say the same, and of an order that has ended it holds nothing."""
    bank, world = day.bank, day.world
    for step, kind in ((CallStep.CAPTURE, CardCaptured), (CallStep.REFUND, CardRefunded)):
        theirs = sorted(entry.call.key for entry in bank.done(step))
        ours = sorted(event.key for event in world.of(kind))  # type: ignore[attr-defined]
        must(theirs == ours, f"{step}s differ", f"the provider did {theirs}, our events say {ours}")
    for name, view in day.views("payments", "payment"):
        calls = [each for each in view.cards.calls.values() if each.open]
        must(not calls, "calls open", f"{name}: {[(str(each.call.step), str(each.stage)) for each in calls]}")
    lapsed = _lapsed_in_time(day)
    for name, view in day.views("order", "order"):
        held = bank.held(split_stream(name)[1], lapsed)
        must(not (view.order.ended and held), "money held", f"of {name} the provider holds {held}")
        kept = _prepaid(day, split_stream(name)[1])
        must(not (view.order.ended and kept), "money kept", f"of {name} {kept} was taken at the order for nothing")


def _prepaid(day: Day, order_id: str) -> int:
    """What was taken at the order or for an invoice, pays for nothing, and did not go back, in minor units."""
    world = day.world
    taken = sum(e.amount.amount for e in world.of(CardCaptured) if e.order_id == order_id and e.prepaid)
    back = sum(e.amount.amount for e in world.of(CardRefunded) if e.order_id == order_id and e.prepaid)
    captures = (part for e in world.of(PaymentCaptured) if e.order_id == order_id for part in e.captures)
    collected: int = sum(
        kept for _, view in day.views("payments", "invoice") if view.order_id == order_id for _, kept in view.charged
    )
    return taken - back - collected - sum(part.amount.amount for part in captures if part.prepaid)


def _collected(day: Day) -> None:
    """What is charged to a card on file is paid, or finance was told that it is not; no attempt is under way for ever."""
    for name, view in day.views("payments", "invoice"):
        must(view.collecting is None, "collecting", f"{name} is being charged, by attempt {view.collecting}")
        if view.stage == "issued" and view.collected_from is not None:
            told = any(of == name and isinstance(event, CollectionGivenUp) for of, event in day.world.events)
            must(not view.open or told, "not collected", f"{name} has {view.open} open, and nobody was told")


def _gone(day: Day) -> None:
    """I-06: of an order that has ended, as many units left the stock as it calls fulfilled."""
    left: Counter[str] = Counter()
    for kind in (StockFulfilled, StockHandedOut):
        for event in day.world.of(kind):
            left[event.demand.id] += event.quantity  # type: ignore[attr-defined]
    for name, view in day.views("order", "order"):
        gone, told = left[split_stream(name)[1]], sum(units(view.order, bucket) for bucket in GONE)
        must(
            not view.order.ended or gone == told, "not gone", f"{gone} left the stock for {name}, which tells of {told}"
        )


def _given_up(day: Day) -> None:
    """On a day on which nothing went wrong, every step was answered that no person or provider has a part in."""
    silent = [event.step for event in day.world.of(StepUnanswered) if event.step in OURS]
    must(bool(day.faults) or not silent, "given up", f"nothing went wrong, and nobody answered {silent}")
