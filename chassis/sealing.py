"""Sealing and opening personal data: AES-SIV (RFC 5297) under one key a subject.

Here live the sealer and the master key; where wrapped keys are kept is chassis/vault.py, and what may be sealed is
contracts/personal.py. Only doors seal, and only workers and consoles that need to read open.
"""

from __future__ import annotations

import os
import stat
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from chassis.vault import Forgotten, Vault
from contracts.canonical import canonical_json
from contracts.personal import Personal, PersonalContent

__all__ = [
    "FileMasterKey",
    "MasterKey",
    "MasterKeyMisfit",
    "MasterKeyRefused",
    "PersonKeyLost",
    "PersonalDataForgotten",
    "PersonalDataUnreadable",
    "Sealer",
    "create_master_key",
    "open_sealed",
    "seal_under",
]

KEY_BITS = 512
"""AES-256-SIV takes two keys of 256 bits: one for the synthetic IV, one for the encryption."""

CACHED_KEYS_MAX = 10_000
"""Unwrapped keys that one process keeps for opening."""

CACHED_KEY_AGE_MAX_SECONDS = 30.0
"""How long after `forget` another process may still open: until its cached key is as old as this."""


class MasterKeyRefused(Exception):
    """The file of the master key cannot be used; the text says why, and what to do."""


class PersonalDataForgotten(Exception):
    """The key of the subject was destroyed: nobody can read this any more."""


class PersonalDataUnreadable(Exception):
    """The ciphertext, its subject or the wrapped key is not what was written."""


class PersonKeyLost(PersonalDataUnreadable):
    """The vault has no key of the subject, and nobody had it destroyed."""


class MasterKeyMisfit(PersonalDataUnreadable):
    """The master key is not the one that the vault's keys were wrapped by: until it is back nothing can be sealed or
    opened, and what waits for it can go on then."""


class MasterKey(Protocol):
    """What wraps the keys of subjects: a file, or a key service."""

    def wrap(self, subject: str, key: bytes) -> bytes:
        """The subject's key, unreadable without the master key."""

    def unwrap(self, subject: str, wrapped: bytes) -> bytes:
        """The subject's key; raises MasterKeyMisfit when another master key or subject wrapped it."""


class FileMasterKey:
    """A master key from a file of its own, which only its owner may read. A wrapped key is bound to its subject. Where it
    does not fit the file is read again, so that who waits goes on once the right one is back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._siv = AESSIV(_read_master_key(path))

    def wrap(self, subject: str, key: bytes) -> bytes:
        """See MasterKey.wrap."""
        return self._siv.encrypt(key, [subject.encode()])

    def unwrap(self, subject: str, wrapped: bytes) -> bytes:
        """See MasterKey.unwrap."""
        with suppress(InvalidTag):
            return self._siv.decrypt(wrapped, [subject.encode()])
        try:
            self._siv = AESSIV(_read_master_key(self._path))
            return self._siv.decrypt(wrapped, [subject.encode()])
        except (InvalidTag, MasterKeyRefused) as error:
            raise MasterKeyMisfit(
                f"the key of the subject {subject} was not wrapped by the master key in {self._path}; "
                "bring back the master key that belongs to this vault"
            ) from error


def create_master_key(path: Path) -> bool:
    """Write a new master key, readable by its owner only; False, and nothing touched, where there is one already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(AESSIV.generate_key(KEY_BITS).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return True


def _read_master_key(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise MasterKeyRefused(f"the master key in {path} cannot be read: {error}") from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise MasterKeyRefused(
            f"everybody on this machine may read or write the master key in {path}; run: chmod 600 {path}"
        )
    try:
        key = bytes.fromhex(text.strip())
    except ValueError as error:
        raise MasterKeyRefused(f"{path} holds no master key: it should be one line of hexadecimal digits") from error
    if len(key) * 8 != KEY_BITS:
        raise MasterKeyRefused(f"the master key in {path} has {len(key) * 8} bits instead of {KEY_BITS}")
    return key


def seal_under(key: bytes, subject: str, content: PersonalContent) -> Personal:
    """Seal under a key in the clear: deterministic, so that equal content of a subject is equal sealed."""
    clear = canonical_json(content.model_dump(mode="json", exclude_none=True))
    ciphertext = AESSIV(key).encrypt(clear, [subject.encode()])
    return Personal(subject=subject, ciphertext=b64encode(ciphertext).decode("ascii"))


def open_sealed(key: bytes, personal: Personal) -> PersonalContent:
    """Open under a key in the clear; raises PersonalDataUnreadable when key, subject or ciphertext do not fit."""
    try:
        sealed = b64decode(personal.ciphertext, validate=True)
        clear = AESSIV(key).decrypt(sealed, [personal.subject.encode()])
    except (InvalidTag, Base64Error) as error:
        raise PersonalDataUnreadable(
            f"the personal data of the subject {personal.subject} was altered, or sealed before its key was destroyed"
        ) from error
    return PersonalContent.model_validate_json(clear)


class Sealer:
    """Seals and opens with the keys of a vault. May be shared by threads.

    Sealing asks the vault each time: a cached key that somebody destroyed meanwhile would make a new order
    unreadable from its first day.
    """

    def __init__(self, vault: Vault, master_key: MasterKey, clock: Callable[[], float] = monotonic) -> None:
        self._vault = vault
        self._master_key = master_key
        self._clock = clock
        self._cached: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._lock = Lock()

    def seal(self, subject: str, content: PersonalContent) -> Personal:
        """Seal under the subject's key, making one where there is none."""
        wrapped = self._vault.get(subject)
        if wrapped is None:
            new = self._master_key.wrap(subject, AESSIV.generate_key(KEY_BITS))
            wrapped = self._vault.get_or_put(subject, new)
        return seal_under(self._master_key.unwrap(subject, wrapped), subject, content)

    def open(self, personal: Personal) -> PersonalContent:
        """Read what was sealed; raises PersonalDataForgotten or PersonalDataUnreadable."""
        subject = personal.subject
        key = self._cached_key(subject) or self._key(subject)
        try:
            return open_sealed(key, personal)
        except PersonalDataUnreadable as error:
            if self._vault.forgotten(subject):
                raise PersonalDataForgotten(
                    f"the subject {subject} was forgotten, and this was sealed before they came back"
                ) from error
            raise

    def forget(self, subject: str) -> Forgotten | None:
        """Destroy the subject's key, for ever (see Vault.forget). See CACHED_KEY_AGE_MAX_SECONDS."""
        forgotten = self._vault.forget(subject)
        self.drop(subject)
        return forgotten

    def open_anew(self, sealed: Personal) -> PersonalContent:
        """As `open`, by the key that the vault has now: for what leaves us, or stays somewhere in the clear."""
        self.drop(sealed.subject)
        return self.open(sealed)

    def open_all(self, sealed: Iterable[Personal]) -> dict[Personal, PersonalContent]:
        """What of this can be read, by the keys that the vault has now, which is asked once: a follower opens thousands.
        Whoever was forgotten, or cannot be read, is left out. Raises MasterKeyMisfit."""
        asked = list(dict.fromkeys(sealed))
        wrapped = self._vault.get_all(sorted({personal.subject for personal in asked})) if asked else {}
        keys = {subject: self._master_key.unwrap(subject, key) for subject, key in wrapped.items()}
        opened: dict[Personal, PersonalContent] = {}
        for personal in asked:
            if personal.subject in keys:
                with suppress(PersonalDataUnreadable):
                    opened[personal] = open_sealed(keys[personal.subject], personal)
        return opened

    def drop(self, subject: str) -> None:
        """Open nothing of the subject by a key that was read before: it was destroyed elsewhere."""
        with self._lock:
            self._cached.pop(subject, None)

    def _cached_key(self, subject: str) -> bytes | None:
        with self._lock:
            cached = self._cached.get(subject)
        if cached is None or self._clock() - cached[0] >= CACHED_KEY_AGE_MAX_SECONDS:
            return None
        return cached[1]

    def _key(self, subject: str) -> bytes:
        read_at = self._clock()
        wrapped = self._vault.get(subject)
        if wrapped is None and self._vault.forgotten(subject):
            raise PersonalDataForgotten(f"there is no key for the subject {subject}: its personal data was forgotten")
        if wrapped is None:
            raise PersonKeyLost(
                f"the vault has no key of the subject {subject}, and nobody had it destroyed: put back the latest backup "
                "of the vault that has it"
            )
        key = self._master_key.unwrap(subject, wrapped)
        with self._lock:
            self._cached[subject] = (read_at, key)
            self._cached.move_to_end(subject)
            if len(self._cached) > CACHED_KEYS_MAX:
                self._cached.popitem(last=False)
        return key
