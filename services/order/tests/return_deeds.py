"""What may happen to the returns of an order in a random life: wishes, decisions, and what nodes say of goods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from contracts.fulfillment import (
    Disposition,
    InspectedItem,
    MatchedUnits,
    Postage,
    ReturnClosed,
    ReturnedItem,
    ReturnInspected,
    ReturnMatched,
    ReturnOpened,
    ReturnReason,
    ReturnReceived,
    ReturnRefusal,
    ReturnRefused,
    ReturnReopened,
    ReturnSent,
)
from contracts.ids import stream
from contracts.message import Message
from contracts.order import ApproveReturn, DeclineReturn, RequestReturn, ReturnWish, WithdrawReturn
from services.order.return_state import Returning
from services.order.tests.story import ORDER_ID, TENANT

if TYPE_CHECKING:
    from services.order.tests.life import Life

__all__ = ["RETURN_DEEDS"]

REASONS = tuple(ReturnReason)
DISPOSITIONS = tuple(Disposition)
BLIND = ("05862dfe-9882-5e28-b47e-3a452e2a5783", "3e732df6-1c75-5b40-b28b-bc565ef8f1ad")
"""Goods that came, and of which nobody knew whose they were."""


def _wish(life: Life, one: int, two: int) -> None:
    """Units of one line, or of two, are to come back; now and then they are here already."""
    names = [str(one + 1)] if two % 2 else [str(one + 1), str(two + 1)]
    lines = tuple(ReturnWish(line=name, quantity=two % 3 + 1, reason=REASONS[(one + two) % 8]) for name in names)
    matches = BLIND[one % 2] if one == two else None
    life.story.tell(RequestReturn(lines=lines, label=one > two, matches=matches), door="http")


def _decide(life: Life, one: int, two: int) -> None:
    """Somebody approves a return, declines it, or keeps the goods."""
    wishes = (ApproveReturn(number=one), DeclineReturn(number=one, detail="worn"), WithdrawReturn(number=one))
    life.story.tell(wishes[two % 3], door="http")


def _some(life: Life, one: int) -> Returning | None:
    known = life.story.view.returns.returns
    return known[str(one % len(known) + 1)] if known else None


def _said(life: Life, each: Returning, answer: Message) -> None:
    life.story.tell(answer, subject=stream("return", each.return_id))


def _listed(life: Life, one: int, two: int) -> None:
    """The nodes list it, or refuse it, or it is on its way, or is over, or is not."""
    each = _some(life, one)
    if each is None:
        return
    answers: Sequence[Message] = (
        ReturnOpened(tenant=TENANT, return_id=each.return_id, order_id=ORDER_ID, number=each.number),
        ReturnSent(document="s", tracking_number="T1"),
        ReturnClosed(inspected=()),
        ReturnReopened(detail="a second box"),
        ReturnRefused(step="OpenReturn", reason=ReturnRefusal.EXISTS),
        _matched(each),
    )
    _said(life, each, answers[two])


def _matched(each: Returning) -> ReturnMatched:
    units = tuple(
        MatchedUnits(line=line.line, sku=line.sku, unit=line.unit, quantity=1, location="north", disposition=said)
        for line, said in zip(each.requested.lines, (Disposition.RESTOCK, None), strict=False)
    )
    return ReturnMatched(order_id=ORDER_ID, number=each.number, lines=(), postage=Postage.OURS, units=units)


def _came(life: Life, one: int, two: int) -> None:
    """Units of it came, more or fewer than were announced, or something else."""
    each = _some(life, one)
    if each is None:
        return
    line = each.requested.lines[two % len(each.requested.lines)]
    items = (ReturnedItem(line=line.line if two != 4 else None, sku=line.sku, quantity=two % 3 + 1),)
    _said(life, each, ReturnReceived(location="north", document=f"b{two}", items=items, expected=0))


def _looked(life: Life, one: int, two: int) -> None:
    """Somebody looked at units of it, for the first time or again."""
    each = _some(life, one)
    if each is None:
        return
    line = each.requested.lines[one % len(each.requested.lines)]
    items = tuple(
        InspectedItem(
            line=line.line,
            sku=line.sku,
            quantity=two % 3 + 1,
            disposition=DISPOSITIONS[two],
            instead_of=instead,
            reason="again",
        )
        for instead in (None, DISPOSITIONS[(one + two) % 6])
    )
    _said(life, each, ReturnInspected(location="north", document=f"i{two}", items=items, open_units=0))


RETURN_DEEDS: Mapping[str, Callable[[Life, int, int], None]] = {
    "wish_return": _wish,
    "decide_return": _decide,
    "return_listed": _listed,
    "return_came": _came,
    "return_looked": _looked,
}
"""By name."""
