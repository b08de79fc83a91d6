"""What the pages of numbers share: who may see them, which days are asked for, and what is said where nothing is counted."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

from chassis.tokens import Role
from services.console.answering import Parts, Refused, parts_of, who_of
from services.console.figures import NoNumbers, NumbersBusy

__all__ = ["BY", "SPAN_MAX", "Asked", "asked_of", "counted", "numbers_of"]

T = TypeVar("T")

BY = ("day", "channel", "location", "category")
"""What figures may be told apart by."""

SPAN = timedelta(days=31)
"""Days that are shown where nobody says which."""

SPAN_MAX = timedelta(days=366)
"""Days that are counted at once."""

EARLIEST, LATEST = date(1970, 1, 1), date(9999, 1, 1)
"""Between which days have to be that are asked for."""

ALLOWED = frozenset({Role.VIEWER, Role.CSR, Role.FINANCE, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Asked:
    """Days from `since` on and before `until`, and what figures are told apart by."""

    by: str
    since: date
    until: date

    @property
    def address(self) -> str:
        return urlencode({"by": self.by, "from": self.since.isoformat(), "to": self.until.isoformat()})


def asked_of(request: Request, kinds: Sequence[str] = BY) -> Asked:
    """What is asked for, told apart by one of these kinds, or by the first of them. Raises Refused where a day is none, the last one is not after the first, or they are too many."""
    given = request.query_params
    until = _day(given["to"]) if given.get("to") else datetime.now(UTC).date() + timedelta(days=1)
    since = _day(given["from"]) if given.get("from") else until - SPAN
    if since >= until:
        raise Refused(422, "There is no day between", "The last day has to be after the first.")
    if until - since > SPAN_MAX:
        raise Refused(422, "These are too many days", f"At most {SPAN_MAX.days} days are counted at once.")
    by = given.get("by", "")
    return Asked(by if by in kinds else kinds[0], since, until)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Refused(422, "This is no day", "Write days such as 2026-01-31.") from error
    if not EARLIEST <= day <= LATEST:
        raise Refused(422, "This day is out of reach", f"Days are from {EARLIEST} to {LATEST}.")
    return day


def numbers_of(request: Request) -> Parts:
    """For whoever may see numbers. Raises Refused."""
    _, grant = who_of(request)
    if not grant.roles & ALLOWED:
        raise Refused(403, "This is not allowed to you", "Numbers are for those who may see orders.")
    return parts_of(request)


async def counted(answer: Awaitable[T]) -> T:
    """What comes of a question to whoever counts. Raises Refused where nothing does."""
    try:
        return await answer
    except NoNumbers as error:
        raise Refused(404, "There are no numbers yet", f"{error}") from error
    except NumbersBusy as error:
        raise Refused(503, "The numbers are not counted", f"{error}") from error
