"""The events of streams, as the console is given them by whoever builds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

__all__ = ["Histories"]


class Histories(Protocol):
    """The events of a stream for people, as the doors show a timeline: those after a version, a page of them. Raises
    chassis.store.StoreAway."""

    def __call__(self, stream: str, after: int = 0) -> Sequence[Mapping[str, Any]]: ...
