"""The JSON Schemas of all messages, read from files and compiled when a type first comes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import jsonschema_rs

from oms.verify.records import Unreadable

__all__ = ["Schemas"]


class _Validator(Protocol):
    def is_valid(self, instance: Any) -> bool: ...

    def iter_errors(self, instance: Any) -> Any: ...


class Schemas:
    """Schemas by `ce_type`, from a folder of `<type>.json`. Raises Unreadable when there is no such folder."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise Unreadable(f"there is no folder {folder} of JSON Schemas: say where it is")
        self._folder = folder
        self._compiled: dict[str, _Validator | None] = {}

    def fault(self, type_name: str, value: Any) -> str | None:
        """What is wrong with a value of a type; None when nothing is."""
        if type_name not in self._compiled:
            self._compiled[type_name] = self._compile(type_name)
        validator = self._compiled[type_name]
        if validator is None:
            return f"there is no schema of {type_name}"
        if validator.is_valid(value):
            return None
        error = next(iter(validator.iter_errors(value)))
        return f"not a {type_name}: {error.message} at /{'/'.join(map(str, error.instance_path))}"

    def _compile(self, type_name: str) -> _Validator | None:
        path = self._folder / f"{type_name}.json"
        if "/" in type_name or not path.is_file():
            return None
        found: _Validator = jsonschema_rs.validator_for(json.loads(path.read_text()))
        return found
