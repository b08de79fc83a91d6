"""How specifications of documents speak: what an order asks to be invoiced, a seller, and streams that answer each other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from chassis.decider import Send
from chassis.testing import Outcome, Spec
from contracts.ids import aggregate_id, split_stream, stream
from contracts.message import Message
from contracts.money import Money
from contracts.payments.invoices import (
    Correction,
    CreditNoteIssued,
    DescribeSeller,
    DocumentKind,
    DocumentLine,
    DocumentTax,
    DocumentTotal,
    InvoiceIssued,
    IssueCreditNote,
    IssueInvoice,
    SellerParticulars,
)
from services.payments.invoice import INVOICE, Invoice
from services.payments.invoice_series import SERIES, series_stream
from services.payments.streams import KINDS

SELLER = SellerParticulars(
    name="Acme GmbH",
    address_lines=("Hauptstrasse 1",),
    postcode="10115",
    city="Berlin",
    country="DE",
    vat_id="DE123456789",
    iban="DE02120300000000202051",
    bic="BYLADEM1001",
    time_zone="Europe/Berlin",
    payment_days=14,
)
DESCRIBED = DescribeSeller(seller="acme", particulars=SELLER)
ORDER_ID = aggregate_id("default", "order", "webshop-eu", "1001")


def eur(amount: int) -> Money:
    """An amount in cents."""
    return Money(amount=amount, currency="EUR")


def document(fulfillment: str) -> str:
    """The id of the invoice for what left under this id."""
    return aggregate_id("default", "invoice", ORDER_ID, fulfillment)


def contents(net: int, tax: int, on_account: int | None = None) -> dict[str, Any]:
    """One line of two units at 19 %, all of it on account unless said otherwise."""
    taxes = (DocumentTax(jurisdiction="DE", rate="0.19", amount=eur(tax)),)
    line = DocumentLine(
        line="1",
        sku="A",
        description="A lamp",
        from_unit=0,
        to_unit=2,
        quantity=2,
        unit="each",
        net=eur(net),
        taxes=taxes,
        gross=eur(net + tax),
    )
    return {
        "seller": "acme",
        "order_id": ORDER_ID,
        "order_number": "QQNX5-E2MGN-U",
        "channel_number": "1001",
        "currency": "EUR",
        "lines": (line,),
        "taxes": (DocumentTotal(jurisdiction="DE", rate="0.19", base=eur(net), amount=eur(tax)),),
        "net": eur(net),
        "tax": eur(tax),
        "gross": eur(net + tax),
        "on_account": eur(net + tax if on_account is None else on_account),
    }


def invoice(fulfillment: str = "s1", net: int = 1_000, tax: int = 190, **more: Any) -> IssueInvoice:
    """What the order says of what left."""
    return IssueInvoice(
        **{"kind": DocumentKind.INVOICE, "fulfillment": fulfillment, **contents(net, tax, more.pop("on_account", None))}
        | more
    )


def credit_note(*invoices: str, net: int = 500, tax: int = 95) -> IssueCreditNote:
    """What the order says of a refund, that corrects these invoices (by what left) in equal parts."""
    part = (net + tax) // len(invoices)
    corrects = tuple(Correction(invoice=document(each), gross=eur(part), on_account=eur(part)) for each in invoices)
    return IssueCreditNote(
        kind=DocumentKind.CREDIT_NOTE, refund="r1", fulfillment=None, corrects=corrects, **contents(net, tax)
    )


class Books:
    """The documents of a seller and their series, each a stream; what one sends or answers reaches the other at once."""

    def __init__(self) -> None:
        self.specs: dict[str, Spec] = {}
        self.told: Callable[[Outcome], None] = lambda outcome: None
        self._since = timedelta()

    def spec(self, name: str) -> Spec:
        """The stream by its name."""
        kinds = {kind.kind: kind for kind in KINDS}
        if name not in self.specs:
            self.specs[name] = Spec(kinds[split_stream(name)[0]], "payments", name).at(self._since)
        return self.specs[name]

    def later(self, span: timedelta) -> Books:
        """Time passes."""
        self._since += span
        for spec in self.specs.values():
            spec.at(span)
        return self

    @property
    def series(self) -> Spec:
        """The numbers of the seller."""
        return self.spec(series_stream("default", "acme"))

    def invoice(self, fulfillment: str = "s1") -> Invoice:
        """The invoice for what left."""
        found: Invoice = self.spec(stream(INVOICE.kind, document(fulfillment))).state
        return found

    def issued(self, name: str) -> InvoiceIssued | CreditNoteIssued:
        """A document as it was issued, by its stream."""
        [issued] = [event for event, _, _ in self.spec(name).log if isinstance(event, InvoiceIssued | CreditNoteIssued)]
        return issued

    def described(self, seller: str = "acme") -> Books:
        """Finance has described a seller."""
        wish = DESCRIBED.model_copy(update={"seller": seller})
        self.tell(series_stream("default", seller), wish, door="http")
        return self

    def tell(self, name: str, message: Message, *, door: str | None = None, reply_to: str | None = None) -> Outcome:
        """A message comes to a stream; then everything that follows of it, in order. What came of the message itself."""
        outcome = self.spec(name).when(message, door=door, reply_to=reply_to)
        self._follow(name, outcome)
        return outcome

    def _follow(self, name: str, outcome: Outcome) -> None:
        self.told(outcome)
        for event, answer in outcome.answers:
            target = answer.to.removeprefix("payments:")
            self._follow(target, self.spec(target).when(event, subject=name))
        for send in outcome.sent:
            self.tell(send.stream, send.message, reply_to=f"payments:{name}" if send.wants_answer else None)

    def issue(self, message: IssueInvoice) -> Outcome:
        """The order wants an invoice."""
        assert message.fulfillment is not None
        return self.tell(stream(INVOICE.kind, document(message.fulfillment)), message)


def sent(outcome: Outcome) -> list[type[Message]]:
    """What kinds of messages were sent."""
    return [type(send.message) for send in outcome.sent if isinstance(send, Send)]


__all__ = ["DESCRIBED", "ORDER_ID", "SELLER", "SERIES", "Books", "credit_note", "document", "eur", "invoice", "sent"]
