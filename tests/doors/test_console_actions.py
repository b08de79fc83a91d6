"""What the page of an order offers, and the request that each form becomes: without servers, on doors that keep what they
were asked, and on the bodies that the real doors take."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from services.console.inside import WISH, Answer
from services.console.order_actions import ACTIONS, Action, act
from services.order.astray_api import Settlement
from services.order.change_intake import NewChange
from services.order.holds_api import NewHold, Release
from services.order.looking_after_api import NewNote, Owner
from services.order.notices_api import NoticeAgain
from services.order.refunds_api import Agreed, NewRefund, Withdrawal
from services.order.returns_api import Agreement, NewReturn, Refusal

EMPTY: dict[str, Any] = {
    "status": "confirmed", "currency": "EUR", "captured": 0, "refunded": 0, "holds": [], "astray": [], "refunds": [],
    "returns": [], "change": None,
    "lines": [{"line": "1", "sku": "POT", "quantity": 3, "units": {"reserved": 3}}],
}  # fmt: skip

LEFT = {**EMPTY, "lines": [{"line": "1", "sku": "POT", "quantity": 3, "units": {"delivered": 3}}]}


class Kept:
    """Doors that do everything and keep what they were asked: path, body, reason."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any, str | None]] = []

    async def post(self, token: str, path: str, body: Any, wish: str, reason: str | None = None) -> Answer:
        self.asked.append((path, orjson.loads(orjson.dumps(body)), reason))
        return Answer(200, {"events": []})


def named(name: str) -> Action:
    return next(action for action in ACTIONS if action.name == name)


def offered(order: Mapping[str, Any]) -> set[str]:
    return {action.name for action in ACTIONS if action.fits(order)}


def sent(name: str, **fields: str) -> tuple[Answer, Kept]:
    kept = Kept()
    given = {
        "reason": "as agreed by phone",
        WISH: "one",
        **{key.replace("__", "."): text for key, text in fields.items()},
    }
    doing = act(kept, "t", named(name), "QQ-1", given)  # type: ignore[arg-type]  # it posts as Inside does
    return asyncio.run(doing), kept


# (action, what is filled in, path, body, what the door takes)
FORMS: list[tuple[str, dict[str, str], str, dict[str, Any], type[BaseModel] | None]] = [
    ("hold", {}, "/holds", {"detail": "as agreed by phone"}, NewHold),
    ("note", {"text": "please ring twice "}, "/notes", {"text": "please ring twice"}, NewNote),
    ("assign", {"owner": "bob"}, "/owner", {"owner": "bob"}, Owner),
    ("assign", {"owner": ""}, "/owner", {"owner": None}, Owner),
    ("resend", {"which": "2"}, "/notices/2/again", {"detail": "as agreed by phone"}, NoticeAgain),
    ("release", {"which": "fraud/1"}, "/holds/fraud%2F1/release", {"detail": "as agreed by phone"}, Release),
    (
        "change",
        {"units__1": "2", "units__2": "", "units__3": "0"},
        "/changes",
        {"lines": [{"line": "1", "quantity": 2}, {"line": "3", "quantity": 0}], "detail": "as agreed by phone"},
        NewChange,
    ),
    (
        "exchange",
        {"line": "1", "quantity": "2", "sku": "CUP ", "because": "did_not_fit", "send": "at_once", "label": "yes"},
        "/changes",
        {
            "returns": [{"line": "1", "quantity": 2, "reason": "did_not_fit", "sku": "CUP"}],
            "send": "at_once",
            "label": True,
            "detail": "as agreed by phone",
        },
        NewChange,
    ),
    ("confirm-change", {"which": "7"}, "/changes/7/confirm", {}, None),
    ("decline-change", {"which": "7"}, "/changes/7/decline", {"detail": "as agreed by phone"}, None),
    (
        "return",
        {"units__1": "1", "because": "defective", "label": ""},
        "/returns",
        {"lines": [{"line": "1", "quantity": 1, "reason": "defective"}], "label": False},
        NewReturn,
    ),
    ("approve-return", {"which": "2"}, "/returns/2/approve", {"detail": "as agreed by phone"}, Agreement),
    ("decline-return", {"which": "2"}, "/returns/2/decline", {"detail": "as agreed by phone"}, Refusal),
    ("withdraw-return", {"which": "2"}, "/returns/2/withdraw", {"detail": "as agreed by phone"}, Agreement),
    (
        "refund",
        {"percent": "12.5"},
        "/refunds",
        {"cause": "appeasement", "percent": "12.5", "reason": "as agreed by phone"},
        NewRefund,
    ),
    (
        "claim",
        {"cause": "missing", "units__1": "1", "to": "store_credit"},
        "/refunds",
        {
            "cause": "missing",
            "lines": [{"line": "1", "quantity": 1}],
            "to": "store_credit",
            "reason": "as agreed by phone",
        },
        NewRefund,
    ),
    (
        "reship",
        {"cause": "damaged", "units__1": "1", "if_short": "wait"},
        "/refunds",
        {
            "cause": "damaged",
            "lines": [{"line": "1", "quantity": 1}],
            "to": "replacement",
            "if_short": "wait",
            "reason": "as agreed by phone",
        },
        NewRefund,
    ),
    ("approve-refund", {"which": "1"}, "/refunds/1/approve", {"detail": "as agreed by phone"}, Agreed),
    ("decline-refund", {"which": "1"}, "/refunds/1/decline", {"detail": "as agreed by phone"}, Agreed),
    ("retry-refund", {"which": "1"}, "/refunds/1/retry", {"detail": "as agreed by phone"}, Agreed),
    ("withdraw-refund", {"which": "1"}, "/refunds/1/withdraw", {"detail": "as agreed by phone"}, Withdrawal),
    (
        "settle",
        {"which": "p1", "do": "reship", "if_short": "refund"},
        "/packages/p1/settle",
        {"detail": "as agreed by phone", "refund": False, "reship": True, "if_short": "refund"},
        Settlement,
    ),
    (
        "settle",
        {"which": "p1", "do": "", "if_short": "wait"},
        "/packages/p1/settle",
        {"detail": "as agreed by phone", "refund": False, "reship": False},
        Settlement,
    ),
]


@pytest.mark.parametrize(("name", "fields", "path", "body", "taken"), FORMS)
def test_a_form_becomes_the_request_that_a_door_takes(
    name: str, fields: dict[str, str], path: str, body: dict[str, Any], taken: type[BaseModel] | None
) -> None:
    answer, kept = sent(name, **fields)
    assert answer.fine
    assert kept.asked == [(f"/orders/QQ-1{path}", body, "as agreed by phone")]
    if taken is not None:
        taken.model_validate_json(orjson.dumps(body))


def test_every_action_is_specified_here() -> None:
    assert {action.name for action in ACTIONS} - {form[0] for form in FORMS} == {"cancel"}


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("return", {"because": "defective"}, "Units"),
        ("return", {"because": "defective", "units__1": "a few"}, "Units"),
        ("exchange", {"line": "1", "quantity": "-1", "sku": "CUP", "because": "other", "send": "at_once"}, "Units"),
        ("refund", {"percent": "half"}, "Percent"),
        ("hold", {"reason": " "}, "Why"),
        ("note", {"text": " "}, "Note"),
        ("assign", {"owner": "Ada Example"}, "Account"),
        ("approve-refund", {}, "Which"),
    ],
)
def test_what_does_not_say_what_is_asked_is_not_sent(name: str, fields: dict[str, str], said: str) -> None:
    answer, kept = sent(name, **fields)
    assert (answer.status, kept.asked) == (422, [])
    assert said in answer.trouble


def test_what_is_offered_follows_from_where_the_order_is() -> None:
    # given goods that have not left, their quantities may change; nothing can come back
    assert offered(EMPTY) == {"note", "assign", "hold", "cancel", "change"}
    # once they are with the customer, they may come back, be paid back or sent again
    assert offered(LEFT) - offered(EMPTY) == {"exchange", "return", "claim", "reship"}
    # what the customer was told may be told again, once it is known what became of it
    told = [{"notice": "1", "kind": "confirmed", "status": "asked"}]
    assert offered({**EMPTY, "notices": told}) == offered(EMPTY)
    assert offered({**EMPTY, "notices": [{**told[0], "status": "failed"}]}) - offered(EMPTY) == {"resend"}
    # what waits for a decision is offered to be decided
    refund = {"refund": "1", "amount": 500, "cause": "appeasement", "reason": "late"}
    back = {"number": 1, "lines": [{"quantity": 1, "sku": "POT"}]}
    asked = {**LEFT, "refunds": [{**refund, "stage": "proposed"}], "returns": [{**back, "state": "requested"}]}
    decided = {"approve-refund", "decline-refund", "approve-return", "decline-return", "withdraw-return"}
    assert offered(asked) - offered(LEFT) == decided
    choices = named("approve-refund").fields[0].choices
    assert choices is not None and choices(asked) == [("1", "5.00 EUR, late")]
    failed = {**LEFT, "refunds": [{**refund, "stage": "failed"}]}
    assert offered(failed) - offered(LEFT) == {"retry-refund", "withdraw-refund"}
    # and a change that was proposed is confirmed or left
    assert offered({**EMPTY, "change": {"change": "7"}}) - offered(EMPTY) == {"confirm-change", "decline-change"}
