"""`oms replay --into NAMESPACE`: what is asked for, and what came of it, for people and for programs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from chassis.settings import Settings
from oms.calls import print_json
from oms.declared import declared
from oms.past import instant
from oms.reach import reach_log
from oms.replay.into import PlayedInto, play_into, remove
from oms.replay.selecting import Selection, choose, counted
from oms.what_if.showing import differs_document, differs_line

__all__ = ["play_selected", "remove_sandbox", "selection_of"]

SHOWN_MAX = 10
DIFFERENT = 1

_NAMESPACE = re.compile(r"[a-z][a-z0-9]{0,30}")
_RANGE = re.compile(r"(\d+)=(\d+)-(\d+)")

console = Console()


def selection_of(
    services: Sequence[str],
    since: str | None,
    until: str | None,
    offsets: Sequence[str],
    keys: Sequence[str],
    types: Sequence[str],
) -> Selection:
    """What was asked for. Raises typer.BadParameter."""
    if offsets and len(services) != 1:
        raise typer.BadParameter("offsets are those of one inbox: name one service")
    ranges: dict[int, tuple[int, int]] = {}
    for text in offsets:
        found = _RANGE.fullmatch(text)
        if found is None:
            raise typer.BadParameter(f"{text!r} is not PARTITION=FIRST-LAST, such as 0=120-500")
        ranges[int(found[1])] = (int(found[2]), int(found[3]))
    return Selection(_instant(since), _instant(until), ranges, frozenset(keys), frozenset(types))


def _instant(text: str | None) -> datetime | None:
    return None if text is None else instant(text)


def play_selected(
    settings: Settings,
    services: Sequence[str],
    selection: Selection,
    namespace: str,
    rate: float | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Play, or only count; the exit code."""
    if not _NAMESPACE.fullmatch(namespace):
        raise typer.BadParameter(
            f"{namespace!r} is no namespace: a small letter, then small letters and digits, 31 at most"
        )
    log, live = reach_log(settings), [declared(name, settings.namespace) for name in services]
    chosen = choose(log, live, selection)
    counts = counted(chosen)
    if dry_run:
        _tell(counts, None, namespace, as_json)
        return 0
    with console.status("") as shown:
        found = play_into(
            log,
            settings.database,
            live,
            chosen,
            namespace,
            rate,
            lambda done: shown.update(f"{done:,} of {counts['records']:,} records"),
        )
    _tell(counts, found, namespace, as_json)
    return 0 if found.equal else DIFFERENT


def remove_sandbox(settings: Settings, namespace: str, as_json: bool) -> None:
    """Delete it, and say so."""
    removed = remove(reach_log(settings), settings.database, namespace)
    if as_json:
        print_json({"removed": namespace, "topics": removed})
    else:
        console.print(f"The sandbox {namespace} is gone: {removed} topics and the tables of its services.")


def _tell(counts: Mapping[str, Any], found: PlayedInto | None, namespace: str, as_json: bool) -> None:
    if as_json:
        print_json({"namespace": namespace, "chosen": counts, "played": None if found is None else _document(found)})
        return
    for line in (*_chosen(counts), *(() if found is None else _played(found, namespace))):
        console.print(escape(line), highlight=False)


def _document(found: PlayedInto) -> dict[str, Any]:
    return {
        "records": found.records,
        "events": found.events,
        "streams": found.streams,
        "different": len(found.differ),
        "first": [differs_document(each) for each in found.differ[:SHOWN_MAX]],
        "left_out": dict(sorted(found.left_out.items())),
        "calls_outside": found.calls_outside,
    }


def _chosen(counts: Mapping[str, Any]) -> Iterator[str]:
    between = f", from {counts['first']} to {counts['last']}" if counts["records"] else ""
    yield f"{counts['records']:,} records are chosen{between}"
    for name in ("services", "types"):
        if counts[name]:
            yield f"  {name}: {', '.join(f'{which} {number:,}' for which, number in counts[name].items())}"


def _played(found: PlayedInto, namespace: str) -> Iterator[str]:
    yield f"{found.records:,} records were handled in {namespace}, {found.events:,} events written"
    for reason, count in sorted(found.left_out.items()):
        yield f"{count:,} records were left out: {reason}"
    yield f"{found.streams - len(found.differ):,} of {found.streams:,} streams were written as they were"
    for each in found.differ[:SHOWN_MAX]:
        yield differs_line(each)
    yield f"calls outside: {found.calls_outside}"
