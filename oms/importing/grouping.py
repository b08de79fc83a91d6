"""From the rows of one order to the order, or to what is wrong with them. Pure.

What a cell says is put where its column belongs; then the contract's own model judges the whole, and what it finds is
brought back to a row and a column.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError

from contracts.channel import LINES_MAX, ChannelOrder, OpenOrder
from contracts.topics import DOOR_BODY_BYTES_MAX
from oms.importing.columns import COLUMNS, OPEN_COLUMNS, Charged, Column, Level, Path, Reader, column_at
from oms.importing.form import Form
from oms.importing.reading import Row
from services.order.checks import CURRENCIES

__all__ = ["Grouped", "Grouper", "Problem", "by_row"]

FIRST_GROUP = "1"
"""The ship group of rows that name none."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a row, in which column by the file's own heading, and what to write instead."""

    row: int
    column: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.column}: {self.text}" if self.column else self.text


@dataclass(frozen=True, slots=True)
class Grouped:
    """The order of some rows, or None and why it is none. `state` is what became of it in another system, of a file of
    open orders."""

    order: ChannelOrder | None
    state: OpenOrder | None = None
    problems: Sequence[Problem] = ()


class Grouper:
    """Groups the rows of a file: knows its headings and its map, and whether its orders come from another system."""

    def __init__(self, form: Form, headings: Sequence[str], *, open_orders: bool = False) -> None:
        self._open, self._columns = open_orders, OPEN_COLUMNS if open_orders else COLUMNS
        places = {heading: place for place, heading in enumerate(headings)}
        self._form, self._readers = form, form.readers()
        self._places = {name: places[form.heading(name)] for name in self._columns if form.heading(name) in places}
        used = {form.heading(name) for name in self._places}
        self.ignored = tuple(heading for heading in headings if heading not in used)
        """Headings that are no column of ours: what stands below them is not imported."""
        self.missing = tuple(
            f"{form.heading(name)} ({name})" if name in form.columns else name
            for name, column in self._columns.items()
            if (column.required or name in form.columns) and name not in self._places and name not in form.constants
        )
        """Columns that the file must have and has not, and those that the map promises."""

    def text(self, row: Row, name: str) -> str:
        """What a row says in one of our columns, or the constant that stands for it; empty when nothing."""
        place = self._places.get(name)
        said = row.cells[place].strip() if place is not None and place < len(row.cells) else ""
        return said or self._form.constants.get(name, "").strip()

    def group(self, rows: Sequence[Row]) -> Grouped:
        """The order that these rows are."""
        draft = _Draft(rows[0].number)
        currency = self._currency(rows, draft)
        draft.problems += [Problem(row.number, None, row.problem) for row in rows if row.problem]
        for row in rows:
            if row.problem is None:
                self._take(row, currency, draft)
        return Grouped(None, problems=draft.problems) if draft.problems else self._judge(draft)

    def too_large(self, rows: int) -> str:
        """What is said of an order that has more rows than an order may have lines."""
        return f"the order has {rows} rows; {LINES_MAX} lines are the most, so split it where it was made"

    def _currency(self, rows: Sequence[Row], draft: _Draft) -> str:
        said = next(((row.number, text) for row in rows if (text := self.text(row, "currency"))), None)
        if said is None:
            return ""  # told with the other required columns
        number, text = said
        if text.upper() not in CURRENCIES:
            heading = self._form.heading("currency")
            draft.problems.append(Problem(number, heading, f"{text[:16]!r} is no currency; write one like EUR"))
            return ""
        return text.upper()

    def _take(self, row: Row, currency: str, draft: _Draft) -> None:
        group = self.text(row, "ship_group") or FIRST_GROUP
        line = draft.line(row.number)
        for name, column in self._columns.items():
            text = self.text(row, name)
            if not text:
                if column.required and column.level is Level.LINE:
                    draft.problems.append(self._problem(row, name, "nothing stands here, and every line needs it"))
                continue
            if column.reader is Reader.AMOUNT and not currency:
                continue  # the currency's own problem is told
            try:
                value = self._readers.read(column.reader, text, currency)
            except ValueError as error:
                draft.problems.append(self._problem(row, name, str(error)))
                continue
            match column.level:
                case Level.LINE:
                    line.fill(column, value, row.number)
                case Level.GROUP:
                    self._agree(draft.group(group), column, value, row, draft, f"ship group {group}")
                case Level.ORDER:
                    self._agree(draft.order, column, value, row, draft, "the order")
        draft.lines_group[row.number] = group
        self._line_once(row, draft)

    def _line_once(self, row: Row, draft: _Draft) -> None:
        name = self.text(row, "line_id")
        before = draft.line_rows.setdefault(name, row.number)
        if name and before != row.number:
            said = f"{name!r} is the line of row {before} already; give each line of an order an id of its own"
            draft.problems.append(self._problem(row, "line_id", said))

    def _agree(self, part: _Part, column: Column, value: Any, row: Row, draft: _Draft, what: str) -> None:
        """What is said of the order or a group on several rows must be the same on all of them."""
        before = part.said.get(column.name)
        if before is None:
            part.fill(column, value, row.number)
        elif before[0] != value:
            said = f"row {before[1]} says something else of {what}; say it once, or the same on every row"
            draft.problems.append(self._problem(row, column.name, said))

    def _problem(self, row: Row, name: str, text: str) -> Problem:
        return Problem(row.number, self._form.heading(name), text)

    def _judge(self, draft: _Draft) -> Grouped:
        missing = [
            Problem(draft.first, self._form.heading(name), "no row of the order says it, and every order needs it")
            for name, column in self._columns.items()
            if column.required and column.level is Level.ORDER and name not in draft.order.said
        ]
        if missing:
            return Grouped(None, problems=missing)
        body = orjson.dumps(draft.document())
        try:
            order = ChannelOrder.decode(body)
            state = OpenOrder.model_validate_json(body) if self._open else None
        except ValidationError as error:
            return Grouped(None, problems=[self._found(draft, item["loc"], item["msg"]) for item in error.errors()])
        if len(order.encode()) > DOOR_BODY_BYTES_MAX:
            said = f"the order has {len(body)} bytes; {DOOR_BODY_BYTES_MAX} are the most, so split it where it was made"
            return Grouped(None, problems=[Problem(draft.first, None, said)])
        return Grouped(order, state)

    def _found(self, draft: _Draft, place: Path, text: str) -> Problem:
        part, level, below = draft.part_at(place)
        column = part.column_at(level, below)
        row = part.said[column.name][1] if column and column.name in part.said else part.row
        named = self._form.heading(column.name) if column else ".".join(map(str, place))
        return Problem(row, named, text)


@dataclass
class _Part:
    """The order, a ship group or a line as far as it is known: its document, and where each value was said."""

    row: int
    document: dict[str, Any] = field(default_factory=dict)
    said: dict[str, tuple[Any, int]] = field(default_factory=dict)
    charges: list[Column] = field(default_factory=list)

    def fill(self, column: Column, value: Any, row: int) -> None:
        self.said[column.name] = (value, row)
        if not isinstance(column.place, Charged):
            _put(self.document, column.place, value)
        elif value:  # a charge of nothing is none
            self.charges.append(column)
            self.document.setdefault("charges", []).append({"kind": column.place.kind, "amount": value})

    def column_at(self, level: Level, below: Path) -> Column | None:
        match below:
            case ("charges", int(number), *_):
                return self.charges[number]
            case _:
                return column_at(level, below)


class _Draft:
    """An order that is being made of its rows."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.problems: list[Problem] = []
        self.order = _Part(first)
        self.lines_group: dict[int, str] = {}
        self.line_rows: dict[str, int] = {}
        self._groups: dict[str, _Part] = {}
        self._lines: list[_Part] = []

    def line(self, row: int) -> _Part:
        self._lines.append(_Part(row))
        return self._lines[-1]

    def group(self, name: str) -> _Part:
        return self._groups.setdefault(name, _Part(self.first))

    def document(self) -> dict[str, Any]:
        """The order as a channel would write it."""
        order = {**self.order.document}
        inclusive = order.pop("charges_tax_included", False)
        order["charges"] = [{**charge, "tax_included": inclusive} for charge in order.get("charges", ())]
        order["lines"] = [self._line(part) for part in self._lines]
        names = dict.fromkeys(self.lines_group.values()) if self._groups else {}
        order["ship_groups"] = [{"group": name, **self.group(name).document} for name in names]
        closed: dict[str, Any] = _closed(order)
        return closed

    def _line(self, part: _Part) -> dict[str, Any]:
        line = {**part.document}
        inclusive = line.get("tax_included", False)
        line["charges"] = [{**charge, "tax_included": inclusive} for charge in line.get("charges", ())]
        if self._groups:
            line["ship_group"] = self.lines_group[part.row]
        return line

    def part_at(self, place: Path) -> tuple[_Part, Level, Path]:
        """The part that a place in the document lies in, and the rest of the place."""
        match place:
            case ("lines", int(number), *below):
                return self._lines[number], Level.LINE, tuple(below)
            case ("ship_groups", int(number), *below):
                name = list(dict.fromkeys(self.lines_group.values()))[number]
                return self.group(name), Level.GROUP, tuple(below)
            case _:
                return self.order, Level.ORDER, place


def _put(document: Any, place: Path, value: Any) -> None:
    """Put a value where it belongs; a number in the place is a key until `_closed` makes lists of them."""
    below = document
    for step in place[:-1]:
        below = below.setdefault(step, {})
    below[place[-1]] = value


def _closed(value: Any) -> Any:
    """The document with lists where numbers were keys."""
    if isinstance(value, Mapping):
        if value and all(isinstance(key, int) for key in value):
            return [_closed(value[key]) for key in sorted(value)]
        return {key: _closed(part) for key, part in value.items()}
    return [_closed(part) for part in value] if isinstance(value, list) else value


def by_row(problems: Sequence[Problem]) -> Mapping[int, list[Problem]]:
    """Problems by their row."""
    found: dict[int, list[Problem]] = defaultdict(list)
    for problem in problems:
        found[problem.row].append(problem)
    return found
