"""A schema with the tables of projections, and the doors of lists over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.sql import SQL, Identifier

from chassis.log import Record
from chassis.projection import Projection
from chassis.reading import Followed
from chassis.testing import DAWN, Outcome

__all__ = ["Tables", "records_of"]


def records_of(topic: str, *outcomes: Outcome) -> list[Record]:
    """The events of these outcomes as they stand in a topic."""
    emitted = [event for outcome in outcomes for event in outcome.handling.events]
    return [
        Record(topic, 0, offset, DAWN, event.envelope.subject.encode(), event.value, event.envelope.headers())
        for offset, event in enumerate(emitted)
    ]


class Tables:
    """The tables of some projections in a schema of their own; asked like a read model."""

    def __init__(self, connection: psycopg.Connection[Any], schema: str, *projections: Projection) -> None:
        self.connection, self._projections = connection, projections
        connection.execute(SQL("drop schema if exists {} cascade").format(Identifier(schema)))
        connection.execute(SQL("create schema {}").format(Identifier(schema)))
        self._path = SQL("set search_path to {}").format(Identifier(schema))
        connection.execute(self._path)
        for projection in projections:
            connection.execute(projection.tables)
        self._offset = 0

    def follow(self, *batches: Sequence[Record]) -> Tables:
        """Every projection takes these batches, one after the other."""
        self.connection.execute(self._path)
        for batch in batches:
            for projection in self._projections:
                projection.apply(self.connection, batch)
            self._offset += len(batch)
        return self

    def rows(self, query: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        self.connection.execute(self._path)
        return self.connection.execute(query, parameters).fetchall()

    def followed_by(self, projection: str) -> Followed:
        return Followed(f"{projection}.events", {0: self._offset}, 0.0)

    def everything(self, *tables: LiteralString) -> dict[str, list[Any]]:
        """All rows of these tables, in an order of their own."""
        return {table: sorted(map(repr, self.rows(f"select * from {table}", []))) for table in tables}
