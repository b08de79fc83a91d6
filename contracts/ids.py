"""Every identifier that is stored for ever, each a uuid5 of what it names or of what caused it.

Nothing random and nothing that reads a clock may live here: the same input gives the same id on every machine, so a
message made twice is the same message.
"""

from __future__ import annotations

from hashlib import sha1
from uuid import NAMESPACE_DNS, UUID, uuid5

__all__ = [
    "NAMESPACE",
    "SEPARATOR",
    "aggregate_id",
    "deadline_id",
    "door_message_id",
    "emitted_id",
    "guest_subject_id",
    "order_number",
    "provider_key",
    "split_stream",
    "stream",
    "subject_id",
]

NAMESPACE = uuid5(NAMESPACE_DNS, "orderlog")
SEPARATOR = "\x1f"
"""Joins the parts of a name: the unit separator, which no natural key may contain."""

_NAMESPACE_BYTES = NAMESPACE.bytes
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The hexadecimal digit of a hash that holds the variant of a UUID, with its two highest bits set to 10."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CROCKFORD_CHECK = _CROCKFORD + "*~$=U"


def _name(*parts: str) -> str:
    """uuid5(NAMESPACE, parts joined by the separator), as text. RFC 9562, section 5.5."""
    text = sha1(_NAMESPACE_BYTES + SEPARATOR.join(parts).encode(), usedforsecurity=False).hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


def aggregate_id(tenant: str, kind: str, *natural_key: str) -> str:
    """The id of an aggregate, from its tenant, kind and natural key (of an order: channel account, external id).

    Raises ValueError for a key part that contains the separator: two different keys would share a name.
    """
    if any(SEPARATOR in part for part in (tenant, kind, *natural_key)):
        raise ValueError("a natural key may not contain the character U+001F")
    return _name(tenant, kind, *natural_key)


def stream(kind: str, identifier: str) -> str:
    """The name of a stream, which is the Kafka key of everything in it: `<kind>/<id>`."""
    return f"{kind}/{identifier}"


def split_stream(name: str) -> tuple[str, str]:
    """The kind and the id of a stream's name; raises ValueError when it is not `<kind>/<id>`."""
    kind, slash, identifier = name.partition("/")
    if not (kind and slash and identifier):
        raise ValueError(f"{name!r} is not the name of a stream, which is <kind>/<id>")
    return kind, identifier


def subject_id(tenant: str, issuer: str, customer: str) -> str:
    """The subject of a known customer's personal data."""
    return _name(tenant, "subject", issuer, customer)


def guest_subject_id(tenant: str, order_id: str, role: str) -> str:
    """The subject of a guest's personal data in one order; `role` such as `buyer`, `ship_to:1`."""
    return _name(tenant, "subject", order_id, role)


def door_message_id(tenant: str, door: str, *caller_key: str) -> str:
    """The id of a message from outside, from the key its caller gave it."""
    return _name(tenant, "door", door, *caller_key)


def emitted_id(cause_id: str, emitting_stream: str, index: int) -> str:
    """The id of the `index`-th message or event (events first, from 0) of one handling of `cause_id`."""
    return _name(cause_id, emitting_stream, str(index))


def deadline_id(stream_name: str, name: str, due: str) -> str:
    """The id of a `DeadlinePassed`; `due` as RFC 3339 UTC milliseconds."""
    return _name(stream_name, "deadline", name, due)


def provider_key(stream_name: str, step: str, attempt_group: int | str) -> str:
    """The idempotency key towards an outside provider: the same attempt group is the same charge."""
    return _name(stream_name, step, str(attempt_group))


def order_number(order_id: str) -> str:
    """What people say on the phone: the id's first 50 bits in Crockford base 32, and its check symbol.

    Such as `QQNX5-E2MGN-U`. Two orders that share one are both shown. Source: Crockford, Base 32, with the check
    symbol being the number modulo 37.
    """
    number = UUID(order_id).int >> 78
    symbols = "".join(_CROCKFORD[number >> shift & 31] for shift in range(45, -1, -5))
    return f"{symbols[:5]}-{symbols[5:]}-{_CROCKFORD_CHECK[number % 37]}"
