"""Results as files: one JSON document a measure, with every run of it, from which the page is made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["RESULTS", "read", "spread", "write"]

RESULTS = Path(__file__).parent / "results"


def write(folder: Path, measure: str, runs: Sequence[dict[str, Any]]) -> None:
    """Keep the runs of a measure, in the place of those before."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{measure}.json").write_text(json.dumps({"measure": measure, "runs": runs}, indent=1) + "\n")


def read(folder: Path, measure: str) -> list[dict[str, Any]]:
    """The runs of a measure; none where it was not measured yet."""
    path = folder / f"{measure}.json"
    if not path.is_file():
        return []
    runs: list[dict[str, Any]] = json.loads(path.read_text())["runs"]
    return runs


def spread(runs: Sequence[dict[str, Any]], *path: str) -> tuple[float, float, float]:
    """The least, the median and the most of a figure over the runs; `path` leads to it through the document."""
    found = []
    for run in runs:
        value: Any = run
        for name in path:
            value = value[name]
        found.append(float(value))
    return min(found), median(found), max(found)
