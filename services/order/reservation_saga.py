"""The reservation saga: source the order once, claim every unit, secure the money, confirm.

It folds the order's own stream. Here are the table and the messages that go out; its state is in reservation_state.py,
what it makes of answers in reservation_answers.py, and its next steps in reservation_advance.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chassis.decider import Fold, Outgoing, Send
from chassis.saga import Step, ask, asked_by, asking, name_of, undo
from contracts.ids import aggregate_id, stream
from contracts.inventory import (
    ClaimRepeated,
    ClaimStock,
    Demand,
    DemandQueued,
    OnShortage,
    ReleaseClaim,
    StockRejected,
    StockReserved,
)
from contracts.message import Event, Message
from contracts.order import (
    AuthorizationRequested,
    ChangeDeclined,
    ClaimRefused,
    FulfillmentDeclined,
    FulfillmentWithdrawn,
    GivenBack,
    IncreaseRequested,
    LinesCancelled,
    LinesPicked,
    LinesShort,
    LinesWithdrawn,
    OrderCancelled,
    ShipGroupChanged,
    SourcingDecided,
    StepAskedAgain,
    StockGivenBack,
)
from contracts.payments import (
    AuthorizeMore,
    AuthorizePayment,
    CancelIncrease,
    IncreaseDeclined,
    PaymentAuthorized,
    PaymentDeclined,
    PaymentIncreased,
    PaymentRepeated,
    VoidPayment,
)
from services.order.fulfillment_state import to_pick
from services.order.order import OrderState, line_of
from services.order.promising import needed_by
from services.order.reservation_state import (
    AUTHORIZE,
    CLAIM,
    INCREASE,
    ONLY,
    Claim,
    ReservationState,
    claims_in_order,
    deadlines_of,
    evolve,
)
from services.order.sourcing_decision import CLAIMS_ANSWERED_WITHIN

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["FOLD", "STEPS", "void_payment"]


# The table


def _claim(state: OrderStream, key: str) -> Sequence[Send]:
    claims = (
        claim for claim in claims_in_order(state.reservation.claims) if claim.decision == int(key) and claim.unanswered
    )
    return [_to_stock_item(state.order, claim, _claim_stock(state.order, claim), True) for claim in claims]


def _claim_stock(order: OrderState, claim: Claim) -> ClaimStock:
    return ClaimStock(
        sku=claim.sku,
        demand=_demand(order, claim),
        sequence=claim.sequence,
        quantity=claim.quantity,
        unit=claim.unit,
        location=claim.location,
        eligible_locations=claim.eligible_locations,
        on_shortage=OnShortage.QUEUE if claim.queue else OnShortage.REJECT,
        need_by=needed_by(order.terms, line_of(order, claim.line)),
        priority=order.terms.priority,
    )


def _release_claims(state: OrderStream, key: str) -> Sequence[Send]:
    claims = claims_in_order(state.reservation.claims)
    return [_release_claim(state.order, claim) for claim in claims if claim.decision == int(key) and claim.live]


def _release_claim(order: OrderState, claim: Claim, quantity: int | None = None, location: str | None = None) -> Send:
    """Give a claim back, whole or so much of it."""
    release = ReleaseClaim(
        sku=claim.sku,
        demand=_demand(order, claim),
        sequence=claim.sequence,
        quantity=quantity,
        location=location,
    )
    return _to_stock_item(order, claim, release, False)


def _demand(order: OrderState, claim: Claim) -> Demand:
    return Demand(kind="order", id=order.terms.order_id, line=claim.line)


def _to_stock_item(order: OrderState, claim: Claim, message: Message, wants_answer: bool) -> Send:
    item = stream("stock_item", aggregate_id(order.terms.tenant, "stock_item", claim.sku))
    return Send("inventory", item, message, wants_answer)


def _authorize(state: OrderStream, key: str) -> Sequence[Send]:
    asked = state.reservation.authorization
    if asked is None:
        return ()
    terms = state.order.terms
    message = AuthorizePayment(order_id=terms.order_id, amount=asked.amount, tenders=asked.tenders)
    return [Send("payments", stream("payment", terms.order_id), message, wants_answer=True)]


def void_payment(state: OrderStream, key: str, cause: str | None = None) -> Sequence[Send]:
    """Give back what is authorised and not captured."""
    order_id = state.order.terms.order_id
    return [Send("payments", stream("payment", order_id), VoidPayment(order_id=order_id, cause=cause))]


def _increase(state: OrderStream, key: str) -> Sequence[Send]:
    asked, order_id = state.changes.increase, state.order.terms.order_id
    if asked is None or asked.change != key:
        return ()
    named: dict[str, Any] = {"amount": asked.amount, "tenders": asked.tenders, "until": asked.until}
    message = AuthorizeMore(order_id=order_id, increase=key, **named)
    return [Send("payments", stream("payment", order_id), message, wants_answer=True)]


def _give_up_increase(state: OrderStream, change: str) -> Sequence[Send]:
    """Nobody waits for its money any more; nothing where none was asked for."""
    amount, order_id = state.changes.given_up.get(change), state.order.terms.order_id
    if amount is None:
        return ()
    return [
        Send(
            "payments",
            stream("payment", order_id),
            CancelIncrease(order_id=order_id, increase=change, amount=amount),
        )
    ]


def _void_increase(state: OrderStream, key: str) -> Sequence[Send]:
    """One void gives all of it back."""
    return void_payment(state, key) if state.reservation.authorization is None else ()


STEPS: Mapping[str, Step] = {
    step.name: step
    for step in (
        Step(
            name=CLAIM,
            when="the order is placed and nothing holds it; units were refused, lost, found short or rejected",
            asked_by=SourcingDecided,
            keys=lambda event: (str(event.decision),),
            service="inventory",
            sends=ClaimStock,
            answers=(StockReserved, DemandQueued, StockRejected, ClaimRepeated),
            answer_within=CLAIMS_ANSWERED_WITHIN,
            asks_max=3,
            on_silence="hold no_answer",
            ask=_claim,
            compensation=ReleaseClaim,
            undo=_release_claims,
        ),
        Step(
            name=AUTHORIZE,
            when="every unit is reserved, backordered or cancelled, or some were handed out at a till; something is owed",
            asked_by=AuthorizationRequested,
            keys=lambda event: (ONLY,),
            service="payments",
            sends=AuthorizePayment,
            answers=(PaymentAuthorized, PaymentDeclined, PaymentRepeated),
            answer_within=timedelta(minutes=15),
            asks_max=3,
            on_silence="hold no_answer",
            ask=_authorize,
            compensation=VoidPayment,
            undo=void_payment,
        ),
        Step(
            name=INCREASE,
            when="a change is confirmed that costs more than payments was asked to secure",
            asked_by=IncreaseRequested,
            keys=lambda event: (event.change,),
            service="payments",
            sends=AuthorizeMore,
            answers=(PaymentIncreased, IncreaseDeclined),
            answer_within=timedelta(minutes=15),
            asks_max=3,
            on_silence="hold no_answer, which blocks nothing; the change ends when it is not paid in time",
            ask=_increase,
            compensation=VoidPayment,
            undo=_void_increase,
        ),
    )
}

_ASKING = asking(STEPS)


# Reactions


def react(state: OrderStream, event: Event) -> Sequence[Outgoing]:
    """The messages of a step that was asked for, and the compensation of what is given up."""
    match event:
        case StepAskedAgain():
            return ask(STEPS, event.step, event.key, state)
        case ClaimRefused():
            return _release_if_asked_again(state, event.sequence)
        case LinesCancelled():
            return [*_give_back(state, event.released_claims), *_give_back_parts(state, event.given_back)]
        case StockGivenBack():
            part = GivenBack(sequence=event.sequence, quantity=event.quantity, location=event.location)
            return _give_back_parts(state, (part,))
        case ShipGroupChanged():
            return _give_back(state, event.released_claims)
        case FulfillmentDeclined():
            return _give_back(state, event.claims)
        case LinesWithdrawn() | FulfillmentWithdrawn():
            parts = _give_back_parts(state, event.given_back)
            return [*parts, *_give_back_after(state, event.fulfillment_order)]
        case LinesPicked() | LinesShort():
            return _give_back_after(state, event.fulfillment_order)
        case ChangeDeclined():
            return _give_up_increase(state, event.change)
        case OrderCancelled():
            return undo(STEPS, state.reservation.asks, state)
    return asked_by(_ASKING, event, state)


def _release_if_asked_again(state: OrderStream, sequence: int) -> Sequence[Send]:
    """Inventory keeps nothing of a claim that it refuses, so it may have served the one that was asked for again."""
    claim = state.reservation.claims[str(sequence)]
    asked = state.reservation.asks[name_of(CLAIM, str(claim.decision))]
    return [_release_claim(state.order, claim)] if asked.asks > 1 else ()


def _give_back(state: OrderStream, sequences: Iterable[int]) -> Sequence[Send]:
    """Release these claims, but for one that a node still has to pick from: a release gives back all that a claim
    holds, at every location."""
    return [
        _release_claim(state.order, state.reservation.claims[str(sequence)])
        for sequence in sequences
        if not to_pick(state.fulfillment, sequence)
    ]


def _give_back_parts(state: OrderStream, parts: Iterable[GivenBack]) -> Sequence[Send]:
    """Release so much of these claims, whoever else the rest of them is held for."""
    claims = state.reservation.claims
    return [_release_claim(state.order, claims[str(part.sequence)], part.quantity, part.location) for part in parts]


def _give_back_after(state: OrderStream, fulfillment_order: str) -> Sequence[Send]:
    """Release what was given back while this node still had to pick from it."""
    sequences = dict.fromkeys(line.sequence for line in state.fulfillment.works[fulfillment_order].lines)
    return _give_back(state, [each for each in sequences if not state.reservation.claims[str(each)].live])


FOLD = Fold("reservation", 5, ReservationState(), evolve, react, deadlines_of)
