"""The vault follows what was recorded of forgetting people: in the workers as it happens, and before anything starts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from chassis.kafka import KafkaLog
from chassis.projection import ProjectionFailed, ProjectionFollower
from chassis.settings import Settings
from chassis.streaming import AWAY
from contracts import topics
from services.order.forgetting import FORGETTING_SCHEMA, KeysFollow
from services.order.postbox import OutboxFolder

__all__ = ["Forgetting", "forget_again"]

log = logging.getLogger("orderlog")

STEP_SECONDS = 0.1
STILL_SECONDS = 20.0
"""Nothing came for so long: what is missing is in a transaction that nobody ends. The workers follow it later."""


class Forgetting:
    """Follows `order.events` into the vault and the outbox folder, step by step. `drop` is told each subject that was
    forgotten: keys that this process has in memory."""

    def __init__(self, settings: Settings, drop: Callable[[str], None]) -> None:
        self._log, self._outbox, self._drop = KafkaLog(settings.bootstrap), OutboxFolder(settings.outbox), drop
        self._topic = topics.events("order", settings.namespace)
        schema = f"{settings.namespace.replace('-', '_') or 'orderlog'}_{FORGETTING_SCHEMA}"
        follow = KeysFollow(self._erase)
        self._follower = ProjectionFollower(self._log, settings.vault, schema, follow, settings.namespace)

    def step(self) -> None:
        """Follow what there is; what cannot be done now is tried again in a later step."""
        with suppress(*AWAY, ProjectionFailed):
            self._follower.step(STEP_SECONDS)

    def catch_up(self) -> bool:
        """Follow all that is there now; False where another process does, or the end was not reached. Raises StoreAway,
        LogError and ProjectionFailed."""
        ends = {number: self._log.bounds(self._topic, number)[1] for number in range(self._log.partitions(self._topic))}
        moved_at, reached = time.monotonic(), -1
        while any(self._follower.position(self._topic, number) < end for number, end in ends.items()):
            self._follower.step(STEP_SECONDS)
            now = sum(self._follower.position(self._topic, number) for number in ends)
            if now > reached:
                moved_at, reached = time.monotonic(), now
            if not self._follower.leads or time.monotonic() - moved_at > STILL_SECONDS:
                return False
        return True

    @property
    def waiting(self) -> str | None:
        """What it waits for, if for anything."""
        return self._follower.waiting

    def close(self) -> None:
        """Let the clients go."""
        self._follower.close()

    def _erase(self, subjects: Sequence[str]) -> None:
        for subject in subjects:
            self._drop(subject)
        deleted = self._outbox.forget(subjects)
        log.info("forgotten: %s; %s messages in the outbox were deleted", ", ".join(subjects), deleted)


def forget_again(settings: Settings) -> bool:
    """Before processes start: whoever was forgotten is forgotten in the vault as it is now. False where that is not known
    of everybody: another process is at it, or the log does not come to its end. Raises StoreAway, LogError and
    ProjectionFailed."""
    forgetting = Forgetting(settings, lambda subject: None)
    try:
        return forgetting.catch_up()
    finally:
        forgetting.close()
