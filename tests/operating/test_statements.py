"""Statements of bank accounts as files: the credits of CSV and camt.053, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from oms.statements import StatementRefused, read_statement
from services.payments.bank_api import numbers_in

HEAD = "account,entry,booked_on,amount,currency,reference\n"
CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt>
<Acct><Id><IBAN>DE02120300000000202051</IBAN></Id></Acct>
{entries}
</Stmt></BkToCstmrStmt></Document>"""


def ntry(name: str, amount: str, kind: str = "CRDT", details: str = "", status: str = "BOOK") -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{kind}</CdtDbtInd><Sts>{status}</Sts>'
        f"<BookgDt><Dt>2026-01-20</Dt></BookgDt><AcctSvcrRef>{name}</AcctSvcrRef>"
        f"<NtryDtls>{details}</NtryDtls></Ntry>"
    )


def txdtls(amount: str, text: str) -> str:
    return f'<TxDtls><Amt Ccy="EUR">{amount}</Amt><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>'


def written(folder: Path, text: str) -> Path:
    path = folder / "statement"
    path.write_text(text, "utf-8")
    return path


def test_a_csv_gives_its_credits_in_minor_units(tmp_path: Path) -> None:
    rows = "DE1,e1,2026-01-20,11.90,EUR,INV-2026-000001\nDE1,e2,2026-01-20,-5.00,EUR,rent\nDE1,e3,2026-01-21,300,JPY,\n"
    found = read_statement(written(tmp_path, HEAD + rows))
    assert [(one["entry"], one["amount"], one["currency"]) for one in found] == [
        ("e1", 1190, "EUR"),
        ("e3", 300, "JPY"),
    ]
    assert found[0]["reference"] == "INV-2026-000001" and not found[0]["unnamed"]


def test_a_camt_gives_what_is_booked_to_the_account_each_payment_by_a_name(tmp_path: Path) -> None:
    entries = (
        ntry("b1", "11.90", details=txdtls("11.90", "INV-2026-000001"))
        + ntry("b2", "30.00", details=txdtls("10.00", "INV 2026 000002") + txdtls("20.00", "thanks"))
        + ntry("b3", "5.00", kind="DBIT", details=txdtls("5.00", "fee"))
        + ntry("b4", "7.00", status="PDNG", details=txdtls("7.00", "later"))
    )
    found = read_statement(written(tmp_path, CAMT.format(entries=entries)))
    assert [(one["entry"], one["amount"], one["booked_on"], one["reference"]) for one in found] == [
        ("b1", 1190, "2026-01-20", "INV-2026-000001"),
        ("b2", 1000, "2026-01-20", "INV 2026 000002"),
        ("b2/2", 2000, "2026-01-20", "thanks"),
    ]
    assert {one["account"] for one in found} == {"DE02120300000000202051"}


@pytest.mark.parametrize("name", ["NONREF", "NOTPROVIDED", "nonref"])
def test_entries_that_a_bank_names_by_a_placeholder_are_told_apart_and_known_again(tmp_path: Path, name: str) -> None:
    # given the statements of two days, each with a credit that the bank gave no reference
    days = {"2026-01-20": ntry(name, "11.90"), "2026-01-21": ntry(name, "25.00")}
    texts = [CAMT.format(entries=entry).replace("2026-01-20", day) for day, entry in days.items()]
    first, second = (read_statement(written(tmp_path, text))[0]["entry"] for text in texts)
    assert read_statement(written(tmp_path, texts[0]))[0]["unnamed"]
    # then they are two entries, and the same statement read again names its own alike
    assert first != second
    assert read_statement(written(tmp_path, texts[0]))[0]["entry"] == first


@pytest.mark.parametrize("name", ["NONREF", "notprovided", ""])
def test_so_are_those_of_a_csv(tmp_path: Path, name: str) -> None:
    # given three credits that the bank gave no name, of which two are alike in everything
    day = f"DE1,{name},2026-01-20,11.90,EUR,thanks\n"
    other = f"DE1,{name},2026-01-20,25.00,EUR,thanks\n"
    found = [one["entry"] for one in read_statement(written(tmp_path, HEAD + day + other + day))]
    assert all(one["unnamed"] for one in read_statement(written(tmp_path, HEAD + day)))
    # then each is an entry, and the first is known again when it comes with another statement
    assert len(set(found)) == 3
    assert [one["entry"] for one in read_statement(written(tmp_path, HEAD + day))] == found[:1]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("entry,amount\n", "lacks the columns account, booked_on, currency, reference"),
        (HEAD + "DE1,e1,2026-01-20,11.905,EUR,\n", "row 2: '11.905' has more than the 2 decimals of EUR"),
        ("<nothing", "is no camt.053"),
        ("<Document/>", "is no camt.053"),
    ],
)
def test_what_is_no_statement_is_refused_by_name(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(StatementRefused, match=why.replace("(", r"\(")):
        read_statement(written(tmp_path, text))
    with pytest.raises(StatementRefused, match="cannot be read"):
        read_statement(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Rechnung INV-2026-000001, danke", ("INV-2026-000001",)),
        ("inv2026000001", ("INV-2026-000001",)),
        ("INV 2026 000001 AND INV/2026/1234567", ("INV-2026-000001", "INV-2026-1234567")),
        ("INV-2026-000001 INV-2026-000001", ("INV-2026-000001",)),
        ("order 1001", ()),
    ],
)
def test_a_number_is_known_as_payers_and_banks_write_it(text: str, numbers: tuple[str, ...]) -> None:
    assert numbers_in(text) == numbers
