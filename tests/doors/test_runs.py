"""What an operator begins at the door: watched as a process of its own, told as it ends, never at work for ever."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from chassis.comparison import Difference, Side, TableCompared
from chassis.doors import Door
from contracts.envelope import Actor
from oms.rebuild.documents import document_of
from oms.rebuild.running import Rebuilt
from oms.runs import api, running
from oms.runs.asked import Asked
from oms.runs.kept import RUNS_KEPT
from oms.runs.running import Runs
from oms.told_progress import Far, Teller, far_of
from tests.doors.fakes import KeptWriter, guarded_client
from tests.waiting import eventually

REBUILD = {"kind": "rebuild", "service": "order", "reason": "a row looks wrong"}
EQUAL = TableCompared("orders", Side(3, "a"), Side(3, "a"))
OTHER = TableCompared(
    "cards",
    Side(2, "a"),
    Side(2, "b"),
    Difference({"order_id": "o1"}, {"order_id": "o1", "stage": "lost"}, {"order_id": "o1", "stage": "placed"}),
)


def says(*tables: TableCompared) -> str:
    """What a rebuild of order prints."""
    found = Rebuilt("order", tables, offsets=40, calls_outside=0)
    return json.dumps({"equal": found.equal, "services": [document_of(found)]})


class Command:
    """Stands in for `oms`: writes what it is told to, waits until it may end, and ends with a code."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "command.py"
        self.go = folder / "go"

    def does(self, prints: str = "", said: str = "", code: int = 0, *, waits: bool = False) -> None:
        """The commands that are begun from now on."""
        self.script.write_text(
            "import pathlib, sys, time\n"
            f"print({prints!r}); print({said!r}, file=sys.stderr, flush=True)\n"
            f"while {waits} and not pathlib.Path({str(self.go)!r}).exists(): time.sleep(0.02)\n"
            f"sys.exit({code})\n"
        )

    @contextmanager
    def doors(self) -> Iterator[tuple[TestClient, Runs]]:
        """The doors, from their beginning to their end."""
        runs = Runs(self.folder / "runs", (sys.executable, str(self.script)))
        client, _ = guarded_client(api.router(runs, Door("http", KeptWriter(), 4)))
        runs.take_up()
        with client as opened:
            try:
                yield opened, runs
            finally:
                opened.portal.call(runs.close)  # type: ignore[union-attr]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def begun(client: TestClient, asked: Any = REBUILD, key: str = "k1") -> Any:
    return client.post("/runs", json=asked, headers={"Idempotency-Key": key})


def last(client: TestClient) -> Any:
    return client.get("/runs").json()["runs"][0]


def ended(client: TestClient) -> Any:
    return eventually(lambda: last(client) if last(client)["state"] != "at_work" else None, because="it ended")


def test_who_began_it_when_and_why_is_told_and_that_all_is_equal(command: Command) -> None:
    command.does(prints=says(EQUAL))
    with command.doors() as (client, _):
        assert begun(client).status_code == 202
        run = ended(client)
    assert (run["state"], run["kind"], run["service"], run["reason"]) == ("equal", *REBUILD.values())
    assert run["actor"]["kind"] == "person" and run["ended_at"] >= run["began_at"]
    assert run["found"][0] == "order: 1 tables with 3 rows, equal to the live ones"
    # and other doors know it, too
    with command.doors() as (client, _):
        assert last(client) == run


def test_of_what_differs_the_first_row_is_named(command: Command) -> None:
    command.does(prints=says(EQUAL, OTHER), code=1)
    with command.doors() as (client, _):
        begun(client)
        run = ended(client)
    assert run["state"] == "different"
    assert "cards: the first row that differs is order_id o1" in run["found"]
    assert "  stage: live lost, rebuilt placed" in run["found"]


def test_a_replay_goes_into_a_sandbox_and_says_what_was_written_otherwise(command: Command) -> None:
    differs = {
        "service": "order", "stream": "order/o1", "event": 2, "happened": "SourcingDecided",
        "control": "SourcingDecided", "field": "reason", "values": ["stock", "age"],
    }  # fmt: skip
    played = {
        "records": 5,
        "events": 8,
        "streams": 2,
        "different": 1,
        "first": [differs],
        "left_out": {},
        "calls_outside": 0,
    }
    chosen = {"records": 5, "first": "a", "last": "b", "services": {"order": 5}, "types": {}}
    command.does(prints=json.dumps({"namespace": "trial", "chosen": chosen, "played": played}), code=1)
    asked = {"kind": "replay", "service": "order", "into": "trial", "since": "2026-01-05T09:00:00Z", "reason": "a rule"}
    with command.doors() as (client, _):
        begun(client, asked)
        run = ended(client)
    assert run["state"] == "different" and "1 of 2 streams were written as they were" in run["found"]
    assert "  order/o1, event 2, SourcingDecided: reason was stock, and is age" in run["found"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "replay", "into": "Trial"},
        {"kind": "replay", "into": ""},
        {"kind": "replay", "into": "trial", "since": "2026-01-06T00:00:00Z", "until": "2026-01-05T00:00:00Z"},
        {"kind": "rebuild", "service": "--swap"},
        {"kind": "oms"},
    ],
)
def test_nothing_else_can_be_begun(command: Command, wrong: dict[str, str]) -> None:
    with command.doors() as (client, _):
        assert begun(client, {**wrong, "reason": "why not"}).status_code == 422
        assert client.get("/runs").json()["runs"] == []


def test_one_is_at_work_at_a_time_and_says_how_far_it_is(command: Command) -> None:
    command.does(says(EQUAL), '{"step": "order: offsets followed", "done": 50, "of": 200, "rate": 25.0}', waits=True)
    with command.doors() as (client, runs):
        first = begun(client).json()["message_id"]
        before = runs.position()
        progress = eventually(lambda: last(client).get("progress"), because="how far it is")
        assert progress["left_seconds"] == 6.0 and (progress["done"], progress["of"]) == (50, 200)
        # the same request is the same run, with another body none, and another has to wait
        assert begun(client).json()["message_id"] == first
        assert begun(client, {**REBUILD, "service": "payments"}).status_code == 409
        refused = begun(client, key="k2")
        assert refused.status_code == 409 and "It is the rebuild that" in refused.json()["detail"]
        command.go.touch()
        assert ended(client)["state"] == "equal"
        assert runs.position() != before
        assert begun(client, key="k2").status_code == 202


def test_one_that_found_nothing_says_why_in_its_own_words(command: Command) -> None:
    far = '{"step": "order: offsets followed", "done": 5, "of": 9, "rate": 1.0}'
    command.does(said=f"{far}\noms: another `oms rebuild order` is at work", code=11)
    with command.doors() as (client, _):
        begun(client)
        run = ended(client)
    assert (run["state"], run["trouble"]) == ("failed", "oms: another `oms rebuild order` is at work")


def test_one_that_is_killed_is_told_so(command: Command) -> None:
    command.does(waits=True)
    with command.doors() as (client, _):
        begun(client)
        [process] = psutil.Process().children()
        process.send_signal(signal.SIGKILL)
        run = ended(client)
    assert run["state"] == "broken_off" and "SIGKILL" in run["trouble"]


def test_one_that_is_stopped_says_by_whom_and_why(command: Command) -> None:
    command.does(waits=True)
    with command.doors() as (client, _):
        name = begun(client).json()["message_id"]
        stopped = client.post(f"/runs/{name}/stop", json={"reason": "wrong one"}, headers={"Idempotency-Key": "k2"})
        assert stopped.json()["outcome"] == "broken_off"
        assert last(client)["trouble"].endswith(": wrong one") and last(client)["trouble"].startswith("stopped by ")
        unknown = client.post("/runs/nobody/stop", json={"reason": "x"}, headers={"Idempotency-Key": "k3"})
        assert unknown.status_code == 404


def test_none_is_at_work_any_more_after_the_doors_ended(command: Command) -> None:
    # given one that is at work when the doors are stopped, then it is told, and no process is left
    command.does(waits=True)
    with command.doors() as (client, _):
        begun(client)
    assert psutil.Process().children() == []
    with command.doors() as (client, _):
        assert last(client)["state"] == "broken_off" and "the doors were stopped" in last(client)["trouble"]
        # and one whose doors died so that nobody could write it down
        place = command.folder / "runs" / last(client)["run"] / "run.json"
        place.write_text(json.dumps({**json.loads(place.read_text()), "state": "at_work"}))
    with command.doors() as (client, _):
        assert last(client)["state"] == "broken_off" and "ended while it was at work" in last(client)["trouble"]


def test_of_two_doors_of_one_home_one_has_the_runs_and_the_other_tells_them(command: Command) -> None:
    # given one that is at work
    command.does(said='{"step": "order: offsets followed", "done": 50, "of": 200, "rate": 25.0}', waits=True)
    with command.doors() as (other, _):
        with command.doors() as (client, _):
            # then whoever was first to begin one has them, and a third process tells the same, and calls nothing broken off
            name = begun(client).json()["message_id"]
            with command.doors() as (third, runs):
                told = eventually(lambda: last(third).get("progress"), because="how far it is")
                assert told["done"] == 50 and last(third)["state"] == "at_work"
                before = runs.position()
                for doors in (other, third):
                    stopped = doors.post(f"/runs/{name}/stop", json={"reason": "x"}, headers={"Idempotency-Key": "k2"})
                    assert (stopped.status_code, begun(doors, key="k3").status_code) == (409, 409)
                    assert "one alone begins and stops them" in stopped.json()["detail"]
                assert runs.position() == before
            assert last(client)["state"] == "at_work"
        # and when that process has ended, another has them
        assert last(other)["state"] == "broken_off"
        command.does(prints=says(EQUAL))
        assert begun(other, key="k4").status_code == 202 and ended(other)["state"] == "equal"


def test_whoever_gives_up_waiting_for_a_stop_does_not_end_the_watching(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command.does(waits=True)
    with command.doors() as (client, runs):
        name = begun(client).json()["message_id"]

        async def given_up() -> None:
            has_ended, end = asyncio.Event(), running._ended

            async def ended_now(process: subprocess.Popen[bytes]) -> None:
                await end(process)
                has_ended.set()

            monkeypatch.setattr(running, "_ended", ended_now)
            stopping = asyncio.create_task(runs.stop(name, "wrong one"))
            await has_ended.wait()
            stopping.cancel()

        client.portal.call(given_up)  # type: ignore[union-attr]
        assert ended(client)["trouble"] == "wrong one"
        command.does(prints=says(EQUAL))
        assert begun(client, key="k2").status_code == 202


def test_one_that_came_to_its_end_before_it_was_stopped_says_what_it_found(command: Command) -> None:
    command.does(prints=says(EQUAL))
    with command.doors() as (client, runs):

        async def stopped_too_late() -> Any:
            asked = TypeAdapter[Any](Asked).validate_python(REBUILD)
            runs.begin("r1", asked, Actor(kind="person", subject="ada"))
            [process] = psutil.Process().children()
            # the loop is held meanwhile, so that nobody has looked yet
            eventually(lambda: process.status() == psutil.STATUS_ZOMBIE, because="it came to its end")
            return await runs.stop("r1", "wrong one")

        assert client.portal.call(stopped_too_late).state == "equal"  # type: ignore[union-attr]


def test_the_removal_of_a_sandbox_goes_on_to_its_end(command: Command) -> None:
    command.does(prints=json.dumps({"removed": "trial", "topics": 18}), waits=True)
    with command.doors() as (client, _):
        name = begun(client, {"kind": "removal", "into": "trial", "reason": "done"}).json()["message_id"]
        stopped = client.post(f"/runs/{name}/stop", json={"reason": "x"}, headers={"Idempotency-Key": "k2"})
        assert stopped.status_code == 409 and last(client)["state"] == "at_work"
        command.go.touch()
        assert ended(client)["state"] == "done"


def test_the_newest_are_kept(command: Command) -> None:
    command.does(prints=says(EQUAL))
    with command.doors() as (client, _):
        for number in range(RUNS_KEPT + 2):
            begun(client, key=f"k{number}")
            ended(client)
        assert len(client.get("/runs").json()["runs"]) == RUNS_KEPT
    assert len(list((command.folder / "runs").glob("*/"))) == RUNS_KEPT


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux alone ends a process with its parent")
def test_what_was_begun_ends_with_whoever_began_it_whatever_ends_them() -> None:
    child = "import os, time; from oms.runs.beneath import end_with; end_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, env={**os.environ}) as began:
        assert began.stdout is not None
        process = psutil.Process(int(began.stdout.readline()))
        began.kill()
        process.wait(10)


def test_a_step_is_told_at_its_beginning_and_then_once_a_second() -> None:
    lines, moments = list[str](), [100.0]
    teller = Teller(lines.append, lambda: moments[-1])
    teller.begin("order: offsets followed", 1_000)
    for moment, done in ((100.4, 100), (101.0, 200), (101.5, 300), (102.0, 400)):
        moments.append(moment)
        teller.done(done)
    teller.begin("order: rows compared")
    told = [far_of(line) for line in lines]
    assert told == [
        Far("order: offsets followed", 0, 1_000, 0.0),
        Far("order: offsets followed", 200, 1_000, 200.0),
        Far("order: offsets followed", 400, 1_000, 200.0),
        Far("order: rows compared", 0, None, 0.0),
    ]
    assert told[2] is not None and told[2].left_seconds == 3.0 and told[3] is not None and told[3].left_seconds is None
