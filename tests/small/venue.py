"""The venue: halls with seats. Seats are taken by a booking and may come back; never more than there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from chassis.decider import Answer, Context, Fold, Outgoing, StreamKind
from chassis.maps import HashTrieMap
from contracts.message import Command, Event

RETURNED = -1
"""A booking whose seats came back, or may never be taken: the compensation came."""


class OpenHall(Command):
    """There is a hall with so many seats."""

    seats: int


class HallOpened(Event):
    """The hall has so many seats."""

    seats: int


class TakeSeats(Command):
    """A booking wants seats."""

    booking: str
    seats: int


class SeatsTaken(Event):
    """They are the booking's; `free` are left."""

    booking: str
    seats: int
    free: int
    reply_to: str | None = None


class SeatsRefused(Event):
    """There are not as many, or the booking was taken back before."""

    booking: str
    reply_to: str | None = None


class ReturnSeats(Command):
    """The booking is off: whatever it took, or will ask for, is free."""

    booking: str


class SeatsReturned(Event):
    """So many seats are free again; 0 where the booking had taken none."""

    booking: str
    seats: int
    free: int


@dataclass(frozen=True, slots=True)
class Hall:
    free: int = 0
    taken: HashTrieMap[str, int] = field(default_factory=lambda: HashTrieMap())


def evolve(hall: Hall, event: Event) -> Hall:
    match event:
        case HallOpened():
            return replace(hall, free=hall.free + event.seats)
        case SeatsTaken():
            return Hall(event.free, hall.taken.insert(event.booking, event.seats))
        case SeatsReturned():
            return Hall(event.free, hall.taken.insert(event.booking, RETURNED))
    return hall


def open_hall(command: OpenHall, hall: Hall, context: Context) -> Sequence[Event]:
    return [HallOpened(seats=command.seats)]


def take(command: TakeSeats, hall: Hall, context: Context) -> Sequence[Event]:
    if command.seats == 13:
        raise RuntimeError("thirteen seats: this hall's handler has a bug")
    return mended_take(command, hall, context)


def mended_take(command: TakeSeats, hall: Hall, context: Context) -> Sequence[Event]:
    if command.booking in hall.taken or command.seats > hall.free:
        return [SeatsRefused(booking=command.booking, reply_to=context.reply_to)]
    free = hall.free - command.seats
    return [SeatsTaken(booking=command.booking, seats=command.seats, free=free, reply_to=context.reply_to)]


def give_back(command: ReturnSeats, hall: Hall, context: Context) -> Sequence[Event]:
    seats = hall.taken.get(command.booking, 0)
    if seats == RETURNED:
        return []
    return [SeatsReturned(booking=command.booking, seats=seats, free=hall.free + seats)]


def react(hall: Hall, event: Event) -> Sequence[Outgoing]:
    if isinstance(event, SeatsTaken | SeatsRefused) and event.reply_to is not None:
        return [Answer(event.reply_to)]
    return []


HALL = StreamKind(
    kind="hall",
    folds=(Fold("hall", 1, Hall(), evolve, react),),
    decide={OpenHall: open_hall, TakeSeats: take, ReturnSeats: give_back},
)

MENDED_HALL = replace(HALL, decide={**HALL.decide, TakeSeats: mended_take})
"""The hall of the release that takes thirteen seats as well."""
