"""Where the changes of an order stand: what is proposed, and whether its money is being secured.

State and `evolve` alone; what leads to the events is in changing.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chassis.decider import Fold
from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.message import Event
from contracts.money import Money
from contracts.order import (
    ChangeDeclined,
    ChangeProposed,
    ChangeRefused,
    IncreaseRecorded,
    IncreaseRequested,
    OrderCancelled,
    OrderChanged,
    OrderCompleted,
    OrderReopened,
)

__all__ = ["FOLD", "ChangesState", "change_of_deadline"]

CHANGE = "change"
"""Part of the name of a proposal's deadline."""


@dataclass(frozen=True, slots=True)
class ChangesState:
    """The ledger of changes: `count` were proposed, `version` of them done; `proposed` is the one that is open, and
    `increase` what payments was asked to secure for it once it was confirmed. `given_up` are increases that nobody waits
    for any more, by change: one may have been secured all the same. When the order is complete they are let go of, and
    forgotten once it goes on."""

    count: int = 0
    version: int = 0
    proposed: ChangeProposed | None = None
    increase: IncreaseRequested | None = None
    given_up: HashTrieMap[str, Money] = HashTrieMap()

    @property
    def securing(self) -> IncreaseRequested | None:
        """What is being secured for the proposal that is open; None also while `increase` is for an exchange that was
        agreed before it."""
        if self.proposed is None or self.increase is None or self.proposed.change != self.increase.change:
            return None
        return self.increase


def evolve(state: ChangesState, event: Event) -> ChangesState:
    """The changes after one more event of the order's stream."""
    match event:
        case ChangeProposed():
            return replace(state, count=state.count + 1, proposed=event)
        case IncreaseRequested():
            return replace(state, increase=event)
        case IncreaseRecorded() | ChangeRefused() if _is_asked(state, event) and state.securing is None:
            return replace(state, increase=None)
        case OrderChanged():
            return replace(state, version=event.version, proposed=None, increase=None)
        case ChangeDeclined() if state.increase and event.change == state.increase.change:
            given_up = state.given_up.insert(event.change, state.increase.amount)
            return replace(state, proposed=None, increase=None, given_up=given_up)
        case IncreaseRecorded():
            return replace(state, given_up=state.given_up.discard(event.change))
        case ChangeDeclined() | ChangeRefused() if state.proposed and event.change == state.proposed.change:
            return replace(state, proposed=None, increase=None if state.securing else state.increase)
        case OrderCancelled() | OrderCompleted():
            return replace(state, proposed=None, increase=None)
        case OrderReopened():
            return replace(state, given_up=HashTrieMap())
    return state


def _is_asked(state: ChangesState, event: IncreaseRecorded | ChangeRefused) -> bool:
    """Whether it answers what payments is asked for now: of an exchange that was agreed, nothing more comes of it."""
    return state.increase is not None and state.increase.change == event.change


def deadlines_of(state: ChangesState) -> Mapping[str, datetime]:
    """When a proposal ends that nobody confirms, or pays."""
    if state.proposed is None:
        return {}
    ends = state.proposed.expires if state.securing is None else state.securing.until
    return {} if ends is None else {f"{CHANGE}/{state.proposed.change}": ends}


def change_of_deadline(name: str) -> str | None:
    """The proposal that stands until this deadline; None for the deadline of another fold."""
    kind, _, change = name.partition("/")
    return change if kind == CHANGE else None


FOLD = Fold("changes", 4, ChangesState(), evolve, deadlines=deadlines_of)
