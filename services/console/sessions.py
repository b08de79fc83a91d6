"""Who is signed in at the console: sessions in memory, each with the token that it was begun with.

Signing in is showing a token of the installation (oms/tokens.py), or the password of an account, for which a token is made
(chassis/accounts.py). Who they are and what they may do is asked of those files again at each request, so a token that is
revoked, or a password that is changed, ends its sessions at once. A restart signs everybody out.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

from chassis.accounts import Callers
from chassis.tokens import Grant

__all__ = ["COOKIE", "SESSIONS_MAX", "SESSION_SECONDS", "Session", "Sessions"]

COOKIE = "orderlog_console"
SESSIONS_MAX = 1_000
"""The next one signs out whoever signed in first."""

SESSION_SECONDS = 12 * 3_600.0
"""After which somebody signs in again, whatever they do."""

SECRET_BYTES = 32

WISH_BYTES = 16
WISH = re.compile("[A-Za-z0-9_-]{22}")
"""A wish as a form carries it: so many bytes, as text for addresses."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in. `form` is what each of their forms has to carry, `wish` what stands in those that they are shown
    until they send one: the same form sent twice is one wish."""

    token: str
    form: str
    wish: str
    ends: float

    @property
    def carried(self) -> str:
        """What a form of a page that is shown now carries."""
        return f"{self.form}.{self.wish}"

    def wish_of(self, given: str) -> str | None:
        """The wish of a form, by what it carries; None where it did not come from a page of this session."""
        form, _, wish = given.partition(".")
        return wish if hmac.compare_digest(self.form.encode(), form.encode()) and WISH.fullmatch(wish) else None

    def mark(self, text: str) -> str:
        """What shows that a text was written for this session by the console, and by nobody else."""
        return hmac.digest(self.form.encode(), text.encode(), "sha256").hex()

    def is_marked(self, text: str, mark: str) -> bool:
        """Whether it is the mark of this text."""
        return hmac.compare_digest(self.mark(text).encode(), mark.encode())


class Sessions:
    """All sessions of this process, by what stands in their cookies."""

    def __init__(self, callers: Callers, clock: Callable[[], float] = monotonic) -> None:
        self._callers, self._clock = callers, clock
        self._sessions: dict[str, Session] = {}

    def begin(self, token: str) -> str | None:
        """What the cookie is to hold; None where the token counts for nothing. Raises TokensRefused."""
        if self._callers.holder(token) is None:
            return None
        while len(self._sessions) >= SESSIONS_MAX:
            self.end(next(iter(self._sessions)))
        name = secrets.token_urlsafe(SECRET_BYTES)
        ends = self._clock() + SESSION_SECONDS
        self._sessions[name] = Session(token, secrets.token_urlsafe(SECRET_BYTES), _new_wish(), ends)
        return name

    def of(self, name: str | None) -> tuple[Session, Grant] | None:
        """Whose session it is; None where there is none, or its token counts no more. Raises TokensRefused."""
        session = None if name is None else self._sessions.get(name)
        if name is None or session is None:
            return None
        grant = self._callers.holder(session.token)
        if grant is None or self._clock() >= session.ends:
            self.end(name)
            return None
        return session, grant

    def sent(self, name: str) -> None:
        """A form was sent: what they are shown from now on is for another wish."""
        if (session := self._sessions.get(name)) is not None:
            self._sessions[name] = replace(session, wish=_new_wish())

    def end(self, name: str) -> None:
        """Sign out; nothing where nobody was signed in."""
        session = self._sessions.pop(name, None)
        if session is not None:
            self._callers.sign_out(session.token)


def _new_wish() -> str:
    return secrets.token_urlsafe(WISH_BYTES)
