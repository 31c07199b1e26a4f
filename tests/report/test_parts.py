"""Trends, lives of alerts and charts by themselves."""

from __future__ import annotations

import re

import pytest

from kamstream.engine import Value
from kamstream.report import Earlier, charts, concerns, lives, still_active
from kamstream.report.language import Language
from kamstream.report.trend import compare
from kamstream.windows import DAY
from tests.report.make import NOW, alert


@pytest.mark.parametrize(
    ("kpi", "now", "before", "arrow", "verdict", "thin"),
    [
        ("revenue", (120, 9), (100, 8), "▲", "better", False),
        ("revenue", (100.5, 9), (100, 8), "▬", "steady", False),
        ("revenue", (0, 0), (100, 2), "▼", "worse", False),
        ("response_time.p90", (60, 9), (120, 8), "▼", "better", False),
        ("reopen_rate", (0.2, 9), (0.1, 8), "▲", "worse", False),
        ("conversion_rate", (0.504, 9), (0.5, 8), "▬", "steady", False),
        ("conversion_rate", (0.9, 4), (0.5, 8), "▲", "better", True),
        ("conversion_rate", (0.9, 9), (0.5, None), "▲", "better", False),  # of live histories n is not known
        ("nps", (10, 9), (40, 8), "▼", "worse", False),
        ("open_tickets", (2, 2), (0, 0), "▲", "worse", True),
        ("open_tickets", (9, 9), (0, 0), "▲", "worse", False),
        ("nps", (None, 0), (40, 8), "", "unknown", False),
        ("nps", (10, 9), (None, 0), "", "unknown", False),
    ],
)
def test_a_trend_is_judged_by_what_is_better(
    kpi: str,
    now: tuple[float | None, int],
    before: tuple[float | None, int | None],
    arrow: str,
    verdict: str,
    thin: bool,
) -> None:
    trend = compare(kpi, Value(*now), Earlier(*before))
    assert (trend.arrow, trend.verdict, trend.thin) == (arrow, verdict, thin)


def test_alerts_are_joined_from_their_transitions() -> None:
    fired = alert("a", value=1, since=NOW - 9 * DAY, at=NOW - 9 * DAY)
    ended = alert("a", status="resolved", value=0, since=NOW - 9 * DAY, at=NOW - 2 * DAY)
    long_ago = alert("b", status="resolved", at=NOW - 50 * DAY)
    only_its_end = alert("c", status="resolved", value=0, since=NOW - 8 * DAY, at=NOW - DAY)
    mild, bad = alert("d", severity="info"), alert("e", severity="critical", since=NOW - 30 * DAY)
    steps = [bad, fired, long_ago, ended, mild, only_its_end]
    assert {record.alert_id for record in still_active(steps)} == {"d", "e"}
    found = lives(still_active(steps), reversed(steps), NOW - 20 * DAY)
    assert [(life.record.alert_id, life.value, life.since, life.ended) for life in found] == [
        ("e", 43_200, NOW - 30 * DAY, None),
        ("d", 43_200, NOW - 3 * DAY, None),
        ("c", None, NOW - 8 * DAY, NOW - DAY),
        ("a", 1, NOW - 9 * DAY, NOW - 2 * DAY),
    ]


@pytest.mark.parametrize(
    ("scope", "id", "expected"),
    [("account", "A-1", True), ("account", "A-2", False), ("kam", "kam-1", True), ("kam", "kam-2", False),
     ("company", "all", True)],
)  # fmt: skip
def test_an_alert_belongs_to_its_account_its_manager_and_the_company(scope: str, id: str, expected: bool) -> None:
    assert concerns(alert("a"), scope, id) is expected


def test_a_chart_leaves_a_gap_where_weeks_have_no_data() -> None:
    week = 7 * 86_400
    whole = charts.history([(at * week, at + 1.0) for at in range(6)], "money", "words", Language("en"))
    broken = charts.history([(at * week, at + 1.0) for at in (0, 1, 2, 5, 6, 9)], "money", "words", Language("en"))
    assert whole.count('class="line"') == 1
    assert broken.count('class="line"') == 2
    assert broken.count('class="alone"') == 1


@pytest.mark.parametrize(
    ("unit", "value", "scale"),
    [("money", 1_500_000, ["€0", "€500k", "€1M", "€1.5M"]), ("ratio", 1.0, ["0%", "50%", "100%"]),
     ("ratio", 0.0, ["0%", "50%", "100%"]), ("s", 7_200.0, ["0h", "1h", "2h"]), ("s", 604_800.0, ["0d", "2.5d", "5d"])],
)  # fmt: skip
def test_a_chart_has_a_round_scale_in_the_units_of_people(unit: str, value: float, scale: list[str]) -> None:
    drawn = charts.history([(0, value), (86_400, value)], unit, "words", Language("en"))
    shown = re.findall(r'class="tick end">([^<]*)<', drawn)
    assert shown[: len(scale)] == scale
    heights = [float(at) for at in re.findall(r'points="[^"]*?,([\d.]+) ', drawn)]
    assert all(charts.TOP <= at <= charts.HEIGHT - charts.BOTTOM for at in heights)
