"""The end of a day: nothing goes wrong any more, and everybody does what they have to until nobody has anything to do.

What is left open after that waits for goods, or for a person who is named (liveness.py).
"""

from __future__ import annotations

from contracts.fulfillment import Disposition
from contracts.order import ApproveReturn, DeclineChange, DeclineRefund, HoldKind, ReleaseHold
from services.fulfillment.return_state import unseen
from services.payments.card_calls import CallStage
from tests.simulation.day import DESK, FINANCE, Day
from tests.simulation.money_deeds import NoticeDesk, notices, resolved
from tests.simulation.node_deeds import inspect, next_fact, to_do
from tests.simulation.provider import Mood
from tests.simulation.schedule import Chance
from tests.simulation.world import Broken

__all__ = ["NOBODY_CAN_HELP", "ROUNDS_MAX", "everybody_works", "heal"]

ROUNDS_MAX = 200
"""Rounds of everybody's work and of waiting for the next deadline; more is a day that never ends."""

NOBODY_CAN_HELP = (HoldKind.UNKNOWN_SKU, HoldKind.NO_LOCATION, HoldKind.MISSING_SKU)
"""Holds that are not released for what they are about: goods that nobody knows, or that are nowhere."""

HOLDS_RELEASED_MAX = 6
"""How often one order's holds are released in the end: what is refused as often is refused for good."""


def heal(day: Day) -> None:
    """Raises Broken when it never ends."""
    world = day.world
    world.stopped.clear()
    world.skew.clear()
    day.desk.restart()
    released: dict[str, int] = {}
    for _ in range(ROUNDS_MAX):
        world.run()
        if _provider(day) or _nodes(day) or _desks(day, released):
            continue
        if not _time(day):
            return
    raise Broken("never ends", f"the day does not end: open are {world.deadlines()[:4]}")


def everybody_works(day: Day, rounds: int) -> None:
    """For a while all goes as it should: messages arrive, the provider does what it is asked, nodes do their work."""
    for _ in range(rounds):
        day.world.run()
        if not (_provider(day) or _nodes(day)):
            return
    day.world.run()


def _provider(day: Day) -> bool:
    """The provider does and tells all that it has to; what nobody can tell is looked up by a person."""
    acted = False
    while day.desk.act(Chance(0), (Mood.DOES,)):
        acted = True
        day.world.run()
    for entry in day.bank.waiting():
        day.bank.finish(entry, True)
        day.desk.tell(len(day.bank.notices) - 1)
        acted = True
    for name, view in day.views("payments", "payment"):
        for key, known in sorted(view.cards.calls.items()):
            if known.stage is CallStage.UNRESOLVED and not view.cards.done_by_another(known.call):
                resolved(day, name, key)
                acted = True
    return acted


def _nodes(day: Day) -> bool:
    """Nodes finish their work, and look at what came back; notices are sent."""
    acted = False
    for name, view in day.views("fulfillment", "fulfillment_order"):
        fact = next_fact(day, view, Chance(0)) if to_do(day, view) else None
        if fact is not None:
            day.say("fulfillment", name, fact, door="node")
            acted = True
    for name, view in day.views("fulfillment", "return"):
        if unseen(view):
            inspect(day, name, view, Disposition.RESTOCK)
            acted = True
    if NoticeDesk.waiting(day):
        notices(day, Chance(0))
        acted = True
    return acted


def _desks(day: Day, released: dict[str, int]) -> bool:
    """Holds are released as far as that helps, and what a person has to decide is decided."""
    acted = False
    for name, view in day.views("order", "order"):
        for held in sorted(view.order.holds.values(), key=lambda each: int(each.hold)):
            if view.order.open and held.kind not in NOBODY_CAN_HELP and released.get(name, 0) < HOLDS_RELEASED_MAX:
                released[name] = released.get(name, 0) + 1
                day.say("order", name, ReleaseHold(hold=held.hold), DESK)
                acted = True
        for number, each in sorted(view.returns.returns.items()):
            if each.decide_by is not None:
                day.say("order", name, ApproveReturn(number=int(number)), DESK)
                acted = True
        for key, refund in sorted(view.refunds.refunds.items()):
            if refund.decide_by is not None:
                day.say("order", name, DeclineRefund(refund=key), FINANCE)
                acted = True
        proposed = view.changes.proposed
        if proposed is not None and view.changes.increase is None and view.order.open:
            day.say("order", name, DeclineChange(change=proposed.change), DESK)
            acted = True
    return acted


def _time(day: Day) -> bool:
    """The next deadline passes; False when there is none."""
    open_ones = day.world.deadlines()
    if not open_ones:
        return False
    day.world.now = max(day.world.now, open_ones[0][0])
    day.world.fire(times=1)
    return True
