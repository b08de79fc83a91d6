"""The read model of both small services: how many events each stream has, counted up, so that one applied twice or
never shows for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from chassis.log import Record

__all__ = ["Tally"]


class Tally:
    """One row a stream of either service."""

    name = "tally"
    topics = ("venue.events", "box_office.events")
    tables: LiteralString = "create table if not exists tally (stream text primary key, events bigint not null)"

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        counted = Counter((record.key or b"").decode() for record in records)
        connection.execute(
            "insert into tally select * from unnest(%s::text[], %s::bigint[]) on conflict (stream) do update"
            " set events = tally.events + excluded.events",
            [sorted(counted), [counted[stream] for stream in sorted(counted)]],
        )
