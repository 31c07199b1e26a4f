"""The balanced scorecard against values worked out by hand, and what holds for any card."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamstream.goals.card import DEFAULT, Card, Measure, Perspective, default_card, problem
from kamstream.goals.scorecard import measure_score, score
from kamstream.goals.target import KPIS
from kamstream.kpis import CATALOGUE
from kamstream.windows import parse

WINDOWS = tuple(parse(name) for name in ("24h", "30d", "90d", "365d"))
HOURS = Measure("response_time.mean", "30d", 24 * 3600, 4 * 3600, 3)
MONEY = Measure("revenue", "90d", 20_000, 120_000, 2)
SHARE = Measure("conversion_rate", "90d", 0.1, 0.6)
PROMISE = Measure("nps", "90d", -50, 50)
CARD = Card((Perspective("finance", 1, (MONEY, SHARE)), Perspective("customer", 2, (HOURS, PROMISE))))


@pytest.mark.parametrize(
    ("measure", "value", "scored"),
    [
        (MONEY, 20_000, 0), (MONEY, 70_000, 50), (MONEY, 120_000, 100), (MONEY, 0, 0), (MONEY, 999_999, 100),
        (HOURS, 14 * 3600, 50), (HOURS, 3600, 100), (HOURS, 90_000, 0),
        (PROMISE, 0, 50), (PROMISE, -50, 0), (MONEY, None, None),
    ],
)  # fmt: skip
def test_a_measure_scores_between_its_worst_and_its_best(
    measure: Measure, value: float | None, scored: float | None
) -> None:
    assert measure_score(measure, value) == scored


def test_a_whole_card() -> None:
    values = {"revenue:90d": 70_000, "conversion_rate:90d": 0.6, "response_time.mean:30d": 14 * 3600, "nps:90d": 50}
    scored = score(CARD, values)
    # finance (2×50 + 1×100)/3; customer (3×50 + 1×100)/4; weights of all: 2, 1, 2×3, 2×1 of 11
    assert [one.score for one in scored.perspectives] == [pytest.approx(200 / 3), 62.5]
    assert [m.share for one in scored.perspectives for m in one.measures] == [2 / 11, 1 / 11, 6 / 11, 2 / 11]
    assert [m.contribution for one in scored.perspectives for m in one.measures] == [
        pytest.approx(points / 11) for points in (100, 100, 300, 200)
    ]
    assert scored.score == pytest.approx(700 / 11)


def test_what_has_no_value_is_left_out_and_the_rest_takes_its_weight() -> None:
    scored = score(CARD, {"revenue:90d": 70_000, "nps:90d": None, "response_time.mean:30d": None})
    finance, customer = scored.perspectives
    assert (scored.score, finance.score, finance.share) == (50, 50, 1)
    assert (customer.score, customer.share, customer.contribution) == (None, None, None)
    assert [m.share for m in finance.measures] == [1, None]


def test_a_card_without_any_value_has_no_score() -> None:
    assert score(CARD, {}).score is None
    assert all(one.score is None for one in score(CARD, {}).perspectives)


MEASURES = st.builds(
    lambda kpi, worst, span, weight: Measure(kpi, "30d", worst, worst + span, weight),
    st.sampled_from([kpi.name for kpi in CATALOGUE]),
    st.floats(-1e6, 1e6),
    st.floats(0.01, 1e6) | st.floats(-1e6, -0.01),
    st.floats(0.01, 100),
)
PERSPECTIVES = st.builds(
    lambda weight, measures: Perspective("any", weight, tuple(measures)),
    st.floats(0.01, 10), st.lists(MEASURES, min_size=1, max_size=4),
)  # fmt: skip
CARDS = st.lists(PERSPECTIVES, min_size=1, max_size=4).map(lambda some: Card(tuple(some)))
VALUES = st.dictionaries(
    st.sampled_from([f"{kpi.name}:30d" for kpi in CATALOGUE]), st.none() | st.floats(-1e9, 1e9), max_size=45
)


@given(CARDS, VALUES)
def test_scores_lie_between_0_and_100_and_are_the_sum_of_their_contributions(
    card: Card, values: dict[str, float | None]
) -> None:
    scored = score(card, values)
    counted = [m for one in scored.perspectives for m in one.measures if m.score is not None]
    assert (scored.score is None) == (not counted)
    for one in scored.perspectives:
        assert (one.score is None) == all(m.score is None for m in one.measures)
        assert one.score is None or 0 <= one.score <= 100
    if scored.score is not None:
        assert 0 <= scored.score <= 100
        assert sum(m.share or 0 for m in counted) == pytest.approx(1)
        assert sum(m.contribution or 0 for m in counted) == pytest.approx(scored.score)
        assert sum(one.contribution or 0 for one in scored.perspectives) == pytest.approx(scored.score)


@given(CARDS, VALUES, st.floats(0.1, 10))
def test_only_the_proportions_of_weights_count(card: Card, values: dict[str, float | None], factor: float) -> None:
    heavier = Card(tuple(replace(one, weight=one.weight * factor) for one in card.perspectives))
    assert score(heavier, values).score == pytest.approx(score(card, values).score)


def test_the_default_card_covers_what_a_key_account_manager_is_judged_by() -> None:
    judged_by = {
        "revenue", "conversion_rate", "gross_margin", "revenue_growth", "market_share", "new_products", "nps",
        "retention_rate", "contract_duration", "interaction_frequency", "active_contacts", "joint_engagement",
        "first_response_time.p90", "response_time.mean", "resolution_rate",
    }  # fmt: skip
    assert [one.name for one in DEFAULT.perspectives] == ["finance", "customer", "process", "growth"]
    assert judged_by <= {measure.kpi for measure in DEFAULT.measures()}
    for measure in DEFAULT.measures():
        better = "higher" if measure.best > measure.worst else "lower"
        assert better == KPIS[measure.kpi].better, measure


@pytest.mark.parametrize("names", [("24h",), ("30m", "7d"), ("mtd", "ytd"), ("365d", "qtd")])
def test_the_default_card_fits_any_windows(names: tuple[str, ...]) -> None:
    windows = tuple(parse(name) for name in names)
    card = default_card(windows, KPIS)
    assert len(card.measures()) == len(DEFAULT.measures())
    assert not [wrong for m in card.measures() if (wrong := problem(m.kpi, m.window, KPIS, windows))]


def test_the_default_card_leaves_out_what_is_not_computed() -> None:
    card = default_card(WINDOWS, ("revenue", "nps"))
    assert [one.name for one in card.perspectives] == ["finance", "customer"]


def test_measures_of_one_scope_are_on_no_other_card() -> None:
    kpis = {scope: {m.kpi for m in DEFAULT.of(scope).measures()} for scope in ("account", "kam")}
    assert "revenue" in kpis["account"]
    assert kpis["account"] - kpis["kam"] == {"revenue", "active_contacts", "new_products", "interaction_frequency"}


@pytest.mark.parametrize(
    ("kpi", "window", "says"),
    [
        ("revenue", "90d", None), ("open_tickets", "now", None), ("weighted_pipeline", "90d", None),
        ("revenues", "90d", "no KPI"), ("revenue", "91d", "not among"), ("open_tickets", "90d", "this very moment"),
        ("weighted_pipeline", "24h", "ahead"), ("sla_resolution", "90d", "not computed"),
        ("revenue", "now", "not among"),
    ],
)  # fmt: skip
def test_a_field_that_no_table_has_is_told(kpi: str, window: str, says: str | None) -> None:
    plain = [one.name for one in CATALOGUE if one.option is None]
    told = problem(kpi, window, plain, WINDOWS)
    assert told is None if says is None else says in (told or "")
