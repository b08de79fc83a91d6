"""`python -m oms.runs.beneath PID …`: the `oms` command with these arguments, beneath the process PID that began it.

It ends when that one does, whatever ends it, so that nothing goes on that nobody watches; and it comes after everything
else at the processor.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from oms.main import main

__all__ = ["end_with"]

PR_SET_PDEATHSIG = 1
"""See prctl(2); Linux alone has it. Elsewhere what was begun goes on to its end when the doors die, and nobody hears it."""

NICE = 10
"""How far it stands behind the doors and the services, of 19."""


def end_with(parent: int) -> None:
    """Have the kernel end this process with `parent`, which began it. Exits where that has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:
        sys.exit("oms: whoever began this has ended")


if __name__ == "__main__":
    end_with(int(sys.argv.pop(1)))
    os.nice(NICE)
    main()
