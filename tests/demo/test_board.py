"""How far a run is, where there is no terminal to draw bars on."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from oms.demo.board import board


def test_each_tenth_of_a_stage_is_a_line_and_no_more() -> None:
    out = StringIO()

    with board(Console(file=out)) as shown:
        for done in range(201):
            shown.show("orders placed", done, 200)
        shown.show("late goods announced", 0, 0)

    lines = out.getvalue().splitlines()
    assert len(lines) == 10
    assert (lines[0], lines[-1]) == ("orders placed: 20 of 200", "orders placed: 200 of 200")
