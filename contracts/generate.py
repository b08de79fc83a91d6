"""Write what outsiders read: a JSON Schema for each message, and one AsyncAPI document for all topics.

`python -m contracts.generate` writes both, `--check` says which files are stale, `--release VERSION` records the
schemas as released: from then on contracts/compatibility.py refuses what would break a reader or a log.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

import contracts
from contracts.asyncapi import document
from contracts.compatibility import refusals
from contracts.message import CATALOGUE, Message

__all__ = ["catalogue", "generated", "main", "schema_of", "stale"]

FOLDER = Path(__file__).parent
SCHEMAS = FOLDER / "schemas"
RELEASED = FOLDER / "released"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Schema(GenerateJsonSchema):
    """An optional field is absent, never null: so a schema knows no null."""

    schema_dialect = DIALECT

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def catalogue() -> dict[str, type[Message]]:
    """Every message of every module of `contracts`, by its name on the wire, sorted."""
    for module in pkgutil.iter_modules(contracts.__path__):
        importlib.import_module(f"{contracts.__name__}.{module.name}")
    ours = {name: model for name, model in CATALOGUE.items() if model.__module__.startswith(f"{contracts.__name__}.")}
    return dict(sorted(ours.items()))


def schema_of(model: type[Message]) -> dict[str, Any]:
    """The JSON Schema 2020-12 of a message's value."""
    schema = model.model_json_schema(schema_generator=_Schema)
    return {"$schema": DIALECT, "$id": f"urn:orderlog:schema:{model.TYPE}", **schema}


def generated() -> dict[Path, str]:
    """Every generated file with its text."""
    models = catalogue()
    files = {SCHEMAS / f"{name}.json": _text(schema_of(model)) for name, model in models.items()}
    files[FOLDER / "asyncapi.json"] = _text(document(models))
    return files


def stale() -> list[Path]:
    """The files that are missing, differ, or belong to no message any more."""
    files = generated()
    differing = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    return sorted([*differing, *(path for path in SCHEMAS.glob("*.json") if path not in files)])


def incompatibilities() -> list[str]:
    """What the messages as they are would break of those released."""
    current = {name: schema_of(model) for name, model in catalogue().items()}
    released = {path.stem: json.loads(path.read_text()) for path in sorted(RELEASED.glob("*.json"))}
    return refusals(released, current)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m contracts.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    parser.add_argument("--release", metavar="VERSION", help="record the schemas as released with this version")
    options = parser.parse_args(arguments)
    if refused := incompatibilities():
        print("The messages would break what was released:", *refused, sep="\n  ", file=sys.stderr)
        return 1
    if options.check:
        return _check()
    _write()
    return _release(options.release) if options.release else 0


def _check() -> int:
    paths = stale()
    if paths:
        names = [str(path.relative_to(FOLDER.parent)) for path in paths]
        print("Stale; run `python -m contracts.generate`:", *names, sep="\n  ", file=sys.stderr)
    return 1 if paths else 0


def _write() -> None:
    SCHEMAS.mkdir(exist_ok=True)
    files = generated()
    for path in SCHEMAS.glob("*.json"):
        if path not in files:
            path.unlink()
    for path, text in files.items():
        path.write_text(text)


def _release(version: str) -> int:
    path = RELEASED / f"{version}.json"
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version):
        print(f"{version!r} is not a version such as 1.2.0", file=sys.stderr)
        return 2
    if path.exists():
        print(f"{version} was released before; a release is never changed", file=sys.stderr)
        return 1
    RELEASED.mkdir(exist_ok=True)
    path.write_text(_text({name: schema_of(model) for name, model in catalogue().items()}))
    return 0


def _text(document_: object) -> str:
    return json.dumps(document_, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
