"""A day at the sandbox as its books and its settlement file have it, against what the answers said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.money import Money
from services.payments.provider import Call, CallStep, Outcome, Result
from services.payments.provider_ledger import Entry, EntryKind, LedgerAway
from services.payments.providers.sandbox_ledger import SandboxLedger
from services.payments.providers.settlement_file import read_settlement
from services.payments.providers.stripe_ledger import entry_of
from services.payments.reconciling import Cause, OurCall, Stage, compare, compare_settled
from tests.sandbox import KEY, Sandbox, running_sandbox

pytestmark = pytest.mark.servers

KINDS = {
    CallStep.AUTHORIZE: EntryKind.AUTHORIZATION,
    CallStep.CAPTURE: EntryKind.CHARGE,
    CallStep.REFUND: EntryKind.REFUND,
}


class Day:
    """Calls made at the sandbox, and what our events would tell of them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.calls: list[OurCall] = []

    def do(self, call: Call) -> Outcome:
        async def asking() -> Outcome:
            async with self.sandbox.provider() as provider:
                return await provider.call(call)

        outcome = asyncio.run(asking())
        today = datetime.now(UTC).date()
        if call.step is CallStep.VOID:
            self.calls = [
                replace(c, stage=Stage.GIVEN_BACK) if c.reference == call.reference else c for c in self.calls
            ]
            return outcome
        settled = outcome.settlement
        self.calls.append(
            OurCall(
                KINDS[call.step],
                call.key,
                call.order_id,
                call.amount,
                Stage.DONE if outcome.result is Result.DONE else Stage.DECLINED,
                today,
                today,
                outcome.reference if outcome.result is Result.DONE else None,
                settled.amount if settled else None,
                settled.fee if settled else None,
            )
        )
        return outcome

    def order(self, number: int, token: str = "tok_ok", currency: str = "EUR") -> tuple[Call, Outcome]:
        amount = Money(amount=10_000, currency=currency)
        call = Call(CallStep.AUTHORIZE, str(uuid4()), f"order-{number}", "default", f"auth-{number}", amount, token)
        return call, self.do(call)

    def then(self, call: Call, step: CallStep, reference: str | None, amount: int) -> Outcome:
        money = Money(amount=amount, currency=call.amount.currency)
        return self.do(replace(call, step=step, key=str(uuid4()), reference=reference, amount=money, token=None))

    def entries(self) -> tuple[date, list[Entry]]:
        today = datetime.now(UTC).date()
        return today, list(asyncio.run(SandboxLedger(self.sandbox.url, KEY).entries(today)))


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Day]:
    """Paid and partly refunded in two currencies, let go, refused, and held still."""
    with running_sandbox(tmp_path) as sandbox:
        day = Day(sandbox)
        for number, currency in ((1, "EUR"), (2, "USD"), (3, "JPY")):
            call, held = day.order(number, currency=currency)
            day.then(call, CallStep.CAPTURE, held.reference, 4_000)
            charge = day.then(call, CallStep.CAPTURE, held.reference, 5_000)
            day.then(call, CallStep.REFUND, charge.reference, 1_500)
        call, held = day.order(4)
        day.then(call, CallStep.VOID, held.reference, 10_000)
        day.order(5, "tok_decline_expired_card")
        day.order(6)
        yield day


def test_books_and_answers_agree(busy: Day) -> None:
    today, entries = busy.entries()
    kinds = [entry.kind for entry in entries]
    assert (kinds.count(EntryKind.CHARGE), kinds.count(EntryKind.REFUND)) == (6, 3)
    assert [entry.order_id for entry in entries if entry.held] == ["order-1", "order-2", "order-3", "order-6"]
    assert compare(today, busy.calls, entries) == []
    assert compare_settled(busy.calls, entries, ()) == []


def test_the_settlement_file_says_the_same_and_what_is_paid_out(busy: Day, tmp_path: Path) -> None:
    today, entries = busy.entries()
    file = tmp_path / "settlement.csv"
    file.write_bytes(b"\xef\xbb\xbf" + busy.sandbox.text(f"/settlements/{today}.csv").encode())
    said = read_settlement(file)

    books = [replace(entry, held=False) for entry in entries if entry.kind is not EntryKind.AUTHORIZATION]
    assert list(said.entries) == books
    assert len(said.payouts) == 1 and said.payouts[0].amount.currency == "EUR"
    assert compare(today, busy.calls, said.entries) == []
    assert compare_settled(busy.calls, said.entries, said.payouts) == []


def test_what_went_past_us_is_found_there(busy: Day) -> None:
    stranger = Day(busy.sandbox)
    call, held = stranger.order(7)
    stranger.then(call, CallStep.CAPTURE, held.reference, 700)
    today, entries = busy.entries()
    causes = [(difference.cause, difference.order_id) for difference in compare(today, busy.calls, entries)]
    assert causes == [(Cause.HELD_FOR_NOTHING, "order-7"), (Cause.UNKNOWN_HERE, "order-7")]


def test_what_never_went_there_is_found_here(busy: Day) -> None:
    today, entries = busy.entries()
    invented = replace(next(call for call in busy.calls if call.kind is EntryKind.CHARGE), key="k", reference="ch_x")
    (difference,) = compare(today, [*busy.calls, invented], entries)
    assert (difference.cause, difference.key) == (Cause.MISSING_THERE, "k")


def test_a_dispute_of_which_no_notice_came_is_found(busy: Day) -> None:
    _, entries = busy.entries()
    charge = next(entry for entry in entries if entry.kind is EntryKind.CHARGE)
    dispute = busy.sandbox.post(f"/test/charges/{charge.reference}/dispute")
    busy.sandbox.post(f"/test/disputes/{dispute['id']}/won")
    today, entries = busy.entries()
    differences = compare(today, busy.calls, entries)
    assert [difference.cause for difference in differences] == [Cause.DISPUTE_UNKNOWN_HERE] * 2
    told = [
        replace(call, disputed=today, won=today) if call.reference == charge.reference else call for call in busy.calls
    ]
    assert compare(today, told, entries) == []


def test_books_that_cannot_be_read_are_no_books_without_entries() -> None:
    with pytest.raises(LedgerAway, match="sandbox"):
        asyncio.run(SandboxLedger("http://127.0.0.1:1", KEY).entries(date(2026, 11, 26)))


# Stripe's, as it writes them

DAY = date(2026, 11, 26)
WORDS = {"order_id": "o", "authorization": "a", "key": "k"}


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        (
            {
                "type": "charge",
                "amount": 940,
                "currency": "eur",
                "fee": 38,
                "source": {"id": "ch_1", "amount": 2000, "amount_captured": 1050, "currency": "usd", "metadata": WORDS},
            },
            Entry(
                EntryKind.CHARGE,
                "ch_1",
                Money(amount=1050, currency="USD"),
                DAY,
                order_id="o",
                authorization="a",
                settled=Money(amount=940, currency="EUR"),
                fee=Money(amount=38, currency="EUR"),
            ),
        ),
        (
            {
                "type": "refund",
                "amount": -500,
                "currency": "jpy",
                "fee": 0,
                "source": {"id": "re_1", "amount": 500, "currency": "jpy", "metadata": WORDS},
            },
            Entry(
                EntryKind.REFUND,
                "re_1",
                Money(amount=500, currency="JPY"),
                DAY,
                key="k",
                order_id="o",
                authorization="a",
                settled=Money(amount=-500, currency="JPY"),
                fee=Money(amount=0, currency="JPY"),
            ),
        ),
        (
            {
                "type": "adjustment",
                "amount": -1050,
                "currency": "eur",
                "fee": 1500,
                "source": {"object": "dispute", "id": "dp_1", "charge": "ch_1", "amount": 1050, "currency": "eur"},
            },
            Entry(
                EntryKind.DISPUTE,
                "ch_1",
                Money(amount=1050, currency="EUR"),
                DAY,
                settled=Money(amount=-1050, currency="EUR"),
                fee=Money(amount=1500, currency="EUR"),
            ),
        ),
        ({"type": "payout", "amount": -9, "currency": "eur", "source": "po_1"}, None),
    ],
    ids=["charge", "refund", "dispute", "payout"],
)
def test_a_balance_transaction_is_an_entry(posted: dict[str, object], expected: Entry | None) -> None:
    assert entry_of(posted, DAY) == expected


def test_what_stripe_takes_for_itself_is_another_movement() -> None:
    entry = entry_of({"id": "txn_1", "type": "stripe_fee", "amount": -25, "currency": "eur", "source": None}, DAY)
    assert entry is not None
    assert (entry.kind, entry.reference, entry.amount) == (
        EntryKind.OTHER,
        "txn_1",
        Money(amount=-25, currency="EUR"),
    )
