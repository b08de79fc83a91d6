"""Where everything stands on a label of 4 by 6 inch, in dots of a printer with 8 to the millimetre (203 dpi).

Both the ZPL and the PDF are drawn from these marks, so they say the same. The bars keep to the GS1 General
Specifications for logistic units: modules of 0.495 to 0.94 mm, at least 31.75 mm high, ten modules of white on each side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.typeface import wrap
from services.shipping.papers import Parcel, ReturnParcel

__all__ = [
    "DOTS_PER_MM",
    "HEIGHT",
    "MARGIN",
    "SQUARE_MODULES",
    "SQUARE_VERSION",
    "WIDTH",
    "Bars",
    "Mark",
    "Rule",
    "Square",
    "Text",
    "layout",
    "return_layout",
]

DOTS_PER_MM = 8
WIDTH, HEIGHT = 812, 1_218
"""4 by 6 inch."""

MARGIN = 32
INSIDE = WIDTH - 2 * MARGIN
SMALLEST = 24
"""The smallest letters, 3 mm from line to line; what does not fit in these is cut where it says so."""

CUT = "…"

MODULE = 4
"""The narrowest bar: 0.5 mm."""

BARS_HEIGHT = 264
"""33 mm."""

MODULES = 11 * (1 + 1 + 10 + 1) + 13
"""Modules of the symbol: start, FNC1, ten pairs of digits (00 and the SSCC), check character, stop."""

SQUARE_MODULE = 12
"""The smallest square of a QR code: 1.5 mm."""

SQUARE_VERSION = 3
"""The size of a QR code: up to 42 characters at level M. An id has 36."""

SQUARE_MODULES = 17 + 4 * SQUARE_VERSION
"""Squares along its edge."""

SSCC_IDENTIFIER = "00"
"""The application identifier that says: an SSCC follows."""


@dataclass(frozen=True, slots=True)
class Text:
    """One line; `x`, `y` is the upper left corner, `size` the height of its letters' box."""

    x: int
    y: int
    size: int
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the label."""

    y: int
    thickness: int = 3


@dataclass(frozen=True, slots=True)
class Bars:
    """A GS1-128 symbol in code set C: `digits`, an even number of them, follow FNC1."""

    x: int
    y: int
    height: int
    module: int
    digits: str


@dataclass(frozen=True, slots=True)
class Square:
    """A QR code of this text, of which 15 % may be damaged (level M); `module` is the edge of its smallest square."""

    x: int
    y: int
    module: int
    text: str


Mark = Text | Rule | Bars | Square


def layout(parcel: Parcel, sscc: str) -> tuple[Mark, ...]:
    """The marks of a package's label, from top to bottom."""
    bars = (WIDTH - MODULES * MODULE) // 2
    return (
        Text(MARGIN, 24, SMALLEST, "FROM"),
        *_block(parcel.sender, 52, 120, 32),
        Rule(184),
        Text(MARGIN, 196, SMALLEST, "TO"),
        *_block(parcel.recipient, 226, 370, 52),
        Rule(608),
        *_block((f"{parcel.carrier} {parcel.service}",), 618, 64, 52),
        *_block(
            (f"{parcel.place} of {parcel.count} · {parcel.weight} · {parcel.zone.replace('_', ' ')}",), 686, 44, 36
        ),
        *_block(_orders(parcel), 734, 80, 32),
        Rule(820),
        Bars(bars, 844, BARS_HEIGHT, MODULE, SSCC_IDENTIFIER + sscc),
        Text(bars, 1_124, 48, f"({SSCC_IDENTIFIER}) {sscc}"),
    )


def return_layout(back: ReturnParcel) -> tuple[Mark, ...]:
    """The marks of the label of what comes back: where to, of which order, and the return's id to be scanned."""
    return (
        Text(MARGIN, 24, SMALLEST, "RETURN TO"),
        *_block(back.recipient, 56, 460, 56),
        Rule(530),
        *_block((f"Return {back.number} of order {back.order_number}", *_theirs(back.channel_number)), 546, 100, 40),
        Rule(660),
        Square((WIDTH - SQUARE_MODULES * SQUARE_MODULE) // 2, 700, SQUARE_MODULE, back.return_id),
        *_block((back.return_id,), 700 + SQUARE_MODULES * SQUARE_MODULE + 40, 60, 40),
    )


def _orders(parcel: Parcel) -> tuple[str, ...]:
    """Our number, and beside it the one that the customer knows."""
    return (f"Order {parcel.order_number}", *_theirs(parcel.channel_number))


def _theirs(number: str | None) -> tuple[str, ...]:
    return (f"Customer's order {number}",) if number else ()


def _block(lines: Sequence[str], top: int, height: int, largest: int) -> list[Text]:
    """Lines in the largest letters in which all of them fit; in the smallest, as many as do."""
    for size in range(largest, SMALLEST - 1, -2):
        rows = [row for line in lines for row in wrap(line, size, INSIDE)]
        room = height // _leading(size)
        if len(rows) <= room:
            break
    return [Text(MARGIN, top + place * _leading(size), size, row) for place, row in enumerate(_cut(rows, max(room, 1)))]


def _leading(size: int) -> int:
    return size * 5 // 4


def _cut(rows: list[str], room: int) -> list[str]:
    """The first rows and, where there is room for both, the last two: town and country end an address."""
    if len(rows) <= room:
        return rows
    kept = rows[-2:] if room > 3 else []
    return [*rows[: room - len(kept) - 1], CUT, *kept] if room > 1 else [rows[0][:-1] + CUT]
