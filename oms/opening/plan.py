"""What `oms init` is to say to the doors: read whole from files or answers, and checked before anything is said.

The doors' own models judge each row, so that what is planned here is not refused there for its form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from oms.importing.errors import FileRefused
from oms.importing.form import Form
from oms.importing.reading import open_rows
from services.inventory.api import Receipt
from services.inventory.catalogue_api import Component, ItemDescription, LocationDescription

__all__ = [
    "ITEM_COLUMNS",
    "KIT_COLUMNS",
    "LOCATION_COLUMNS",
    "ROWS_MAX",
    "STOCK_COLUMNS",
    "Asked",
    "OpeningStock",
    "Plan",
    "make_plan",
    "read_folder",
]

M = TypeVar("M", bound=BaseModel)

ROWS_MAX = 100_000
"""Rows of one file: all of a plan is held in memory, since nothing is said before all of it was checked."""

PROBLEMS_SHOWN_MAX = 20
ADDRESS_LINES = ("address_1", "address_2", "address_3", "address_4", "address_5", "address_6")
ADDRESS_PARTS = ("city", "postcode", "region", "country")

LOCATION_COLUMNS = (
    "location",
    "kind",
    "name",
    "legal_entity",
    *ADDRESS_LINES,
    *ADDRESS_PARTS,
    "time_zone",
    "priority",
    "daily_capacity",
)
ITEM_COLUMNS = ("sku", "unit", "description", "gtin", "weight_grams", "category", "tax_class")
STOCK_COLUMNS = ("sku", "location", "quantity", "unit")

KIT_COLUMNS = ("kit", "sku", "quantity", "unit", "weight")

LOCATIONS, ITEMS, KITS, STOCK = "locations.csv", "items.csv", "kits.csv", "stock.csv"
DOCUMENT = "opening-stock"
"""The document that every opening receipt names."""


@dataclass(frozen=True, slots=True)
class OpeningStock:
    """Goods that are on a shelf when Orderlog begins."""

    sku: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to be said, in this order."""

    locations: Sequence[LocationDescription] = ()
    items: Sequence[ItemDescription] = ()
    stock: Sequence[OpeningStock] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A row by where it stands, and its cells that say something."""

    place: str
    cells: Mapping[str, str]


def read_folder(folder: Path) -> Plan:
    """The plan in `locations.csv`, `items.csv`, `kits.csv` and `stock.csv` of a folder, those that are there.

    Raises FileRefused, naming every row that is wrong (the first PROBLEMS_SHOWN_MAX of them).
    """
    if not folder.is_dir():
        raise FileRefused(
            f"{folder} is no folder; put {LOCATIONS}, {ITEMS}, {KITS} and {STOCK} into one, or leave it out"
        )
    files = {LOCATIONS: LOCATION_COLUMNS, ITEMS: ITEM_COLUMNS, KITS: KIT_COLUMNS, STOCK: STOCK_COLUMNS}
    found = {name: _read(folder / name, columns) for name, columns in files.items() if (folder / name).exists()}
    if not found:
        raise FileRefused(f"{folder} has none of the files {LOCATIONS}, {ITEMS}, {KITS} and {STOCK}")
    return make_plan(found.get(LOCATIONS), found.get(ITEMS), found.get(STOCK), found.get(KITS))


def _read(path: Path, columns: Sequence[str]) -> list[Asked]:
    rows: list[Asked] = []
    with open_rows(path, Form()) as file:
        if unknown := sorted({heading for heading in file.headings if heading} - set(columns)):
            raise FileRefused(
                f"{path} has columns that nobody knows: {', '.join(unknown)}; it may have {', '.join(columns)}"
            )
        for row in file.rows:
            if row.blank:
                continue
            if row.problem:
                raise FileRefused(f"{path} row {row.number}: {row.problem}")
            if len(rows) == ROWS_MAX:
                raise FileRefused(f"{path} has more than {ROWS_MAX} rows; split it into folders of that size")
            named = zip(file.headings, (cell.strip() for cell in row.cells), strict=True)
            rows.append(Asked(f"{path} row {row.number}", {name: cell for name, cell in named if cell}))
    return rows


def make_plan(
    locations: Sequence[Asked] | None,
    items: Sequence[Asked] | None,
    stock: Sequence[Asked] | None,
    kits: Sequence[Asked] | None = None,
) -> Plan:
    """The plan of these rows; None where nothing is said of a kind. Raises FileRefused as `read_folder` does."""
    checks = _Checks()
    described = [checks.location(row) for row in locations or ()]
    listed = [checks.item(row) for row in items or ()]
    places = None if locations is None else checks.places
    units = None if items is None else checks.units
    for row in kits or ():
        checks.component(row)
    opening = [checks.stock(row, places, units) for row in stock or ()]
    checks.refuse()
    return Plan(
        [one for one in described if one],
        [checks.with_components(one) for one in listed if one],
        [one for one in opening if one is not None],
    )


@dataclass
class _Checks:
    """Collects what is wrong, so that all of it is told at once."""

    problems: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)
    units: dict[str, str] = field(default_factory=dict)
    _components: dict[str, list[Component]] = field(default_factory=dict)
    _shelves: set[tuple[str, str]] = field(default_factory=set)

    def location(self, row: Asked) -> LocationDescription | None:
        cells = dict(row.cells)
        lines = [cells.pop(name) for name in ADDRESS_LINES if name in cells]
        address: dict[str, Any] = {name: cells.pop(name) for name in ADDRESS_PARTS if name in cells}
        if lines:
            address["address_lines"] = lines
        found = self._made(LocationDescription, {**cells, **({"address": address} if address else {})}, row)
        if found and found.location in self.places:
            self._note(row, f"location: {found.location} stands above already; say all of it in one row")
        self.places.add(row.cells.get("location", ""))
        return found

    def item(self, row: Asked) -> ItemDescription | None:
        found = self._made(ItemDescription, dict(row.cells), row)
        if found and found.sku in self.units:
            self._note(row, f"sku: {found.sku} stands above already; say all of it in one row")
        self.units[row.cells.get("sku", "")] = found.unit if found else "each"
        return found

    def component(self, row: Asked) -> None:
        """What a kit has of an article, in a row of its own."""
        cells = dict(row.cells)
        kit = cells.pop("kit", "")
        if kit not in self.units:
            self._note(row, f"kit: {kit or 'nothing'} is not in {ITEMS}")
        if found := self._made(Component, cells, row):
            self._components.setdefault(kit, []).append(found)

    def with_components(self, item: ItemDescription) -> ItemDescription:
        return item.model_copy(update={"components": tuple(self._components.get(item.sku, ()))})

    def stock(self, row: Asked, places: set[str] | None, units: Mapping[str, str] | None) -> OpeningStock | None:
        """Where locations and items are said too, stock for one that is not among them is a slip of the pen."""
        cells = dict(row.cells)
        sku, location = cells.pop("sku", ""), cells.get("location", "")
        if not sku:
            self._note(row, "sku: nothing stands here; write the SKU of the item")
        if units is not None and sku and sku not in units:
            self._note(row, f"sku: {sku} is not in {ITEMS}; add it there, or mend the name")
        if places is not None and location and location not in places:
            self._note(row, f"location: {location} is not in {LOCATIONS}; add it there, or mend the name")
        if (sku, location) in self._shelves:
            self._note(row, f"{sku} at {location} stands above already; add the two up")
        self._shelves.add((sku, location))
        cells.setdefault("unit", (units or {}).get(sku, "each"))
        receipt = self._made(Receipt, {**cells, "document": DOCUMENT}, row)
        return OpeningStock(sku, receipt) if receipt else None

    def refuse(self) -> None:
        """Raises FileRefused when anything is wrong."""
        if self.problems:
            more = len(self.problems) - PROBLEMS_SHOWN_MAX
            shown = [*self.problems[:PROBLEMS_SHOWN_MAX], *([f"and {more} more"] if more > 0 else [])]
            raise FileRefused("nothing was said to Orderlog, since some of it is wrong\n" + "\n".join(shown))

    def _made(self, model: type[M], cells: Mapping[str, Any], row: Asked) -> M | None:
        try:
            return model.model_validate(cells)
        except ValidationError as error:
            for item in error.errors():
                name = _column(item["loc"])
                said = "nothing stands here, and it is needed" if item["type"] == "missing" else item["msg"]
                self._note(row, f"{name}: {said}")
            return None

    def _note(self, row: Asked, text: str) -> None:
        self.problems.append(f"{row.place}, {text}")


def _column(place: Sequence[int | str]) -> str:
    match place:
        case ("address", "address_lines", int(number)):
            return ADDRESS_LINES[number]
        case ("address", str(part)):
            return part
        case _:
            return ".".join(map(str, place))
