"""`oms init`: checked whole before anything is said, and said once however often it is begun."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from typer.testing import CliRunner

from oms import patience
from oms.importing.errors import FileRefused
from oms.main import app
from oms.opening import command, plan
from oms.opening.carrying_out import Outcome, Result, carry_out
from oms.opening.plan import read_folder
from oms.patience import DoorsAway

GUIDE = (Path(__file__).parents[2] / "docs" / "importing.md").read_text("utf-8")
FILES = {
    "locations.csv": "location,kind,address_1,postcode,city,country,time_zone\n"
    "berlin,own,Lager 1,12099,Berlin,DE,Europe/Berlin\nshop 1,store,,,,DE,\n",
    "items.csv": "sku,unit,description,weight_grams\nSKU-1,each,Teapot,850\nTEA/2,g,Tea,\n",
    "stock.csv": "sku,location,quantity\nSKU-1,berlin,10\nTEA/2,shop 1,5000\n",
}


@dataclass
class StandIn:
    """The doors as `oms init` sees them: they know what they were told, and each key is one deed."""

    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    deeds: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    away: int = 0
    refuses: str = ""

    def client(self) -> httpx.Client:
        return httpx.Client(base_url="http://doors", transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            self.away -= 1
            return httpx.Response(503, json={"title": "Not now", "detail": "the broker is away"})
        path = unquote(request.url.raw_path.decode())
        if request.method == "GET":
            found = self.known.get(path)
            return httpx.Response(200, json=found) if found else httpx.Response(404, json={})
        body = json.loads(request.content)
        key = f"{path} {request.headers['Idempotency-Key']}"
        if self.refuses and self.refuses in path:
            return httpx.Response(409, json={"title": "The request was refused", "detail": "expected_unit g"})
        if key not in self.deeds:
            self.deeds[key] = body
            self._learn(path, body)
        return httpx.Response(200, json={})

    def _learn(self, path: str, body: dict[str, Any]) -> None:
        if path.endswith("/receipts"):
            item = self.known.setdefault(path.removesuffix("/receipts"), {"levels": []})
            item["levels"].append({"location": body["location"], "on_hand": body["quantity"]})
            return
        place = f"{path}/{body.get('location') or body['sku']}"
        before = self.known.get(place, {"version": 0})["version"]
        self.known[place] = {**body, "version": before + 1, "followed": {}}


def write(folder: Path, **changed: str) -> Path:
    for name, content in (FILES | {f"{stem}.csv": text for stem, text in changed.items()}).items():
        (folder / name).write_text(content)
    return folder


def outcomes(results: list[Result]) -> list[Outcome]:
    return [result.outcome for result in results]


def test_locations_items_and_stock_are_said_in_this_order(tmp_path: Path) -> None:
    doors = StandIn()

    results = carry_out(read_folder(write(tmp_path)), doors.client())

    assert [(result.kind, result.name) for result in results] == [
        ("location", "berlin"),
        ("location", "shop 1"),
        ("item", "SKU-1"),
        ("item", "TEA/2"),
        ("stock", "SKU-1 at berlin"),
        ("stock", "TEA/2 at shop 1"),
    ]
    assert set(outcomes(results)) == {Outcome.DONE}
    assert doors.known["/locations/berlin"]["address"] == {
        "address_lines": ["Lager 1"], "city": "Berlin", "postcode": "12099", "country": "DE",
    }  # fmt: skip
    receipts = [body for key, body in doors.deeds.items() if "/receipts" in key]
    assert {"location": "shop 1", "quantity": 5000, "unit": "g", "document": "opening-stock"} in receipts


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    doors = StandIn()
    found = read_folder(write(tmp_path))
    carry_out(found, doors.client())
    said = dict(doors.deeds)

    again = carry_out(found, doors.client())

    assert set(outcomes(again)) == {Outcome.THERE}
    assert doors.deeds == said


def test_what_was_said_changed_and_is_said_again_holds(tmp_path: Path) -> None:
    doors = StandIn()
    for name in ("Teapot", "Blue teapot", "Teapot"):
        changed = FILES["items.csv"].replace("Teapot", name)
        carry_out(read_folder(write(tmp_path, items=changed)), doors.client())

    assert doors.known["/items/SKU-1"]["description"] == "Teapot"


def test_a_shelf_that_had_stock_is_left_as_it_is_and_told(tmp_path: Path) -> None:
    doors = StandIn({"/stock-items/SKU-1": {"levels": [{"location": "berlin", "on_hand": 0}]}})

    results = carry_out(read_folder(write(tmp_path)), doors.client())

    told = next(result for result in results if result.name == "SKU-1 at berlin")
    assert (told.outcome, told.detail) == (
        Outcome.THERE,
        "the book has 0 on hand there; correct it with a count",
    )
    assert not any("SKU-1/receipts" in key for key in doors.deeds)


def test_doors_that_are_away_for_a_moment_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.0)

    results = carry_out(read_folder(write(tmp_path)), StandIn(away=3).client())

    assert set(outcomes(results)) == {Outcome.DONE}


def test_doors_that_stay_away_end_it_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.0)

    with pytest.raises(DoorsAway, match="Run the same command again: nothing is done twice"):
        carry_out(read_folder(write(tmp_path)), StandIn(away=1_000).client())


def test_a_refusal_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    results = carry_out(read_folder(write(tmp_path)), StandIn(refuses="TEA/2/receipts").client())

    assert outcomes(results) == [Outcome.DONE] * 5 + [Outcome.REFUSED]
    assert results[-1].detail == "The request was refused. expected_unit g"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"locations": "location,kind\nberlin,tower\n"}, "locations.csv row 2, kind: Input should be 'own', 'store'"),
        ({"locations": "location,city\nberlin,Berlin\n"}, "row 2, country: nothing stands here, and it is needed"),
        ({"locations": "location,time_zone\nberlin,CEST\n"}, "row 2, time_zone: Value error, 'CEST' is no time zone"),
        ({"locations": "location\nberlin\nberlin\n"}, "row 3, location: berlin stands above already"),
        (
            {"items": "sku,weight_grams\nSKU-1,heavy\n"},
            "items.csv row 2, weight_grams: Input should be a valid integer",
        ),
        ({"items": "sku,gtin\nSKU-1,12\n"}, "row 2, gtin: String should match pattern"),
        ({"items": "sku\nSKU-1\nSKU-1\n"}, "row 3, sku: SKU-1 stands above already"),
        ({"stock": "sku,location,quantity\nSKU-9,berlin,1\n"}, "sku: SKU-9 is not in items.csv; add it there"),
        ({"stock": "sku,location,quantity\nSKU-1,hamburg,1\n"}, "location: hamburg is not in locations.csv"),
        ({"stock": "sku,location,quantity\nSKU-1,berlin,0\n"}, "quantity: Input should be greater than 0"),
        ({"stock": "sku,location,quantity\nSKU-1,berlin,1\nSKU-1,berlin,2\n"}, "add the two up"),
        ({"stock": "sku,location,quantity,colour\nSKU-1,berlin,1,red\n"}, "columns that nobody knows: colour"),
        ({"stock": "sku,location,quantity\nSKU-1,berlin\n"}, "stock.csv row 2: the row has 2 cells"),
    ],
)
def test_whatever_is_wrong_is_told_by_file_row_and_column_before_anything_is_said(
    tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    with pytest.raises(FileRefused) as refused:
        read_folder(write(tmp_path, **changed))

    assert said in str(refused.value)


def test_stock_alone_may_name_what_was_said_before(tmp_path: Path) -> None:
    (tmp_path / "stock.csv").write_text(FILES["stock.csv"])

    assert len(read_folder(tmp_path).stock) == 2


def test_a_folder_without_files_and_one_file_too_long_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileRefused, match=r"none of the files locations\.csv, items\.csv, kits\.csv and stock\.csv"):
        read_folder(tmp_path)
    with pytest.raises(FileRefused, match="is no folder"):
        read_folder(tmp_path / "none")
    monkeypatch.setattr(plan, "ROWS_MAX", 1)
    with pytest.raises(FileRefused, match="more than 1 rows"):
        read_folder(write(tmp_path))


def test_without_a_folder_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    doors = StandIn()
    monkeypatch.setattr(command, "connect", lambda settings: doors.client())
    answers = "berlin\nDE\n12099\n\nSKU-1\n\nTeapot\n\n10\n"

    result = CliRunner().invoke(app, ["init"], input=answers)

    assert result.exit_code == 0, result.output
    address = {"address_lines": [], "country": "DE", "postcode": "12099"}
    assert doors.known["/locations/berlin"]["address"] == address
    assert doors.known["/stock-items/SKU-1"]["levels"] == [{"location": "berlin", "on_hand": 10}]
    assert result.output.splitlines()[-3:] == ["location  1 done", "item      1 done", "stock     1 done"]


def test_the_guide_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doors = StandIn()
    monkeypatch.setattr(command, "connect", lambda settings: doors.client())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    for name, content in re.findall(r"`shop/(\w+\.csv)`:\n\n```csv\n(.*?)```", GUIDE, re.DOTALL):
        (tmp_path / "shop" / name).write_text(content)
    (printed,) = re.findall(r"```console\n\$ oms init shop\n(.*?)```", GUIDE, re.DOTALL)

    assert CliRunner().invoke(app, ["init", "shop"]).stdout == printed
    assert sorted(path.name for path in (tmp_path / "shop").iterdir()) == ["items.csv", "locations.csv", "stock.csv"]


def test_the_guide_names_every_column() -> None:
    columns = {*plan.LOCATION_COLUMNS, *plan.ITEM_COLUMNS, *plan.STOCK_COLUMNS}

    assert {name for name in columns if f"`{name}`" not in GUIDE and not name.startswith("address_")} == set()


def _kits(folder: Path, rows: str) -> Path:
    """A folder with two items, and what kits there are."""
    (folder / "items.csv").write_text("sku,unit\nSET,each\nCUP,each\n", "utf-8")
    (folder / "kits.csv").write_text(f"kit,sku,quantity,weight\n{rows}", "utf-8")
    return folder


def test_components_of_a_kit_are_said_with_it(tmp_path: Path) -> None:
    plan = read_folder(_kits(tmp_path, "SET,CUP,2,\nSET,POT,1,3\n"))
    assert [[(one.sku, one.quantity, one.weight) for one in item.components] for item in plan.items] == [
        [("CUP", 2, None), ("POT", 1, 3)],
        [],
    ]


def test_components_of_what_is_no_item_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match=r"kits.csv row 2.*kit: BOX is not in items.csv"):
        read_folder(_kits(tmp_path, "BOX,CUP,2,\n"))
