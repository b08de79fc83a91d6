"""Those who wait at a door hear of their message, whatever else happens."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from chassis.waiters import Waiters
from contracts.chassis import RedriveUnneeded


class Followed(NamedTuple):
    """A record as the events are followed: what a waiter looks at."""

    headers: tuple[tuple[str, bytes], ...]
    value: bytes


def followed(cause: str, kind: str, value: bytes) -> Any:
    return cast(Any, Followed((("ce_causationid", cause.encode()), ("ce_type", kind.encode())), value))


def test_an_event_of_a_later_release_keeps_nobody_from_hearing_of_his_own() -> None:
    waiters, event = Waiters(), RedriveUnneeded()
    with waiters.expect("theirs") as theirs, waiters.expect("mine") as mine:
        waiters.happened(
            [
                followed("theirs", "orderlog.order.OrderSplit.v9", b"{}"),
                followed("mine", event.TYPE, event.encode()),
            ]
        )
        assert mine.happened.is_set()
        assert mine.events == [event]
        assert not theirs.happened.is_set()
