"""Exceptions: everything that waits for a person, over all services, in one place.

Each queue is a list of the doors (queues.py); whoever may not see one is not shown it. Several rows may be chosen for one
action with one reason; each is a request of its own, and what came of each is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.listing import PAGE_MAX
from chassis.tokens import Grant
from contracts.message import format_instant, to_milliseconds
from services.console.answering import Parts, Refused, age_of, came_of, form_of, page, parts_of, resend, who_of
from services.console.deeds import Deed, Said, row_name
from services.console.inside import WISH, Answer
from services.console.queues import QUEUES, Queue
from services.console.sheets import sheet
from services.console.showing import duration

__all__ = ["ROUTES"]

ROWS_MAX = 50
"""Rows of each queue on the page, the oldest; beside them it is said how many there are in all."""

EXPORT_ROWS_MAX = 10_000
"""Rows of a queue in one CSV file; of more its last line says how many are not in it."""

AT_ONCE = 6
"""Rows of which something is done at the same time."""

CHOSEN = "row."
"""What the name of a field begins with that chooses a row; its names follow, its title is the value."""

MOMENTS = ("_at", "_by", "since", "due")
"""What the names of fields end with that hold a moment."""


@dataclass(frozen=True, slots=True)
class Came:
    """What came of an action on a row; `unknown`: nobody can tell whether it was done."""

    title: str
    text: str
    fine: bool
    unknown: bool = False


async def _exceptions(request: Request) -> Response:
    session, grant = who_of(request)
    parts, now = parts_of(request), datetime.now(UTC)
    queues = [_within(parts, queue) for queue in QUEUES]
    answers = await asyncio.gather(
        *(
            parts.inside.get(session.token, each.path, limit=ROWS_MAX, **_asked(each), **_counted(each, now))
            for each in queues
        )
    )
    listed = [(queue, answer, _rows(queue, answer)) for queue, answer in zip(queues, answers, strict=True)]
    owners = await _owners(parts, session.token, listed)
    found = []
    for queue, answer, rows in listed:
        if answer.status == 403:
            continue
        shown = _shown(queue, rows, owners, now)
        said = answer.said if answer.fine else {}  # a door that lists all there is at once counts nothing
        found.append(
            {
                "queue": queue,
                "rows": shown,
                "late": said.get("late", sum(row["late"] for row in shown)),
                "total": said.get("total", len(shown)),
                "trouble": "" if answer.fine else answer.trouble,
                "deeds": [deed for deed in queue.deeds if deed.roles & grant.roles],
            }
        )
    found.sort(key=lambda each: (not each["rows"], not each["late"]))
    return page(request, "exceptions.html", {"queues": found, "live": True, "age": await age_of(parts, now)})


def _asked(queue: Queue) -> Mapping[str, Any]:
    """What a door is asked of a list: the oldest first, where its rows have an age."""
    return {**queue.asked, "oldest_by": queue.since}


def _counted(queue: Queue, now: datetime) -> Mapping[str, Any]:
    """What it is asked besides: how many there are, and how many of them are late."""
    late = {} if queue.within is None else {"late_before": format_instant(to_milliseconds(now - queue.within))}
    return {"counted": "true", **late}


def _shown(
    queue: Queue, rows: Sequence[Mapping[str, Any]], owners: Mapping[tuple[str | None, str], str], now: datetime
) -> list[dict[str, Any]]:
    """The rows as they are shown, the oldest first."""
    since = queue.since
    in_order = rows if since is None else sorted(rows, key=lambda row: str(row.get(since, "")))
    return [_row(queue, row, owners, now) for row in in_order]


def _within(parts: Parts, queue: Queue) -> Queue:
    """The list with how soon somebody should have acted, as it is set here."""
    return replace(queue, within=parts.installation.levels().get(queue.name, queue.within))


def _rows(queue: Queue, answer: Answer) -> Sequence[Mapping[str, Any]]:
    """What a door lists, each row with its order: a claim names it as what it is for."""
    rows = answer.said[queue.rows] if answer.fine else ()
    demands = [row.get("demand") or {} for row in rows]
    return [
        {**row, "order": demand["id"]} if demand.get("kind") == "order" else row
        for row, demand in zip(rows, demands, strict=True)
    ]


async def _owners(
    parts: Parts, token: str, listed: Sequence[tuple[Queue, Answer, Sequence[Mapping[str, Any]]]]
) -> Mapping[tuple[str | None, str], str]:
    """Who looks after these rows: by list and name of one without an order, by order (and no list) of all others."""
    orders = [order for queue, _, rows in listed if queue.owners is None for row in rows if (order := _order(row))]
    found: dict[tuple[str | None, str], str] = {
        (None, order): owner for order, owner in (await asyncio.to_thread(parts.questions.owners, orders)).items()
    }
    if any(queue.owners is not None and rows for queue, _, rows in listed):
        answer = await parts.inside.get(token, "/exceptions/owners")
        if answer.fine:  # a list is shown also where nobody can tell whose its rows are
            found |= {(each["list"], each["name"]): each["owner"] for each in answer.said["owners"]}
    return found


def _order(row: Mapping[str, Any]) -> str:
    return str(row.get("order_id") or row.get("order") or "")


def _row(
    queue: Queue, row: Mapping[str, Any], owners: Mapping[tuple[str | None, str], str], now: datetime
) -> dict[str, Any]:
    """A row with its age, whether that is more than it should be, who looks after it, and what chooses it; moments are told
    to the second."""
    since = row.get(queue.since or "")
    waits = now - datetime.fromisoformat(since) if since else None
    chosen = [str(row[name]) for name in queue.key if row.get(name) is not None]
    return {
        **row,
        "owner": owners.get(_owned(queue, row), ""),
        **{name: row[name][:19].replace("T", " ") for name in row if row[name] and name.endswith(MOMENTS)},
        "age": "" if waits is None else duration(max(0.0, waits.total_seconds())),
        "late": waits is not None and queue.within is not None and waits > queue.within,
        "chooses": CHOSEN + "/".join(quote(name, safe="") for name in chosen) if chosen else "",
    }


def _owned(queue: Queue, row: Mapping[str, Any]) -> tuple[str | None, str]:
    if queue.owners is None:
        return None, _order(row)
    return queue.owners, row_name([str(row.get(name, "")) for name in queue.key])


async def _sheet(request: Request) -> Response:
    """All rows of a list up to EXPORT_ROWS_MAX, page by page; where there are more the last line says how many."""
    session, _ = who_of(request)
    parts, now, listed = parts_of(request), datetime.now(UTC), list[Mapping[str, Any]]()
    queue, after, total = _within(parts, _queue(request)), None, 0
    while True:
        counted = _counted(queue, now) if after is None else {}
        asked = {**_asked(queue), **counted, "limit": PAGE_MAX, "after": after}
        answer = await parts.inside.get(session.token, queue.path, **asked)
        if not answer.fine:
            raise Refused(answer.status, "This list is not shown", answer.trouble)
        listed += _rows(queue, answer)
        after, total = answer.said.get("next"), answer.said.get("total", total)
        if after is None or len(listed) >= EXPORT_ROWS_MAX:
            break
    owners = await _owners(parts, session.token, [(queue, answer, listed)])
    names = [*(name for name, _ in queue.columns), "owner", "age"]
    shown = _shown(queue, listed, owners, now)
    rows = [[*(row.get(name) for name in names), "late" if row["late"] else ""] for row in shown]
    if after is not None:
        rows.append([f"{total - len(listed)} more are not in this file"])
    return sheet(queue.name.replace(" ", "-"), [*names, "late"], rows)


def _queue(request: Request) -> Queue:
    found = next((each for each in QUEUES if each.name == request.path_params["queue"]), None)
    if found is None:
        raise Refused(404, "There is no such list", "Go back to the exceptions and choose one of those there.")
    return found


# Several at once


async def _do(request: Request) -> Response:
    session, grant = who_of(request)
    fields = await form_of(request, session)
    parts, queue = parts_of(request), _queue(request)
    deed = _deed(queue, grant, fields.get("do", ""))
    why = fields.get("why", "").strip()
    chosen = {_names(queue, name): title for name, title in fields.items() if name.startswith(CHOSEN)}
    if not why or not chosen:
        wanted = "Say why" if chosen else "Choose what it is to be done to"
        raise Refused(422, wanted, "Nothing was done.")
    said = Said(why, grant.subject, fields.get("to", "").strip())
    if deed.hands_over and not said.to:
        raise Refused(422, "Say to whom", "Give the account that is to look after it. Nothing was done.")
    if len(chosen) > ROWS_MAX:
        raise Refused(422, "That is too much at once", f"Choose at most {ROWS_MAX}. Nothing was done.")
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(names: tuple[str, ...], title: str) -> Sequence[Came]:
        async with gate:
            return await _done(parts, session.token, deed, names, title, said, fields[WISH])

    came = [each for found in await asyncio.gather(*(one(*row) for row in chosen.items())) for each in found]
    again = resend(request) if any(each.unknown for each in came) else None
    values = {"queue": queue, "deed": deed, "came": came, "why": why, "again": again}
    return page(request, "done.html", {**values, "age": await age_of(parts, datetime.now(UTC))})


def _deed(queue: Queue, grant: Grant, name: str) -> Deed:
    found = next((each for each in queue.deeds if each.name == name and each.roles & grant.roles), None)
    if found is None:
        raise Refused(
            404, "There is no such action for you", "Go back to the exceptions and choose one of those there."
        )
    return found


def _names(queue: Queue, field: str) -> tuple[str, ...]:
    """What names a row, out of the name of its field. Raises Refused where it is none of this list."""
    names = tuple(unquote(name) for name in field.removeprefix(CHOSEN).split("/"))
    if len(names) != len(queue.key):
        raise Refused(400, "This form is not whole", "Load the page again, and send its form from there.")
    return names


async def _done(
    parts: Parts, token: str, deed: Deed, names: tuple[str, ...], title: str, said: Said, wish: str
) -> Sequence[Came]:
    paths = await deed.paths(parts.inside, token, names)
    if not paths:
        return [Came(title, "Nothing was done: nothing of it waits any more.", False)]
    return [
        Came(title, *came_of(deed.title, answer), answer.unknown)
        for path in paths
        for answer in [await parts.inside.post(token, path, deed.body(said, names), f"{wish} {names}", said.why)]
    ]


ROUTES = (
    Route("/exceptions", _exceptions),
    Route("/exceptions/{queue}.csv", _sheet),
    Route("/exceptions/{queue}", _do, methods=["POST"]),
)
