"""Canonical JSON (RFC 8785), which what is told apart or sealed is written in.

Here lives nothing but the writing; what of a message is written so, its own module says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
import rfc8785

__all__ = ["canonical_json"]

_OUTSIDE_BMP = re.compile(rb"[\xf0-\xf4]").search
"""The first byte, in UTF-8, of a character above U+FFFF."""

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def canonical_json(body: Mapping[str, Any]) -> bytes:
    """What a model dumps with `mode="json"`, in its canonical form. No model here has a float.

    Without floats the fast library writes the same bytes, but for the order of names with characters above U+FFFF, which
    UTF-16 sorts before some below; those, and whatever it refuses, go to the library that is made for it, which takes some
    twenty times as long. Raises ValueError for what has no canonical form, such as a number beyond 53 bits.
    """
    try:
        written = orjson.dumps(body, option=_OPTIONS)
    except orjson.JSONEncodeError:
        return rfc8785.dumps(dict(body))
    return written if _OUTSIDE_BMP(written) is None else rfc8785.dumps(dict(body))
