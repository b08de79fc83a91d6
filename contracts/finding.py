"""Finding orders by what is personal: whose key of the vault makes digests of names and e-mail addresses."""

from __future__ import annotations

from contracts.ids import subject_id

__all__ = ["finding_subject"]

_KEY_OWNER = ("orderlog", "finding people")
"""No person, and never to be forgotten: without the key nobody is found any more until all is read again."""


def finding_subject(tenant: str) -> str:
    """The subject under whose key the digests are made."""
    return subject_id(tenant, *_KEY_OWNER)
