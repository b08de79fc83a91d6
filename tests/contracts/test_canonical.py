"""Canonical JSON is the same bytes whichever library wrote it: they are stored for ever, as digests and sealed."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.canonical import canonical_json

WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
BODIES = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        st.none() | st.booleans() | WHOLE | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    ),
    max_size=6,
)


@given(BODIES)
@example({"\ue000": 1, "\U00010000": 2})
@example({"a": '\x00\x1f\x7f\u2028\\"/', "ü": "é"})
def test_what_is_written_fast_is_what_the_rfc_says(body: dict[str, Any]) -> None:
    assert canonical_json(body) == rfc8785.dumps(body)


def test_names_above_the_basic_plane_are_sorted_as_utf_16_sorts_them() -> None:
    # given a name above U+FFFF, whose UTF-16 begins below U+E000, then it comes first
    assert canonical_json({"\ue000": 1, "\U00010000": 2}) == '{"\U00010000":2,"\ue000":1}'.encode()


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800"])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_json({"a": value})
