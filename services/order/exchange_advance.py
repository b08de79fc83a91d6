"""The next steps of exchanges: keep back what waits for goods to come, secure what is lacking, set credit against what
leaves, charge what does not come back, and pay out what is over.

Asked whenever the order's state has changed; each takes one step that this state allows. The sums are in
exchange_money.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chassis.decider import Context
from contracts.ids import aggregate_id
from contracts.message import Event
from contracts.money import Money, Tender
from contracts.order import (
    CancelReason,
    CreditApplied,
    CreditCharged,
    CreditPaidOut,
    ExchangeSend,
    HeldStep,
    HoldKind,
    IncreaseRequested,
    RefundCause,
    RefundGranted,
)
from contracts.payments import CaptureLine
from services.order.cancelling import cancel_units, cancellable
from services.order.change_plan import PAYS_MORE
from services.order.exchange_money import (
    any_settled,
    exchanges,
    lines_still_out,
    of_lines,
    open_units,
    owed_in_money,
    room,
    secured,
    to_leave,
)
from services.order.exchange_state import MORE, Exchange
from services.order.order import IN_FULFILLMENT, hold, line_units
from services.order.refunding import Due, granted
from services.order.reservation_saga import STEPS
from services.order.reservation_state import INCREASE

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["advance", "goods_are_out", "kept_for_returns", "set_against", "short_hold"]


def kept_for_returns(state: OrderStream) -> frozenset[str]:
    """Lines that do not leave yet, or not at all: the goods that they are sent for have still to come, or nothing came of
    them; or what they cost more is not secured."""
    waiting = [each for each in exchanges(state) if each.send is ExchangeSend.ON_RECEIPT]
    short = bool(waiting) and owed_in_money(state) > secured(state)
    return frozenset(line for each in waiting if short or not _all_decided(state, each) for line in each.lines)


def _all_decided(state: OrderStream, each: Exchange) -> bool:
    """Whether goods came for it, and nothing more is to come."""
    return any_settled(state, each) and not open_units(state, each)


def goods_are_out(state: OrderStream) -> bool:
    """Whether what is secured for goods that have not come back is still needed."""
    return next(lines_still_out(state), None) is not None


def set_against(
    state: OrderStream, fulfillment: str, ranges: Sequence[CaptureLine], most: int, used: dict[str, int]
) -> list[CreditApplied]:
    """The credit that pays for what left, up to `most` (minor units). `used` is what this handling has used of each
    exchange before, and is counted on."""
    found = []
    for each in exchanges(state):
        free = room(state, each) - used.get(each.change, 0)
        amount = min(most, free, of_lines(state, each, ranges))
        if amount > 0:
            most -= amount
            used[each.change] = used.get(each.change, 0) + amount
            money = Money(amount=amount, currency=state.order.terms.currency)
            found.append(CreditApplied(change=each.change, fulfillment=fulfillment, amount=money))
    return found


def advance(state: OrderStream, context: Context) -> Sequence[Event]:
    """The next step of an exchange, if there is one; nothing where there is no exchange."""
    for each in exchanges(state):
        # What waits for goods that never came goes first: until it is cancelled, it would be paid by the others.
        if state.order.open and not open_units(state, each) and (events := _nothing_came(state, each, context)):
            return events
    for each in exchanges(state):
        over = each.earned - each.paid_out - each.applied - to_leave(state, each)
        if over > 0:
            return _pay_out(state, each, over, context)
        if not state.order.open:
            continue
        if (short := -room(state, each)) > 0:
            return (_charge(state, each, short),)
        if not open_units(state, each) and (events := _lacking(state, each, context)):
            return events
    return ()


def _pay_out(state: OrderStream, each: Exchange, over: int, context: Context) -> Sequence[Event]:
    """What came back is worth more than what was sent, or what was to be sent was cancelled."""
    due = Due((), over, 0, 0, over)
    reason = f"exchange {each.change}"
    refund = granted(state, context, due, RefundCause.EXCHANGED, reason=reason)
    assert isinstance(refund, RefundGranted)
    paid = CreditPaidOut(change=each.change, refund=refund.refund, amount=refund.amount)
    # First out of the exchange, then granted as money: so it is never counted twice.
    return paid, refund


def _charge(state: OrderStream, each: Exchange, short: int) -> CreditCharged:
    """Goods left that nothing pays for any more."""
    terms, number = state.order.terms, each.charges + 1
    key = aggregate_id(terms.tenant, "exchange_charge", terms.order_id, each.change, str(number))
    return CreditCharged(change=each.change, fulfillment=key, amount=Money(amount=short, currency=terms.currency))


def _lacking(state: OrderStream, each: Exchange, context: Context) -> Sequence[Event]:
    """Nothing more comes back, and something did: what waited for it and costs more than was agreed is secured first."""
    if each.send is not ExchangeSend.ON_RECEIPT or not any_settled(state, each) or not to_leave(state, each):
        return ()
    lacking = owed_in_money(state) - secured(state)
    if lacking <= 0 or state.changes.increase is not None or _held(state, each):
        return ()
    return (_secure(state, each, lacking, context),)


def _nothing_came(state: OrderStream, each: Exchange, context: Context) -> Sequence[Event]:
    """Nothing more comes back, and nothing did: nothing leaves of what waited for it."""
    if each.send is not ExchangeSend.ON_RECEIPT or any_settled(state, each):
        return ()
    wanted = {name: cancellable(state, name) for name in each.lines if name in state.order.lines}
    at_nodes = any(line_units(state.order.lines[name], *IN_FULFILLMENT) for name in wanted)
    if at_nodes or not any(wanted.values()) or state.reservation.unanswered:
        return ()
    return cancel_units(state, wanted, CancelReason.NOT_RETURNED, None, context)


def _held(state: OrderStream, each: Exchange) -> bool:
    held = (one for one in state.order.holds.values() if one.kind is HoldKind.EXCHANGE_SHORT)
    return any(set(each.lines) & set(one.lines) for one in held)


def _secure(state: OrderStream, each: Exchange, lacking: int, context: Context) -> Event:
    """By the last tender that can pay more; where there is none, somebody has to look."""
    terms = state.order.terms
    money = Money(amount=lacking, currency=terms.currency)
    able = [place for place, tender in enumerate(terms.tenders) if tender.method in PAYS_MORE]
    if not able:
        return short_hold(state, each, f"{money.to_decimal()} {money.currency} more is due than was agreed")
    nothing = Money(amount=0, currency=terms.currency)
    last = max(able, key=lambda place: (terms.tenders[place].rank, place))
    tenders: list[Tender] = [
        tender.model_copy(update={"amount": money if place == last else nothing})
        for place, tender in enumerate(terms.tenders)
    ]
    by = context.now + STEPS[INCREASE].answer_within
    name = f"{each.change}{MORE}{each.asks + 1}"
    return IncreaseRequested(change=name, amount=money, tenders=tuple(tenders), answer_by=by)


def short_hold(state: OrderStream, each: Exchange, why: str) -> Event:
    """What came back is worth less than was agreed, and the rest cannot be taken: a person decides. Released, it is
    asked for again; the lines may be cancelled instead, and what came is paid out."""
    detail = f"exchange {each.change}: {why}"
    lines = [name for name in each.lines if name in state.order.lines]
    return hold(state.order, HoldKind.EXCHANGE_SHORT, detail, (HeldStep.RELEASE,), lines, held=lines)
