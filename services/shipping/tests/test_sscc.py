"""The number on a package."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shipping.sscc import check_digit, series_size, sscc


def test_the_check_digit_is_that_of_the_published_example() -> None:
    assert check_digit("37610425002123456") == 9


@given(st.integers(0, 10**10 - 1))
def test_a_code_has_18_digits_and_names_its_number_alone(number: int) -> None:
    code = sscc("9521234", number)
    assert len(code) == 18 and code.isdigit() and code[1:8] == "9521234"
    assert int(code[0] + code[8:17]) == number
    weights = [3, 1] * 9
    assert sum(int(digit) * weight for digit, weight in zip(code, weights, strict=True)) % 10 == 0


def test_numbers_come_again_only_after_the_whole_series() -> None:
    assert sscc("9521234", series_size("9521234")) == sscc("9521234", 0)


@pytest.mark.parametrize("prefix", ["", "123", "1234567890123", "95A1234"])
def test_what_is_no_company_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="company prefix"):
        sscc(prefix, 0)
