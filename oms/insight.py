"""What the console's page for operators is told of this installation: settings in force, deadlines, messages that wait.

Values of settings are shown as they are, but for the user and password of an address; secrets are in files, of which the
path alone is a setting.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Lock

from chassis.log import LogError
from chassis.reading import Reads
from chassis.settings import Settings
from oms.lag import InstalledLog, read_lags
from services.console.installation import DUE_ROWS, Due, Setting, Waits

__all__ = ["Insight", "settings_in_force"]

KEPT_SECONDS = 15.0
"""How long a count of waiting messages is shown before they are counted again: counting reads the log."""

WHO = re.compile(r"//[^/@\s]*@")
"""Who somebody is in an address, and their password."""

VALUE_CHARS = 300


class Insight:
    """Of the doors' process. `reads` by service; `log` reaches the broker or raises LogError."""

    def __init__(self, settings: Settings, reads: Mapping[str, Reads], log: Callable[[], InstalledLog]) -> None:
        self._settings, self._reads, self._log = settings, reads, log
        self._counted: Mapping[str, int | None] | None = None
        self._counted_at: float | None = None
        self._counting = Lock()

    def settings(self) -> Sequence[Setting]:
        """Settings in force, by name."""
        return settings_in_force(self._settings)

    def deadlines(self, now: datetime) -> Mapping[str, Waits]:
        """The deadlines of each service. Raises StoreAway."""
        return {name: _waits(reads, now) for name, reads in sorted(self._reads.items())}

    def behind(self) -> Mapping[str, int | None] | None:
        """Messages that each service has not handled, counted KEPT_SECONDS ago at most; None while no broker answers."""
        with self._counting:  # one counts for all pages that are open
            now = time.monotonic()
            if self._counted_at is None or now - self._counted_at > KEPT_SECONDS:
                self._counted, self._counted_at = self._count(), now
            return self._counted

    def _count(self) -> Mapping[str, int | None] | None:
        try:
            lags = read_lags(self._log(), self._settings.namespace, self._reads)
        except LogError:
            return None
        return {name: sum(lags[name].values()) if name in lags else None for name in sorted(self._reads)}


def _waits(reads: Reads, now: datetime) -> Waits:
    [(count, past)] = reads.rows("select count(*), count(*) filter (where due <= %s) from deadlines", [now])
    rows = reads.rows("select stream, name, due from deadlines order by due, stream, name limit %s", [DUE_ROWS])
    return Waits(count, past, [Due(*row) for row in rows])


def settings_in_force(settings: Settings) -> list[Setting]:
    """Every setting by the name that it has in the environment."""
    fields = type(settings).model_fields
    shown = settings.model_dump(mode="json", by_alias=True)
    return [
        Setting(
            name=f"OMS_{name.upper()}",
            value=WHO.sub("//…@", "" if shown[name] is None else str(shown[name]))[:VALUE_CHARS],
            meaning=field.description or "",
            chosen=name in settings.model_fields_set,
        )
        for name, field in sorted(fields.items())
    ]
