"""The persistent map that states hold: rpds's, under a name whose type can also be read while running.

Snapshots read the types of a state's fields, and `rpds.HashTrieMap[str, int]` exists for type checkers alone. So states
write `HashTrieMap` from here; what it makes are rpds's maps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import rpds

__all__ = ["HashTrieMap"]

if TYPE_CHECKING:
    from rpds import HashTrieMap
else:
    K = TypeVar("K")
    V = TypeVar("V")

    class HashTrieMap(Generic[K, V]):
        def __new__(cls, *entries: Any, **named: Any) -> Any:
            return rpds.HashTrieMap(*entries, **named)
