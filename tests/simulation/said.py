"""A message in a few words, for pages and traces: its name, and what tells it from another of its type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contracts.message import Message
from contracts.money import Money

__all__ = ["said"]


def said(message: Message) -> str:
    """Its name, and what tells it from another of its type."""
    details = "; ".join(_details(message))
    return f"`{type(message).__name__}`" + (f" {details}" if details else "")


def _details(message: Any) -> Iterator[str]:
    """What tells a message from another of its type: kind or reason, moves or quantities, place, amount."""
    for name in ("kind", "reason", "cause", "status"):
        if value := getattr(message, name, None):
            yield str(value).replace("_", " ")
    yield from _units(message)
    amounts = (getattr(each, "amount", None) for each in (message, getattr(message, "charge", None)))
    if amount := next((each for each in amounts if isinstance(each, Money)), None):
        yield f"{amount.to_decimal()} {amount.currency}"


def _units(message: Any) -> Iterator[str]:
    place = f" at {message.location}" if getattr(message, "location", None) else ""
    if moves := getattr(message, "moves", ()):
        yield ", ".join(f"line {move.line}: {move.quantity} {move.source} to {move.target}" for move in moves) + place
    elif parts := getattr(message, "allocations", ()):
        yield ", ".join(f"{part.quantity} {part.sku} from {part.location}" for part in parts)
    elif lines := [
        line for line in (getattr(message, "lines", None) or ()) if hasattr(line, "quantity") and hasattr(line, "sku")
    ]:
        yield ", ".join(_line(line) for line in lines) + place
    elif answers := [line for line in (getattr(message, "lines", None) or ()) if hasattr(line, "granted")]:
        yield ", ".join(f"of line {line.line} lets go of {line.granted}" for line in answers) + place
    elif packages := getattr(message, "packages", ()):
        yield ", ".join(f"package {package.number}" for package in packages) + place
    elif isinstance(quantity := getattr(message, "quantity", None), int):
        yield f"{quantity} {getattr(message, 'sku', '')}".strip() + place
    elif place:
        yield place.strip()


def _line(line: Any) -> str:
    short = f" ({line.short} short)" if getattr(line, "short", 0) else ""
    return f"{line.quantity} {line.sku or f'of line {line.line}'}{short}"
