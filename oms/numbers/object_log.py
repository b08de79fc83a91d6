"""The exported events as an object-centric event log (OCEL 2.0, as JSON), which process-mining tools read.

Every stream is an object of its kind, and every article is one; an event touches its own stream, and the order, work,
shipment and article that it names. Source of the form: the OCEL 2.0 specification (ocel-standard.org), section on JSON.
Nobody is named in it, as in the export that it is made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import duckdb
import orjson

__all__ = ["write_object_log"]

ROWS = 10_000
"""Rows of an answer taken at a time."""

_TOUCHED = """
create table touched as
select id as event, name, service, actor, time, part, position, stream as object, 'own' as qualifier from events
union
select id, name, service, actor, time, part, position, 'order/' || (value->>'order_id'), 'order' from events
where (value->>'order_id') is not null
union
select id, name, service, actor, time, part, position, 'order/' || (value->>'$.demand.id'), 'order' from events
where (value->>'$.demand.kind') = 'order'
union
select id, name, service, actor, time, part, position, 'fulfillment_order/' || (value->>'fulfillment_order'), 'work'
from events where (value->>'fulfillment_order') is not null
union
select id, name, service, actor, time, part, position, 'shipment/' || (value->>'shipment'), 'shipment' from events
where json_type(value->'shipment') = 'VARCHAR'
union
select id, name, service, actor, time, part, position, 'article/' || (value->>'sku'), 'article' from events
where (value->>'sku') is not null
"""

_EVENTS = """
select event, name, service, actor, strftime(time, '%Y-%m-%dT%H:%M:%S.%gZ'),
       list({'objectId': object, 'qualifier': qualifier} order by object, qualifier)
from touched group by event, name, service, actor, time, part, position order by time, service, part, position
"""

_ATTRIBUTES = ("service", "actor")


def write_object_log(connection: duckdb.DuckDBPyConnection, file: Path) -> int:
    """Write all events of the facts to `file`, which is there whole or not at all; how many."""
    connection.execute(_TOUCHED)
    unfinished = file.with_name(f"{file.name}.part")
    with unfinished.open("wb") as out:
        kinds = connection.execute("select distinct split_part(object, '/', 1) from touched order by 1").fetchall()
        names = connection.execute("select distinct name from touched order by 1").fetchall()
        attributes = [{"name": name, "type": "string"} for name in _ATTRIBUTES]
        out.write(b'{"objectTypes":' + orjson.dumps([{"name": kind, "attributes": []} for (kind,) in kinds]))
        out.write(b',"eventTypes":' + orjson.dumps([{"name": name, "attributes": attributes} for (name,) in names]))
        out.write(b',"objects":[')
        _write_all(out, _objects(connection))
        out.write(b'],"events":[')
        count = _write_all(out, _events(connection))
        out.write(b"]}\n")
    unfinished.replace(file)
    return count


def _write_all(out: IO[bytes], documents: Iterator[bytes]) -> int:
    count = 0
    for document in documents:
        out.write((b",\n" if count else b"\n") + document)
        count += 1
    return count


def _objects(connection: duckdb.DuckDBPyConnection) -> Iterator[bytes]:
    asked = connection.cursor().execute("select distinct object from touched order by 1")
    while rows := asked.fetchmany(ROWS):
        for (name,) in rows:
            kind = name.partition("/")[0]
            yield orjson.dumps({"id": name, "type": kind, "attributes": [], "relationships": []})


def _events(connection: duckdb.DuckDBPyConnection) -> Iterator[bytes]:
    asked = connection.cursor().execute(_EVENTS)
    while rows := asked.fetchmany(ROWS):
        for event, name, service, actor, time, touched in rows:
            told = [{"name": "service", "value": service}, {"name": "actor", "value": actor or ""}]
            yield orjson.dumps({"id": event, "type": name, "time": time, "attributes": told, "relationships": touched})
