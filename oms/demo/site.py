"""Where the installation stands that the demonstration plays on, as any outsider would be told it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["TENANT", "Site"]

TENANT = "default"


@dataclass(frozen=True, slots=True)
class Site:
    """The broker (`host:port`), the namespace of topics, the address of the HTTP doors, and the folder for notes."""

    bootstrap: str
    namespace: str
    doors: str
    home: Path

    @property
    def notes(self) -> Path:
        """Where the demonstration remembers how far in the year it is."""
        return self.home / "demo.json"
