"""Amounts are whole minor units, and parts of an amount never sum to more or less than the whole."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.money import Money, TaxLine, share, share_by_weight

AMOUNTS = st.integers(-(10**15), 10**15)


@given(AMOUNTS, st.integers(1, 10_000), st.data())
def test_any_cut_into_ranges_sums_to_the_whole(total: int, units: int, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, units), max_size=12)))
    assert sum(share(total, units, a, b) for a, b in pairwise([0, *cuts, units])) == total


@given(AMOUNTS, st.integers(1, 10_000), st.data())
def test_shares_lie_between_nothing_and_the_whole(total: int, units: int, data: st.DataObject) -> None:
    a, b = sorted((data.draw(st.integers(0, units)), data.draw(st.integers(0, units))))
    part = share(total, units, a, b)
    assert 0 <= part * (1 if total >= 0 else -1) <= abs(total)
    assert part == -share(-total, units, a, b)


@given(AMOUNTS, st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_lines_share_the_whole(total: int, weights: list[int]) -> None:
    assert sum(share_by_weight(total, weights)) == total


def test_fulfilment_from_below_and_cancellation_from_above_meet() -> None:
    shipped, cancelled, shipped_later = share(1000, 3, 0, 1), share(1000, 3, 2, 3), share(1000, 3, 1, 2)
    assert (shipped, shipped_later, cancelled) == (333, 333, 334)


def test_goods_given_away_share_the_postage_alike() -> None:
    assert share_by_weight(500, [0, 0]) == (250, 250)


@pytest.mark.parametrize("arguments", [(100, 0, 0, 0), (100, 3, 2, 1), (100, 3, 0, 4), (100, 3, -1, 2)])
def test_a_range_outside_the_units_is_refused(arguments: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="range of units"):
        share(*arguments)


@pytest.mark.parametrize("weights", [[], [1, -1]])
def test_weights_that_say_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weight"):
        share_by_weight(100, weights)


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [("10.50", "EUR", 1050), ("-0.05", "USD", -5), ("1200", "JPY", 1200), ("1.234", "KWD", 1234), ("1.5", "EUR", 150)],
)
def test_decimals_become_minor_units(text: str, currency: str, amount: int) -> None:
    money = Money.from_decimal(text, currency)
    assert money == Money(amount=amount, currency=currency)
    assert Money.from_decimal(money.to_decimal(), currency) == money


@pytest.mark.parametrize(("text", "currency"), [("1.005", "EUR"), ("0.5", "JPY"), ("NaN", "EUR"), ("ten", "EUR")])
def test_what_is_finer_than_the_minor_unit_or_no_number_is_refused(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        Money.from_decimal(text, currency)


def test_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="USD cannot be added to or taken from EUR"):
        Money(amount=1, currency="EUR") + Money(amount=1, currency="USD")


def test_a_rate_is_a_decimal_text() -> None:
    ten, two = {"amount": 1000, "currency": "EUR"}, {"amount": 190, "currency": "EUR"}
    tax = {"jurisdiction": "DE", "base": ten, "amount": two, "computed_by": "channel"}
    assert TaxLine.model_validate({**tax, "rate": "0.19"}).rate == "0.19"
    with pytest.raises(ValidationError, match="rate"):
        TaxLine.model_validate({**tax, "rate": "19 %"})
