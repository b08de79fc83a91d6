"""The calls to providers as our events tell them, for the comparison with a provider's books."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from chassis.states import replace
from contracts.message import Event
from contracts.payments import (
    CallStep,
    CardAuthorizationLapsed,
    CardAuthorizationRaised,
    CardAuthorizationRequested,
    CardAuthorized,
    CardCaptured,
    CardCaptureRequested,
    CardDeclined,
    CardRefunded,
    CardRefundRequested,
    CardVoided,
    DisputeOpened,
    DisputeWon,
    ProviderCall,
    RefundReversed,
    Settled,
)
from services.payments.provider_ledger import EntryKind
from services.payments.reconciling import OurCall, Stage

__all__ = ["FOLLOWED", "OurCalls"]

FOLLOWED = (
    CardAuthorizationRequested,
    CardCaptureRequested,
    CardRefundRequested,
    CardAuthorized,
    CardAuthorizationRaised,
    CardCaptured,
    CardRefunded,
    CardVoided,
    CardDeclined,
    CardAuthorizationLapsed,
    DisputeOpened,
    DisputeWon,
    RefundReversed,
)
"""The events that say something about money there."""

KINDS = {
    CallStep.AUTHORIZE: EntryKind.AUTHORIZATION,
    CallStep.CAPTURE: EntryKind.CHARGE,
    CallStep.REFUND: EntryKind.REFUND,
}


@dataclass
class OurCalls:
    """Built event by event, in any order of streams; `card_provider` is whom calls go to that name nobody."""

    card_provider: str
    _calls: dict[str, OurCall] = field(default_factory=dict)
    _providers: dict[str, str] = field(default_factory=dict)
    _by_authorization: dict[str, list[str]] = field(default_factory=dict)

    def of(self, provider: str) -> list[OurCall]:
        """All calls to a provider."""
        return [call for key, call in self._calls.items() if self._providers[key] == provider]

    def apply(self, event: Event, day: date) -> None:
        """One more event, of this day (UTC)."""
        match event:
            case CardAuthorizationRequested() | CardCaptureRequested() | CardRefundRequested():
                self._asked(event.order_id, event.call, day)
            case CardAuthorized():
                self._end(event.key, event.provider, Stage.DONE, day, event.authorization.reference)
            case CardCaptured() | CardRefunded():
                self._end(event.key, event.provider, Stage.DONE, day, event.reference, event.settlement)
            case CardDeclined():
                self._end(event.key, event.provider, Stage.DECLINED, day)
            case CardAuthorizationRaised():
                self._end(event.key, event.provider, Stage.DONE, day)
            case CardVoided() | CardAuthorizationLapsed():
                for key in self._by_authorization.get(event.authorization, ()):
                    self._change(key, stage=Stage.GIVEN_BACK, ended=day)
            case DisputeOpened():
                self._change(event.key, disputed=day)
            case RefundReversed():
                self._change(event.key, taken_back=day)
            case DisputeWon():
                self._change(event.key, won=day)

    def _asked(self, order_id: str, call: ProviderCall, day: date) -> None:
        if call.key in self._calls:  # made again under the same key
            return
        kind = KINDS[call.step]
        self._calls[call.key] = OurCall(kind, call.key, order_id, call.amount, Stage.OPEN, asked=day)
        self._providers[call.key] = call.provider or self.card_provider
        if kind is EntryKind.AUTHORIZATION:
            self._by_authorization.setdefault(call.authorization, []).append(call.key)

    def _end(
        self,
        key: str,
        provider: str,
        stage: Stage,
        day: date,
        reference: str | None = None,
        settled: Settled | None = None,
    ) -> None:
        if key not in self._calls:  # of a void, which the books do not show
            return
        self._providers[key] = provider
        self._change(
            key,
            stage=stage,
            ended=day,
            reference=reference,
            settled=None if settled is None else settled.amount,
            fee=None if settled is None else settled.fee,
        )

    def _change(self, key: str | None, **changes: object) -> None:
        if key is not None and (known := self._calls.get(key)) is not None:
            self._calls[key] = replace(known, **changes)  # type: ignore[arg-type]
