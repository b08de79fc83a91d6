"""Kits: articles that the run's customers often buy together are offered as one, and those who bought both get it.

The channel sends one line for the kit; what it is made of is said to inventory before the first order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

from contracts.channel import ChannelLine, ChannelOrder
from oms.demo.baskets import unit_price

__all__ = ["KITS", "Kit", "kit_sku", "often_together", "with_kits"]

KITS = 3
"""Kits that a run offers."""

PAIRED_LINES_MAX = 60
"""Lines of an order that are looked at for pairs: bounds the pairs of a huge basket."""

Kit = tuple[str, str]
"""The SKUs of its two components, of each as much as of the other."""


def often_together(orders: Iterable[ChannelOrder]) -> tuple[Kit, ...]:
    """The pairs of articles that most orders have in equal quantities, no article in two of them."""
    found: Counter[Kit] = Counter()
    for order in orders:
        found.update((first.sku, second.sku) for first, second in _pairs(order))
    chosen: list[Kit] = []
    for pair, _ in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        if len(chosen) == KITS:
            break
        if not {sku for kit in chosen for sku in kit} & set(pair):
            chosen.append(pair)
    return tuple(chosen)


def _pairs(order: ChannelOrder) -> Iterable[tuple[ChannelLine, ChannelLine]]:
    """Two lines in pieces, equally many of each; the first has the lower SKU."""
    pieces = sorted((line for line in order.lines if line.unit == "each"), key=lambda line: line.sku)
    return (pair for pair in combinations(pieces[:PAIRED_LINES_MAX], 2) if pair[0].quantity == pair[1].quantity)


def kit_sku(kit: Kit) -> str:
    """What the kit is sold as."""
    return f"KIT-{kit[0]}-{kit[1]}"


def with_kits(order: ChannelOrder, kits: Sequence[Kit]) -> ChannelOrder:
    """The order with the first kit that it has both articles of, at what these cost."""
    offered = (pair for pair in _pairs(order) if (pair[0].sku, pair[1].sku) in kits)
    pair = next(iter(offered), None)
    if pair is None:
        return order
    kit = _line(*sorted(pair, key=order.lines.index))
    kept = tuple(kit if line.line_id == kit.line_id else line for line in order.lines)
    return order.model_copy(update={"lines": tuple(line for line in kept if line not in pair)})


def _line(first: ChannelLine, second: ChannelLine) -> ChannelLine:
    skus = sorted((first.sku, second.sku))
    amount = first.amount + second.amount
    return first.model_copy(
        update={
            "sku": kit_sku((skus[0], skus[1])),
            "description": f"{first.description} with {second.description}",
            "amount": amount,
            "unit_price": unit_price(amount, first.quantity, 1),
            "charges": (*first.charges, *second.charges),
        }
    )
