"""What a replay into a sandbox came to, as JSON and in words: the same for whoever asked at the command line and on the
operators' page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from oms.replay.into import PlayedInto
from oms.what_if.showing import differs_document, differs_line, differs_of

__all__ = ["lines_of", "played_document"]

SHOWN_MAX = 10
"""Streams that were written otherwise, of which the first difference is told."""


def played_document(namespace: str, counts: Mapping[str, Any], found: PlayedInto | None) -> dict[str, Any]:
    """What was chosen, and what came of it; None where it was only counted."""
    return {"namespace": namespace, "chosen": counts, "played": None if found is None else _played(found)}


def _played(found: PlayedInto) -> dict[str, Any]:
    return {
        "records": found.records,
        "events": found.events,
        "streams": found.streams,
        "different": len(found.differ),
        "first": [differs_document(each) for each in found.differ[:SHOWN_MAX]],
        "left_out": dict(sorted(found.left_out.items())),
        "calls_outside": found.calls_outside,
    }


def lines_of(document: Mapping[str, Any]) -> Iterator[str]:
    """For people. Raises KeyError or TypeError for what is no such document."""
    chosen, played = document["chosen"], document["played"]
    between = f", from {chosen['first']} to {chosen['last']}" if chosen["records"] else ""
    yield f"{chosen['records']:,} records are chosen{between}"
    for name in ("services", "types"):
        if chosen[name]:
            yield f"  {name}: {', '.join(f'{which} {number:,}' for which, number in chosen[name].items())}"
    if played is None:
        return
    yield f"{played['records']:,} records were handled in {document['namespace']}, {played['events']:,} events written"
    for reason, count in played["left_out"].items():
        yield f"{count:,} records were left out: {reason}"
    yield f"{played['streams'] - played['different']:,} of {played['streams']:,} streams were written as they were"
    for each in played["first"]:
        yield differs_line(differs_of(each))
    yield f"calls outside: {played['calls_outside']}"
