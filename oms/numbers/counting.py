"""Questions to exported events, one after the other in a thread of their own: how many wait, how long one takes and how
long anybody waits for it have limits, and the facts are made once of each export.

Nothing here knows what is asked, or who asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread, main_thread
from time import monotonic
from typing import TypeVar

import duckdb

from oms.numbers.facts import Written, make_facts, open_facts, written

__all__ = ["ANSWER_SECONDS", "MAKING_SECONDS", "WAITING_MAX", "WAIT_SECONDS", "Counting", "CutOff", "TooMany"]

T = TypeVar("T")

WAITING_MAX = 8
"""Questions that are asked and not answered, all together."""

WAIT_SECONDS = 20.0
"""How long anybody waits for an answer, the questions before it and the making of facts among that."""

ANSWER_SECONDS = 10.0
"""How long one question may take once it is its turn."""

MAKING_SECONDS = 600.0
"""How long facts may be made of an export. It goes on when nobody waits any more."""

LOOK_SECONDS = 0.2
"""How often it is looked whether a question has taken too long, or the process ends."""


class TooMany(Exception):
    """More questions wait than are taken."""


class CutOff(Exception):
    """A question, or the making of facts, took too long and was ended."""


class Counting:
    """The facts of the newest export of a folder, kept until another one is there, and who asks them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="numbers")
        self._waiting = 0
        self._made: tuple[Written, duckdb.DuckDBPyConnection] | None = None

    async def ask(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """The answer to a question. Raises NothingExported, TooMany, CutOff, and TimeoutError where it did not come while
        one waits."""
        if self._waiting >= WAITING_MAX:
            raise TooMany
        asked = self._thread.submit(self._answer, question)
        self._waiting += 1
        loop = asyncio.get_running_loop()
        asked.add_done_callback(lambda _: loop.is_closed() or loop.call_soon_threadsafe(self._answered))
        async with asyncio.timeout(WAIT_SECONDS):
            return await asyncio.wrap_future(asked)

    def _answered(self) -> None:
        self._waiting -= 1

    def _answer(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        connection = self._facts()
        try:
            with _at_most(ANSWER_SECONDS, connection):
                return question(connection)
        except duckdb.FatalException:  # what was made can be asked no more
            self._forget()
            raise

    def _facts(self) -> duckdb.DuckDBPyConnection:
        """Those of the newest export: what an older one came to is thrown away first, so that both are never in memory."""
        found = written(self._folder)
        if self._made is not None:
            if self._made[0] == found:
                return self._made[1]
            self._forget()
        connection = open_facts()
        try:
            with _at_most(MAKING_SECONDS, connection):
                make_facts(connection, self._folder)
        except BaseException:
            connection.close()
            raise
        self._made = (found, connection)
        return connection

    def _forget(self) -> None:
        if self._made is not None:
            self._made[1].close()
            self._made = None


@contextmanager
def _at_most(seconds: float, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """End what the connection does after this time, and when the process ends. Raises CutOff."""
    done, until = Event(), monotonic() + seconds

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            if monotonic() > until or not main_thread().is_alive():
                connection.interrupt()

    watcher = Thread(target=watch, name="numbers-watch", daemon=True)
    watcher.start()
    try:
        yield
    except duckdb.InterruptException as error:
        raise CutOff(f"it took longer than {seconds:g} s") from error
    finally:
        done.set()
        watcher.join()
