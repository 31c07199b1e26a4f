"""Numbers are written as the correctly rounded double, shortest digits, no exponent, and never as -0."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamstream.live.layout import EXACT, newer, number, parse_number

ROWS = [
    (0, "0"),
    (-0.0, "0"),
    (7, "7"),
    (-3, "-3"),
    (0.625, "0.625"),
    (100.0, "100"),
    (2 / 3, "0.6666666666666666"),
    (0.1 + 0.2, "0.30000000000000004"),
    (1e-7, "0.0000001"),
    (-1.5e-9, "-0.0000000015"),
    (1e16, "10000000000000000"),
    (1e21, "1" + "0" * 21),
    (2**53, "9007199254740992"),
    (2**53 + 1, "9007199254740992"),
    (2**70, "1180591620717411300000"),
]


@pytest.mark.parametrize(("value", "text"), ROWS)
def test_a_number_is_written_plainly(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_comes_back_and_has_no_exponent(value: float) -> None:
    text = number(value)
    assert re.fullmatch(r"-?\d+(\.\d+)?", text)
    assert text != "-0"
    assert parse_number(text) == value


@given(st.integers(-EXACT, EXACT))
def test_every_exact_integer_comes_back_as_an_integer(value: int) -> None:
    back = parse_number(number(value))
    assert (back, type(back)) == (value, int)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        number(value)


@given(st.integers(0, 2**70), st.integers(0, 2**70))
def test_versions_compare_like_integers(a: int, b: int) -> None:
    assert newer(str(a), str(b)) == (a > b)
