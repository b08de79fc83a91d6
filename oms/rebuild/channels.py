"""What channels hear, as read models that can be made again: `oms rebuild channels`.

What is known of orders and of stock is a function of the topics. Two columns are none and are left out: the place that a
change got in the order of reading, and how far each account was told. Nothing is said to a channel.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Never

from chassis.log import LogError, NewRecord
from chassis.projection import Projection
from contracts import topics
from oms.channels import schema_of
from oms.rebuild.read_models import ReadModels
from services.order.channel_availability import StockToSell
from services.order.channel_follower import ChannelUpdates, Written
from services.order.channel_out import ChannelOut

__all__ = ["NAME", "NOT_OF_TOPICS", "channel_models"]

NAME = "channels"

NOT_OF_TOPICS: Mapping[str, frozenset[str]] = {
    "channel_accounts": frozenset({"availability_said"}),
    "stock_to_sell": frozenset({"change"}),
}
"""Columns that are no function of the topics, by table."""


class _AllWritten:
    """Positions that say that every update was written: so none is said again."""

    def positions(self, group: str, topic: str) -> dict[int, int]:
        return _Everywhere()

    def commit_positions(self, group: str, topic: str, positions: Mapping[int, int]) -> None:
        """There is nothing to note."""


class _Everywhere(dict[int, int]):
    def get(self, key: int, default: Any = None) -> int:
        return sys.maxsize


def _silent(records: Sequence[NewRecord]) -> Never:
    raise LogError(f"{len(records)} messages were to be said to channels while tables are made again")


def channel_models(namespace: str, schema: str = "") -> ReadModels:
    """The read models of what channels hear, in the live schema unless another is named."""
    return ReadModels(NAME, schema or schema_of(namespace), namespace, partial(_projections, namespace), NOT_OF_TOPICS)


def _projections(namespace: str) -> tuple[Projection, ...]:
    written = Written(_AllWritten(), NAME, topics.events("order", namespace))
    return ChannelUpdates(_silent, written, ChannelOut(topics.CHANNEL_UPDATES, 1, namespace)), StockToSell()
