"""What a provider's outcomes lead to: each call has one end, and what comes late, twice or out of order changes nothing.

Reported by the worker, told by a provider's notice, or found out by a person; all go the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from chassis.decider import Context
from contracts.message import Event
from contracts.money import CaptureTime, Money, TenderMethod
from contracts.payments import (
    Authorization,
    CallResult,
    CallStep,
    CaptureRefusal,
    CardActionRequired,
    CardAuthorizationRaised,
    CardAuthorized,
    CardCaptured,
    CardDecline,
    CardDeclined,
    CardRefunded,
    CardVoided,
    DeclineReason,
    IgnoredBecause,
    ProviderCall,
    ProviderCallDelayed,
    ProviderCallPending,
    ProviderOutcomeResolved,
    ProviderOutcomeUnknown,
    ProviderOutcomeUnresolved,
    RecordProviderOutcome,
    RefundRefusal,
    ResolutionRefusal,
    ResolutionRefused,
    ResolveProviderOutcome,
)
from services.payments.card_calls import CallStage, CardCall, raises
from services.payments.disputes import dispute
from services.payments.endings import (
    capture_refused,
    ignored,
    increase_declined,
    payment_declined,
    refund_refused,
)
from services.payments.invoice_charges import failed
from services.payments.methods import (
    ACTION_WITHIN,
    ASK_AFTER,
    ASK_PENDING_AFTER,
    CAPTURE_DECLINES_MAX,
    PAYMENTS_DESK,
    RETRY_AFTER_MAX,
    SOFT_AGAIN_AFTER,
    TRY_AGAIN_AFTER,
)
from services.payments.payment_state import Payment
from services.payments.reversing import prepaid_reversed, refund_reversed

__all__ = ["declined", "record_outcome", "resolve", "unresolved"]


def record_outcome(message: RecordProviderOutcome, state: Payment, context: Context) -> Sequence[Event]:
    """What comes of what a provider said."""
    if message.dispute is not None:
        return dispute(message, message.dispute, state)
    known = state.cards.calls.get(message.key)
    if known is None or known.call.step is not message.step:
        return [ignored(message, IgnoredBecause.UNKNOWN_CALL)]
    if not known.open or (known.taken_back and message.result is CallResult.DONE):
        return _late(message, state, known, context)
    match message.result:
        case CallResult.DONE:
            return _done(message, state, known, context)
        case CallResult.DECLINED if known.call.prepaid and known.call.step is CallStep.REFUND:
            return _not_given_back(message, known)
        case CallResult.DECLINED:
            reason = message.reason or CardDecline.OTHER
            return declined(state, known, context, message.provider, reason, message.soft, message.code)
        case CallResult.NEVER_SEEN:
            return _delayed(message, known, context)
    if not _news(message.result, known):
        return [ignored(message, IgnoredBecause.NOTHING_NEW)]
    match message.result:
        case CallResult.ACTION_REQUIRED:
            return [_action_required(message, known, context)]
        case CallResult.PENDING:
            return [_pending(message, known, context)]
        case CallResult.TRY_AGAIN if known.stage is CallStage.ASKED:
            return _delayed(message, known, context)
    return [_unknown(message, known, context)]


def _news(result: CallResult, known: CardCall) -> bool:
    """Whether an outcome that is no end says more than is known: of a call that was just made or asked after, or that
    the payer has to confirm."""
    if result is CallResult.ACTION_REQUIRED:
        return known.stage is not CallStage.ACTION_REQUIRED and known.call.step is CallStep.AUTHORIZE
    waits = (CallStage.UNKNOWN, CallStage.PENDING)
    if result is CallResult.PENDING and known.stage is not CallStage.PENDING:
        return True
    return known.stage is CallStage.ASKED or (known.stage in waits and known.due is None)


def _late(message: RecordProviderOutcome, state: Payment, known: CardCall, context: Context) -> Sequence[Event]:
    """An outcome of a call that has one. What is secured after all counts as long as no other attempt is made, and is let
    go of after that; money that moved after it was said not to, or the other way round, is for a person."""
    happened = message.result is CallResult.DONE
    if happened and known.taken_back:  # told before it was taken back, and overtaken by that
        return [ignored(message, IgnoredBecause.SETTLED)]
    if happened and known.waits_again:
        return _done(message, state, known, context)
    if happened and known.stage is not CallStage.DONE:
        if known.call.step is CallStep.AUTHORIZE:
            return [_authorized(message, state, known)]
        if known.call.step is CallStep.VOID:
            return [_voided(message, known)]
        return [unresolved(message, known, f"{known.call.step} happened after it was declined")]
    if known.stage is CallStage.DONE and known.call.step is CallStep.REFUND and message.result is CallResult.DECLINED:
        if known.call.prepaid:
            return [prepaid_reversed(message, state, known.call), *_not_given_back(message, known)]
        return refund_reversed(message, state, known.call)
    return [ignored(message, IgnoredBecause.NOTHING_NEW if happened else IgnoredBecause.SETTLED)]


def unresolved(message: RecordProviderOutcome, known: CardCall, detail: str) -> ProviderOutcomeUnresolved:
    """A person has to find out what became of a call."""
    call = known.call
    return ProviderOutcomeUnresolved(
        order_id=message.order_id,
        key=call.key,
        step=call.step,
        tender=call.tender,
        amount=call.amount,
        owner=PAYMENTS_DESK,
        detail=detail,
        provider=message.provider,
    )


def _not_given_back(message: RecordProviderOutcome, known: CardCall) -> Sequence[Event]:
    """What was taken and nobody needs is the customer's, and the provider refuses: a person gives it back
    otherwise and says so, or says that it did not happen, and it is tried again."""
    if known.stage is CallStage.UNRESOLVED:
        return [ignored(message, IgnoredBecause.NOTHING_NEW)]
    return [unresolved(message, known, f"{message.provider} refused to give back what was taken and is not needed")]


# It happened


def _done(message: RecordProviderOutcome, state: Payment, known: CardCall, context: Context) -> Sequence[Event]:
    call, amount = known.call, message.amount or known.call.amount
    if call.step is CallStep.VOID:
        return [_voided(message, known)]
    if amount != call.amount:
        return _of_another_amount(message, state, known, context, amount)
    if call.step is CallStep.AUTHORIZE:
        return [_authorized(message, state, known)]
    assert call.part is not None, "a capture and a refund are for a part"
    if call.step is CallStep.CAPTURE:
        return [
            CardCaptured(
                order_id=message.order_id,
                key=call.key,
                capture=call.part,
                tender=call.tender,
                authorization=call.authorization,
                amount=amount,
                provider=message.provider,
                reference=message.reference,
                settlement=message.settlement,
                prepaid=call.prepaid,
            )
        ]
    return [
        CardRefunded(
            order_id=message.order_id,
            key=call.key,
            refund=call.part,
            tender=call.tender,
            amount=amount,
            provider=message.provider,
            reference=message.reference,
            settlement=message.settlement,
            prepaid=call.prepaid,
        )
    ]


def _of_another_amount(
    message: RecordProviderOutcome, state: Payment, known: CardCall, context: Context, amount: Money
) -> Sequence[Event]:
    """A part of what was to be secured is let go of, as if it were declined; of money that moved a person decides."""
    if known.call.step is not CallStep.AUTHORIZE:
        said = f"{message.provider} did it for {amount.to_decimal()} {amount.currency}"
        return [unresolved(message, known, said)]
    ends = declined(state, known, context, message.provider, CardDecline.LIMIT_EXCEEDED)
    return [*ends, _authorized(message, state, known)]


def _authorized(
    message: RecordProviderOutcome, state: Payment, known: CardCall
) -> CardAuthorized | CardAuthorizationRaised:
    call = known.call
    if raises(call):
        return CardAuthorizationRaised(
            order_id=message.order_id,
            key=call.key,
            authorization=call.authorization,
            tender=call.tender,
            amount=message.amount or call.amount,
            provider=message.provider,
        )
    return CardAuthorized(
        order_id=message.order_id,
        key=call.key,
        authorization=Authorization(
            authorization=call.authorization,
            tender=call.tender,
            method=TenderMethod.CARD,
            amount=message.amount or call.amount,
            capture_time=_capture_time(state, call),
            capabilities=message.capabilities,
            final=message.final,
            reference=message.reference,
            expires_at=message.expires_at,
        ),
        provider=message.provider,
        brand=message.brand,
        last_four=message.last_four,
    )


def _capture_time(state: Payment, call: ProviderCall) -> CaptureTime:
    """As the tender says; of a payment that ended meanwhile nothing is captured."""
    return state.tenders[call.tender].capture if call.tender < len(state.tenders) else CaptureTime.AT_FULFILLMENT


def _voided(message: RecordProviderOutcome, known: CardCall) -> CardVoided:
    call = known.call
    return CardVoided(
        order_id=message.order_id,
        key=call.key,
        tender=call.tender,
        authorization=call.authorization,
        provider=message.provider,
    )


# It did not happen


def declined(
    state: Payment,
    known: CardCall,
    context: Context,
    provider: str,
    reason: CardDecline,
    soft: bool = False,
    code: str | None = None,
) -> Sequence[Event]:
    """The provider, or the payer's time, said no: what is said to the order, or when another attempt is made."""
    call, order_id = known.call, context.stream.partition("/")[2]
    first = call.step is CallStep.AUTHORIZE and call.part is None
    wanted = state.started is not None if call.increase is None else state.increases.waits_for(call.increase)
    waits = first and soft and not known.given_up and wanted
    before = _soft_declines(state, call)
    again_at = context.now + SOFT_AGAIN_AFTER[before] if waits and before < len(SOFT_AGAIN_AFTER) else None
    said = _declined_event(order_id, known, provider, reason, soft, code, again_at)
    if again_at is not None or known.given_up or call.step is CallStep.VOID:
        return [said]
    if call.step is CallStep.REFUND:
        return [said, *refund_refused(state, call.part, RefundRefusal.PROVIDER, reason)]
    if call.collection:
        return [said, *failed(state, call, reason, soft)]
    if call.prepaid and state.prepaid[call.authorization].unwanted:
        return [said]
    if call.increase is not None:
        return [said, *increase_declined(state, call.increase, DeclineReason.CARD_DECLINED, reason)]
    if first or call.prepaid:
        return [said, *payment_declined(state, DeclineReason.CARD_DECLINED, reason)]
    return [said, *_capture_refused(state, call)]


def _declined_event(
    order_id: str,
    known: CardCall,
    provider: str,
    reason: CardDecline,
    soft: bool = False,
    code: str | None = None,
    again_at: datetime | None = None,
) -> CardDeclined:
    call = known.call
    return CardDeclined(
        order_id=order_id,
        key=call.key,
        step=call.step,
        tender=call.tender,
        amount=call.amount,
        provider=provider,
        reason=reason,
        soft=soft,
        code=code,
        again_at=again_at,
    )


def _soft_declines(state: Payment, call: ProviderCall) -> int:
    """How often this tender was declined in this round or increase, each time softly: a hard decline ends it."""
    same = (each for each in state.cards.calls.values() if each.round == state.round and each.call.part is None)
    of_tender = (each for each in same if (each.call.tender, each.call.increase) == (call.tender, call.increase))
    return sum(each.stage is CallStage.DECLINED for each in of_tender)


def _capture_refused(state: Payment, call: ProviderCall) -> Sequence[Event]:
    """A capture that is declined is tried on another authorisation, so often; one that cannot be secured is refused."""
    found = [each for each in state.capturing.values() if any(p.capture == call.part for p in each.asked.captures)]
    again = call.step is CallStep.CAPTURE and any(each.declines + 1 < CAPTURE_DECLINES_MAX for each in found)
    return [] if again else capture_refused(state, call.part, CaptureRefusal.CARD_DECLINED)


# It is not known, or not yet done


def _action_required(message: RecordProviderOutcome, known: CardCall, context: Context) -> CardActionRequired:
    return CardActionRequired(
        order_id=message.order_id,
        key=known.call.key,
        tender=known.call.tender,
        authorization=known.call.authorization,
        provider=message.provider,
        reference=message.reference,
        action_url=message.action_url,
        until=context.now + ACTION_WITHIN,
    )


def _pending(message: RecordProviderOutcome, known: CardCall, context: Context) -> Event:
    if known.inquiries >= len(ASK_PENDING_AFTER):
        return unresolved(message, known, f"{message.provider} has taken it and not done it for long")
    return ProviderCallPending(
        order_id=message.order_id,
        key=known.call.key,
        step=known.call.step,
        provider=message.provider,
        reference=message.reference,
        ask_at=context.now + ASK_PENDING_AFTER[known.inquiries],
    )


def _unknown(message: RecordProviderOutcome, known: CardCall, context: Context) -> Event:
    if known.inquiries >= len(ASK_AFTER):
        return unresolved(message, known, f"{message.provider} cannot tell what became of it")
    return ProviderOutcomeUnknown(
        order_id=message.order_id,
        key=known.call.key,
        step=known.call.step,
        inquiries=known.inquiries,
        ask_at=context.now + ASK_AFTER[known.inquiries],
        provider=message.provider,
    )


def _delayed(message: RecordProviderOutcome, known: CardCall, context: Context) -> Sequence[Event]:
    """Nothing happened for certain: the same call again later. What nobody wants any more is over by that."""
    if known.given_up:
        return [_voided(message, known)]
    if known.tries > len(TRY_AGAIN_AFTER):
        return [unresolved(message, known, f"{message.provider} did not take it, {known.tries} times")]
    asked_for = min(timedelta(seconds=message.retry_after or 0), RETRY_AFTER_MAX)
    return [
        ProviderCallDelayed(
            order_id=message.order_id,
            key=known.call.key,
            step=known.call.step,
            tries=known.tries,
            code=message.code,
            again_at=context.now + max(asked_for, TRY_AGAIN_AFTER[known.tries - 1]),
            provider=message.provider,
        )
    ]


# A person


def resolve(command: ResolveProviderOutcome, state: Payment, context: Context) -> Sequence[Event]:
    """A person says what became of a call that is open."""
    known = state.cards.calls.get(command.key)
    refusal = _resolution_refusal(command, known, state)
    if known is None or refusal is not None:
        reason = refusal or ResolutionRefusal.UNKNOWN_CALL
        return [ResolutionRefused(order_id=command.order_id, key=command.key, reason=reason)]
    said = ProviderOutcomeResolved(
        order_id=command.order_id,
        key=command.key,
        step=known.call.step,
        happened=command.happened,
        reference=command.reference,
    )
    outcome = RecordProviderOutcome(
        order_id=command.order_id,
        step=known.call.step,
        key=command.key,
        authorization=known.call.authorization,
        result=CallResult.DONE if command.happened else CallResult.DECLINED,
        provider=known.provider or known.call.provider or PAYMENTS_DESK,
        reference=command.reference or known.reference,
        final=True,
    )
    if command.happened:
        return [said, *_done(outcome, state, known, context)]
    return [said, *declined(state, known, context, outcome.provider, CardDecline.OTHER)]


def _resolution_refusal(
    command: ResolveProviderOutcome, known: CardCall | None, state: Payment
) -> ResolutionRefusal | None:
    if known is None:
        return ResolutionRefusal.UNKNOWN_CALL
    if not known.open:
        return ResolutionRefusal.SETTLED
    if command.happened and state.cards.done_by_another(known.call):
        return ResolutionRefusal.DONE_TWICE
    named = command.reference or known.reference or known.call.step is CallStep.VOID
    return ResolutionRefusal.REFERENCE_MISSING if command.happened and not named else None
