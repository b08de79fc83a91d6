"""The inbox partitions that a process owns, and how far each is on its way from assigned to running.

The order is what makes "not found" trustworthy: pause; read the committed position; then take the end of the events
partition, counting open transactions; follow up to it; only then resume. A process that took a partition over from one
that died or stalled so sees everything its predecessor committed, and nothing it had not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from chassis.chain import GENESIS
from chassis.follower import Follower
from chassis.log import GroupConsumer, Log, LogError, NoPosition

__all__ = ["Owned", "Partitions", "Phase"]


class Phase(Enum):
    """How far a partition is: just given to us, waiting for the follower, or handled."""

    ASSIGNED = auto()
    CATCHING_UP = auto()
    RUNNING = auto()


@dataclass(slots=True)
class Owned:
    """A partition of ours. `position`: the next inbox offset; `floor`: how far the store must be for a load.

    `stuck`: why its next message cannot be handled, until `retry_at`. `waits`: why it does not run yet.
    """

    phase: Phase = Phase.ASSIGNED
    position: int = 0
    floor: int = 0
    head: str = GENESIS
    stuck: str | None = None
    retry_at: datetime | None = None
    waits: str | None = "it was just given to us"

    @property
    def running(self) -> bool:
        """Whether its messages are handled."""
        return self.phase is Phase.RUNNING and self.stuck is None


class Partitions:
    """Moves partitions from assigned to running, and forgets those that are taken away."""

    def __init__(
        self,
        log: Log,
        consumer: GroupConsumer,
        follower: Follower,
        inbox: str,
        events: str,
        forget: Callable[[int], None],
    ) -> None:
        self._log, self._consumer, self._follower = log, consumer, follower
        self._inbox, self._events, self._forget = inbox, events, forget
        self.owned: dict[int, Owned] = {}

    def running(self) -> list[int]:
        """Partitions whose messages are handled."""
        return [number for number, owned in self.owned.items() if owned.running]

    def step(self) -> None:
        """Act on what the last poll noted, then move each partition as far as it can go now.

        Raises NoPosition where the group has none, and StoreAway by way of the follower.
        """
        noted = self._consumer.rebalance()
        for number in sorted(noted.revoked):
            self.owned.pop(number, None)
            self._forget(number)
        for number in sorted(noted.assigned):
            # Also of one that was ours before the last poll: another may have had it in between.
            self._renew(number)
        if noted.revoked or noted.assigned:
            self._follow()
        for number, owned in self.owned.items():
            if owned.phase is not Phase.RUNNING:
                self._advance(number, owned)

    def stop(self, number: int, why: str, retry_at: datetime) -> None:
        """A partition cannot go past its next message, for the reason given; others go on."""
        self.owned[number].stuck, self.owned[number].retry_at = why, retry_at
        self._consumer.pause([number])

    def begin_again(self, numbers: Iterable[int]) -> None:
        """Let stuck partitions be handled again, from where they stopped; they stay paused."""
        for number in numbers:
            self.owned[number].stuck = self.owned[number].retry_at = None
        self.rewind(numbers)

    def restart(self) -> None:
        """Treat every partition as newly assigned: after a transaction whose outcome nobody knows."""
        self._consumer.pause(self.owned)
        for number in list(self.owned):
            self._renew(number)
        self._follow()

    def _renew(self, number: int) -> None:
        self._forget(number)
        self.owned[number] = Owned()

    def _follow(self) -> None:
        self._follower.follow(self.owned)

    def _advance(self, number: int, owned: Owned) -> None:
        try:
            if owned.phase is Phase.ASSIGNED:
                owned.position, owned.floor = self._places(number)
                owned.phase = Phase.CATCHING_UP
            followed = self._follower.position(number)
            if followed is None or followed < owned.floor:
                owned.waits = f"its store is at {followed} of {owned.floor}"
                return
            self._consumer.seek(number, owned.position)
            owned.head = self._follower.head(number)
            owned.phase, owned.waits = Phase.RUNNING, None
            self._consumer.resume([number])
        except NoPosition:
            raise
        except LogError as error:
            # Not known yet, or not fetched yet: the next step asks again.
            owned.waits = str(error)

    def _places(self, number: int) -> tuple[int, int]:
        committed = self._consumer.committed(number)
        first, _ = self._log.bounds(self._inbox, number)
        _, end = self._log.bounds(self._events, number)
        if committed is None or committed < first:
            found = (
                "no committed position" if committed is None else f"its position {committed} before the first {first}"
            )
            raise NoPosition(
                f"{self._inbox}/{number} has {found}; `oms offsets restore` sets it from the events, it is never guessed"
            )
        return committed, end

    def rewind(self, numbers: Iterable[int]) -> None:
        """Read these partitions again from where they were handled up to: nothing of what was polled since was kept."""
        for number in sorted(numbers):
            owned = self.owned.get(number)
            if owned is None or owned.phase is not Phase.RUNNING:
                continue
            try:
                self._consumer.seek(number, owned.position)
            except LogError:
                # Going on from here would skip messages, so it begins anew, and seeks when that can be done.
                self._consumer.pause([number])
                self._renew(number)
