"""Two checkouts build the tables of a service from the same log up to the same offsets, each in a process of its own and
a schema of its own; then these are compared. The live tables are only asked where they stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.sql import SQL, Identifier

from chassis.comparison import TableCompared, compare_schemas
from chassis.rebuild import Positions
from chassis.service import Service
from chassis.store import connect
from deploy.local.errors import StackError
from oms.replay.building import STATES
from oms.what_if.comparing import first_field

__all__ = ["NotBuilt", "Replayed", "StateDiffers", "Wanted", "build_by", "document_of", "replay", "states_that_differ"]

BUILD_SECONDS_MAX = 3_600
STREAMS_SHOWN_MAX = 10
SAID_CHARS_MAX = 2_000


class NotBuilt(StackError):
    """A checkout could not build its tables; the text says what it said."""

    exit_code = 7


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is built: by the code of `checkout`, into `schema`."""

    checkout: Path
    schema: str


@dataclass(frozen=True, slots=True)
class StateDiffers:
    """A stream that comes to another state: the first field of it that differs, as this version and as the other have it.
    The field is empty where one of them has no such stream."""

    stream: str
    field: str
    values: tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found: tables as this version (`live`) and the other (`rebuilt`) make them, and streams whose states
    differ, STREAMS_SHOWN_MAX at most."""

    service: str
    tables: tuple[TableCompared, ...]
    streams: tuple[StateDiffers, ...]
    calls_outside: int

    @property
    def equal(self) -> bool:
        return all(table.equal for table in self.tables)


def document_of(positions: Positions) -> dict[str, Any]:
    """Positions as JSON."""
    return {
        "store": [[topic, number, end] for (topic, number), end in sorted(positions.store.items())],
        "projections": {
            name: [[topic, number, end] for (topic, number), end in sorted(ends.items())]
            for name, ends in sorted(positions.projections.items())
        },
    }


def build_by(wanted: Wanted, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Let a checkout build; what it answers. Raises NotBuilt."""
    if not (wanted.checkout / "oms" / "replay").is_dir():
        # Python would look further, and find the version that is installed.
        raise NotBuilt(f"{wanted.checkout} is no checkout of a version that can replay: it has no oms/replay")
    own = wanted.checkout / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    environment = {**os.environ, "PYTHONPATH": str(wanted.checkout)}
    try:
        done = subprocess.run(
            [python, "-m", "oms.replay.building"],
            cwd=wanted.checkout,
            env=environment,
            input=json.dumps({**asked, "schema": wanted.schema}),
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(f"{wanted.checkout} built nothing: {error}") from error
    if done.returncode != 0:
        raise NotBuilt(f"{wanted.checkout} built nothing; it said: {done.stderr.strip()[-SAID_CHARS_MAX:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def replay(
    service: Service,
    asked: Mapping[str, Any],
    here: Wanted,
    other: Wanted,
    by: Callable[[Wanted, Mapping[str, Any]], dict[str, Any]] = build_by,
) -> Replayed:
    """Build with both, compare, and throw both schemas away. Raises NotBuilt, and psycopg.OperationalError."""
    url = str(asked["database"])
    with ExitStack() as ends:
        for wanted in (here, other):
            _drop(url, wanted.schema)
            ends.callback(_drop, url, wanted.schema)
        mine, theirs = by(here, asked), by(other, asked)
        with connect(url, here.schema) as one, connect(url, other.schema) as two:
            tables = compare_schemas(one, two, mine["snapshots"])
            states = one.execute(
                SQL(
                    "select stream, a.state, b.state from {} a full join {} b using (stream)"
                    " where a.state is distinct from b.state"
                    " order by stream limit %s"
                ).format(Identifier(here.schema, STATES), Identifier(other.schema, STATES)),
                [STREAMS_SHOWN_MAX],
            ).fetchall()
        calls = int(mine["calls_outside"]) + int(theirs["calls_outside"])
        return Replayed(service.name, tables, tuple(states_that_differ(states)), calls)


def states_that_differ(rows: Iterable[tuple[str, str | None, str | None]]) -> Iterator[StateDiffers]:
    """Of each stream and its two states, as the versions wrote them, the first field that differs."""
    for stream, mine, theirs in rows:
        one, other = (None if state is None else json.loads(state) for state in (mine, theirs))
        if (found := first_field(one, other)) is not None:
            yield StateDiffers(stream, found[0], (found[1], found[2]))


def _drop(url: str, schema: str) -> None:
    with connect(url, schema) as connection:
        connection.execute(SQL("drop schema if exists {} cascade").format(Identifier(schema)))
