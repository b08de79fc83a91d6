"""What units are worth: shares by the published weights, and never more or less than the whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contracts.money import Charge, ChargeKind
from contracts.order import OrderLine, PlaceOrder, ShipGroup, ShipMethod
from services.order.tests.story import SHIP_TO, eur, order
from services.order.value import line_values, part_of, totals

amounts = st.integers(-500, 2_000)


def charge(amount: int) -> Charge:
    return Charge(kind=ChargeKind.DISCOUNT if amount < 0 else ChargeKind.FEE, amount=eur(amount))


def line(number: int, quantity: int, amount: int, own: int = 0, group: str = "1") -> OrderLine:
    charges = (charge(own),) if own else ()
    return OrderLine(
        line=str(number),
        sku="A",
        quantity=quantity,
        unit="each",
        amount=eur(amount),
        charges=charges,
        ship_group=group,
    )


def group(name: str, *charged: int) -> ShipGroup:
    return ShipGroup(
        group=name, method=ShipMethod.SHIP, ship_to=SHIP_TO, charges=tuple(charge(amount) for amount in charged)
    )


def test_the_weights_are_the_extended_amounts_of_the_lines_whatever_is_taken_off_them() -> None:
    lines = (line(1, 1, 100, own=-100), line(2, 1, 300))
    values = line_values(order(lines=lines, charges=(charge(50),)))
    assert [(value.own, value.other) for value in values.values()] == [(0, 12), (300, 38)]


def test_what_a_group_without_lines_costs_belongs_to_the_whole_order() -> None:
    terms = order(lines=(line(1, 1, 100), line(2, 1, 300)), ship_groups=(group("1", 4), group("2", 400)))
    assert [value.other for value in line_values(terms).values()] == [101, 303]


@st.composite
def terms_of(draw: st.DrawFn) -> PlaceOrder:
    """Any order whose quantities can be fulfilled: what a person accepts may be worth less than nothing."""
    lines = tuple(
        line(number, draw(st.integers(1, 5)), draw(amounts), draw(amounts), draw(st.sampled_from(("1", "2"))))
        for number in range(1, 1 + draw(st.integers(1, 4)))
    )
    groups = tuple(group(name, draw(amounts)) for name in ("1", "2", "3"))
    return order(lines=lines, ship_groups=groups, charges=(charge(draw(amounts)),))


@given(terms_of())
def test_the_units_together_are_worth_the_order(terms: PlaceOrder) -> None:
    values = line_values(terms).values()
    whole = sum(sum(part_of(value, unit, unit + 1)) for value in values for unit in range(value.units))
    assert whole == totals(terms).total.amount
