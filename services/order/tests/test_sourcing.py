"""The rules of sourcing, alone."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import DAWN
from services.order.sourcing import Availability, Demanded, Plan, Stock, plan

SKUS = ("A", "B", "C")
PLACES = ("east", "north", "south", "west")


def demanded(
    sku: str, quantity: int, line: str = "1", barred: tuple[str, ...] = (), only_at: str | None = None
) -> Demanded:
    return Demanded(line, sku, "each", quantity, barred, only_at)


def planned(demands: Sequence[Demanded], stock: Stock) -> Plan:
    return plan(demands, stock, DAWN.date())


def stock(**levels: dict[str, int]) -> dict[str, dict[str, Availability]]:
    return {sku: {place: Availability(n, 1) for place, n in at.items()} for sku, at in levels.items()}


def test_one_location_that_has_everything_beats_two_that_are_nearly_full() -> None:
    made = planned(
        [demanded("A", 2, "1"), demanded("B", 2, "2")],
        stock(A={"north": 90, "south": 2}, B={"south": 2, "west": 90}),
    )
    assert {part.location for part in made.sourced} == {"south"}


def test_more_complete_lines_count_before_more_units_of_another_measure() -> None:
    made = planned(
        [demanded("A", 9000, "1"), demanded("B", 1, "2"), demanded("C", 1, "3")],
        stock(A={"north": 9000}, B={"south": 1}, C={"south": 1}),
    )
    assert [candidate.location for candidate in made.candidates] == ["south", "north"]


def test_of_two_that_have_everything_the_fuller_wins_and_the_other_is_told_why() -> None:
    made = planned([demanded("A", 2)], stock(A={"north": 5, "south": 9}))
    assert [(c.location, c.chosen) for c in made.candidates] == [("south", True), ("north", False)]
    assert made.candidates[1].lost_because


def test_equals_are_taken_by_name() -> None:
    assert planned([demanded("A", 1)], stock(A={"south": 1, "north": 1})).sourced[0].location == "north"


def test_a_barred_location_is_not_asked_for_that_line() -> None:
    made = planned([demanded("A", 1, barred=("north",))], stock(A={"north": 9, "south": 1}))
    assert made.sourced[0].location == "south"


def test_what_is_collected_comes_from_there_alone_whoever_has_more() -> None:
    made = planned([demanded("A", 3, only_at="south")], stock(A={"north": 90, "south": 2}))
    assert [(part.location, part.quantity) for part in made.sourced] == [("south", 2)]
    assert [quantity for _, quantity in made.missing] == [1]
    assert [(c.location, c.chosen, c.lost_because) for c in made.candidates] == [
        ("south", True, None),
        ("north", False, "is not where these lines are collected"),
    ]


def test_a_counter_that_never_had_the_goods_is_told_why_it_lost() -> None:
    made = planned([demanded("A", 3, only_at="south")], stock(A={"north": 90}))
    assert made.sourced == ()
    assert [(c.location, c.lost_because) for c in made.candidates] == [
        ("south", "has none of it available"),
        ("north", "is not where these lines are collected"),
    ]


def test_a_counter_that_is_barred_is_told_so() -> None:
    made = planned([demanded("A", 3, barred=("south",), only_at="south")], stock(A={"north": 90, "south": 9}))
    assert made.sourced == ()
    assert {c.location: c.lost_because for c in made.candidates}["south"].startswith("is barred")  # type: ignore[union-attr]


def test_what_is_collected_draws_no_parcel_to_its_counter_and_is_served_before_parcels() -> None:
    made = planned(
        [demanded("A", 2, "1"), demanded("A", 3, "2", only_at="south"), demanded("B", 1, "3", only_at="south")],
        stock(A={"north": 9, "south": 3}, B={"south": 1}),
    )
    assert {part.demand.line: (part.location, part.quantity) for part in made.sourced} == {
        "1": ("north", 2),
        "2": ("south", 3),
        "3": ("south", 1),
    }
    assert made.missing == ()


def test_two_lines_of_one_sku_do_not_get_the_same_unit() -> None:
    made = planned([demanded("A", 2, "1"), demanded("A", 2, "2")], stock(A={"north": 3}))
    assert [part.quantity for part in made.sourced] == [2, 1]
    assert [quantity for _, quantity in made.missing] == [1]


def test_a_thousand_lines_are_sourced_from_one_place() -> None:
    demands = [demanded(f"S{n}", 1, str(n)) for n in range(1000)]
    made = planned(demands, stock(**{f"S{n}": {"north": 1, "south": 1} for n in range(1000)}))
    assert {part.location for part in made.sourced} == {"north"}


levels = st.dictionaries(st.sampled_from(PLACES), st.integers(-2, 6))
demands = st.lists(
    st.tuples(
        st.sampled_from(SKUS),
        st.integers(1, 5),
        st.lists(st.sampled_from(PLACES), max_size=2),
        st.none() | st.sampled_from(PLACES),
    ),
    max_size=6,
)


@given(st.fixed_dictionaries(dict.fromkeys(SKUS, levels)), demands)
def test_every_unit_is_sourced_or_missing_and_none_beyond_what_is_there(
    on_hand: dict[str, dict[str, int]], wanted: list[tuple[str, int, list[str], str | None]]
) -> None:
    asked = [demanded(sku, n, str(line), tuple(barred), at) for line, (sku, n, barred, at) in enumerate(wanted)]
    made = planned(asked, stock(**on_hand))
    for demand in asked:
        got = sum(part.quantity for part in made.sourced if part.demand is demand)
        assert got + sum(n for missing, n in made.missing if missing is demand) == demand.quantity
    for sku in SKUS:
        for place, available in on_hand[sku].items():
            taken = sum(p.quantity for p in made.sourced if p.demand.sku == sku and p.location == place)
            assert taken <= max(0, available)
    assert all(part.location not in part.demand.barred for part in made.sourced)
    assert all(part.demand.only_at in (None, part.location) for part in made.sourced)
