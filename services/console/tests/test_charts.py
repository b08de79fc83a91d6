"""Charts: bars and lines stand where their numbers say, within the picture."""

from __future__ import annotations

import re

from services.console.charts import Chart, bars, steps
from services.console.showing import HERE


def test_the_highest_bar_fills_the_picture_and_parts_stand_upon_each_other() -> None:
    chart = bars("Time", ("working", "waiting"), [("09:00", (30, 10), "a"), ("", (0, 20), "b")], "40 s")
    first, above, none, half = chart.bars
    # given 40 at most, it reaches from the base to the top
    assert first.y + first.height == chart.base and above.y + above.height == first.y
    assert first.height == 3 * above.height and round(first.height + above.height) == chart.base - 14
    # and half of that is half as high
    assert (none.height, half.height) == (0, (first.height + above.height) / 2)
    assert half.x > first.x and half.x + half.width <= chart.width
    assert [label.text for label in chart.labels] == ["40 s", "0", "09:00"]


def test_without_anything_bars_are_flat() -> None:
    assert [bar.height for bar in bars("Time", ("a",), [("", (0,), "")], "0").bars] == [0]


def test_a_level_stays_until_it_changes() -> None:
    chart = steps("Stock", [("on_hand", [(0, 10), (100, 0)]), ("available", [(50, 5)])], "Monday", "Tuesday")
    on_hand, available = (points.split() for _, points in chart.lines)
    # it runs flat from the left edge to the right one, and falls there
    assert on_hand == ["124.0,14.0", "720.0,14.0", "720.0,172.0", "720.0,172.0"]
    # another begins where it is first known, in half the height
    assert available == ["422.0,93.0", "720.0,93.0"]
    assert [label.text for label in chart.labels] == ["10", "0", "Monday", "Tuesday"]


def test_levels_below_none_are_drawn_below_none() -> None:
    chart = steps("Stock", [("available", [(0, -5), (1, 5)])], "", "")
    assert chart.lines[0][1].split()[0] == "124.0,172.0" and chart.labels[1].text == "-5"


def test_nothing_is_an_empty_chart() -> None:
    assert steps("Stock", [], "", "") == Chart("Stock")


def test_parts_of_a_bar_are_told_apart_without_their_colours() -> None:
    # given the looks of both schemes, what fills one part differs in lightness from what fills the other (WCAG 1.4.11)
    looks = (HERE / "static/console.css").read_text(encoding="utf-8")
    fills = [re.search(rf"\.chart rect\.{kind} {{ fill: var\(--(\w+)\)", looks) for kind in ("working", "waiting")]
    for scheme in looks.split("@media (prefers-color-scheme: dark)")[:2]:
        first, second = sorted(_lightness(scheme, found.group(1)) for found in fills if found)
        assert (second + 0.05) / (first + 0.05) >= 3
    # and the other is drawn all the same, by its outline
    assert re.search(r"\.chart rect\.waiting {[^}]*stroke: var\(--warn\)", looks)


def _lightness(scheme: str, name: str) -> float:
    """Relative luminance of a colour (WCAG 2.2), between 0 and 1."""
    found = re.search(rf"--{name}: #(\w{{6}})", scheme)
    assert found is not None
    parts = [int(found.group(1)[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
