"""The corpus of what makes no sense: records that nobody can decode, and orders with odd values that somebody paid for.

`POISON` is what must end as one dead letter each, with its bytes, when it comes by `channel.orders`; `ODD_ORDERS` must
become orders on hold; what an inbox cannot take is in tests/poison/inboxes.py. Small values are files in `kept`; large
ones are made here, and others by chance (tests/poison/making.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.topics import DOOR_BODY_BYTES_MAX

__all__ = ["GOOD_ORDER", "ODD_ORDERS", "POISON", "OddOrder", "Poison", "good_order"]

MIB = 1024 * 1024
KEPT = Path(__file__).parent / "kept"

GOOD_ORDER: Mapping[str, Any] = {
    "channel_account": "webshop-eu",
    "external_id": "good",
    "revision": 1,
    "channel": "web",
    "seller": "acme",
    "placed_at": "2026-01-05T09:00:00Z",
    "currency": "EUR",
    "buyer": {"name": "Ada Lindqvist", "email": "ada@example.org"},
    "lines": [{"line_id": "a", "sku": "SKU-1", "quantity": 1, "amount": 1000}],
    "ship_groups": [
        {
            "group": "home",
            "ship_to": {
                "name": "Ada Lindqvist",
                "address_lines": ["Musterweg 1"],
                "city": "Berlin",
                "postcode": "10115",
                "country": "DE",
            },
        }
    ],
    "tenders": [{"method": "invoice", "amount": 1000}],
    "total": 1000,
}
"""An order that adds up: everything odd is made of it."""


def good_order(external_id: str) -> bytes:
    """An order that goes on, under this id."""
    return json.dumps({**GOOD_ORDER, "external_id": external_id}).encode()


@dataclass(frozen=True)
class Poison:
    """A record of `channel.orders` that nobody can decode; `headers` as aiokafka takes them. `reason` is a part of what
    its dead letter says."""

    name: str
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None
    reason: str = ""


def _kept() -> Iterator[Poison]:
    for path in sorted(KEPT.iterdir()):
        yield Poison(path.stem, b"webshop-eu/poison", (), path.read_bytes())


def _made() -> Iterator[Poison]:
    key = b"webshop-eu/poison"
    yield Poison("no value", key, (), None)
    yield Poison("no key and no value", None, (), None)
    yield Poison("5 MiB of an order", key, (), _padded(5 * MIB), reason="bytes")
    yield Poison("a byte too many", key, (), _padded(DOOR_BODY_BYTES_MAX + 1), reason="bytes")
    yield Poison("nested 100,000 deep", key, (), b"[" * 100_000 + b"]" * 100_000)
    nested = b'{"notes":' * 100_000 + b"1" + b"}" * 100_000
    yield Poison("objects nested 100,000 deep", key, (), nested)
    yield Poison("a number of 1,000,000 digits", key, (), _with_raw("total", b"9" * 1_000_000))
    yield Poison("a megabyte of nothing", key, (), b"\0" * MIB)
    yield Poison(
        "headers that are no text", key, (("odd", b"\xff\xfe"), ("reason", b"\xc3"), ("place", b"here")), b"no"
    )
    yield Poison("a header of 1 MiB", key, (("large", b"x" * MIB),), b"no")
    yield Poison("a million headers", key, (("h", b""),) * 1_000_000, b"no")
    yield Poison("a key that is no text", b"\xff\xfe", (), b"{}")


def _padded(size: int) -> bytes:
    start, end = good_order("large")[:-1] + b', "notes": "', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


def _with_raw(name: str, raw: bytes) -> bytes:
    """An order with these bytes as one of its values."""
    order = {key: value for key, value in GOOD_ORDER.items() if key != name}
    return json.dumps(order).encode()[:-1] + b', "' + name.encode() + b'": ' + raw + b"}"


POISON: tuple[Poison, ...] = (*_kept(), *_made())


@dataclass(frozen=True)
class OddOrder:
    """An order that can be read and makes no sense. `holds` are the kinds of its holds, none missing."""

    name: str
    external_id: str
    holds: frozenset[str]
    value: bytes

    @property
    def key(self) -> bytes:
        return f"webshop-eu/{self.external_id}".encode()


def _odd(name: str, holds: str, change: Mapping[str, Any], line: Mapping[str, Any] | None = None) -> OddOrder:
    external_id = f"odd {name}"
    order = {**deepcopy(dict(GOOD_ORDER)), "external_id": external_id, **change}
    if line is not None:
        order["lines"] = [{**order["lines"][0], **line}]
    return OddOrder(name, external_id, frozenset(holds.split()), json.dumps(order).encode())


def _twice(name: str) -> OddOrder:
    external_id = f"odd {name}"
    value = good_order(external_id)[:-1] + b', "total": 5}'
    return OddOrder(name, external_id, frozenset({"total_differs"}), value)


TRILLION = 10**12
ODD_ORDERS: tuple[OddOrder, ...] = (
    _odd("negative quantity", "not_positive", {}, {"quantity": -1}),
    _odd("nothing of an item", "not_positive", {}, {"quantity": 0}),
    _odd("a trillion on one line", "total_differs tenders_differ", {}, {"amount": TRILLION}),
    _odd("a trillion asked for", "total_differs", {"total": TRILLION}),
    _odd("a trillion paid", "tenders_differ", {"tenders": [{"method": "invoice", "amount": TRILLION}]}),
    _odd("less than nothing", "negative_amount total_differs tenders_differ", {}, {"amount": -TRILLION}),
    _odd("unknown currency", "unknown_currency", {"currency": "XQZ"}),
    _odd("no currency", "unknown_currency", {"currency": ""}),
    _odd("a currency that is a word", "unknown_currency", {"currency": "euro €"}),
    _odd("no lines", "no_lines total_differs tenders_differ", {"lines": []}),
    _odd("no SKU", "missing_sku", {}, {"sku": ""}),
    _odd("a group that is not there", "unknown_ship_group", {}, {"ship_group": "moon"}),
    _odd("nowhere to go", "missing_address", {"ship_groups": []}),
    _odd(
        "a country that is none", "missing_address", {"ship_groups": [{"group": "home", "ship_to": {"country": "??"}}]}
    ),
    _odd("nobody paid", "tenders_differ", {"tenders": []}),
    _twice("a total said twice"),
)
