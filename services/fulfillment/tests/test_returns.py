"""What a return does with every message that it takes."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import DAWN, Outcome, Spec
from contracts.fulfillment import (
    AnnouncedLine,
    CancelReturn,
    CloseReturn,
    Disposition,
    InspectedItem,
    NodeDocumentRepeated,
    OpenReturn,
    Postage,
    RecordInspection,
    RecordReturnReceipt,
    RecordReturnSent,
    ReopenReturn,
    ReturnCancelCause,
    ReturnCancelled,
    ReturnClosed,
    ReturnedItem,
    ReturnInspected,
    ReturnMatched,
    ReturnOpened,
    ReturnReason,
    ReturnReceived,
    ReturnRefusal,
    ReturnRefused,
    ReturnSent,
)
from contracts.ids import aggregate_id, stream
from contracts.inventory import RecordReturned
from services.fulfillment.customer_return import RETURN
from services.fulfillment.return_state import ReturnStage, unseen

ORDER = "order:order/o1"
RESTOCK, SCRAP, MISSING = Disposition.RESTOCK, Disposition.SCRAP, Disposition.MISSING


def announced(line: str = "1", sku: str = "A", quantity: int = 2) -> AnnouncedLine:
    return AnnouncedLine(line=line, sku=sku, quantity=quantity, unit="each", reason=ReturnReason.DID_NOT_FIT)


OPEN = OpenReturn(order_id="o1", number=1, lines=(announced(),), postage=Postage.CUSTOMERS, expires_at=DAWN)
CANCEL = CancelReturn(cause=ReturnCancelCause.WITHDRAWN)
SENT = RecordReturnSent(document="s1", carrier="own-fleet", tracking_number="T1")


def came(quantity: int = 2, sku: str = "A", document: str = "b1", location: str = "north") -> RecordReturnReceipt:
    item = ReturnedItem(sku=sku, quantity=quantity)
    return RecordReturnReceipt(document=document, location=location, items=(item,))


def looked(
    quantity: int = 2,
    disposition: Disposition = RESTOCK,
    document: str = "i1",
    sku: str = "A",
    location: str = "north",
    **more: Any,
) -> RecordInspection:
    item = InspectedItem(sku=sku, quantity=quantity, disposition=disposition, **more)
    return RecordInspection(document=document, location=location, items=(item,))


def back(*before: Any) -> Spec:
    """A return that an order announced, after these messages."""
    spec = Spec(RETURN, "fulfillment")
    for message in before:
        told(spec, message)
    return spec


def told(spec: Spec, message: Any) -> Outcome:
    by_order = isinstance(message, OpenReturn | CancelReturn)
    return spec.when(message, reply_to=ORDER) if by_order else spec.when(message, door="node")


def kinds(outcome: Outcome) -> list[str]:
    return [type(event).__name__ for event in outcome.events]


def facts(outcome: Outcome) -> list[tuple[str, str, int, Disposition | None, Disposition]]:
    """What stock items hear: which, where, how many, from what to what."""
    found = []
    for send in outcome.sent:
        fact = send.message
        assert isinstance(fact, RecordReturned)
        assert send.stream == stream("stock_item", aggregate_id("default", "stock_item", fact.sku))
        found.append((fact.sku, fact.location, fact.quantity, fact.instead_of, fact.disposition))
    return found


def stage(spec: Spec) -> ReturnStage:
    found: ReturnStage = spec.state.stage
    return found


def refusal(outcome: Outcome) -> ReturnRefusal:
    [event] = outcome.events
    assert isinstance(event, ReturnRefused)
    return event.reason


def test_an_order_announces_it_and_hears_of_all_that_follows() -> None:
    spec = back()
    [opened] = told(spec, OPEN).answered(ORDER).events
    assert isinstance(opened, ReturnOpened) and opened.lines == OPEN.lines
    assert stage(spec) is ReturnStage.OPEN
    told(spec, OPEN).then_nothing()
    [sent] = told(spec, SENT).answered(ORDER).events
    assert isinstance(sent, ReturnSent) and stage(spec) is ReturnStage.IN_TRANSIT
    [received] = told(spec, came(1)).answered(ORDER).sends().events
    assert isinstance(received, ReturnReceived) and received.expected == 1
    assert received.items[0].line == "1", "the node scanned the item: it is of the only line that announces it"
    assert stage(spec) is ReturnStage.PARTLY_RECEIVED
    told(spec, came(1, document="b2", location="south"))
    assert stage(spec) is ReturnStage.RECEIVED
    outcome = told(spec, looked(1))
    assert "ReturnReceived" not in kinds(outcome) and facts(outcome) == [("A", "north", 1, None, RESTOCK)]
    outcome = told(spec, looked(1, SCRAP, "i2", location="south")).answered(ORDER, ORDER)
    # all that was announced came and was looked at, so it is over
    assert kinds(outcome) == ["ReturnInspected", "ReturnClosed"] and facts(outcome) == [("A", "south", 1, None, SCRAP)]
    closed = outcome.events[1]
    assert isinstance(closed, ReturnClosed)
    assert [(each.quantity, each.disposition) for each in closed.inspected] == [(1, RESTOCK), (1, SCRAP)]
    assert stage(spec) is ReturnStage.CLOSED


def test_another_return_under_the_same_id_is_refused() -> None:
    other = OPEN.model_copy(update={"order_id": "o2"})
    assert refusal(told(back(OPEN), other)) is ReturnRefusal.EXISTS


def test_a_document_that_comes_again_changes_nothing_and_one_that_says_something_else_is_refused() -> None:
    spec = back(OPEN, SENT, came(1), looked(1))
    for message in (SENT, came(1), looked(1)):
        [event] = told(spec, message).events
        assert isinstance(event, NodeDocumentRepeated)
    for message in (came(2), looked(1, SCRAP)):
        assert refusal(told(spec, message)) is ReturnRefusal.ALREADY_DONE


def test_more_and_another_item_than_announced_are_here_all_the_same() -> None:
    spec = back(OPEN)
    told(spec, came(3))
    [received] = told(spec, came(1, "WRONG", "b2")).events
    assert isinstance(received, ReturnReceived) and received.items[0].line is None
    assert stage(spec) is ReturnStage.RECEIVED
    outcome = told(spec, looked(1, Disposition.RETURN_TO_VENDOR, sku="WRONG"))
    assert facts(outcome) == [("WRONG", "north", 1, None, Disposition.RETURN_TO_VENDOR)]
    assert kinds(told(spec, looked(3, document="i2"))) == ["ReturnInspected", "ReturnClosed"]


def test_what_somebody_looks_at_and_nobody_reported_is_received_with_it() -> None:
    outcome = told(back(OPEN), looked(2))
    assert kinds(outcome) == ["ReturnReceived", "ReturnInspected", "ReturnClosed"]
    received = outcome.events[0]
    assert isinstance(received, ReturnReceived) and received.by_inspection


def test_what_was_missing_never_comes_into_stock() -> None:
    spec = back(OPEN, came())
    assert facts(told(spec, looked(1, MISSING))) == []
    assert facts(told(spec, looked(1, document="i2"))) == [("A", "north", 1, None, RESTOCK)]
    # found after all
    again = looked(1, RESTOCK, "i3", instead_of=MISSING, reason="it lay under the paper")
    assert facts(told(spec, again)) == [("A", "north", 1, MISSING, RESTOCK)]


def test_a_disposition_is_changed_with_a_reason_also_when_it_is_closed() -> None:
    spec = back(OPEN, came(), looked())
    assert stage(spec) is ReturnStage.CLOSED
    without = looked(1, SCRAP, "i2", instead_of=RESTOCK)
    assert refusal(told(spec, without)) is ReturnRefusal.REASON_MISSING
    outcome = told(spec, looked(1, SCRAP, "i2", instead_of=RESTOCK, reason="a crack"))
    assert "ReturnReceived" not in kinds(outcome) and facts(outcome) == [("A", "north", 1, RESTOCK, SCRAP)]
    more = looked(2, SCRAP, "i3", instead_of=RESTOCK, reason="cracks")
    assert refusal(told(spec, more)) is ReturnRefusal.NOT_THERE
    assert stage(spec) is ReturnStage.CLOSED


def test_what_is_said_again_of_units_moves_nothing_in_stock() -> None:
    spec = back(OPEN, came(), looked(2, SCRAP))
    assert facts(told(spec, looked(1, SCRAP, "i2", instead_of=SCRAP, reason="seen again"))) == []


def test_it_is_closed_when_the_rest_will_not_come_and_reopened_when_it_does() -> None:
    spec = back(OPEN, came(1))
    assert refusal(told(spec, CloseReturn())) is ReturnRefusal.NOT_INSPECTED
    told(spec, looked(1))
    [closed] = told(spec, CloseReturn(detail="one was lost")).answered(ORDER).events
    assert isinstance(closed, ReturnClosed)
    assert refusal(told(spec, CloseReturn())) is ReturnRefusal.CLOSED
    assert kinds(told(spec, came(1, document="b2"))) == ["ReturnReopened", "ReturnReceived"]
    assert kinds(told(spec, looked(1, document="i2"))) == ["ReturnInspected", "ReturnClosed"]
    assert kinds(told(spec, ReopenReturn(detail="a second box"))) == ["ReturnReopened"]
    assert refusal(told(spec, ReopenReturn(detail="again"))) is ReturnRefusal.NOT_CLOSED


@pytest.mark.parametrize(
    ("cause", "after"),
    [(ReturnCancelCause.WITHDRAWN, ReturnStage.CANCELLED), (ReturnCancelCause.EXPIRED, ReturnStage.EXPIRED)],
)
def test_what_will_not_come_is_cancelled_and_taken_all_the_same_should_it_come(
    cause: ReturnCancelCause, after: ReturnStage
) -> None:
    spec = back(OPEN, SENT)
    [cancelled] = told(spec, CancelReturn(cause=cause)).answered(ORDER).events
    assert isinstance(cancelled, ReturnCancelled) and cancelled.seen
    assert stage(spec) is after
    assert refusal(told(spec, CloseReturn())) is ReturnRefusal.NOT_RECEIVED
    assert kinds(told(spec, came(1))) == ["ReturnReceived"]
    assert stage(spec) is ReturnStage.RECEIVED
    told(spec, CANCEL).then_nothing()


def test_the_rest_is_not_waited_for_and_what_came_goes_its_way() -> None:
    expired = CancelReturn(cause=ReturnCancelCause.EXPIRED)
    spec = back(OPEN, came(1))
    assert kinds(told(spec, expired)) == ["ReturnCancelled"]
    assert stage(spec) is ReturnStage.RECEIVED
    assert kinds(told(spec, looked(1))) == ["ReturnInspected", "ReturnClosed"]
    # of which all was looked at before, it is over at once
    assert kinds(told(back(OPEN, came(1), looked(1)), expired)) == ["ReturnCancelled", "ReturnClosed"]


def test_a_cancel_that_comes_first_is_remembered() -> None:
    spec = back()
    [cancelled] = told(spec, CANCEL).events
    assert isinstance(cancelled, ReturnCancelled) and not cancelled.seen
    assert refusal(told(spec, OPEN)) is ReturnRefusal.CANCELLED


def test_nothing_is_known_of_a_return_that_never_was() -> None:
    for message in (SENT, CloseReturn(), ReopenReturn(detail="x")):
        assert refusal(told(back(), message)) is ReturnRefusal.UNKNOWN


def test_a_return_that_nobody_announced_is_received_and_matched_to_an_order_later() -> None:
    spec = back()
    outcome = told(spec, came(3)).answered()
    assert kinds(outcome) == ["ReturnOpened", "ReturnReceived"]
    told(spec, came(1, "B", "b2"))
    told(spec, looked(1)).answered()
    assert kinds(told(spec, looked(1, SCRAP, "i3", sku="B"))) == ["ReturnInspected"]
    # when an order claims two of it
    [matched] = told(spec, OPEN).answered(ORDER).events
    assert isinstance(matched, ReturnMatched)
    assert [(unit.line, unit.quantity, unit.disposition) for unit in matched.units] == [
        ("1", 1, RESTOCK),
        ("1", 1, None),
    ]
    assert stage(spec) is ReturnStage.RECEIVED
    # then what is looked at from now on is told to it
    assert kinds(told(spec, looked(1, document="i4")).answered(ORDER)) == ["ReturnInspected"]
    assert refusal(told(spec, OPEN.model_copy(update={"order_id": "o2"}))) is ReturnRefusal.EXISTS


def test_one_that_was_looked_at_whole_is_over_once_it_is_matched() -> None:
    spec = back(came(), looked(), CloseReturn(detail="whose it is nobody knows"))
    assert stage(spec) is ReturnStage.CLOSED
    assert kinds(told(spec, OPEN).answered(ORDER, ORDER)) == ["ReturnMatched", "ReturnClosed"]


def test_the_event_says_how_many_nobody_has_looked_at() -> None:
    outcome = told(back(OPEN, came(2)), looked(1))
    [event] = outcome.events
    assert isinstance(event, ReturnInspected) and event.open_units == 1


def test_what_came_beyond_the_announced_is_looked_at_where_it_lies_and_never_received_twice() -> None:
    # given three that came before an order announced two, so that one of them is no line's
    spec = back(came(3), OPEN, looked(2))
    # when a node looks at the third, and names no line
    outcome = told(spec, looked(1, document="i2"))
    # then nothing was received with it: stock hears of three, not of four
    assert "ReturnReceived" not in kinds(outcome)
    assert [fact[:3] for fact in facts(outcome)] == [("A", "north", 1)]
    assert unseen(spec.state) == 0


def test_of_an_item_that_is_partly_a_lines_and_partly_lies_beside_it_nothing_is_received_twice() -> None:
    # given three of which an order announced two, and one of those was looked at
    spec = back(came(3), OPEN, looked(1))
    # when a node looks at the other two together
    outcome = told(spec, looked(2, document="i2"))
    # then stock hears of them, and of no fourth
    assert "ReturnReceived" not in kinds(outcome)
    assert sum(quantity for _, _, quantity, _, _ in facts(outcome)) == 2
    assert unseen(spec.state) == 0
    # and the same document again is only a repetition
    assert kinds(told(spec, looked(2, document="i2"))) == ["NodeDocumentRepeated"]


def test_nor_where_one_document_says_different_things_of_them() -> None:
    spec = back(came(3), OPEN)
    good = InspectedItem(sku="A", quantity=1, disposition=RESTOCK)
    broken = InspectedItem(sku="A", quantity=2, disposition=SCRAP)
    outcome = told(spec, RecordInspection(document="i1", location="north", items=(good, broken)))
    assert "ReturnReceived" not in kinds(outcome)
    assert sum(quantity for _, _, quantity, _, _ in facts(outcome)) == 3
    assert unseen(spec.state) == 0
