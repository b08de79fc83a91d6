"""The events of streams, as the console is given them by whoever builds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

__all__ = ["Histories", "all_of"]


class Histories(Protocol):
    """The events of a stream for people, as the doors show a timeline: those after a version, a page of them; empty once
    there are no more. Raises chassis.store.StoreAway."""

    def __call__(self, stream: str, after: int = 0) -> Sequence[Mapping[str, Any]]: ...


def all_of(histories: Histories, stream: str) -> Iterator[Mapping[str, Any]]:
    """Every event of a stream, asked for page by page."""
    after = 0
    while events := histories(stream, after):
        yield from events
        after = events[-1]["version"]
