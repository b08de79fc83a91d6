"""A day that agrees has no difference; each kind of fault, put into one side of it, is found and named once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from contracts.money import Money
from services.payments.provider_ledger import Entry, EntryKind, Payout
from services.payments.providers.settlement_file import SettlementRefused, read_settlement
from services.payments.reconciling import CAUSES, Cause, Difference, OurCall, Stage, compare, compare_settled

DAY, BEFORE, AFTER = date(2026, 11, 26), date(2026, 11, 25), date(2026, 11, 27)
Side = dict[str, OurCall]
Books = dict[str, Entry]


def euros(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def agreeing() -> tuple[Side, Books]:
    """An order paid and partly refunded, one whose money is still held, one let go, one that was disputed and won."""
    calls, entries = {}, {}
    for name, kind, amount, stage in (
        ("held", EntryKind.AUTHORIZATION, 5000, Stage.DONE),
        ("let_go", EntryKind.AUTHORIZATION, 700, Stage.GIVEN_BACK),
        ("charge", EntryKind.CHARGE, 5000, Stage.DONE),
        ("refund", EntryKind.REFUND, 1200, Stage.DONE),
        ("disputed", EntryKind.CHARGE, 900, Stage.DONE),
        ("refused", EntryKind.CHARGE, 300, Stage.DECLINED),
        ("open", EntryKind.CHARGE, 400, Stage.OPEN),
    ):
        money = stage in (Stage.DONE, Stage.GIVEN_BACK)
        settled, fee = euros(amount), euros(25)
        calls[name] = OurCall(
            kind,
            f"key-{name}",
            f"order-{name}",
            euros(amount),
            stage,
            asked=DAY,
            ended=DAY if stage is not Stage.OPEN else None,
            reference=f"ref-{name}" if money else None,
            settled=settled if kind is EntryKind.CHARGE and money else None,
            fee=fee if kind is EntryKind.CHARGE and money else None,
            disputed=DAY if name == "disputed" else None,
            won=DAY if name == "disputed" else None,
            taken_back=DAY if name == "refund" else None,
        )
        if money:
            sign = {EntryKind.CHARGE: 1, EntryKind.REFUND: -1, EntryKind.AUTHORIZATION: 0}[kind]
            entries[name] = Entry(
                kind,
                f"ref-{name}",
                euros(amount),
                DAY,
                f"key-{name}",
                f"order-{name}",
                settled=euros(sign * amount),
                fee=fee if kind is EntryKind.CHARGE else None,
                held=name == "held",
            )
    for kind in (EntryKind.DISPUTE, EntryKind.DISPUTE_WON):
        sign = -1 if kind is EntryKind.DISPUTE else 1
        entries[kind.value] = replace(entries["disputed"], kind=kind, settled=euros(sign * 900), fee=None)
    entries["taken_back"] = replace(
        entries["refund"], kind=EntryKind.REFUND_TAKEN_BACK, settled=-(entries["refund"].settled or euros(0))
    )
    return calls, entries


def found(calls: Side, entries: Books, payouts: tuple[Payout, ...] = ()) -> list[Difference]:
    rows = list(entries.values())
    return compare(DAY, list(calls.values()), rows) + compare_settled(list(calls.values()), rows, payouts)


PAID_OUT = 5000 - 25 - 1200 + 1200 + 900 - 25 - 900 + 900


def test_sides_that_agree_have_no_difference() -> None:
    calls, entries = agreeing()
    assert found(calls, entries, (Payout("po-1", euros(PAID_OUT)),)) == []


def _lose_ours(calls: Side, entries: Books) -> None:
    del calls["charge"]


def _stay_open(calls: Side, entries: Books) -> None:
    calls["refund"] = replace(calls["refund"], stage=Stage.OPEN, ended=None, reference=None)


def _refuse(calls: Side, entries: Books) -> None:
    calls["charge"] = replace(calls["charge"], stage=Stage.DECLINED, reference=None)


def _twice(calls: Side, entries: Books) -> None:
    entries["again"] = replace(entries["refund"], reference="ref-again", settled=None, day=AFTER)


def _lose_theirs(calls: Side, entries: Books) -> None:
    del entries["refund"]


def _amount(calls: Side, entries: Books) -> None:
    entries["charge"] = replace(entries["charge"], amount=euros(5001))


def _currency(calls: Side, entries: Books) -> None:
    entries["charge"] = replace(entries["charge"], amount=Money(amount=5000, currency="USD"))


def _reference(calls: Side, entries: Books) -> None:
    entries["charge"] = replace(entries["charge"], reference="ref-other")


def _hold_let_go(calls: Side, entries: Books) -> None:
    entries["let_go"] = replace(entries["let_go"], held=True)


def _hold_unknown(calls: Side, entries: Books) -> None:
    del calls["held"]


def _hold_open(calls: Side, entries: Books) -> None:
    calls["held"] = replace(calls["held"], stage=Stage.OPEN, reference=None)


def _dispute_here(calls: Side, entries: Books) -> None:
    calls["disputed"] = replace(calls["disputed"], disputed=None)


def _win_here(calls: Side, entries: Books) -> None:
    calls["disputed"] = replace(calls["disputed"], won=None)


def _dispute_there(calls: Side, entries: Books) -> None:
    del entries["dispute"]


def _taken_back_here(calls: Side, entries: Books) -> None:
    calls["refund"] = replace(calls["refund"], taken_back=None)


def _taken_back_there(calls: Side, entries: Books) -> None:
    del entries["taken_back"]


def _settled(calls: Side, entries: Books) -> None:
    entries["charge"] = replace(entries["charge"], settled=euros(4990))


def _fee(calls: Side, entries: Books) -> None:
    entries["charge"] = replace(entries["charge"], fee=euros(35))


def _other(calls: Side, entries: Books) -> None:
    entries["other"] = Entry(EntryKind.OTHER, "adj-1", euros(150), DAY)


FAULTS: list[tuple[Callable[[Side, Books], None], Cause]] = [
    (_lose_ours, Cause.UNKNOWN_HERE),
    (_stay_open, Cause.OPEN_HERE),
    (_refuse, Cause.REFUSED_HERE),
    (_twice, Cause.TWICE_THERE),
    (_lose_theirs, Cause.MISSING_THERE),
    (_amount, Cause.OTHER_AMOUNT),
    (_currency, Cause.OTHER_AMOUNT),
    (_reference, Cause.OTHER_REFERENCE),
    (_hold_let_go, Cause.HELD_FOR_NOTHING),
    (_hold_unknown, Cause.HELD_FOR_NOTHING),
    (_hold_open, Cause.OPEN_HERE),
    (_dispute_here, Cause.DISPUTE_UNKNOWN_HERE),
    (_win_here, Cause.DISPUTE_UNKNOWN_HERE),
    (_dispute_there, Cause.DISPUTE_MISSING_THERE),
    (_taken_back_here, Cause.TAKEN_BACK_UNKNOWN_HERE),
    (_taken_back_there, Cause.TAKEN_BACK_MISSING_THERE),
    (_settled, Cause.OTHER_SETTLED),
    (_fee, Cause.OTHER_FEE),
    (_other, Cause.OTHER_MOVEMENT),
]


@pytest.mark.parametrize(("fault", "cause"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_a_fault_is_found_once_and_named(fault: Callable[[Side, Books], None], cause: Cause) -> None:
    calls, entries = agreeing()
    fault(calls, entries)
    (difference,) = found(calls, entries)
    assert difference.cause is cause
    assert difference.meaning and difference.next_step and difference.there and difference.here


def test_what_was_paid_out_is_the_sum_of_the_entries() -> None:
    calls, entries = agreeing()
    (difference,) = found(calls, entries, (Payout("po-1", euros(PAID_OUT - 1)),))
    assert (difference.cause, difference.reference) == (Cause.PAYOUT_DIFFERS, "po-1")


def test_every_cause_has_a_meaning_a_next_step_and_a_fault_here() -> None:
    assert CAUSES.keys() == set(Cause) == {cause for _, cause in FAULTS} | {Cause.PAYOUT_DIFFERS}


@pytest.mark.parametrize("day", [BEFORE, AFTER])
def test_what_happened_around_midnight_is_no_difference(day: date) -> None:
    calls, entries = agreeing()
    entries["charge"] = replace(entries["charge"], day=day)
    assert found(calls, entries) == []
    calls, entries = agreeing()
    calls["charge"] = replace(calls["charge"], ended=day)
    assert found(calls, entries) == []


def test_what_was_wrong_on_another_day_is_not_told_of_this_one() -> None:
    calls, entries = agreeing()
    calls["elsewhen"] = replace(calls["charge"], key="key-x", reference="ref-x", ended=BEFORE)
    entries["elsewhen"] = replace(entries["refund"], key="key-y", reference="ref-y", day=AFTER, settled=None)
    assert found(calls, entries) == []


def test_where_the_provider_tells_no_key_its_name_of_the_thing_will_do() -> None:
    calls, entries = agreeing()
    assert found(calls, {name: replace(entry, key=None) for name, entry in entries.items()}) == []


def test_several_captures_of_one_charge_are_told_apart_by_their_amounts() -> None:
    calls = [
        OurCall(EntryKind.CHARGE, f"key-{n}", "order", euros(n), Stage.DONE, DAY, DAY, "ch-1") for n in (100, 200, 300)
    ]
    entries = [Entry(EntryKind.CHARGE, "ch-1", euros(n), DAY) for n in (300, 100, 200)]
    assert compare(DAY, calls, entries) == []
    (missing,) = compare(DAY, calls, entries[1:])
    assert (missing.cause, missing.key) == (Cause.MISSING_THERE, "key-300")


# Settlement files

HEADING = "id,type,created,order_id,authorization,key,amount,currency,settled,settled_currency,rate,rate_source,fee,net"
LINES = [
    "ch_1,charge,2026-11-26,o-1,a-1,k-1,10.50,USD,9.40,EUR,0.89,ECB 2026-10-30,0.38,9.02",
    "rf_1,refund,2026-11-26,o-1,a-1,k-2,500,JPY,-3.01,EUR,0.006,ECB 2026-10-30,0.00,-3.01",
    "fee_9,monthly fee,2026-11-26,,,,1.00,EUR,-1.00,EUR,1,,0.00,-1.00",
    "po_1,payout,2026-11-26,,,,,,-5.01,EUR,,,,-5.01",
]


def _file(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "settlement.csv"
    file.write_bytes(text.encode(encoding))
    return file


@pytest.mark.parametrize(
    "written",
    [
        lambda folder: _file(folder, "\n".join([HEADING, *LINES])),
        lambda folder: _file(folder, "\r\n".join([HEADING, *LINES, ""]), "utf-8-sig"),
        lambda folder: _file(folder, "\n".join('"' + line.replace(",", '","') + '"' for line in [HEADING, *LINES])),
        lambda folder: _file(folder, "\n".join(line.replace(",", ";").replace(".", ",") for line in [HEADING, *LINES])),
        lambda folder: _file(folder, "\n".join([HEADING.upper().replace(",", " , "), *LINES, ",,,,,,,,,,,,,"])),
    ],
    ids=["plain", "with a mark and CRLF", "quoted", "with semicolons and commas", "other letters and an empty line"],
)
def test_a_settlement_file_is_read_however_it_is_written(written: Callable[[Path], Path], tmp_path: Path) -> None:
    said = read_settlement(written(tmp_path))

    assert [entry.kind for entry in said.entries] == [EntryKind.CHARGE, EntryKind.REFUND, EntryKind.OTHER]
    charge, refund, _ = said.entries
    assert (charge.amount, charge.settled, charge.fee) == (
        Money(amount=1050, currency="USD"),
        euros(940),
        euros(38),
    )
    assert (refund.amount, refund.key, refund.day) == (Money(amount=500, currency="JPY"), "k-2", DAY)
    assert said.payouts == (Payout("po_1", euros(501)),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column"),
        ("id,type\nx,y", "no column created, amount, currency"),
        (f"{HEADING}\nch_1,charge,yesterday,o,a,k,10.50,EUR,,,,,,", "line 2"),
        (f"{HEADING}\nch_1,charge,2026-11-26,o,a,k,10.505,EUR,,,,,,", "line 2.*10.505"),
        (f"{HEADING}\nch_1,charge,2026-11-26,o,a,k,ten,EUR,,,,,,", "line 2.*ten"),
    ],
)
def test_what_cannot_be_read_is_refused_by_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettlementRefused, match=said):
        read_settlement(_file(tmp_path, text))


def test_a_file_in_other_letters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettlementRefused, match="UTF-8"):
        read_settlement(_file(tmp_path, HEADING + "\nÄ", "latin-1"))
