"""The box office: bookings that ask a hall for seats, wait for its answer, and give up at a deadline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.decider import Context, Fold, Outgoing, Send, StreamKind
from contracts.chassis import DeadlinePassed
from contracts.message import Command, Event, Instant, Intent
from tests.small.venue import ReturnSeats, SeatsRefused, SeatsTaken, TakeSeats

ANSWER = "answer"


class Book(Command):
    """Somebody wants seats in a hall, under a name of their own, and waits at most `patience_ms`."""

    name: str
    hall: str
    seats: int
    patience_ms: int = 60_000


class BookingOpened(Event):
    """The hall is asked; without an answer by `answer_by` the booking is off."""

    name: str
    hall: str
    seats: int
    answer_by: Instant


class BookingConfirmed(Intent):
    """The seats are there; a ticket is to be printed."""


class BookingRefused(Event):
    """The hall has not as many."""


class BookingExpired(Event):
    """The hall did not answer in time; what it may have taken is given back."""

    name: str
    hall: str


@dataclass(frozen=True, slots=True)
class Booking:
    name: str = ""
    hall: str = ""
    answer_by: datetime | None = None
    outcome: str = ""


def evolve(booking: Booking, event: Event) -> Booking:
    match event:
        case BookingOpened():
            return Booking(event.name, event.hall, event.answer_by)
        case BookingConfirmed():
            return Booking(booking.name, booking.hall, None, "confirmed")
        case BookingRefused():
            return Booking(booking.name, booking.hall, None, "refused")
        case BookingExpired():
            return Booking(booking.name, booking.hall, None, "expired")
    return booking


def book(command: Book, booking: Booking, context: Context) -> Sequence[Event]:
    answer_by = context.now + timedelta(milliseconds=command.patience_ms)
    return [BookingOpened(name=command.name, hall=command.hall, seats=command.seats, answer_by=answer_by)]


def taken(answer: SeatsTaken, booking: Booking, context: Context) -> Sequence[Event]:
    return [] if booking.outcome else [BookingConfirmed()]


def refused(answer: SeatsRefused, booking: Booking, context: Context) -> Sequence[Event]:
    return [] if booking.outcome else [BookingRefused()]


def deadline(passed: DeadlinePassed, booking: Booking, context: Context) -> Sequence[Event]:
    return [BookingExpired(name=booking.name, hall=booking.hall)] if booking.answer_by == passed.due else []


def react(booking: Booking, event: Event) -> Sequence[Outgoing]:
    match event:
        case BookingOpened():
            message = TakeSeats(booking=event.name, seats=event.seats)
            return [Send("venue", event.hall, message, wants_answer=True)]
        case BookingExpired():
            return [Send("venue", event.hall, ReturnSeats(booking=event.name))]
    return []


def deadlines(booking: Booking) -> Mapping[str, datetime]:
    return {} if booking.answer_by is None else {ANSWER: booking.answer_by}


BOOKING = StreamKind(
    kind="booking",
    folds=(Fold("booking", 1, Booking(), evolve, react, deadlines),),
    decide={Book: book, SeatsTaken: taken, SeatsRefused: refused, DeadlinePassed: deadline},
)
