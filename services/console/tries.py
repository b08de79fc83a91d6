"""How often somebody may try a password: wrong tries are counted by the name that was typed and by where they came from."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

__all__ = ["ADDRESS_TRIES_MAX", "NAME_TRIES_MAX", "TRIES_SECONDS", "Tries"]

TRIES_SECONDS = 900.0
"""For how long a wrong try counts."""

NAME_TRIES_MAX = 10
"""Wrong tries of one name, whoever has it and whether or not anybody does."""

ADDRESS_TRIES_MAX = 50
"""Wrong tries from one address: more than of a name, since people behind one proxy share theirs."""

KEPT_MAX = 10_000
"""Names and addresses that are remembered; the next one forgets the one that was tried first."""

_Key = tuple[str, str]


class Tries:
    """Wrong tries of the last TRIES_SECONDS, in memory."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._tries: dict[_Key, list[float]] = {}

    def begin(self, name: str, address: str) -> bool:
        """Count a try, as a wrong one until it proves right; False, and nothing counted, where there were too many."""
        now = self._clock()
        limits = {("name", name): NAME_TRIES_MAX, ("address", address): ADDRESS_TRIES_MAX}
        counted = {key: [at for at in self._tries.get(key, ()) if now - at < TRIES_SECONDS] for key in limits}
        if any(len(counted[key]) >= limit for key, limit in limits.items()):
            return False
        for key, tries in counted.items():
            if key not in self._tries and len(self._tries) >= KEPT_MAX:
                del self._tries[next(iter(self._tries))]
            self._tries[key] = [*tries, now]
        return True

    def was_right(self, name: str, address: str) -> None:
        """Take back the count of the last try, and no other: who has an account cannot clear the way for guesses."""
        for key in (("name", name), ("address", address)):
            if tries := self._tries.get(key):
                tries.pop()
                if not tries:
                    del self._tries[key]
