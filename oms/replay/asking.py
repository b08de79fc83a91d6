"""`oms replay --into NAMESPACE`: what is asked for, and what came of it, for people and for programs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from oms.replay.documents import lines_of, played_document
from oms.replay.into import play_into, remove
from oms.replay.selecting import Selection, choose, counted
from oms.told_progress import Teller

__all__ = ["Shown", "play_selected", "remove_sandbox", "selection_of"]

DIFFERENT = 1

_NAMESPACE = re.compile(r"[a-z][a-z0-9]{0,30}")
_RANGE = re.compile(r"(\d+)=(\d+)-(\d+)")

console = Console()


@dataclass(frozen=True)
class Shown:
    """How it is told what happens: for people or as JSON, and to a teller how far it is."""

    as_json: bool
    teller: Teller | None = None

    def chooses(self) -> None:
        """Records are being chosen."""
        if self.teller is not None:
            self.teller.begin("records read and chosen")

    @contextmanager
    def playing(self, records: int) -> Iterator[Callable[[int], None]]:
        """So many are being played: what is to be called with the number of those that are."""
        if self.teller is not None:
            self.teller.begin("records played", records)
            yield self.teller.done
            return
        with console.status("") as status:
            yield lambda done: status.update(f"{done:,} of {records:,} records")


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
    shown: Shown,
    *,
    dry_run: bool,
) -> int:
    """Play, or only count; the exit code."""
    if not _NAMESPACE.fullmatch(namespace):
        raise typer.BadParameter(
            f"{namespace!r} is no namespace: a small letter, then small letters and digits, 31 at most"
        )
    log, live = reach_log(settings), [declared(name, settings.namespace) for name in services]
    shown.chooses()
    chosen = choose(log, live, selection)
    counts = counted(chosen)
    if dry_run:
        _tell(played_document(namespace, counts, None), shown.as_json)
        return 0
    with shown.playing(counts["records"]) as tell:
        found = play_into(log, settings.database, live, chosen, namespace, rate, tell)
    _tell(played_document(namespace, counts, found), shown.as_json)
    return 0 if found.equal else DIFFERENT


def remove_sandbox(settings: Settings, namespace: str, as_json: bool) -> None:
    """Delete it, and say so."""
    removed = remove(reach_log(settings), settings.database, namespace)
    if as_json:
        print_json({"removed": namespace, "topics": removed})
    else:
        console.print(f"The sandbox {namespace} is gone: {removed} topics and the tables of its services.")


def _tell(document: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    for line in lines_of(document):
        console.print(escape(line), highlight=False)
