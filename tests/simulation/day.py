"""A simulated day: a world, those outside it, and the acts that happen in it, one after the other.

Here is what every deed needs of the day; which deeds there are stands in deeds.py. When the acts are over the day is
healed (healing.py), and what must hold is checked (safety.py while it goes on, liveness.py at the end).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.channel import ChannelOrder
from contracts.envelope import Actor
from contracts.ids import stream
from contracts.message import Message
from contracts.payments.gift_codes import gift_card_id
from services.order.intake import order_id, place_order
from tests.simulation.people import sealed
from tests.simulation.provider import Bank, ProviderDesk
from tests.simulation.schedule import Chance
from tests.simulation.world import TENANT, World

__all__ = ["CODE", "DESK", "FINANCE", "LEDGER", "PLACES", "SKUS", "Day", "Deed"]

SKUS = ("A", "B", "SET")
"""What is sold; SET may be a kit of A and B."""

PLACES = ("north", "south")
ACCOUNT = "webshop-eu"

CODE = "ABCDE-FGHJK-MNPQR-STVWX"
LEDGER = stream("stored_value", gift_card_id(TENANT, sealed, CODE))
"""The gift card that customers pay with."""

DESK = Actor(kind="person", subject="anna")
FINANCE = Actor(kind="person", subject="ben")


@dataclass(frozen=True)
class Deed:
    """Something that may happen: how often, among all, and how. A fault is counted under its name."""

    weight: int
    do: Callable[[Day, Chance], None]
    fault: bool = False


class Day:
    """`orders` are the streams of orders that came, `placed` what the channel said last of each. `faults` counts what
    went wrong, by kind."""

    def __init__(self, world: World, several: bool = True) -> None:
        self.world = world
        self.bank = Bank(lambda: world.now, several)
        self.desk = ProviderDesk(world, self.bank)
        self.orders: list[str] = []
        self.placed: dict[str, ChannelOrder] = {}
        self.faults: Counter[str] = Counter()
        self.told: list[tuple[int, str]] = []
        """What happened outside, by how many messages had been handled before: for the trace."""
        self._said = 0

    def tell(self, what: str) -> None:
        """A remark for whoever reads the trace."""
        self.told.append((len(self.world.handled), what))

    def some_order(self, chance: Chance) -> str | None:
        """One of the orders that are known to the order service."""
        known = [name for name in self.orders if ("order", name) in self.world.streams]
        return chance.choice(known) if known else None

    def place(self, order: ChannelOrder) -> None:
        """The channel says it, under a key of its own."""
        name = stream("order", order_id(TENANT, ACCOUNT, order.external_id))
        key = (ACCOUNT, order.external_id, str(order.revision))
        if not self.world.remembers_key("order", name, "channel.orders", key):
            return
        if name not in self.placed:
            self.orders.append(name)
        self.placed[name] = order
        self.world.post("order", name, place_order(order, TENANT, sealed), "channel.orders", key=key)

    def say(self, service: str, name: str, message: Message, actor: Actor | None = None, door: str = "http") -> None:
        """Somebody says something by a door, under a key of theirs."""
        self._said += 1
        self.world.post(service, name, message, door, actor, key=(str(self._said),))

    def state(self, service: str, name: str) -> Any:
        """What deciders of a stream see; None of one that is not there."""
        found = self.world.streams.get((service, name))
        return None if found is None else found.view(self.world.kind(service, name))

    def views(self, service: str, kind: str) -> Sequence[tuple[str, Any]]:
        """The streams of a kind in the order of their names, and what deciders see of them."""
        return sorted(self.world.views(service, kind).items(), key=lambda each: each[0])
