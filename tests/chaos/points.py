"""Every fault point of the code, the processes that reach it, and the row of docs/promises.md that it belongs to.

A kill is one of them at its n-th hit; which hit is drawn by the seed. `test_points.py` fails when the code has a point
that is not listed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from random import Random
from typing import NamedTuple

from contracts.topics import SERVICES

__all__ = ["NOT_KILLED_AT", "POINTS", "Kill", "Point", "kills", "rounds"]

HITS_MAX = 3
"""At which hit of a point to die, at most: each is a moment of its own, and later ones only take longer."""

PROJECTION_HITS_MAX = 9
"""A process has several projections, which reach the same point one after the other."""


class Point(NamedTuple):
    """A fault point: its row, who reaches it, and the last hit that is drawn."""

    row: str
    processes: Sequence[str]
    hits_max: int = HITS_MAX


class Kill(NamedTuple):
    """`process` dies at the `nth` time that it reaches `point`."""

    row: str
    process: str
    point: str
    nth: int

    @property
    def fault(self) -> str:
        """As OMS_FAULT says it."""
        return f"{self.point}:{self.nth}:kill9"


_PROJECTING = (*SERVICES, "channels", "console")

POINTS: Mapping[str, Point] = {
    "loop.polled": Point("F01", SERVICES),
    "loop.loaded": Point("F01", SERVICES),
    "handling.decide": Point("F01", SERVICES),
    "loop.begun": Point("F01", SERVICES),
    "loop.produced": Point("F01", SERVICES),
    "loop.offsets_sent": Point("F01", SERVICES),
    "loop.committed": Point("F01", SERVICES),
    "follower.before_apply": Point("F01", SERVICES),
    "follower.after_apply": Point("F01", SERVICES),
    "projection.applied": Point("F02", _PROJECTING, PROJECTION_HITS_MAX),
    "projection.committed": Point("F02", _PROJECTING, PROJECTION_HITS_MAX),
    "updates.before_write": Point("F02", ("channels",)),
    "updates.after_write": Point("F02", ("channels",)),
    "availability.before_write": Point("F02", ("channels",)),
    "availability.after_write": Point("F02", ("channels",)),
    "writer.before_write": Point("F03", ("doors",)),
    "writer.written": Point("F03", ("doors",)),
    "payments.before_act": Point("F04", ("workers",)),
    "payments.after_act": Point("F04", ("workers",)),
    "payments.after_record": Point("F04", ("workers",)),
    "notices.before_act": Point("F04", ("workers",)),
    "notices.after_act": Point("F04", ("workers",)),
    "notices.after_record": Point("F04", ("workers",)),
}

NOT_KILLED_AT: Mapping[str, str] = {
    "loop.aborting": "reached only after the broker refused a transaction, which cannot be had at will: killed there by "
    "seed in tests/simulation/small_world.py",
}
"""Points of the code that no row here can reach, and what proves them."""


def kills(rows: frozenset[str], seed: int) -> Iterator[Kill]:
    """Every point of these rows in every process that reaches it, each with its hit by the seed."""
    chance = Random(f"kills {seed}")
    for name, point in POINTS.items():
        for process in point.processes:
            hit = chance.randint(1, point.hits_max)
            if point.row in rows:
                yield Kill(point.row, process, name, hit)


def rounds(rows: frozenset[str], seed: int) -> list[list[Kill]]:
    """The same, so that no process dies twice in a round; who dies together is drawn by the seed."""
    by_process: dict[str, list[Kill]] = {}
    for kill in kills(rows, seed):
        by_process.setdefault(kill.process, []).append(kill)
    chance = Random(f"rounds {seed}")
    for lane in by_process.values():
        chance.shuffle(lane)
    return [[kill for kill in together if kill is not None] for together in zip_longest(*by_process.values())]
