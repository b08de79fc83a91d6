"""What the fulfillment of an order makes of answers from a counter: goods lie ready, and were collected.

Facts too, which are never refused. How a node picks and packs for it is as for any work (fulfillment_answers.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chassis.decider import Context
from contracts.fulfillment import Collected, PickedLine, ReadyForPickup
from contracts.message import Event, Message
from contracts.order import Bucket, FulfilledKind, FulfillmentReady, Move, ReadyLine
from services.order.fulfillment_answers import of_node
from services.order.fulfillment_saga import COLLECT_WITHIN
from services.order.fulfillment_state import Work, count
from services.order.leaving import lines_fulfilled
from services.order.order import move

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["decide"]


def _at_counter(lines: Iterable[PickedLine], work: Work) -> dict[str, tuple[int, int]]:
    """Units by line that the counter speaks of: packed ones first, then those only picked, no more than there are."""
    said: Counter[str] = Counter()
    for line in lines:
        said[line.line] += line.quantity
    found = {}
    for name, quantity in said.items():
        packed = min(quantity, count(work, Bucket.PACKED, name))
        picked = min(quantity - packed, count(work, Bucket.PICKED, name))
        if packed or picked:
            found[name] = packed, picked
    return found


def _on_ready(message: ReadyForPickup, state: OrderStream, context: Context) -> Sequence[Event]:
    found = of_node(state, context)
    if found is None or found[1].ready:
        return ()
    key, work = found
    lines = [ReadyLine(line=line, quantity=sum(parts)) for line, parts in _at_counter(message.lines, work).items()]
    ready = FulfillmentReady(
        fulfillment_order=key,
        location=work.location,
        document=message.document,
        lines=tuple(lines),
        shelf=message.shelf,
        collect_by=context.now + COLLECT_WITHIN,
    )
    return (ready,)


def _on_collected(message: Collected, state: OrderStream, context: Context) -> Sequence[Event]:
    """What was handed over the counter is fulfilled, named by the fulfillment order that it was."""
    found = of_node(state, context)
    if found is None:
        return ()
    key, work = found
    moves: list[Move] = []
    for line, (packed, picked) in _at_counter(message.lines, work).items():
        moves += move(line, packed, Bucket.PACKED, Bucket.FULFILLED)
        moves += move(line, picked, Bucket.PICKED, Bucket.FULFILLED)
    if not moves:
        return ()
    fulfilled = lines_fulfilled(
        state.order,
        FulfilledKind.COLLECTED,
        key,
        moves,
        location=work.location,
        fulfillment_order=key,
        collected_by=message.collected_by,
    )
    return (fulfilled,)


decide: Mapping[type[Message], Any] = {
    ReadyForPickup: _on_ready,
    Collected: _on_collected,
}
