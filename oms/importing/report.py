"""The report: every row that was not sent, as it came, with why. Mended, it is a file to import again."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from oms.importing.errors import FileRefused
from oms.importing.reading import Row

__all__ = ["PROBLEM_HEADING", "ROW_HEADING", "Report", "open_report"]

ROW_HEADING, PROBLEM_HEADING = "import_row", "import_problem"
"""The first two columns of a report; when it is imported again they are passed over."""


class Report:
    """Written as rows are found that cannot be sent; made only when there is one.

    It never replaces a file, which somebody may be mending, and only its owner may read it: rows hold personal data.
    """

    def __init__(self, wanted: Path, headings: Sequence[str], delimiter: str) -> None:
        self._wanted, self._headings, self._delimiter = wanted, headings, delimiter
        self._file: Any = None
        self._writer: Any = None
        self.path: Path | None = None
        self.rows = 0

    def add(self, row: Row, problem: str) -> None:
        """Keep a row. Raises FileRefused when the report cannot be written."""
        try:
            if self._file is None:
                self._open()
            self._writer.writerow([row.number, problem, *row.cells])
        except OSError as error:
            raise _unwritable(self._wanted, error) from error
        self.rows += 1

    def flush(self) -> None:
        """Bring what was kept to the disk."""
        if self._file is not None:
            try:
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                raise _unwritable(self._wanted, error) from error

    def close(self) -> None:
        """The end, whatever became of it."""
        if self._file is not None:
            self._file.close()

    def _open(self) -> None:
        for number in range(1, 1_000_000):
            path = self._wanted if number == 1 else self._wanted.with_stem(f"{self._wanted.stem}-{number}")
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            except FileExistsError:
                continue
            self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
            self._writer = csv.writer(self._file, delimiter=self._delimiter)
            self._writer.writerow([ROW_HEADING, PROBLEM_HEADING, *self._headings])
            self.path = path
            return


def _unwritable(path: Path, error: OSError) -> FileRefused:
    return FileRefused(f"the report {path} cannot be written: {error.strerror}; name another with --report")


@contextmanager
def open_report(wanted: Path, headings: Sequence[str], delimiter: str) -> Iterator[Report]:
    """A report that will lie at `wanted`, or beside it where there is a file already."""
    report = Report(wanted, headings, delimiter)
    try:
        yield report
        report.flush()
    finally:
        report.close()
