"""Who may come in: the file of tokens. It holds a digest of each, never a token, and whom each stands for.

The file is TOML, written under a lock and replaced whole, and read again when it changed. While it cannot be trusted
nobody comes in.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
import stat
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from contracts.message import Instant, format_instant

__all__ = [
    "OF_OTHERS",
    "SUBJECT",
    "TOKENS_MAX",
    "Grant",
    "Holders",
    "Kind",
    "Role",
    "Tokens",
    "TokensRefused",
    "Version",
    "digest_of",
    "new_token",
    "one_writer",
    "own_version",
    "what_is_wrong",
    "write_secret",
]

TOKEN_BYTES = 32
TOKENS_MAX = 1_000
"""Tokens that the file may hold: each request is compared with all of them."""

SUBJECT = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"
"""What a subject may look like. It is recorded for ever, so it is a name of an account and no address of a person."""

OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""The bits of a file's mode that give anybody but its owner a part in it."""

HEADER = "# Who may come in. Written by `oms token`; it holds SHA-256 digests, the tokens themselves are nowhere.\n"


class TokensRefused(Exception):
    """The file of tokens, or that of accounts, cannot be trusted or changed; the text says why and what to do."""

    exit_code = 2


class Role(StrEnum):
    """What somebody may do. Which route needs which role is one table, in oms/access.py."""

    VIEWER = "viewer"
    CSR = "csr"
    WAREHOUSE = "warehouse"
    CARRIER = "carrier"
    FINANCE = "finance"
    CHANNEL_BOT = "channel-bot"
    ADMIN = "admin"


SERVING_EVERY_CHANNEL = frozenset({Role.CSR, Role.ADMIN})

ACTING_FOR_OTHERS = frozenset({Role.CSR, Role.WAREHOUSE, Role.CHANNEL_BOT, Role.ADMIN})
"""Who serves a customer, shares a scanner, or passes on what somebody asked of them."""


class Kind(StrEnum):
    """What a subject is."""

    PERSON = "person"
    SYSTEM = "system"
    CHANNEL = "channel"


class Grant(BaseModel):
    """Whom a token stands for, and what they may do. `sha256` is of the token; `expires` is the first instant (UTC) at
    which it counts no more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Annotated[str, StringConstraints(pattern=SUBJECT)]
    kind: Kind
    roles: Annotated[frozenset[Role], Field(min_length=1)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    expires: Instant | None = None

    @property
    def id(self) -> str:
        """How people call the token without knowing it."""
        return self.sha256[:12]

    def counts(self, now: datetime) -> bool:
        """Whether the token is still taken."""
        return self.expires is None or now < self.expires

    def speaks_for(self, channel_account: str) -> bool:
        """Whether they may place orders of a channel account: a channel those of the one that it is."""
        return bool(self.roles & SERVING_EVERY_CHANNEL) or self.subject == channel_account

    @property
    def acts_for_others(self) -> bool:
        """Whether they may say on whose behalf they ask."""
        return bool(self.roles & ACTING_FOR_OTHERS)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: Annotated[tuple[Grant, ...], Field(max_length=TOKENS_MAX)] = ()


Version = tuple[int, int, int]
"""Of a file: another one as soon as it was written."""


class Holders(Protocol):
    """Whoever can say whom a token stands for."""

    def holder(self, token: str) -> Grant | None:
        """Whom a token stands for; None when it counts for nothing. Raises TokensRefused."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Tokens:
    """The file of tokens at `path`. Every method raises TokensRefused when it cannot be trusted."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = _utc_now) -> None:
        self._path, self._clock = path, clock
        self._read: tuple[Version, tuple[Grant, ...]] | None = None

    def grants(self) -> tuple[Grant, ...]:
        """All that the file holds now, expired ones too."""
        try:
            version = own_version(self._path, "the file of tokens")
        except OSError as error:
            raise TokensRefused(
                f"the file of tokens {self._path} cannot be read: {error.strerror}; `oms up` makes it"
            ) from error
        if self._read is None or self._read[0] != version:
            self._read = (version, _parse(self._path))
        return self._read[1]

    def holder(self, token: str) -> Grant | None:
        """Whom a token stands for; None when it is unknown or expired. Takes as long whichever token it is."""
        digest, now = digest_of(token), self._clock()
        found = [grant for grant in self.grants() if hmac.compare_digest(grant.sha256, digest)]
        return found[0] if found and found[0].counts(now) else None

    def issue(self, subject: str, kind: Kind, roles: frozenset[Role], expires: datetime | None = None) -> str:
        """Make a new token and keep its digest; the token, which is said this once."""
        token = new_token()
        self.admit(token, subject, kind, roles, expires)
        return token

    def admit(
        self, token: str, subject: str, kind: Kind, roles: frozenset[Role], expires: datetime | None = None
    ) -> None:
        """Keep the digest of a token that was made before."""
        try:
            grant = Grant(subject=subject, kind=kind, roles=roles, sha256=digest_of(token), expires=expires)
        except ValidationError as error:
            raise TokensRefused(f"no token was made: {what_is_wrong(error)}") from error
        with one_writer(self._path):
            there = self.grants() if self._path.exists() else ()
            if len(there) >= TOKENS_MAX:
                raise TokensRefused(f"there are {TOKENS_MAX} tokens already; revoke those that nobody uses")
            write_secret(self._path, _text((*there, grant)))

    def revoke(self, name: str) -> tuple[Grant, ...]:
        """Forget the token of this id, or all tokens of this subject; those forgotten."""
        with one_writer(self._path):
            there = self.grants()
            gone = tuple(grant for grant in there if name in {grant.id, grant.subject})
            if gone:
                write_secret(self._path, _text(tuple(grant for grant in there if grant not in gone)))
        return gone


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def own_version(path: Path, what: str) -> Version:
    """Which version of a secret file stands there. Raises TokensRefused where others may read or write it, and OSError."""
    seen = path.stat()
    if seen.st_mode & OF_OTHERS:
        raise TokensRefused(f"others may read or write {what}; run: chmod 600 {path}")
    return seen.st_mtime_ns, seen.st_ino, seen.st_size


def write_secret(path: Path, text: str) -> None:
    """Replace a file at once by one that only its owner can read."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


@contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """One writer at a time: a change that another process makes is not lost."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _parse(path: Path) -> tuple[Grant, ...]:
    try:
        return _File.model_validate(tomllib.loads(path.read_text("utf-8"))).token
    except (OSError, ValueError) as error:
        said = what_is_wrong(error) if isinstance(error, ValidationError) else str(error)
        raise TokensRefused(f"the file of tokens {path} cannot be read: {said}") from error


def what_is_wrong(error: ValidationError) -> str:
    """In one line, without what was given."""
    found = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in found)


def _text(grants: tuple[Grant, ...]) -> str:
    return HEADER + "".join(map(_entry, grants))


def _entry(grant: Grant) -> str:
    """No value needs escaping: a subject has no quote and no backslash."""
    roles = ", ".join(f'"{role}"' for role in sorted(grant.roles))
    lines = [f'subject = "{grant.subject}"', f'kind = "{grant.kind}"', f"roles = [{roles}]"]
    lines.append(f'sha256 = "{grant.sha256}"')
    if grant.expires is not None:
        lines.append(f"expires = {format_instant(grant.expires)}")
    return "\n[[token]]\n" + "\n".join(lines) + "\n"
