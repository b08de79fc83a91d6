"""What of an order's money is still to pay, as it is shown."""

from __future__ import annotations

from services.order.sourcing import Availability
from services.order.tests.story import Story
from services.order.views import order_view

TWO_PLACES = {"A": {"north": Availability(1, 0), "south": Availability(2, 0)}}


def money(story: Story) -> tuple[int, int, int]:
    """What is owed, captured, and still to pay."""
    shown = order_view(story.stream)
    return shown["due"], shown["captured"], shown["to_pay"]


def test_what_is_captured_is_owed_as_before_and_to_pay_no_more() -> None:
    # given an order of two units that is on its way
    story = Story().released(("A", 2, 1000))
    owed = money(story)[0]
    assert owed > 0 and money(story) == (owed, 0, owed)
    story.until_handed_over()
    story.shipped()
    # when its money is taken
    story.captured(owed)
    # then it is owed, and nothing is to pay
    assert money(story) == (owed, owed, 0)


def test_of_an_order_in_parts_the_rest_is_to_pay() -> None:
    # given two units that leave from two places
    story = Story(TWO_PLACES).released(("A", 3, 3000))
    owed = money(story)[0]
    story.until_handed_over()
    story.shipped()
    asked = next(iter(story.view.fulfillment.fulfilled.values())).asked
    assert asked is not None and 0 < asked < owed
    story.captured(asked)
    assert money(story) == (owed, asked, owed - asked)
