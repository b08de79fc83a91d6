"""What people wish for refunds and replacements: grant, approve or decline, try again, withdraw.

Small ones are granted at once; above what somebody may give alone a second person approves. Amounts are in
refunding.py, limits in refund_limits.py, the lines of a replacement in replacing.py.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from chassis.decider import Context
from contracts.message import Event, Message
from contracts.money import Money
from contracts.order import (
    ApproveRefund,
    DeclineRefund,
    GrantRefund,
    IfShort,
    RefundApprover,
    RefundCause,
    RefundChangeRefusal,
    RefundChangeRefused,
    RefundContents,
    RefundDecline,
    RefundDeclined,
    RefundGranted,
    RefundLimits,
    RefundProposed,
    RefundTo,
    RefundUnits,
    RefundWithdrawn,
    RetryRefund,
    WithdrawRefund,
)
from services.order.exchange_money import counted_on
from services.order.order import WITH_CUSTOMER, line_units
from services.order.refund_limits import may_approve, may_grant
from services.order.refund_saga import asked_again
from services.order.refund_state import ANSWER_WITHIN, APPROVE_WITHIN, Range, Refund, RefundStage, find
from services.order.refunding import (
    FAULTS,
    Due,
    claimable_units,
    contents,
    in_returns,
    percent_of,
    refund_due,
    refundable,
)
from services.order.replaced_units import Units, replaced
from services.order.replacing import can_be_sent, sent_again
from services.order.value import parts_of_kits

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["Wish", "appeased", "decide", "decided", "from_top"]


class Wish(NamedTuple):
    """Why somebody wants the customer to get something, in which form, and for whom they speak who want it; `if_short` is
    of a replacement, `limits` are those that a seller set."""

    cause: RefundCause
    reason: str
    approver: RefundApprover
    to: RefundTo = RefundTo.ORIGINAL
    if_short: IfShort | None = None
    limits: RefundLimits | None = None


# Grant


def _grant(message: GrantRefund, state: OrderStream, context: Context) -> Sequence[Event]:
    if state.order.placed is None:
        return (_refused(RefundChangeRefusal.UNKNOWN_ORDER),)
    if message.to is RefundTo.STORE_CREDIT and state.order.placed.customer is None:
        return (_refused(RefundChangeRefusal.NO_CUSTOMER),)
    if message.cause is RefundCause.APPEASEMENT and message.to is not RefundTo.REPLACEMENT:
        return _appease(message, state, context)
    if message.cause not in FAULTS:
        return (_refused(RefundChangeRefusal.NOT_BY_HAND),)
    if message.amount is not None or message.percent is not None or not message.lines:
        return (_refused(RefundChangeRefusal.UNCLEAR),)
    wanted = _by_component(state, message.lines)
    if unknown := sorted(set(wanted) - set(state.order.lines.keys())):
        return (_refused(RefundChangeRefusal.UNKNOWN_LINE, unknown),)
    there = claimable_units(state)
    ranges = [units for line, count in wanted.items() for units in from_top(line, count, there.get(line, ()))]
    found: Counter[str] = Counter()
    for line, start, end in ranges:
        found[line] += end - start
    if short := sorted(line for line, count in wanted.items() if found[line] < count):
        return (_refused(_why_short(state, short), short),)
    if message.to is RefundTo.REPLACEMENT and not can_be_sent(state, ranges):
        return (_refused(RefundChangeRefusal.NO_WAY, sorted(wanted)),)
    return _granted(
        message, ranges, refund_due(state, ranges, message.cause, counted_on=counted_on(state)), state, context
    )


def _by_component(state: OrderStream, lines: Sequence[RefundUnits]) -> Mapping[str, int]:
    """Units by the lines that goods leave by: of a kit those of each component."""
    kits: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for part in parts_of_kits(state.order.terms):
        kits[part.kit].append((part.line, part.per))
    wanted: Counter[str] = Counter()
    for each in lines:
        for line, per in kits.get(each.line, [(each.line, 1)]):
            wanted[line] += each.quantity * per
    return wanted


def from_top(line: str, quantity: int, ranges: Sequence[Range]) -> list[Units]:
    """So many units of a line out of these ranges, those with the highest numbers; fewer where there are fewer."""
    found = []
    for start, end in sorted(ranges, reverse=True):
        taken = min(quantity, end - start)
        if taken > 0:
            found.append(Units(line, end - taken, end))
        quantity -= taken
    return found


def _why_short(state: OrderStream, lines: Sequence[str]) -> RefundChangeRefusal:
    """Why lines have no such units to pay back or to send again."""
    if any(replaced(state.refunds, line) for line in lines):
        return RefundChangeRefusal.REPLACED
    if any(in_returns(state, line) for line in lines):
        return RefundChangeRefusal.IN_RETURN
    due = refund_due(
        state,
        [Units(line, 0, line_units(state.order.lines[line], *WITH_CUSTOMER)) for line in lines],
        RefundCause.MISSING,
    )
    if due.elsewhere:
        return RefundChangeRefusal.TAKEN_ELSEWHERE
    return RefundChangeRefusal.NOT_CAPTURED if due.waiting else RefundChangeRefusal.NOT_FULFILLED


def _appease(message: GrantRefund, state: OrderStream, context: Context) -> Sequence[Event]:
    """An amount off, or a percentage of what was taken and not given back, that leaves all units paid for."""
    possible, currency = _given_off(state), state.order.terms.currency
    if message.lines or (message.amount is None) is (message.percent is None):
        return (_refused(RefundChangeRefusal.UNCLEAR),)
    if message.amount is not None and message.amount.currency != currency:
        return (_refused(RefundChangeRefusal.OTHER_CURRENCY),)
    if message.percent is not None and not 0 < Decimal(message.percent) <= 100:
        return (_refused(RefundChangeRefusal.UNCLEAR),)
    off = message.amount.amount if message.amount else percent_of(possible, message.percent or "0")
    if off > possible:
        most = Money(amount=possible, currency=currency)
        return (_refused(RefundChangeRefusal.ABOVE_CAPTURED, possible=most),)
    return _granted(message, (), appeased(off), state, context)


def _given_off(state: OrderStream) -> int:
    """What can be given off at most, in minor units. What is to come back in an exchange pays for what is sent for it,
    whichever of the two is first: given off as well, it would have to be asked for again."""
    return max(0, refundable(state) - counted_on(state))


def appeased(amount: int) -> Due:
    """An amount off, in minor units, that is for no units."""
    return Due((), amount, 0, 0, amount)


def _granted(
    message: GrantRefund, asked: Sequence[Units], due: Due, state: OrderStream, context: Context
) -> Sequence[Event]:
    """Goods that were given away are sent again as well."""
    if due.amount <= 0 and not (message.to is RefundTo.REPLACEMENT and due.lines):
        return (_refused(RefundChangeRefusal.NOTHING_DUE),)
    wish = Wish(message.cause, message.reason, message.approver, message.to, message.if_short, message.limits)
    return decided(wish, asked, due, state, context)


def decided(wish: Wish, asked: Sequence[Units], due: Due, state: OrderStream, context: Context) -> Sequence[Event]:
    """What is due for the units `asked` for, granted by whoever asks, or proposed to a second person. What they gave alone
    of the same order counts too: many small refunds are a large one."""
    again = wish.to is RefundTo.REPLACEMENT
    if_short = wish.if_short or IfShort.WAIT if again else None
    made = contents(state, due, wish.cause, state.refunds.count + 1, wish.reason, wish.to, if_short)
    by = _subject(context)
    together = Money(amount=due.amount + _given_alone(state, by), currency=state.order.terms.currency)
    if by is None or not may_grant(wish.approver, together, wish.limits):
        return (RefundProposed(**made, by=by, decide_by=context.now + APPROVE_WITHIN, limits=wish.limits),)
    if again:
        return sent_again(made, asked, state, by, None, wish.limits)
    return (RefundGranted(**made, by=by, answer_by=context.now + ANSWER_WITHIN, limits=wish.limits),)


def _given_alone(state: OrderStream, by: str | None) -> int:
    """What somebody has granted of this order without a second person, goods that are sent again included, in minor
    units."""
    alone = [refund for refund in state.refunds.refunds.values() if refund.by == by and refund.approved_by is None]
    again = sum(refund.contents.amount.amount for refund in alone if refund.stage is RefundStage.REPLACED)
    return again + sum(refund.owed for refund in alone if refund.granted)


def _subject(context: Context) -> str | None:
    """Who is known to ask: it was the door that made sure of it."""
    return context.actor.subject if context.actor else None


def _refused(
    reason: RefundChangeRefusal,
    lines: Sequence[str] = (),
    refund: str | None = None,
    possible: Money | None = None,
) -> RefundChangeRefused:
    return RefundChangeRefused(reason=reason, refund=refund, lines=tuple(lines[:LINES_TOLD_MAX]), possible=possible)


LINES_TOLD_MAX = 100
"""Lines that a refusal names."""


# A second person


def _approve(message: ApproveRefund, state: OrderStream, context: Context) -> Sequence[Event]:
    """Four eyes are two subjects, each known to a door. What was paid back since it was proposed is not paid twice."""
    refund = find(state.refunds, message.refund)
    if refund is None or refund.stage is not RefundStage.PROPOSED:
        return (_unknown(state, message.refund, refund, RefundChangeRefusal.NOT_PROPOSED),)
    proposed, by = refund.contents, _subject(context)
    if by is None or by == refund.by:
        return (_refused(RefundChangeRefusal.SAME_PERSON, refund=proposed.refund),)
    if not may_approve(message.approver, proposed.amount, message.limits):
        return (_refused(RefundChangeRefusal.ABOVE_LIMIT, refund=proposed.refund),)
    if _overtaken(proposed, state):
        detail = "it was paid back otherwise since it was proposed"
        return (_declined(proposed, RefundDecline.OVERTAKEN, by, detail),)
    fields = {name: getattr(proposed, name) for name in RefundContents.model_fields}
    if proposed.to is RefundTo.REPLACEMENT:
        return sent_again(fields, _asked(proposed), state, refund.by, by, message.limits)
    answer_by = context.now + ANSWER_WITHIN
    return (RefundGranted(**fields, by=refund.by, approved_by=by, answer_by=answer_by, limits=message.limits),)


def _asked(proposed: RefundContents) -> list[Units]:
    """The units that a proposal was asked for."""
    return [Units(each.line, each.from_unit, each.to_unit) for each in proposed.claimed or proposed.lines]


def _overtaken(proposed: RefundContents, state: OrderStream) -> bool:
    """Whether less is due now than was proposed, or nothing for some of its units: also where what is left is worth more
    than they were, since a charge comes back with it."""
    if not proposed.lines:
        return proposed.amount.amount > _given_off(state)
    ranges = _asked(proposed)
    fee = proposed.fee.amount if proposed.fee else 0
    due = refund_due(state, ranges, proposed.cause, fee, counted_on(state))
    return bool(due.paid_back) or due.amount < proposed.amount.amount


def _decline(message: DeclineRefund, state: OrderStream, context: Context) -> Sequence[Event]:
    refund = find(state.refunds, message.refund)
    if refund is None or refund.stage is not RefundStage.PROPOSED:
        return (_unknown(state, message.refund, refund, RefundChangeRefusal.NOT_PROPOSED),)
    return (_declined(refund.contents, RefundDecline.DECLINED, _subject(context), message.detail),)


def _declined(proposed: RefundContents, because: RefundDecline, by: str | None, detail: str | None) -> RefundDeclined:
    return RefundDeclined(
        refund=proposed.refund,
        number=proposed.number,
        amount=proposed.amount,
        because=because,
        by=by,
        detail=detail,
    )


# What failed


def _retry(message: RetryRefund, state: OrderStream, context: Context) -> Sequence[Event]:
    refund = find(state.refunds, message.refund)
    if refund is None or refund.stage is not RefundStage.FAILED:
        return (_unknown(state, message.refund, refund, RefundChangeRefusal.NOT_FAILED),)
    if refund.owed < refund.contents.amount.amount:
        # Payments know it by its id and its whole amount: what was withdrawn would be paid as well.
        return (_refused(RefundChangeRefusal.PARTLY_WITHDRAWN, refund=refund.contents.refund),)
    return (asked_again(state.refunds, refund.contents.refund, context),)


def _withdraw(message: WithdrawRefund, state: OrderStream, context: Context) -> Sequence[Event]:
    refund = find(state.refunds, message.refund)
    if refund is None or refund.stage is not RefundStage.FAILED:
        return (_unknown(state, message.refund, refund, RefundChangeRefusal.NOT_FAILED),)
    decision = refund.contents
    if refund.unanswered:
        # Payments may pay it after all: were its units claimed again meanwhile, they would be paid twice.
        return (_refused(RefundChangeRefusal.UNANSWERED, refund=decision.refund),)
    left = Money(amount=refund.owed - refund.refunded, currency=decision.amount.currency)
    withdrawn = RefundWithdrawn(
        refund=decision.refund, number=decision.number, amount=left, by=_subject(context), detail=message.detail
    )
    return (withdrawn,)


def _unknown(
    state: OrderStream, name: str, refund: Refund | None, otherwise: RefundChangeRefusal
) -> RefundChangeRefused:
    """No such order, no such refund, or one that does not stand so."""
    if state.order.placed is None:
        return _refused(RefundChangeRefusal.UNKNOWN_ORDER)
    if refund is None:
        return _refused(RefundChangeRefusal.UNKNOWN_REFUND, refund=name)
    return _refused(otherwise, refund=refund.contents.refund)


decide: Mapping[type[Message], Any] = {
    GrantRefund: _grant,
    ApproveRefund: _approve,
    DeclineRefund: _decline,
    RetryRefund: _retry,
    WithdrawRefund: _withdraw,
}
