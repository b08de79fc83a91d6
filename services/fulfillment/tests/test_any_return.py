"""What holds of a return whatever comes, in whatever order, however often."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.chassis import MessageParked
from contracts.fulfillment import (
    CancelReturn,
    CloseReturn,
    Disposition,
    InspectedItem,
    NodeDocumentRepeated,
    OpenReturn,
    RecordInspection,
    RecordReturnReceipt,
    ReopenReturn,
    ReturnCancelCause,
    ReturnedItem,
    ReturnRefused,
)
from contracts.inventory import RecordReturned
from services.fulfillment.return_state import piles
from services.fulfillment.tests.test_returns import CANCEL, OPEN, SENT, announced, back, told

documents = st.sampled_from(["d1", "d2", "d3", "d4"])
locations = st.sampled_from(["north", "south"])
item = {"sku": st.sampled_from(["A", "A", "B", "WRONG"]), "line": st.sampled_from([None, None, "1", "2", "9"])}
receipts = st.builds(
    RecordReturnReceipt,
    document=documents,
    location=locations,
    items=st.lists(st.builds(ReturnedItem, quantity=st.integers(1, 3), **item), min_size=1, max_size=2).map(tuple),
)
looks = st.builds(
    InspectedItem,
    quantity=st.integers(1, 3),
    disposition=st.sampled_from(Disposition),
    instead_of=st.none() | st.none() | st.sampled_from(Disposition),
    reason=st.just("looked again"),
    **item,
)
inspections = st.builds(
    RecordInspection,
    document=documents,
    location=locations,
    items=st.lists(looks, min_size=1, max_size=2).map(tuple),
)
OPENS = (OPEN, OPEN.model_copy(update={"lines": (announced(), announced("2", "B", 1))}))
wishes = st.sampled_from(
    [*OPENS * 2, CANCEL, CancelReturn(cause=ReturnCancelCause.EXPIRED), SENT, CloseReturn(), ReopenReturn(detail="x")]
)


@settings(max_examples=200)
@given(st.lists(st.one_of(receipts, inspections, inspections, wishes), min_size=3, max_size=14))
def test_what_came_is_somewhere_once_and_stock_hears_of_each_unit_that_it_has(course: list[Any]) -> None:
    spec, booked = back(), Counter[tuple[str, str, Disposition]]()
    for message in course:
        before = spec.state
        outcome = told(spec, message)
        assert outcome.events or isinstance(message, OpenReturn | CancelReturn), "a message of a door leaves an event"
        assert not any(isinstance(event, MessageParked) for event in outcome.events), outcome.events
        if any(isinstance(event, ReturnRefused | NodeDocumentRepeated) for event in outcome.events):
            assert spec.state == before, "what is refused, or known already, changes nothing"
        for send in outcome.sent:
            fact = send.message
            assert isinstance(fact, RecordReturned)
            if fact.instead_of is not None:
                booked[fact.sku, fact.location, fact.instead_of] -= fact.quantity
            booked[fact.sku, fact.location, fact.disposition] += fact.quantity
        here = Counter[tuple[str, str, Disposition]]()
        for pile, quantity in piles(spec.state):
            assert quantity > 0
            if pile.disposition is not None:
                here[pile.sku, pile.location, pile.disposition] += quantity
        for key in {*here, *booked}:
            assert key[2] is Disposition.MISSING or here[key] == booked[key]
