"""Rows about what an installation stands on: the network to the broker, the clock, the disk, and a database that is put back
to what it was."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from contracts import topics
from contracts.envelope import Envelope
from contracts.topics import SERVICES
from deploy.local.database import start_database
from deploy.local.process import free_port
from oms.backup.tables import back_up_tables, restore_tables, schemas_of
from tests.chaos.play import NotHere, Play
from tests.chaos.proxy import Held, Proxy
from tests.chaos.results import Outcome
from tests.chaos.site import Site, pause
from tests.waiting import eventually

__all__ = ["GROUND_ROWS"]

FIRE_SECONDS = 120.0
"""For a service to have something to write."""

ENDS_SECONDS = 60.0
MEANWHILE_SECONDS = 15.0
"""How long orders come between a backup and the loss of what followed it."""

CLOCKS = (timedelta(minutes=5), timedelta(minutes=-5), timedelta(0))
"""How far a clock is from the host's, one after the other: forward, back past where it began, and right again."""

JUDGING = "order"
"""The service by whose clock most falls due: it waits for the others' answers to each step of an order."""

CLOCK_SECONDS = 10.0
CLOCK_SEEN = timedelta(minutes=4)
"""An event is from a clock that is ahead, where it is ahead of the host's by more."""

ROOM_MIB = 96
"""What a disk has left that is about to be full."""

MIB, BLOCK_BYTES = 2**20, 512
COMMAND_SECONDS = 120.0
NO_ROOM = b"No space left on device"
FULL_SECONDS = 60.0
"""For a server to meet the end of its disk."""


def unanswered(play: Play) -> None:
    """F12: the end of a transaction comes too late at the broker, or its answer at the client: who does not know how it
    ended makes another producer, and begins again from what the log says."""
    site, name = play.site, play.chance("F12").choice(SERVICES)
    with play.row("F12", f"ends of {name}'s transactions come late, and their answers") as one:
        proxy = Proxy(int(site.settings.bootstrap.rpartition(":")[2]))
        try:
            site.stop([name])
            process = site.launched(name, environment={"OMS_BOOTSTRAP": proxy.address})
            site.await_running([name])
            for held in (Held.ANSWER, Held.REQUEST):
                _hold_back(play, one, proxy, held, name)
            if process.poll() is not None:
                one.wrong.append(f"{name} ended with {process.poll()} instead of going on with another producer")
        finally:
            site.stop([name])
            proxy.close()


def _hold_back(play: Play, one: Outcome, proxy: Proxy, held: Held, name: str) -> None:
    before = proxy.producers
    proxy.hold(held)
    proxy.await_held(FIRE_SECONDS)
    one.fired += 1
    proxy.await_next_producer(before)
    outcome = proxy.let_go()
    if held is Held.ANSWER and outcome:
        one.wrong.append(f"the broker did not end the transaction: its error is {outcome}")
    if held is Held.REQUEST and not outcome:
        one.wrong.append("a transaction was ended that was asked for before another producer took over")
    if play.alive() is None:
        one.wrong.append(f"nothing was confirmed after the {held.value} of {name} was held back")


def put_back(play: Play) -> None:
    """F21: the tables are as they were some time ago, when services that stand still for the database go on."""
    site = play.site
    url, folder = site.settings.database, site.settings.home / "backup"
    with play.row("F21", "the tables are put back to an older backup, services wait") as one:
        folder.mkdir(exist_ok=True)
        written = back_up_tables(url, folder, schemas_of(site.settings.namespace))
        before = site.written()
        pause(MEANWHILE_SECONDS)
        eventually(lambda: site.written() > before, FIRE_SECONDS, "events after the backup", 1.0)
        _end(site, "database")
        # Where nobody looks for it: so that nobody writes to tables that are being put back.
        port, name = free_port(), urlsplit(url).path.removeprefix("/")
        elsewhere = start_database(site.stack.database_folder, port, (name,), dies_with_parent=True)
        one.fired = len(restore_tables(elsewhere.url, folder, written))
        elsewhere.stop()
        site.start_database()
        ended = [process.name for process in site.stack.wanted if site.running(process.name) is None]
        if ended:
            one.wrong.append(f"ended instead of waiting: {', '.join(ended)}")


def moved_clock(play: Play) -> None:
    """F24: the clock of one service after the other is ahead, then behind, then right: what it wrote ahead is not later
    than what follows. Order's own first: with it deadlines fall due early, which is seen in its events. What falls due by
    the clocks of the others is minutes or days away and may not be there at all; of these one is moved."""
    for name in (JUDGING, play.chance("F24").choice([name for name in SERVICES if name != JUDGING])):
        _moved_clock(play, name)


def _moved_clock(play: Play, name: str) -> None:
    site = play.site
    with play.row("F24", f"the clock of {name} is 5 minutes ahead, then behind") as one:
        file = site.settings.home / f"{name}.clock"
        file.write_text("0")
        site.stop([name])
        command = [sys.executable, "-m", "tests.chaos.own_clock", str(file), f"services.{name}"]
        process = site.launched(name, command=command)
        try:
            site.await_running([name])
            for ahead in CLOCKS:
                beside = file.with_suffix(".new")
                beside.write_text(str(ahead.total_seconds()))
                beside.replace(file)
                one.fired += 1
                if ahead > CLOCK_SEEN and name == JUDGING:
                    eventually(lambda: _ahead(site, name), FIRE_SECONDS, f"an event of {name} from that clock", 2.0)
                pause(CLOCK_SECONDS)
                if play.alive() is None:
                    one.wrong.append(f"nothing was confirmed while the clock was {ahead} ahead")
            if process.poll() is not None:
                one.wrong.append(f"{name} ended with {process.poll()}")
        finally:
            site.stop([name])


def _ahead(site: Site, name: str) -> bool:
    """Whether one of the last events of a service is from a clock that is ahead."""
    topic, reader = topics.events(name, site.settings.namespace), site.log.reader()
    ends = {number: site.log.bounds(topic, number)[1] for number in range(site.settings.partitions)}
    try:
        reader.assign({(topic, number): max(0, end - 50) for number, end in ends.items()})
        records, _ = reader.poll(1_000, 2.0)
    finally:
        reader.close()
    latest = datetime.now(UTC) + CLOCK_SEEN
    return any(Envelope.parse(record.headers).time > latest for record in records)


def full(play: Play) -> None:
    """F23: the disk of the broker is full, then that of the database."""
    for server in ("broker", "database"):
        _full(play, server)


def _full(play: Play, server: str) -> None:
    site = play.site
    folder = {"broker": site.stack.broker_folder, "database": site.stack.database_folder}[server]
    with play.row("F23", f"the disk of the {server} is full") as one:
        if sys.platform != "linux" or os.geteuid() != 0:
            raise NotHere("only root may mount a small disk, and only on Linux")
        _end(site, server)
        with _small_disk(folder / "data") as disk:
            try:
                site.heal()
                said = folder / f"{server}.log"
                mark = said.stat().st_size
                ballast = _filled(disk)
                one.fired = 1
                eventually(
                    lambda: site.running(server) is None or NO_ROOM in said.read_bytes()[mark:],
                    FULL_SECONDS,
                    f"the {server} at the end of its disk",
                    0.5,
                )
                pause(CLOCK_SECONDS)
                ended = [process.name for process in site.stack.wanted if site.running(process.name) is None]
                if ended:
                    one.wrong.append(f"ended instead of waiting: {', '.join(ended)}")
                ballast.unlink()
                site.heal()
                if play.alive() is None:
                    one.wrong.append("nothing was confirmed after there was room again")
            finally:
                _end(site, server)


@contextmanager
def _small_disk(data: Path) -> Iterator[Path]:
    """What is in a folder, on a disk of memory with a little room more, and afterwards where it was; nobody may use it
    when this begins and ends."""
    owner, aside = data.stat(), data.with_name("data.aside")
    used = sum(path.lstat().st_blocks * BLOCK_BYTES for path in data.rglob("*"))
    data.rename(aside)
    data.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={used // MIB + ROOM_MIB}m", "orderlog-small", str(data))
    try:
        _run("cp", "-a", f"{aside}/.", str(data))
        os.chown(data, owner.st_uid, owner.st_gid)
        data.chmod(owner.st_mode)
        shutil.rmtree(aside)
        yield data
    finally:
        if not aside.exists():
            _run("cp", "-a", f"{data}/", str(aside))
        _run("umount", str(data))
        data.rmdir()
        aside.rename(data)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    if done.returncode:
        raise OSError(f"{command[0]} failed: {done.stderr.strip()}")


def _filled(disk: Path) -> Path:
    """A file that takes all room there is."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(MIB)):
            pass
    return ballast


def _end(site: Site, server: str) -> None:
    """Stop a server properly, if it has not ended already."""
    running = site.running(server)
    if running is not None:
        running.send_signal(signal.SIGINT if server == "database" else signal.SIGTERM)
        running.wait(ENDS_SECONDS)


GROUND_ROWS: Mapping[str, Callable[[Play], None]] = {
    "F12": unanswered,
    "F21": put_back,
    "F23": full,
    "F24": moved_clock,
}
"""What is done to what processes stand on."""
