"""What an exchange is made of: which units come back and for how much, which lines go out for them, and when they leave.

It is planned as a part of a change (change_plan.py), so that it is shown, confirmed and paid like any. Nothing is done
here; the next steps are in exchange_advance.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from chassis.decider import Context
from contracts.message import Event
from contracts.money import Money, TaxLine
from contracts.order import (
    ChangeProposed,
    ChangeRefusal,
    DeclinedReturnLine,
    ExchangeAgreed,
    ExchangeSend,
    ExchangeWish,
    OrderLine,
    ProposeChange,
    RelatesTo,
    RelationKind,
    ReturnLine,
    ReturnWish,
)
from services.order.exchange_money import credit_for, value_for, waiting, worth_nothing
from services.order.order import line_of
from services.order.refused import Refused
from services.order.return_policy import POLICIES, label_fee, label_fee_set, postage_for
from services.order.returning import asked_lines, requested_with
from services.order.value import own_value, rated_among

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["agreed", "coming", "for_exchange", "going", "terms_of"]


# The plan


def coming(message: ProposeChange, state: OrderStream, context: Context) -> tuple[ReturnLine, ...]:
    """The units that are to come back. Raises Refused where the rules do not let them, or a person has to decide and makes no exception, or
    nothing is due for them, or their money is not taken yet."""
    wishes = message.returns or ()
    if not wishes:
        return ()
    named = [ReturnWish(line=wish.line, quantity=wish.quantity, reason=wish.reason) for wish in wishes]
    lines: list[ReturnLine] = []
    for line in asked_lines(named, message.terms, state, context):
        if isinstance(line, DeclinedReturnLine):
            detail = f"line {line.line} may not come back by the rules ({line.denial}): ask for the return by itself"
            raise Refused(ChangeRefusal.NOT_RETURNABLE, detail)
        if line.question is not None and not message.exception:
            detail = (
                f"line {line.line} comes back if a person makes an exception ({line.question}): say why in `exception`"
            )
            raise Refused(ChangeRefusal.NOT_RETURNABLE, detail)
        lines.append(line)
    if worth_nothing(state, lines):
        detail = "some of it was paid back, sent again or paid to another system: ask for the return by itself"
        raise Refused(ChangeRefusal.NOT_RETURNABLE, detail)
    if waiting(state, lines):
        raise Refused(ChangeRefusal.NOT_CAPTURED, "what is to come back is not paid for yet")
    return tuple(lines)


def going(message: ProposeChange, returned: Sequence[ReturnLine], state: OrderStream) -> list[OrderLine]:
    """The lines that go out for them: as much of another article as comes back of a line, at what was paid for that; and
    whatever is added."""
    wishes = message.returns or ()
    lines = [_instead(wish, wish.sku, returned, state) for wish in wishes if wish.sku]
    if not returned:
        return list(message.added)
    first = RelatesTo(kind=RelationKind.EXCHANGE_OF, line=returned[0].line)
    lines += [line.model_copy(update={"relates_to": line.relates_to or first}) for line in message.added]
    if not lines:
        raise Refused(ChangeRefusal.INCOMPLETE, "nothing goes out for what comes back: ask for the return by itself")
    return lines


def _instead(wish: ExchangeWish, sku: str, returned: Sequence[ReturnLine], state: OrderStream) -> OrderLine:
    """So many of another article, for what was paid for the units that come back, taxes included."""
    mine = [line for line in returned if line.line == wish.line]
    if not mine:
        raise Refused(
            ChangeRefusal.INCOMPLETE, f"line {wish.line} is a kit: say in `added` what goes out for it, and at what"
        )
    before = line_of(state.order, wish.line)
    paid = Money(amount=value_for(state, mine), currency=before.amount.currency)
    worth = max(1, own_value(before))
    return OrderLine(
        line="",
        channel_line=before.channel_line,
        sku=sku,
        quantity=wish.quantity,
        unit=before.unit,
        amount=paid,
        tax_included=True,
        taxes=tuple(_part(tax, paid.amount, worth) for tax in before.taxes),
        ship_group=before.ship_group,
        relates_to=RelatesTo(kind=RelationKind.EXCHANGE_OF, line=before.line),
        final_sale=before.final_sale,
        return_policy=before.return_policy,
    )


def _part(tax: TaxLine, paid: int, worth: int) -> TaxLine:
    """The tax in a part of what a line is worth."""

    def part(money: Money) -> Money:
        return Money(amount=money.amount * min(paid, worth) // worth, currency=money.currency)

    return tax.model_copy(update={"base": part(tax.base), "amount": part(tax.amount)})


def terms_of(message: ProposeChange, returned: Sequence[ReturnLine], state: OrderStream) -> dict[str, Any]:
    """What is agreed about what comes back: who pays the way, what is credited, and when the other goods leave. Raises
    Refused where the rules do not let them leave at once."""
    if not returned:
        return {}
    label = bool(message.label)
    postage = postage_for(returned, label)
    currency = state.order.terms.currency
    fee = label_fee_set(message.terms, currency)
    credit = credit_for(state, returned, label_fee(postage, currency, fee))
    return {
        "returns": tuple(returned),
        "postage": postage,
        "label": label,
        "label_fee": fee,
        "send": _send(message.send, returned),
        "credit": Money(amount=credit, currency=currency),
        "exception": message.exception if any(line.question for line in returned) else None,
    }


def _send(wished: ExchangeSend | None, returned: Iterable[ReturnLine]) -> ExchangeSend:
    """At once where the rules of all lines that come back let them, unless somebody wishes otherwise."""
    allowed = all((line.rule or POLICIES[line.policy]).at_once for line in returned)
    if wished is ExchangeSend.AT_ONCE and not allowed:
        raise Refused(ChangeRefusal.NOT_AT_ONCE, "the rules of what comes back have it come first")
    return wished or (ExchangeSend.AT_ONCE if allowed else ExchangeSend.ON_RECEIPT)


# Doing it


def for_exchange(proposed: ChangeProposed, state: OrderStream, context: Context) -> Sequence[Event]:
    """The return of what comes back, which whoever confirms agrees to."""
    if not proposed.returns or proposed.postage is None:
        return ()
    return requested_with(
        proposed.returns,
        state,
        context,
        postage=proposed.postage,
        label=bool(proposed.label),
        label_fee=proposed.label_fee,
        exchange=proposed.change,
        exception=proposed.exception,
    )


def agreed(proposed: ChangeProposed, state: OrderStream) -> Sequence[Event]:
    """What is sent for what comes back, and what both are worth."""
    if not proposed.returns or proposed.send is None or proposed.credit is None:
        return ()
    lines = [line for line in proposed.lines if line.line in _rated(proposed)]
    worth = sum(own_value(line) for line in lines)
    event = ExchangeAgreed(
        change=proposed.change,
        number=len(state.returns.returns) + 1,
        lines=tuple(line.line for line in lines),
        send=proposed.send,
        credit=proposed.credit,
        worth=Money(amount=worth, currency=proposed.credit.currency),
    )
    return (event,)


def _rated(proposed: ChangeProposed) -> frozenset[str]:
    """The lines that goods leave by: of a kit its components."""
    return frozenset(line.line for line in rated_among(proposed.lines))
