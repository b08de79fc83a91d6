"""What is stated of money that goes back: a credit note for what was paid back, that names the invoices of its units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from chassis.decider import Send
from chassis.testing import Outcome
from contracts.ids import aggregate_id, split_stream, stream
from contracts.money import Charge, ChargeKind, RefundRule, TaxLine, Tender, TenderMethod
from contracts.order import (
    OrderLine,
    RefundCause,
    RefundContents,
    Refunded,
    RefundGranted,
    RefundLine,
    RefundTo,
    ShipGroup,
    ShipMethod,
    WithdrawRefund,
)
from contracts.payments import PaymentRefunded, TenderRefund
from contracts.payments.invoices import DocumentKind, DocumentLine, InvoiceCharge, IssueCreditNote, MoveOnAccount
from services.order.crediting import credit_note
from services.order.fulfillment_state import fulfilled_in_order
from services.order.invoicing import invoice_id
from services.order.sourcing import Availability
from services.order.tests.refund_story import (
    ADA,
    asks,
    claim,
    credited,
    grant,
    paid,
    paid_back,
    refund_of,
    refused,
    taken_back,
)
from services.order.tests.story import ORDER_ID, PAYMENT, SHIP_TO, Story, eur


def vat(amount: int, rate: str = "0.19") -> TaxLine:
    return TaxLine(jurisdiction="DE", rate=rate, base=eur(0), amount=eur(amount), computed_by="shop")


def taxed(**more: Any) -> Story:
    """Three units for 11.90 with 1.90 in them and 5.35 of shipping, complete and paid."""
    line = OrderLine(
        line="1",
        channel_line="1",
        sku="A",
        quantity=3,
        unit="each",
        amount=eur(1_190),
        tax_included=True,
        taxes=(vat(190),),
        ship_group="1",
    )
    shipping = Charge(kind=ChargeKind.SHIPPING, amount=eur(535), tax_included=True, taxes=(vat(35, "0.07"),))
    group = ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO, charges=(shipping,))
    fields: dict[str, Any] = {
        "lines": (line,),
        "ship_groups": (group,),
        "stated_total": eur(1_725),
        "tenders": (Tender(method=TenderMethod.INVOICE, amount=eur(1_725)),),
    }
    return paid(("A", 3, 1_190), **{**fields, **more})


def note_of(outcome: Outcome) -> IssueCreditNote:
    [note] = [send.message for send in outcome.sent if isinstance(send.message, IssueCreditNote)]
    return note


def told(story: Story, event: Refunded) -> Sequence[Send]:
    """What payments are told once this was granted and paid back."""
    names = set(RefundContents.model_fields) & set(Refunded.model_fields)
    contents = {name: getattr(event, name) for name in names}
    story.given(RefundGranted(**contents, answer_by=story.log[-1][2]), event)
    return credit_note(story.view, event.refund)


def fulfillment_of(story: Story) -> str:
    [key] = story.view.fulfillment.fulfilled.keys()
    return key


def test_units_that_are_paid_back_are_credited_with_their_taxes_and_name_their_invoice() -> None:
    story = taxed()
    asks(story, claim(cause=RefundCause.DAMAGED))
    outcome = paid_back(story)
    note = note_of(outcome)
    [send] = [send for send in outcome.sent if isinstance(send.message, IssueCreditNote)]
    refund = refund_of(story).contents
    assert split_stream(send.stream) == ("invoice", aggregate_id("default", "credit_note", ORDER_ID, refund.refund))
    assert (note.kind, note.refund, note.gross) == (DocumentKind.CREDIT_NOTE, refund.refund, refund.amount)
    assert [(line.from_unit, line.to_unit, line.gross) for line in note.lines] == [(2, 3, eur(397))]
    assert note.net + note.tax == note.gross
    [correction] = note.corrects
    assert (correction.invoice, correction.gross) == (
        invoice_id(story.view.order.terms, fulfillment_of(story)),
        refund.amount,
    )
    assert note.on_account == correction.on_account == refund.amount


def test_goodwill_bears_the_taxes_of_all_that_was_bought() -> None:
    story = taxed()
    asks(story, grant(345))
    note = note_of(paid_back(story))
    assert (note.lines, note.gross) == ((), eur(345))
    assert [(row.rate, row.base, row.amount) for row in note.taxes] == [
        ("0.07", eur(100), eur(7)),
        ("0.19", eur(200), eur(38)),
    ]


def test_what_was_not_bought_on_account_is_owed_no_less() -> None:
    story = taxed(tenders=(Tender(method=TenderMethod.COUPON, amount=eur(1_725)),))
    asks(story, grant(100))
    note = note_of(paid_back(story))
    assert (note.on_account, note.corrects[0].gross) == (eur(0), eur(100))


def shipped_in_two(story: Story) -> Story:
    for place in (0, 1):
        story.listed(place)
        story.picked(place=place)
        story.packed(place)
        story.labelled(place)
        story.handed_over(place)
        story.shipped(place)
    return story


def test_each_invoice_is_corrected_by_its_own_units_and_what_it_was_paid_with() -> None:
    # given two lines that left from two locations, the first paid by coupon
    tenders = (
        Tender(method=TenderMethod.COUPON, amount=eur(1_000), rank=0),
        Tender(method=TenderMethod.INVOICE, amount=eur(500), rank=1),
    )
    stock = {"A": {"north": Availability(1, 1)}, "B": {"south": Availability(1, 1)}}
    story = shipped_in_two(Story(stock).released(("A", 1, 1_000), ("B", 1, 500), tenders=tenders))
    terms = story.view.order.terms
    first, second = (key for key, _ in fulfilled_in_order(story.view.fulfillment.fulfilled))
    # when a unit of the first is paid back out of what was on account for the second
    part = TenderRefund(
        refund="p",
        tender=1,
        capture=aggregate_id("default", "capture", PAYMENT, second, "0", "1"),
        amount=eur(300),
    )
    event = Refunded(
        refund="r",
        number=1,
        cause=RefundCause.DAMAGED,
        amount=eur(1_000),
        lines=(RefundLine(line="1", from_unit=0, to_unit=1, amount=eur(1_000)),),
        other=eur(0),
        refunds=(part, part.model_copy(update={"tender": 0, "amount": eur(700)})),
    )
    [send] = told(story, event)
    assert isinstance(send.message, IssueCreditNote)
    # then the one is corrected by the gross, and the other owes less
    found = [(each.invoice, each.gross, each.on_account) for each in send.message.corrects]
    assert found == [
        (invoice_id(terms, first), eur(1_000), eur(0)),
        (invoice_id(terms, second), eur(0), eur(300)),
    ]


@pytest.mark.parametrize("fee", [0, 100])
@pytest.mark.parametrize("other", [0, 178, 40])
def test_a_credit_note_says_what_was_paid_back_whatever_it_is_made_of(fee: int, other: int) -> None:
    story = taxed()
    event = Refunded(
        refund="r",
        number=1,
        cause=RefundCause.RETURNED,
        amount=eur(397 + other - fee),
        lines=(RefundLine(line="1", from_unit=2, to_unit=3, amount=eur(397)),),
        other=eur(other),
        fee=eur(fee) if fee else None,
    )
    [send] = told(story, event)
    note = send.message
    assert isinstance(note, IssueCreditNote)
    assert note.gross == event.amount
    assert note.net + note.tax == note.gross
    parts: list[DocumentLine | InvoiceCharge] = [*note.lines, *note.charges]
    assert all(part.net.amount + sum(tax.amount.amount for tax in part.taxes) == part.gross.amount for part in parts)


def test_what_was_never_invoiced_is_not_credited() -> None:
    story = Story().released(("A", 1, 1_000))
    event = Refunded(refund="r", number=1, cause=RefundCause.CANCELLED, amount=eur(10), other=eur(10))
    assert told(story, event) == ()


def test_of_a_refund_that_was_paid_in_part_and_withdrawn_the_part_is_credited() -> None:
    # given a claim of a unit for 3.97 and 1.79 of shipping, of which 1.00 went back before a provider refused
    story = taxed()
    asks(story, claim(cause=RefundCause.DAMAGED))
    refused(story, part=100)
    # when finance takes the decision back
    note = note_of(asks(story, WithdrawRefund(refund="1", detail="settled by phone")))
    # then the part is credited, with taxes in proportion, and nothing that was owed on account
    assert (note.gross, note.on_account, note.corrects[0].gross) == (eur(100), eur(0), eur(100))
    assert note.net + note.tax == note.gross
    assert 0 < note.tax.amount < 20
    # and should the rest come back all the same, it is credited by a note of its own
    outcome = paid_back(story)
    rest = note_of(outcome)
    assert rest.gross == eur(576 - 100)
    [send] = [send for send in outcome.sent if isinstance(send.message, IssueCreditNote)]
    refund = refund_of(story).contents.refund
    assert send.stream == stream("invoice", aggregate_id("default", "credit_note", ORDER_ID, refund, "rest"))
    # and both together bear the taxes of the unit: 0.64 of its own, and 0.12 of the shipping
    assert note.tax + rest.tax == eur(64 + 12)


def test_of_a_refund_that_was_withdrawn_before_anything_came_back_nothing_is_credited() -> None:
    story = taxed()
    asks(story, claim(cause=RefundCause.DAMAGED))
    refused(story)
    outcome = asks(story, WithdrawRefund(refund="1", detail="he sent it back"))
    assert not [send for send in outcome.sent if isinstance(send.message, IssueCreditNote)]


def notes(outcome: Outcome) -> list[int]:
    return [send.message.gross.amount for send in outcome.sent if isinstance(send.message, IssueCreditNote)]


def test_of_a_part_that_was_taken_back_before_its_refund_was_withdrawn_nothing_is_credited() -> None:
    story = taxed()
    asks(story, claim(3))
    refused(story, part=400)
    taken_back(story, 400)
    assert notes(asks(story, WithdrawRefund(refund="1", detail="he keeps them"))) == []


def test_what_was_credited_and_taken_back_counts_when_the_same_units_are_paid_back_otherwise() -> None:
    # given three units that were paid back and credited, whose money was taken back
    story = taxed(customer=ADA)
    asks(story, claim(2))
    [first] = notes(paid_back(story))
    taken_back(story, first)
    # when that is withdrawn, and they are granted anew with one more, as store credit
    assert notes(asks(story, WithdrawRefund(refund="1", detail="as store credit"))) == []
    asks(story, claim(3, to=RefundTo.STORE_CREDIT))
    # then the rest is credited, and all together what was invoiced, with its taxes
    note = note_of(credited(story, 2))
    assert note.gross == eur(1_725 - first)
    assert sum(line.quantity for line in note.lines) == 1


CARD, LATER = (
    Tender(method=TenderMethod.COUPON, amount=eur(1_000), rank=0),
    Tender(method=TenderMethod.INVOICE, amount=eur(725), rank=1),
)


def back_by(story: Story, number: int, other: int, on_account: int, part: str) -> Outcome:
    """Payments paid a refund back: so much to the first tender, and so much was owed on account."""
    refund, capture = refund_of(story, number).contents.refund, fulfillment_of(story)
    parts = [
        TenderRefund(
            refund=f"{part}{place}",
            tender=place,
            capture=aggregate_id("default", "capture", PAYMENT, capture, "0", str(place)),
            amount=eur(cents),
        )
        for place, cents in enumerate((other, on_account))
        if cents
    ]
    answer = PaymentRefunded(
        order_id=ORDER_ID,
        refund=refund,
        amount=eur(other + on_account),
        refunds=tuple(parts),
        refunded=eur(story.view.refunds.refunded + other + on_account),
        captured=eur(1_725),
    )
    return story.tell(answer, subject=PAYMENT)


def moved(outcome: Outcome) -> list[int]:
    return [send.message.amount.amount for send in outcome.sent if isinstance(send.message, MoveOnAccount)]


def taken_back_and_withdrawn() -> Story:
    """A unit that 5.76 went back for by the first tender, which took them back again; then it was owed no more."""
    story = taxed(customer=ADA, tenders=(CARD, LATER))
    asks(story, claim())
    assert notes(back_by(story, 1, 576, 0, "a")) == [576]
    taken_back(story, 576)
    assert notes(asks(story, WithdrawRefund(refund="1", detail="he keeps it"))) == []
    return story


def test_no_credit_note_says_more_on_account_than_its_gross_and_the_invoice_owes_less_beside_it() -> None:
    story = taken_back_and_withdrawn()
    # when it is granted anew with another unit, 11.51 in all, of which 7.25 were owed on account
    asks(story, claim(2))
    outcome = back_by(story, 2, 426, 725, "b")
    # then the note states what was not credited before, and the rest of what is owed no more is told beside it
    note = note_of(outcome)
    assert (note.gross, note.on_account, note.corrects[0].on_account) == (eur(575), eur(575), eur(575))
    assert moved(outcome) == [575 - 725]
    # and once, however often payments say it
    assert (notes(back_by(story, 2, 426, 725, "b")), moved(back_by(story, 2, 426, 725, "b"))) == ([], [])


def test_what_was_credited_before_has_no_second_note_and_is_owed_no_more_all_the_same() -> None:
    story = taken_back_and_withdrawn()
    asks(story, claim())
    outcome = back_by(story, 2, 0, 576, "b")
    assert (notes(outcome), moved(outcome)) == ([], [-576])


def test_a_refund_that_is_paid_after_all_is_credited_where_another_took_its_place() -> None:
    # given a refund that was withdrawn, and another for the same unit
    story = taken_back_and_withdrawn()
    asks(story, claim())
    back_by(story, 2, 576, 0, "b")
    # when the first is paid after all, then it is credited too, by a note of its own
    outcome = back_by(story, 1, 576, 0, "c")
    assert notes(outcome) == [576]
    [send] = [send for send in outcome.sent if isinstance(send.message, IssueCreditNote)]
    refund = refund_of(story).contents.refund
    assert send.stream == stream("invoice", aggregate_id("default", "credit_note", ORDER_ID, refund, "rest", "2"))


def test_a_refund_that_is_paid_after_all_and_had_no_other_in_its_place_was_credited() -> None:
    story = taken_back_and_withdrawn()
    outcome = back_by(story, 1, 0, 576, "c")
    assert (notes(outcome), moved(outcome)) == ([], [-576])


def test_small_amounts_off_bear_together_the_tax_of_their_sum() -> None:
    # given 17.25 with 1.90 at 19 % and 0.35 at 7 % in it, and ten times 0.05 off: each alone bears less than a cent
    story = taxed()
    taxes = 0
    for number in range(1, 11):
        asks(story, grant(5))
        taxes += note_of(paid_back(story, number)).tax.amount
    assert taxes == 190 * 34 // 1_190 + 35 * 16 // 535


def test_a_charge_that_never_comes_back_keeps_its_tax() -> None:
    shipping = Charge(
        kind=ChargeKind.FEE, amount=eur(535), tax_included=True, taxes=(vat(35, "0.07"),), refund_rule=RefundRule.NEVER
    )
    group = ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO, charges=(shipping,))
    story = taxed(ship_groups=(group,))
    asks(story, claim(3, cause=RefundCause.DAMAGED))
    note = note_of(paid_back(story))
    assert (note.gross, note.tax, note.charges) == (eur(1_190), eur(190), ())


def test_shipping_that_comes_back_after_the_last_unit_takes_its_own_tax_with_it() -> None:
    # given shipping that comes back once nothing of it is kept
    shipping = Charge(
        kind=ChargeKind.FEE,
        amount=eur(535),
        tax_included=True,
        taxes=(vat(35, "0.07"),),
        refund_rule=RefundRule.WHEN_ALL_RETURNED,
    )
    group = ShipGroup(group="1", method=ShipMethod.SHIP, ship_to=SHIP_TO, charges=(shipping,))
    story = taxed(ship_groups=(group,))
    # when it is paid back for no units, as after a cancel of what was still to leave
    back: dict[str, Any] = {
        "refund": "r",
        "number": 1,
        "cause": RefundCause.CANCELLED,
        "amount": eur(535),
        "other": eur(535),
    }
    story.given(RefundGranted(**back, withheld=eur(535), answer_by=story.log[-1][2]), Refunded(**back))
    [send] = credit_note(story.view, "r")
    assert isinstance(send.message, IssueCreditNote)
    assert [(row.rate, row.amount) for row in send.message.taxes] == [("0.07", eur(35))]
