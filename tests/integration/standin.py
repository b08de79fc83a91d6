"""A process that stands in for a service: it says that it runs, and ends when asked."""

from __future__ import annotations

import sys
import time

from chassis.runtime import Health, serve_health, stop_requested
from chassis.settings import load_settings

NAME = "standin"


def main(crashes: bool) -> int:
    """Run until a SIGTERM comes; with `crashes` end at once, with a last word in the log."""
    if crashes:
        sys.stderr.write("the stand-in has nothing to stand on\n")
        return 1
    stop = stop_requested()
    end = serve_health(Health(NAME, state="running"), load_settings().run_folder)
    while not stop():
        time.sleep(0.02)
    end()
    return 0


if __name__ == "__main__":
    sys.exit(main(crashes=False))
