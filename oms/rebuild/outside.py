"""Nobody outside hears of a rebuild: what would reach out of this process is refused, and counted.

Broker and database are reached by libraries in C, which Python's audit hooks do not see; everything else (HTTP, mail,
other programs) opens its socket or process through Python, which they do. Writing to a topic is refused apart, by the
log that a rebuild reads (chassis/bounded.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["CallRefused", "Calls", "no_calls_outside"]

REACHES_OUT = frozenset({"socket.connect", "socket.sendto", "subprocess.Popen", "os.system", "os.posix_spawn"})
"""Audit events of Python that mean a call to somebody outside."""


class CallRefused(Exception):
    """Something tried to reach outside while tables were made again: a defect of a projection."""


@dataclass
class Calls:
    """How many were tried, all of them refused."""

    tried: int = 0


_watching: list[Calls] = []
_installed = False


@contextmanager
def no_calls_outside() -> Iterator[Calls]:
    """While this lasts, every call outside raises CallRefused where it is made, and is counted."""
    _install()
    calls = Calls()
    _watching.append(calls)
    try:
        yield calls
    finally:
        _watching.remove(calls)


def _install() -> None:
    """A hook can never be removed again, so there is one, which does nothing while nobody watches."""
    global _installed  # noqa: PLW0603 - the interpreter's hooks are global too
    if not _installed:
        sys.addaudithook(_heard)
        _installed = True


def _heard(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event in REACHES_OUT:
        for calls in _watching:
            calls.tried += 1
        raise CallRefused(f"{event} of {arguments[1:] or arguments} while tables are made again")
