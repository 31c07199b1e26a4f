"""Single deals beside the engine's sums: the same revenue, and what closed deals teach."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamstream.cli.past import History
from kamstream.engine.offline import Offline
from kamstream.entities.deals import Deal
from kamstream.goals.deals import Deals
from kamstream.goals.forecast import a_year_before, overdue, revenue, says
from kamstream.goals.learn import calibrate, learn, shrunk
from kamstream.kpis.portfolio import WEIGHTED_PIPELINE
from kamstream.kpis.sales import REVENUE
from kamstream.windows import DAY, parse, to_ms
from tests.engine.driver import config_of, events_of
from tests.reference.histories import NASTY
from tests.reference.long_histories import START, long_history


@pytest.mark.parametrize("until", [None, START + 300 * DAY, START + 900 * DAY])
@pytest.mark.parametrize("seed", range(3))
def test_revenue_and_overdue_deals_of_any_id_are_those_of_its_table(seed: int, until: int | None) -> None:
    windows = (parse("200d"), parse("7d"))
    config = replace(config_of(replace(NASTY, horizon="800d")), windows=windows, kpis=(REVENUE, WEIGHTED_PIPELINE))
    history = History(Offline(config, until=until), Deals(config.terms()), until)
    for event in events_of(long_history(seed, events=2_000, settings=NASTY), NASTY):
        history.take(event)
    history.offline.settle()
    today = history.now // DAY
    tables = list(history.offline.tables())
    assert {table.scope for table in tables} == {"account", "kam", "company"}
    for table in tables:
        counts = history.counts(table.scope, table.id)
        for window in windows:
            amount, number = revenue(history.deals, counts, today - window.count + 1, today)
            assert table.values[f"revenue:{window.name}"] == (amount / 100, number)
        late, standing = overdue(history.deals, counts, history.now), history.deals.standing()
        open_deals = [deal for key, deal in standing if deal.closing is None and counts(key.account, deal.owner)]
        ahead = [deal for deal in open_deals if deal.expected is not None and deal.expected >= today]
        assert len(late) + len(ahead) == sum(deal.expected is not None for deal in open_deals)
        soon = [deal for deal in ahead if deal.expected is not None and deal.expected < today + 200]
        assert table.values["weighted_pipeline:200d"].n == len(soon)


@pytest.mark.parametrize(
    ("now", "days", "before"),
    [
        ("2026-11-24T14:20:00Z", 1, ("2025-11-24", "2025-11-24")),
        ("2026-11-24T14:20:00Z", 90, ("2025-11-24", "2026-02-21")),
        ("2028-02-29T00:00:00Z", 2, ("2027-02-28", "2027-03-01")),
        ("2028-03-01T23:59:59Z", 1, ("2027-03-01", "2027-03-01")),
    ],
)
def test_the_same_days_a_year_before(now: str, days: int, before: tuple[str, str]) -> None:
    assert says(a_year_before(to_ms(now), days)) == before


def deal(*stages: str, probability: float | None = None) -> Deal:
    """An open deal that has been in these stages."""
    there = Deal("D")
    opened = (0, 0, "crm", "1", "deal.opened", None, None, stages[0] if stages else None, probability, None, None)
    there.follow(opened, horizon=DAY)
    for number, stage in enumerate(stages[1:]):
        updated = (number + 1, 1, "crm", f"s{number}", "deal.updated", None, None, stage, None, None, None)
        there.follow(updated, horizon=DAY)
    return there


def test_a_stage_is_worth_what_was_won_after_it() -> None:
    closed = [
        (deal("Talk", "Offer"), True),
        (deal("Talk", "Offer", "Talk"), False),
        (deal("Talk"), False),
        (deal(), True),
    ]
    assert [(stage.name, stage.closed, stage.won, str(stage.probability)) for stage in learn(closed, prior=1)] == [
        ("Offer", 2, 1, "1/2"),  # (1 + 1/2) / 3
        ("Talk", 3, 1, "3/8"),  # (1 + 1/2) / 4
    ]
    assert [stage.rounded for stage in learn([(deal("Talk"), True)] * 2, prior=1)] == ["0.8333"]


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 100))
def test_a_learned_probability_lies_between_the_share_and_one_half(won: int, lost: int, prior: int) -> None:
    learned = shrunk(won, won + lost, prior)
    share = Fraction(won, won + lost) if won + lost else Fraction(1, 2)
    low, high = sorted((share, Fraction(1, 2)))
    assert low <= learned <= high
    assert abs(shrunk(won, won + lost, prior + 1) - Fraction(1, 2)) <= abs(learned - Fraction(1, 2))


def test_calibration_puts_a_certain_deal_into_the_last_class() -> None:
    closed = [(deal(probability=1.0), True), (deal(probability=0.95), False), (deal(probability=0.1), False)]
    found = calibrate(closed, {})
    classes = [(float(one.low), one.deals, one.won) for one in found.classes if one.deals]
    assert classes == [(0.1, 1, 0), (0.9, 2, 0.5)]
    assert found.classes[9].expected == pytest.approx(0.975)
    assert found.brier == pytest.approx((0 + 0.95**2 + 0.1**2) / 3)
    assert calibrate([], {}).brier is None
