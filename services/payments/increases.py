"""What is secured of an order beside what it was placed with: the increases under way, done and declined.

State and evolve of a part of the payment; the deciders are in increasing.py, what is asked when in advancing_more.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chassis.maps import HashTrieMap
from chassis.states import replace
from contracts.money import Tender
from contracts.payments import (
    Authorization,
    DeclineReason,
    IncreaseDeclined,
    IncreaseStarted,
    PaymentAuthorized,
    PaymentIncreased,
)
from services.payments import prepaid, transfers, value_calls
from services.payments.card_calls import give_up_increase

if TYPE_CHECKING:
    from services.payments.payment_state import Payment

__all__ = ["ENDS_THE_INCREASE", "Increases", "Increasing", "declined", "done", "secured_more", "started"]

ENDS_THE_INCREASE = frozenset(
    {DeclineReason.CARD_DECLINED, DeclineReason.NOT_RECEIVED, DeclineReason.VALUE_REFUSED, DeclineReason.VOIDED}
)
"""Declines of an increase that was under way; all others say that it did not even begin."""


@dataclass(frozen=True, slots=True)
class Increasing:
    """An increase that somebody outside is asked for; `secured` is what of it is, by the tender's place."""

    asked: IncreaseStarted
    secured: HashTrieMap[str, Authorization] = field(default_factory=HashTrieMap)


@dataclass(frozen=True, slots=True)
class Increases:
    """One at most is `under_way`; `done` and `declined` are those that have an answer, by their ids."""

    under_way: Increasing | None = None
    done: HashTrieMap[str, PaymentIncreased] = field(default_factory=HashTrieMap)
    declined: HashTrieMap[str, IncreaseDeclined] = field(default_factory=HashTrieMap)

    def waits_for(self, increase: str | None) -> bool:
        """Whether this increase is under way."""
        return self.under_way is not None and self.under_way.asked.increase == increase


def started(state: Payment, event: IncreaseStarted) -> Payment:
    """Somebody outside is asked for more, also of a payment whose rest was let go of."""
    return replace(state, voided=False, increases=replace(state.increases, under_way=Increasing(event)))


def secured_more(state: Payment, increase: str | None, row: Authorization) -> Payment:
    """A tender of the increase is secured, if that is under way still."""
    under_way = state.increases.under_way
    if under_way is None or under_way.asked.increase != increase:
        return state
    under_way = replace(under_way, secured=under_way.secured.insert(str(row.tender), row))
    return replace(state, increases=replace(state.increases, under_way=under_way))


def done(state: Payment, event: PaymentIncreased) -> Payment:
    """With more secured: of a tender that is known its authorisation is for so much more."""
    before, remaining = state.authorized, state.remaining
    rows = {row.tender: row for row in before.authorizations} if before else {}
    for row in event.authorizations:
        known, place = rows.get(row.tender), str(row.tender)
        rows[row.tender] = row if known is None else known.model_copy(update={"amount": known.amount + row.amount})
        remaining = remaining.insert(place, remaining.get(place, 0) + row.amount.amount)
    authorized = PaymentAuthorized(
        order_id=event.order_id,
        amount=event.amount if before is None else before.amount + event.amount,
        tenders=_summed(before.tenders if before else (), event.tenders),
        authorizations=tuple(rows[place] for place in sorted(rows)),
        reply_to=before.reply_to if before else event.reply_to,
    )
    others = None if state.increases.waits_for(event.increase) else state.increases.under_way
    increases = replace(state.increases, done=state.increases.done.insert(event.increase, event), under_way=others)
    came = transfers.without(state.transfers, event.increase)
    return replace(state, authorized=authorized, remaining=remaining, increases=increases, transfers=came, voided=False)


def declined(state: Payment, event: IncreaseDeclined) -> Payment:
    """It is remembered, so that it is not begun when it is asked for again; what is secured for it nobody wants."""
    known = state.increases
    ends = known.waits_for(event.increase)
    if event.increase in known.done or (ends and event.reason not in ENDS_THE_INCREASE):
        return state
    kept = known.declined.insert(event.increase, event)
    state = replace(state, increases=replace(known, declined=kept, under_way=None if ends else known.under_way))
    if not ends:
        return state
    came = transfers.received_for(state.transfers, event.increase)
    return replace(
        state,
        cards=give_up_increase(state.cards, event.increase),
        prepaid=prepaid.unwanted(state.prepaid, event.increase),
        values=value_calls.give_up(state.values, event.increase),
        transfers=transfers.without(state.transfers, event.increase, idle=came),
    )


def _summed(before: Sequence[Tender], more: Sequence[Tender]) -> tuple[Tender, ...]:
    """The tenders by their places, each with what of it is secured in all; those that pay nothing more stay."""
    both = [
        tender.model_copy(update={"amount": known.amount + tender.amount})
        for known, tender in zip(before, more, strict=False)
    ]
    return (*both, *before[len(both) :], *more[len(both) :])
