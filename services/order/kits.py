"""Kits: what a channel sends as one line of one article, and what leaves us as several.

At placement each kit becomes component lines of our own, which are sourced, claimed, picked, shipped and captured like
any other; the kit's line keeps what the channel sent and has no units of its own. One level: a component that is a kit
itself comes from stock under its own SKU.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from contracts.inventory import KitComponent
from contracts.money import Money, share_by_weight
from contracts.order import OrderLine, RelatesTo, RelationKind
from services.order.sourcing import Stock
from services.order.value import own_value

__all__ = ["Kit", "exploded", "is_kit_key", "kit_key", "with_components"]


def kit_key(sku: str) -> str:
    """What sourcing's loader is asked for the components of an article by: no SKU has this form."""
    return f"kit\x1f{sku}"


def is_kit_key(key: str) -> bool:
    """Whether this is one of those."""
    return key.startswith(kit_key(""))


class Kit(NamedTuple):
    """What an article is made of, and what there is of that."""

    components: Sequence[KitComponent]
    stock: Stock


NO_KIT = Kit((), {})


def with_components(needed: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the loader found, and beside it what it found of the components of kits."""
    parts = {sku: at for found in needed.values() if isinstance(found, Kit) for sku, at in found.stock.items()}
    return {**needed, **parts}


def exploded(lines: Iterable[OrderLine], needed: Mapping[str, Any]) -> tuple[OrderLine, ...]:
    """The lines, and after them the component lines of those that are kits."""
    sent = tuple(lines)
    return (
        *sent,
        *(
            part
            for kit in sent
            if kit.quantity > 0
            for part in _parts(kit, needed.get(kit_key(kit.sku), NO_KIT).components)
        ),
    )


def _parts(kit: OrderLine, components: Sequence[KitComponent]) -> Iterable[OrderLine]:
    """One line a component, which gets its share of all that the kit costs, taxes and charges of its line included."""
    if not components:
        return
    weights = [one.quantity if one.weight is None else one.weight for one in components]
    for number, (one, share) in enumerate(zip(components, share_by_weight(own_value(kit), weights), strict=True), 1):
        yield OrderLine(
            line=f"{kit.line}.{number}",
            sku=one.sku,
            quantity=kit.quantity * one.quantity,
            unit=one.unit,
            amount=Money(amount=share, currency=kit.amount.currency),
            tax_included=True,
            ship_group=kit.ship_group,
            shortage=kit.shortage,
            requested=kit.requested,
            promised=kit.promised,
            ship_not_before=kit.ship_not_before,
            cancel_after=kit.cancel_after,
            final_sale=kit.final_sale,
            return_policy=kit.return_policy,
            relates_to=RelatesTo(kind=RelationKind.COMPONENT_OF, line=kit.line, quantity_per=one.quantity),
        )
