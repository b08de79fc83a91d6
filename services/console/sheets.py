"""Tables as files for spreadsheets (CSV), in which nothing can be made to run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from starlette.responses import Response, StreamingResponse

__all__ = ["sheet"]

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula, or lets hide one."""


def sheet(name: str, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> Response:
    """A file of this name: a header and the rows. A cell that a spreadsheet would take for a formula begins with an
    apostrophe."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(_lines(columns, rows), media_type="text/csv; charset=utf-8", headers=headers)


def _lines(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    for row in (columns, *rows):
        line = io.StringIO()
        csv.writer(line).writerow([_cell(value) for value in row])
        yield line.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) and not isinstance(value, int | float) else text
