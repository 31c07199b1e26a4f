# ruff: noqa: E501 - a table reads better with one row a line
"""`alerts test` and the summary of `alerts backtest`."""

import dataclasses

import pytest

from kamstream.alerts import AlertRecord, RuleError, parse_rules
from kamstream.alerts.rules import Measure
from kamstream.alerts.trial import Tally, backtest, parse_cases, run_cases

RULES = parse_rules(
    """
rules:
  - {name: slow, kpi: wait, window: 7d, scope: account, match: {tier: gold}, fire: "> 4h", clear: "< 3h", for: 30m, min_n: 5}
""",
    kpis={"wait": Measure("s")},
)
CASE = """
cases:
  - name: it fires after half an hour and clears below 3h
    rule: slow
    profile: {tier: gold}
    given:
      - {at: 0m, value: 5h, n: 8}
      - {at: 2h, value: 2h}
    until: 4h
    expect:
      - {at: 30m, status: firing, value: 5h}
      - {at: 2h, status: resolved, reason: cleared}
"""


def outcome(text: str) -> list[str]:
    return [line for outcome in run_cases(RULES, parse_cases(text)) for line in outcome.differences]


def test_a_case_that_comes_true_has_no_differences() -> None:
    assert outcome(CASE) == []


DIFFERENT = [
    ("another time", CASE.replace("at: 30m", "at: 20m"), "expected firing at 20m 18000.0, got firing at 30m"),
    ("another reason", CASE.replace("cleared", "no-data"), "expected resolved at 2h no-data, got resolved at 2h cleared"),
    ("one too few", CASE[: CASE.rindex("      - {at: 2h")], "expected nothing more, got resolved at 2h"),
    ("one too many", CASE + "      - {at: 3h, status: firing}\n", "expected firing at 3h, got nothing more"),
    ("an unknown rule", CASE.replace("rule: slow", "rule: fast"), "there is no rule 'fast'"),
    ("no match", CASE.replace("gold", "silver"), "expected firing at 30m 18000.0, got nothing more"),
    ("a backfill", CASE.replace("n: 8", "n: 8, backfill: true").replace("cleared", "x"), "expected resolved at 2h x, got resolved at 2h cleared"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in DIFFERENT], ids=[row[0] for row in DIFFERENT])
def test_a_case_that_does_not_says_what_came_instead(text: str, expected: str) -> None:
    assert any(expected in line for line in outcome(text)), outcome(text)


def test_time_goes_on_to_the_end_asked_for() -> None:
    text = CASE[: CASE.index("      - {at: 2h, value")] + "    until: 1h\n    expect: [{at: 30m, status: firing}]\n"
    assert outcome(text) == []


def test_a_mistake_in_the_cases_has_its_line() -> None:
    with pytest.raises(RuleError, match=r"cases\.yml:8: cases\[0\]\.given\[1\]\.value: 'soon' is not a number"):
        parse_cases(CASE.replace("value: 2h", "value: soon"))


def record(alert_id: str, status: str, at_s: int, id: str = "A", kam_id: str | None = "kam-1") -> AlertRecord:
    base = AlertRecord(
        alert_id, "slow", "account", id, "firing", 1, 1, 1.0, "wait", "7d", 0, at_s * 1000, "info", "", "fire-held",
        kam_id=kam_id,
    )  # fmt: skip
    return dataclasses.replace(base, status=status)  # type: ignore[arg-type]


def test_a_history_is_summed_up_by_rule_and_by_manager() -> None:
    history = [
        record("1", "firing", 0), record("1", "resolved", 600),
        record("2", "firing", 1200), record("2", "resolved", 1400),
        record("3", "firing", 9000),
        record("4", "firing", 0, "B", None), record("4", "resolved", 1000, "B", None),
    ]  # fmt: skip
    found = backtest(lambda _: history, RULES)
    assert found.rules == (Tally("slow", 4, 1, 1, 600.0),)
    assert found.managers == (Tally("-", 1, 0, 0, 1000.0), Tally("kam-1", 3, 1, 1, 400.0))


def test_a_rule_that_never_fired_is_listed_all_the_same() -> None:
    assert backtest(lambda _: [], RULES).rules == (Tally("slow", 0, 0, 0, None),)
