"""What recorded forgettings lead to: the vault follows `order.events` as tables follow it, and so does the outbox.

The door that is asked to forget somebody destroys their key before that is recorded. What follows here finds nothing left
to do, unless a backup of the vault was put back: its position is in it, and with the keys that it brings back it
goes back too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, LiteralString

import psycopg

from chassis.log import Record
from chassis.projection import events_among
from chassis.vault import destroy_keys
from contracts.order import CustomerForgotten

__all__ = ["FORGETTING_SCHEMA", "KeysFollow"]

FORGETTING_SCHEMA = "forgetting"
"""Where in the vault's database it is kept how far it followed, after the namespace."""


class KeysFollow:
    """The projection into the vault. `erase` is told the subjects first: what holds clear text of theirs lets go of it."""

    name = "forgotten_keys"
    topics = ("order.events",)
    tables: LiteralString = ""

    def __init__(self, erase: Callable[[Sequence[str]], None]) -> None:
        self._erase = erase

    def apply(self, connection: psycopg.Connection[Any], records: Sequence[Record]) -> None:
        forgotten = [event for _, event in events_among(records, (CustomerForgotten,))]
        if forgotten:
            destroy_keys(connection, [(event.subject, event.keys_until) for event in forgotten])
            self._erase(sorted({event.subject for event in forgotten}))
