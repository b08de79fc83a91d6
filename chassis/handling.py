"""What one message does to one stream: it is taken, parked, or settles what is parked.

Pure, with chassis/taking.py and chassis/parking.py. A message that may come again (a door's, or one that was a dead letter)
is known here when it does. Writing it all to the log is the loop's business (chassis/loop.py).
"""

from __future__ import annotations

from chassis.decider import StreamKind
from chassis.parking import has_room, make_room, park, parked_already, redrive, settle, take_or_park
from chassis.stream import Stream
from chassis.taking import Fetch, Handling, Incoming, Unacceptable, taken_before
from contracts.chassis import DeadlinePassed, DiscardParked, EditParked, RedriveStream

__all__ = ["handle"]


def handle(service: str, kind: StreamKind, stream: Stream, incoming: Incoming, fetch: Fetch) -> Handling:
    """What `incoming` does to `stream`. Whatever a message says, nothing but these is raised.

    Raises FetchFailed, ParkingFull and Unparkable.
    """
    if incoming.envelope.type == RedriveStream.TYPE:
        return redrive(service, kind, stream, incoming, fetch)
    if incoming.envelope.type in (DiscardParked.TYPE, EditParked.TYPE):
        return settle(service, kind, stream, incoming, fetch)
    if not stream.parked:
        return take_or_park(service, kind, stream, incoming, fetch)
    if incoming.envelope.type == DeadlinePassed.TYPE or parked_already(stream, incoming):
        return Handling(stream)
    if taken_before(stream, incoming):
        return take_or_park(service, kind, stream, incoming, fetch)
    if has_room(stream):
        return park(service, kind, stream, incoming, Unacceptable("behind_parked", "an earlier message is parked"))
    room = make_room(service, kind, stream, incoming, fetch)
    then = handle(service, kind, room.stream, incoming, fetch)
    return Handling(then.stream, (*room.events, *then.events), (*room.sends, *then.sends))
