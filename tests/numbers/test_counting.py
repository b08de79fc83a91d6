"""Who asks exported events has the thread for itself, and limits: nobody keeps the others, or the doors, waiting for long."""

from __future__ import annotations

import asyncio
import os
from datetime import date
from pathlib import Path
from threading import Event, current_thread

import duckdb
import pytest

from oms.numbers import counting
from oms.numbers.counting import Counting, CutOff, TooMany
from oms.numbers.exporting import export
from oms.numbers.facts import make_facts, open_facts
from oms.numbers.for_console import ExportedFigures
from services.console.figures import NumbersBusy
from tests.numbers.worlds import append, empty_log
from tests.simulation.people import receive
from tests.simulation.world import World

FOR_EVER = "select count(*) from range(100000000) a, range(100000000) b where a.range + b.range = 7"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export of little."""
    world, log = World(), empty_log()
    receive(world, "A", "north", 2)
    append(log, world.written)
    export(log, tmp_path)
    return tmp_path


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders of which facts were made, each time anew."""
    found = list[Path]()

    def made_of(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        found.append(folder)
        make_facts(connection, folder)

    monkeypatch.setattr(counting, "make_facts", made_of)
    return found


def events(connection: duckdb.DuckDBPyConnection) -> int:
    [counted] = connection.execute("select count(*) from events").fetchone() or (0,)
    return int(counted)


def test_facts_are_made_once_of_an_export(folder: Path, made: list[Path]) -> None:
    # given an export that three questions were asked of
    asked = Counting(folder)
    answers = [asyncio.run(asked.ask(events)) for _ in range(3)]
    # then its facts were made once
    assert answers[0] and len(set(answers)) == 1 and made == [folder]
    # and when another export has written, they are made of that
    newest = next(folder.glob("events/*/*.parquet"))
    os.utime(newest, ns=(newest.stat().st_atime_ns, newest.stat().st_mtime_ns + 1))
    assert asyncio.run(asked.ask(events)) == answers[0] and made == [folder] * 2


def test_a_question_that_takes_too_long_is_ended_and_the_next_is_answered(
    folder: Path, monkeypatch: pytest.MonkeyPatch, made: list[Path]
) -> None:
    asked = Counting(folder)
    assert asyncio.run(asked.ask(events))
    with monkeypatch.context() as short:
        short.setattr(counting, "ANSWER_SECONDS", 0.0)
        with pytest.raises(CutOff):
            asyncio.run(asked.ask(lambda connection: connection.execute(FOR_EVER).fetchall()))
    assert asyncio.run(asked.ask(events)) and made == [folder]


def held(asked: Counting, count: int) -> list[object]:
    """What becomes of so many questions, of which the first is held until the last was asked."""
    go = Event()

    async def all_of_them() -> list[object]:
        waiting = [asyncio.ensure_future(asked.ask(lambda _: go.wait())) for _ in range(count)]
        await asyncio.sleep(0)
        try:
            last = (await asyncio.gather(asked.ask(lambda _: True), return_exceptions=True))[0]
        finally:
            go.set()
        return [last, *await asyncio.gather(*waiting, return_exceptions=True)]

    return asyncio.run(all_of_them())


def test_no_more_wait_than_are_taken(folder: Path) -> None:
    # given as many questions as are taken, the next one is told so at once
    asked = Counting(folder)
    last, *rest = held(asked, counting.WAITING_MAX)
    assert isinstance(last, TooMany) and rest == [True] * counting.WAITING_MAX
    # and when they are answered, there is room again
    assert asyncio.run(asked.ask(events))


def test_nobody_waits_longer_than_one_may(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a question that is not answered, who asks after it waits no longer than a while
    monkeypatch.setattr(counting, "WAIT_SECONDS", 0.2)
    last, *rest = held(Counting(folder), 1)
    assert isinstance(last, TimeoutError) and len(rest) == 1


def test_the_threads_of_other_pages_are_left_alone(folder: Path) -> None:
    names = [asyncio.run(Counting(folder).ask(lambda _: current_thread().name)) for _ in range(2)]
    assert all(name.startswith("numbers") for name in names)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [(TooMany(), "Too many"), (CutOff(), "fewer days"), (TimeoutError(), "Ask again in a minute")],
    ids=lambda each: type(each).__name__,
)
def test_whoever_gets_no_answer_is_told_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception, words: str
) -> None:
    async def refused(self: Counting, question: object) -> None:
        raise trouble

    monkeypatch.setattr(Counting, "ask", refused)
    figures = ExportedFigures(folder)
    with pytest.raises(NumbersBusy, match=words):
        asyncio.run(figures.figures("day", date(2026, 1, 1), date(2026, 2, 1)))


def test_what_memory_has_no_room_for_does_not_go_where_somebody_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given somebody who counts from a folder of their own, and hardly any memory
    monkeypatch.chdir(tmp_path)
    with open_facts() as connection:
        connection.execute("set memory_limit = '30MB'")
        # when more is sorted than it holds
        rows = "select hash(range) as a, range::varchar || repeat('x', 60) as b from range(500000)"
        kept = connection.execute(f"create table sorted as {rows} order by a").fetchone()
        # then that folder stays empty
        assert kept is not None and not list(tmp_path.iterdir())
