"""Dead letters as the doors read them: one that was settled never waits again, and one that waits is listed."""

from __future__ import annotations

import pytest

from chassis.letter import Settled, Settlement
from chassis.log import LogError, NewRecord
from contracts import topics
from oms.letters import buried
from oms.letters.buried import Buried
from tests.doors.fakes import NOON
from tests.doors.test_letters import ANNA, Office


def place(number: int) -> str:
    return f"channel.orders/0/{number}"


def office_with(letters: int, settled: int) -> Office:
    """So many dead letters, the first of which are discarded behind all of them."""
    office = Office()
    for number in range(letters):
        office.bury(b"no", place(number))
    for number in range(settled):
        said = Settlement(place(number), Settled.DISCARDED, f"id {number}", NOON, ANNA).headers()
        office.writer.then([NewRecord(topics.dead_letters("order"), 0, b"k", b"", said)])
    return office


def opened_again(office: Office) -> Buried:
    """What a new process of the doors reads."""
    return Buried(lambda: office.log, topics.SERVICES, clock=lambda: office.now)


def test_what_is_not_read_to_its_end_is_no_answer_and_the_next_look_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    # given doors that have time for four records at each look
    office = office_with(letters=6, settled=3)
    monkeypatch.setattr(buried, "READ_MAX", 4)
    monkeypatch.setattr(buried, "monotonic", iter(range(0, 1_000, 3)).__next__)
    doors = opened_again(office)
    # when somebody looks, then they are told so until all nine are read
    for _ in range(2):
        with pytest.raises(LogError, match="still being read"):
            doors.waiting("order")
    assert [letter.place for letter in doors.waiting("order")] == [place(3), place(4), place(5)]


def test_who_asks_a_door_that_is_still_reading_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    office = office_with(letters=6, settled=3)
    monkeypatch.setattr(buried, "READ_SECONDS", 0.0)
    answer = office.client.get("/dead-letters")
    assert (answer.status_code, "still being read" in answer.json()["detail"]) == (503, True)


def test_those_that_wait_behind_very_many_settled_ones_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    # given more settled ones than are listed, and more than are remembered
    monkeypatch.setattr(buried, "LISTED_MAX", 4)
    monkeypatch.setattr(buried, "SETTLED_MAX", 6)
    office = office_with(letters=20, settled=14)
    doors = opened_again(office)
    # then the oldest that wait are listed at the first look, and the others are counted
    assert [letter.place for letter in doors.waiting("order")] == [place(number) for number in range(14, 18)]
    assert doors.beyond("order") == 2
    # and what comes later is counted too
    office.bury(b"no", place(20))
    assert (len(doors.waiting("order")), doors.beyond("order")) == (4, 3)


def test_of_very_many_that_wait_only_a_number_is_kept_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    # given more that wait than are listed and remembered, the first of which are settled
    monkeypatch.setattr(buried, "LISTED_MAX", 4)
    monkeypatch.setattr(buried, "BEYOND_MAX", 3)
    monkeypatch.setattr(buried, "SETTLED_MAX", 2)
    office = office_with(letters=20, settled=0)
    doors = opened_again(office)
    assert (len(doors.waiting("order")), doors.beyond("order")) == (4, 16)
    # when they are settled one after the other, then the oldest of those that wait are listed, each once, to the last
    for number in range(20):
        assert place(number) in [letter.place for letter in doors.waiting("order")]
        said = Settlement(place(number), Settled.DISCARDED, f"id {number}", NOON, ANNA).headers()
        office.writer.then([NewRecord(topics.dead_letters("order"), 0, b"k", b"", said)])
        assert len(doors.waiting("order")) + doors.beyond("order") >= 19 - number
    assert (doors.waiting("order"), doors.beyond("order")) == ([], 0)
    # and a door that begins then says the same
    assert (opened_again(office).waiting("order"), opened_again(office).beyond("order")) == ([], 0)


def test_a_door_that_begins_after_very_many_were_settled_finds_those_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buried, "LISTED_MAX", 4)
    monkeypatch.setattr(buried, "BEYOND_MAX", 3)
    monkeypatch.setattr(buried, "SETTLED_MAX", 2)
    doors = opened_again(office_with(letters=20, settled=15))
    assert [letter.place for letter in doors.waiting("order")] == [place(number) for number in range(15, 19)]
    assert doors.beyond("order") == 1
