"""What is kept on disk of events for rules that look at many streams at once: deadlines, work outside, parking, numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from oms.verify.reading import EVENT, Message
from oms.verify.spill import Spill
from oms.verify.wire import instant

__all__ = ["ENDED", "OPENED", "WAITS", "gather_facts"]

OPENED, WAITS, ENDED = range(3)
"""What an event makes of work that is to be done outside: asked for, put off by name, over."""

_BY_KEY: Callable[[Mapping[str, Any]], str] = lambda value: value["key"]  # noqa: E731
_OF_CALL: Callable[[Mapping[str, Any]], str] = lambda value: value["call"]["key"]  # noqa: E731
_NOTICE: Callable[[Mapping[str, Any]], str] = lambda value: value["notice"]  # noqa: E731

WORK: Mapping[str, tuple[int, Callable[[Mapping[str, Any]], str]]] = {
    "CardAuthorizationRequested": (OPENED, _OF_CALL),
    "CardCaptureRequested": (OPENED, _OF_CALL),
    "CardRefundRequested": (OPENED, _OF_CALL),
    "CardVoidRequested": (OPENED, _OF_CALL),
    "ProviderInquiryRequested": (OPENED, _OF_CALL),
    "ProviderCallDelayed": (WAITS, _BY_KEY),
    "ProviderCallPending": (WAITS, _BY_KEY),
    "ProviderOutcomeUnknown": (WAITS, _BY_KEY),
    "ProviderOutcomeUnresolved": (WAITS, _BY_KEY),
    "CardActionRequired": (WAITS, _BY_KEY),
    "CardAuthorized": (ENDED, _BY_KEY),
    "CardAuthorizationRaised": (ENDED, _BY_KEY),
    "CardCaptured": (ENDED, _BY_KEY),
    "CardRefunded": (ENDED, _BY_KEY),
    "CardVoided": (ENDED, _BY_KEY),
    "CardDeclined": (ENDED, _BY_KEY),
    "NoticeRequested": (OPENED, _NOTICE),
    "NoticeDelayed": (WAITS, _NOTICE),
    "NoticeSent": (ENDED, _NOTICE),
    "NoticeFailed": (ENDED, _NOTICE),
    "NoticeNotSent": (ENDED, _NOTICE),
}
"""By event: what it makes of a call or notice, and which one it is about."""

CALLS = {
    "CardAuthorizationRequested": "authorization",
    "CardCaptureRequested": "charge",
    "CardRefundRequested": "refund",
}
PARKING = {"MessageParked": 1, "MessageRedriven": -1, "MessageDiscarded": -1, "MessageEdited": -1}
"""By event: how it changes whether the message that it names is put aside. What an edit puts there is another one."""

DONE = {"CardAuthorized": "authorization", "CardCaptured": "charge", "CardRefunded": "refund"}
TAKEN_BACK = "RefundReversed"
"""A refund that was made and that the provider undid: it may be made once more."""


def gather_facts(message: Message, topic: int, spill: Spill) -> None:
    """Keep what an event says about such things."""
    if message.kind != EVENT:
        return
    record, value, name = message.record, message.value, message.name
    at = (topic, record.partition, record.offset)
    stream = message.head["ce_subject"]
    if text := message.head.get("ce_deadlines"):
        for deadline, due in orjson.loads(text).items():
            spill.add("deadlines", (*at, stream, deadline, (instant(due) or -1) if due else 0))
    if name in WORK:
        state, of = WORK[name]
        spill.add("work", (*at, message.time, state, f"{stream} {of(value)}"))
    if name in CALLS or name in DONE or name == "CardDeclined":
        _call(message, at, spill)
    if name == TAKEN_BACK:
        money = value["reversed"]["amount"]
        said = ("reversed", "refund", value["key"], money["amount"], money["currency"], value["provider"])
        spill.add("calls", (*at, *said, value["order_id"], value["reversed"]["refund"]))
    if name in PARKING:
        spill.add("parked", (*at, message.time, PARKING[name], f"{stream} {value['message_id']}"))
    if name == "MessageEdited":
        spill.add("parked", (*at, message.time, 1, f"{stream} {value['edited_id']}"))
    for label in value.get("labels", ()) if name == "LabelIssued" else ():
        spill.add("labels", (*at, label["sscc"], label["package"]))


def _call(message: Message, at: tuple[int, int, int], spill: Spill) -> None:
    value, name = message.value, message.name
    asked = name in CALLS
    money = value["call"]["amount"] if asked else value.get("amount") or value["authorization"]["amount"]
    kind = CALLS.get(name) or DONE.get(name) or {"authorize": "authorization", "capture": "charge"}.get(value["step"])
    if name == "CardDeclined" and kind is None:
        kind = str(value["step"])
    key = value["call"]["key"] if asked else value["key"]
    said = "asked" if asked else "declined" if name == "CardDeclined" else "done"
    provider = (value["call"] if asked else value).get("provider", "")
    of = value["call"].get("part", "") if asked else ""
    spill.add("calls", (*at, said, str(kind), key, money["amount"], money["currency"], provider, value["order_id"], of))
