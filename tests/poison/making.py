"""Bodies that a channel might send by mistake or on purpose: orders of which one value is another, cut, doubled, or no
order at all. What hypothesis shrank to something worth keeping is a file in `kept`."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from chassis.log import NewRecord
from tests.poison import GOOD_ORDER

__all__ = ["bodies", "odd_orders", "weight"]

HEADER_BYTES = 10
"""What a header takes in a record beside its name and value, at most."""

RAW = st.sampled_from(
    (b"NaN", b"-Infinity", b"1e999", b"-0", b"1e2", b'"\\ud83d"', b'"\\u0000"', b'"\xff"', b"{", b"[[[[", b"9" * 400)
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """An order with something wrong, or bytes of no kind."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=60))
    order: Any = deepcopy(dict(GOOD_ORDER))
    place = order
    while True:
        at = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[at]
        if not inner or not isinstance(inner, dict | list) or draw(st.booleans()):
            break
        place = inner
    if draw(st.booleans()):
        place[at] = draw(PLAIN)
        body = json.dumps(order, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")
    else:
        place[at] = "@@"
        body = json.dumps(order).encode().replace(b'"@@"', draw(RAW))
    return body[: draw(st.integers(1, len(body)))] if draw(st.integers(0, 9)) == 0 else body


ODD_NUMBERS = st.sampled_from((0, -1, 1, 10**12, -(10**12), 10**15, -(10**15), 2**31, 2**32 + 1)) | st.integers(-5, 5)
ODD_TEXTS = st.sampled_from(
    ("", " ", "€", "ＳＫＵ-１", "\u202e", "a" * 128, "XQZ", "eur", "' or 1=1 --", "{{7*7}}", "👩‍👩‍👧‍👦")
)
MORE: dict[str, Any] = {
    "charges": [{"kind": "discount", "amount": -100}, {"kind": "shipping", "amount": 500, "taxes": []}],
    "taxes": [{"jurisdiction": "DE", "rate": "0.19", "base": 1000, "amount": 190}],
}


@st.composite
def odd_orders(draw: st.DrawFn) -> bytes:
    """Orders that a channel may send by the schema, of which no value has to make sense."""
    order: Any = deepcopy(dict(GOOD_ORDER)) | {"total": draw(ODD_NUMBERS), "currency": draw(ODD_TEXTS)[:16]}
    line = order["lines"][0] | {"taxes": MORE["taxes"], "charges": MORE["charges"]}
    order["lines"] = [{**deepcopy(line), "line_id": str(number)} for number in range(draw(st.integers(0, 3)))]
    order["charges"] = deepcopy(MORE["charges"])
    for part in (order, *order["lines"], *order["ship_groups"], *order["tenders"], *order["charges"]):
        for name, value in list(part.items()):
            if name in NAMES or not draw(st.booleans()):
                continue
            if isinstance(value, int):
                part[name] = draw(ODD_NUMBERS)
            elif isinstance(value, str):
                part[name] = draw(ODD_TEXTS)
    return json.dumps(order).encode()


NAMES = frozenset({"channel_account", "external_id", "placed_at", "method", "kind", "line_id", "group"})
"""What an order is known by, and words that are one of a few."""


def weight(record: NewRecord) -> int:
    """How large a record is, about, as its topic counts it."""
    headers = sum(len(name.encode()) + len(content) + HEADER_BYTES for name, content in record.headers)
    return len(record.key) + len(record.value) + headers
