"""The rows of a CSV or Parquet file as text, one after the other; never more than a batch of them in memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from oms.importing.errors import FileRefused
from oms.importing.form import Form

__all__ = ["READ_ROWS", "Row", "Rows", "open_rows"]

READ_ROWS = 1_000
"""Rows of a Parquet file that are turned into text at once."""

LINE_CHARS_MAX = 1_000_000
"""Characters of one line of a CSV file; a line without end is no CSV."""

COLUMNS_MAX = 1_000

_PARQUET, _ZIP = b"PAR1", b"PK\x03\x04"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Row:
    """A row by its number, its cells as they came, and what is wrong with its shape.

    In CSV the headings are row 1, as a spreadsheet shows them; in Parquet the first row is 1.
    """

    number: int
    cells: Sequence[str]
    problem: str | None = None

    @property
    def blank(self) -> bool:
        return not any(cell.strip() for cell in self.cells)


@dataclass(frozen=True)
class Rows:
    """A file that is open: its headings and its rows. Going through them raises FileRefused."""

    headings: Sequence[str]
    rows: Iterator[Row]


@contextmanager
def open_rows(path: Path, form: Form) -> Iterator[Rows]:
    """Open a file by what it is, whatever its name. Raises FileRefused when it is neither CSV nor Parquet."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise FileRefused(f"{path} cannot be read: {error.strerror}") from error
    if start == _PARQUET:
        with _parquet(path) as found:
            yield found
    elif start == _ZIP:
        raise FileRefused(f"{path} is a spreadsheet or a zip file; save the sheet as CSV (UTF-8) and import that")
    else:
        with _csv(path, form, start) as found:
            yield found


@contextmanager
def _csv(path: Path, form: Form, start: bytes) -> Iterator[Rows]:
    encoding = "utf-16" if start.startswith(_UTF_16) else form.encoding
    if encoding.lower().replace("_", "-") in {"utf-8", "utf8"}:
        encoding = "utf-8-sig"
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(_lines(file, path), delimiter=form.delimiter, strict=True)
        rows = _csv_rows(path, reader, encoding)
        headings = _headings(path, next(rows, Row(1, ())).cells)
        yield Rows(headings, (_shaped(row, len(headings)) for row in rows))


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    while line := file.readline(LINE_CHARS_MAX):
        if len(line) == LINE_CHARS_MAX and not line.endswith("\n"):
            raise FileRefused(f"{path} has a line of more than {LINE_CHARS_MAX} characters, so it is no CSV file")
        yield line


def _csv_rows(path: Path, reader: Any, encoding: str) -> Iterator[Row]:
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield Row(number, cells)
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"{path} is not {encoding} a little after row {number + 1} ({error.reason}); save it as UTF-8, or set "
            '`encoding` in the map to what it is ("cp1252" for most files from Windows)'
        ) from error
    except csv.Error as error:
        raise FileRefused(
            f"{path} cannot be read from row {number + 1} on, line {reader.line_num}: {error}; a quotation mark that "
            "is not closed, or not doubled inside a quoted cell, does that"
        ) from error


def _shaped(row: Row, width: int) -> Row:
    if len(row.cells) == width or row.blank:
        return row
    said = f"the row has {len(row.cells)} cells where the headings have {width}"
    return Row(row.number, row.cells, f"{said}; put a cell that contains the delimiter in quotation marks")


def _headings(path: Path, found: Sequence[str]) -> Sequence[str]:
    headings = [heading.strip() for heading in found]
    if not any(headings):
        raise FileRefused(f"{path} has no headings; the first row names the columns")
    if len(headings) > COLUMNS_MAX:
        raise FileRefused(f"{path} has {len(headings)} columns; {COLUMNS_MAX} are the most")
    if twice := sorted({heading for heading in headings if heading and headings.count(heading) > 1}):
        raise FileRefused(f"{path} has two columns called {', '.join(twice)}; rename one of each")
    return headings


@contextmanager
def _parquet(path: Path) -> Iterator[Rows]:
    try:
        with pq.ParquetFile(path) as file:
            headings = _headings(path, file.schema_arrow.names)
            for field in file.schema_arrow:
                _require_exact(path, field)
            yield Rows(headings, _parquet_rows(path, file))
    except (pa.ArrowException, OSError) as error:
        raise FileRefused(f"{path} is a damaged Parquet file: {error}; make it again") from error


def _require_exact(path: Path, field: Any) -> None:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_floating(kind):
        raise FileRefused(
            f"{path}, column {field.name}: floating-point numbers are not exact; write them as decimal or text"
        )
    readable = (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_decimal, pa.types.is_boolean,
        pa.types.is_timestamp, pa.types.is_date, pa.types.is_null,
    )  # fmt: skip
    if not any(is_kind(kind) for is_kind in readable):
        raise FileRefused(f"{path}, column {field.name}: a {kind} cannot be a cell; write it as text")


def _parquet_rows(path: Path, file: Any) -> Iterator[Row]:
    number = 0
    for batch in file.iter_batches(batch_size=READ_ROWS):
        columns = [_texts(column) for column in batch.columns]
        for cells in zip(*columns, strict=True):
            number += 1
            yield Row(number, cells)


def _texts(column: Any) -> list[str]:
    if pa.types.is_timestamp(column.type):
        # Finer than a microsecond is more than a time of ours can hold, and more than Python's.
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return [_text(value) for value in column.to_pylist()]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return f"{value:f}" if hasattr(value, "as_tuple") else str(value)
