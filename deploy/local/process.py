"""Processes of the local stack: launched into a log, remembered in a pid file, stopped by pid.

What a server needs to start (its command, its configuration) lives in broker.py and database.py.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import psutil

from deploy.local.errors import DiskFull, FolderMissing, NotReady, PortTaken, StalePid, StopRefused

__all__ = [
    "FREE_DISK_BYTES_MIN",
    "Launch",
    "PidFile",
    "await_ready",
    "ended_early",
    "free_port",
    "last_line",
    "launch",
    "require_disk",
    "require_folder",
    "require_free_port",
    "stop",
    "switched",
]

FREE_DISK_BYTES_MIN = 256 * 1024 * 1024
"""Below this no server is started: Kafka and PostgreSQL both end badly when they cannot write."""

KILL_WAIT_SECONDS = 10.0
POLL_SECONDS = 0.05
LOG_TAIL_BYTES = 64 * 1024
PR_SET_PDEATHSIG = 1
BOOT = Path("/proc/sys/kernel/random/boot_id")
TICKS_FIELD = 19
"""Of what follows the name in /proc/PID/stat: `starttime`, see proc_pid_stat(5)."""


@dataclass(frozen=True)
class PidFile:
    """The pid of a process and its birth, so that a pid used again by another is not mistaken for it."""

    path: Path

    def write(self, process: psutil.Process, **facts: object) -> None:
        """Remember `process`, with facts such as its address. Written whole or not at all."""
        beside = self.path.with_suffix(f".{os.getpid()}.tmp")
        beside.write_text(json.dumps({"pid": process.pid, "born": _birth(process.pid), **facts}))
        beside.replace(self.path)

    def running(self) -> psutil.Process | None:
        """The process if it runs, None when there is no pid file; raises StalePid when it is gone."""
        try:
            facts = json.loads(self.path.read_text())
            pid, born = int(facts["pid"]), str(facts["born"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise StalePid(f"{self.path} is not a pid file: {error}. Remove it.") from error
        process = _process(pid, born)
        if process is None:
            raise StalePid(
                f"{self.path} names process {pid}, which no longer runs: it ended without a stop. "
                f"`oms up` starts it again, `oms down` clears the file."
            )
        return process

    def running_or_clear(self) -> psutil.Process | None:
        """The process if it runs; a stale file is removed, since whoever asks is about to start anew."""
        try:
            return self.running()
        except StalePid:
            self.clear()
            return None

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)


def _process(pid: int, born: str) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return process if _birth(pid) == born and _alive(process) else None
    except psutil.NoSuchProcess:
        return None


def _birth(pid: int) -> str:
    """What tells a process from all others that ever had its pid: the machine's boot, and its start in ticks after that.

    The time of day would not do: it moves when the clock is set, and then nobody would know their own processes.
    Raises psutil.NoSuchProcess.
    """
    if not BOOT.exists():  # not Linux
        return str(psutil.Process(pid).create_time())
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[TICKS_FIELD]
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(pid) from error
    return f"{BOOT.read_text().strip()}/{ticks}"


def _alive(process: psutil.Process) -> bool:
    """Whether it runs. A zombie has ended: in a container whose first process collects nobody it stays for ever."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True)
class Launch:
    """How a process is started: its command, log file, extra environment, user, and what a dead parent means.

    With `parent_death_signal` the kernel sends that signal when the launching process dies (Linux); without it the
    process is on its own.
    """

    command: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    user: pwd.struct_passwd | None = None
    parent_death_signal: signal.Signals | None = None


def launch(plan: Launch, pid_file: PidFile, **facts: object) -> psutil.Popen:
    """Start the process in a session of its own, so that Ctrl-C in the terminal does not reach it, and remember it with
    `facts`. One that cannot be remembered is ended at once: nobody would find it again."""
    with plan.log.open("ab") as log:
        process = psutil.Popen(
            list(plan.command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **plan.environment},
            **switched(plan.user),
            start_new_session=True,
            preexec_fn=_die_with_parent(plan.parent_death_signal),
        )
    try:
        pid_file.write(process, **facts)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


class Switched(TypedDict, total=False):
    """What subprocess needs to run as somebody else."""

    user: int
    group: int
    extra_groups: list[int]


def switched(user: pwd.struct_passwd | None) -> Switched:
    """Run as `user` with that user's group alone; None: as ourselves."""
    return Switched(user=user.pw_uid, group=user.pw_gid, extra_groups=[]) if user else Switched()


def _die_with_parent(death_signal: signal.Signals | None) -> Callable[[], None] | None:
    if death_signal is None:
        return None
    libc = ctypes.CDLL(None)

    def ask_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(death_signal))

    return ask_kernel


def await_ready(name: str, process: psutil.Process, log: Path, ready: Callable[[], bool], seconds: float) -> None:
    """Poll `ready` until it is true; raises DiskFull or NotReady when the process ends or `seconds` pass first."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not _alive(process):
            raise ended_early(name, log)
        if time.monotonic() > deadline:
            raise NotReady(f"{name} did not answer within {seconds:.0f} s. Its log: {log}. Last line: {last_line(log)}")
        time.sleep(POLL_SECONDS)


def ended_early(name: str, log: Path) -> NotReady | DiskFull:
    """The error of a process that ended while or right after it was started, from its own last words."""
    if "No space left on device" in _tail(log):
        return DiskFull(f"{name} ended because the disk of {log.parent} is full. Make room and start again.")
    return NotReady(f"{name} ended while starting. Its log: {log}. Last line: {last_line(log)}")


def _tail(log: Path) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        return file.read().decode(errors="replace")


def last_line(log: Path) -> str:
    """The last line of a log that says something; empty when there is none."""
    return next((line.strip() for line in reversed(_tail(log).splitlines()) if line.strip()), "")


def stop(process: psutil.Process, asking: signal.Signals, grace_seconds: float) -> bool:
    """Ask the process to end, kill it after `grace_seconds`; False when it had to be killed.

    Raises StopRefused when it is there even after that, or is somebody else's.
    """
    try:
        process.send_signal(asking)
        if _ended(process, grace_seconds):
            return True
        process.kill()
        if not _ended(process, KILL_WAIT_SECONDS):
            raise StopRefused(f"process {process.pid} is still there after a kill; the machine may be short of disk")
        return False
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied as error:
        raise StopRefused(
            f"process {process.pid} belongs to {process.username()}, who alone may stop it: ask again as that user"
        ) from error


def _ended(process: psutil.Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(psutil.TimeoutExpired):
            process.wait(POLL_SECONDS)
            return True
        if not _alive(process):
            return True
    return False


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_free_port(name: str, port: int, host: str = "127.0.0.1") -> None:
    """Raises PortTaken when `host`:`port` is in use, naming the holder where it can be seen, or cannot be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise PortTaken(
                    f"{name} cannot listen on port {port} of {host}: {error.strerror}. "
                    f"Choose another address or port in the settings."
                ) from error
            raise PortTaken(
                f"{name} needs port {port} of {host}, but {_holder(port)} listens there. "
                f"Stop it, or choose another port in the settings."
            ) from error


def _holder(port: int) -> str:
    with suppress(psutil.AccessDenied, psutil.NoSuchProcess):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "another process"


def require_folder(folder: Path) -> None:
    """Make `folder`; raises FolderMissing when the folder above it is not there, or it is something else."""
    if not folder.parent.is_dir():
        raise FolderMissing(f"the folder {folder.parent} does not exist, so {folder.name} cannot be made in it")
    if folder.exists() and not folder.is_dir():
        raise FolderMissing(f"{folder} is not a folder; remove it or choose another home")
    folder.mkdir(exist_ok=True)


def require_disk(folder: Path) -> None:
    """Raises DiskFull when less than FREE_DISK_BYTES_MIN is free where `folder` is."""
    free = shutil.disk_usage(folder).free
    if free < FREE_DISK_BYTES_MIN:
        raise DiskFull(
            f"only {free // 2**20} MiB are free on the disk of {folder}, and {FREE_DISK_BYTES_MIN // 2**20} MiB are "
            f"needed. Make room and start again."
        )
