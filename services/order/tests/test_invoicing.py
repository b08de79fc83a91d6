"""What an order has invoiced: each fulfilment once, to the minor unit what is captured for it, with the taxes in it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import Outcome
from contracts.ids import split_stream
from contracts.money import Charge, ChargeKind, TaxLine, Tender, TenderMethod
from contracts.order import (
    CaptureRequested,
    OrderLine,
    OrderPlaced,
    RelatesTo,
    RelationKind,
    ReleaseHold,
    ShipGroup,
    ShipMethod,
)
from contracts.payments import CaptureLine
from contracts.payments.invoices import DocumentKind, DocumentLine, InvoiceCharge, IssueInvoice
from services.order.invoice_content import NOT_OWED, content_of, not_owed, prices_of, totals_of
from services.order.invoicing import invoice_id
from services.order.tests.story import ORDER_ID, SHIP_TO, Story, eur, order
from services.order.value import line_values, part_of, totals


def shipped(story: Story) -> Outcome:
    """What the node has goes out."""
    story.listed()
    story.picked()
    story.packed()
    story.labelled()
    story.handed_over()
    return story.shipped()


def invoice_of(outcome: Outcome) -> IssueInvoice:
    [invoice] = [send.message for send in outcome.sent if isinstance(send.message, IssueInvoice)]
    return invoice


def vat(amount: int, rate: str = "0.19", base: int = 0) -> TaxLine:
    return TaxLine(jurisdiction="DE", rate=rate, base=eur(base), amount=eur(amount), computed_by="shop")


def test_what_left_is_invoiced_once_it_is_to_be_paid_for() -> None:
    outcome = shipped(Story().released(("A", 2, 1_000)))
    [asked] = [event for event in outcome.events if isinstance(event, CaptureRequested)]
    [send] = [send for send in outcome.sent if isinstance(send.message, IssueInvoice)]
    invoice = invoice_of(outcome)
    story: Any = outcome.spec
    assert split_stream(send.stream) == ("invoice", invoice_id(story.view.order.terms, asked.fulfillment))
    assert not send.wants_answer
    assert (invoice.kind, invoice.fulfillment, invoice.order_id) == (DocumentKind.INVOICE, asked.fulfillment, ORDER_ID)
    assert (invoice.gross, invoice.on_account, invoice.bill_to) == (eur(1_000), eur(1_000), SHIP_TO)
    assert [(line.sku, line.quantity, line.gross) for line in invoice.lines] == [("A", 2, eur(1_000))]


def test_what_was_paid_with_something_else_is_not_on_account() -> None:
    tenders = (
        Tender(method=TenderMethod.COUPON, amount=eur(300), rank=0),
        Tender(method=TenderMethod.INVOICE, amount=eur(700), rank=1),
    )
    invoice = invoice_of(shipped(Story().released(("A", 2, 1_000), tenders=tenders)))
    assert invoice.on_account == eur(700)


ON_FILE = Tender(method=TenderMethod.INVOICE, amount=eur(400), rank=1, card_on_file="pm_1")


@pytest.mark.parametrize(
    ("tenders", "place"),
    [
        ((ON_FILE.model_copy(update={"amount": eur(1_000)}),), 0),
        ((Tender(method=TenderMethod.COUPON, amount=eur(600), rank=0), ON_FILE), 1),
        ((ON_FILE, ON_FILE.model_copy(update={"amount": eur(600)})), 0),
        ((ON_FILE, ON_FILE.model_copy(update={"amount": eur(600), "card_on_file": "pm_2"})), None),
        ((ON_FILE, ON_FILE.model_copy(update={"amount": eur(600), "card_on_file": None})), None),
        ((ON_FILE.model_copy(update={"amount": eur(1_000), "card_on_file": None}),), None),
    ],
)
def test_what_is_on_account_is_charged_to_the_one_card_that_all_of_its_tenders_name(
    tenders: tuple[Tender, ...], place: int | None
) -> None:
    invoice = invoice_of(shipped(Story().released(("A", 2, 1_000), tenders=tenders)))
    assert invoice.collected_from == place


def placed(lines: tuple[OrderLine, ...], **more: Any) -> OrderPlaced:
    """The order as its event says it."""
    terms = order(lines=lines, **more)
    fields = {name: getattr(terms, name) for name in type(terms).model_fields if name in OrderPlaced.model_fields}
    return OrderPlaced(**fields | {"tenant": "default", "order_id": "o1", "number": "N", "totals": totals(terms)})


def line(number: int, quantity: int, amount: int, **more: Any) -> OrderLine:
    fields: dict[str, Any] = {
        "line": str(number),
        "channel_line": str(number),
        "sku": "A",
        "unit": "each",
        "ship_group": "1",
    }
    return OrderLine(**fields | {"quantity": quantity, "amount": eur(amount)} | more)


def units(name: str, start: int, end: int) -> CaptureLine:
    return CaptureLine(line=name, from_unit=start, to_unit=end, amount=eur(0))


def test_a_line_a_discount_on_it_and_shipping_stand_apart_with_their_own_taxes() -> None:
    off = Charge(kind=ChargeKind.DISCOUNT, amount=eur(-119), tax_included=True, taxes=(vat(-19),), code="SPRING")
    shipping = Charge(kind=ChargeKind.SHIPPING, amount=eur(535), tax_included=True, taxes=(vat(35, "0.07"),))
    group = ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO, charges=(shipping,))
    terms = placed((line(1, 2, 1_000, taxes=(vat(190),), charges=(off,)),), ship_groups=(group,))
    content = content_of(prices_of(terms, ()), [units("1", 0, 2)])
    [goods] = content.lines
    assert (goods.net, goods.gross) == (eur(1_000), eur(1_190))
    assert [(each.kind, each.code, each.line, each.net, each.gross) for each in content.charges] == [
        ("discount", "SPRING", "1", eur(-100), eur(-119)),
        ("shipping", None, None, eur(500), eur(535)),
    ]
    rows = [(row.rate, row.base, row.amount) for row in totals_of(content.parts, "EUR")]
    assert rows == [("0.07", eur(500), eur(35)), ("0.19", eur(900), eur(171))]


def test_the_components_of_a_kit_bear_its_taxes() -> None:
    kit = line(1, 1, 1_190, tax_included=True, taxes=(vat(190),))
    parts = tuple(
        line(
            1,
            1,
            amount,
            line=f"1.{number}",
            channel_line=None,
            tax_included=True,
            relates_to=RelatesTo(kind=RelationKind.COMPONENT_OF, line="1", quantity_per=1),
        )
        for number, amount in ((1, 400), (2, 790))
    )
    content = content_of(prices_of(placed((kit, *parts)), ()), [units("1.1", 0, 1), units("1.2", 0, 1)])
    assert [(part.net, part.gross) for part in content.lines] == [(eur(337), eur(400)), (eur(663), eur(790))]


def test_a_line_that_was_added_later_has_no_part_in_the_shipping_of_the_others() -> None:
    group = ShipGroup(
        group="1",
        method=ShipMethod.SHIP,
        ship_to=SHIP_TO,
        charges=(Charge(kind=ChargeKind.SHIPPING, amount=eur(500)),),
    )
    terms = placed((line(1, 1, 1_000), line(2, 1, 1_000, added_by="1")), ship_groups=(group,))
    values, prices = line_values(terms), prices_of(terms, ())
    for name, worth in (("1", 1_500), ("2", 1_000)):
        content = content_of(prices, [units(name, 0, 1)])
        assert content.gross == worth == values[name].own + values[name].other


def test_no_document_says_more_than_the_order_owes_in_all() -> None:
    # given a line worth less than nothing, of which a person let the order go on
    story = Story().placed(("A", 1, 1_000), ("B", 1, -300))
    for held in tuple(story.view.order.holds.values()):
        story.tell(ReleaseHold(hold=held.hold), door="console")
    story.reserved(0)
    story.reserved(1)
    story.authorized()
    # when all of it leaves together, then nothing is said beside the lines
    invoice = invoice_of(shipped(story))
    assert (invoice.gross, invoice.charges) == (eur(700), ())


def test_what_is_not_owed_comes_off_with_no_tax() -> None:
    charge = not_owed(-300, "EUR")
    assert (charge.code, charge.net, charge.gross, charge.taxes) == (NOT_OWED, eur(-300), eur(-300), ())


RATES = ("0.19", "0.07", "0")


def some_taxes(random: Random) -> tuple[TaxLine, ...]:
    return tuple(vat(random.randint(-50, 300), random.choice(RATES)) for _ in range(random.randint(0, 2)))


def some_charges(random: Random) -> tuple[Charge, ...]:
    return tuple(
        Charge(
            kind=ChargeKind.FEE,
            amount=eur(random.randint(-500, 1_000)),
            tax_included=random.random() < 0.5,
            taxes=some_taxes(random),
        )
        for _ in range(random.randint(0, 2))
    )


def some_terms(random: Random) -> OrderPlaced:
    """Any order whose quantities can be fulfilled."""
    lines = tuple(
        line(
            number,
            random.randint(1, 5),
            random.randint(-500, 2_000),
            tax_included=random.random() < 0.5,
            taxes=some_taxes(random),
            charges=some_charges(random),
            ship_group=random.choice("12"),
        )
        for number in range(1, 1 + random.randint(1, 4))
    )
    groups = tuple(
        ShipGroup(group=name, method=ShipMethod.SHIP, ship_to=SHIP_TO, charges=some_charges(random)) for name in "123"
    )
    return placed(lines, ship_groups=groups, charges=some_charges(random))


def all_taxes(terms: OrderPlaced) -> int:
    """Every tax of the order, in minor units."""
    charged = [*terms.charges, *(charge for group in terms.ship_groups for charge in group.charges)]
    charged += [charge for each in terms.lines for charge in each.charges]
    of_lines = [tax for each in terms.lines for tax in each.taxes]
    return sum(tax.amount.amount for tax in (*of_lines, *(tax for charge in charged for tax in charge.taxes)))


def some_units(random: Random, left: dict[str, int], terms: OrderPlaced) -> list[CaptureLine]:
    """The next units from the bottom of some lines."""
    ranges = []
    for each in terms.lines:
        end = random.randint(left[each.line], each.quantity)
        if end > left[each.line]:
            ranges.append(units(each.line, left[each.line], end))
            left[each.line] = end
    return ranges


@given(st.integers(0, 2**32))
def test_documents_sum_to_what_is_captured_and_their_taxes_to_those_of_the_order(seed: int) -> None:
    """However the units leave: each document is worth what is captured for it, and all together bear each tax once."""
    random = Random(seed)
    terms = some_terms(random)
    values, left, gross, tax = line_values(terms), {each.line: 0 for each in terms.lines}, 0, 0
    while any(left[each.line] < each.quantity for each in terms.lines):
        ranges = some_units(random, left, terms)
        content = content_of(prices_of(terms, ()), ranges)
        assert content.gross == sum(sum(part_of(values[each.line], each.from_unit, each.to_unit)) for each in ranges)
        rows = totals_of(content.parts, "EUR")
        assert sum(row.amount.amount for row in rows) == sum(map(tax_in, content.parts))
        assert all(part.net.amount + tax_in(part) == part.gross.amount for part in content.parts)
        gross, tax = gross + content.gross, tax + sum(map(tax_in, content.parts))
    assert gross == totals(terms).total.amount
    assert tax == all_taxes(terms)


def tax_in(part: DocumentLine | InvoiceCharge) -> int:
    return sum(tax.amount.amount for tax in part.taxes)
