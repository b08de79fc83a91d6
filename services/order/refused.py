"""Why a change of an order cannot be: what plans of changes raise, and whoever decides turns into an event."""

from __future__ import annotations

from contracts.order import ChangeRefusal

__all__ = ["Refused"]


class Refused(Exception):
    """A change that cannot be, and why."""

    def __init__(self, reason: ChangeRefusal, detail: str | None = None) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail
