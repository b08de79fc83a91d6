"""Units of a work as a node counts them, scan by scan, before it says that they are picked or packed. Pure: no page, no door.

What was counted stands in the fields of a form, and between two scans in the address of the page: no server keeps it, and
loading the page again counts nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

__all__ = ["NEXT_PACKAGE", "PACKAGES_MAX", "SHORT_REASONS", "Came", "Count", "Line", "NoNumber", "count_of", "lines_of"]

PACKAGES_MAX = 20
"""Packages that one work is packed into here; a node that makes more says so at the door."""

NEXT_PACKAGE = "NEXT-PACKAGE"
"""The code after which units go into another package."""

SHORT_REASONS: Mapping[str, str] = {
    "not_on_shelf": "not on the shelf",
    "damaged": "damaged",
    "wrong_article": "another article lies there",
    "out_of_reach": "cannot be reached",
}
"""Why a node took less than was asked for: as it is recorded, and in words."""

PICK, PACK = "pick", "pack"


class Came(StrEnum):
    """What came of a scan."""

    COUNTED = "counted"
    ENOUGH = "enough"
    UNKNOWN = "unknown"
    NO_MORE_PACKAGES = "no_more_packages"
    EMPTY_PACKAGE = "empty_package"
    PACKAGE = "package"


class NoNumber(ValueError):
    """What somebody typed as a number is none; the text is for people."""


@dataclass(frozen=True, slots=True)
class Line:
    """Units of one article that are counted: `wanted` of them. `key` names the line in forms."""

    line: str
    sequence: int
    sku: str
    description: str
    unit: str
    wanted: int

    @property
    def key(self) -> str:
        return f"{self.line}-{self.sequence}"


def lines_of(step: str, work: Mapping[str, Any]) -> list[Line]:
    """What is counted in a step: what is to be picked, or of what was picked all that was asked for. None in others."""
    about = {(line["line"], line["sequence"]): line.get("description") or "" for line in work["lines"]}
    if step == PICK:
        rows = [(line, line["quantity"]) for line in work["lines"]]
    elif step == PACK:
        rows = [(line, min(line["quantity"], line["expected"])) for line in work["picked"]]
    else:
        rows = []
    return [
        Line(
            line["line"],
            line["sequence"],
            line["sku"],
            about.get((line["line"], line["sequence"]), ""),
            line["unit"],
            wanted,
        )
        for line, wanted in rows
        if wanted
    ]


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted so far in a step: units by package and line (a pick is one heap, number 1), the packages' weights
    in grams as they were typed, and why units of a line are missing."""

    step: str
    lines: Sequence[Line]
    packages: int = 1
    units: Mapping[tuple[int, str], int] = field(default_factory=dict)
    grams: Mapping[int, int] = field(default_factory=dict)
    whys: Mapping[str, str] = field(default_factory=dict)

    def of(self, line: Line) -> int:
        """Units of a line in all packages."""
        return sum(self.units.get((package, line.key), 0) for package in self.numbers)

    @property
    def numbers(self) -> range:
        """The packages' numbers."""
        return range(1, self.packages + 1)

    @property
    def counted(self) -> int:
        return sum(self.of(line) for line in self.lines)

    @property
    def wanted(self) -> int:
        return sum(line.wanted for line in self.lines)

    def scanned(self, code: str) -> tuple[Count, Came]:
        """After a code was read: one unit more of the first line of that article that lacks one, in the last package."""
        if code == NEXT_PACKAGE and self.step == PACK:
            return self._next_package()
        named = [line for line in self.lines if line.sku == code]
        lacking = next((line for line in named if self.of(line) < line.wanted), None)
        if lacking is None:
            return self, Came.ENOUGH if named else Came.UNKNOWN
        where = (self.packages, lacking.key)
        return replace(self, units={**self.units, where: self.units.get(where, 0) + 1}), Came.COUNTED

    def _next_package(self) -> tuple[Count, Came]:
        if self.packages >= PACKAGES_MAX:
            return self, Came.NO_MORE_PACKAGES
        if not self._units_in(self.packages):
            return self, Came.EMPTY_PACKAGE
        return replace(self, packages=self.packages + 1), Came.PACKAGE

    def filled(self) -> Count:
        """With all that lacks, in the last package: somebody says so without reading each code."""
        rest = {
            (self.packages, line.key): self.units.get((self.packages, line.key), 0) + line.wanted - self.of(line)
            for line in self.lines
            if self.of(line) < line.wanted
        }
        return replace(self, units={**self.units, **rest})

    def lacks(self) -> list[str]:
        """Why the step cannot be done yet, in words; nothing where it can."""
        said = [said for line in self.lines if (said := self._lacks_of(line))]
        if self.step == PACK:
            said += [f"Package {number} has no weight." for number in self.numbers if self._no_weight(number)]
        return said

    def _lacks_of(self, line: Line) -> str | None:
        counted = self.of(line)
        what = f"Line {line.line} ({line.sku}): {counted} of {line.wanted} counted"
        if counted > line.wanted:
            return f"{what}, {counted - line.wanted} too many."
        if counted < line.wanted and self.step == PICK and line.key not in self.whys:
            return f"{what}. Count the rest, or say why it is missing."
        return f"{what}." if counted < line.wanted and self.step == PACK else None

    def _no_weight(self, package: int) -> bool:
        return bool(self._units_in(package)) and not self.grams.get(package)

    def _units_in(self, package: int) -> list[tuple[Line, int]]:
        found = [(line, self.units.get((package, line.key), 0)) for line in self.lines]
        return [(line, units) for line, units in found if units]

    def picked(self) -> list[dict[str, Any]]:
        """The lines as a pick says them."""
        return [
            {
                "line": line.line,
                "sequence": line.sequence,
                "quantity": self.of(line),
                **({"short_reason": self.whys[line.key]} if self.of(line) < line.wanted else {}),
            }
            for line in self.lines
        ]

    def packed(self) -> list[dict[str, Any]]:
        """The packages that hold anything, as a pack says them."""
        return [
            {
                "number": number,
                "contents": [
                    {"line": line.line, "sequence": line.sequence, "quantity": units} for line, units in inside
                ],
                "weight_grams": self.grams[number],
            }
            for number in self.numbers
            if (inside := self._units_in(number))
        ]

    def fields(self) -> dict[str, str]:
        """As a form names it; count_of reads it again."""
        units = {f"{self.step}-{package}-{key}": str(count) for (package, key), count in self.units.items() if count}
        grams = {f"grams-{package}": str(weight) for package, weight in self.grams.items() if weight}
        more = {"packages": str(self.packages)} if self.packages > 1 else {}
        return {**more, **units, **grams, **{f"why-{key}": why for key, why in self.whys.items()}}


def count_of(step: str, work: Mapping[str, Any], fields: Mapping[str, str]) -> Count:
    """What fields say that was counted in a step; those of another step count for nothing. Raises NoNumber."""
    lines = lines_of(step, work)
    packages = min(max(1, _number(fields, "packages")), PACKAGES_MAX) if step == PACK else 1
    numbers = range(1, packages + 1)
    units = {
        (package, line.key): _number(fields, f"{step}-{package}-{line.key}") for package in numbers for line in lines
    }
    grams = {package: _number(fields, f"grams-{package}") for package in numbers} if step == PACK else {}
    whys = {line.key: why for line in lines if (why := fields.get(f"why-{line.key}", "")) in SHORT_REASONS}
    return Count(step, lines, packages, units, grams, whys)


NUMBER_DIGITS_MAX = 9


def _number(fields: Mapping[str, str], name: str) -> int:
    text = fields.get(name, "").strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS_MAX):
        raise NoNumber(f"{text[:40]!r} is no whole number of at most {NUMBER_DIGITS_MAX} digits.")
    return int(text)
