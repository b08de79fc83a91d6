"""A label for label printers: ZPL II, as UTF-8. The printer draws bars and letters itself, in its font 0.

Source: Zebra, ZPL II Programming Guide: ^BC with its invocation codes `>;` (start in code set C) and `>8` (FNC1); ^BQ, a QR code
whose data begin with its level and `A,`; ^FH,
which lets `_` and two hexadecimal digits stand for a byte, so that nothing a customer typed is taken for a command.
"""

from __future__ import annotations

from services.shipping.label_layout import HEIGHT, MARGIN, WIDTH, Bars, Mark, Rule, Square, Text

__all__ = ["label_zpl"]

MEANT = frozenset("^~_")
"""Characters that a printer would read as the start of a command, or of an escape."""


def label_zpl(marks: tuple[Mark, ...]) -> bytes:
    """One label."""
    fields = [_field(mark) for mark in marks]
    return "\n".join(["^XA", "^CI28", f"^PW{WIDTH}", f"^LL{HEIGHT}", "^LH0,0", *fields, "^XZ", ""]).encode()


def _field(mark: Mark) -> str:
    match mark:
        case Text():
            return f"^FO{mark.x},{mark.y}^A0N,{mark.size},{mark.size}^FH^FD{_escaped(mark.text)}^FS"
        case Rule():
            return f"^FO{MARGIN},{mark.y}^GB{WIDTH - 2 * MARGIN},{mark.thickness},{mark.thickness}^FS"
        case Bars():
            return f"^FO{mark.x},{mark.y}^BY{mark.module}^BCN,{mark.height},N,N,N^FD>;>8{mark.digits}^FS"
        case Square():
            return f"^FO{mark.x},{mark.y}^BQN,2,{mark.module}^FH^FDMA,{_escaped(mark.text)}^FS"


def _escaped(text: str) -> str:
    return "".join(f"_{ord(letter):02X}" if letter in MEANT else letter for letter in text)
