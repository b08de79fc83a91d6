"""How a break of a log is named, by the rules that must notice it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.verify.installations import MemoryInstallation

__all__ = ["Break", "Breaks"]

Apply = Callable[[MemoryInstallation], None]


@dataclass(frozen=True)
class Break:
    """What is done to a clean log, and the rules that must be found broken."""

    name: str
    rules: frozenset[str]
    apply: Apply
    sealed: bool


@dataclass
class Breaks:
    """A collection of them; `of` adds the function that it decorates. `sealed`: the chain is made anew after each."""

    sealed: bool = False
    found: list[Break] = field(default_factory=list)

    def of(self, *rules: str) -> Callable[[Apply], Apply]:
        def add(apply: Apply) -> Apply:
            self.found.append(Break(apply.__name__, frozenset(rules), apply, self.sealed))
            return apply

        return add

    def __iter__(self) -> Iterator[Break]:
        return iter(self.found)
