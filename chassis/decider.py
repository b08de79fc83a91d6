"""What a service is made of: kinds of streams, each a tuple of folds and a table of pure deciders.

Here live the types that a domain file and its tests see. Nothing here does I/O, reads a clock or knows Kafka; what
runs these tables is chassis/handling.py, inside chassis/loop.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar

from contracts.envelope import Actor
from contracts.message import Event, Message

__all__ = ["Answer", "Context", "Fold", "Outgoing", "Send", "StreamKind", "no_deadlines", "no_reaction"]

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Context:
    """What a decider may know besides the message and its state.

    `now` is the later of the record's timestamp, the message's time and the time of the stream's last event, so it
    never goes back along a stream or a chain of causes. `subject` is the stream that the message is about: of an
    answer, the stream that answered. `reply_to` is where an answer is wanted, `<service>:<stream>`; a decider that
    will answer later keeps it in its event. `needed` is what the service's loader fetched for `needs`.
    """

    now: datetime
    tenant: str
    stream: str
    message_id: str
    subject: str
    correlation_id: str
    reply_to: str | None = None
    actor: Actor | None = None
    reason: str | None = None
    needed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Send:
    """A message to a stream of a service. `wants_answer`: its answers come back to the sending stream."""

    service: str
    stream: str
    message: Message
    wants_answer: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The event being reacted to, copied to whoever asked: `to` is the `<service>:<stream>` of a `reply_to`."""

    to: str


Outgoing = Send | Answer


def no_reaction(state: Any, event: Event) -> Sequence[Outgoing]:
    """The reaction of a fold that sends nothing."""
    return ()


def no_deadlines(state: Any) -> Mapping[str, datetime]:
    """The deadlines of a fold that waits for nothing."""
    return {}


def _remembers_all(state: Any, moment: datetime) -> Any:
    return state


@dataclass(frozen=True)
class Fold(Generic[S]):
    """One view of a stream: the aggregate itself, or a saga beside it.

    `version` names the shape of its state: a snapshot of another version is ignored and the events are folded again.
    `evolve` never refuses: what is in the log happened. It is given the state `as_of` the time of the event, where what
    is remembered for a while only may be forgotten. `react` sees every event of the stream, with the state of
    the whole stream after it. `deadlines` are those that this state waits for, by name.
    """

    name: str
    version: int
    initial: S
    evolve: Callable[[S, Event], S]
    react: Callable[[Any, Event], Sequence[Outgoing]] = no_reaction
    deadlines: Callable[[S], Mapping[str, datetime]] = no_deadlines
    as_of: Callable[[S, datetime], S] = _remembers_all


def _no_needs(message: Message, state: Any) -> Sequence[str]:
    return ()


def _as_its_cause(state: Any) -> str | None:
    return None


def _nothing_further(state: Any, context: Context) -> Sequence[Event]:
    return ()


@dataclass(frozen=True)
class StreamKind:
    """A kind of stream (`order`, `stock_item`): its folds, and one decider for each type of message it takes.

    `state` makes what deciders and reactions see out of the folds' states, in order: a NamedTuple class where there
    are several, the default where there is one (the fold's state itself). `decide[type](message, state, context)`
    returns events. `advance(state, context)` is asked after they have evolved, again and again until it returns
    nothing: there the sagas take the next step that the new state allows. `needs(message, state)` names what the
    service's loader fetches before `decide`. `story(state)` is the stream that everything from here on belongs to (of
    an order, the order), whoever brought the message; None where that is as the message says.
    """

    kind: str
    folds: tuple[Fold[Any], ...]
    decide: Mapping[type[Message], Callable[[Any, Any, Context], Sequence[Event]]]
    state: Callable[..., Any] = lambda single: single
    advance: Callable[[Any, Context], Sequence[Event]] = _nothing_further
    needs: Callable[[Message, Any], Sequence[str]] = _no_needs
    story: Callable[[Any], str | None] = _as_its_cause

    @cached_property
    def evolving(self) -> tuple[tuple[Callable[[Any, datetime], Any] | None, Callable[[Any, Event], Any]], ...]:
        """What each fold does with an event: its `as_of`, None where all is remembered, and its `evolve`."""
        return tuple((None if fold.as_of is _remembers_all else fold.as_of, fold.evolve) for fold in self.folds)

    @cached_property
    def reacting(self) -> tuple[Fold[Any], ...]:
        """The folds that send something: most only remember."""
        return tuple(fold for fold in self.folds if fold.react is not no_reaction)

    @cached_property
    def waiting(self) -> tuple[int, ...]:
        """The places of the folds that wait for anything."""
        return tuple(place for place, fold in enumerate(self.folds) if fold.deadlines is not no_deadlines)
