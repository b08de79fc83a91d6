"""How far a long command is, for programs: `--progress` with `--json`, a line of JSON on the error output each second.

The operators' page of the console reads these lines of what it began (oms/runs).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

__all__ = ["AsProgress", "Far", "Teller", "far_of"]

SAY_SECONDS = 1.0
"""Between two lines of one step."""

AsProgress = Annotated[
    bool, typer.Option("--progress", help="With --json: say on standard error how far it is, a line of JSON a second.")
]


@dataclass(frozen=True, slots=True)
class Far:
    """How far a step is: what is done of all (None: nobody knows), and how much a second since the step began."""

    step: str
    done: int
    of: int | None
    rate: float

    @property
    def left_seconds(self) -> float | None:
        """How long the rest takes at this rate; None where that is not known."""
        return None if self.of is None or self.rate <= 0 else max(0, self.of - self.done) / self.rate


class Teller:
    """Says it, at most every SAY_SECONDS, and of each step once at its beginning."""

    def __init__(
        self,
        write: Callable[[str], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write, self._clock = write or sys.stderr.write, clock
        self._step = ""
        self._of: int | None = None
        self._began = self._said = 0.0

    def begin(self, step: str, of: int | None = None) -> None:
        """Another step, or the same of which more is to be done."""
        self._of = of
        if step != self._step:
            self._step, self._began = step, self._clock()
            self._say(0)

    def done(self, number: int) -> None:
        """So much of the step is done."""
        if self._clock() - self._said >= SAY_SECONDS:
            self._say(number)

    def _say(self, number: int) -> None:
        self._said = self._clock()
        took = self._said - self._began
        far = Far(self._step, number, self._of, round(number / took, 1) if took > 0 else 0.0)
        self._write(json.dumps(asdict(far)) + "\n")


def far_of(line: str) -> Far | None:
    """What a line says; None where it is none of these."""
    try:
        said: Any = json.loads(line)
        return Far(str(said["step"]), int(said["done"]), said["of"], float(said["rate"]))
    except (ValueError, KeyError, TypeError):
        return None
