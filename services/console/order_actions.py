"""What may be done to an order from its page: by whom, when it is offered, what is asked, and the request that it becomes.

Every action is one request to the HTTP doors, which check it and say why not. Nothing is decided here: an action is
offered where it can make sense, and may still be refused. A form asks for a reason wherever the door records one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from chassis.tokens import Role
from contracts.fulfillment import ReturnReason
from contracts.order import Bucket, ExchangeSend, IfShort
from services.console.inside import WISH, Answer, Inside
from services.console.order_choices import Choices, Order, holds, lines, named, notices, packages, refunds, returns

__all__ = ["ACTIONS", "KEPT", "Action", "Field", "act", "part"]

Fields = Mapping[str, str]
"""What somebody filled in, by the names of fields."""

WHOLE = "[0-9]{1,15}"
"""What a number of units looks like, as a pattern for browsers and for us."""

PERCENT = r"[0-9]{1,3}(\.[0-9]{1,4})?"

ACCOUNT = r"[A-Za-z0-9][A-Za-z0-9._:\/\-]{0,127}"
"""What an account looks like (chassis.tokens.SUBJECT), as a pattern for browsers, too."""

NOTE_CHARS_MAX = 4_000

SERVED = frozenset({Role.CSR, Role.ADMIN})
KEPT = frozenset({Role.CSR, Role.FINANCE, Role.ADMIN})
BOOKED = frozenset({Role.FINANCE, Role.ADMIN})

ENDED = frozenset({"completed", "cancelled", "partly_returned", "returned"})

GONE_OUT = (Bucket.FULFILLED, Bucket.DELIVERED)
"""Where units stand that the customer has, or that are on their way."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an action's form. `choices`: what may be chosen, of an order; `pattern`: what it has to look like;
    `by_line`: one field for each line, whose numbers are units, at least one of them filled in; `chars`: how many it
    takes, in several lines where `long`."""

    name: str
    title: str
    required: bool = True
    pattern: str = ""
    choices: Callable[[Order], Choices] | None = None
    by_line: bool = False
    chars: int = 500
    long: bool = False

    @property
    def numeric(self) -> bool:
        """Whether it takes digits alone, so that a phone shows its keys for them."""
        return self.pattern in (WHOLE, PERCENT)


@dataclass(frozen=True, slots=True)
class Action:
    """Something that may be done to an order. `path` follows that of the order."""

    name: str
    title: str
    says: str
    roles: frozenset[Role]
    fits: Callable[[Order], bool]
    fields: Sequence[Field]
    path: Callable[[Fields], str]
    body: Callable[[Fields], dict[str, Any]]

    def missing(self, fields: Fields) -> list[str]:
        """Fields that say nothing and have to, or are no number of units."""
        return [each.title for each in self.fields if not _is_said(each, fields)]


def part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def _is_said(field: Field, fields: Fields) -> bool:
    if field.by_line:
        given = [text for text in _by_line(field.name, fields).values() if text]
        return bool(given) and all(re.fullmatch(WHOLE, text) for text in given)
    text = fields.get(field.name, "").strip()
    if not text:
        return not field.required
    return not field.pattern or re.fullmatch(field.pattern, text) is not None


def _by_line(name: str, fields: Fields) -> dict[str, str]:
    start = f"{name}."
    return {key.removeprefix(start): text.strip() for key, text in fields.items() if key.startswith(start)}


def _units(fields: Fields, zero: bool = False) -> list[dict[str, Any]]:
    """Lines of which units were said. `zero`: whether none of it is something to say."""
    said = {line: int(text) for line, text in _by_line("units", fields).items() if text}
    return [{"line": line, "quantity": count} for line, count in said.items() if count or zero]


# When it is offered


def _says_choices(choices: Callable[[Order], Choices]) -> Callable[[Order], bool]:
    return lambda order: bool(choices(order))


def _open(order: Order) -> bool:
    return order["status"] not in ENDED


def _went_out(order: Order) -> bool:
    return any(line["units"].get(bucket, 0) for line in order["lines"] for bucket in GONE_OUT)


def _has_change(order: Order) -> bool:
    return bool(order.get("change"))


PROPOSED = refunds("proposed")
FAILED = refunds("failed")
UNDECIDED = returns("requested")
AWAITED = returns("approved", "requested")

# What is asked

REASON = Field("reason", "Why (recorded for ever; no names of people)")
UNITS = Field("units", "Units", by_line=True)
CAUSE = Field(
    "cause",
    "Cause",
    choices=named(
        ("customer", "the customer wants it"), ("fraud", "fraud"), ("out_of_stock", "out of stock"), ("other", "other")
    ),
)
CLAIM = Field(
    "cause",
    "What is wrong",
    choices=named(
        ("damaged", "came damaged"),
        ("missing", "is missing"),
        ("wrong_item", "is another article"),
        ("lost", "was lost"),
    ),
)
RETURN_REASON = Field(
    "because",
    "Why the customer sends it back",
    choices=named(*((each.value, each.value.replace("_", " ")) for each in ReturnReason)),
)
LABEL = Field("label", "Label", choices=named(("", "the customer's own"), ("yes", "ours")), required=False)
IF_SHORT = Field(
    "if_short",
    "What nobody has",
    choices=named((IfShort.WAIT, "waits for goods"), (IfShort.REFUND, "is paid back")),
)
MONEY_TO = Field(
    "to", "To", choices=named(("original", "what it was paid with"), ("store_credit", "the customer's store credit"))
)


def _returned(fields: Fields) -> dict[str, Any]:
    lines = [{**line, "reason": fields["because"]} for line in _units(fields)]
    return {"lines": lines, "label": bool(fields.get("label"))}


def _exchanged(fields: Fields) -> dict[str, Any]:
    names = {"line": fields["line"], "reason": fields["because"], "sku": fields["sku"].strip()}
    back = {**names, "quantity": int(fields["quantity"])}
    return {"returns": [back], "send": fields["send"], "label": bool(fields.get("label")), "detail": fields["reason"]}


def _settled(fields: Fields) -> dict[str, Any]:
    done = fields.get("do", "")
    body = {"detail": fields["reason"], "refund": done == "refund", "reship": done == "reship"}
    return {**body, "if_short": fields["if_short"]} if done == "reship" else body


def _detail(fields: Fields) -> dict[str, Any]:
    return {"detail": fields["reason"]}


def _one(
    name: str, title: str, says: str, roles: frozenset[Role], choices: Callable[[Order], Choices], kind: str, deed: str
) -> Action:
    """An action on one of an order's refunds, returns or holds, whose door takes nothing but the reason."""
    return Action(
        name, title, says, roles, _says_choices(choices), (Field("which", "Which", choices=choices), REASON),
        lambda fields: f"/{kind}/{part(fields['which'])}/{deed}", _detail,
    )  # fmt: skip


ACTIONS = (
    Action(
        "hold",
        "Put on hold",
        "Sourcing, payment and release wait until somebody releases it.",
        KEPT,
        _open,
        (REASON,),
        lambda fields: "/holds",
        _detail,
    ),
    Action(
        "note",
        "Write a note",
        "It is sealed with what is the buyer's, and forgotten with them; it moves nothing.",
        KEPT,
        lambda order: True,
        (Field("text", "Note", chars=NOTE_CHARS_MAX, long=True),),
        lambda fields: "/notes",
        lambda fields: {"text": fields["text"].strip()},
    ),
    Action(
        "assign",
        "Say who looks after it",
        "Whoever is named is shown wherever the order waits for a person.",
        KEPT,
        lambda order: True,
        (Field("owner", "Account (nobody, where it is left empty)", required=False, pattern=ACCOUNT),),
        lambda fields: "/owner",
        lambda fields: {"owner": fields.get("owner", "").strip() or None},
    ),
    _one("resend", "Send a message again", "The customer is told again what it was about, as the order stands now, to the same address.", SERVED, notices, "notices", "again"),
    _one("release", "Release a hold", "The order goes on from where it was.", KEPT, holds, "holds", "release"),
    Action(
        "cancel",
        "Cancel what has not left",
        "Stock goes back and what was secured is given back; nodes that have accepted are asked.",
        SERVED,
        _open,
        (CAUSE, REASON),
        lambda fields: "/cancel",
        lambda fields: {"cause": fields["cause"], "detail": fields["reason"]},
    ),
    Action(
        "change",
        "Change quantities",
        "Say how many units of a line there are to be; what you leave empty stays. First you are shown what it comes to.",
        SERVED,
        _open,
        (UNITS, REASON),
        lambda fields: "/changes",
        lambda fields: {"lines": _units(fields, zero=True), "detail": fields["reason"]},
    ),
    Action(
        "exchange",
        "Exchange for another article",
        "Units come back, and as many of another article go out for them. First you are shown what it comes to.",
        SERVED,
        _went_out,
        (
            Field("line", "Line", choices=lines),
            Field("quantity", "Units", pattern=WHOLE),
            Field("sku", "Article that goes out for them"),
            RETURN_REASON,
            Field(
                "send",
                "The others leave",
                choices=named((ExchangeSend.ON_RECEIPT, "when these are back"), (ExchangeSend.AT_ONCE, "at once")),
            ),
            LABEL,
            REASON,
        ),
        lambda fields: "/changes",
        _exchanged,
    ),
    Action(
        "confirm-change",
        "Confirm the change",
        "It is done as it is shown above, once what it costs more is secured; or all stays as it is.",
        SERVED,
        _has_change,
        (Field("which", "Which", choices=lambda order: [(order["change"]["change"], "the one shown above")]), REASON),
        lambda fields: f"/changes/{part(fields['which'])}/confirm",
        lambda fields: {},
    ),
    Action(
        "decline-change",
        "Leave it as it is",
        "Nothing comes of the change.",
        SERVED,
        _has_change,
        (Field("which", "Which", choices=lambda order: [(order["change"]["change"], "the one shown above")]), REASON),
        lambda fields: f"/changes/{part(fields['which'])}/decline",
        _detail,
    ),
    Action(
        "return",
        "Take goods back",
        "Asks whether units may come back: they may, or a person decides, or it is said of each line why not.",
        SERVED,
        _went_out,
        (UNITS, RETURN_REASON, LABEL, REASON),
        lambda fields: "/returns",
        _returned,
    ),
    _one("approve-return", "Agree to a return", "The goods may come back.", SERVED, UNDECIDED, "returns", "approve"),
    _one("decline-return", "Do not agree to a return", "The customer keeps them.", SERVED, UNDECIDED, "returns", "decline"),
    _one("withdraw-return", "Withdraw a return", "The customer keeps the goods after all.", SERVED, AWAITED, "returns", "withdraw"),
    Action(
        "refund",
        "Give something back",
        "An appeasement in percent of what was paid, to what it was paid with. Above a sum a second person approves it.",
        KEPT,
        lambda order: order["captured"] > order["refunded"],
        (Field("percent", "Percent", pattern=PERCENT), REASON),
        lambda fields: "/refunds",
        lambda fields: {"cause": "appeasement", "percent": fields["percent"].strip(), "reason": fields["reason"]},
    ),
    Action(
        "claim",
        "Pay units back",
        "Of units that came broken, wrong or not at all; they need not come back. Above a sum a second person approves it.",
        KEPT,
        _went_out,
        (CLAIM, UNITS, MONEY_TO, REASON),
        lambda fields: "/refunds",
        lambda fields: {
            "cause": fields["cause"], "lines": _units(fields), "to": fields["to"], "reason": fields["reason"]
        },
    ),
    Action(
        "reship",
        "Send units again",
        "The customer gets the goods again and no money. Above a sum a second person approves it.",
        KEPT,
        _went_out,
        (CLAIM, UNITS, IF_SHORT, REASON),
        lambda fields: "/refunds",
        lambda fields: {
            "cause": fields["cause"], "lines": _units(fields), "to": "replacement", "if_short": fields["if_short"],
            "reason": fields["reason"],
        },
    ),
    _one("approve-refund", "Approve a refund", "As the second person: whoever proposed it cannot.", KEPT, PROPOSED, "refunds", "approve"),
    _one("decline-refund", "Do not approve a refund", "The customer is not paid.", KEPT, PROPOSED, "refunds", "decline"),
    _one("retry-refund", "Try a refund again", "Payments are asked again for what failed.", KEPT, FAILED, "refunds", "retry"),
    _one("withdraw-refund", "Withdraw a refund", "What was not paid is owed no more.", BOOKED, FAILED, "refunds", "withdraw"),
    Action(
        "settle",
        "Settle a package that went astray",
        "Says what was done about it.",
        SERVED,
        _says_choices(packages),
        (
            Field("which", "Which package", choices=packages),
            Field(
                "do",
                "What is to be done",
                choices=named(("refund", "pay back what is in it"), ("reship", "send it again"), ("", "nothing more")),
                required=False,
            ),
            IF_SHORT,
            REASON,
        ),
        lambda fields: f"/packages/{part(fields['which'])}/settle",
        _settled,
    ),
)  # fmt: skip
"""Everything that the page of an order may offer, in the order in which it is shown."""


async def act(inside: Inside, token: str, action: Action, name: str, fields: Fields) -> Answer:
    """Have it done; what the door said of it."""
    missing = action.missing(fields)
    if missing:
        return Answer(422, {"title": f"Say: {', '.join(missing)}."})
    path = f"/orders/{part(name)}{action.path(fields)}"
    return await inside.post(token, path, action.body(fields), fields[WISH], fields.get("reason"))
