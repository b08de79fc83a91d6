"""The map of a file: how its own form and headings become ours. A TOML file that `--map` names."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from oms.importing.columns import OPEN_COLUMNS, Readers
from oms.importing.errors import FileRefused

__all__ = ["Form", "read_form"]

ColumnName = Annotated[str, Field(min_length=1)]


class Form(BaseModel):
    """`columns`: the file's heading by our name; `constants`: what every row has that the file does not say.

    `delimiter` and `encoding` are of a CSV file, `decimal` is its decimal mark, `zone` (IANA) the place whose clocks
    show the times that say no offset.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[ColumnName, str] = {}
    constants: dict[ColumnName, str] = {}
    zone: str | None = None
    decimal: Literal[".", ","] = "."
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"

    @field_validator("columns", "constants")
    @classmethod
    def _known(cls, found: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(found.keys() - OPEN_COLUMNS.keys()):
            raise ValueError(f"no column is called {', '.join(unknown)}; docs/importing.md lists all")
        return found

    @field_validator("zone")
    @classmethod
    def _zone(cls, found: str | None) -> str | None:
        try:
            ZoneInfo(found or "UTC")
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"{found!r} is no time zone; write one like Europe/Berlin") from error
        return found

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, found: str) -> str:
        try:
            "x".encode(found)
        except LookupError as error:
            raise ValueError(f"{found!r} is no encoding; write one like cp1252") from error
        return found

    def heading(self, column: str) -> str:
        """What the file calls one of our columns."""
        return self.columns.get(column, column)

    def readers(self) -> Readers:
        """How this file's texts are read."""
        return Readers(ZoneInfo(self.zone) if self.zone else None, self.decimal == ",")


def read_form(path: Path | None) -> Form:
    """The map in `path`, or the one of a file in our own form. Raises FileRefused."""
    if path is None:
        return Form()
    try:
        return Form.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise FileRefused(f"the map {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise FileRefused(f"the map {path} is wrong: {'; '.join(wrong)}") from error
    except ValueError as error:
        raise FileRefused(f"the map {path} is no TOML in UTF-8: {error}") from error
