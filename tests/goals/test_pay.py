"""Variable pay to the cent, against amounts worked out by hand and for any terms."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamstream.goals.pay import Outcome, PayGoal, Payout, PayPlan, Statement, money, percent, settle
from kamstream.goals.periods import period

POINTS = ((Fraction("0.8"), Fraction(0)), (Fraction(1), Fraction(1)), (Fraction("1.2"), Fraction(2)))


def statement(
    base: str, share: str, outcomes: Sequence[tuple[str, str | None, str, int]], of: str = "2026Q4",
    points: Sequence[tuple[Fraction, Fraction]] = POINTS,
) -> Statement:  # fmt: skip
    """Of (kpi, value, target, weight)."""
    quarter = period(of)
    done = [
        Outcome(PayGoal(kpi, weight=Fraction(weight)), quarter.window, Fraction(value) if value else None, Fraction(to))
        for kpi, value, to, weight in outcomes
    ]
    plan = PayPlan("ann", Fraction(base), Fraction(share), tuple(one.goal for one in done), Payout(points))
    return settle(plan, quarter, done)


@pytest.mark.parametrize(
    ("base", "share", "of", "outcomes", "cents"),
    [
        # 15,000 × 20 % = 3,000; attained exactly
        ("60000", "0.2", "2026Q4", [("revenue", "100000", "100000", 1)], [300_000]),
        # 90 % is half way between 80 % and 100 %: half of 3,000
        ("60000", "0.2", "2026Q4", [("revenue", "90000", "100000", 1)], [150_000]),
        # 110 % → 150 %, 130 % → 200 %, below 80 % → nothing
        ("60000", "0.2", "2026Q4", [("revenue", "110000", "100000", 1)], [450_000]),
        ("60000", "0.2", "2026Q4", [("revenue", "130000", "100000", 1)], [600_000]),
        ("60000", "0.2", "2026Q4", [("revenue", "80000", "100000", 1)], [0]),
        # a month is a twelfth, a year the whole
        ("60000", "0.1", "2026-11", [("revenue", "100000", "100000", 1)], [50_000]),
        ("60000", "0.5", "2026", [("revenue", "100000", "100000", 1)], [3_000_000]),
        # lower is better: 4 h allowed, 3 h 20 m needed: 120 % → 200 %; weights 3 : 1 of 3,000
        ("60000", "0.2", "2026Q4",
         [("revenue", "90000", "100000", 3), ("response_time.mean", "12000", "14400", 1)], [112_500, 150_000]),
        # nobody answered the survey: the other goal takes the whole weight
        ("60000", "0.2", "2026Q4", [("revenue", "100000", "100000", 1), ("nps", None, "40", 1)], [300_000, 0]),
        ("60000", "0.2", "2026Q4", [("nps", None, "40", 1)], [0]),
        # no wait at all is beyond every point
        ("60000", "0.2", "2026Q4", [("response_time.mean", "0", "14400", 1)], [600_000]),
        # thirds of 100.00 add up to the cent
        ("2000", "0.2", "2026Q4", [(kpi, "1", "1", 1) for kpi in ("revenue", "nps", "conversion_rate")],
         [3_333, 3_334, 3_333]),
        # a half cent goes up: 50,000.10 / 12 = 4,166.675 → 4,166.68, of which 15 % are 625.002 → 625.00
        ("50000.10", "0.15", "2026-11", [("revenue", "1", "1", 1)], [62_500]),
    ],
)  # fmt: skip
def test_pay_by_hand(
    base: str, share: str, of: str, outcomes: list[tuple[str, str | None, str, int]], cents: list[int]
) -> None:
    paid = statement(base, share, outcomes, of)
    assert [part.cents for part in paid.parts] == cents
    assert paid.cents == sum(cents)


def test_the_statement_shows_every_step() -> None:
    paid = statement("60000", "0.2", [("revenue", "90000", "100000", 3), ("nps", None, "40", 1)])
    assert list(paid.lines()) == [
        "ann, 2026Q4 (2026-10-01 to 2026-12-31)",
        "base salary               60,000.00 a year × 1/4 = 15,000.00",
        "variable share            15,000.00 × 20 % = 3,000.00",
        "revenue:qtd               90000 of 100000 = 90 % attained → payout 50 %"
        " (between 80 % → 0 % and 100 % → 100 %)",
        "  part                    3,000.00 × weight 1/1 × 50 % = 1,500.00",
        "nps:qtd                   no value, target 40: left out",
        "variable pay              1,500.00",
    ]


def test_a_payout_is_flat_outside_its_points_and_straight_between() -> None:
    payout = Payout(POINTS)
    cases = [("0", 0), ("0.8", 0), ("0.85", "1/4"), ("1", 1), ("1.05", "5/4"), ("1.2", 2), ("9", 2)]
    for attained, paid in cases:
        assert payout(Fraction(attained)) == Fraction(paid), attained
    assert Payout(((Fraction(1), Fraction("0.7")),))(Fraction(0)) == Fraction("0.7")


@pytest.mark.parametrize(
    "points",
    [(), ((1, 1), (1, 2)), ((1, 1), (Fraction(1, 2), 2)), ((0, -1), (1, 1))],
    ids=["none", "twice", "down", "<0"],
)
def test_points_that_make_no_line_are_refused(points: tuple[tuple[Fraction, Fraction], ...]) -> None:
    with pytest.raises(ValueError):
        Payout(points)


MONEY = st.integers(0, 50_000_000).map(lambda cents: Fraction(cents, 100))
RISING = st.lists(
    st.tuples(st.fractions(0, 3, max_denominator=100), st.fractions(0, 3, max_denominator=100)),
    min_size=1, max_size=5, unique_by=lambda point: point[0],
).map(sorted)  # fmt: skip
OUTCOMES = st.lists(
    st.tuples(
        st.sampled_from(("revenue", "nps", "response_time.mean")), st.none() | MONEY,
        MONEY.filter(bool), st.fractions(Fraction(1, 10), 10, max_denominator=10),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@given(
    MONEY, st.fractions(Fraction(1, 10), Fraction(1, 2), max_denominator=100), RISING, OUTCOMES,
    st.sampled_from(("2026", "2026Q1", "2026-07")),
)  # fmt: skip
def test_parts_add_up_to_what_is_paid_within_a_cent_of_what_is_exact(
    base: Fraction, share: Fraction, points: list[tuple[Fraction, Fraction]],
    outcomes: list[tuple[str, Fraction | None, Fraction, Fraction]], of: str,
) -> None:  # fmt: skip
    there = period(of)
    done = [Outcome(PayGoal(kpi, weight=weight), "qtd", value, to) for kpi, value, to, weight in outcomes]
    plan = PayPlan("ann", base, share, tuple(one.goal for one in done), Payout(points))
    paid = settle(plan, there, done)
    assert sum(part.cents for part in paid.parts) == paid.cents
    counted = [one for one in done if one.value is not None]
    weights = sum(one.goal.weight for one in counted)
    exact = sum(paid.stake * one.goal.weight / weights * plan.payout(one.attained or 0) for one in counted)
    assert abs(exact - paid.cents) <= Fraction(1, 2)
    assert abs(paid.stake - 100 * base * share * there.part_of_year) <= 1
    assert sum(part.weight for part in paid.parts) == (1 if counted else 0)
    assert paid.cents >= 0


@given(RISING, st.fractions(0, 4), st.fractions(0, 4))
def test_a_payout_that_rises_pays_more_for_more(
    points: list[tuple[Fraction, Fraction]], one: Fraction, other: Fraction
) -> None:
    rising = Payout(
        [(attained, paid) for (attained, _), paid in zip(points, sorted(p for _, p in points), strict=True)]
    )
    low, high = sorted((one, other))
    assert rising(low) <= rising(high)


def test_amounts_and_shares_are_written_in_full() -> None:
    assert [money(cents) for cents in (0, 5, 123_456, -70, 100_000_000)] == [
        "0.00", "0.05", "1,234.56", "-0.70", "1,000,000.00",
    ]  # fmt: skip
    assert [percent(Fraction(text)) for text in ("1/3", "0.1", "-1/8", "2")] == [
        "33.333333 %", "10 %", "-12.5 %", "200 %",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["2026Q5", "26Q1", "2026-13", "2026Q", "0000", "Q4 2026", ""])
def test_what_is_no_period_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no period"):
        period(text)
