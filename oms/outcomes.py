"""What a command says of the outcome that a door answered with."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from oms.calls import WAIT_SECONDS, print_json

__all__ = ["outcome"]

console = Console()


def outcome(document: dict[str, Any], as_json: bool) -> None:
    """Print the events that came of a request, or that none came in time, and where to look further."""
    if as_json:
        print_json(document)
        return
    for event in document.get("events", ()):
        detail = event.get("detail") or event.get("number") or ""
        console.print(f"{event['type']} {escape(str(detail))}".rstrip(), highlight=False)
    if "events" not in document:
        console.print(f"Taken, and not yet decided after {WAIT_SECONDS} s.", highlight=False)
    if "outcome" in document and "events" in document:
        console.print(f"it is {document['outcome']}", highlight=False)
    console.print(document["location"], highlight=False, soft_wrap=True)
