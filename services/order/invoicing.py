"""What an invoice says: payments are told it of each fulfilment, once its value is to be taken.

What an imported order had let go before was invoiced where it came from. When it is told is in documents.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chassis.decider import Send
from contracts.address import ShipTo
from contracts.ids import aggregate_id, stream
from contracts.money import Money, Tender, TenderMethod
from contracts.order import CaptureNotNeeded, CaptureRequested, OrderPlaced
from contracts.payments.invoices import DocumentKind, IssueInvoice
from services.order.fulfillment_state import Fulfilled
from services.order.invoice_content import Content, content_of, not_owed, prices_of, totals_of
from services.order.value import tenders_for
from services.order.ways import ship_groups

if TYPE_CHECKING:
    from services.order.stream import OrderStream

__all__ = ["heading", "invoice", "invoice_id", "on_account_of", "sums"]


def invoice_id(terms: OrderPlaced, fulfillment: str) -> str:
    """The id of the invoice for what left under the id `fulfillment`."""
    return aggregate_id(terms.tenant, "invoice", terms.order_id, fulfillment)


def invoice(state: OrderStream, event: CaptureRequested | CaptureNotNeeded) -> Sequence[Send]:
    """What payments are told of what left; nothing where it is worth nothing, or no goods left."""
    left = state.fulfillment.fulfilled[event.fulfillment]
    if not left.ranges or left.covered <= 0:
        return ()
    name = stream("invoice", invoice_id(state.order.terms, event.fulfillment))
    return (Send("payments", name, _invoice(state, event.fulfillment, left)),)


def _invoice(state: OrderStream, fulfillment: str, left: Fulfilled) -> IssueInvoice:
    terms, amount, money = state.order.terms, left.covered, left.asked or 0
    content = content_of(prices_of(terms, state.order.adjustments), left.ranges)
    if content.gross != amount:
        less = not_owed(amount - content.gross, terms.currency)
        content = Content(content.lines, (*content.charges, less))
    on_account = on_account_of(state, fulfillment, money)
    return IssueInvoice(
        kind=DocumentKind.INVOICE,
        fulfillment=fulfillment,
        **heading(terms, [part.line for part in left.ranges]),
        **sums(content, terms.currency),
        on_account=Money(amount=on_account, currency=terms.currency),
        credit=Money(amount=left.applied, currency=terms.currency) if left.applied > 0 else None,
        collected_from=_collected_from(state, fulfillment, money),
    )


def on_account_of(state: OrderStream, fulfillment: str, money: int) -> int:
    """What of the money for a fulfilment, in minor units, its buyer is to pay later: captures draw on the tenders in their
    order."""
    return sum(tender.amount.amount for _, tender in _later(state, fulfillment, money))


def _collected_from(state: OrderStream, fulfillment: str, money: int) -> int | None:
    """The tender whose card on file is charged for that, by its place: where all of it is by tenders that name one card."""
    tenders = _later(state, fulfillment, money)
    cards = {(tender.card_on_file, tender.provider) for _, tender in tenders}
    return tenders[0][0] if len(cards) == 1 and tenders[0][1].card_on_file else None


def _later(state: OrderStream, fulfillment: str, money: int) -> list[tuple[int, Tender]]:
    """The tenders on account that the money for a fulfilment draws on, each by its place and with what it pays of that."""
    before = sum(one.asked or 0 for key, one in state.fulfillment.fulfilled.items() if key != fulfillment)
    tenders = enumerate(tenders_for(money, state.order.terms.tenders, before))
    return [
        (place, tender) for place, tender in tenders if tender.method is TenderMethod.INVOICE and tender.amount.amount
    ]


def heading(terms: OrderPlaced, lines: Sequence[str]) -> dict[str, Any]:
    """Whose order it is, and who is to pay it."""
    return {
        "seller": terms.seller,
        "order_id": terms.order_id,
        "order_number": terms.number,
        "channel_number": terms.channel_number or terms.external_id,
        "buyer": terms.buyer,
        "bill_to": terms.bill_to or _ship_to(terms, lines),
        "locale": terms.locale,
        "currency": terms.currency,
    }


def _ship_to(terms: OrderPlaced, lines: Sequence[str]) -> ShipTo | None:
    """Where the goods go, where nobody said who is billed."""
    groups = ship_groups(terms)
    of_lines = [groups[line.ship_group] for line in terms.lines if line.line in lines and line.ship_group in groups]
    return next((group.ship_to for group in of_lines if group.ship_to is not None), None)


def sums(content: Content, currency: str) -> dict[str, Any]:
    """What a document says in figures."""
    tax = sum(row.amount.amount for part in content.parts for row in part.taxes)
    return {
        "lines": content.lines,
        "charges": content.charges,
        "taxes": totals_of(content.parts, currency),
        "net": Money(amount=content.gross - tax, currency=currency),
        "tax": Money(amount=tax, currency=currency),
        "gross": Money(amount=content.gross, currency=currency),
    }
