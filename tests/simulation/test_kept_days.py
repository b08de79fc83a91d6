"""Days that once broke something, kept as their acts: what they showed stays mended."""

from __future__ import annotations

import pytest

from tests.simulation.course import play
from tests.simulation.schedule import Act

KEPT = {
    # more came back than an order announces later; a node that looked at the rest received it again and again
    "goods beyond a return are looked at once": (
        Act("full shelves", 18100690226386240657),
        Act("place", 10128311768284046283),
        Act("interrupted", 13),
        Act("take back", 0),
        Act("interrupted", 24095),
        Act("take back", 27370),
    ),
    # the authorisation lapses after the order ended, and before payments hear that it is to be let go of
    "what lapses on the way of its void is let go of": (
        Act("full shelves", 5),
        Act("full shelves", 115),
        Act("place", 4997326795912617262),
        Act("go on", 3175149160400349795),
    ),
}


@pytest.mark.parametrize("named", KEPT)
def test_a_day_that_broke_something_breaks_nothing_any_more(named: str) -> None:
    assert play(KEPT[named]).broken is None
