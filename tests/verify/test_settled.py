"""What a person settled waits no more, as the outside checker sees it."""

from __future__ import annotations

from typing import Any

import pytest

from oms.verify.findings import State
from oms.verify.records import Partition
from tests.verify.installations import MemoryInstallation
from tests.verify.lives import clean
from tests.verify.logs import with_header
from tests.verify.order_mutations import first, rename
from tests.verify.outside_mutations import OTHER

FIELDS = {"message_type": "t", "fault": "crashed", "detail": "d", "offset": 1, "headers": [], "value": ""}
PARKED: dict[str, Any] = {"message_id": OTHER, "timestamp": "2026-01-01T00:00:00.000Z", **FIELDS}


def parked() -> MemoryInstallation:
    """An installation in which one message is parked."""
    here = clean()
    rename(here.log, first(here.log, "order.events", "NoticeSent"), "MessageParked", owner="chassis", **PARKED)
    return here


def then(here: MemoryInstallation, name: str, **value: Any) -> str:
    """What the checker says of parking when the stream's next event is this one."""
    one = here.log.all("order.events", "NoticeRequested")[-1]
    at = here.log.all("order.events", "MessageParked")[0]
    moved = with_header(one, "ce_subject", dict(at.headers)["ce_subject"].decode())
    here.log.put(one, moved)
    rename(here.log, moved, name, owner="chassis", **value)
    return here.checked().states["I-19 parked"]


def test_a_parked_message_that_was_discarded_waits_no_more() -> None:
    assert parked().checked().states["I-19 parked"] == State.BROKEN
    assert then(parked(), "MessageDiscarded", message_id=OTHER, offset=1) == State.HOLDS


def test_what_takes_the_place_of_a_parked_message_waits_in_its_stead() -> None:
    edited = {"edited_id": "new", "message_type": "t", "headers": [], "value": ""}
    assert then(parked(), "MessageEdited", message_id=OTHER, offset=1, **edited) == State.BROKEN


@pytest.mark.parametrize("how", ["redriven", "edited", "discarded"])
def test_a_settlement_is_no_dead_letter(how: str) -> None:
    here = clean()
    letter = here.log.all("order.dead-letters")[0]
    said = (("settles", dict(letter.headers)["place"]), ("how", how.encode()))
    here.log.append(Partition(letter.topic, letter.partition), letter.key, b"", said)
    assert here.checked().states["I-13 letters"] == State.HOLDS
