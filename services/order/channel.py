"""The door that channels publish to: from a record of `channel.orders` to `PlaceOrder`, or `CancelByChannel`, in the order
inbox.

What cannot be read becomes a dead letter with its original bytes; the rest goes on. Personal data is sealed here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from chassis.doors import Door, Entry
from chassis.letter import letter_headers
from chassis.log import NewRecord
from chassis.streaming import Records, keep_trying
from contracts import topics
from contracts.channel import ChannelCancel, ChannelOrder
from contracts.envelope import Actor
from contracts.ids import stream
from contracts.message import Command
from services.order.intake import Seal, cancel_by_channel, order_id, place_order

__all__ = ["ChannelDoor", "cancel_key", "channel_key", "read_channel"]

log = logging.getLogger("orderlog")


def channel_key(order: ChannelOrder) -> tuple[str, ...]:
    """What names the message that an order is: the same by Kafka and by HTTP."""
    return order.channel_account, order.external_id, "" if order.revision is None else str(order.revision)


def cancel_key(cancel: ChannelCancel) -> tuple[str, ...]:
    """What names the message that a cancel is: no order's key has four parts."""
    return cancel.channel_account, cancel.external_id, "cancel", cancel.cancel


def read_channel(value: bytes) -> ChannelOrder | ChannelCancel:
    """What a channel sent: an order, or a cancel, which alone has a `cancel` and no lines with amounts. Raises
    ValidationError, which says what an order lacks unless it is meant for a cancel."""
    try:
        return ChannelOrder.decode(value)
    except ValidationError:
        if b'"cancel"' not in value:
            raise
        return ChannelCancel.decode(value)


class ChannelDoor:
    """Takes records of `channel.orders`. `waits` hears what it waits for, and None when it goes on."""

    def __init__(self, door: Door, seal: Seal, waits: Callable[[str | None], None]) -> None:
        self._door, self._seal, self._waits = door, seal, waits
        self._dead_letters = topics.dead_letters("order", door.namespace)

    async def take(self, records: Records) -> None:
        """Returns when every record is in the inbox or a dead letter."""
        outgoing = await keep_trying(lambda: asyncio.to_thread(self._records, records), self._waits)
        await keep_trying(lambda: self._door.writer.write(outgoing), self._waits)

    def _records(self, records: Records) -> list[NewRecord]:
        return [self._record(record) for record in records]

    def _record(self, record: Any) -> NewRecord:
        value = record.value or b""
        try:
            if len(value) > topics.DOOR_BODY_BYTES_MAX:
                raise ValueError(f"the body has {len(value)} bytes; a door takes {topics.DOOR_BODY_BYTES_MAX}")
            said = read_channel(value)
            command, key = self._command(said)
            identifier = order_id(self._door.tenant, said.channel_account, said.external_id)
            actor = Actor(kind="channel", subject=said.channel_account)
            return self._door.record(Entry("order", stream("order", identifier), command, key, actor=actor))
        except ValueError as error:
            return self._dead_letter(record, error)

    def _command(self, said: ChannelOrder | ChannelCancel) -> tuple[Command, tuple[str, ...]]:
        if isinstance(said, ChannelCancel):
            return cancel_by_channel(said), cancel_key(said)
        return place_order(said, self._door.tenant, self._seal), channel_key(said)

    def _dead_letter(self, record: Any, error: ValueError) -> NewRecord:
        place = f"{record.topic}/{record.partition}/{record.offset}"
        log.warning("%s is no order and no cancel, and goes to %s", place, self._dead_letters)
        headers = letter_headers(place, _reason(error), record.headers)
        return NewRecord(self._dead_letters, 0, record.key or b"", record.value or b"", headers)


def _reason(error: ValueError) -> str:
    """Which fields are wrong and how, but not what stood in them: that may be personal data."""
    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors(include_input=False, include_url=False)
    places = (".".join(map(str, item["loc"])) for item in found)
    return "; ".join(
        f"{place}: {item['msg']}" if place else item["msg"] for place, item in zip(places, found, strict=True)
    )
