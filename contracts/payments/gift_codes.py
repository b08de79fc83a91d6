"""Codes of gift cards, and the ids of the ledgers of stored value.

A code is money to whoever has it, so it stands in no message and no table: doors make the ledger's id of it, under a key
of the vault, and keep nothing else. Both the door of orders and the one that issues cards do so.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from contracts.ids import aggregate_id, subject_id
from contracts.personal import Personal, PersonalContent

__all__ = [
    "CODE_CHARS_MAX",
    "CODE_CHARS_MIN",
    "STORED_VALUE",
    "codes_subject",
    "gift_card_id",
    "new_gift_code",
    "normal_code",
    "store_credit_id",
]

Seal = Callable[[str, PersonalContent], Personal]

STORED_VALUE = "stored_value"
"""The kind of the streams."""

CODE_CHARS_MIN = 8
CODE_CHARS_MAX = 64
"""Letters and digits of a code that comes from elsewhere."""

CODE_SYMBOLS = 20
"""Symbols of a code of ours, of 32 each: 100 bits, so that nobody finds one by trying."""

CODE_GROUP = 5

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("OIL", "011")
_KEY_OWNER = ("orderlog", "gift card codes")
"""Whose key of the vault makes ids of codes: no person's, and never to be forgotten."""


def normal_code(code: str) -> str:
    """A code as it counts, however it was typed: without what stands between, capitals, O as 0, I and L as 1."""
    return "".join(filter(str.isalnum, code)).upper().translate(_READ_AS)


def codes_subject(tenant: str) -> str:
    """The subject whose key makes ids of codes."""
    return subject_id(tenant, *_KEY_OWNER)


def _under_the_key(tenant: str, seal: Seal, text: str) -> str:
    """A text that only who has the vault can make of this one: the same each time."""
    return seal(codes_subject(tenant), PersonalContent(notes=text)).ciphertext


def gift_card_id(tenant: str, seal: Seal, code: str) -> str:
    """The id of the ledger of a gift card with this code."""
    return aggregate_id(tenant, STORED_VALUE, "gift_card", _under_the_key(tenant, seal, normal_code(code)))


def new_gift_code(tenant: str, seal: Seal, *caller_key: str) -> str:
    """A code for a new gift card, in groups. The same caller's key has the same code, which nobody else can make: so
    that a request that is repeated is answered with it, though it is kept nowhere."""
    secret = _under_the_key(tenant, seal, "\x1f".join(("a new code", *caller_key)))
    number = int.from_bytes(sha256(secret.encode()).digest(), "big")
    symbols = "".join(_CROCKFORD[number >> 5 * place & 31] for place in range(CODE_SYMBOLS))
    return "-".join(symbols[at : at + CODE_GROUP] for at in range(0, CODE_SYMBOLS, CODE_GROUP))


def store_credit_id(tenant: str, issuer: str, customer: str, currency: str) -> str:
    """The id of the ledger of a customer's credit in a currency; the customer by their id and who gave it."""
    return aggregate_id(tenant, STORED_VALUE, "store_credit", issuer, customer, currency)
