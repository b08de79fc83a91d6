"""The whole of an import: read all, bring together, send what is an order, keep the rest in the report.

Nothing is sent before the file was read to its end, so a file that is damaged in the middle sends nothing. Each row
ends in exactly one place: in an order that was sent, in the report, or it was blank.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from contracts.channel import LINES_MAX, ChannelOrder, OpenOrder
from contracts.personal import Personal, PersonalContent
from oms.importing.columns import NAMED_BY
from oms.importing.errors import FileRefused
from oms.importing.form import Form
from oms.importing.grouping import Grouper, Problem, by_row
from oms.importing.reading import Row, Rows, open_rows
from oms.importing.report import PROBLEM_HEADING, ROW_HEADING, Report, open_report
from oms.importing.spool import Spool, SpooledOrder, open_spool
from services.order.checks import Finding, findings
from services.order.intake import import_order, place_order
from services.order.taking_over import not_secured

__all__ = [
    "SHOWN_PROBLEMS_MAX",
    "OpenDocument",
    "Send",
    "Summary",
    "TakeOver",
    "Taken",
    "import_file",
    "import_open_orders",
]

ORDERS_IN_FLIGHT_MAX = 200
LINES_IN_FLIGHT_MAX = 10_000
"""Orders, and lines of them, that are sent at once; the next are made when all replicas have these."""

SHOWN_PROBLEMS_MAX = 5
"""Problems that the summary shows; the report has all."""

Send = Callable[[Sequence[ChannelOrder]], None]
"""Returns when all of them are on `channel.orders` for good."""


class OpenDocument(NamedTuple):
    """An order of another system, and what became of it there."""

    order: ChannelOrder
    state: OpenOrder


class Taken(NamedTuple):
    """What became of an open order: it is taken over, was here already (`there`), or was refused, and why."""

    there: bool = False
    refused: str | None = None


TakeOver = Callable[[Sequence[OpenDocument]], Sequence[Taken]]
"""Returns what became of each."""


@dataclass
class Summary:
    """What became of a file. rows = sent_rows + rejected_rows + blank_rows."""

    rows: int = 0
    blank_rows: int = 0
    sent_rows: int = 0
    rejected_rows: int = 0
    sent_orders: int = 0
    there_orders: int = 0
    """Open orders among those sent that were here already, and stay as they are."""
    rejected_orders: int = 0
    ignored: tuple[str, ...] = ()
    """Headings that are no column."""
    holds: Counter[str] = field(default_factory=Counter)
    """Orders that do not add up and will be on hold, by the kind of hold."""
    problems: list[Problem] = field(default_factory=list)
    """The first of them."""
    report: Path | None = None


def import_file(path: Path, form: Form, send: Send, report: Path, tenant: str) -> Summary:
    """Import a file; `report` is where the rows go that are not sent. Raises FileRefused, and what `send` raises."""

    def sent(found: Sequence[_Found]) -> Sequence[Taken]:
        send([one.order for one in found])
        return [Taken()] * len(found)

    return _run(path, form, sent, report, tenant, open_orders=False)


def import_open_orders(path: Path, form: Form, take_over: TakeOver, report: Path, tenant: str) -> Summary:
    """Import a file of open orders of another system; as `import_file`, and what is refused is kept in the report too.
    Raises FileRefused, and what `take_over` raises."""

    def taken(found: Sequence[_Found]) -> Sequence[Taken]:
        return take_over([OpenDocument(one.order, one.state) for one in found if one.state is not None])

    return _run(path, form, taken, report, tenant, open_orders=True)


class _Found(NamedTuple):
    """An order that the file has, and its rows."""

    order: ChannelOrder
    state: OpenOrder | None
    rows: Sequence[Row]


_Sending = Callable[[Sequence[_Found]], Sequence[Taken]]


def _run(path: Path, form: Form, send: _Sending, report: Path, tenant: str, *, open_orders: bool) -> Summary:
    with (
        open_rows(path, form) as rows,
        open_spool() as spool,
        open_report(report, rows.headings, form.delimiter) as kept,
    ):
        work = _Import(Grouper(form, rows.headings, open_orders=open_orders), spool, send, kept, tenant)
        work.require_columns(path)
        work.read(rows)
        work.send_all()
        work.summary.report = kept.path
        return work.summary


class _Import:
    def __init__(self, grouper: Grouper, spool: Spool, send: _Sending, report: Report, tenant: str) -> None:
        self._grouper, self._spool, self._send, self._report, self._tenant = grouper, spool, send, report, tenant
        self._ready: list[_Found] = []
        own = {ROW_HEADING, PROBLEM_HEADING}
        self.summary = Summary(ignored=tuple(name for name in grouper.ignored if name and name not in own))

    def require_columns(self, path: Path) -> None:
        """Raises FileRefused when a column is missing that an order cannot do without."""
        if self._grouper.missing:
            raise FileRefused(
                f"{path} lacks the columns {', '.join(self._grouper.missing)}; name the heading that each has under "
                "[columns] in a map (--map), or what it always is under [constants]"
            )

    def read(self, rows: Rows) -> None:
        """Bring all rows into the spool; those that name no order into the report."""
        for row in rows.rows:
            self.summary.rows += 1
            if row.blank:
                self.summary.blank_rows += 1
                continue
            account, external_id = (self._grouper.text(row, name) for name in NAMED_BY)
            if account and external_id:
                self._spool.add(account, external_id, row)
            else:
                said = row.problem or f"{' and '.join(NAMED_BY)} say which order the row belongs to; fill them in"
                self._reject([row], [Problem(row.number, None, said)])

    def send_all(self) -> None:
        """Send every order of the spool that is one."""
        for spooled in self._spool.orders():
            if spooled.rows > LINES_MAX:
                self._reject_large(spooled)
                continue
            rows = list(self._spool.rows(spooled))
            grouped = self._grouper.group(rows)
            if grouped.order is None:
                self.summary.rejected_orders += 1
                self._reject(rows, grouped.problems)
            else:
                self._ready.append(_Found(grouped.order, grouped.state, rows))
                self._send_ready(ORDERS_IN_FLIGHT_MAX, LINES_IN_FLIGHT_MAX)
        self._send_ready(1, 1)

    def _send_ready(self, orders: int, lines: int) -> None:
        """Send what is ready when it is that many orders, or that many lines."""
        if not self._ready or (len(self._ready) < orders and sum(len(one.rows) for one in self._ready) < lines):
            return
        for found, taken in zip(self._ready, self._send(self._ready), strict=True):
            self._count(found, taken)
        self._ready.clear()

    def _count(self, found: _Found, taken: Taken) -> None:
        if taken.refused is not None:
            self.summary.rejected_orders += 1
            self._reject(found.rows, [Problem(found.rows[0].number, None, taken.refused)])
            return
        self.summary.sent_orders += 1
        self.summary.sent_rows += len(found.rows)
        self.summary.there_orders += taken.there
        if not taken.there:
            self.summary.holds.update({str(finding.kind) for finding in self._findings(found)})

    def _findings(self, found: _Found) -> Sequence[Finding]:
        """What does not add up, as far as that can be told without knowing which articles are kits."""
        if found.state is None:
            return findings(place_order(found.order, self._tenant, _unsealed))
        message = import_order(found.order, found.state, self._tenant, _unsealed)
        return (*findings(message), *not_secured(message, message))

    def _reject(self, rows: Sequence[Row], problems: Sequence[Problem]) -> None:
        """An order with one wrong row is not sent at all: half an order would be another order."""
        found = by_row(problems)
        wrong = ", ".join(str(number) for number in sorted(found)[:SHOWN_PROBLEMS_MAX])
        for row in rows:
            own = "; ".join(map(str, found.get(row.number, ())))
            self._report.add(row, own or f"waits for row {wrong} of the same order; nothing to mend here")
        self._note(len(rows), problems)

    def _reject_large(self, spooled: SpooledOrder) -> None:
        """Row by row: what is too large for an order may be too large for memory."""
        said = self._grouper.too_large(spooled.rows)
        first: Row | None = None
        for row in self._spool.rows(spooled):
            first = first or row
            self._report.add(row, said)
        self.summary.rejected_orders += 1
        self._note(spooled.rows, [Problem(first.number if first else 0, None, said)])

    def _note(self, rows: int, problems: Sequence[Problem]) -> None:
        self.summary.rejected_rows += rows
        self.summary.problems += problems[: SHOWN_PROBLEMS_MAX - len(self.summary.problems)]


def _unsealed(subject: str, content: PersonalContent) -> Personal:
    """Stands where a door seals: whether an order adds up does not depend on it."""
    return Personal(subject=subject, ciphertext="")
