"""Days that are kept as their acts: what once broke something stays mended, and what comes of several things in a row is
reached. Each has to show what it is kept for, since the same numbers mean another day when an act gets more choices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from contracts.fulfillment import ReturnInspected, ReturnReceived
from contracts.inventory import StockReturned
from contracts.order import (
    ChangeDeclined,
    IncreaseRequested,
    OrderCancelled,
    OrderCompleted,
    ReturnUnitsReceived,
    StockGivenBack,
)
from contracts.payments import (
    CallStep,
    CardAuthorizationLapsed,
    CardRefunded,
    PaymentCaptured,
    PaymentIncreased,
    PaymentVoided,
    ProviderOutcomeResolved,
)
from tests.simulation.course import Course, play
from tests.simulation.kept_days import DAYS, ReachingDay, reached_by
from tests.simulation.never_reached import NEVER_REACHED
from tests.simulation.schedule import Act, Schedule


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


def comes_for_a_complete_order(course: Course) -> bool:
    """Stock comes for goods that an order waited for before it was complete."""
    complete = set[str]()
    for stream, event in course.day.world.events:
        match event:
            case OrderCompleted():
                complete.add(stream)
            case StockGivenBack() if stream in complete:
                return True
    return False


def charged_for_what_is_given_up(course: Course) -> bool:
    """What a change costs more is there when its customer declines it, which goes back to the card that was charged."""
    asked, there, given_up = dict[str, str](), set[str](), set[str]()
    for stream, event in course.day.world.events:
        order = stream.partition("/")[2]
        match event:
            case IncreaseRequested():
                asked[order] = event.change
            case PaymentIncreased() if asked.get(order) == event.increase:
                there.add(order)
            case ChangeDeclined() if order in there and asked[order] == event.change:
                given_up.add(order)
            case CardRefunded() if order in given_up and event.prepaid:
                return True
    return False


def captured_twice_of_what_a_person_vouched_for(course: Course) -> bool:
    """Two captures of a payment of which a person said that it is held."""
    held = {
        event.order_id for event in course.day.world.of(ProviderOutcomeResolved) if event.step is CallStep.AUTHORIZE
    }
    captures = Counter(event.order_id for event in course.day.world.of(PaymentCaptured))
    return any(captures[order] > 1 for order in held)


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
    # two exchanges of an order expire together: a unit that one gives up is reserved for goods that the other gave up
    "stock that comes for what nobody waits for is given back": (
        (
            Act("full shelves", 0),
            Act("full shelves", 8243358299519174186),
            Act("place", 13793643750839930497),
            Act("go on", 0),
            Act("ordinary", 14),
            Act("exchange", 3542607365846801092),
            Act("exchange", 3918121691),
        ),
        comes_for_a_complete_order,
    ),
    # a card is charged for an exchange, which is declined while the order has not heard of that
    "what is charged for an exchange that is declined goes back": (
        (
            Act("full shelves", 56716),
            Act("place", 0),
            Act("interrupted", 5),
            Act("exchange", 12794943334902016432),
            Act("silence", 6858524495204878512),
        ),
        charged_for_what_is_given_up,
    ),
    # a person says that a card is held; one part of the order was handed out at a till, and another leaves later
    "what a person says is held is captured once and the rest let go of": (
        (
            Act("full shelves", 1666656001464139421),
            Act("place", 0),
            Act("mute", 0),
            Act("place", 2703732071557751717),
            Act("mute", 8050452381910014028),
        ),
        captured_twice_of_what_a_person_vouched_for,
    ),
}


@pytest.mark.parametrize("named", KEPT)
def test_a_kept_day_breaks_nothing_and_shows_what_it_is_kept_for(named: str) -> None:
    acts, shows = KEPT[named]
    course = play(acts)
    assert course.broken is None
    assert shows(course)


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.reaches[0])
def test_a_day_that_is_kept_for_what_it_reaches_breaks_nothing_and_reaches_it(day: ReachingDay) -> None:
    course = play(day.acts)
    assert course.broken is None
    assert set(day.reaches) <= reached_by(course)


def test_what_kept_days_reach_is_not_said_to_be_never_reached() -> None:
    assert not {row for day in DAYS for row in day.reaches} & NEVER_REACHED.keys()
