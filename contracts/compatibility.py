"""The gate for stored formats: what was released may only be added to.

Compares JSON Schemas; it knows neither pydantic nor where the schemas come from (contracts/generate.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["READABLE_ONLY", "refusals"]

READABLE_ONLY: frozenset[str] = frozenset()
"""What this release reads and nobody may write yet: names of messages (`orderlog.order.OrderSplit.v1`), and values of
enumerations (`HoldKind.fraud`). The release after that which lists a name may write it, and takes it off the list."""

_FOR_PEOPLE = frozenset({"title", "description", "examples"})

Schema = Mapping[str, Any]


def refusals(
    released: Mapping[str, Mapping[str, Schema]],
    current: Mapping[str, Schema],
    readable_only: frozenset[str] = READABLE_ONLY,
) -> list[str]:
    """What the `current` schemas (by message) break of those `released` (by version, by message), a sentence each.

    Refused are: a message or field that is gone, a field of another type, default or limit, a field that became
    required or optional, a new required field; and a new message or value of an enumeration that is neither released
    nor listed as readable only, since a reader of the release before would not know it.
    """
    found: dict[str, None] = {}
    for version, messages in released.items():
        for name, before in messages.items():
            if name not in current:
                found[f"{name}: the message is gone; it was released with {version}"] = None
                continue
            found.update(dict.fromkeys(f"{name}: {what}" for what in _broken(before, current[name], readable_only)))
    if released:
        known = {name for messages in released.values() for name in messages}
        for name in sorted(current.keys() - known - readable_only):
            found[f"{name}: a new message must be readable for one release first; list it in READABLE_ONLY"] = None
    return list(found)


def _broken(before: Schema, after: Schema, readable_only: frozenset[str]) -> Iterator[str]:
    yield from _broken_object("", before, after)
    definitions = after.get("$defs", {})
    for name, old in before.get("$defs", {}).items():
        if name not in definitions:
            yield f"{name} is gone"
        elif "enum" in old or "const" in old:
            yield from _broken_enumeration(name, _values(old), _values(definitions[name]), readable_only)
        else:
            yield from _broken_object(f"{name}.", old, definitions[name])


def _broken_object(prefix: str, before: Schema, after: Schema) -> Iterator[str]:
    old, new = before.get("properties", {}), after.get("properties", {})
    was_required, is_required = set(before.get("required", ())), set(after.get("required", ()))
    for name, schema in old.items():
        if name not in new:
            yield f"the field {prefix}{name} is gone"
        elif _bare(schema) != _bare(new[name]):
            yield f"the field {prefix}{name} changed from {_bare(schema)} to {_bare(new[name])}"
        elif name in was_required - is_required:
            yield f"the field {prefix}{name} is no longer required; readers of the release before need it"
        elif name in is_required - was_required:
            yield f"the field {prefix}{name} became required; what is stored may lack it"
    for name in new:
        if name not in old and name in is_required:
            yield f"the new field {prefix}{name} is required; what is stored lacks it"


def _broken_enumeration(name: str, old: set[str], new: set[str], readable_only: frozenset[str]) -> Iterator[str]:
    for value in sorted(old - new):
        yield f"the value {name}.{value} is gone"
    for value in sorted(new - old):
        if f"{name}.{value}" not in readable_only:
            yield f"the new value {name}.{value} must be readable for one release first; list it in READABLE_ONLY"


def _values(definition: Schema) -> set[str]:
    return {str(value) for value in definition.get("enum", [definition.get("const")])}


def _bare(schema: Any) -> Any:
    """A schema without the words that are for people only."""
    if isinstance(schema, Mapping):
        return {key: _bare(value) for key, value in schema.items() if key not in _FOR_PEOPLE}
    return [_bare(part) for part in schema] if isinstance(schema, list) else schema
