"""The schemas of services and channels as files of PostgreSQL's own `pg_dump`, and back from them. They follow the topics: a backup only
saves the time of a rebuild, and an older one catches up."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from psycopg import conninfo, sql

from contracts.topics import SERVICES
from deploy.local.database import binaries
from deploy.local.errors import Busy, FolderMissing, NotReady
from oms.channels import schema_of
from oms.declared import declared

__all__ = ["back_up_tables", "restore_tables", "schemas_of"]

PROGRAM_SECONDS_MAX = 6 * 60 * 60
"""The longest that a dump of one schema, or its way back, may take."""

LOCK_WAIT = "30s"
"""How long a dump waits for a table that somebody makes anew."""


LEAVING_SECONDS_MAX = 5.0
LOOK_SECONDS = 0.1
"""A process that has ended is seen in the database for a moment more."""


def schemas_of(namespace: str) -> list[str]:
    """The schemas that are backed up: of each service, and of what channels hear. The console's follows topics too, and
    is none of them: what it keeps of people (`people`) goes when one is forgotten, and a backup would keep it. `oms up`
    makes it again."""
    return [*(declared(name, namespace).schema for name in SERVICES), schema_of(namespace)]


def back_up_tables(url: str, folder: Path, schemas: Sequence[str]) -> list[str]:
    """Write each schema that is there into a file, each as it is at one moment, while all goes on; those written. Raises
    NotReady."""
    written = []
    with psycopg.connect(url, autocommit=True) as connection:
        for schema in schemas:
            if connection.execute("select to_regnamespace(%s)", [schema]).fetchone() == (None,):
                continue
            file = _file(folder, schema)
            options = ["--format=custom", f"--schema={schema}", f"--lock-wait-timeout={LOCK_WAIT}", f"--file={file}"]
            _run("pg_dump", url, options)
            written.append(schema)
    return written


def restore_tables(url: str, folder: Path, schemas: Sequence[str]) -> list[str]:
    """Put the schemas that are in the folder in the place of those in the database; which those are. Where it is broken
    off a schema is missing or in part, which is told: ask again, or drop it. Raises FolderMissing where there is no
    backup, Busy while somebody uses the database, NotReady."""
    found = [schema for schema in schemas if _file(folder, schema).is_file()]
    if not found:
        raise FolderMissing(f"{folder} has no backup of tables: it would have {_file(folder, schemas[0]).name}")
    with psycopg.connect(url, autocommit=True) as connection:
        if users := _who_stays(connection):
            raise Busy(
                f"the database is in use by {', '.join(users)}: stop everything first (`oms down`), and ask again; "
                "what is needed of it is started here"
            )
        for schema in found:
            connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
            _run("pg_restore", url, ["--single-transaction", "--no-owner", str(_file(folder, schema))])
    return found


def _who_stays(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    until = time.monotonic() + LEAVING_SECONDS_MAX
    while (users := list(_others(connection))) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    return users


def _others(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[str]:
    rows = connection.execute(
        "select distinct coalesce(nullif(application_name, ''), 'process') || ' ' || coalesce(client_port::text, '')"
        " from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        " and backend_type = 'client backend' order by 1 limit 5"
    )
    yield from (str(row[0]).strip() for row in rows.fetchall())


def _run(program: str, url: str, options: Sequence[str]) -> None:
    """The password goes by the environment: everybody sees arguments."""
    told = {name: str(value) for name, value in conninfo.conninfo_to_dict(url).items()}
    password = told.pop("password", None)
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    command = [str(binaries() / program), f"--dbname={conninfo.make_conninfo('', **told)}", *options]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PROGRAM_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotReady(f"{program} was not done after {PROGRAM_SECONDS_MAX} s") from error
    if done.returncode != 0:
        raise NotReady(f"{program} failed: {' '.join(done.stderr.split()) or done.returncode}")


def _file(folder: Path, schema: str) -> Path:
    return folder / f"{schema}.dump"
