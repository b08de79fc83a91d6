"""The load: the demonstration's own baskets by the `oms demo` command, one run after the other, staff and carrier included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.chaos.site import Site

__all__ = ["Load"]

ORDERS_A_RUN = 100
RATE = 1.5
"""Orders a second: a run takes orders for a minute, and is worked off in its last ones."""
END_SECONDS = 600
STOPPED_SHORT = frozenset({2, 11})
"""How a run ends whose broker or doors were away for longer than it waits, or when it began; the same command takes it up
again."""

TAKEN_UP_MAX = 3


class Load:
    """Runs of the demonstration. `troubles` says of each that did not end well what it said."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._run: subprocess.Popen[bytes] | None = None
        self.runs, self.orders = 0, ORDERS_A_RUN
        self.troubles: list[str] = []

    @property
    def _told(self) -> Path:
        return self._site.settings.home / f"demo-{self.runs}.txt"

    def go_on(self) -> None:
        """Begin the next run where none goes on."""
        if self._run is not None and self._run.poll() is None:
            return
        self._note()
        self.runs += 1
        command = [
            sys.executable,
            "-m",
            "oms",
            "demo",
            "--orders",
            str(ORDERS_A_RUN),
            "--rate",
            str(RATE),
            "--no-verify",
        ]
        with self._told.open("wb") as file:
            self._run = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)

    def finish(self) -> None:
        """Wait until the run has ended, and checked its sums."""
        for _ in range(TAKEN_UP_MAX):
            if self._run is None:
                return
            try:
                code = self._run.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.stop()
                self.troubles.append(f"the demonstration's run did not end within {END_SECONDS} s: {self._told}")
                return
            if code not in STOPPED_SHORT:
                self._note()
                return
            self.go_on()
        self.stop()
        self.troubles.append(f"the demonstration stopped short {TAKEN_UP_MAX} times, the last in {self._told}")

    def stop(self) -> None:
        """End it at once."""
        if self._run is not None and self._run.poll() is None:
            self._run.kill()
            self._run.wait()
            self._run = None

    def _note(self) -> None:
        if self._run is not None and self._run.returncode not in (None, 0, *STOPPED_SHORT):
            last = self._told.read_text().strip().splitlines()[-3:]
            self.troubles.append(f"the demonstration left {self._run.returncode}: {' / '.join(last)} ({self._told})")
        self._run = None
