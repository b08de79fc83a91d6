"""`oms replay --with` says of a stream that comes to another state what of it differs first."""

from __future__ import annotations

import json

from oms.replay.command import _why
from oms.replay.comparing import Replayed, StateDiffers, states_that_differ


def state(**fields: object) -> str:
    return json.dumps({"time": "2026-01-05T09:00:00.000Z", "states": [fields, {}]})


def test_the_first_field_that_differs_is_named_with_both_values() -> None:
    # Given two versions' states of a stream, that differ deep inside and once more after that
    one = state(lines=[{"sku": "A", "left": 2}, {"sku": "B", "left": 1}], captured=5)
    other = state(lines=[{"sku": "A", "left": 2}, {"sku": "B", "left": 0}], captured=6)

    # When they are compared
    [found] = states_that_differ([("order/x", one, other)])

    # Then the first of these is named
    assert found == StateDiffers("order/x", "states[0].lines[1].left", (1, 0))


def test_where_a_record_lies_is_a_part_of_a_state_too() -> None:
    [found] = states_that_differ([("order/x", state(offset=1), state(offset=2))])
    assert found == StateDiffers("order/x", "states[0].offset", (1, 2))


def test_states_that_differ_only_in_how_they_are_written_are_no_difference() -> None:
    assert list(states_that_differ([("order/x", '{"a":1,"b":2}', '{"b": 2, "a": 1}')])) == []


def test_people_are_told_of_each_stream_what_differs_and_which_version_has_it() -> None:
    rows = [("order/x", state(captured=1), state(captured=2)), ("order/y", None, state()), ("order/z", state(), None)]
    found = Replayed("order", (), tuple(states_that_differ(rows)), 0)
    assert list(_why(found))[1:] == [
        "  order/x: states[0].captured is 1 by this version, 2 by the other",
        "  order/y: only the other has it",
        "  order/z: only this version has it",
    ]
