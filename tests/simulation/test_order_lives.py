"""The page of orders' lives says what happens, and each life on it comes to its end."""

from __future__ import annotations

import pytest

from tests.simulation.order_lives import LIVES, PAGE, Kind, Life, drawn


def test_the_page_is_what_runs_show() -> None:
    assert PAGE.read_text(encoding="utf-8") == drawn(), f"{PAGE.name} is stale: run `make lives`, and read what changed"


@pytest.mark.parametrize("kind", LIVES, ids=lambda kind: kind.title)
def test_each_life_ends(kind: Kind) -> None:
    life = Life()
    kind.play(life)
    assert life.order.ended
