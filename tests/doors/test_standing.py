"""What stands still: since when, how far behind, what waits with it; at the door and among the console's exceptions."""

from __future__ import annotations

import csv
import io
import json
import os
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import psutil
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from chassis.runtime import Health, serve_health
from chassis.settings import Settings
from chassis.store import StoreAway
from chassis.tokens import Role, Tokens
from contracts.message import format_instant
from contracts.topics import SERVICES
from oms.access import RULES
from oms.stack import DOORS, PROCESSES, Stack
from oms.standing import api, looking
from oms.standing.watch import FAR_BEHIND, NO_NEARER_AFTER, STANDS_AFTER, WAITS_WITH, Standing, Still, row_of
from services.console.installation import Followed
from services.console.queues import QUEUES
from tests.doors.fakes import NOON, guarded_client
from tests.doors.test_console import form_of, signed_in

LOOK = timedelta(seconds=looking.LOOK_SECONDS)
WAIT_SECONDS = 10.0
RUNS = {"state": "running", "last_error": None}


class Site:
    """An installation as others tell of it, and what is seen of it look by look."""

    def __init__(self) -> None:
        self.now = NOON
        self.said: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, int | None] | None = {}
        self.offsets: dict[str, int] | None = {}
        self.database_away = False
        self.standing = Standing(self, lambda: self.said, lambda: self.now)

    def behind(self) -> Mapping[str, int | None] | None:
        return self.messages

    def followers(self) -> Sequence[Followed] | None:
        if self.database_away:
            raise StoreAway("the database is restarting")
        if self.offsets is None:
            return None
        return [Followed("console", name, behind) for name, behind in self.offsets.items()]

    def looks(self, passed: timedelta = timedelta()) -> Sequence[Still]:
        """Look again, when so much has passed."""
        self.now += passed
        self.standing.look()
        return self.standing.now()


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize("state", ["stopped", "died", "silent", "starting", "waiting", "failed"])
def test_a_process_that_does_not_run_is_told_once_it_has_not_for_long_enough(site: Site, state: str) -> None:
    # given a service whose process says that it does not run, and another that does
    site.said = {"order": {"state": state, "last_error": "the store is away"}, "doors": RUNS}
    site.messages = {"order": 3}
    assert site.looks() == []
    assert site.looks(STANDS_AFTER - LOOK) == []
    # when that is so for longer than what passes by itself
    site.messages = {"order": 7}
    [still] = site.looks(LOOK)
    # then it is told: since it was seen first, why, how far it is behind by now, and what waits with it
    assert (still.name, still.state, still.since) == ("order", state, NOON)
    assert (still.reason, still.behind, still.counted_in) == ("the store is away", 7, "messages")
    assert still.waits_with == WAITS_WITH["order"]
    # and no more as soon as it runs, nor at once when it stops again
    site.said["order"] = RUNS
    assert site.looks(LOOK) == []
    site.said["order"] = {"state": state, "last_error": None}
    assert site.looks(LOOK) == []


def test_whose_state_changes_stands_still_since_it_ran_last(site: Site) -> None:
    site.said = {"order": {"state": "died", "last_error": "killed"}}
    site.looks()
    site.said = {"order": {"state": "starting", "last_error": None}}
    [still] = site.looks(STANDS_AFTER)
    assert (still.state, still.since) == ("starting", NOON)


def test_what_is_far_behind_is_told_although_it_moves(site: Site) -> None:
    # given a service and tables that are far behind, and come nearer at each look
    for step in range(STANDS_AFTER // LOOK + 1):
        site.messages, site.offsets = {"order": FAR_BEHIND + 50 - step}, {"flow": FAR_BEHIND + 60 - step}
        found = site.looks(LOOK)
    # then both are told, in what each is counted
    told = [(each.name, each.state, each.counted_in) for each in found]
    assert told == [("console: flow", "far behind", "offsets"), ("order", "far behind", "messages")]
    # and no more, as soon as they are near
    site.messages, site.offsets = {"order": FAR_BEHIND - 1}, {"flow": FAR_BEHIND - 1}
    assert site.looks(LOOK) == []


def test_what_comes_no_nearer_is_told_however_little_it_is_behind(site: Site) -> None:
    # given tables that are three offsets behind, and then five
    site.offsets = {"flow": 3}
    site.looks()
    site.offsets = {"flow": 5}
    assert site.looks(NO_NEARER_AFTER - LOOK) == []
    [still] = site.looks(LOOK)
    assert (still.name, still.state, still.since, still.behind) == ("console: flow", "comes no nearer", NOON, 5)
    # when they move by one, then they follow, and so do those that have followed everything
    site.offsets = {"flow": 4}
    assert site.looks(LOOK) == []
    site.offsets = {"flow": 0}
    site.looks(LOOK)
    assert site.looks(NO_NEARER_AFTER) == []


def test_what_nobody_knows_now_stays_as_it_was(site: Site) -> None:
    # given what comes no nearer
    site.messages, site.offsets = {"order": 3, "payments": None}, {"flow": 3}
    site.looks()
    names = {"order", "console: flow"}
    assert {each.name for each in site.looks(NO_NEARER_AFTER)} == names
    # when no broker answers, or no position is known, then it stands still since then
    site.messages, site.offsets = None, None
    assert {(each.name, each.since) for each in site.looks(LOOK)} == {(name, NOON) for name in names}
    site.messages = {"order": None}
    assert {each.name for each in site.looks(LOOK)} == names
    # and where the database is away, what is known without it is seen all the same
    site.messages, site.database_away = {"order": 0}, True
    with pytest.raises(StoreAway):
        site.looks(LOOK)
    assert [each.name for each in site.standing.now()] == ["console: flow"]
    # and it is said when how far all are was known last
    assert site.standing.looked_at() == NOON + NO_NEARER_AFTER


def test_tables_that_are_there_no_more_do_not_stand_still(site: Site) -> None:
    site.offsets = {"flow": 3}
    site.looks()
    assert site.looks(NO_NEARER_AFTER) != []
    site.offsets = {"search": 0}
    assert site.looks(LOOK) == []


def test_the_longest_stands_first_and_pages_hear_when_anything_else_does(site: Site) -> None:
    site.said = {"order": {"state": "died", "last_error": None}}
    site.looks()
    before = site.standing.position()
    site.said["inventory"] = {"state": "died", "last_error": None}
    site.looks(STANDS_AFTER)
    one = site.standing.position()
    assert [each.name for each in site.looks(STANDS_AFTER)] == ["order", "inventory"]
    assert before != one != site.standing.position()


def test_of_every_process_it_is_said_what_waits_with_it() -> None:
    assert set(WAITS_WITH) == {process.name for process in PROCESSES} >= set(SERVICES)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path)
    made.run_folder.mkdir()
    made.logs_folder.mkdir()
    return made


def test_processes_are_asked_for_their_health_as_oms_status_asks_them(settings: Settings) -> None:
    # given that these doors were started by `oms up`, and say that they wait
    Stack(settings).pid_file(DOORS.name).write(psutil.Process())
    end = serve_health(Health(DOORS.name, state="waiting", last_error="no broker answers"), settings.run_folder)
    found = looking.processes_here(settings)
    end()
    assert (found["doors"]["state"], found["doors"]["last_error"]) == ("waiting", "no broker answers")
    # and a process that was not started is stopped
    assert found["order"]["state"] == "stopped"


@pytest.mark.parametrize("whose", ["nobody's", "another's", "of one that ended"])
def test_where_processes_were_started_elsewhere_nothing_is_said_of_them(settings: Settings, whose: str) -> None:
    place = Stack(settings).pid_file(DOORS.name)
    if whose == "another's":
        place.write(psutil.Process(os.getppid()))
    elif whose == "of one that ended":
        place.path.write_text(json.dumps({"pid": os.getpid(), "born": "another"}))
    assert looking.processes_here(settings) == {}


def test_looking_goes_on_after_what_cannot_be_found_out_and_ends_with_the_doors(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # given a database that is away at the first look, something unforeseen at the second, and a third
    monkeypatch.setattr(looking, "LOOK_SECONDS", 0.0)
    troubles: list[Exception | None] = [StoreAway("the database is restarting"), ValueError("not foreseen"), None]
    looked, over = Queue[Exception | None](), Event()

    def look() -> None:
        if not troubles:
            over.wait(WAIT_SECONDS)
            return
        trouble = troubles.pop(0)
        looked.put(trouble)
        if trouble is not None:
            raise trouble

    monkeypatch.setattr(site.standing, "look", look)
    # when somebody keeps looking, then all three are made, and what passes by itself is no error
    end = looking.keep_looking(site.standing)
    for _ in range(3):
        looked.get(timeout=WAIT_SECONDS)
    [thread] = [each for each in threading.enumerate() if each.name == "what-stands-still"]
    assert [record.levelname for record in caplog.records] == ["ERROR"] and "not foreseen" in caplog.text
    # and it ends when the doors do, which wait for nothing
    end()
    over.set()
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive() and thread.daemon


def test_the_door_lists_what_stands_still_for_admins_alone(site: Site) -> None:
    site.said = {"order": {"state": "died", "last_error": None}}
    site.looks()
    site.looks(STANDS_AFTER)
    client, tokens = guarded_client(api.router(site.standing))
    for role in Role:
        tokens.tell(role, f"the-{role}", role)
        answer = client.get("/standing", headers={"Authorization": f"Bearer {role}"})
        assert answer.status_code == (200 if role in RULES["GET", "/standing"] else 403), role
    assert RULES["GET", "/standing"] == {Role.ADMIN}
    told = client.get("/standing", headers={"Authorization": f"Bearer {Role.ADMIN}"}).json()
    since = "2026-01-05T12:00:00.000Z"
    # and what nobody knows is left out
    still = {"name": "order", "state": "died", "since": since, "waits_with": WAITS_WITH["order"]}
    looked_at = format_instant(NOON + STANDS_AFTER)
    assert told == {"standing": [still], "looked_at": looked_at}


class Doors:
    """Doors at which a service and tables stand still, of which the service is looked after by somebody. `shut`: what
    stands still is not told to whoever asks."""

    shut = False

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> Response:
        path = f"/{request.path_params['path']}"
        if request.method == "POST":
            self.asked.append((path, await request.json()))
            return JSONResponse({"message_id": "m1", "location": path, "outcome": "looked_after"}, 202)
        if path == "/exceptions/owners":
            return JSONResponse({"owners": [{"list": "standing", "name": "order", "owner": "bob"}]})
        rows: dict[str, list[Any]] = {queue.rows: [] for queue in QUEUES if queue.path == path}
        if path == "/standing":
            if self.shut:
                return JSONResponse({"title": "This is not allowed to you"}, 403)
            order = Still("order", "died", NOON, WAITS_WITH["order"], "=it was killed", 12, "messages")
            tables = Still("console: flow", "comes no nearer", datetime.now(NOON.tzinfo), "They grow old.")
            rows["standing"] = [row_of(order), row_of(tables)]
        return JSONResponse(rows)


@pytest.fixture
def doors() -> Doors:
    return Doors()


def test_what_stands_still_is_one_of_the_lists_of_exceptions(browser: TestClient, tokens: Tokens) -> None:
    signed_in(browser, tokens, Role.ADMIN)
    page = browser.get("/console/exceptions").text
    section = page[page.index("Services that stand still") : page.index("Nothing waits in")]
    # then it is counted, with how many are late, who looks after it, and what happens if nobody acts
    assert '<span class="tag warn">2</span>' in section and "late: 1" in section
    for said in ("died", "12", "messages", WAITS_WITH["order"], "2026-01-05 12:00:00", "<td>bob</td>"):
        assert said in section, said
    assert "None" not in section
    # and its file says the same, without a formula
    header, old, new = csv.reader(io.StringIO(browser.get("/console/exceptions/standing.csv").text))
    row = dict(zip(header, old, strict=True))
    assert (row["name"], row["reason"], row["behind"], row["owner"]) == ("order", "'=it was killed", "12", "bob")
    assert dict(zip(header, new, strict=True))["behind"] == ""


def test_whom_the_door_does_not_tell_is_shown_no_such_list(browser: TestClient, tokens: Tokens, doors: Doors) -> None:
    doors.shut = True
    signed_in(browser, tokens, Role.CSR)
    assert "Services that stand still" not in browser.get("/console/exceptions").text
    assert browser.get("/console/exceptions/standing.csv").status_code == 403


def test_somebody_takes_over_what_stands_still(browser: TestClient, tokens: Tokens, doors: Doors) -> None:
    signed_in(browser, tokens, Role.ADMIN)
    page = browser.get("/console/exceptions").text
    assert 'name="row.console%3A%20flow"' in page
    fields = {"form": form_of(page), "do": "take", "why": "mine", "row.console%3A%20flow": "console: flow"}
    assert browser.post("/console/exceptions/standing", data=fields).status_code == 200
    said = {"list": "standing", "name": "console: flow", "reason": "mine", "owner": "ada"}
    assert doors.asked == [("/exceptions/owners", said)]
