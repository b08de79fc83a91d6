"""Money that reaches the bank: whatever comes, in parts, too much or for nobody, each entry balances, what is paid is owed no
more, and what nobody has looked at stands on an account of its own."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.ids import split_stream, stream
from contracts.message import Event
from contracts.money import Charge, ChargeKind, Money, TaxLine, TaxRemitter
from contracts.order import LinesFulfilled, OrderPlaced, RelatesTo, RelationKind, ShipGroup, ShipGroupChanged
from contracts.payments import (
    CallResult,
    CallStep,
    CaptureLine,
    CardCaptured,
    CardRefunded,
    CardRefundRequested,
    Settled,
    TransferReceived,
    TransferReturned,
    TransferUnmatched,
)
from contracts.payments.invoices import InvoiceDrafted, InvoiceIssued, RetryInvoice
from contracts.payments.receivables import RecordBankEntry, SettleEntry, UnmatchedReason, WriteOffInvoice
from oms.journal.accounts import Account
from oms.journal.entries import Entry
from oms.journal.taxes import taxes_of
from services.payments.bank_account import BankAccount, bank_stream
from services.payments.invoice import Invoice
from services.payments.invoice_series import series_stream
from services.payments.tests.collected import Collecting
from services.payments.tests.documents import DESCRIBED, credit_note
from services.payments.tests.test_bank import CREDIT, entry
from services.payments.tests.test_payment import VOID, capture
from services.payments.tests.test_prepaid import CHARGED, paid
from tests.journal.test_journal import balanced, balances, bought, entries, eur, standing, taxed
from tests.simulation.people import order_stream
from tests.simulation.world import World

IBAN = "DE02120300000000202051"
ACCOUNT = bank_stream("default", IBAN)


def billed() -> tuple[World, str]:
    """An order on account whose goods have left, and the stream of its invoice of 11.90."""
    world = bought([{"sku": "A", "quantity": 1, **taxed(1_190, 190)}], 1_190)
    world.tell("payments", series_stream("default", "acme"), DESCRIBED)
    [invoice] = [name for name, event in world.events if isinstance(event, InvoiceDrafted)]
    world.tell("payments", invoice, RetryInvoice())
    assert world.of(InvoiceIssued)
    return world, invoice


def comes(world: World, name: str, cents: int, invoice: str | None = None) -> None:
    """Money comes to the account; where it names the invoice, it is told."""
    of = split_stream(invoice)[1] if invoice else None
    unmatched = None if invoice else UnmatchedReason.NO_NUMBER
    fields: dict[str, Any] = {"account": IBAN, "entry": name, "amount": eur(cents), "booked_on": date(2026, 1, 20)}
    world.tell("payments", ACCOUNT, RecordBankEntry(**fields, invoice=of, unmatched=unmatched))


def settles(world: World, name: str, invoice: str | None = None) -> None:
    """A person says what an entry is."""
    of = split_stream(invoice)[1] if invoice else None
    world.tell("payments", ACCOUNT, SettleEntry(entry=name, invoice=of, detail="looked at"))


def test_an_invoice_that_is_paid_is_owed_no_more() -> None:
    world, invoice = billed()
    comes(world, "e1", 1_000, invoice)
    comes(world, "e2", 190, invoice)
    found = entries(world.events)
    assert balanced(found)
    assert [entry.document for entry in found if entry.what == "InvoicePaid"] == [split_stream(invoice)[1]] * 2
    assert standing(found) == {Account.BANK: 1_190, Account.SALES: -1_000, Account.TAX: -190}


def test_what_is_given_up_of_an_invoice_is_an_expense() -> None:
    world, invoice = billed()
    comes(world, "e1", 1_000, invoice)
    world.tell("payments", invoice, WriteOffInvoice(reason="insolvent"))
    stands = standing(entries(world.events))
    assert (stands[Account.WRITTEN_OFF], stands.get(Account.INVOICE, 0)) == (190, 0)


names = st.integers(0, 5).map(lambda number: f"e{number}")
deeds = st.one_of(
    st.tuples(st.just("comes"), names, st.integers(1, 900)),
    st.tuples(st.just("names"), names, st.integers(1, 900)),
    st.tuples(st.sampled_from(["settles", "assigns", "gives up"]), names, st.just(0)),
)


@settings(max_examples=60)
@given(st.lists(deeds, max_size=14))
def test_every_cent_that_came_is_paid_waits_or_was_settled_by_a_person(course: list[tuple[str, str, int]]) -> None:
    world, invoice = billed()
    came: dict[str, int] = {}
    for deed, name, cents in course:
        match deed:
            case "comes" | "names":
                comes(world, name, cents, invoice if deed == "names" else None)
                came.setdefault(name, cents)
            case "settles" | "assigns":
                settles(world, name, invoice if deed == "assigns" else None)
            case "gives up":
                world.tell("payments", invoice, WriteOffInvoice(reason="small"))
        found = entries(world.events)
        stands = standing(found)
        state: Invoice = world.state("payments", invoice)
        account: BankAccount = world.state("payments", ACCOUNT) if came else BankAccount()
        assert balanced(found)
        assert stands.get(Account.BANK, 0) == sum(came.values())
        assert stands.get(Account.INVOICE, 0) == state.open
        waits = sum(entry.amount.amount for entry in account.unmatched.values())
        assert -stands.get(Account.UNMATCHED, 0) == waits
        by_hand = -stands.get(Account.BY_HAND, 0)
        assert sum(came.values()) == 1_190 - state.open - state.written_off + waits + by_hand


def of_payment(*events: Event) -> list[Entry]:
    return entries((stream("payment", "o1"), event) for event in events)


def test_a_transfer_beyond_what_an_order_needs_is_the_customer_s_until_it_is_sent_back() -> None:
    # given 15.00 for an order of 10.00
    received = TransferReceived(order_id="o1", transfer="t1", amount=eur(1_500), tender=0, missing=eur(-500))
    over = TransferUnmatched(order_id="o1", amount=eur(500), unmatched=eur(500), owner="payments_desk")
    found = of_payment(received, over)
    assert balanced(found)
    assert standing(found) == {Account.BANK: 1_500, Account.TRANSFER: -1_000, Account.CREDIT: -500}
    # when it is sent back
    back = TransferReturned(order_id="o1", transfer="t2", amount=eur(500), unmatched=eur(0))
    assert standing(of_payment(received, over, back)) == {Account.BANK: 1_000, Account.TRANSFER: -1_000}


def card(settled: Money | None, fee: Money | None) -> dict[str, Any]:
    """What a provider says of 10.00."""
    settlement = None if settled is None else Settled(amount=settled, rate="1", source="provider", fee=fee)
    return {
        "order_id": "o1",
        "key": "k",
        "tender": 0,
        "amount": eur(1_000),
        "provider": "sandbox",
        "reference": "ch_1",
        "settlement": settlement,
    }


def usd(cents: int) -> Money:
    return Money(amount=cents, currency="USD")


@pytest.mark.parametrize(
    ("settled", "fee", "stands"),
    [
        (None, None, {}),
        (eur(1_000), eur(44), {(Account.PROVIDER_FEES, "EUR"): 44, (Account.CARD, "EUR"): -44}),
        (
            usd(1_100),
            usd(48),
            {
                (Account.PROVIDER_FEES, "USD"): 48,
                (Account.CARD, "USD"): 1_100 - 48,
                (Account.CONVERSION, "USD"): -1_100,
                (Account.CARD, "EUR"): -1_000,
                (Account.CONVERSION, "EUR"): 1_000,
            },
        ),
    ],
)
def test_what_a_provider_keeps_is_an_expense_and_its_currency_its_own(
    settled: Money | None, fee: Money | None, stands: dict[tuple[Account, str], int]
) -> None:
    taken = CardCaptured(**card(settled, fee), capture="c", authorization="a")
    found = of_payment(taken)
    assert balanced(found)
    assert balances(found) == stands
    # and what goes back turns the conversion around, and never the fee
    returned = CardRefunded(**card(settled, fee), refund="r")
    both = balances(of_payment(taken, returned))
    fees = 0 if fee is None else fee.amount
    assert {account for account, _ in both} <= {Account.PROVIDER_FEES, Account.CARD}
    assert sum(amount for (account, _), amount in both.items() if account is Account.PROVIDER_FEES) == 2 * fees


def test_what_a_card_is_charged_at_the_order_is_owed_until_goods_leave_or_it_goes_back() -> None:
    # given an order of 10.00 that is charged
    payment = paid(CHARGED)
    found = of_payment(*payment.events)
    assert balanced(found)
    assert standing(found) == {Account.CARD: 1_000, Account.PREPAID: -1_000}
    # when goods for 4.00 leave, and the rest is cancelled
    payment.when(capture(400))
    payment.when(VOID)
    back = payment.asked(CardRefundRequested)
    payment.said(back)
    gone = {Account.CARD: 400, Account.ORDERS: -400}
    assert standing(of_payment(*payment.events)) == gone
    # then what the provider takes back of what it gave back is owed again
    payment.said(back, CallResult.DECLINED)
    found = of_payment(*payment.events)
    assert balanced(found)
    assert standing(found) == {**gone, Account.CARD: 1_000, Account.PREPAID: -600}


def test_what_is_charged_for_an_invoice_pays_it_and_what_is_too_much_goes_back() -> None:
    # given an invoice of 11.90 that is charged when it is due, while the bank brings 2.00 of it
    course = Collecting()

    def stands() -> dict[Account, int]:
        found = entries(course.told)
        assert balanced(found)
        of = (Account.CARD, Account.PREPAID, Account.INVOICE, Account.UNMATCHED)
        return {account: amount for account, amount in standing(found).items() if account in of}

    course.due()
    course.books.tell(ACCOUNT, entry(200), door="http")
    course.says(CallStep.AUTHORIZE)
    course.says(CallStep.CAPTURE)
    assert stands() == {Account.CARD: 1_190, Account.PREPAID: -200}
    course.says(CallStep.REFUND)
    assert stands() == {Account.CARD: 990}
    # when 5.95 are credited, then they go back, out of what stood on account
    course.books.tell(CREDIT, credit_note("s1"))
    assert stands() == {Account.CARD: 990, Account.PREPAID: -595, Account.INVOICE: 595}
    course.says(CallStep.REFUND)
    assert stands() == {Account.CARD: 395, Account.INVOICE: 595}


def test_what_a_changed_ship_group_charges_bears_the_tax_that_it_says_then() -> None:
    # given shipping of 5.95 with 0.95 in it, and the same again when it is changed to 11.90 with 1.90
    world = bought([{"sku": "A", "quantity": 2, **taxed(2_380, 380)}], 2_380)
    [placed], [left] = world.of(OrderPlaced), world.of(LinesFulfilled)

    def shipping(amount: int, tax: int) -> ShipGroup:
        line = TaxLine(jurisdiction="DE", rate="0.19", base=eur(0), amount=eur(tax), computed_by="shop")
        charge = Charge(kind=ChargeKind.SHIPPING, amount=eur(amount), tax_included=True, taxes=(line,))
        return placed.ship_groups[0].model_copy(update={"charges": (charge,)})

    before = placed.model_copy(update={"ship_groups": (shipping(595, 95),)})
    changed = ShipGroupChanged(change="1", group=shipping(1_190, 190))
    more = left.model_copy(update={"amount": eur(2_380 + 1_190)})
    found = entries((order_stream("1001"), event) for event in (before, changed, more))
    assert standing(found) == {Account.ORDERS: 3_570, Account.SALES: -3_000, Account.TAX: -570}


def test_the_components_of_a_kit_bear_its_taxes() -> None:
    [placed] = bought([{"sku": "A", "quantity": 1, **taxed(1_190, 190)}], 1_190).of(OrderPlaced)
    [kit] = placed.lines
    parts = tuple(
        kit.model_copy(
            update={
                "line": f"1.{number}",
                "channel_line": None,
                "amount": eur(amount),
                "taxes": (),
                "relates_to": RelatesTo(kind=RelationKind.COMPONENT_OF, line="1", quantity_per=1),
            }
        )
        for number, amount in ((1, 400), (2, 790))
    )
    taxes = taxes_of(placed.model_copy(update={"lines": (kit, *parts)}))
    units = [CaptureLine(line=part.line, from_unit=0, to_unit=1, amount=eur(0)) for part in parts]
    assert [taxes.of_units([each])[TaxRemitter.MERCHANT] for each in units] == [63, 127]
