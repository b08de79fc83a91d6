"""How values look on a page: money, moments, durations. Templates are escaped always; nothing here makes HTML."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from contracts.money import minor_digits

__all__ = ["HERE", "ago", "behind", "duration", "make_templates", "money", "when"]

HERE = Path(__file__).parent

BEHIND_SECONDS = 1.0
"""Tables that lack something for less are not behind: what was written is in them a moment later."""


def make_templates() -> Environment:
    """The templates, with how values are shown."""
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(money=money, when=when, ago=ago, duration=duration)
    return templates


def money(minor: int, currency: str) -> str:
    """An amount in minor units as people write it: 1,234.50 EUR."""
    digits = minor_digits(currency)
    sign, whole = ("-", -minor) if minor < 0 else ("", minor)
    units, rest = divmod(whole, 10**digits)
    return f"{sign}{units:,}{f'.{rest:0{digits}}' if digits else ''} {currency}"


def when(moment: datetime) -> str:
    """A moment to the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long something has been so."""
    return duration(((now or datetime.now(UTC)) - moment).total_seconds())


def duration(seconds: float | None) -> str:
    """A duration in its two largest units; empty where there is none."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    for size, unit, lower, name in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = int(seconds % size // lower)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{seconds:.1f} s"


def behind(ages: Mapping[str, float | None]) -> str:
    """How far tables are behind what was written, the furthest first; `ages` in seconds, None where nobody knows."""
    if not ages:
        return "How far behind is not known."
    known = sorted(((age, name) for name, age in ages.items() if age is not None), reverse=True)
    late = [f"{name} {duration(age)}" for age, name in known if age >= BEHIND_SECONDS]
    unknown = sorted(name for name, age in ages.items() if age is None)
    parts = [f"Behind what was written: {', '.join(late)}."] if late else []
    parts += [f"How far behind is not known: {', '.join(unknown)}."] if unknown else []
    return " ".join(parts) or f"All tables are less than {BEHIND_SECONDS:.0f} s behind."
