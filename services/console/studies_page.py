"""Tables of figures beside the key figures: cycle times a step, sales beside those of earlier days, how many customers came
again and what each is worth; a figure leads to the events behind it, as key figures do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.money import minor_digits
from services.console.answering import CONSOLE, Parts, Refused, page
from services.console.charts import Chart, steps
from services.console.figures import Row
from services.console.numbers_asked import Asked, asked_of, counted, numbers_of
from services.console.sheets import sheet
from services.console.showing import duration, money

__all__ = ["ROUTES", "SHOWN"]

ROWS = 400
"""Rows of a table that a page shows; its file has more."""

CHARTS_MAX = 3
"""Currencies whose sales are drawn."""

AGAINST: Mapping[str, int] = {"week": 7, "four weeks": 28, "year": 364}
"""How many days earlier that is what sales are compared with: always the same day of the week."""

MONEY = frozenset({"ordered_value", "revenue", "revenue_before", "average_order_value", "revenue_a_customer"})
RATES = frozenset({"repeat_rate"})


@dataclass(frozen=True, slots=True)
class Shown:
    """How a table is shown: what tells its rows apart, what it may be told apart by besides, what its
    formulas are over, and what an event behind a
    figure adds to it, in words."""

    title: str
    about: str
    keys: tuple[str, ...]
    by: tuple[str, ...]
    over: str
    adds: str
    compares: bool = False


SHOWN: Mapping[str, Shown] = {
    "cycle-times": Shown(
        "Cycle times",
        "How long orders recorded in these days took to each step that they came to: since the step before it, and since "
        "they were placed. Of a step that an order came to more than once, the first time.",
        ("part", "step"),
        ("all", "day", "channel", "location", "category"),
        "each order's steps: hours since the step before, and since it was placed",
        "Took",
    ),
    "sales": Shown(
        "Sales",
        "What left in these days, beside what left as many days earlier; empty where nothing was exported of then. Change: "
        "of the days that have something to be compared with.",
        ("part", "day", "currency"),
        ("all", "channel", "location", "category"),
        "the days: what left on each, and before, the revenue of so many days earlier",
        "Amount",
        compares=True,
    ),
    "repeat-customers": Shown(
        "Repeat customers",
        "Known customers whose orders were recorded in these days. Who came again had ordered before, ever and anywhere, or "
        "ordered more than once in these days; who is new had not before.",
        ("part", "currency"),
        ("all", "day", "channel", "location", "category"),
        "customers, and all guests as one without a name: their orders and revenue of these days, and which of all orders "
        "of the customer the first and the last of these are",
        "Adds",
    ),
    "customers": Shown(
        "Customers",
        "What each known customer, by pseudonym, ordered in these days and was sent of it; who is worth most comes first. "
        "Orders so far: with those before these days.",
        ("part", "customer", "currency"),
        ("all", "channel"),
        "the customer's orders of these days; last_order: which of all orders of the customer the last of these is",
        "Adds",
    ),
}
"""By name, as whoever counts calls them."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A table, of which days, and beside which others."""

    name: str
    shown: Shown
    asked: Asked
    against: str

    @property
    def keys(self) -> Sequence[str]:
        """What a page tells rows apart by: no part, where there is only one."""
        return [name for name in self.shown.keys if name != "part" or self.asked.by != "all"]

    @property
    def path(self) -> str:
        return f"{CONSOLE}/numbers/tables/{self.name}"

    @property
    def address(self) -> str:
        return self.asked.address + (f"&{urlencode({'against': self.against})}" if self.shown.compares else "")

    @property
    def back(self) -> int:
        return AGAINST[self.against]


def _wanted(request: Request) -> _Wanted:
    """Raises Refused where there is no such table, or its days are not to be counted."""
    name = request.path_params["name"]
    if name not in SHOWN:
        raise Refused(404, "There are no such numbers", "Go back to the numbers and choose some of those there.")
    against = request.query_params.get("against", "")
    return _Wanted(
        name, SHOWN[name], asked_of(request, SHOWN[name].by), against if against in AGAINST else next(iter(AGAINST))
    )


async def _rows(parts: Parts, wanted: _Wanted) -> Sequence[Row]:
    asked = wanted.asked
    return await counted(parts.figures.table(wanted.name, asked.by, asked.since, asked.until, wanted.back))


async def _table(request: Request) -> Response:
    parts, wanted = numbers_of(request), _wanted(request)
    rows, export = await _rows(parts, wanted), await counted(parts.figures.export())
    formulas = parts.figures.tables[wanted.name]
    shown = [
        ([_key(name, row[name]) for name in wanted.keys], [_cell(wanted, row, figure) for figure in formulas])
        for row in rows[:ROWS]
    ]
    values = {"wanted": wanted, "rows": shown, "more": len(rows) - ROWS, "formulas": formulas, "export": export}
    charts = _charts(rows, wanted.against) if wanted.shown.compares and wanted.asked.by == "all" else []
    others = [(name, each.title) for name, each in SHOWN.items() if name != wanted.name]
    return page(request, "study.html", {**values, "charts": charts, "against": list(AGAINST), "others": others})


async def _sheet(request: Request) -> Response:
    parts, wanted = numbers_of(request), _wanted(request)
    rows, columns = await _rows(parts, wanted), [*wanted.shown.keys, *parts.figures.tables[wanted.name]]
    return sheet(wanted.name, columns, _lines(rows, columns, parts.figures.rows_max))


def _lines(rows: Sequence[Row], columns: Sequence[str], most: int) -> Iterator[Sequence[object]]:
    """The rows, and where there are more than are given, a last line that says so."""
    yield from ([row[name] for name in columns] for row in rows[:most])
    if len(rows) > most:
        yield [f"There are more than these {most} rows: ask for fewer days"]


async def _behind(request: Request) -> Response:
    parts, wanted = numbers_of(request), _wanted(request)
    figure, given, asked = request.path_params["figure"], request.query_params, wanted.asked
    formulas = parts.figures.tables[wanted.name]
    if figure not in formulas:
        raise Refused(404, "There is no such figure", "Go back to the numbers and choose one of those there.")
    keys = {name: given[name] for name in wanted.shown.keys if name in given}
    rows = await counted(
        parts.figures.behind(wanted.name, figure, keys, asked.by, asked.since, asked.until, wanted.back)
    )
    found = [
        {**row, "order_id": str(row["order"]).partition("/")[2], "adds": _adds(wanted, figure, row, keys)}
        for row in rows
    ]
    values = {
        "heading": f"{wanted.shown.title}, {figure.replace('_', ' ')}: {', '.join(each for name, each in keys.items() if name in wanted.keys)}",
        "about": f"of days from {asked.since} on and before {asked.until}, those that add most first",
        "formula": formulas[figure],
        "back": f"{wanted.path}?{wanted.address}",
        "adds": wanted.shown.adds,
    }
    return page(request, "evidence.html", {**values, "rows": found})


def _adds(wanted: _Wanted, figure: str, row: Row, keys: Mapping[str, str]) -> str:
    """What an event adds to a figure, in words: time, money, units, or which order of its customer it is."""
    told = row["told"]
    if told is None:
        return ""
    if wanted.name == "cycle-times":
        return duration(told * 3600)
    if (wanted.name == "sales" or figure in {"revenue", "revenue_a_customer"}) and "currency" in keys:
        return money(int(told), keys["currency"])
    return f"{told} units" if figure == "returned_units" else f"order {told} of the customer"


def _key(name: str, value: object) -> str:
    return "all days" if name == "day" and value is None else f"{value}"


def _cell(wanted: _Wanted, row: Row, figure: str) -> tuple[str, str]:
    """What a figure is in words, and where the events behind it are; empty words for a figure of nothing."""
    value = row[figure]
    if value is None:
        return "", ""
    keys = {name: f"{row[name]}" for name in wanted.shown.keys if row[name] is not None}
    return _words(figure, value, row), f"{wanted.path}/{figure}?{wanted.address}&{urlencode(keys)}"


def _words(figure: str, value: object, row: Row) -> str:
    if figure in MONEY:
        return money(round(float(str(value))), row["currency"])
    if figure in RATES:
        return f"{value:.3f}"
    if figure == "change":
        return f"{float(str(value)) * 100:+.1f} %"
    if figure.startswith(("hours_", "since_")):
        return duration(float(str(value)) * 3600)
    return f"{value:.2f}" if isinstance(value, float) else f"{value}"


def _charts(rows: Sequence[Row], against: str) -> list[Chart]:
    """Of each currency of which most rows tell, a line of what left by day, and one of what left earlier."""
    totals = [row for row in rows if row["day"] is None and row["revenue"]]
    return [
        _chart(row["currency"], [each for each in rows if each["currency"] == row["currency"] and each["day"]], against)
        for row in totals[:CHARTS_MAX]
    ]


def _chart(currency: str, days: Sequence[Row], against: str) -> Chart:
    digits = 10 ** minor_digits(currency)

    def line(figure: str) -> list[tuple[float, float]]:
        levels = [(_begins(row["day"]), float(row[figure]) / digits) for row in days if row[figure] is not None]
        # the last day is as wide as the others
        return [*levels, (levels[-1][0] + timedelta(days=1).total_seconds(), levels[-1][1])] if levels else []

    lines = [(kind, line(figure)) for kind, figure in (("sold", "revenue"), ("available", "revenue_before"))]
    first, last = f"{days[0]['day']}", f"{days[-1]['day']}"
    title = f"What left by day in {currency}, and a {against} earlier".replace("a four weeks", "four weeks")
    return steps(title, [each for each in lines if each[1]], first, last, lambda level: f"{level:,.0f}")


def _begins(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()


ROUTES = (
    Route("/numbers/tables/{name}.csv", _sheet),
    Route("/numbers/tables/{name}", _table),
    Route("/numbers/tables/{name}/{figure}", _behind),
)
