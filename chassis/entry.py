"""The way into every process of ours: what a composition root calls when it is run by `python -m`."""

from __future__ import annotations

import gc
import logging
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from chassis.runtime import Exit
from chassis.settings import Settings, SettingsRefused, load_settings

__all__ = ["start"]

log = logging.getLogger("orderlog")

GARBAGE_AFTER = (50_000, 20, 100)
"""How many more objects were made than let go of before Python looks for rings among the youngest of them, and how many
such looks come before one among the older ones. By its own numbers (700, 10, 10) a service that remembers thousands of
streams spent a fifth of its handling on looking through them (docs/performance.md)."""


def start(run: Callable[[Settings], int]) -> NoReturn:
    """Be the process that `run` is, to its end and with its exit code. Refused settings are one sentence."""
    _log_to_stderr()
    try:
        settings = load_settings()
    except SettingsRefused as error:
        log.error("%s", error)
        sys.exit(Exit.SETTINGS)
    _look_for_garbage_less_often()
    sys.exit(run(settings))


def _look_for_garbage_less_often() -> None:
    """What was imported stays for good, so it is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_AFTER)


def _log_to_stderr() -> None:
    """One line a happening, with its time in UTC, where the process's starter collects it."""
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(level=logging.INFO, format="%(asctime)sZ %(levelname)s %(message)s")
