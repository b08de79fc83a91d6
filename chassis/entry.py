"""The way into every process of ours: what a composition root calls when it is run by `python -m`."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from chassis.garbage import look_seldom
from chassis.runtime import Exit
from chassis.settings import Settings, SettingsRefused, load_settings

__all__ = ["start"]

log = logging.getLogger("orderlog")


def start(run: Callable[[Settings], int]) -> NoReturn:
    """Be the process that `run` is, to its end and with its exit code. Refused settings are one sentence."""
    _log_to_stderr()
    try:
        settings = load_settings()
    except SettingsRefused as error:
        log.error("%s", error)
        sys.exit(Exit.SETTINGS)
    look_seldom()
    sys.exit(run(settings))


def _log_to_stderr() -> None:
    """One line a happening, with its time in UTC, where the process's starter collects it."""
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(level=logging.INFO, format="%(asctime)sZ %(levelname)s %(message)s")
