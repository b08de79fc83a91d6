"""The journal: every money event is a balanced entry, and what one event opens another closes."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from beancount import loader
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.log import NewRecord
from chassis.memory import MemoryLog
from chassis.testing import DAWN
from contracts import topics
from contracts.channel import ChannelOrder
from contracts.envelope import Actor, Envelope, root_traceparent
from contracts.ids import aggregate_id, split_stream, stream
from contracts.message import Event, Message
from contracts.money import Money, Tender, TenderMethod
from contracts.order import (
    GrantRefund,
    LinesAdded,
    LinesFulfilled,
    OrderPlaced,
    RefundApprover,
    RefundCause,
    RefundTo,
    RefundUnits,
    RefundWithdrawn,
)
from contracts.payments import (
    DisputeLost,
    DisputeOpened,
    DisputeWon,
    HoldValue,
    IssueCause,
    IssueValue,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentIncreased,
    PaymentRefunded,
    RedeemValue,
    RefundRefusal,
    RefundRefused,
    RefundReversed,
    ReleaseValue,
    TenderRefund,
    ValueKind,
)
from oms.journal.accounts import Account
from oms.journal.entries import Book, Entry
from oms.journal.reading import journal
from oms.journal.writing import Form, write
from tests.simulation.people import Floor, channel_order, order_stream, place, receive
from tests.simulation.test_stored_value import paid_by_gift_card
from tests.simulation.world import World

ANNA = Actor(kind="person", subject="anna")
VALUE = stream("stored_value", aggregate_id("default", "stored_value", "spec"))


def eur(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def envelope(name: str, event: Message, number: int, time: datetime = DAWN) -> Envelope:
    identifier = aggregate_id("default", "spec", str(number))
    return Envelope(
        id=identifier,
        type=event.TYPE,
        source="/spec",
        time=time,
        subject=name,
        tenant="default",
        correlation_id=name,
        causation_id=identifier,
        traceparent=root_traceparent(identifier),
        sequence=number,
    )


def entries(events: Iterable[tuple[str, Event]]) -> list[Entry]:
    """The journal of these events, each told with its stream."""
    book = Book()
    found = (book.entry(envelope(name, event, number), event) for number, (name, event) in enumerate(events))
    return [entry for entry in found if entry is not None]


def balances(found: Iterable[Entry]) -> Counter[tuple[Account, str]]:
    """What stands on each account in each currency."""
    sums: Counter[tuple[Account, str]] = Counter()
    for entry in found:
        for posting in entry.postings:
            sums[posting.account, posting.currency] += posting.amount
    return Counter({key: amount for key, amount in sums.items() if amount})


def balanced(found: Iterable[Entry]) -> bool:
    """Whether each entry sums to nothing in each currency."""
    return all(not any(amount for amount in sums.values()) for sums in (_sums(entry) for entry in found))


def _sums(entry: Entry) -> Counter[str]:
    sums: Counter[str] = Counter()
    for posting in entry.postings:
        sums[posting.currency] += posting.amount
    return sums


def standing(found: Iterable[Entry]) -> dict[Account, int]:
    return {account: amount for (account, _), amount in balances(found).items()}


def taxed(amount: int, tax: int, included: bool = True) -> dict[str, Any]:
    """A line's or charge's amount with a tax."""
    line = {"jurisdiction": "DE", "rate": "0.19", "base": amount - tax, "amount": tax}
    return {"amount": amount, "tax_included": included, "taxes": [line]}


def bought(lines: Sequence[dict[str, Any]], total: int, seed: int = 0, **more: Any) -> World:
    """An order of these lines whose goods have left and arrived, and which is paid."""
    world = World(seed)
    for line in lines:
        receive(world, line["sku"], "north", line["quantity"])
    plain = channel_order("1001", *((line["sku"], line["quantity"], line["amount"]) for line in lines))
    named = [{"line_id": f"c{number}", "ship_group": "1", **line} for number, line in enumerate(lines, start=1)]
    fields = {**plain.model_dump(mode="json"), "lines": named, "total": total, **more}
    fields["tenders"] = [{"method": "invoice", "amount": total}]
    place(world, ChannelOrder.model_validate(fields))
    Floor(world).work()
    return world


def test_what_left_is_income_without_its_tax_and_nothing_stays_on_the_order() -> None:
    world = bought([{"sku": "A", "quantity": 3, **taxed(1_190, 190)}], 1_190)
    found = entries(world.events)
    assert balanced(found)
    assert standing(found) == {Account.INVOICE: 1_190, Account.SALES: -1_000, Account.TAX: -190}


def test_tax_that_a_marketplace_pays_is_not_ours() -> None:
    line = taxed(1_190, 190)
    line["taxes"][0]["remitted_by"] = "marketplace"
    found = entries(bought([{"sku": "A", "quantity": 1, **line}], 1_190).events)
    assert standing(found)[Account.TAX_MARKETPLACE] == -190
    assert Account.TAX not in standing(found)


def test_a_refund_as_store_credit_is_owed_by_the_ledger_and_by_nobody_else() -> None:
    world = bought([{"sku": "A", "quantity": 2, "amount": 2_000}], 2_000, customer={"issuer": "shop", "id": "ada"})
    claim = GrantRefund(
        cause=RefundCause.DAMAGED,
        lines=(RefundUnits(line="1", quantity=1),),
        reason="broken",
        to=RefundTo.STORE_CREDIT,
    )
    world.tell("order", order_stream("1001"), claim, actor=ANNA)
    found = entries(world.events)
    assert balanced(found)
    assert standing(found) == {
        Account.INVOICE: 2_000,
        Account.SALES: -2_000,
        Account.RETURNS: 1_000,
        Account.STORED_VALUE: -1_000,
    }


def test_a_refund_takes_its_tax_back_and_is_closed_when_it_is_paid() -> None:
    world = bought(
        [{"sku": "A", "quantity": 2, **taxed(2_380, 380)}],
        2_975,
        charges=[{"kind": "shipping", **taxed(595, 95)}],
    )
    claim = GrantRefund(
        cause=RefundCause.DAMAGED,
        lines=(RefundUnits(line="1", quantity=2),),
        reason="broken",
        approver=RefundApprover.FINANCE,
    )
    world.tell("order", order_stream("1001"), claim, ANNA)
    found = entries(world.events)
    assert [entry.what for entry in found][-2:] == ["RefundGranted", "PaymentRefunded"]
    assert balanced(found)
    assert standing(found) == {Account.SALES: -2_500, Account.RETURNS: 2_500}


def test_an_appeasement_is_an_expense() -> None:
    world = bought([{"sku": "A", "quantity": 1, **taxed(1_190, 190)}], 1_190)
    wish = GrantRefund(cause=RefundCause.APPEASEMENT, amount=eur(200), reason="late", approver=RefundApprover.FINANCE)
    found = entries(world.tell("order", order_stream("1001"), wish, ANNA).events)
    assert standing(found) == {
        Account.INVOICE: 990,
        Account.SALES: -1_000,
        Account.TAX: -190,
        Account.GOODWILL: 200,
    }


def test_a_refund_that_is_withdrawn_leaves_nothing() -> None:
    world = bought([{"sku": "A", "quantity": 3, **taxed(1_000, 160)}], 1_000)
    claim = GrantRefund(
        cause=RefundCause.MISSING,
        lines=(RefundUnits(line="1", quantity=1),),
        reason="missing",
        approver=RefundApprover.FINANCE,
    )
    world.tell("order", order_stream("1001"), claim, ANNA)
    told = [event for event in world.events if type(event[1]).__name__ not in {"PaymentRefunded", "Refunded"}]
    [(name, granted)] = [event for event in told if type(event[1]).__name__ == "RefundGranted"]
    back = RefundWithdrawn(refund=granted.refund, number=1, amount=granted.amount)  # type: ignore[attr-defined]
    before = standing(entries(event for event in told if event[1] is not granted))
    found = entries([*told, (name, back)])
    assert balanced(found)
    assert standing(found) == before


def test_stored_value_is_a_debt_until_it_is_spent_or_lapses() -> None:
    world = World()
    world.tell(
        "payments",
        VALUE,
        IssueValue(kind=ValueKind.GIFT_CARD, entry="e1", amount=eur(5_000), cause=IssueCause.SOLD),
    )
    world.tell(
        "payments",
        VALUE,
        IssueValue(kind=ValueKind.GIFT_CARD, entry="e2", amount=eur(500), cause=IssueCause.GOODWILL),
    )
    world.tell("payments", VALUE, HoldValue(hold="a1", order_id="o1", amount=eur(2_000)))
    world.tell("payments", VALUE, RedeemValue(hold="a1", capture="c1", order_id="o1", amount=eur(1_500)))
    world.tell("payments", VALUE, ReleaseValue(hold="a1", order_id="o1"))
    found = entries(world.events)
    assert [entry.what for entry in found] == ["ValueIssued", "ValueIssued", "ValueRedeemed"]
    assert balanced(found)
    assert standing(found) == {
        Account.VALUE_SOLD: 5_000,
        Account.GOODWILL: 500,
        Account.STORED_VALUE: -4_000,
        Account.VALUE_USED: -1_500,
    }


def test_what_a_gift_card_paid_is_no_debt_any_more_and_what_came_back_is_one_again() -> None:
    # given an order of 30.00, 15.00 of it on a card of 20.00, of which 20.00 came back: 5.00 to the card
    found = entries(paid_by_gift_card(0)[0].events)
    stands = standing(found)
    assert balanced(found)
    # then payment and ledger have both said so, and the card is good for 10.00
    assert Account.VALUE_USED not in stands
    assert (stands[Account.STORED_VALUE], stands[Account.VALUE_SOLD]) == (-1_000, 2_000)
    assert not {Account.ORDERS, Account.CREDIT, Account.OTHER_TENDER} & stands.keys()


amounts = st.integers(0, 5_000)


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """Lines and charges with taxes inside and on top, some of them nothing, and what they come to."""
    lines, charges, total = [], [], 0
    for sku in ("A", "B")[: draw(st.integers(1, 2))]:
        amount, tax, included = draw(amounts), draw(st.integers(0, 300)), draw(st.booleans())
        lines.append({"sku": sku, "quantity": draw(st.integers(1, 4)), **taxed(amount, tax, included)})
        total += amount + (0 if included else tax)
    for kind in draw(st.lists(st.sampled_from(["shipping", "handling"]), max_size=2, unique=True)):
        amount, tax, included = draw(amounts), draw(st.integers(0, 90)), draw(st.booleans())
        charges.append({"kind": kind, **taxed(amount, tax, included)})
        total += amount + (0 if included else tax)
    return lines, charges, total


@settings(max_examples=40)
@given(orders(), st.lists(st.tuples(st.integers(0, 1), st.integers(1, 3)), max_size=4), st.integers(0, 99))
def test_every_entry_balances_and_orders_that_ended_are_closed_to_the_cent(
    order: tuple[list[dict[str, Any]], list[dict[str, Any]], int], claims: list[tuple[int, int]], seed: int
) -> None:
    lines, charges, total = order
    world = bought(lines, total, seed, charges=charges)
    for line, quantity in claims:
        wish = GrantRefund(
            cause=RefundCause.DAMAGED,
            lines=(RefundUnits(line=str(line + 1), quantity=quantity),),
            reason="broken",
            approver=RefundApprover.FINANCE,
        )
        world.tell("order", order_stream("1001"), wish, ANNA)
    found = entries(world.events)
    stands = standing(found)
    assert balanced(found)
    assert not {Account.ORDERS, Account.CREDIT, Account.OTHER_TENDER} & stands.keys()
    taxes = sum(line["taxes"][0]["amount"] for line in (*lines, *charges))
    of_sales = [entry for entry in found if entry.what == "LinesFulfilled"]
    assert -standing(of_sales).get(Account.TAX, 0) == taxes


def log_of(world: World) -> MemoryLog:
    """The topics of a world's events."""
    log = MemoryLog(lambda: DAWN)
    log.create_topics(topics.all_topics(partitions=2))
    writer = log.producer("spec")
    writer.begin()
    for number, (name, event) in enumerate(world.events):
        service = {"order": "order", "payment": "payments", "stored_value": "payments"}.get(split_stream(name)[0])
        if service:
            headers = envelope(name, event, number, DAWN + timedelta(hours=number)).headers()
            partition = len(name) % 2
            record = NewRecord(topics.events(service), partition, name.encode(), event.encode(), headers)
            writer.send([record])
    writer.flush()
    writer.commit()
    return log


def test_the_journal_is_read_from_the_topics_alike_each_time_and_of_the_days_asked_for() -> None:
    log = log_of(bought([{"sku": "A", "quantity": 1, **taxed(1_190, 190)}], 1_190))
    whole = list(journal(log))
    assert [entry.what for entry in whole] == ["LinesFulfilled", "PaymentCaptured"]
    assert list(journal(log)) == whole
    last = max(entry.when for entry in whole)
    assert [entry.when for entry in journal(log, since=last)] == [last]
    assert last not in [entry.when for entry in journal(log, until=last)]


def test_an_accountant_s_program_accepts_it() -> None:
    world = bought([{"sku": "A", "quantity": 3, **taxed(1_190, 190)}], 1_190)
    world.tell(
        "payments",
        VALUE,
        IssueValue(kind=ValueKind.GIFT_CARD, entry="e1", amount=eur(5_000), cause=IssueCause.SOLD),
    )
    text = io.StringIO()
    assert write(journal(log_of(world)), text, Form.BEANCOUNT) == 3
    loaded, errors, _ = loader.load_string(text.getvalue())
    assert errors == []
    assert len([one for one in loaded if type(one).__name__ == "Transaction"]) == 3


def test_the_program_would_not_accept_what_does_not_balance() -> None:
    text = io.StringIO()
    write(journal(log_of(bought([{"sku": "A", "quantity": 1, **taxed(1_190, 190)}], 1_190))), text, Form.BEANCOUNT)
    _, errors, _ = loader.load_string(text.getvalue().replace("11.90", "11.91", 1))
    assert errors


def test_a_table_has_a_row_a_posting_with_the_document_and_no_formula() -> None:
    world = bought([{"sku": "A", "quantity": 1, **taxed(1_190, 190)}], 1_190)
    text = io.StringIO()
    write(journal(log_of(world)), text, Form.CSV)
    heading, *rows = text.getvalue().splitlines()
    assert heading == "event,when,what,order,document,account,amount,currency,minor_units"
    assert any(row.endswith("Income:Sales,-10.00,EUR,-1000") for row in rows)
    assert len(rows) == 5
    entry = Entry("e", datetime(2026, 1, 1, tzinfo=UTC), "X", None, '=1+"2"\n', ())
    quoted = io.StringIO()
    write([entry], quoted, Form.BEANCOUNT)
    assert '" =1+ 2  "' in quoted.getvalue()


@pytest.mark.parametrize("account", Account)
def test_every_account_has_a_meaning(account: Account) -> None:
    assert account.meaning


def test_a_line_whose_terms_are_not_known_is_income_as_a_whole() -> None:
    world = bought([{"sku": "A", "quantity": 1, **taxed(1_190, 190)}], 1_190)
    found = entries(event for event in world.events if not isinstance(event[1], OrderPlaced))
    assert standing([entry for entry in found if entry.what == LinesFulfilled.__name__]) == {
        Account.ORDERS: 1_190,
        Account.SALES: -1_190,
    }


def test_of_a_line_that_was_added_the_tax_is_no_income() -> None:
    # given an order, one line of which left
    world = bought([{"sku": "A", "quantity": 1, **taxed(1_190, 190)}], 1_190)
    [placed], [left] = world.of(OrderPlaced), world.of(LinesFulfilled)
    # when the same is added once more as another line, and leaves too
    added = LinesAdded(lines=(placed.lines[0].model_copy(update={"line": "2", "added_by": "1"}),))
    more = left.model_copy(update={"ranges": (left.ranges[0].model_copy(update={"line": "2"}),)})
    found = entries((order_stream("1001"), event) for event in (placed, left, added, more))
    # then its tax is the state's, as that of the first
    assert standing(found) == {Account.ORDERS: 2_380, Account.SALES: -2_000, Account.TAX: -380}


def test_what_a_tender_pays_that_a_change_brought_is_on_its_own_account() -> None:
    # given an order on account, for a change of which a coupon pays
    world = bought([{"sku": "A", "quantity": 1, "amount": 500}], 500)
    [first], [taken] = world.of(PaymentAuthorized), world.of(PaymentCaptured)
    coupon = Tender(method=TenderMethod.COUPON, amount=eur(200))
    more = PaymentIncreased(
        order_id=first.order_id, increase="1", amount=eur(200), tenders=(*first.tenders, coupon), authorizations=()
    )
    # when the coupon is captured
    part = taken.captures[0].model_copy(update={"tender": 1, "amount": eur(200)})
    captured = taken.model_copy(update={"amount": eur(200), "captures": (part,)})
    found = entries((f"payment/{first.order_id}", event) for event in (first, more, captured))
    # then it is a coupon's
    assert standing(found) == {Account.ORDERS: -200, Account.COUPON: 200}


def test_the_page_lists_the_accounts_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "journal.md").read_text("utf-8")
    assert all(f"| `{account.value}` | {account.meaning} |" in page for account in Account)


def test_a_part_that_came_back_before_a_refusal_is_booked_once() -> None:
    name = stream("payment", "o1")
    refused = RefundRefused(
        order_id="o1", refund="r1", amount=eur(500), reason=RefundRefusal.PROVIDER, refunded_part=eur(200)
    )
    parts = tuple(TenderRefund(refund=f"p{cents}", tender=0, capture="c", amount=eur(cents)) for cents in (200, 300))
    paid = PaymentRefunded(
        order_id="o1", refund="r1", amount=eur(500), refunds=parts, refunded=eur(500), captured=eur(500)
    )
    assert standing(entries([(name, refused), (name, refused)])) == {
        Account.CREDIT: 200,
        Account.OTHER_TENDER: -200,
    }
    found = entries([(name, refused), (name, paid)])
    assert balanced(found)
    assert standing(found) == {Account.CREDIT: 500, Account.OTHER_TENDER: -500}


@pytest.mark.parametrize("again", [False, True])
def test_a_part_that_a_provider_took_back_is_owed_again_until_it_is_paid_once_more(again: bool) -> None:
    name, parts = stream("payment", "o1"), [TenderRefund(refund="p", tender=0, capture="c", amount=eur(200))]
    parts.append(TenderRefund(refund="q", tender=1, capture="d", amount=eur(300)))
    tenders = tuple(Tender(method=method, amount=eur(500)) for method in (TenderMethod.INVOICE, TenderMethod.CARD))
    paying = PaymentAuthorized(order_id="o1", amount=eur(1000), tenders=tenders, authorizations=())
    paid = PaymentRefunded(
        order_id="o1", refund="r1", amount=eur(500), refunds=tuple(parts), refunded=eur(500), captured=eur(1000)
    )
    taken = RefundReversed(
        order_id="o1", refund="r1", key="k", reversed=parts[1], refunds=(parts[0],), refunded=eur(0), provider="p"
    )
    found = entries([(name, event) for event in (paying, paid, taken, *([paid] if again else []))])
    assert balanced(found)
    back = {Account.CREDIT: 500, Account.INVOICE: -200, Account.CARD: -300}
    assert standing(found) == (back if again else {Account.CREDIT: 200, Account.OTHER_TENDER: -200})


@pytest.mark.parametrize(
    ("end", "stands"),
    [
        (None, {Account.DISPUTED: 500, Account.CARD: -500}),
        (DisputeWon, {}),
        (DisputeLost, {Account.CHARGEBACKS: 500, Account.CARD: -500}),
    ],
)
def test_a_dispute_is_withheld_until_it_is_decided(
    end: type[DisputeWon | DisputeLost] | None, stands: dict[Account, int]
) -> None:
    named: dict[str, Any] = {"order_id": "o1", "key": "k", "capture": "c", "amount": eur(500), "provider": "sandbox"}
    told: list[Event] = [DisputeOpened(**named), *([end(**named)] if end else [])]
    assert standing(entries((stream("payment", "o1"), event) for event in told)) == stands
