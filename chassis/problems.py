"""Answers that are no success: RFC 9457 problems, each of one of the kinds that programs tell apart by its `type`.

Kinds are for programs and never change their meaning; title and detail are for people: what, where and how to mend it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from fastapi.responses import JSONResponse

__all__ = ["MEDIA_TYPE", "Problem", "ProblemKind"]

MEDIA_TYPE = "application/problem+json"

RETRY_AFTER_SECONDS = "1"


@dataclass(frozen=True, slots=True)
class _Sort:
    """The status of a kind, what it means, and an example: title, detail, further members."""

    status: int
    meaning: str
    title: str
    detail: str
    more: Mapping[str, Any] = field(default_factory=dict)


class ProblemKind(Enum):
    """The kinds of problems, by the last part of their `type`."""

    BAD_REQUEST = "bad-request"
    UNKNOWN_CALLER = "unknown-caller"
    NOT_ALLOWED = "not-allowed"
    NOT_FOUND = "not-found"
    NO_SUCH_METHOD = "no-such-method"
    NOT_ACCEPTABLE = "not-acceptable"
    REFUSED = "refused"
    CONFLICT = "conflict"
    AMBIGUOUS = "ambiguous"
    NOT_READY = "not-ready"
    GONE = "gone"
    OUTDATED = "outdated"
    TOO_LARGE = "too-large"
    UNREADABLE = "unreadable"
    SEALED = "sealed"
    BROKEN = "broken"
    NOT_NOW = "not-now"

    @property
    def type(self) -> str:
        """What stands in `type`."""
        return f"urn:orderlog:problem:{self.value}"

    @property
    def status(self) -> int:
        return _SORTS[self].status

    @property
    def meaning(self) -> str:
        """What programs may count on."""
        return _SORTS[self].meaning

    @property
    def example(self) -> dict[str, Any]:
        """A problem of this kind, as it is answered."""
        sort = _SORTS[self]
        return Problem(self, sort.title, sort.detail, **sort.more).document()


class Problem(Exception):
    """An answer that is no success: what (`title`), where and how to mend it (`detail`)."""

    def __init__(
        self, kind: ProblemKind, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(title)
        self.kind, self.title, self.detail, self.more = kind, title, detail, more
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """The body of the answer."""
        named = {"type": self.kind.type, "title": self.title, "status": self.kind.status, "detail": self.detail}
        return {**named, **self.more}

    def response(self) -> JSONResponse:
        status = self.kind.status
        headers = self.headers | ({"Retry-After": RETRY_AFTER_SECONDS} if status == 503 else {})
        return JSONResponse(self.document(), status, headers, media_type=MEDIA_TYPE)


_MESSAGE = "3e732df6-1c75-5b40-b28b-bc565ef8f1ad"

_SORTS: Mapping[ProblemKind, _Sort] = {
    ProblemKind.BAD_REQUEST: _Sort(
        400,
        "A header or a parameter is missing or makes no sense. Nothing was done.",
        "Idempotency-Key is missing",
        "Send a header Idempotency-Key of 1 to 128 characters, new for each thing you want done and the same when you "
        "try again, so that it is done once.",
    ),
    ProblemKind.UNKNOWN_CALLER: _Sort(
        401,
        "No token, or one that does not count.",
        "Who asks is not known",
        "The token is unknown or expired. Send a header `Authorization: Bearer TOKEN`; whoever runs this makes one with "
        "`oms token`.",
    ),
    ProblemKind.NOT_ALLOWED: _Sort(
        403,
        "The holder of the token may not do this.",
        "This is not allowed to you",
        "ben may not POST /orders: it needs one of the roles admin channel-bot csr.",
    ),
    ProblemKind.NOT_FOUND: _Sort(
        404,
        "Nothing is known under this name, or not yet: what was sent a moment ago may not be here.",
        "No order is called 1001",
        "Ask by its id, its number or the channel's external id. An order sent a moment ago may not be here yet.",
    ),
    ProblemKind.NO_SUCH_METHOD: _Sort(
        405,
        "The address is there, and does not take this method.",
        "Method Not Allowed",
        "The addresses and what they take are listed at /docs and, for programs, at /openapi.json.",
    ),
    ProblemKind.NOT_ACCEPTABLE: _Sort(
        406,
        "There is no such format of it.",
        "A label has no such format",
        "Accept one of application/pdf, application/zpl.",
    ),
    ProblemKind.REFUSED: _Sort(
        409,
        "The present state does not allow it. Nothing was changed, and the same request is answered the same again.",
        "The request was refused",
        "Nothing was changed: type StockChangeRefused, sku SKU-1, location berlin, quantity 3, unit g, expected_unit "
        "each.",
        {
            "message_id": _MESSAGE,
            "events": [
                {
                    "type": "StockChangeRefused",
                    "sku": "SKU-1",
                    "location": "berlin",
                    "quantity": 3,
                    "unit": "g",
                    "expected_unit": "each",
                }
            ],
        },
    ),
    ProblemKind.CONFLICT: _Sort(
        409,
        "The Idempotency-Key (of an order: its revision) was used before with another body. Nothing was done.",
        "This was sent before with another body",
        "Nothing was done. Send a new Idempotency-Key (for an order: a higher revision) if you mean something new, or "
        "the first body if you try again.",
        {"message_id": _MESSAGE},
    ),
    ProblemKind.AMBIGUOUS: _Sort(
        409,
        "More than one order is called so; `orders` has the first of them.",
        "Several orders are called 1001",
        "Ask for one of them by its id.",
        {"orders": ["/orders/bdebd2b8-5485-59e2-b9dd-65081be601f6", "/orders/7c16ce6d-0f43-4f5a-9c0b-0a4c9f3b5e11"]},
    ),
    ProblemKind.NOT_READY: _Sort(
        409,
        "It will be there, and is not yet. Ask again in a moment.",
        "There is no label yet",
        "The shipment waits for the numbers of its packages; ask again in a moment.",
    ),
    ProblemKind.GONE: _Sort(
        410,
        "It was there, and will not be again.",
        "The shipment was cancelled",
        "Its labels are void, and nothing of it is to be printed.",
    ),
    ProblemKind.OUTDATED: _Sort(
        412,
        "What If-Match names is not the version now. Nothing was done, and the same request is answered the same again.",
        "It has changed meanwhile",
        "Nothing was done: you saw version 7, and it was at 9. Look at it again, and if you still want this send it "
        "with the new ETag and a new Idempotency-Key.",
        {"message_id": _MESSAGE, "expected_version": 7, "version": 10},
    ),
    ProblemKind.TOO_LARGE: _Sort(
        413,
        "The body is larger than a door takes.",
        "The body is too large",
        "A door takes 4194304 bytes at most. Send less at a time.",
    ),
    ProblemKind.UNREADABLE: _Sort(
        422,
        "The body or a parameter is not what this address takes; `errors` says where. Nothing was done.",
        "The request cannot be read",
        "body.quantity: Field required. Mend what is named and send it again.",
        {"errors": [{"where": "body.quantity", "what": "Field required"}]},
    ),
    ProblemKind.SEALED: _Sort(
        500,
        "Personal data that this needs cannot be opened; whoever runs this has to look at the keys.",
        "The address cannot be opened",
        "The master key is not the one that this was sealed with.",
    ),
    ProblemKind.BROKEN: _Sort(
        500,
        "A defect of ours. Whether it was done is told by the same request with the same Idempotency-Key.",
        "Something is broken here",
        "The log of the doors says what. Sent with the same Idempotency-Key, a request is done once.",
    ),
    ProblemKind.NOT_NOW: _Sort(
        503,
        "The broker, the database or what this rests on is away, or too many wait. `Retry-After` says when to try again.",
        "Not now",
        "the broker is away. Nothing is lost. Send the same request with the same Idempotency-Key again in a moment.",
    ),
}
