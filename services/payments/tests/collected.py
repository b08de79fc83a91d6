"""How specifications of collections speak: an order on account with a card on file, its invoice, its payment, and a provider."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chassis.testing import Outcome
from contracts.chassis import DeadlinePassed
from contracts.ids import stream
from contracts.message import Event
from contracts.money import Tender, TenderMethod
from contracts.payments import (
    AuthorizePayment,
    CallResult,
    CallStep,
    CapturePayment,
    CardCaptured,
    CardRefunded,
    ProviderCall,
    RecordProviderOutcome,
)
from services.payments.collecting import deadlines_of
from services.payments.invoice import Invoice
from services.payments.payment_state import Payment
from services.payments.tests.documents import ORDER_ID, Books, document, eur, invoice

__all__ = ["INVOICE", "PAYMENT", "TENDER", "Collecting", "kinds"]

PAYMENT = stream("payment", ORDER_ID)
INVOICE = stream("invoice", document("s1"))
TENDER = Tender(
    method=TenderMethod.INVOICE, amount=eur(2_380), reference="PO 7", provider="sandbox", card_on_file="pm_1"
)
"""On account, for two invoices of 11.90."""


def kinds(events: tuple[Event, ...] | list[Event]) -> list[str]:
    """What kinds of events these are."""
    return [type(event).__name__ for event in events]


class Collecting:
    """Invoices of 11.90 each, by what left, issued on the day of DAWN; `told` are the events of all streams, in
    order, each with its stream."""

    def __init__(self, *left: str, tender: Tender = TENDER, books: Books | None = None, **more: Any) -> None:
        self.books = books or Books()
        self._others = self.books.told
        self.told: list[tuple[str, Event]] = []
        self.books.told = self._keep
        self.books.described()
        secure = AuthorizePayment(order_id=ORDER_ID, amount=tender.amount, tenders=(tender,))
        self.books.tell(PAYMENT, secure)
        for name in left or ("s1",):
            capture = CapturePayment(order_id=ORDER_ID, fulfillment=name, amount=eur(1_190), lines=())
            self.books.tell(PAYMENT, capture)
            self.books.issue(invoice(name, **{"collected_from": 0} | more))

    def _keep(self, outcome: Outcome) -> None:
        self._others(outcome)
        self.told += ((outcome.spec.name, event) for event in outcome.events)

    @property
    def events(self) -> list[Event]:
        """What happened, in all streams."""
        return [event for _, event in self.told]

    def since(self, act: Any, *args: Any, **more: Any) -> list[str]:
        """What kinds of events an act leads to, in all streams."""
        known = len(self.events)
        act(*args, **more)
        return kinds(self.events[known:])

    @property
    def invoice(self) -> Invoice:
        """The first invoice."""
        return self.books.invoice()

    @property
    def payment(self) -> Payment:
        """The payment of the order."""
        found: Payment = self.books.spec(PAYMENT).state
        return found

    def due(self, name: str = INVOICE) -> Outcome:
        """The time of the next attempt comes."""
        [(deadline, due)] = deadlines_of(self.books.spec(name).state).items()
        return self.passes(name, deadline, due)

    def passes(self, name: str, deadline: str, due: datetime) -> Outcome:
        """A deadline of a stream passes."""
        for spec in self.books.specs.values():
            spec.at(max(due, spec._now))
        return self.books.tell(name, DeadlinePassed(name=deadline, due=due))

    def call(self, step: CallStep) -> ProviderCall:
        """The last call of a step."""
        calls = [getattr(event, "call", None) for event in self.events]
        found: ProviderCall = [call for call in calls if isinstance(call, ProviderCall) and call.step is step][-1]
        return found

    def says(self, step: CallStep, result: CallResult = CallResult.DONE, **more: Any) -> Outcome:
        """The provider says what became of the last call of a step."""
        return self.says_of(self.call(step), result, **more)

    def says_of(self, call: ProviderCall, result: CallResult = CallResult.DONE, **more: Any) -> Outcome:
        """The provider says what became of a call."""
        if result is CallResult.DONE:
            more.setdefault("reference", f"{call.step}-{call.key[:6]}")
        named: dict[str, Any] = {
            "order_id": ORDER_ID,
            "step": call.step,
            "key": call.key,
            "authorization": call.authorization,
            "provider": "sandbox",
        }
        return self.books.tell(PAYMENT, RecordProviderOutcome(**named, result=result, **more))

    def collected(self) -> Collecting:
        """It is due, and charged."""
        self.due()
        self.says(CallStep.AUTHORIZE)
        self.says(CallStep.CAPTURE)
        return self

    @property
    def moved(self) -> int:
        """What the provider took less what it gave back, in minor units, as it said."""
        taken = sum(event.amount.amount for event in self.events if isinstance(event, CardCaptured))
        return taken - sum(event.amount.amount for event in self.events if isinstance(event, CardRefunded))
