"""What may come back: a wish is decided by the policy, line by line, or left to a person; and what people decide.

A wish is taken whole or not at all, so that the customer gets one answer; it says of every line why not. Units are
named by ranges that are in no other return.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chassis.decider import Context
from chassis.saga import Asked
from contracts.chassis import DeadlinePassed
from contracts.fulfillment import Postage
from contracts.ids import aggregate_id
from contracts.message import Event, Message
from contracts.money import Money
from contracts.order import (
    ApproveReturn,
    Bucket,
    DeclinedReturnLine,
    DeclineReturn,
    Move,
    RequestReturn,
    ReturnApproved,
    ReturnChangeRefusal,
    ReturnChangeRefused,
    ReturnDecider,
    ReturnDeclined,
    ReturnDenial,
    ReturnExpired,
    ReturnLine,
    ReturnQuestion,
    ReturnRequested,
    ReturnRule,
    ReturnTerms,
    ReturnWish,
    ReturnWithdrawn,
    StepAskedAgain,
    StepUnanswered,
    UnitRange,
    WithdrawReturn,
)
from services.order import order as orders
from services.order import return_state
from services.order.order import WITH_CUSTOMER, line_of, line_units, move
from services.order.return_policy import (
    DECIDE_WITHIN,
    GOODS_WITHIN,
    OPEN_WITHIN,
    VERSION,
    label_fee_set,
    policy_of,
    postage_for,
    ruled,
)
from services.order.return_saga import STEPS
from services.order.return_state import DECISION, RETURN_GOODS, Returning, ReturnState, held, numbered
from services.order.unit_ranges import Ranges, count, take, without
from services.order.value import parts_of_kits

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = [
    "asked_lines",
    "concerns",
    "deadline",
    "decide",
    "declined",
    "free",
    "given_back",
    "requested_with",
    "taken_back",
    "waited_back",
]


# Where units go


def free(state: OrderStream, line: str) -> Ranges:
    """The units of a line that left us and are in no return."""
    gone = line_units(state.order.lines[line], *WITH_CUSTOMER)
    return without((UnitRange(from_unit=0, to_unit=gone),), held(state.returns, line))


def taken_back(state: OrderStream, line: str, quantity: int, target: Bucket) -> list[Move]:
    """So many units of a line from the customer: what was delivered first."""
    delivered = min(quantity, line_units(state.order.lines[line], Bucket.DELIVERED))
    return [
        *move(line, delivered, Bucket.DELIVERED, target),
        *move(line, quantity - delivered, Bucket.FULFILLED, target),
    ]


def given_back(each: Returning, line: str, quantity: int, source: Bucket) -> list[Move]:
    """So many units of a line to the customer again, to where they were before."""
    delivered = min(quantity, each.lines[line].from_delivered)
    return [
        *move(line, delivered, source, Bucket.DELIVERED),
        *move(line, quantity - delivered, source, Bucket.FULFILLED),
    ]


def waited_back(each: Returning) -> tuple[Move, ...]:
    """All that has not come, to the customer again."""
    return tuple(
        back
        for name, line in sorted(each.lines.items())
        for back in given_back(each, name, count(line.waited), Bucket.RETURN_REQUESTED)
    )


# The wish


def _request(message: RequestReturn, state: OrderStream, context: Context) -> Sequence[Event]:
    if state.order.placed is None:
        denied = [
            DeclinedReturnLine(line=wish.line, quantity=wish.quantity, denial=ReturnDenial.UNKNOWN_LINE)
            for wish in message.lines
        ]
        return [ReturnDeclined(lines=tuple(denied), by=ReturnDecider.POLICY)]
    known = None if message.matches is None else numbered(state.returns, message.matches)
    if known is not None and known.state not in (ReturnState.DECLINED, ReturnState.WITHDRAWN):
        matched = (_denied(wish, ReturnDenial.MATCHED) for wish in message.lines)
        return [ReturnDeclined(lines=tuple(matched), by=ReturnDecider.POLICY)]
    instead = () if message.matches is None else _in_place_of(_by_components(message.lines, state), state)
    state = _without(state, instead)
    decided = asked_lines(message.lines, message.terms, state, context)
    if denials := tuple(line for line in decided if isinstance(line, DeclinedReturnLine)):
        return [ReturnDeclined(lines=denials, by=ReturnDecider.POLICY)]
    lines = tuple(line for line in decided if isinstance(line, ReturnLine))
    return [*instead, *_requested(message, lines, state, context)]


def _in_place_of(wishes: Sequence[ReturnWish], state: OrderStream) -> list[ReturnWithdrawn]:
    """The returns that come to nothing because their goods came without them: units are in one return alone. Only as
    many as are needed, and none of which anything came."""
    given_up: list[ReturnWithdrawn] = []
    for wish in (each for each in wishes if each.line in state.order.lines):
        for number, each in sorted(state.returns.returns.items(), key=lambda item: item[1].number):
            seen = _without(state, given_up)
            if count(free(seen, wish.line)) >= wish.quantity:
                break
            line = seen.returns.returns[number].lines.get(wish.line)
            if each.state in _NOTHING_CAME and line is not None and line.waited:
                detail = "its goods came without it"
                given_up.append(ReturnWithdrawn(number=each.number, detail=detail, moves=waited_back(each)))
    return given_up


_NOTHING_CAME = (ReturnState.REQUESTED, ReturnState.APPROVED, ReturnState.IN_TRANSIT)


def _without(state: OrderStream, given_up: Iterable[ReturnWithdrawn]) -> OrderStream:
    """The order once these returns came to nothing."""
    for event in given_up:
        order, returns = orders.evolve(state.order, event), return_state.evolve(state.returns, event)
        state = state._replace(order=order, returns=returns)
    return state


def asked_lines(
    wishes: Iterable[ReturnWish], terms: ReturnTerms | None, state: OrderStream, context: Context
) -> list[ReturnLine | DeclinedReturnLine]:
    """What the policy says of each line that units are to come back of; of a kit of its components."""
    named = _by_components(wishes, state)
    return [_line(wish, named, terms, state, context) for wish in named]


def _requested(
    message: RequestReturn, lines: tuple[ReturnLine, ...], state: OrderStream, context: Context
) -> Sequence[Event]:
    return requested_with(
        lines,
        state,
        context,
        postage=postage_for(lines, message.label),
        label=message.label,
        label_fee=label_fee_set(message.terms, state.order.terms.currency),
        matches=message.matches,
    )


def requested_with(
    lines: tuple[ReturnLine, ...],
    state: OrderStream,
    context: Context,
    *,
    postage: Postage,
    label: bool,
    label_fee: Money | None,
    matches: str | None = None,
    exchange: str | None = None,
    exception: str | None = None,
) -> Sequence[Event]:
    """The return of units that may come back, and that it is approved, unless a person has to decide about one of them.
    `exception` is why a person has done so already."""
    number = len(state.returns.returns) + 1
    approved = exception is not None or all(line.question is None for line in lines)
    order_id = state.order.terms.order_id
    requested = ReturnRequested(
        return_id=matches or aggregate_id(context.tenant, "return", order_id, str(number)),
        number=number,
        lines=lines,
        postage=postage,
        label=label,
        label_fee=label_fee,
        exchange=exchange,
        version=VERSION,
        approved=approved,
        answer_by=None if approved else context.now + DECIDE_WITHIN,
        moves=tuple(
            each for line in lines for each in taken_back(state, line.line, line.quantity, Bucket.RETURN_REQUESTED)
        ),
    )
    if not approved:
        return [requested]
    by = ReturnDecider.POLICY if exception is None else ReturnDecider.PERSON
    return [requested, _approved(requested.return_id, number, by, context, exception)]


def _approved(
    return_id: str, number: int, by: ReturnDecider, context: Context, detail: str | None = None
) -> ReturnApproved:
    return ReturnApproved(
        return_id=return_id,
        number=number,
        by=by,
        detail=detail,
        answer_by=context.now + OPEN_WITHIN,
        goods_by=context.now + GOODS_WITHIN,
    )


def _by_components(wishes: Iterable[ReturnWish], state: OrderStream) -> list[ReturnWish]:
    """The wishes by lines that goods left by: of a kit its components."""
    parts = parts_of_kits(state.order.terms)
    found = []
    for wish in wishes:
        own = [part for part in parts if part.kit == wish.line]
        found += [
            ReturnWish(line=part.line, quantity=wish.quantity * part.per, reason=wish.reason) for part in own
        ] or [wish]
    return found


def _line(
    wish: ReturnWish, wishes: Sequence[ReturnWish], terms: ReturnTerms | None, state: OrderStream, context: Context
) -> ReturnLine | DeclinedReturnLine:
    """What the policy says of units of a line."""
    if wish.line not in state.order.lines:
        return _denied(wish, ReturnDenial.UNKNOWN_LINE)
    if Counter(each.line for each in wishes)[wish.line] > 1:
        return _denied(wish, ReturnDenial.LISTED_TWICE)
    there, line = free(state, wish.line), line_of(state.order, wish.line)
    since = state.returns.since.get(wish.line)
    if count(there) < wish.quantity or since is None:
        return _denied(wish, ReturnDenial.NOT_WITH_CUSTOMER, count(there))
    name, policy, rule = policy_of(line, terms)
    ruling = ruled(policy, bool(line.final_sale), wish.reason, since, context.now)
    if isinstance(ruling, ReturnDenial):
        return _denied(wish, ruling, rule=rule)
    return ReturnLine(
        line=wish.line,
        sku=line.sku,
        unit=line.unit,
        quantity=wish.quantity,
        ranges=take(there, wish.quantity),
        reason=wish.reason,
        policy=name,
        restocking=policy.restocking,
        damaged=policy.damaged,
        refund_at=policy.refund_at,
        question=ruling if isinstance(ruling, ReturnQuestion) else None,
        rule=rule,
    )


def _denied(
    wish: ReturnWish, denial: ReturnDenial, most: int | None = None, rule: ReturnRule | None = None
) -> DeclinedReturnLine:
    return DeclinedReturnLine(line=wish.line, quantity=wish.quantity, denial=denial, most=most, rule=rule)


# What people decide


def _refusal(number: int, state: OrderStream) -> ReturnChangeRefused:
    each = state.returns.returns.get(str(number))
    reason = ReturnChangeRefusal.NOT_ASKED
    if state.order.placed is None:
        reason = ReturnChangeRefusal.UNKNOWN_ORDER
    elif each is None:
        reason = ReturnChangeRefusal.UNKNOWN_RETURN
    return ReturnChangeRefused(number=number, reason=reason)


def _asked(number: int, state: OrderStream) -> Returning | None:
    """The return that waits for a person, by its number."""
    each = state.returns.returns.get(str(number))
    return each if each is not None and each.state is ReturnState.REQUESTED else None


def _approve(message: ApproveReturn, state: OrderStream, context: Context) -> Sequence[Event]:
    each = _asked(message.number, state)
    if each is None:
        return [_refusal(message.number, state)]
    return [_approved(each.return_id, each.number, ReturnDecider.PERSON, context, message.detail)]


def _decline(message: DeclineReturn, state: OrderStream, context: Context) -> Sequence[Event]:
    each = _asked(message.number, state)
    if each is None:
        return [_refusal(message.number, state)]
    return [declined(each, ReturnDecider.PERSON, ReturnDenial.DECLINED, message.detail)]


def declined(each: Returning, by: ReturnDecider, denial: ReturnDenial, detail: str | None = None) -> ReturnDeclined:
    """A return that was requested comes to nothing."""
    lines = (DeclinedReturnLine(line=line.line, quantity=line.quantity, denial=denial) for line in each.requested.lines)
    return ReturnDeclined(number=each.number, lines=tuple(lines), by=by, detail=detail, moves=waited_back(each))


def _withdraw(message: WithdrawReturn, state: OrderStream, context: Context) -> Sequence[Event]:
    each = state.returns.returns.get(str(message.number))
    if each is None:
        return [_refusal(message.number, state)]
    if each.state.over or each.state is ReturnState.RECEIVED:
        return [ReturnChangeRefused(number=each.number, reason=ReturnChangeRefusal.TOO_LATE)]
    return [ReturnWithdrawn(number=each.number, detail=message.detail, moves=waited_back(each))]


# Deadlines


def concerns(name: str) -> bool:
    """Whether a deadline is one of a return."""
    return name.partition("/")[0] in (DECISION, *STEPS)


def deadline(message: DeadlinePassed, state: OrderStream, context: Context) -> Sequence[Event]:
    """Silence makes no exception; goods that never came are not waited for; else ask again, and at last a person."""
    kind, _, number = message.name.partition("/")
    each = state.returns.returns.get(number)
    if each is None:
        return ()
    if kind == DECISION:
        if each.decide_by != message.due:
            return ()
        return [declined(each, ReturnDecider.SILENCE, ReturnDenial.DECLINED)]
    asked = state.returns.asks.get(message.name)
    if asked is None or asked.due != message.due:
        return ()
    return _late(asked, each, context)


def _late(asked: Asked, each: Returning, context: Context) -> Sequence[Event]:
    step = STEPS[asked.step]
    if asked.asks < step.asks_max:
        by = context.now + step.answer_within
        return [StepAskedAgain(step=asked.step, key=asked.key, asks=asked.asks + 1, answer_by=by)]
    unanswered = StepUnanswered(step=asked.step, key=asked.key, asks=asked.asks)
    if asked.step != RETURN_GOODS:
        return [unanswered]
    return [unanswered, ReturnExpired(number=each.number, moves=waited_back(each))]


decide: Mapping[type[Message], Any] = {
    RequestReturn: _request,
    ApproveReturn: _approve,
    DeclineReturn: _decline,
    WithdrawReturn: _withdraw,
}
