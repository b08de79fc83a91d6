"""Looking for texts in everything that an installation keeps: whole topics, every table, and what its processes say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from chassis.kafka import KafkaLog
from chassis.log import Record

__all__ = ["records_of", "texts_in_files", "texts_in_tables", "texts_in_topics"]


def records_of(log: KafkaLog, topic: str) -> Iterator[Record]:
    """Every committed record of a topic."""
    ends = {(topic, number): log.bounds(topic, number) for number in range(log.partitions(topic))}
    reached = {where: first for where, (first, _) in ends.items()}
    reader = log.reader()
    try:
        reader.assign(reached)
        while any(reached[where] < end for where, (_, end) in ends.items()):
            records, moved = reader.poll(5_000, 0.2)
            reached.update(moved)
            yield from records
    finally:
        reader.close()


def texts_in_topics(log: KafkaLog, topics: Sequence[str], texts: Sequence[str]) -> tuple[list[str], int]:
    """Where one of the texts is in a record, key and headers included; and how many records were looked at."""
    found, looked = [], 0
    for topic in topics:
        for record in records_of(log, topic):
            looked += 1
            whole = b"\n".join((record.key or b"", record.value or b"", *(value for _, value in record.headers)))
            place = f"{topic}/{record.partition}/{record.offset}"
            found += [f"{place}: {text}" for text in texts if text.encode() in whole]
    return found, looked


def texts_in_tables(url: str, schemas: Sequence[str], texts: Sequence[str]) -> tuple[list[str], int]:
    """Where one of the texts is in a row of any table of these schemas, also inside of binary columns; and how many rows
    were looked at."""
    found, looked = [], 0
    with psycopg.connect(url) as connection:
        query = "select table_schema, table_name from information_schema.tables where table_schema = any(%s)"
        for schema, table in connection.execute(query, [list(schemas)]).fetchall():
            rows = connection.execute(
                sql.SQL("select whole::text from {} whole").format(sql.Identifier(schema, table))
            ).fetchall()
            looked += len(rows)
            for (row,) in rows:
                found += [f"{schema}.{table}: {text}" for text in texts if text in row or text.encode().hex() in row]
    return found, looked


def texts_in_files(files: Sequence[Path], texts: Sequence[str]) -> list[str]:
    """Where one of the texts is in a file."""
    return [f"{file}: {text}" for file in files for text in texts if text.encode() in file.read_bytes()]
