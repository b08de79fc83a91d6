"""What makes a service: its name, its kinds of streams, its read models, and what its deciders need fetched.

Declared by each service's composition root; here lives only the declaration, and the names that follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from chassis.decider import StreamKind
from chassis.projection import Projection
from chassis.taking import Fetch
from contracts import topics

__all__ = ["FetchNothing", "Loader", "Service", "memoized"]


class Loader(Protocol):
    """Fetches what deciders need, from tables of the service's own.

    Raises chassis.store.StoreAway, and StoreBehind while the tables have not followed far enough.
    """

    def fetch(self, keys: Sequence[str]) -> Mapping[str, Any]: ...


class FetchNothing:
    """The loader of a service whose deciders need nothing beside message and state."""

    def fetch(self, keys: Sequence[str]) -> Mapping[str, Any]:
        return {}


@dataclass(frozen=True)
class Service:
    """A service as its composition root declares it. `intents`: it has workers that act outside; `projections`: the
    read models in its schema."""

    name: str
    kinds: tuple[StreamKind, ...]
    intents: bool = False
    namespace: str = ""
    projections: tuple[Projection, ...] = ()

    @property
    def by_kind(self) -> Mapping[str, StreamKind]:
        return {kind.kind: kind for kind in self.kinds}

    @property
    def inbox(self) -> str:
        return topics.inbox(self.name, self.namespace)

    @property
    def events(self) -> str:
        return topics.events(self.name, self.namespace)

    @property
    def dead_letters(self) -> str:
        return topics.dead_letters(self.name, self.namespace)

    @property
    def qualified(self) -> str:
        """The name in its namespace: of the group, and the start of transactional ids."""
        return topics.named(self.name, self.namespace)

    @property
    def schema(self) -> str:
        """The database schema: always prefixed, since `order` alone is a word of SQL that the library does not quote."""
        return f"{self.namespace.replace('-', '_') or 'orderlog'}_{self.name}"


def memoized(loader: Loader) -> Fetch:
    """A fetch that asks the loader once for each key: what one batch sees of the world is one picture."""
    known: dict[str, Any] = {}

    def fetch(keys: Sequence[str]) -> Mapping[str, Any]:
        missing = [key for key in keys if key not in known]
        if missing:
            found = loader.fetch(missing)
            known.update({key: found.get(key) for key in missing})
        return {key: known[key] for key in keys if known[key] is not None}

    return fetch
