"""Who signs in with a name and a password: the file of accounts, and the tokens of those who did.

The file is kept as that of tokens (chassis/tokens.py): TOML, written under a lock and replaced whole, read again when it
changed, trusted only while its owner alone may read it. It holds what scrypt made of each password, never a password.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import tomllib
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from chassis.tokens import (
    SUBJECT,
    Grant,
    Kind,
    Role,
    Tokens,
    TokensRefused,
    Version,
    digest_of,
    new_token,
    one_writer,
    own_version,
    what_is_wrong,
    write_secret,
)
from contracts.message import Instant, format_instant

__all__ = ["ACCOUNTS_MAX", "PASSWORD_CHARS", "Account", "Accounts", "Callers", "new_password"]

ACCOUNTS_MAX = 1_000
"""Accounts that the file may hold."""

PASSWORD_CHARS = range(12, 129)
"""How long a password that somebody chose may be, in characters."""

PASSWORD_BYTES = 15
"""Random bytes of a password that is made here: 20 characters."""

SIGNED_IN_MAX = 2_000
"""Tokens of accounts at once; the next one ends the oldest. More than there are sessions."""

LOG2_WORK, BLOCK, LANES = 15, 8, 3
"""scrypt's N (2**15), r and p: 32 MiB and a few tenths of a second for a try, as OWASP's password storage guide has it."""

SCRYPT_BYTES_MAX = 64 * 1024 * 1024
FORM = f"scrypt-{LOG2_WORK}-{BLOCK}-{LANES}"
SALT_BYTES, HASH_BYTES = 16, 32
HEADER = "# Who may sign in. Written by `oms account`; it holds what scrypt made of passwords, those themselves are nowhere.\n"


class Account(BaseModel):
    """Somebody who signs in, what they may do, and until when (the first instant, UTC, at which it counts no more)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(pattern=SUBJECT)]
    roles: Annotated[frozenset[Role], Field(min_length=1)]
    password: Annotated[str, StringConstraints(pattern=rf"^{FORM}:[0-9a-f]{{32}}:[0-9a-f]{{64}}$")]
    """What scrypt made of it, with its salt."""

    expires: Instant | None = None

    def counts(self, now: datetime) -> bool:
        """Whether it may still sign in."""
        return self.expires is None or now < self.expires


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    account: Annotated[tuple[Account, ...], Field(max_length=ACCOUNTS_MAX)] = ()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Accounts:
    """The file of accounts at `path`; where there is none, nobody has an account. Every method raises TokensRefused when it
    cannot be trusted."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = _utc_now) -> None:
        self._path, self._clock = path, clock
        self._read: tuple[Version, tuple[Account, ...]] | None = None

    def all(self) -> tuple[Account, ...]:
        """All that the file holds now, expired ones too."""
        try:
            version = own_version(self._path, "the file of accounts")
            if self._read is None or self._read[0] != version:
                self._read = version, _parse(self._path)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise TokensRefused(f"the file of accounts {self._path} cannot be read: {error.strerror}") from error
        return self._read[1]

    def named(self, name: str) -> Account | None:
        """The account of this name, while it counts."""
        found = next((account for account in self.all() if account.name == name), None)
        return found if found is not None and found.counts(self._clock()) else None

    def check(self, name: str, password: str) -> Account | None:
        """The account of this name, if that is its password. Takes as long for a name that nobody has."""
        account = self.named(name)
        fits = _fits(password, _NOBODYS if account is None else account.password)
        return account if fits else None

    def add(self, name: str, roles: frozenset[Role], password: str, expires: datetime | None = None) -> None:
        """Raises TokensRefused, too, where the name is taken or the password too short or too long."""
        try:
            account = Account(name=name, roles=roles, password=_kept(password), expires=expires)
        except ValidationError as error:
            raise TokensRefused(f"no account was made: {what_is_wrong(error)}") from error
        with one_writer(self._path):
            there = self.all()
            if any(each.name == name for each in there):
                raise TokensRefused(f"there is an account {name} already; `oms account password` gives it another one")
            if len(there) >= ACCOUNTS_MAX:
                raise TokensRefused(f"there are {ACCOUNTS_MAX} accounts already; remove those that nobody uses")
            write_secret(self._path, _text((*there, account)))

    def change(self, name: str, password: str) -> bool:
        """Give an account another password; False where there is none of this name. Raises TokensRefused as `add` does."""
        kept = _kept(password)
        with one_writer(self._path):
            there = self.all()
            changed = tuple(each.model_copy(update={"password": kept}) if each.name == name else each for each in there)
            if changed != there:
                write_secret(self._path, _text(changed))
        return changed != there

    def remove(self, name: str) -> bool:
        """Forget an account; False where there is none of this name."""
        with one_writer(self._path):
            there = self.all()
            left = tuple(each for each in there if each.name != name)
            if left != there:
                write_secret(self._path, _text(left))
        return left != there


class Callers:
    """Whom the doors let in: who holds a token of the file, and who signed in with an account. A token of the latter is
    made here and kept in memory; it counts while the account does, and has the password that it had."""

    def __init__(self, tokens: Tokens, accounts: Accounts) -> None:
        self._tokens, self.accounts = tokens, accounts
        self._signed_in: dict[str, tuple[str, str]] = {}

    def sign_in(self, account: Account) -> str:
        """A token for somebody whose password was right."""
        while len(self._signed_in) >= SIGNED_IN_MAX:
            del self._signed_in[next(iter(self._signed_in))]
        token = new_token()
        self._signed_in[digest_of(token)] = account.name, account.password
        return token

    def sign_out(self, token: str) -> None:
        """End such a token; nothing where it is another one."""
        self._signed_in.pop(digest_of(token), None)

    def holder(self, token: str) -> Grant | None:
        """Whom a token stands for; None when it counts for nothing. Raises TokensRefused."""
        digest = digest_of(token)
        if (signed_in := self._signed_in.get(digest)) is None:
            return self._tokens.holder(token)
        name, password = signed_in
        account = self.accounts.named(name)
        if account is None or account.password != password:
            self._signed_in.pop(digest, None)
            return None
        return Grant(subject=name, kind=Kind.PERSON, roles=account.roles, sha256=digest, expires=account.expires)


def new_password() -> str:
    """A password that nobody can guess."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def _kept(password: str) -> str:
    if len(password) not in PASSWORD_CHARS:
        raise TokensRefused(f"a password has {PASSWORD_CHARS.start} to {PASSWORD_CHARS.stop - 1} characters")
    salt = secrets.token_bytes(SALT_BYTES)
    return f"{FORM}:{salt.hex()}:{_scrypt(password, salt).hex()}"


def _fits(password: str, kept: str) -> bool:
    _, salt, made = kept.split(":")
    given = _scrypt(password[: PASSWORD_CHARS.stop], bytes.fromhex(salt))
    return hmac.compare_digest(given, bytes.fromhex(made))


def _scrypt(password: str, salt: bytes) -> bytes:
    """Equal letters are equal, however a keyboard composes them."""
    given = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(
        given, salt=salt, n=1 << LOG2_WORK, r=BLOCK, p=LANES, maxmem=SCRYPT_BYTES_MAX, dklen=HASH_BYTES
    )


_NOBODYS = f"{FORM}:{'0' * 2 * SALT_BYTES}:{'0' * 2 * HASH_BYTES}"
"""What a password for a name that nobody has is compared with: none fits."""


def _parse(path: Path) -> tuple[Account, ...]:
    try:
        return _File.model_validate(tomllib.loads(path.read_text("utf-8"))).account
    except ValueError as error:
        said = what_is_wrong(error) if isinstance(error, ValidationError) else str(error)
        raise TokensRefused(f"the file of accounts {path} cannot be read: {said}") from error


def _text(accounts: tuple[Account, ...]) -> str:
    return HEADER + "".join(map(_entry, accounts))


def _entry(account: Account) -> str:
    """No value needs escaping: a name has no quote and no backslash."""
    roles = ", ".join(f'"{role}"' for role in sorted(account.roles))
    lines = [f'name = "{account.name}"', f"roles = [{roles}]", f'password = "{account.password}"']
    if account.expires is not None:
        lines.append(f"expires = {format_instant(account.expires)}")
    return "\n[[account]]\n" + "\n".join(lines) + "\n"
