"""`oms payments reconcile`: our events from the log, a provider's books or its file, and the exit code that says it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chassis.log import NewRecord
from chassis.memory import MemoryLog
from chassis.settings import Settings
from contracts.envelope import Envelope
from contracts.message import Event
from contracts.money import Money
from contracts.payments import CallStep, CardCaptured, CardCaptureRequested, ProviderCall, Settled
from contracts.topics import events
from oms import reconciling
from oms.reconciling import payments_commands
from services.payments.provider_ledger import Entry, EntryKind, LedgerAway

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = NOON.date()
TEN, FEE = Money(amount=1_000, currency="EUR"), Money(amount=39, currency="EUR")
STREAM = "payment/1"
CALL = ProviderCall(step=CallStep.CAPTURE, key="k-1", tender=0, authorization="a-1", amount=TEN)
TAKEN = CardCaptured(
    order_id="o-1",
    key="k-1",
    capture="c-1",
    tender=0,
    authorization="a-1",
    amount=TEN,
    provider="sandbox",
    reference="ch_1",
    settlement=Settled(amount=TEN, rate="1", source="same currency", fee=FEE),
)
ENTRY = Entry(EntryKind.CHARGE, "ch_1", TEN, DAY, "k-1", "o-1", "a-1", settled=TEN, fee=FEE)


class Books:
    """A provider that shows these entries."""

    name = "sandbox"

    def __init__(self, *entries: Entry) -> None:
        self.shown = entries

    async def entries(self, day: date) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.shown if entry.day == day)


class ClosedBooks(Books):
    """One that shows nothing now."""

    async def entries(self, day: date) -> tuple[Entry, ...]:
        raise LedgerAway("the books of sandbox cannot be read: away")


def written(*told: Event) -> MemoryLog:
    """A log with these events of one payment."""
    log = MemoryLog(lambda: NOON)
    log.create_service_topics("payments", partitions=2, intents_partitions=2)
    producer = log.producer("payments-1")
    for event in told:
        envelope = Envelope("1", event.TYPE, "/payments", NOON, STREAM, "default", STREAM, "0", "00-0-0-00")
        producer.begin()
        producer.send([NewRecord(events("payments"), 1, STREAM.encode(), event.encode(), envelope.headers())])
        producer.flush()
        producer.commit()
    return log


def asked(
    monkeypatch: pytest.MonkeyPatch, log: MemoryLog, books: Books, *more: str
) -> tuple[int, str, BaseException | None]:
    """The exit code, what is printed, and what it ended with."""
    monkeypatch.setattr(reconciling, "load_settings", Settings)
    monkeypatch.setattr(reconciling, "reach_log", lambda settings: log)
    monkeypatch.setattr(reconciling, "ledgers_of", lambda settings: {books.name: books})
    said = CliRunner().invoke(payments_commands, ["reconcile", "sandbox", "--day", DAY.isoformat(), *more])
    return said.exit_code, said.output, said.exception


CAPTURED = (CardCaptureRequested(order_id="o-1", call=CALL), TAKEN)


def test_books_that_agree_end_well(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output, _ = asked(monkeypatch, written(*CAPTURED), Books(ENTRY))
    assert (code, output) == (0, f"sandbox, {DAY}: entries there 1, calls ended here 1, no difference\n")


def test_a_difference_is_told_with_its_cause_and_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output, _ = asked(monkeypatch, written(*CAPTURED), Books())
    assert code == 1
    assert all(word in output for word in ("missing_there", "order o-1", "ch_1", "cause", "next", "1 difference"))


def test_programs_get_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output, _ = asked(monkeypatch, written(), Books(ENTRY), "--json")
    (difference,) = json.loads(output)["differences"]
    assert (code, difference["cause"], difference["order_id"]) == (1, "unknown_here", "o-1")
    assert difference["next_step"]


HEADING = "id,type,created,key,amount,currency,settled,settled_currency,fee"


def test_a_file_stands_for_the_books_of_its_day(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "settlement.csv"
    lines = [HEADING, "ch_1,charge,2026-11-26,k-1,10.00,EUR,10.00,EUR,0.40", "po_1,payout,2026-11-26,,,,-9.60,EUR,"]
    file.write_text("\n".join(lines))
    code, output, _ = asked(monkeypatch, written(*CAPTURED), Books(), "--file", str(file))
    assert code == 1 and "other_fee" in output and "1 difference" in output

    file.write_text("\n".join(lines).replace("0.40", "0.39").replace("9.60", "9.61"))
    assert asked(monkeypatch, written(*CAPTURED), Books(), "--file", str(file))[0] == 0


def test_books_that_are_not_shown_are_no_books_without_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, error = asked(monkeypatch, written(), ClosedBooks())
    assert code == 1 and isinstance(error, LedgerAway)


def test_a_provider_that_is_none_is_told_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "load_settings", Settings)
    monkeypatch.setattr(reconciling, "ledgers_of", lambda settings: {"sandbox": Books()})
    said = CliRunner().invoke(payments_commands, ["reconcile", "nobody"])
    assert said.exit_code == 2 and "nobody" in said.output
