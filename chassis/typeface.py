"""The letters of printed papers: Noto Sans, how wide a text is in it, and where to break one that is too long.

What is typed by customers may hold anything; what reaches a paper is one line of letters that can be seen.
"""

from __future__ import annotations

from functools import cache
from threading import Lock
from unicodedata import normalize

import fontpkg
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont

__all__ = ["DRAWING", "LACKING", "drawable", "face", "one_line", "wrap"]

DRAWING = Lock()
"""Held while a document is drawn: ReportLab reads the letters that it needs off a file that all documents share."""

LACKING = "\ufffd"
"""Stands for a letter that the typeface lacks: a person sees that something is missing."""


@cache
def _font() -> TTFont:
    font = TTFont("NotoSans", str(fontpkg.path("Noto Sans")))
    registerFont(font)
    return font


def face() -> str:
    """The name that ReportLab knows the typeface by."""
    return str(_font().fontName)


def one_line(text: str) -> str:
    """A text without line breaks, and without controls and marks that cannot be seen, such as those that turn it.
    A letter and its accent are one letter, where there is one."""
    seen = "".join(letter for letter in normalize("NFC", text) if letter.isprintable() or letter.isspace())
    return " ".join(seen.split())


def drawable(text: str) -> str:
    """The text in letters that the typeface has."""
    known = _font().face.charToGlyph
    return "".join(letter if ord(letter) in known else LACKING for letter in text)


def wrap(text: str, size: float, width: float) -> list[str]:
    """The text in lines no wider than `width` (in the unit of `size`), broken at spaces, a long word anywhere."""
    lines: list[str] = []
    for word in one_line(text).split():
        joined = f"{lines[-1]} {word}" if lines else word
        if _fits(joined, size, width):
            lines[-1:] = [joined]
        else:
            lines += _pieces(word, size, width)
    return lines


def _pieces(word: str, size: float, width: float) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and not _fits(pieces[-1] + letter, size, width):
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _fits(text: str, size: float, width: float) -> bool:
    return bool(stringWidth(drawable(text), face(), size) <= width)
