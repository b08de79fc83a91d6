"""What came of a run, from the exit code of its command and what that wrote."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from oms.rebuild.documents import explained, rebuilt_of
from oms.replay.documents import lines_of
from oms.runs.asked import Rebuild, Replay
from oms.runs.kept import RESULT_BYTES_MAX, Folder, Run, State

__all__ = ["LINES_MAX", "ended"]

LINES_MAX = 60
"""Lines of what was found that are kept beside the run; the file that the command wrote has all."""

CHARS_MAX = 600


def ended(run: Run, code: int, folder: Folder) -> Run:
    """The run as it ended: with what its command found, or with why it found nothing. Raises OSError."""
    if code < 0:
        why = f"its process was ended by {_named(-code)}. Nothing live was touched; begin it again."
        return run.model_copy(update={"state": State.BROKEN_OFF, "trouble": why})
    try:
        state, lines = _found(run, folder)
    except (ValueError, KeyError, TypeError):
        said = folder.last_words(run.run)[-CHARS_MAX:]
        why = said or f"its command ended with the exit code {code} and said nothing"
        return run.model_copy(update={"state": State.FAILED, "trouble": why})
    return run.model_copy(update={"state": state, "found": lines})


def _named(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _found(run: Run, folder: Folder) -> tuple[State, tuple[str, ...]]:
    """Raises ValueError, KeyError or TypeError where the command wrote no such document."""
    with folder.result(run.run).open("rb") as result:
        document = json.loads(result.read(RESULT_BYTES_MAX))
    match run.asked:
        case Rebuild():
            equal, lines = bool(document["equal"]), _of_rebuild(document)
        case Replay():
            played = document["played"]
            equal, lines = not played["different"] and not played["calls_outside"], lines_of(document)
        case _:
            gone = f"{document['removed']}: {document['topics']} topics and the tables of its services"
            return State.DONE, (gone,)
    kept = tuple(line[:CHARS_MAX] for line in islice(lines, LINES_MAX))
    return State.EQUAL if equal else State.DIFFERENT, kept


def _of_rebuild(document: Mapping[str, Any]) -> Iterator[str]:
    for each in document["services"]:
        found = rebuilt_of(each)
        rows = sum(one.live.rows for one in found.tables if one.live is not None)
        different = sum(not one.equal for one in found.tables)
        says = f"{different} of them differ from the live ones" if different else "equal to the live ones"
        yield f"{found.service}: {len(found.tables)} tables with {rows:,} rows, {says}"
        yield from explained(found)
        yield f"  {found.offsets:,} offsets followed; calls outside: {found.calls_outside}"
