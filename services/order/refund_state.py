"""Where the refunds of an order stand: proposed, granted, paid back, failed, withdrawn; and which units they were for.

A fold of the order's stream that outlives the order: goods come back when it is complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from chassis.maps import HashTrieMap
from chassis.saga import Asks, deadlines, name_of, note, settle, suspend
from chassis.states import replace
from contracts.message import Event
from contracts.order import (
    CreditApplied,
    CreditCharged,
    CreditPaidOut,
    RefundCause,
    RefundContents,
    RefundDeclined,
    Refunded,
    RefundFailed,
    RefundGranted,
    RefundLine,
    RefundProposed,
    RefundTo,
    RefundWithdrawn,
    ReplacedUnits,
    ReplacementGivenUp,
    ReplacementGranted,
    StepAskedAgain,
    StepUnanswered,
)

__all__ = [
    "ANSWER_WITHIN",
    "APPROVE_WITHIN",
    "CREDIT",
    "PROPOSAL",
    "REFUND",
    "Range",
    "Refund",
    "RefundStage",
    "RefundsState",
    "Standing",
    "deadlines_of",
    "evolve",
    "find",
    "given_back",
    "in_order",
    "step_of",
    "without",
]

REFUND = "refund"
"""The step that asks payments to give money back."""

CREDIT = "refund_credit"
"""The step that puts money into the customer's store credit instead."""

PROPOSAL = "refund_proposal"
"""Part of the name of the deadline by which a second person decides."""

ANSWER_WITHIN = timedelta(hours=6)
"""How long payments have before they are asked again: a provider may take its time."""

APPROVE_WITHIN = timedelta(days=3)
"""How long a refund that is proposed waits for a second person."""

Range = tuple[int, int]
"""The units [start, end) of a line."""


class RefundStage(StrEnum):
    """How far a refund is."""

    PROPOSED = "proposed"
    DECLINED = "declined"
    GRANTED = "granted"
    REFUNDED = "refunded"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    SET_OFF = "set_off"
    REPLACED = "replaced"
    GIVEN_UP = "given_up"


NO_MONEY = frozenset({RefundStage.PROPOSED, RefundStage.DECLINED, RefundStage.REPLACED, RefundStage.GIVEN_UP})
"""Stages in which nobody is owed money by a refund: it is not decided, or the goods are sent again instead."""


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as it was proposed or granted, and by whom. `refunded` is what is back of it, in minor units; `owed`
    what the customer was to get: less than granted once the rest was withdrawn. `unanswered`: nobody knows whether payments will still pay it;
    `told`: it was back before, and whoever paid it took it back."""

    contents: RefundContents
    stage: RefundStage
    owed: int = 0
    by: str | None = None
    approved_by: str | None = None
    decide_by: datetime | None = None
    refunded: int = 0
    failed: RefundFailed | None = None
    unanswered: bool = False
    told: bool = False

    @property
    def granted(self) -> bool:
        """It was decided that the customer gets money, whatever became of that."""
        return self.stage not in NO_MONEY


class Standing(NamedTuple):
    """A refund that was granted and not taken back: its units, and what of it was withheld before (minor units)."""

    cause: RefundCause
    lines: tuple[RefundLine, ...]
    withheld: int


@dataclass(frozen=True, slots=True)
class RefundsState:
    """The refunds of an order by id. `granted` is what the customer was and is owed, `refunded` what is back, in minor
    units, and `applied` what of it pays for what an exchange sends, or is paid out by another refund; what lies between is
    their credit. `replaced` are the units of each line that are sent again, or were, and
    `origins` those that the units of such a line are sent for."""

    refunds: HashTrieMap[str, Refund] = HashTrieMap()
    replaced: HashTrieMap[str, tuple[ReplacedUnits, ...]] = HashTrieMap()
    origins: HashTrieMap[str, tuple[ReplacedUnits, ...]] = HashTrieMap()
    asks: Asks = HashTrieMap()
    granted: int = 0
    refunded: int = 0
    applied: int = 0

    @property
    def count(self) -> int:
        """Refunds that were proposed or granted."""
        return len(self.refunds)

    @property
    def credit(self) -> int:
        """What the customer is owed and has not got, in minor units; below zero while goods of an exchange are out both
        ways."""
        return self.granted - self.refunded - self.applied

    def standing(self) -> Iterator[Standing]:
        """The refunds that were granted, those aside of which nothing was paid and the decision was taken back."""
        for refund in self.refunds.values():
            contents = refund.contents
            if refund.granted and (refund.owed or refund.stage is not RefundStage.WITHDRAWN):
                withheld = contents.withheld.amount if contents.withheld else 0
                yield Standing(contents.cause, contents.lines, withheld)


def in_order(state: RefundsState) -> list[tuple[str, Refund]]:
    """The refunds by number."""
    return sorted(state.refunds.items(), key=lambda item: item[1].contents.number)


def find(state: RefundsState, name: str) -> Refund | None:
    """A refund by its id or its number."""
    found = state.refunds.get(name)
    if found is not None:
        return found
    return next((each for each in state.refunds.values() if str(each.contents.number) == name), None)


def step_of(contents: RefundContents) -> str:
    """The step that pays a refund; none where it pays for what is sent in an exchange."""
    if contents.to is RefundTo.EXCHANGE:
        return ""
    return CREDIT if contents.to is RefundTo.STORE_CREDIT else REFUND


def given_back(state: RefundsState, line: str) -> tuple[Range, ...]:
    """The units of a line that money was granted for."""
    ranges = [
        (each.from_unit, each.to_unit) for refund in state.standing() for each in refund.lines if each.line == line
    ]
    return tuple(sorted(ranges))


def without(ranges: Iterable[Range], taken: Sequence[Range]) -> tuple[Range, ...]:
    """Ranges of units less those in other ranges, from the bottom."""
    found = []
    for start, end in sorted(ranges):
        for other_start, other_end in sorted(taken):
            if other_end <= start or other_start >= end:
                continue
            if other_start > start:
                found.append((start, other_start))
            start = max(start, other_end)
        if start < end:
            found.append((start, end))
    return tuple(found)


# Evolve


def evolve(state: RefundsState, event: Event) -> RefundsState:
    """The refunds after one more event of the order's stream."""
    match event:
        case RefundProposed():
            refund = Refund(_contents(event), RefundStage.PROPOSED, by=event.by, decide_by=event.decide_by)
            return replace(state, refunds=state.refunds.insert(event.refund, refund))
        case RefundDeclined():
            return _with(state, event.refund, stage=RefundStage.DECLINED)
        case RefundGranted():
            return _granted(state, event)
        case CreditApplied() | CreditPaidOut() | CreditCharged():
            less = isinstance(event, CreditCharged)
            return replace(state, applied=state.applied + (-1 if less else 1) * event.amount.amount)
        case ReplacementGranted():
            return _replaced(state, event)
        case ReplacementGivenUp():
            return _given_up(state, event)
        case Refunded():
            return _refunded(state, event)
        case RefundFailed():
            return _failed(state, event)
        case RefundWithdrawn():
            return _withdrawn(state, event)
        case StepAskedAgain(step=step) if step in (REFUND, CREDIT):
            asks = note(state.asks, step, event.key, event.answer_by, event.asks)
            return replace(_with(state, event.key, stage=RefundStage.GRANTED, failed=None, unanswered=False), asks=asks)
        case StepUnanswered(step=step) if step in (REFUND, CREDIT):
            return replace(_with(state, event.key, unanswered=True), asks=suspend(state.asks, step, event.key))
    return state


def _contents(event: RefundContents) -> RefundContents:
    return RefundContents(**{name: getattr(event, name) for name in RefundContents.model_fields})


def _with(state: RefundsState, key: str, **changes: object) -> RefundsState:
    refund = replace(state.refunds[key], **changes)  # type: ignore[arg-type]
    return replace(state, refunds=state.refunds.insert(key, refund))


def _granted(state: RefundsState, event: RefundGranted) -> RefundsState:
    owed = event.amount.amount
    step = step_of(event)
    stage = RefundStage.GRANTED if step else RefundStage.SET_OFF
    refund = Refund(_contents(event), stage, owed, event.by, event.approved_by)
    asks = note(state.asks, step, event.refund, event.answer_by) if step else state.asks
    refunds = state.refunds.insert(event.refund, refund)
    return replace(state, refunds=refunds, asks=asks, granted=state.granted + owed)


def _replaced(state: RefundsState, event: ReplacementGranted) -> RefundsState:
    """Nobody is owed money; the units are sent again."""
    refund = Refund(_contents(event), RefundStage.REPLACED, by=event.by, approved_by=event.approved_by)
    replaced, origins = state.replaced, state.origins
    for units in event.replaced:
        replaced = replaced.insert(units.line, (*replaced.get(units.line, ()), units))
        origins = origins.insert(units.by, (*origins.get(units.by, ()), units))
    refunds = state.refunds.insert(event.refund, refund)
    return replace(state, refunds=refunds, replaced=replaced, origins=origins)


def _given_up(state: RefundsState, event: ReplacementGivenUp) -> RefundsState:
    """The units that were to be replaced are as they were before."""
    replaced = state.replaced
    for units in event.units:
        gone = ((units.from_unit, units.to_unit),)
        kept = tuple(
            part.model_copy(
                update={"from_unit": start, "to_unit": end, "by_from": part.by_from + start - part.from_unit}
            )
            for part in replaced.get(units.line, ())
            for start, end in without(((part.from_unit, part.to_unit),), gone)
        )
        replaced = replaced.insert(units.line, kept)
    state = replace(state, replaced=replaced)
    return _with(state, event.refund, stage=RefundStage.GIVEN_UP) if event.whole else state


def _refunded(state: RefundsState, event: Refunded) -> RefundsState:
    """Also of one that was withdrawn, should its money have been on its way: then it was owed after all."""
    known, amount = state.refunds[event.refund], event.amount.amount
    state = replace(
        state,
        asks=settle(state.asks, step_of(known.contents), event.refund),
        granted=state.granted + amount - known.owed,
        refunded=state.refunded + amount - known.refunded,
    )
    return _with(
        state, event.refund, stage=RefundStage.REFUNDED, owed=amount, refunded=amount, failed=None, unanswered=False
    )


def _failed(state: RefundsState, event: RefundFailed) -> RefundsState:
    known = state.refunds[event.refund]
    part = event.refunded_part.amount if event.refunded_part else 0
    if event.taken_back is None:
        part = max(known.refunded, part)
    unanswered = known.unanswered and known.stage is RefundStage.GRANTED
    state = replace(
        state,
        asks=suspend(state.asks, step_of(known.contents), event.refund),
        refunded=state.refunded + part - known.refunded,
    )
    told = known.told or known.stage is RefundStage.REFUNDED
    return _with(
        state, event.refund, stage=RefundStage.FAILED, refunded=part, failed=event, unanswered=unanswered, told=told
    )


def _withdrawn(state: RefundsState, event: RefundWithdrawn) -> RefundsState:
    known = state.refunds[event.refund]
    state = replace(
        state,
        asks=settle(state.asks, step_of(known.contents), event.refund),
        granted=state.granted + known.refunded - known.owed,
    )
    return _with(state, event.refund, stage=RefundStage.WITHDRAWN, owed=known.refunded, failed=None)


def deadlines_of(state: RefundsState) -> Mapping[str, datetime]:
    """When payments should have answered, and when a second person should have decided."""
    proposed = {
        name_of(PROPOSAL, key): refund.decide_by
        for key, refund in sorted(state.refunds.items())
        if refund.decide_by is not None and refund.stage is RefundStage.PROPOSED
    }
    return {**deadlines(state.asks), **proposed}
