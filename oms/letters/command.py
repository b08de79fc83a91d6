"""`oms dead-letters …`: what waits for a person, asked for and settled at the HTTP doors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oms.calls import AsJson, call, fail, part, print_json
from oms.lists import After, Limit, show_list

__all__ = ["dead_letters"]

PAGE_ROWS = 200
"""Rows that are asked for at once, where all are."""

CHOSEN_MAX = 10_000
"""Dead letters, and streams with something parked, that one command tries again."""

SHOWN_CHARS_MAX = 4_000
"""Characters of a message's value that are shown to people; `--json` has all of it."""

dead_letters = typer.Typer(help="What could not be taken: list, show, try again, edit, give up.", no_args_is_help=True)
console = Console()

Service = Annotated[str | None, typer.Option(help="Of one service.")]
State = Annotated[str | None, typer.Option(help="dead or parked.")]
Stream = Annotated[str | None, typer.Option(help="Of one stream, or key.")]
Type = Annotated[str | None, typer.Option(help="A part of the type's name.")]
Reason = Annotated[str | None, typer.Option(help="A part of the reason.")]
Since = Annotated[str | None, typer.Option(help="Those that came then or later, such as 2026-01-31T09:30:00Z.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Why = Annotated[str, typer.Option("--why", help="Why, in words; it is recorded. No name of a person.")]


@dead_letters.command("list")
def list_letters(
    limit: Limit = None,
    after: After = None,
    service: Service = None,
    state: State = None,
    stream: Stream = None,
    type: Type = None,
    reason: Reason = None,
    since: Since = None,
    as_json: AsJson = False,
) -> None:
    """List what waits, the oldest first."""
    names = ("name", "state", "since", "type", "stream", "reason")
    columns = [(name, _of(name)) for name in names]
    asked = {"service": service, "state": state, "stream": stream, "type": type, "reason": reason, "since": since}
    show_list("/dead-letters", "dead_letters", "dead-letters list", columns, as_json, limit=limit, after=after, **asked)


def _of(name: str) -> Any:
    return lambda row: row.get(name, "")[:200]


@dead_letters.command("count")
def count(as_json: AsJson = False) -> None:
    """Count what waits: by service, and by reason."""
    found = call("GET", "/dead-letters/counts")
    if as_json:
        print_json(found)
        return
    table = Table("service", "parked streams", "parked messages", "dead letters", "oldest", box=None, pad_edge=False)
    for service, counts in found["services"].items():
        numbers = (str(counts[name]) for name in ("parked_streams", "parked_messages", "dead_letters"))
        table.add_row(service, *numbers, f"{counts['oldest_seconds']} s")
    console.print(table)
    reasons = Table("count", "service", "state", "reason", box=None, pad_edge=False)
    for row in found["reasons"]:
        reasons.add_row(str(row["count"]), row["service"], row["state"], escape(row["reason"]))
    if found["reasons"]:
        console.print(reasons)


@dead_letters.command("show")
def show_letter(name: str, as_json: AsJson = False) -> None:
    """Show one, decoded and raw, and what happens if nobody acts."""
    shown = call("GET", f"/dead-letters/{part(name)}")
    if as_json:
        print_json(shown)
        return
    for key, value in shown.items():
        if key not in {"headers", "value", "hex"}:
            console.print(f"[bold]{key}[/]: {escape(str(value))}", highlight=False, soft_wrap=True)
    for header in shown["headers"]:
        said = header.get("value", f"(hex) {header.get('hex')}")
        console.print(f"  {escape(header['name'])}: {escape(said)}", highlight=False, soft_wrap=True)
    value = json.dumps(shown["value"], indent=2) if "value" in shown else f"(hex) {shown['hex']}"
    console.print(escape(value[:SHOWN_CHARS_MAX]), highlight=False, soft_wrap=True)


@dead_letters.command("redrive")
def redrive_letters(
    name: Annotated[str | None, typer.Argument(help="As listed; left out where several are meant.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    service: Service = None,
    state: State = None,
    stream: Stream = None,
    type: Type = None,
    reason: Reason = None,
    since: Since = None,
    offsets: Annotated[
        str | None,
        typer.Option(help="Of those chosen, where they came in: `<topic or inbox>:<partition>:<from>-<to>`."),
    ] = None,
    why: Annotated[str | None, typer.Option("--why", help="Why, in words; it is recorded.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Try one again, or those that the options choose, or all. A parked message takes those of its stream along."""
    asked = {"service": service, "state": state, "stream": stream, "type": type, "reason": reason, "since": since}
    chosen = {key: value for key, value in asked.items() if value is not None}
    if sum((name is not None, every, bool(chosen or offsets))) != 1:
        raise typer.BadParameter("name one, or choose some by options, or say --all")
    found = iter([call("GET", f"/dead-letters/{part(name)}")]) if name is not None else _rows(chosen)
    wanted = found if offsets is None else (row for row in found if _within(row["name"], offsets))
    tried = _once_a_stream(wanted)
    # All are known before the first is tried: what is settled meanwhile would be missing among the pages.
    rows = list(islice(tried, CHOSEN_MAX))
    more = next(tried, None) is not None
    done = 0
    for row in rows:
        _act(row["name"], "redrive", None if why is None else {"reason": why}, dry_run)
        done += 1
    if not done:
        console.print("Nothing that waits is among them.")
    if more:
        console.print(f"There are more: those were the oldest {CHOSEN_MAX:,}. Ask again.")


def _rows(chosen: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        asked = {**chosen, "limit": PAGE_ROWS, **({} if after is None else {"after": after})}
        page = call("GET", "/dead-letters", parameters=asked)
        yield from page["dead_letters"]
        after = page.get("next")
        if after is None:
            return


def _within(name: str, offsets: str) -> bool:
    """Whether one came in within a range, by its name without the service."""
    asked = re.fullmatch(r"(?:(.+):)?(\d+):(\d+)-(\d+)", offsets)
    if asked is None:
        raise typer.BadParameter("a range is <partition>:<from>-<to>, of dead letters <topic>:<partition>:<from>-<to>")
    place, _, offset = name.partition(":")[2].rpartition(":")
    topic, partition, first, last = asked.groups()
    where = partition if topic is None else f"{topic}:{partition}"
    return place == where and int(first) <= int(offset) <= int(last)


def _once_a_stream(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of those parked in one stream the first alone: it takes the others along."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        stream = (row["service"], row["stream"])
        if row["state"] == "parked" and stream in seen:
            continue
        if row["state"] == "parked":
            seen.add(stream)
        yield row


@dead_letters.command("edit")
def edit_letter(
    name: str,
    to: Annotated[Path | None, typer.Option("--to", help="Write a copy to this file, for your editor.")] = None,
    taken: Annotated[Path | None, typer.Option("--from", help="Take this file in its place.")] = None,
    why: Annotated[str | None, typer.Option("--why", help="Why, in words; it is recorded.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Write a copy of one to a file, or take an edited file in its place."""
    if (to is None) == (taken is None):
        raise typer.BadParameter("say --to FILE for a copy, or --from FILE --why WORDS for what is to be taken")
    if to is not None:
        copy = call("GET", f"/dead-letters/{part(name)}", parameters={"to_edit": True})
        if to.exists():
            fail(f"{to} is there already; name another file, so that nothing of yours is lost")
        draft = {key: copy[key] for key in ("name", "type", "stream", "value", "text") if key in copy}
        to.touch(mode=0o600)
        to.write_text(json.dumps({"value": None, **draft}, indent=2, ensure_ascii=False) + "\n")
        console.print(
            f"Edit `value` in {to}, then: oms dead-letters edit {name} --from {to} --why …",
            highlight=False,
            soft_wrap=True,
        )
        return
    if not why:
        raise typer.BadParameter("say why, with --why")
    _act(name, "edit", {"reason": why, **_edited(name, taken)}, dry_run)


def _edited(name: str, path: Path | None) -> dict[str, Any]:
    """What an edited file says. Ends the command where it cannot be what is meant."""
    assert path is not None
    try:
        said = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        fail(f"{path} cannot be read: {error}")
    if not isinstance(said, dict) or not isinstance(said.get("value"), dict):
        fail(f"{path} holds no object under `value`: put there the message as it should be")
    if said.get("name", name) != name:
        fail(f"{path} is a copy of {said['name']}, not of {name}")
    return {key: said[key] for key in ("value", "type", "stream") if said.get(key) not in (None, "", "unknown")}


@dead_letters.command("discard")
def discard_letter(name: str, why: Why, dry_run: DryRun = False) -> None:
    """Give one up: a stream goes on without its parked message; a dead letter waits no more."""
    _act(name, "discard", {"reason": why}, dry_run)


def _act(name: str, what: str, body: Any, dry_run: bool) -> None:
    answer = call("POST", f"/dead-letters/{part(name)}/{what}", body, parameters={"dry_run": True} if dry_run else None)
    if dry_run:
        console.print(f"would: {answer['would']}", highlight=False, soft_wrap=True)
        return
    events = ", ".join(event["type"] for event in answer.get("events", ()))
    console.print(f"{name}: {events or answer.get('outcome')}", highlight=False, soft_wrap=True)
