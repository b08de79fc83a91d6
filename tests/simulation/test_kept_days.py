"""Days that are kept as their acts: what once broke something stays mended, and what comes of several things in a row is
reached. Each has to show what it is kept for, since the same numbers mean another day when an act gets more choices.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import pytest

from contracts.fulfillment import ReturnInspected, ReturnReceived
from contracts.inventory import StockReturned
from contracts.order import OrderCancelled, OrderCompleted, ReturnUnitsReceived
from contracts.payments import CardAuthorizationLapsed, PaymentVoided
from tests.simulation.course import Course, play
from tests.simulation.never_reached import KEPT_DAYS, NEVER_REACHED
from tests.simulation.schedule import Act, Schedule
from tests.simulation.seen import Seen


def beyond_is_looked_at_once(course: Course) -> bool:
    """More came than the order announces, and all that came is looked at, and put away, as often as it came."""
    world = course.day.world
    came = sum(item.quantity for event in world.of(ReturnReceived) for item in event.items)
    looked_at = sum(item.quantity for event in world.of(ReturnInspected) for item in event.items)
    put_away = sum(event.quantity for event in world.of(StockReturned))
    return any(event.beyond for event in world.of(ReturnUnitsReceived)) and came == looked_at == put_away


def lapses_on_the_way_of_its_void(course: Course) -> bool:
    """An authorisation lapses between the end of its order and the moment at which payments hear that it is let go of."""
    ended, lapsed = set[str](), set[str]()
    for stream, event in course.day.world.events:
        order = stream.partition("/")[2]
        match event:
            case OrderCompleted() | OrderCancelled():
                ended.add(order)
            case CardAuthorizationLapsed() if order in ended:
                lapsed.add(order)
            case PaymentVoided() if order in lapsed:
                return True
    return False


def reaches(rows: Collection[str], course: Course) -> bool:
    """The day reaches these rows of never_reached.py."""
    seen = Seen()
    seen.see(course)
    return set(rows).isdisjoint(seen.unreached())


CREDIT_ASKED_TWICE = (
    "step refund_credit: answered by ValueRepeated",
    "step refund_credit: asked again",
    "message order ValueRepeated",
)
ON_ACCOUNT = ("message payments MoveOnAccount",)

KEPT: dict[str, tuple[Schedule, Callable[[Course], bool]]] = {
    # more came back than an order announces later; a node that looked at the rest received it again and again
    "goods beyond a return are looked at once": (
        (
            Act("full shelves", 18100690226386240657),
            Act("place", 10128311768284046283),
            Act("interrupted", 13),
            Act("take back", 0),
            Act("interrupted", 24095),
            Act("take back", 27370),
        ),
        beyond_is_looked_at_once,
    ),
    # the authorisation lapses after the order ended, and before payments hear that it is to be let go of
    "what lapses on the way of its void is let go of": (
        (
            Act("full shelves", 0),
            Act("place", 60),
            Act("go on", 0),
            Act("stock", 0),
            Act("place", 7505986779694205285),
            Act("refused", 589150),
            Act("exchange", 7989978713311976731),
        ),
        lapses_on_the_way_of_its_void,
    ),
    # payments are silent for so long that a refund to the customer's credit is asked for again, and then answer both
    "a refund to credit that is asked for twice is paid once": (
        (Act("place", 9574813905532129036), Act("silence", 8120527338697380925)),
        partial(reaches, CREDIT_ASKED_TWICE),
    ),
    # goods on account are exchanged for cheaper ones, and what is over is paid out
    "what an exchange on account pays out is owed no more": (
        (
            Act("full shelves", 0),
            Act("full shelves", 1199910871),
            Act("place", 5591297218450345893),
            Act("ordinary", 3),
            Act("exchange", 18577208986915406),
            Act("ordinary", 0),
            Act("take back", 0),
        ),
        partial(reaches, ON_ACCOUNT),
    ),
}


@pytest.mark.parametrize("named", KEPT)
def test_a_kept_day_breaks_nothing_and_shows_what_it_is_kept_for(named: str) -> None:
    acts, shows = KEPT[named]
    course = play(acts)
    assert course.broken is None
    assert shows(course)


def test_what_is_said_to_have_a_day_of_its_own_has_one() -> None:
    said = {row for row, why in NEVER_REACHED.items() if why == KEPT_DAYS}
    assert said == {*CREDIT_ASKED_TWICE, *ON_ACCOUNT}
