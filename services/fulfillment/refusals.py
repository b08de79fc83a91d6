"""How a step is refused that the state of the work does not allow."""

from __future__ import annotations

from collections.abc import Mapping

from chassis.decider import Context
from contracts.fulfillment import FulfillmentRefused, RefusalReason
from contracts.message import Message
from services.fulfillment.fulfillment_order_state import FulfillmentOrder, Stage

__all__ = ["ENDED", "refused"]

ENDED: Mapping[Stage, RefusalReason] = {
    Stage.UNKNOWN: RefusalReason.UNKNOWN,
    Stage.CANCELLED: RefusalReason.CANCELLED,
    Stage.REJECTED: RefusalReason.CLOSED,
    Stage.CLOSED: RefusalReason.CLOSED,
}
"""The stages in which nothing is to be done, and why a step is refused then."""


def refused(
    command: Message,
    state: FulfillmentOrder,
    context: Context,
    reason: RefusalReason,
    detail: str | None = None,
) -> FulfillmentRefused:
    """That a message changes nothing, why, and which document said so, for whoever sent it."""
    return FulfillmentRefused(
        step=type(command).__name__,
        reason=reason,
        detail=detail,
        document=getattr(command, "document", None),
        order_id=None if state.created is None else state.created.order_id,
        location=None if state.created is None else state.created.location,
        reply_to=context.reply_to,
    )
