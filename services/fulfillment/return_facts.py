"""What a return makes of the facts of nodes: it is on its way, goods came, somebody looked at them.

None is refused for what it says of goods: more, less, another item, late, or of a return that nobody announced. A
document that comes again changes nothing; a disposition that is changed must be there, and have a reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.decider import Context
from contracts.fulfillment import (
    InspectedItem,
    NodeDocumentRepeated,
    RecordInspection,
    RecordReturnReceipt,
    RecordReturnSent,
    ReturnClosed,
    ReturnedItem,
    ReturnInspected,
    ReturnOpened,
    ReturnReceived,
    ReturnRefusal,
    ReturnRefused,
    ReturnReopened,
    ReturnSent,
)
from contracts.ids import split_stream
from contracts.message import Event, Message
from services.fulfillment.return_state import Pile, Return, ReturnStage, evolve, expected, inspected, unseen

__all__ = ["closed_by_itself", "common", "decide", "refused"]


def common(state: Return) -> dict[str, Any]:
    """The fields by which an event finds its order."""
    return {"order_id": state.order_id, "reply_to": state.reply_to}


def refused(
    command: Message, state: Return, context: Context, reason: ReturnRefusal, detail: str | None = None
) -> ReturnRefused:
    """That a message changes nothing, and why, for whoever sent it."""
    return ReturnRefused(
        step=type(command).__name__,
        reason=reason,
        detail=detail,
        document=getattr(command, "document", None),
        order_id=state.order_id,
        reply_to=context.reply_to,
    )


def closed_by_itself(state: Return) -> Sequence[Event]:
    """A return of an order closes once all that was announced came and was looked at."""
    over = state.stage is ReturnStage.INSPECTED and state.order_id is not None
    return [ReturnClosed(**common(state), inspected=inspected(state))] if over else []


class _Course:
    """The return as the events decided so far leave it."""

    def __init__(self, state: Return, context: Context) -> None:
        self.state, self.events = state, list[Event]()
        if state.opened is None:
            self.emit(ReturnOpened(tenant=context.tenant, return_id=split_stream(context.stream)[1]))

    def emit(self, event: Event) -> None:
        self.events.append(event)
        self.state = evolve(self.state, event)

    def receive(self, command: RecordReturnReceipt | RecordInspection, items: tuple[ReturnedItem, ...]) -> None:
        """Goods are here. Of a return that was closed there is more to say."""
        if self.state.stage is ReturnStage.CLOSED:
            self.emit(ReturnReopened(**common(self.state), detail="goods came after it was closed"))
        by_inspection = isinstance(command, RecordInspection) or None
        received = _received(command, items, self.state, by_inspection)
        after = evolve(self.state, received)
        self.emit(received.model_copy(update={"expected": expected(after)}))


def _received(
    command: RecordReturnReceipt | RecordInspection,
    items: tuple[ReturnedItem, ...],
    state: Return,
    by_inspection: bool | None = None,
) -> ReturnReceived:
    return ReturnReceived(
        **common(state),
        location=command.location,
        document=command.document,
        items=items,
        expected=0,
        by_inspection=by_inspection,
        occurred_at=command.occurred_at,
    )


def _line(item: ReturnedItem | InspectedItem, state: Return) -> str | None:
    """The announced line that an item is: the one that is named, if it is of that item, else the only one that is."""
    same = [line.line for line in state.lines if line.sku == item.sku and line.unit == item.unit]
    if item.line in same:
        return item.line
    return same[0] if item.line is None and len(same) == 1 else None


def _said(items: Sequence[Any], state: Return) -> tuple[Any, ...]:
    return tuple(item.model_copy(update={"line": _line(item, state)}) for item in items)


def _seen(command: RecordInspection, state: Return) -> tuple[InspectedItem, ...]:
    """What was looked at, each by its line. Of goods that no line is named for, those that the line has not here are what
    lies here beside the lines, as far as there is any: more came than was announced. An item may so become two."""
    used: dict[str, int] = defaultdict(int)
    found: list[InspectedItem] = []
    for item in command.items:
        line = _line(item, state)
        of_line, beside = (item.model_copy(update={"line": each}) for each in (line, None))
        if item.line is None and line is not None:
            here, free = (
                max(0, state.units.get(key, 0) - used[key])
                for key in (_pile(command.location, each).key for each in (of_line, beside))
            )
            extra = min(free, max(0, item.quantity - here))
            of_line = of_line.model_copy(update={"quantity": item.quantity - extra})
            beside = beside.model_copy(update={"quantity": extra})
            found += [each for each in (of_line, beside) if each.quantity]
            used[_pile(command.location, beside).key] += extra
        else:
            found.append(of_line)
        used[_pile(command.location, of_line).key] += of_line.quantity
    return tuple(found)


def _again(
    command: RecordReturnReceipt | RecordInspection,
    before: ReturnReceived | ReturnInspected,
    state: Return,
    at: Context,
) -> Sequence[Event]:
    """A document that is known: nothing new, or a contradiction."""
    if _plain(command.items) == _plain(before.items) and command.location == before.location:
        return [NodeDocumentRepeated(document=command.document, step=type(command).__name__)]
    detail = "this document said something else before; what it said stands"
    return [refused(command, state, at, ReturnRefusal.ALREADY_DONE, detail)]


def _plain(items: Sequence[ReturnedItem | InspectedItem]) -> list[tuple[ReturnedItem | InspectedItem, int]]:
    """What a document says whatever lines that is of, with how many: an item that became two says the same."""
    found: list[tuple[ReturnedItem | InspectedItem, int]] = []
    for item in items:
        plain = item.model_copy(update={"line": None, "quantity": 1})
        if found and found[-1][0] == plain:
            found[-1] = plain, found[-1][1] + item.quantity
        else:
            found.append((plain, item.quantity))
    return found


def _receive(command: RecordReturnReceipt, state: Return, context: Context) -> Sequence[Event]:
    if before := state.receipts.get(command.document):
        return _again(command, before, state, context)
    course = _Course(state, context)
    course.receive(command, _said(command.items, course.state))
    return course.events


def _inspect(command: RecordInspection, state: Return, context: Context) -> Sequence[Event]:
    if before := state.inspections.get(command.document):
        return _again(command, before, state, context)
    course = _Course(state, context)
    items = _seen(command, course.state)
    if reason := _not_changeable(command.location, items, state):
        return [refused(command, state, context, reason)]
    if lacking := _lacking(command.location, items, state):
        course.receive(command, lacking)
    seen = ReturnInspected(
        **common(course.state),
        location=command.location,
        document=command.document,
        items=items,
        open_units=0,
        occurred_at=command.occurred_at,
    )
    after = evolve(course.state, seen)
    course.emit(seen.model_copy(update={"open_units": unseen(after)}))
    return [*course.events, *closed_by_itself(course.state)]


def _pile(location: str, item: InspectedItem) -> Pile:
    return Pile(location, item.line or "", item.sku, item.unit).told(item.instead_of)


def _not_changeable(location: str, items: Sequence[InspectedItem], state: Return) -> ReturnRefusal | None:
    """Why dispositions cannot be changed, if so."""
    changed: dict[str, int] = defaultdict(int)
    for item in items:
        if item.instead_of is not None:
            if not item.reason:
                return ReturnRefusal.REASON_MISSING
            changed[_pile(location, item).key] += item.quantity
    if any(state.units.get(key, 0) < quantity for key, quantity in changed.items()):
        return ReturnRefusal.NOT_THERE
    return None


def _lacking(location: str, items: Sequence[InspectedItem], state: Return) -> tuple[ReturnedItem, ...]:
    """What somebody looked at and nobody had reported."""
    looked_at: dict[Pile, int] = defaultdict(int)
    for item in items:
        if item.instead_of is None:
            looked_at[_pile(location, item)] += item.quantity
    missing = ((pile, quantity - state.units.get(pile.key, 0)) for pile, quantity in looked_at.items())
    return tuple(
        ReturnedItem(line=pile.line or None, sku=pile.sku, unit=pile.unit, quantity=quantity)
        for pile, quantity in missing
        if quantity > 0
    )


def _send(command: RecordReturnSent, state: Return, context: Context) -> Sequence[Event]:
    if state.opened is None:
        return [refused(command, state, context, ReturnRefusal.UNKNOWN)]
    sent = ReturnSent(
        **common(state),
        document=command.document,
        carrier=command.carrier,
        tracking_number=command.tracking_number,
        occurred_at=command.occurred_at,
    )
    if state.sent is not None and state.sent.document == command.document:
        return [NodeDocumentRepeated(document=command.document, step=type(command).__name__)]
    return [sent]


decide: Mapping[type[Message], Any] = {
    RecordReturnSent: _send,
    RecordReturnReceipt: _receive,
    RecordInspection: _inspect,
}
