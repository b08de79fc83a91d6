"""How the goods of an order go their way, by its ship groups: what a till handed out, and what is collected where.

Here lives what the terms of an order say. What is done about it is the sagas' business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contracts.order import OrderLine, OrderTerms, ShipGroup, ShipMethod
from services.order.value import rated_lines

__all__ = ["counters", "handed_out", "ship_groups"]


def ship_groups(terms: OrderTerms) -> Mapping[str, ShipGroup]:
    """The ship groups by name; of two with one name the first."""
    return {group.group: group for group in reversed(terms.ship_groups)}


def handed_out(terms: OrderTerms) -> Sequence[OrderLine]:
    """The lines whose goods were handed out at a till: they had left before anybody heard of the order."""
    groups = ship_groups(terms).items()
    tills = {name for name, group in groups if group.method is ShipMethod.CARRY_OUT}
    return [line for line in rated_lines(terms) if line.ship_group in tills] if tills else ()


def counters(terms: OrderTerms) -> Mapping[str, str]:
    """Where goods are collected, by ship group; one that names no location is held before anybody asks."""
    groups = ship_groups(terms).items()
    return {name: group.location for name, group in groups if group.method is ShipMethod.PICKUP and group.location}
