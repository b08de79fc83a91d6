"""What comes in kept days alone (kept_days.py): it touches little else, and were it drawn by seeds too, each seed would be
another day. Somebody writes a note, looks after an order or
has a customer told again, a channel takes its order back, an order is taken over from
another system, a customer is forgotten."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.channel import OpenLine, OpenOrder
from contracts.ids import stream
from contracts.order import (
    CUSTOMER,
    AddNote,
    AssignOrder,
    CancelByChannel,
    ForgetCustomer,
    ForgetReason,
    SendNoticeAgain,
)
from contracts.personal import PersonalContent
from services.order.intake import import_order, order_id
from tests.simulation.day import ACCOUNT, DESK, Day, Deed
from tests.simulation.people import channel_order, sealed
from tests.simulation.schedule import Chance
from tests.simulation.world import TENANT

__all__ = ["SELDOM"]


def note(day: Day, chance: Chance) -> None:
    """Somebody writes something down about an order."""
    if (name := day.some_order(chance)) is not None:
        day.say("order", name, AddNote(text=sealed("ada", PersonalContent(notes="rang at noon"))), DESK)


def assign(day: Day, chance: Chance) -> None:
    """Somebody looks after an order, or nobody does any more."""
    if (name := day.some_order(chance)) is not None:
        day.say("order", name, AssignOrder(owner=chance.choice(("anna", "ben", None))), DESK)


def tell_again(day: Day, chance: Chance) -> None:
    """A customer is told again what a notice was about."""
    if (name := day.some_order(chance)) is not None:
        for number in sorted(day.state("order", name).notices.notices):
            day.say("order", name, SendNoticeAgain(notice=number, detail="it was lost"), DESK)


def take_back_by_channel(day: Day, chance: Chance) -> None:
    """A channel takes back the order that it sends next, or one that it sent."""
    coming = stream("order", order_id(TENANT, ACCOUNT, f"{1001 + len(day.orders)}"))
    name = chance.choice((*day.orders, coming))
    day.say("order", name, CancelByChannel(cancel=f"c{chance.below(2)}"), door="channel.orders")


def take_over(day: Day, chance: Chance) -> None:
    """An order comes from another system, where one of its units was cancelled and nothing had left."""
    order = channel_order("2001", ("A", 2, 1000), ("B", 1, 500))
    lines = (OpenLine(line_id="c1", quantity=2, cancelled=1), OpenLine(line_id="c2", quantity=1))
    state = OpenOrder(system="old", lines=lines)
    name = stream("order", order_id(TENANT, ACCOUNT, order.external_id))
    if name not in day.orders:
        day.orders.append(name)
        day.placed[name] = order
        day.say("order", name, import_order(order, state, TENANT, sealed), DESK)


def forget(day: Day, chance: Chance) -> None:
    """The keys of a customer are destroyed."""
    if (name := day.some_order(chance)) is None or (placed := day.state("order", name).order.placed) is None:
        return
    if placed.buyer is not None:
        said = ForgetCustomer(subject=placed.buyer.subject, keys_until=day.world.now, reason=ForgetReason.ASKED)
        day.say("order", stream(CUSTOMER, placed.buyer.subject), said, DESK)


SELDOM: Mapping[str, Deed] = {
    "note": Deed(0, note),
    "assign": Deed(0, assign),
    "tell again": Deed(0, tell_again),
    "take back by channel": Deed(0, take_back_by_channel),
    "take over": Deed(0, take_over),
    "forget": Deed(0, forget),
}
"""By name."""
