"""Files on a real broker and database: an installation begun from CSV, orders imported, each once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from oms.main import app
from tests.importing.test_importing import csv_text, row
from tests.integration.test_doors import Site
from tests.integration.test_doors import site as site
from tests.opening.test_opening import write
from tests.waiting import eventually

ADDRESS = {"ship_name": "Ada", "ship_address_1": "Musterweg 1", "ship_city": "Berlin", "ship_country": "DE"}
STOCK = "sku,location,quantity\nSKU-1,berlin,10\nTEA/2,shop 1,5000\n"


@pytest.fixture
def typed(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Types a command in a folder, and gives its exit code and what it printed as JSON."""
    monkeypatch.chdir(tmp_path)
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)

    def typed(*words: str) -> tuple[int, Any]:
        result = CliRunner().invoke(app, [*words, "--json"])
        assert result.stdout, result
        return result.exit_code, json.loads(result.stdout)

    return typed


def _told(site: Site, name: str) -> list[str]:
    """What happened to an order."""
    return [event["what"] for event in site.get(f"/orders/{name}/timeline")["events"]]


def test_an_installation_is_begun_and_its_orders_are_imported_once(
    site: Site,
    typed: Any,
    tmp_path: Path,
) -> None:
    (tmp_path / "shop").mkdir()
    write(tmp_path / "shop", stock=STOCK)
    # Processes that were just started say so when their partitions are read: outcomes come at once from then on.
    assert {site.receive(f"WARM-{number}", 1).status_code for number in range(4)} == {200}

    code, first = typed("init", "shop")
    assert (code, first["location"]["done"], first["item"]["done"], first["stock"]["done"]) == (0, 2, 2, 2)

    def all_there() -> bool:
        again = typed("init", "shop")
        return again[0] == 0 and all(again[1][kind]["there"] == 2 for kind in ("location", "item", "stock"))

    eventually(all_there, 60, "everything of the files seen as there")
    assert site.get("/locations/shop%201")["kind"] == "store"
    assert site.get("/items/TEA%2F2")["unit"] == "g"
    assert site.get("/stock-items/SKU-1")["levels"][0]["on_hand"] == 10

    paid = {**ADDRESS, "tender_method": "invoice", "tender_amount": "25.98"}
    lines = [row(**paid), row(external_id="1002", amount="x", **paid)]
    (tmp_path / "orders.csv").write_text(csv_text(lines))
    code, sent = typed("import", "orders.csv")
    assert (code, sent["sent"], sent["rejected"]["rows"]) == (13, {"orders": 1, "rows": 1}, 1)
    eventually(lambda: site.status("1001") == "in_fulfillment", because="the imported order goes its way")
    who = site.get("/orders/1001/timeline")["events"][0]["who"]
    assert who == {"kind": "channel", "subject": "webshop-eu"}

    report = tmp_path / "mended.csv"
    report.write_text(Path(sent["report"]).read_text().replace(",x,", ",25.98,"))
    assert typed("import", "orders.csv")[0] == 13
    assert typed("import", str(report))[0] == 0
    eventually(lambda: site.status("1002") == "in_fulfillment", because="the mended order goes its way")
    assert [order["external_id"] for order in site.get("/orders")["orders"]].count("1001") == 1
    assert all(_told(site, name).count("OrderPlaced") == 1 for name in ("1001", "1002"))
    assert "OrderConflicted" not in _told(site, "1001")
