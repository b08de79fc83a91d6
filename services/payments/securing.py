"""What a payment asks for so that its tenders, and those of an increase, are secured; when all are, it says so."""

from __future__ import annotations

from collections.abc import Iterator

from chassis.decider import Context
from contracts.ids import split_stream
from contracts.message import Event
from contracts.money import Tender
from contracts.payments import (
    CallStep,
    Capability,
    IncreaseStarted,
    PaymentAuthorized,
    PaymentIncreased,
)
from services.payments.authorizing import at_once
from services.payments.card_asking import authorization_request, raise_request
from services.payments.card_calls import CardCall, Secured, raises
from services.payments.increases import Increasing
from services.payments.methods import asks_others, by_provider, by_transfer
from services.payments.payment_state import Payment
from services.payments.prepaid import at_order, charge, charged
from services.payments.transfers import await_transfer, awaits_key
from services.payments.value_asking import hold_all, hold_more

__all__ = ["secure", "secure_more"]


def secure(state: Payment, context: Context) -> Iterator[Event]:
    """Ask for every tender of the round that nobody was asked for; when all are secured, say so."""
    started = state.started
    if started is None:
        return
    asked = {each.call.tender for each in state.cards.calls.values() if each.round == state.round and _first(each)}
    waiting = [place for place, tender in enumerate(started.tenders) if by_provider(tender)]
    for number, place in enumerate(place for place in waiting if place not in asked):
        yield authorization_request(state, context, place, started.tenders[place], number)
    yield from hold_all(state, context)
    sent = [place for place, tender in enumerate(started.tenders) if by_transfer(tender)]
    for place in sent:
        if str(place) not in state.transfers.received:
            yield await_transfer(started.order_id, place, started.tenders[place].amount, context)
    whole = all(state.transfers.received.get(str(place)) == started.tenders[place].amount.amount for place in sent)
    others = [place for place, tender in enumerate(started.tenders) if asks_others(tender)]
    if whole and all(str(place) in state.secured for place in others):
        rows = tuple(
            state.secured[str(place)] if asks_others(tender) else at_once(place, tender, context)
            for place, tender in enumerate(started.tenders)
        )
        charges = tuple(charge(state, context, started.tenders, rows))
        yield from charges
        if charges or not charged(state, rows):
            return
        yield PaymentAuthorized(
            order_id=started.order_id,
            amount=started.amount,
            tenders=started.tenders,
            authorizations=rows,
            reply_to=started.reply_to,
        )


def _first(each: CardCall) -> bool:
    """A call that secures a tender for the order, not one for a capture or an increase alone."""
    return each.call.step is CallStep.AUTHORIZE and each.call.part is None and each.call.increase is None


# More


def secure_more(state: Payment, context: Context) -> Iterator[Event]:
    """Ask for every tender of the increase that nobody was asked for; when all are secured, say so. What an authorisation
    is raised by cannot be let go of alone: that is asked for last, and of one tender."""
    under_way = state.increases.under_way
    if under_way is None:
        return
    asked, waits = under_way.asked, False
    for event in _ask_for_more(state, asked, context):
        waits = True
        yield event
    last = _to_raise(state, under_way)
    open_ = [place for place in _to_ask(asked) if str(place) not in under_way.secured]
    if waits or not _came(state, asked) or [place for place in open_ if last is None or place != last[0]]:
        return
    if last is not None:
        place, row = last
        yield raise_request(state, context, place, asked.tenders[place], row, asked.increase)
        return
    secured = tuple(under_way.secured.values())
    charges = tuple(charge(state, context, asked.tenders, secured, asked.increase))
    yield from charges
    if charges or not charged(state, secured):
        return
    yield PaymentIncreased(
        order_id=asked.order_id,
        increase=asked.increase,
        amount=asked.amount,
        tenders=asked.tenders,
        authorizations=tuple(
            under_way.secured.get(str(place)) or at_once(place, tender, context)
            for place, tender in enumerate(asked.tenders)
        ),
        reply_to=asked.reply_to,
    )


def _ask_for_more(state: Payment, asked: IncreaseStarted, context: Context) -> Iterator[Event]:
    under_way = state.increases.under_way
    last = None if under_way is None else _to_raise(state, under_way)
    number = 0
    for place in _unasked(state, asked):
        if last is None or place != last[0]:
            yield authorization_request(state, context, place, asked.tenders[place], number, increase=asked.increase)
            number += 1
    yield from hold_more(state, asked, context)
    for place, tender in enumerate(asked.tenders):
        if by_transfer(tender) and awaits_key(place, asked.increase) not in state.transfers.received:
            yield await_transfer(split_stream(context.stream)[1], place, tender.amount, context, asked)


def _to_ask(asked: IncreaseStarted) -> list[int]:
    """The tenders that somebody has to be asked for, by their places."""
    return [place for place, tender in enumerate(asked.tenders) if tender.amount.amount and asks_others(tender)]


def _unasked(state: Payment, asked: IncreaseStarted) -> list[int]:
    """The tenders by card of an increase that no provider was asked for, by their places."""
    known = {each.call.tender for each in state.cards.calls.values() if each.call.increase == asked.increase}
    return [place for place in _to_ask(asked) if by_provider(asked.tenders[place]) and place not in known]


def _came(state: Payment, asked: IncreaseStarted) -> bool:
    """Whether all that is to come by transfer for an increase is there."""
    received = state.transfers.received
    return all(
        received.get(awaits_key(place, asked.increase)) == tender.amount.amount
        for place, tender in enumerate(asked.tenders)
        if by_transfer(tender)
    )


def _to_raise(state: Payment, under_way: Increasing) -> tuple[int, Secured] | None:
    """The tender that an authorisation is raised for, and that authorisation; nothing once one was."""
    increase = under_way.asked.increase
    if any(raises(each.call) for each in state.cards.calls.values() if each.call.increase == increase):
        return None
    for place in _unasked(state, under_way.asked):
        rows = [row for row in state.cards.secured.values() if _may_raise(state, row, under_way.asked.tenders[place])]
        if rows:
            return place, min(rows, key=lambda row: row.row.authorization)
    return None


def _may_raise(state: Payment, row: Secured, tender: Tender) -> bool:
    """Whether an authorisation can be raised for a tender: it is of the same stored method, and allows it."""
    of = state.tenders[row.row.tender]
    same = (of.reference, of.provider) == (tender.reference, tender.provider) and not at_order(tender)
    allowed = Capability.INCREMENTAL in row.row.capabilities and row.row.reference is not None
    return same and allowed and row.usable and not row.row.final
