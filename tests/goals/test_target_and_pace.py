"""Attainment and pace against values worked out by hand."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamstream.goals.pace import elapsed_share, projected
from kamstream.goals.target import attainment, is_met
from kamstream.windows import to_ms

AMOUNTS = st.floats(0, 1e12)


@pytest.mark.parametrize(
    ("value", "target", "better", "attained", "met"),
    [
        (45_000, 60_000, "higher", 0.75, False),
        (75_000, 60_000, "higher", 1.25, True),
        (0, 60_000, "higher", 0, False),
        (None, 60_000, "higher", None, None),
        (None, 0, "lower", None, None),
        (8 * 3600, 4 * 3600, "lower", 0.5, False),
        (2 * 3600, 4 * 3600, "lower", 2, True),
        (0, 0, "lower", 1, True),
        (0, 0, "higher", 1, True),
        (3600, 0, "lower", 0, False),
        (0, 3600, "lower", inf, True),
        (5, 0, "higher", inf, True),
        (-10, 20, "higher", -0.5, False),
        (-10, -20, "higher", None, True),
    ],
)
def test_attainment(value: float | None, target: float, better: str, attained: float | None, met: bool | None) -> None:
    assert attainment(value, target, better) == attained
    assert is_met(value, target, better) is met


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_a_better_value_never_attains_less(one: float, other: float, target: float) -> None:
    low, high = sorted((one, other))
    up = [attainment(value, target, "higher") for value in (low, high)]
    down = [attainment(value, target, "lower") for value in (low, high)]
    assert None not in (*up, *down)
    assert up == sorted(up, key=float)  # type: ignore[arg-type]
    assert down == sorted(down, key=float, reverse=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("window", "now", "value", "heading_for"),
    [
        ("mtd", "2026-11-16T00:00:00Z", 10_000, 20_000.0),  # 15 of 30 days
        ("mtd", "2026-02-08T00:00:00Z", 10_000, 40_000.0),  # 7 of 28 days
        ("qtd", "2026-11-16T00:00:00Z", 46_000, 92_000.0),  # 46 of 92 days
        ("ytd", "2026-03-15T00:00:00Z", 1_000, 5_000.0),  # 73 of 365 days
        ("ytd", "2024-03-01T12:00:00Z", 1_210, 7_320.0),  # 60.5 of 366 days
        ("mtd", "2026-11-30T23:59:59.999Z", 0, 0.0),
        ("mtd", "2026-11-01T00:00:00Z", 10_000, None),  # nothing has passed
        ("mtd", "2026-11-16T00:00:00Z", None, None),
        ("90d", "2026-11-16T00:00:00Z", 10_000, None),
    ],
)
def test_pace(window: str, now: str, value: float | None, heading_for: float | None) -> None:
    assert projected("revenue", window, value, to_ms(now)) == heading_for


def test_a_ratio_does_not_grow_with_time() -> None:
    now = to_ms("2026-11-16T00:00:00Z")
    assert projected("conversion_rate", "mtd", 0.5, now) is None
    assert projected("new_products", "mtd", 2, now) == 4


@given(st.integers(0, 4_102_444_800_000), st.sampled_from(("mtd", "qtd", "ytd")))
def test_less_than_a_whole_period_has_passed(now: int, window: str) -> None:
    share = elapsed_share(window, now)
    assert share is not None
    assert 0 <= share < 1
