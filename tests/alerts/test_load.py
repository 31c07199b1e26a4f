# ruff: noqa: E501 - a table reads better with one row a line
"""Reading alerts.yml: what is taken, and every complaint with its line."""

from pathlib import Path

import pytest

from kamstream.alerts import RuleError, load_rules, parse_rules
from kamstream.alerts.quantity import condition, say
from kamstream.alerts.rules import Measure, Ruleset, measures
from kamstream.kpis import CATALOGUE

KPIS = {
    "first_response_time.p90": Measure("s"),
    "conversion_rate": Measure("ratio"),
    "revenue": Measure("money"),
    "open_tickets": Measure("count", "now"),
    "weighted_pipeline": Measure("money", "days"),
}
EXAMPLE = """
rules:
  - name: slow-first-response
    kpi: first_response_time.p90
    window: 7d
    scope: account
    match: {tier: [strategic, gold], country: FR}
    fire: "> 4h"
    clear: "< 3h"
    for: 30m
    keep_firing_for: 1h
    min_n: 5
    no_data: keep
    severity: warning
    summary: "{name}: p90 first response {value} over {window} (limit {threshold})"
routes:
  - match: {severity: critical}
    notify: ["mailto://user:${PASSWORD}@example.org"]
    to_manager: true
    group_wait: 30s
    repeat_every: 4h
    quiet_hours: "19:00-08:00 Europe/Paris"
    escalate_after: 2h
    escalate_to: ["json://localhost"]
managers:
  kam-7: {name: "Ana", language: fr, notify: ["json://localhost"], deputy: kam-9}
  kam-9: {name: "Bo"}
silences:
  - {match: {account: ACC-1}, from: 2026-11-24T00:00:00Z, until: "2026-11-25T00:00:00+01:00", reason: "moving"}
"""


def parse(text: str, **more: object) -> Ruleset:
    return parse_rules(text, kpis=KPIS, **more)  # type: ignore[arg-type]


def test_the_example_of_the_spec_is_read_completely() -> None:
    found = parse(EXAMPLE, env={"PASSWORD": "secret"})
    slow = found.rules[0]
    assert (slow.field, slow.fire.limit, slow.for_ms, slow.keep_firing_ms) == (
        "first_response_time.p90:7d", 14400, 1_800_000, 3_600_000,
    )  # fmt: skip
    assert found.routes[0].notify == ("mailto://user:secret@example.org",)
    assert found.routes[0].quiet_hours is not None
    assert found.managers["kam-7"].deputy == "kam-9"
    assert found.silences[0].end - found.silences[0].begin == 23 * 3_600_000
    assert slow.applies("account", "A", {"tier": "gold", "country": "FR"})
    assert not slow.applies("account", "A", {"tier": "gold", "country": None})
    assert not slow.applies("kam", "A", {"tier": "gold", "country": "FR"})


def rule(line: str) -> str:
    return (
        'rules:\n  - name: a\n    kpi: conversion_rate\n    window: 7d\n    scope: account\n    fire: "> 1"\n    '
        + line
    )


WRONG = [
    ("a limit that is none", EXAMPLE.replace('"> 4h"', '"> 4 hours"'), "alerts.yml:8: rules[0].fire: '4 hours' is not a number"),
    ("a KPI that is none", EXAMPLE.replace("conversion", "x").replace("time.p90", "time"), "alerts.yml:4: rules[0].kpi: no KPI 'first_response_time'; there are first_response_time.p90"),
    ("a window that is none", EXAMPLE.replace("7d\n", "7 days\n"), "alerts.yml:5: rules[0].window: '7 days' is no window"),
    ("clear on the same side", EXAMPLE.replace('"< 3h"', '"> 3h"'), "alerts.yml:9: rules[0].clear: '> 3h' must be on the other side"),
    ("clear beyond fire", EXAMPLE.replace('"< 3h"', '"< 5h"'), "alerts.yml:9: rules[0].clear: '< 5h' must be on the other side"),
    ("clear that touches fire", EXAMPLE.replace('"> 4h"', '">= 4h"').replace('"< 3h"', '"<= 4h"'), "alerts.yml:9: rules[0].clear: '<= 4h' must be on the other side"),
    ("a percentage of seconds", EXAMPLE.replace('"> 4h"', '"> 85%"').replace('    clear: "< 3h"\n', ""), "rules[0].fire: first_response_time.p90 is in s: a percentage does not fit"),
    ("a duration of a ratio", rule('clear: "< 1h"'), "alerts.yml:7: rules[0].clear: conversion_rate is in ratio: a duration does not fit"),
    ("an unknown field", rule("colour: red"), "alerts.yml:7: rules[0].colour: unknown field"),
    ("an unknown placeholder", rule('summary: "{nom}"'), "alerts.yml:7: rules[0].summary: unknown placeholder {nom}"),
    ("a placeholder with a format", rule('summary: "{value:.2f}"'), "unknown placeholder {value:.2f}"),
    ("an unknown match", rule("match: {colour: red}"), "alerts.yml:7: rules[0].match: unknown field colour"),
    ("Norway", rule("match: {country: NO}"), "alerts.yml:7: rules[0].match: YAML reads this as true or false"),
    ("a duration without unit", rule("for: 30"), "alerts.yml:7: rules[0].for: 30 is not a duration"),
    ("a missing field", rule("").replace("window: 7d", ""), "alerts.yml:2: rules[0].window: is missing"),
    ("two rules of one name", EXAMPLE.replace("routes:", EXAMPLE[8 : EXAMPLE.index("routes:")] + "routes:"), "'slow-first-response' is already the name of rules[0]"),
    ("a field given twice", rule("scope: kam"), "alerts.yml:7: rules[0].scope: given twice"),
    ("a gauge with a window", rule("").replace("conversion_rate", "open_tickets"), "alerts.yml:4: rules[0].window: open_tickets is a gauge"),
    ("a window KPI without one", rule("").replace("7d", "now"), "conversion_rate needs a window such as 7d"),
    ("a pipeline in hours", rule("").replace("conversion_rate", "weighted_pipeline").replace("7d", "24h"), "weighted_pipeline has windows in days only"),
    ("an unknown variable", EXAMPLE, "alerts.yml:18: routes[0].notify[0]: the variable PASSWORD is not set"),
    ("a deputy nobody knows", EXAMPLE.replace("kam-9:", "kam-8:"), "managers.kam-7.deputy: no manager 'kam-9'"),
    ("a silence that ends before it begins", EXAMPLE.replace('"2026-11-25', '"2026-11-20'), "silences[0].until: must be later than from"),
    ("a moment without offset", EXAMPLE.replace("24T00:00:00Z", "24T00:00:00"), "silences[0].from: '2026-11-24T00:00:00' has no offset"),
    ("quiet hours nowhere", EXAMPLE.replace("Europe/Paris", "Europe/Pari"), "alerts.yml:22: routes[0].quiet_hours: '19:00-08:00 Europe/Pari' is no quiet time"),
    ("a route to nobody", "routes:\n  - {match: {severity: info}}\n", "alerts.yml:2: routes[0]: tells nobody"),
    ("a section that is none", "rulez: []\n", "alerts.yml:1: rulez: unknown section"),
    ("no YAML at all", "rules:\n  - a: [1\n", "alerts.yml:3: "),
    ("a list", "- a\n", "alerts.yml:1: file: must have the sections"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_mistake_is_named_with_its_line(text: str, expected: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text, env={} if "PASSWORD is not" in expected else None)
    assert expected in str(caught.value)
    assert len(caught.value.problems) == 1, caught.value.problems


def test_all_mistakes_are_told_at_once() -> None:
    text = (
        EXAMPLE.replace('"> 4h"', '"soon"').replace("group_wait: 30s", "group_wait: soon").replace("reason", "raison")
    )
    with pytest.raises(RuleError) as caught:
        parse(text)
    assert [line.split(": ")[1] for line in caught.value.problems] == [
        "rules[0].fire", "routes[0].group_wait", "silences[0].raison", "silences[0].reason",
    ]  # fmt: skip


def test_an_address_that_cannot_be_sent_to_is_named_without_its_secret() -> None:
    with pytest.raises(RuleError, match=r"notify\[0\]: not an address") as caught:
        parse(EXAMPLE, env={"PASSWORD": "secret"}, check_url=lambda url: not url.startswith("mailto"))
    assert "secret" not in str(caught.value)


def test_a_window_that_is_not_computed_is_refused() -> None:
    with pytest.raises(RuleError, match="7d is not computed; the settings' windows are 30d"):
        parse(EXAMPLE, windows=["30d"])


def test_without_an_environment_the_variables_stay() -> None:
    assert "${PASSWORD}" in parse(EXAMPLE).routes[0].notify[0]


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="cannot be read: No such file"):
        load_rules(tmp_path / "none.yml", kpis=KPIS)


def test_an_empty_file_has_no_rules() -> None:
    assert parse("") == Ruleset()


CONDITIONS = [
    ("> 85%", 0.85, False),
    (">= 85%", 0.85, True),
    ("< 90s", 89.9, True),
    ("<= 2d", 172800.0, True),
    ("> 1 000 000", 1_000_001, True),
    ("< -0.5", -0.6, True),
]


@pytest.mark.parametrize(("text", "value", "holds"), CONDITIONS)
def test_a_condition_holds_on_its_side(text: str, value: float, holds: bool) -> None:
    assert condition(text).holds(value) is holds


SAID = [
    (3599.6, "s", "en", "1h"), (59.6, "s", "en", "1m"), (0, "s", "en", "0s"), (90061, "s", "en", "1d 1h"),
    (183600, "s", "fr", "2\u202fj 3\u202fh"), (0.625, "ratio", "fr", "62,5\u202f%"), (-0.0001, "ratio", "en", "0%"),
    (1234.5, "money", "en", "1,234 EUR"), (12.5, "money", "en", "12.5 EUR"), (12, "count", "en", "12"),
    (0.75, "per week", "en", "0.75 per week"), (-12.5, "points", "fr", "-12,5"), (None, "s", "fr", "aucune donnée"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "unit", "language", "text"), SAID)
def test_a_value_is_said_as_people_read_it(value: float, unit: str, language: str, text: str) -> None:
    assert say(value, unit, language=language) == text


def test_the_packaged_rules_fit_the_catalogue() -> None:
    known = measures(CATALOGUE)
    assert known["oldest_wait"] == Measure("s", "now")
    assert known["weighted_pipeline"] == Measure("money", "days")
    found = load_rules(None, kpis=known, windows=["24h", "7d", "30d", "90d", "365d"])
    assert len(found.rules) >= 12
    assert {rule.severity for rule in found.rules} == {"info", "warning", "critical"}
