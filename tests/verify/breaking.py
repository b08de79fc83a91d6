"""How a break of a log is named, by the rules that must notice it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.verify.logs import MemorySource

__all__ = ["Break", "Breaks"]

Apply = Callable[[MemorySource], None]


@dataclass(frozen=True)
class Break:
    """What is done to a clean log, and the rules that must be found broken."""

    name: str
    rules: frozenset[str]
    apply: Apply


@dataclass
class Breaks:
    """A collection of them; `of` adds the function that it decorates."""

    found: list[Break] = field(default_factory=list)

    def of(self, *rules: str) -> Callable[[Apply], Apply]:
        def add(apply: Apply) -> Apply:
            self.found.append(Break(apply.__name__, frozenset(rules), apply))
            return apply

        return add

    def __iter__(self) -> Iterator[Break]:
        return iter(self.found)
