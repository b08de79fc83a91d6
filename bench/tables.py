"""Figures as Markdown: how a number is written, a row of least, median and most, and where and when it was taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.results import spread

__all__ = ["HEAD", "NOT_YET", "Runs", "chart", "cpu_of", "number", "row", "taken"]

Runs = Sequence[dict[str, Any]]

NOT_YET = "Not measured yet."


def number(value: float) -> str:
    """To three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def row(what: str, runs: Runs, *path: str) -> str:
    """A figure's least, median and most; `path` leads to it."""
    return f"| {what} | {' | '.join(map(number, spread(runs, *path)))} |"


HEAD = "| | least | median | most |\n|---|---:|---:|---:|"


def taken(runs: Runs) -> str:
    """How many runs, on what, and how busy it was."""
    machine = runs[-1]["machine"]
    loads = [run["machine"]["load"][0] for run in runs]
    busy = max(loads) > machine["cores"] / 2
    return (
        f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} on {machine['cores']} cores of {machine['cpu']}, "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}, Kafka {machine['kafka']}; load before each (a minute's average): "
        f"{', '.join(f'{load:.1f}' for load in loads)}."
        + (
            " **Taken on a busy machine: others had a part of the cores, so these figures are too low.**"
            if busy
            else ""
        )
    )


def chart(title: str, bars: dict[str, float]) -> str:
    """Bars by name, drawn by whoever shows the page."""
    names = ", ".join(f'"{name}"' for name in bars)
    values = ", ".join(f"{value:.4g}" for value in bars.values())
    return f'```mermaid\nxychart-beta\n    title "{title}"\n    x-axis [{names}]\n    bar [{values}]\n```'


def cpu_of(found: dict[str, Any]) -> dict[str, float]:
    """What an order costs in all its processes, ms, whoever sends orders among them: what else ran is left out."""
    return {"cpu": sum(value for name, value in found["cpu_ms_per_order"].items() if name != "others")}
