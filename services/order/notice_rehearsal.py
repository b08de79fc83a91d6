"""Templates of brands are tried out before a customer would see them: with an example of every kind of notice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from contracts.fulfillment import Postage
from contracts.money import Money
from contracts.order import CancelReason, HoldKind, NoticeKind, NoticeLine, NoticeRequested
from contracts.personal import PersonalContent
from services.order.notice_language import ENGLISH, Language
from services.order.notice_mail import environment_of, filled, values_of

__all__ = ["EXAMPLES", "failures"]

_LINE = NoticeLine(line="1", sku="SKU-1", quantity=2, unit="each", amount=Money(amount=1000, currency="EUR"))
_BARE = NoticeRequested(
    notice="1",
    kind=NoticeKind.CONFIRMED,
    key="example",
    order_id="example",
    number="1001",
    placed_at=datetime(2026, 1, 5, tzinfo=UTC),
    seller="example",
)
_FULL = {"lines": (_LINE,), "lines_more": 1, "following": (_LINE,), "following_more": 1}
_MONEY = {"total": Money(amount=1500, currency="EUR"), "other": Money(amount=500, currency="EUR")}

EXAMPLES = tuple(
    _BARE.model_copy(update=changes)
    for changes in (
        {**_FULL, **_MONEY},
        {"kind": NoticeKind.HELD, "hold": HoldKind.MISSING_ADDRESS},
        {"kind": NoticeKind.HELD, "hold": HoldKind.PAYMENT_DECLINED},
        {**_FULL, "kind": NoticeKind.SHIPPED, "carrier": "own-fleet", "tracking_numbers": ("T1", "T2")},
        {"kind": NoticeKind.SHIPPED, "lines": (_LINE,)},
        {**_FULL, "kind": NoticeKind.READY_FOR_PICKUP, "location": "berlin"},
        {**_FULL, "kind": NoticeKind.CANCELLED, "cancel_reason": CancelReason.OUT_OF_STOCK},
        {"kind": NoticeKind.CANCELLED, "cancel_reason": CancelReason.OTHER, "whole": True},
        {"kind": NoticeKind.REFUNDED, "lines": (_LINE,), "lines_more": 1, "total": Money(amount=500, currency="EUR")},
        {"kind": NoticeKind.REFUNDED, "total": Money(amount=500, currency="EUR")},
        {**_FULL, "kind": NoticeKind.RETURN_APPROVED, "postage": Postage.OURS},
        {**_FULL, "kind": NoticeKind.RETURN_APPROVED, "postage": Postage.CUSTOMERS},
        {**_FULL, "kind": NoticeKind.RETURN_APPROVED, "postage": Postage.DEDUCTED},
        {**_FULL, "kind": NoticeKind.RETURN_RECEIVED},
        {**_FULL, "kind": NoticeKind.REPLACED},
        {"kind": NoticeKind.REFUNDED, "total": Money(amount=500, currency="EUR"), "credit": True},
        {**_FULL, "kind": NoticeKind.CHANGED, **_MONEY, "difference": Money(amount=250, currency="EUR")},
        {**_FULL, "kind": NoticeKind.CHANGED, **_MONEY, "difference": Money(amount=-250, currency="EUR")},
        {"kind": NoticeKind.CHANGED, **_MONEY},
    )
)
"""Notices of every kind, with everything that one may say and with as little as it may."""


def failures(folders: Iterable[Path]) -> Iterator[str]:
    """Why the templates in these folders cannot be used, in sentences; nothing where all can."""
    language = Language(ENGLISH, ZoneInfo("UTC"))
    for folder in folders:
        if not folder.is_dir():
            yield f"{folder} is no folder of templates"
            continue
        environment = environment_of(folder)
        for example in EXAMPLES:
            values = values_of(example, PersonalContent(name="Ada"), "example", language)
            try:
                filled(environment, example.kind, values)
            except Exception as error:  # noqa: BLE001 - a template may raise anything
                yield f"the templates in {folder} fail to tell {example.kind}: {error}"
                break
