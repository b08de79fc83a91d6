"""Charts: bars and lines stand where their numbers say, within the picture."""

from __future__ import annotations

from services.console.charts import Chart, bars, steps


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
