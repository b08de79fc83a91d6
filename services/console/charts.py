"""Charts as shapes that a template draws as SVG: where bars and lines stand. Nothing here makes markup or knows of colours.

Each chart stands beside a table or words that say the same, since a picture is not read by everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Bar", "Chart", "Label", "bars", "steps"]

WIDTH, HEIGHT = 720, 200
"""The whole picture; a page scales it to its own width."""

LEFT, BOTTOM, TOP = 124, 28, 14
"""Room for the labels of the axes, and above the highest bar."""

GAP = 0.2
"""Of the room of a bar, what is left empty."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a bar, and what is said of it to whoever points at it."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Label:
    """Words at a place; `anchor` is SVG's start, middle or end."""

    x: float
    y: float
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of bars, or of lines through points (`kind` and points as SVG takes them)."""

    title: str
    bars: Sequence[Bar] = ()
    lines: Sequence[tuple[str, str]] = ()
    labels: Sequence[Label] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    base: int = HEIGHT - BOTTOM


def bars(title: str, kinds: Sequence[str], rows: Sequence[tuple[str, Sequence[float], str]], top: str) -> Chart:
    """Bars side by side, each of one part a kind, upon each other. A row: its label below (may be empty), its parts, and
    what it says in words; `top` says what the highest comes to."""
    highest = max((sum(parts) for _, parts, _ in rows), default=0.0)
    room = (WIDTH - LEFT) / max(len(rows), 1)
    scale = (HEIGHT - BOTTOM - TOP) / highest if highest else 0.0
    drawn, labels = list[Bar](), [Label(LEFT - 6, TOP + 4, top, "end"), Label(LEFT - 6, HEIGHT - BOTTOM, "0", "end")]
    for place, (label, parts, said) in enumerate(rows):
        x, y = LEFT + place * room, float(HEIGHT - BOTTOM)
        for kind, part in zip(kinds, parts, strict=True):
            height = part * scale
            y -= height
            drawn.append(Bar(round(x, 1), round(y, 1), round(room * (1 - GAP), 1), round(height, 1), kind, said))
        if label:
            labels.append(Label(round(x + room * (1 - GAP) / 2, 1), HEIGHT - 8, label, "middle"))
    return Chart(title, drawn, labels=labels)


def steps(
    title: str,
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    first: str,
    last: str,
    said: Callable[[float], str] = "{:g}".format,
) -> Chart:
    """Lines that stay at a level until it changes, on one scale. A line: its kind, and points (moment in seconds, level) in
    the order of time; `first` and `last` say when they begin and end, `said` what a level is in words."""
    points = [point for _, line in lines for point in line]
    if not points:
        return Chart(title)
    begins, ends = min(moment for moment, _ in points), max(moment for moment, _ in points)
    low, high = min(0.0, *(level for _, level in points)), max(0.0, *(level for _, level in points))
    across, up = (WIDTH - LEFT) / ((ends - begins) or 1.0), (HEIGHT - BOTTOM - TOP) / ((high - low) or 1.0)

    def at(moment: float, level: float) -> str:
        return f"{LEFT + (moment - begins) * across:.1f},{HEIGHT - BOTTOM - (level - low) * up:.1f}"

    drawn = []
    for kind, line in lines:
        places, before = list[str](), None
        for moment, level in line:
            places += ([at(moment, before)] if before is not None else []) + [at(moment, level)]
            before = level
        drawn.append((kind, " ".join([*places, *([at(ends, before)] if before is not None else [])])))
    labels = [
        Label(LEFT - 6, TOP + 4, said(high), "end"),
        Label(LEFT - 6, HEIGHT - BOTTOM, said(low), "end"),
        Label(LEFT, HEIGHT - 8, first, "start"),
        Label(WIDTH, HEIGHT - 8, last, "end"),
    ]
    return Chart(title, lines=drawn, labels=labels)
