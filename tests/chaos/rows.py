"""The rows of the fault matrix (docs/promises.md), each as what is done to a whole installation under load."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Mapping

import psutil

from chassis.runtime import Exit
from contracts.topics import SERVICES
from oms.kept import read_again
from oms.stack import DOORS
from tests.chaos.play import TROUBLES, Play
from tests.chaos.points import Kill, rounds
from tests.chaos.results import Outcome
from tests.chaos.site import LOOK_SECONDS, SECOND, Site, health_of, pause
from tests.waiting import eventually

__all__ = ["KILLED", "PROCESS_ROWS", "kill_rounds"]

FIRE_SECONDS = 180.0
"""A fault that has not fired by then fails the run: what never happened proves nothing. Longer than a run of the demonstration
takes to be summed up and the next to send goods off, between which shipping has nothing to do."""

STALL_SECONDS = 13.0
"""Longer than a session and a transaction may last at the broker (10 s each)."""

ENDS_SECONDS = 60.0
FENCED = "this process ends, the other goes on"
"""What a process that the broker fenced says last."""

KILLED = frozenset({"F01", "F02", "F03", "F04"})
"""Rows whose faults are kills at fault points; they are made together, round by round."""

DATABASE_DEATHS = (signal.SIGQUIT, signal.SIGKILL, signal.SIGQUIT)
"""An immediate stop, a kill, and once more."""


def kill_rounds(play: Play, rows: frozenset[str], over: Callable[[], bool]) -> int:
    """Every fault point of these rows in every process: one of each process dies in a round, and is started again at
    once. How many rounds were left when the time was `over`."""
    wanted = rounds(rows, play.seed)
    for number, together in enumerate(wanted):
        if over():
            return len(wanted) - number
        _round(play, together)
    return 0


def _round(play: Play, together: list[Kill]) -> None:
    before = play.site.written()
    told = {
        kill.process: Outcome(kill.row, f"{kill.process} dies at {kill.point}, hit {kill.nth}", play.seed)
        for kill in together
    }
    armed = play.site.arm({kill.process: kill.fault for kill in together})
    until = time.monotonic() + FIRE_SECONDS
    while armed and time.monotonic() < until:
        for name in [name for name, process in armed.items() if process.poll() is not None]:
            _died(told[name], armed.pop(name), play.site, name)
        play.load.go_on()
        pause(LOOK_SECONDS)
    play.site.stop(list(armed))
    for name in armed:
        told[name].wrong.append(f"the fault never fired in {FIRE_SECONDS:.0f} s")
    outcomes = list(told.values())
    try:
        play.recover(outcomes)
    except TROUBLES as error:
        outcomes[0].wrong.append(f"{type(error).__name__}: {error}")
        play.mend(outcomes[0])
    outcomes[0].events = max(0, play.site.written() - before)
    for one in outcomes:
        play.told(one)


def _died(one: Outcome, process: psutil.Popen, site: Site, name: str) -> None:
    code = int(process.wait())
    if code == -signal.SIGKILL:
        one.fired = 1
    else:
        one.wrong.append(f"{name} ended with {code} where it was to be killed")
    site.launched(name)


def zombie(play: Play) -> None:
    """F10: a process stands still inside a transaction, longer than it may; another takes over; it wakes."""
    site, name = play.site, play.chance("F10").choice(SERVICES)
    with play.row("F10", f"{name} is stopped inside a transaction, another takes over") as one:
        mark = site.size(name)
        first = site.arm({name: f"loop.produced:2:sleep={STALL_SECONDS}"})[name]
        eventually(lambda: site.said(name, "fault point loop.produced", mark), FIRE_SECONDS, f"{name} in a transaction")
        first.send_signal(signal.SIGSTOP)
        one.fired = 1
        home = site.settings.home / SECOND
        second = site.launched(name, home=home)
        place = home / "run" / f"{name}.json"
        pause(STALL_SECONDS)
        eventually(lambda: health_of(place).get("state") == "running", ENDS_SECONDS, f"a second {name} running", 0.5)
        if play.confirmed() is None:
            one.wrong.append(f"nothing was confirmed while the second {name} had taken over")
        first.send_signal(signal.SIGCONT)
        # It ends as fenced, or its client saw by itself that its time was over: then it threw its transaction away, and is
        # a member among others. That nothing of that transaction is seen is what `oms verify` looks at.
        pause(STALL_SECONDS)
        if (code := first.poll()) not in (None, Exit.FENCED):
            one.wrong.append(f"the one that woke ended with {code}, not {Exit.FENCED}")
        if play.alive() is None:
            one.wrong.append("nothing was confirmed after the first woke")
        second.terminate()
        second.wait(ENDS_SECONDS)


def usurped(play: Play) -> None:
    """F11: somebody takes the transactional id of a process: the older one ends, and begins again in its place."""
    site, name = play.site, play.chance("F11").choice(SERVICES)
    with play.row("F11", f"another producer takes the transactional id of {name}") as one:
        older, mark = site.running(name), site.size(name)
        assert older is not None, f"{name} does not run"
        # Which slot it has depends on who was there when it started; nobody else has the other.
        newer = [site.log.producer(f"{name}-{slot}") for slot in range(2)]
        one.fired = 1
        eventually(lambda: site.said(name, FENCED, mark), ENDS_SECONDS, f"{name} fenced")
        for producer in newer:
            producer.close()
        eventually(lambda: site.said(name, "begins again", mark), ENDS_SECONDS, f"{name} begins again")
        again = read_again(site.settings.run_folder, name)
        if again is None or site.running(name) != older:
            one.wrong.append(f"{name} did not begin again in its place: {again}")


def slow(play: Play) -> None:
    """F18: a process sleeps inside a transaction until the broker has ended it."""
    site, name = play.site, play.chance("F18").choice(SERVICES)
    with play.row("F18", f"{name} sleeps {STALL_SECONDS:.0f} s inside a transaction") as one:
        mark = site.size(name)
        process = site.arm({name: f"loop.produced:2:sleep={STALL_SECONDS}"})[name]
        eventually(lambda: site.said(name, "fault point loop.produced", mark), FIRE_SECONDS, f"{name} in a transaction")
        one.fired = 1
        # It may throw its producer away and go on, or end as fenced; it may not end in another way, nor stand still.
        pause(STALL_SECONDS * 2)
        if (code := process.poll()) not in (None, Exit.FENCED):
            one.wrong.append(f"{name} ended with {code}, not {Exit.FENCED}")


def database(play: Play) -> None:
    """F20: the database stops at once, or is killed; whoever needs it waits, and goes on by itself."""
    site, chance = play.site, play.chance("F20")
    with play.row("F20", f"the database dies {len(DATABASE_DEATHS)} times and comes back") as one:
        for death in DATABASE_DEATHS:
            server = site.running("database")
            assert server is not None, "the database does not run"
            server.send_signal(death)
            server.wait(ENDS_SECONDS)
            one.fired += 1
            pause(chance.uniform(0.5, 4))
            site.start_database()
            pause(chance.uniform(1, 5))
        ended = [process.name for process in site.stack.wanted if site.running(process.name) is None]
        if ended:
            one.wrong.append(f"ended instead of waiting: {', '.join(ended)}")


def broker_stopped(play: Play) -> None:
    """F05: the only broker is stopped properly, and started again."""
    _broker(play, "F05", "the broker is stopped properly and started again", signal.SIGTERM)


def broker_killed(play: Play) -> None:
    """F06: the only broker is killed, and started again on its disk."""
    _broker(play, "F06", "the broker is killed and started again", signal.SIGKILL)


def _broker(play: Play, row: str, what: str, death: signal.Signals) -> None:
    with play.row(row, what) as one:
        server = play.site.running("broker")
        assert server is not None, "the broker does not run"
        server.send_signal(death)
        server.wait(ENDS_SECONDS)
        one.fired = 1
        pause(play.chance(row).uniform(0.5, 4))


def without_broker(play: Play) -> None:
    """F25: the broker is not there when all others start: they wait and say so, and begin when it comes."""
    site = play.site

    def waits(name: str) -> bool:
        said = health_of(site.settings.run_folder / f"{name}.json")
        return said.get("state") == "waiting" and "no broker answers" in str(said["last_error"])

    with play.row("F25", "everything starts while the broker is away") as one:
        server = site.running("broker")
        assert server is not None, "the broker does not run"
        server.terminate()
        server.wait(ENDS_SECONDS)
        names = [process.name for process in site.stack.wanted]
        site.stop(names)
        started = {name: site.launched(name) for name in names}
        one.fired = len(started)
        eventually(lambda: all(map(waits, SERVICES)), ENDS_SECONDS, "all services saying what they wait for", 1.0)
        ended = [f"{name} ({process.poll()})" for name, process in started.items() if process.poll() is not None]
        if ended:
            one.wrong.append(f"ended instead of waiting: {', '.join(ended)}")


def swapped(play: Play) -> None:
    """F22: the tables of a service are made again and put in the place of the live ones, while it works."""
    name = play.chance("F22").choice(SERVICES)
    with play.row("F22", f"the tables of {name} are made again and take the live ones' place") as one:
        done = play.site.oms("rebuild", name, "--swap", "--json")
        said = json.loads(done.stdout or "{}")
        one.fired = sum(service["swapped"] for service in said.get("services", ()))
        if not said.get("equal"):
            one.wrong.append(f"what was made again is not what was live: {(done.stdout + done.stderr)[-800:]}")


def storm(play: Play) -> None:
    """F17: second processes of a service come and go, properly and by a kill."""
    site, chance = play.site, play.chance("F17")
    name = chance.choice(SERVICES)
    with play.row("F17", f"second processes of {name} join and leave") as one:
        home = site.settings.home / SECOND
        for turn in range(6):
            other = site.launched(name, home=home)
            pause(chance.uniform(3, 8))
            other.send_signal(signal.SIGKILL if turn % 2 else signal.SIGTERM)
            other.wait(ENDS_SECONDS)
            one.fired += 1


def swizzled(play: Play) -> None:
    """F35: processes stand still one by one, and go on in another order."""
    site, chance = play.site, play.chance("F35")
    with play.row("F35", "processes are stopped one by one and go on in another order") as one:
        names = chance.sample([process.name for process in site.stack.wanted], 5)
        for name in names:
            if (process := site.running(name)) is not None:
                process.suspend()
                one.fired += 1
            pause(chance.uniform(0.5, 4))
        for name in chance.sample(names, len(names)):
            if (process := site.running(name)) is not None:
                process.resume()
            pause(chance.uniform(0.5, 4))
        pause(STALL_SECONDS)


def combined(play: Play) -> None:
    """F36: kills, halts and restarts of servers, whatever comes next by the seed."""
    site, chance = play.site, play.chance("F36")
    with play.row("F36", "kills, halts and restarted servers, by chance") as one:
        for _ in range(20):
            site.heal()
            name = chance.choice([*SERVICES, DOORS.name, "workers", "channels", "console", "database", "broker"])
            process = site.running(name)
            if process is None:
                continue
            if name not in ("database", "broker") and chance.random() < 0.4:
                process.suspend()
                pause(chance.uniform(0.5, STALL_SECONDS))
                process.resume()
            else:
                process.kill()
                process.wait(ENDS_SECONDS)
            one.fired += 1
            pause(chance.uniform(0, 3))


PROCESS_ROWS: Mapping[str, Callable[[Play], None]] = {
    "F05": broker_stopped,
    "F06": broker_killed,
    "F10": zombie,
    "F11": usurped,
    "F17": storm,
    "F18": slow,
    "F20": database,
    "F22": swapped,
    "F25": without_broker,
    "F35": swizzled,
    "F36": combined,
}
"""What is done to processes and servers."""
