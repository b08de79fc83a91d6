"""`python -m oms.replay.building`: the tables of one service by the code of the checkout that it is started in.

Reads what is asked as JSON from standard input and answers so on standard output: the only two things that versions
have to agree on. Nobody outside is called, and no topic is written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from chassis.kafka import KafkaLog
from chassis.log import Log
from chassis.rebuild import Copy, Positions
from chassis.snapshots import encode_stream, restore, state_version
from chassis.store import connect, unpack
from contracts.ids import split_stream
from oms.declared import declared
from oms.rebuild.outside import no_calls_outside

__all__ = ["STATES", "build", "positions_from"]

STATES = "stream_states"
"""The table of what every stream's folds came to."""

FETCHED_STREAMS = 500


def positions_from(document: Mapping[str, Any]) -> Positions:
    """Positions as `document_of` wrote them."""
    store = {(topic, number): end for topic, number, end in document["store"]}
    named = document["projections"]
    return Positions(
        store, {name: {(topic, number): end for topic, number, end in named[name]} for name in sorted(named)}
    )


def build(log: Log, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Make every table of a service, and the states of its streams, up to the positions that are asked for. A read model
    that this version lacks is not made; one that the asker did not know stands at the store's positions."""
    service = declared(asked["service"], asked["namespace"])
    ends = positions_from(asked["positions"])
    with no_calls_outside() as calls:
        copy = Copy(service, log, asked["database"], asked["schema"])
        try:
            known = {projection.name: ends.projections.get(projection.name, {}) for projection in service.projections}
            copy.advance(Positions(ends.store, known))
        finally:
            copy.close()
        with connect(asked["database"], asked["schema"]) as connection:
            streams = _write_states(connection, {kind.kind: kind for kind in service.kinds})
    return {
        "calls_outside": calls.tried,
        "streams": streams,
        "snapshots": sorted(state_version(kind) for kind in service.kinds),
    }


def _write_states(connection: psycopg.Connection[Any], kinds: Mapping[str, Any]) -> int:
    connection.execute(
        SQL("create table {} (stream text primary key, version bigint not null, state text not null)").format(
            Identifier(STATES)
        )
    )
    names = [name for (name,) in connection.execute("select distinct originator_id from events order by 1").fetchall()]
    for start in range(0, len(names), FETCHED_STREAMS):
        rows = []
        for name in names[start : start + FETCHED_STREAMS]:
            stored = connection.execute(
                "select originator_version, topic, state from events where originator_id = %s order by 1", [name]
            ).fetchall()
            events = [unpack(name, version, kind, bytes(state)) for version, kind, state in stored]
            stream = restore(kinds[split_stream(name)[0]], name, None, events)
            rows.append((name, stream.version, encode_stream(stream).decode()))
        with connection.cursor() as cursor:
            cursor.executemany(SQL("insert into {} values (%s, %s, %s)").format(Identifier(STATES)), rows)
    return len(names)


def main() -> int:
    asked = json.load(sys.stdin)
    json.dump(build(KafkaLog(asked["bootstrap"]), asked), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
