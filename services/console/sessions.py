"""Who is signed in at the console: sessions in memory, each with the token that it was begun with.

Signing in is showing a token of the installation (oms/tokens.py), or the password of an account, for which a token is made
(chassis/accounts.py). Who they are and what they may do is asked of those files again at each request, so a token that is
revoked, or a password that is changed, ends its sessions at once. A restart signs everybody out.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
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


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in. `form` is what each of their forms has to carry."""

    token: str
    form: str
    ends: float

    def is_form(self, given: str) -> bool:
        """Whether a form came from a page of this session."""
        return compare_digest(self.form.encode(), given.encode())


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
        self._sessions[name] = Session(token, secrets.token_urlsafe(SECRET_BYTES), ends)
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

    def end(self, name: str) -> None:
        """Sign out; nothing where nobody was signed in."""
        session = self._sessions.pop(name, None)
        if session is not None:
            self._callers.sign_out(session.token)
