"""A message that waits for a person, decoded and raw: what a person sees of it, and what they would edit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from contracts.envelope import Headers
from contracts.personal import Personal

__all__ = ["DEPTH_MAX", "is_shallow", "said_headers", "to_mend", "to_see"]

RAW_BYTES_MAX = 64 * 1024
"""Bytes of what cannot be decoded that are shown."""

DEPTH_MAX = 100
"""Levels of objects and arrays in a value that is shown or taken as JSON; deeper ones no message of ours has."""

HEADER_BYTES_MAX = 4_000
"""Bytes of a header that are shown."""


def to_see(value: bytes) -> dict[str, Any]:
    """A value as people see it: JSON where it decodes, without what is sealed; else its first bytes in hex."""
    found = _decoded(value)
    if found is not None:
        return {"size": len(value), "value": _without_sealed(found)}
    cut = {"cut": True} if len(value) > RAW_BYTES_MAX else {}
    return {"size": len(value), "hex": value[:RAW_BYTES_MAX].hex(), **cut}


def to_mend(value: bytes) -> dict[str, Any]:
    """A value as somebody edits it: JSON with all that it holds; else text, with what is no text escaped."""
    found = _decoded(value)
    if found is not None:
        return {"size": len(value), "value": found}
    return {"size": len(value), "text": value.decode(errors="backslashreplace")}


def _decoded(value: bytes) -> Any:
    """The JSON in these bytes, if every reader of JSON sees the same in it; None otherwise."""
    try:
        found = json.loads(
            value.decode(), parse_constant=_refused, parse_float=_finite, object_pairs_hook=_each_name_once
        )
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if is_shallow(found) else None


def is_shallow(value: Any) -> bool:
    """Whether a value has no more levels than DEPTH_MAX."""
    level = [value]
    for _ in range(DEPTH_MAX):
        inner = [one for one in level if isinstance(one, dict | list)]
        if not inner:
            return True
        level = [part for one in inner for part in (one.values() if isinstance(one, dict) else one)]
    return False


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large")
    return number


def _each_name_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def said_headers(headers: Headers) -> list[dict[str, Any]]:
    """Headers as they stand, in their order: text where it is some, else hex."""
    return [_header(name, value) for name, value in headers]


def _header(name: str, value: bytes) -> dict[str, Any]:
    shown = value[:HEADER_BYTES_MAX]
    cut = {"cut": True} if len(value) > HEADER_BYTES_MAX else {}
    try:
        return {"name": name, "value": shown.decode(), **cut}
    except UnicodeDecodeError:
        return {"name": name, "hex": shown.hex(), **cut}


def _without_sealed(value: Any) -> Any:
    """What is sealed stays so, in few words."""
    if isinstance(value, dict):
        if value.keys() == Personal.model_fields.keys():
            return {"sealed": True}
        return {name: _without_sealed(part) for name, part in value.items()}
    return [_without_sealed(part) for part in value] if isinstance(value, list) else value
