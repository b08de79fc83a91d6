"""Notes and owners of an order: what people write down and who looks after it, which moves nothing."""

from __future__ import annotations

import pytest

from contracts.order import (
    AddNote,
    AssignOrder,
    CancelOrder,
    LookingAfterRefusal,
    LookingAfterRefused,
    NoteAdded,
    OrderAssigned,
)
from contracts.personal import Personal
from services.order import looking_after
from services.order.order import status
from services.order.tests.story import Story
from services.order.views import order_view

SAID = Personal(subject="buyer", ciphertext="c2VhbGVk")


def test_a_note_is_counted_and_moves_nothing() -> None:
    # given an order
    story = Story().placed(("A", 2, 1000))
    before = status(story.view.order)
    # when somebody notes something, and something more
    first, second = story.tell(AddNote(text=SAID)), story.tell(AddNote(text=SAID))
    # then each is an event with its number, and nothing else happens
    assert first.events == (NoteAdded(note="1", text=SAID),)
    assert first.handling.sends == ()
    assert second.events == (NoteAdded(note="2", text=SAID),)
    assert status(story.view.order) is before
    assert order_view(story.stream)["notes"] == 2


def test_an_order_that_has_ended_takes_notes_too() -> None:
    story = Story().placed(("A", 2, 1000), stated_total=None)
    story.tell(CancelOrder())
    assert story.tell(AddNote(text=SAID)).events[0] == NoteAdded(note="1", text=SAID)


def test_an_order_is_looked_after_by_one_account_or_nobody() -> None:
    story = Story().placed(("A", 2, 1000))
    assert order_view(story.stream)["owner"] is None
    assert story.tell(AssignOrder(owner="ada")).events == (OrderAssigned(owner="ada"),)
    assert order_view(story.stream)["owner"] == "ada"
    # the next one takes over from the one before, and at last nobody does
    assert story.tell(AssignOrder(owner="bob")).events == (OrderAssigned(owner="bob", before="ada"),)
    assert story.tell(AssignOrder()).events == (OrderAssigned(before="bob"),)
    assert order_view(story.stream)["owner"] is None


def test_there_is_nothing_to_look_after_where_no_order_is() -> None:
    unknown = (LookingAfterRefused(reason=LookingAfterRefusal.UNKNOWN_ORDER),)
    assert Story().tell(AddNote(text=SAID)).events == unknown
    assert Story().tell(AssignOrder(owner="ada")).events == unknown


def test_an_order_has_so_many_notes_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking_after, "NOTES_MAX", 1)
    story = Story().placed(("A", 2, 1000))
    story.tell(AddNote(text=SAID))
    refused = LookingAfterRefused(reason=LookingAfterRefusal.TOO_MANY_NOTES)
    assert story.tell(AddNote(text=SAID)).events == (refused,)
