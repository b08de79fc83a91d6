"""The saga of returns: nodes are told what may come, the goods are waited for, and somebody looks at them.

It folds the order's own stream and outlives the order's end. Here are the table and the messages that go out; its state
is in return_state.py, what is wished for in returning.py, what nodes answer in return_answers.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from chassis.decider import Fold, Outgoing, Send
from chassis.saga import Step, ask, asked_by, asking, name_of
from contracts.fulfillment import (
    AnnouncedLine,
    CancelReturn,
    OpenReturn,
    ReturnCancelCause,
    ReturnInspected,
    ReturnMatched,
    ReturnOpened,
    ReturnReceived,
    ReturnRefused,
)
from contracts.ids import stream
from contracts.message import Event
from contracts.order import (
    ReturnApproved,
    ReturnExpired,
    ReturnUnitsReceived,
    ReturnWithdrawn,
    StepAskedAgain,
)
from services.order.order import line_of
from services.order.return_policy import GOODS_WITHIN, INSPECT_WITHIN, OPEN_WITHIN
from services.order.return_state import (
    INSPECT_RETURN,
    OPEN_RETURN,
    RETURN_GOODS,
    ReturnsState,
    ReturnState,
    as_of,
    deadlines_of,
    evolve,
)

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["FOLD", "STEPS"]


def _open(state: OrderStream, key: str) -> Sequence[Send]:
    each, terms = state.returns.returns[key], state.order.terms
    if each.goods_by is None:
        return ()
    message = OpenReturn(
        order_id=terms.order_id,
        number=each.number,
        lines=tuple(
            AnnouncedLine(
                line=line.line,
                sku=line.sku,
                quantity=line.quantity,
                unit=line.unit,
                reason=line.reason,
                description=line_of(state.order, line.line).description,
            )
            for line in each.requested.lines
        ),
        postage=each.requested.postage,
        label=each.requested.label,
        expires_at=each.goods_by,
    )
    return [Send("fulfillment", stream("return", each.return_id), message, wants_answer=True)]


def _cancel(state: OrderStream, key: str) -> Sequence[Send]:
    each = state.returns.returns[key]
    expired = each.state is ReturnState.EXPIRED
    message = CancelReturn(cause=ReturnCancelCause.EXPIRED if expired else ReturnCancelCause.WITHDRAWN)
    return [Send("fulfillment", stream("return", each.return_id), message)]


def _wait(state: OrderStream, key: str) -> Sequence[Send]:
    """The customer, or a node, has what it needs."""
    return ()


def _number(event: Any) -> Sequence[str]:
    """The steps of a return are asked for under its number."""
    return (str(event.number),)


_asked = partial(Step, keys=_number, service="fulfillment")

STEPS: Mapping[str, Step] = {
    step.name: step
    for step in (
        _asked(
            name=OPEN_RETURN,
            when="a return is approved, by the policy or a person",
            asked_by=ReturnApproved,
            sends=OpenReturn,
            answers=(ReturnOpened, ReturnMatched, ReturnRefused),
            answer_within=OPEN_WITHIN,
            asks_max=3,
            on_silence="somebody has to look: it is shown as unanswered",
            ask=_open,
            compensation=CancelReturn,
            undo=_cancel,
        ),
        _asked(
            name=RETURN_GOODS,
            when="a return is approved: the customer sends the goods",
            asked_by=ReturnApproved,
            sends=None,
            answers=(ReturnReceived, ReturnMatched),
            answer_within=GOODS_WITHIN,
            asks_max=1,
            on_silence="ReturnExpired: what has not come stays with the customer",
            ask=_wait,
        ),
        _asked(
            name=INSPECT_RETURN,
            when="goods are back at a node",
            asked_by=ReturnUnitsReceived,
            sends=None,
            answers=(ReturnInspected,),
            answer_within=INSPECT_WITHIN,
            asks_max=1,
            on_silence="somebody has to look: it is shown as unanswered",
            ask=_wait,
        ),
    )
}

_ASKING = asking(STEPS)


def react(state: OrderStream, event: Event) -> Sequence[Outgoing]:
    """The messages of a step that was asked for, and the compensation of a return that will not come."""
    match event:
        case StepAskedAgain():
            return ask(STEPS, event.step, event.key, state)
        case ReturnExpired() | ReturnWithdrawn():
            key = str(event.number)
            asked = name_of(OPEN_RETURN, key) in state.returns.asks
            return STEPS[OPEN_RETURN].undo(state, key) if asked else ()
    return asked_by(_ASKING, event, state)


FOLD = Fold("returns", 3, ReturnsState(), evolve, react, deadlines_of, as_of)
"""The returns of the order, which outlive it."""
