"""A series of serial numbers under one company prefix, in a stream of its own.

A number derived from an id would be short enough to meet another one soon: of ten thousand million, two of a hundred
thousand packages are likely to share one. A stream that hands them out in order never repeats one before all are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.decider import Answer, Context, Fold, Outgoing, StreamKind
from contracts.message import Event
from contracts.shipping import AllotSerials, SerialsAllotted

__all__ = ["SSCC_SERIES"]


@dataclass(frozen=True, slots=True)
class SerialSeries:
    """`allotted` numbers are given away; the next one is `allotted` itself."""

    allotted: int = 0


def _evolve(state: SerialSeries, event: Event) -> SerialSeries:
    return SerialSeries(event.first + event.count) if isinstance(event, SerialsAllotted) else state


def _allot(command: AllotSerials, state: SerialSeries, context: Context) -> Sequence[Event]:
    return [
        SerialsAllotted(
            company_prefix=command.company_prefix,
            first=state.allotted,
            count=command.count,
            reply_to=context.reply_to,
        )
    ]


def _react(state: SerialSeries, event: Event) -> Sequence[Outgoing]:
    if isinstance(event, SerialsAllotted) and event.reply_to is not None:
        return (Answer(event.reply_to),)
    return ()


SSCC_SERIES = StreamKind(
    kind="sscc_series",
    folds=(Fold("sscc_series", 1, SerialSeries(), _evolve, _react),),
    decide={AllotSerials: _allot},
)
