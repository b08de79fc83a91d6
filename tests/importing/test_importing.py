"""Files to orders: every row ends in one place, and what is wrong names its row, its column and what to write."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.channel import ChannelOrder, ChannelParty
from oms.importing import reading, running
from oms.importing.errors import FileRefused
from oms.importing.form import Form, read_form
from oms.importing.running import Summary, import_file

FILE_ROW = {
    "channel_account": "webshop-eu",
    "external_id": "1001",
    "channel": "web",
    "seller": "example-gmbh",
    "placed_at": "2026-01-31T09:30:00+01:00",
    "currency": "EUR",
    "line_id": "1",
    "sku": "SKU-1",
    "quantity": "2",
    "amount": "25.98",
}


def row(**changes: str) -> dict[str, str]:
    return FILE_ROW | changes


def csv_text(rows: Sequence[dict[str, str]], delimiter: str = ",") -> str:
    headings = list(dict.fromkeys(name for one in rows for name in one))
    cells = [headings, *([one.get(name, "") for name in headings] for one in rows)]
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in line] for line in cells]
    return "".join(delimiter.join(line) + "\n" for line in quoted)


@dataclass
class Desk:
    """A folder with a file, and where its orders go."""

    folder: Path
    sent: list[ChannelOrder] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def send(self, orders: Sequence[ChannelOrder]) -> None:
        self.sent += orders
        self.batches.append(len(orders))

    def take(self, content: Any, form: Form | None = None, encoding: str = "utf-8") -> Summary:
        """Import a file of rows, of text, of bytes, or that lies somewhere."""
        path = content if isinstance(content, Path) else self.folder / "orders.csv"
        if isinstance(content, list):
            content = csv_text(content)
        if isinstance(content, str):
            path.write_bytes(content.encode(encoding))
        elif isinstance(content, bytes):
            path.write_bytes(content)
        return import_file(path, form or Form(), self.send, self.folder / "rejected.csv", "default")

    def parquet(self, columns: dict[str, Any]) -> Path:
        path = self.folder / "orders.parquet"
        pq.write_table(pa.table({name: [value] for name, value in FILE_ROW.items()} | columns), path)
        return path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def problem_of(summary: Summary) -> tuple[int, str | None, str]:
    [problem] = summary.problems
    return problem.row, problem.column, problem.text


def report_rows(summary: Summary) -> list[dict[str, str]]:
    assert summary.report is not None
    with summary.report.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_rows_of_an_order_become_one_order_wherever_they_stand(desk: Desk) -> None:
    summary = desk.take([
        row(ship_name="Ada", ship_address_1="Musterweg 1", ship_city="Berlin", ship_country="DE", total="38.97"),
        row(external_id="1002"),
        row(line_id="2", sku="SKU-2", quantity="1", amount="12.99", ship_country="DE", placed_at=""),
    ])  # fmt: skip

    first, second = desk.sent
    assert (first.external_id, second.external_id) == ("1001", "1002")
    assert [(line.line_id, line.sku, line.quantity, line.amount) for line in first.lines] == [
        ("1", "SKU-1", 2, 2598),
        ("2", "SKU-2", 1, 1299),
    ]
    assert first.total == 3897
    assert first.placed_at == datetime(2026, 1, 31, 8, 30, tzinfo=UTC)
    ship_to = first.ship_groups[0].ship_to
    assert ship_to is not None
    assert (ship_to.address_lines, ship_to.country) == (("Musterweg 1",), "DE")
    assert (summary.sent_orders, summary.sent_rows, summary.rejected_rows, summary.report) == (2, 3, 0, None)


def test_ship_groups_charges_taxes_and_tender_stand_in_columns(desk: Desk) -> None:
    line = {"tax_jurisdiction": "DE", "tax_rate": "0.19", "tax_base": "20.00", "tax_amount": "3.80"}
    desk.take([
        row(ship_group="home", ship_city="Berlin", charge_shipping="4.90", charges_tax_included="yes", **line),
        row(
            line_id="2", ship_group="shop", ship_method="pickup", ship_location="munich", pickup_name="Ben",
            line_charge_discount="-1.00", tax_included="true", tender_method="invoice", tender_amount="55.66",
        ),
    ])  # fmt: skip

    [order] = desk.sent
    ways = [(group.group, group.method, group.location) for group in order.ship_groups]
    assert ways == [("home", "ship", None), ("shop", "pickup", "munich")]
    assert order.ship_groups[1].pickup_person == ChannelParty(name="Ben")
    assert [one.ship_group for one in order.lines] == ["home", "shop"]
    assert [(one.kind, one.amount, one.tax_included) for one in order.charges] == [("shipping", 490, True)]
    assert [(one.kind, one.amount, one.tax_included) for one in order.lines[1].charges] == [("discount", -100, True)]
    assert [(one.rate, one.base, one.amount) for one in order.lines[0].taxes] == [("0.19", 2000, 380)]
    assert [(one.method, one.amount) for one in order.tenders] == [("invoice", 5566)]


def test_the_same_file_gives_the_same_bytes(desk: Desk) -> None:
    for _ in range(2):
        desk.take([row(), row(line_id="2"), row(external_id="1002")])

    first, second, again, too = (order.encode() for order in desk.sent)
    assert (first, second) == (again, too)


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("amount", "25,98", "'25,98' is no number; write digits with a decimal point"),
        ("amount", "25.985", "more than the 2 decimals of EUR"),
        ("amount", "1.0000000000000000000000000000001", "is no number"),
        ("amount", "", "nothing stands here, and every line needs it"),
        ("amount", "٣", "is no number"),
        ("quantity", "1.5", "is no whole number; count in the item's base unit"),
        ("quantity", "10000000000000000", "is beyond the 1000000000000000"),
        ("currency", "EURO", "is no currency; write one like EUR"),
        ("placed_at", "31.01.2026 09:30", "is no time; write it as 2026-01-31T09:30:00+01:00"),
        ("placed_at", "2026-01-31", "has no time of day"),
        ("placed_at", "2026-01-31T09:30:00", "has no time zone; add an offset or Z, or set `zone` in the map"),
        ("placed_at", "", "no row of the order says it, and every order needs it"),
        ("sku", "A\x01B", "String should match pattern"),
        ("tax_included", "perhaps", "is neither yes nor no; write true or false"),
        ("ship_method", "rocket", "Input should be 'ship', 'pickup'"),
        ("tender_method", "invoice", ""),
        ("line_charge_discount", "-99999999999999999.00", "is beyond the"),
    ],
)
def test_a_wrong_cell_is_told_by_row_and_column_with_what_to_write(
    desk: Desk, column: str, text: str, said: str
) -> None:
    summary = desk.take([row(external_id="1000"), row(**{column: text})])

    assert [order.external_id for order in desk.sent] == ["1000"]
    number, told, what = problem_of(summary)
    assert (number, told) == (3, "tender_amount" if column == "tender_method" else column)
    assert said in what


def test_amounts_are_exact_in_every_currency(desk: Desk) -> None:
    desk.take([
        row(currency="JPY", amount="1500"),
        row(external_id="2", currency="KWD", amount="1.005"),
        row(external_id="3", amount="9999999999999.99"),
    ])  # fmt: skip

    assert [order.lines[0].amount for order in desk.sent] == [1500, 1005, 999999999999999]


def test_one_wrong_row_keeps_its_whole_order_back_and_the_report_can_be_mended_and_imported(desk: Desk) -> None:
    summary = desk.take(
        [row(), row(line_id="2", amount="12.99.00", description='Tee, "grün"\nlose'), row(external_id="7")]
    )

    assert [order.external_id for order in desk.sent] == ["7"]
    assert (summary.rejected_orders, summary.rejected_rows) == (1, 2)
    kept = report_rows(summary)
    assert [(one["import_row"], one["line_id"]) for one in kept] == [("2", "1"), ("3", "2")]
    assert kept[0]["import_problem"] == "waits for row 3 of the same order; nothing to mend here"
    assert kept[1]["import_problem"].startswith("amount: '12.99.00' is no number")
    assert kept[1]["description"] == 'Tee, "grün"\nlose'
    assert summary.report is not None
    assert summary.report.stat().st_mode & 0o777 == 0o600

    mended = summary.report.read_text("utf-8").replace("12.99.00,", "12.99,")
    summary.report.write_text(mended, "utf-8")
    second = desk.take(summary.report)
    assert (second.sent_orders, second.rejected_rows, second.ignored) == (1, 0, ())
    assert [line.amount for line in desk.sent[-1].lines] == [2598, 1299]


def test_a_report_never_replaces_another(desk: Desk) -> None:
    first, second = (desk.take([row(amount="x")]).report for _ in range(2))

    assert (first, second) == (desk.folder / "rejected.csv", desk.folder / "rejected-2.csv")


def test_rows_that_differ_about_their_order_are_told(desk: Desk) -> None:
    summary = desk.take([row(), row(line_id="2", currency="USD")])

    assert desk.sent == []
    assert problem_of(summary)[:2] == (3, "currency")
    assert "row 2 says something else of the order" in problem_of(summary)[2]


def test_a_line_that_stands_in_the_file_twice_does_not_become_two_lines(desk: Desk) -> None:
    summary = desk.take([row(), row()])

    assert desk.sent == []
    assert "'1' is the line of row 2 already" in problem_of(summary)[2]


def test_a_row_of_no_order_and_a_row_with_too_many_cells_are_kept(desk: Desk) -> None:
    text = csv_text([row(), row(external_id=""), row(external_id="1002")])
    summary = desk.take(text.rstrip("\n") + ',"rest"\n\n')

    assert [order.external_id for order in desk.sent] == ["1001"]
    assert [problem.row for problem in summary.problems] == [3, 4]
    assert "the row has 11 cells where the headings have 10" in summary.problems[1].text
    assert (summary.rows, summary.blank_rows, summary.rejected_rows) == (4, 1, 2)


def test_a_map_gives_headings_constants_zone_and_marks(desk: Desk) -> None:
    form_file = desk.folder / "shop.toml"
    form_file.write_text(
        'zone = "Europe/Berlin"\ndecimal = ","\ndelimiter = ";"\nencoding = "cp1252"\n'
        '[columns]\nexternal_id = "Bestellnummer"\namount = "Betrag"\n'
        '[constants]\nchannel = "web"\nseller = "example-gmbh"\n'
    )
    source = row(Bestellnummer="ä-1", Betrag="1299,50", placed_at="2026-01-31 09:30")
    for name in ("external_id", "amount", "channel", "seller"):
        del source[name]

    desk.take(csv_text([source | {"Interne Notiz": "x"}], ";"), read_form(form_file), encoding="cp1252")
    [order] = desk.sent
    assert (order.external_id, order.lines[0].amount, order.seller) == ("ä-1", 129950, "example-gmbh")
    assert order.placed_at == datetime(2026, 1, 31, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-03-29T02:30:00", "2026-10-25T02:30:00"])
def test_a_local_time_that_comes_twice_or_never_is_asked_back(desk: Desk, text: str) -> None:
    summary = desk.take([row(placed_at=text)], Form(zone="Europe/Berlin"))

    assert "comes twice or never in Europe/Berlin" in problem_of(summary)[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colums = {}", "colums: Extra inputs are not permitted"),
        ('[columns]\nexternal = "x"', "no column is called external; docs/importing.md lists all"),
        ('zone = "Europe/Atlantis"', "is no time zone; write one like Europe/Berlin"),
        ('encoding = "klingon"', "is no encoding"),
        ("[columns", "is no TOML in UTF-8"),
    ],
)
def test_a_wrong_map_is_refused_by_name(desk: Desk, text: str, said: str) -> None:
    path = desk.folder / "map.toml"
    path.write_text(text)

    with pytest.raises(FileRefused, match=r"map\.toml") as refused:
        read_form(path)
    assert said in str(refused.value)


def test_a_heading_that_nobody_knows_is_told(desk: Desk) -> None:
    assert desk.take([row(ship_postcod="10115")]).ignored == ("ship_postcod",)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_heading(desk: Desk, encoding: str) -> None:
    desk.take(csv_text([row(buyer_name="Ådne")]), encoding=encoding)

    [order] = desk.sent
    assert order.buyer is not None
    assert order.buyer.name == "Ådne"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no headings"),
        (csv_text([row()]).replace("seller", "Seller").encode(), "lacks the columns seller; name the heading"),
        (b"sku,sku\n", "has two columns called sku"),
        (csv_text([row(sku="T\xe9")]).encode("latin-1"), "is not utf-8-sig a little after row"),
        ((csv_text([row(), row(external_id="2")]) + '"open').encode(), "cannot be read from row 4 on"),
        (b"PK\x03\x04rest", "is a spreadsheet or a zip file; save the sheet as CSV"),
        (b"PAR1rest", "is a damaged Parquet file"),
    ],
)
def test_a_file_that_is_damaged_anywhere_sends_nothing(desk: Desk, content: bytes, said: str) -> None:
    with pytest.raises(FileRefused, match=r"orders\.csv") as refused:
        desk.take(content)

    assert said in str(refused.value)
    assert desk.sent == []


def test_a_file_that_is_not_there_is_told(desk: Desk) -> None:
    with pytest.raises(FileRefused, match="cannot be read: No such file"):
        desk.take(desk.folder / "none.csv")


def test_a_line_without_end_is_not_read_into_memory(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LINE_CHARS_MAX", 1_000)

    with pytest.raises(FileRefused, match="more than 1000 characters"):
        desk.take("sku" + "x" * 2_000)


def test_parquet_of_exact_types_is_read_as_its_text(desk: Desk) -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    path = desk.parquet(
        {
            "amount": pa.array([Decimal("25.98")], pa.decimal128(18, 2)),
            "quantity": pa.array([2], pa.int64()),
            "placed_at": pa.array([noon], pa.timestamp("ns", "UTC")),
            "tax_included": pa.array([True]),
            "sku": pa.array(["007"]).dictionary_encode(),
            "notes": pa.array([None], pa.string()),
        }
    )
    desk.take(path)

    [order] = desk.sent
    line = order.lines[0]
    assert (line.amount, line.quantity, line.tax_included, line.sku) == (2598, 2, True, "007")
    assert (order.placed_at, order.notes) == (noon, None)


def test_floating_point_is_refused_by_its_column(desk: Desk) -> None:
    with pytest.raises(FileRefused, match="column amount: floating-point numbers are not exact"):
        desk.take(desk.parquet({"amount": [25.98]}))


def test_orders_are_sent_a_limited_number_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "ORDERS_IN_FLIGHT_MAX", 4)
    monkeypatch.setattr(running, "LINES_IN_FLIGHT_MAX", 6)
    small = [row(external_id=f"s{n}") for n in range(10)]
    large = [row(external_id="large", line_id=f"{n}") for n in range(7)]

    desk.take([*small, *large])
    assert desk.batches == [4, 4, 3]


def test_an_order_of_too_many_rows_is_kept_row_by_row(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LINES_MAX", 3)

    summary = desk.take([row(line_id=str(n)) for n in range(4)])
    assert (summary.rejected_orders, summary.rejected_rows, len(report_rows(summary))) == (1, 4, 4)
    assert "the order has 4 rows" in problem_of(summary)[2]


def test_orders_that_will_be_on_hold_are_counted_and_sent(desk: Desk) -> None:
    summary = desk.take([row(total="1.00")])

    assert len(desk.sent) == 1
    assert summary.holds == {"missing_address": 1, "tenders_differ": 1, "total_differs": 1}


CELLS = st.sampled_from(["", " ", "1", "-3", "2.50", "x", "EUR", "web", 'ä;"\n', "2026-01-31T09:30:00Z", "ship"])
NAMES = ("external_id", "line_id", "quantity", "amount", "currency", "placed_at", "ship_method", "ship_group", "total")


@settings(max_examples=60)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), CELLS, max_size=3), max_size=8), st.randoms())
def test_every_row_is_sent_kept_or_blank_and_kept_as_it_came(changes: list[dict[str, str]], random: Any) -> None:
    rows = [row(external_id=str(random.randrange(4)), line_id=str(n)) | dict.fromkeys(NAMES[6:], "") for n in range(8)]
    for one, change in zip(rows, changes, strict=False):
        one.update(change)
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        summary = desk.take(rows)
        kept = report_rows(summary) if summary.report else []

    sent_lines = sum(len(order.lines) for order in desk.sent)
    assert summary.rows == len(rows) == sent_lines + len(kept) + summary.blank_rows
    assert summary.sent_rows == sent_lines
    for one in kept:
        assert one.pop("import_problem")
        assert one == rows[int(one.pop("import_row")) - 2]
