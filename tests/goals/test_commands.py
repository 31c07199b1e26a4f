"""The commands over a small history, with answers worked out by hand from ``lines.py``."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kamstream.cli.main import app
from kamstream.errors import UserError
from kamstream.settings import Settings
from tests.goals.lines import write_history

SETTINGS = """
windows = ["30d", "90d", "qtd"]

[stage_probabilities]  # guesses
"Pitch" = 0.2

[[targets]]
scope = "kam"
id = "ann"
kpi = "revenue"
window = "qtd"
target = 60000
shared = true

[[targets]]
scope = "company"
id = "all"
kpi = "weighted_pipeline"
window = "30d"
target = "15000"

[scorecard.finance]
measures = [
  { kpi = "revenue", window = "qtd", worst = 0, best = 60000, weight = 3 },
  { kpi = "conversion_rate", window = "90d", worst = "20%", best = "60%" },
  { kpi = "gross_margin", window = "90d", worst = 0, best = 0.5, weight = 9 },
]
[scorecard.customer]
weight = 2
measures = [{ kpi = "oldest_wait", worst = "2d", best = "1h" }, { kpi = "nps", window = "90d", worst = 0, best = 50 }]

# pay
[pay]
base = 60000
share = "20%"
points = [["50%", 0], [1, 1], [1.5, 2]]
goals = [{ kpi = "revenue", weight = 3 }, { kpi = "nps", window = "90d", target = 50 }]
[pay.kams.bob]
base = 36000
goals = [{ kpi = "revenue", target = 1000 }]
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command over the history with the settings, in a directory of its own; what it prints."""
    (tmp_path / "kamstream.toml").write_text(SETTINGS)
    history = write_history(tmp_path / "history.jsonl")
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, [*words, "--file", history], catch_exceptions=True)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_the_goals_of_a_kam_with_their_pace(run: Any) -> None:
    (row,) = [json.loads(line) for line in run("goals", "--scope", "kam", "--id", "ann", "--json").splitlines()]
    # 54.5 of 92 days have passed: 30,000 × 92 / 54.5
    assert (row["value"], row["attainment"], row["met"], row["shared"]) == (30_000, 0.5, False, True)
    assert row["pace"] == pytest.approx(30_000 * 92 / 54.5)
    said = run("goals", "--scope", "kam", "--id", "ann")
    assert "€30,000 of €60,000, attained 50.0%, heading for €50,642, shared with the client" in said


def test_the_goals_of_an_account_come_from_its_profile(run: Any) -> None:
    rows = [json.loads(line) for line in run("goals", "--scope", "account", "--id", "A", "--json").splitlines()]
    assert [(row["kpi"], row["value"], row["attainment"], row["shared"]) for row in rows] == [
        ("nps", 100, 2.5, True),
        ("revenue", 30_000, 0.6, True),
    ]
    assert "has no goals" in run("goals", "--scope", "account", "--id", "B")


def test_the_scorecard_names_every_contribution(run: Any) -> None:
    card = json.loads(run("scorecard", "--scope", "kam", "--id", "ann", "--json"))
    measures = {
        m["kpi"]: (m["score"], m["share"], m["contribution"]) for p in card["perspectives"] for m in p["measures"]
    }
    # revenue 30,000 of 60,000 → 50; one of one deal won → 100; no cost known, nobody waits; nps 100 → 100
    # weights 3, 1, (9), (2 × 1), 2 × 1: of 6
    assert measures == {
        "revenue": (50, 3 / 6, 25),
        "conversion_rate": (100, 1 / 6, pytest.approx(100 / 6)),
        "gross_margin": (None, None, None),
        "oldest_wait": (None, None, None),
        "nps": (100, 2 / 6, pytest.approx(100 / 3)),
    }
    assert card["score"] == pytest.approx(75)
    assert [p["score"] for p in card["perspectives"]] == [62.5, 100]
    said = run("scorecard", "--scope", "kam", "--id", "ann")
    assert said.startswith("kam ann, 2025-11-24T12:00:00Z: 75.0 of 100")
    assert "weight 50.0%, 25.0" in said


def test_the_scorecard_as_it_was(run: Any) -> None:
    card = json.loads(run("scorecard", "--scope", "kam", "--id", "ann", "--as-of", "2025-10-31T00:00:00Z", "--json"))
    assert (card["score"], card["as_of"]) == (0, "2025-10-31T00:00:00Z")  # nothing is won yet


def test_the_scorecard_month_by_month_is_what_it_was_then(run: Any) -> None:
    of = ("scorecard", "--scope", "kam", "--id", "ann", "--json")
    cards = [json.loads(line) for line in run(*of, "--months", "14").splitlines()]
    assert [card["as_of"] for card in cards[-3:]] == [
        "2025-09-30T23:59:59.999Z", "2025-10-31T23:59:59.999Z", "2025-11-24T12:00:00Z",
    ]  # fmt: skip
    assert len(cards) == 15
    scored = [card for card in cards if card["score"] is not None]  # ann had nothing to do with May 2025
    assert (
        {"2024-12-31T23:59:59.999Z", "2025-11-24T12:00:00Z"}
        < {card["as_of"] for card in scored}
        < {card["as_of"] for card in cards}
    )
    for card in scored:
        assert card == json.loads(run(*of, "--as-of", card["as_of"]))


def test_the_forecast_beside_the_year_before_and_what_is_overdue(run: Any) -> None:
    rows = [json.loads(line) for line in run("forecast", "show", "--json").splitlines()]
    month, quarter, late = rows
    # D2 20,000 × 25 %; D4 has no amount; the year before OLD was won on 1 December
    assert (month["window"], month["pipeline"], month["deals"]) == ("30d", 5_000, 2)
    assert (month["year_before"], month["year_before_deals"], month["target"]) == (7_000, 1, 15_000)
    assert month["attainment"] == pytest.approx(1 / 3)
    assert (quarter["window"], quarter["target"], quarter["attainment"]) == ("90d", None, None)
    assert late["overdue"] == {
        "account": "B", "deal": "D3", "owner": "ann", "stage": "Offer", "expected_on": "2025-11-01",
        "amount": 5_000, "probability": 0.5, "weighted": 2_500,
    }  # fmt: skip


def test_a_kam_has_the_forecast_of_own_deals_and_of_accounts(run: Any) -> None:
    ann = run("forecast", "show", "--scope", "kam", "--id", "ann")
    bob = run("forecast", "show", "--scope", "kam", "--id", "bob")
    assert "B/D3, €5,000 at 50%, Offer, ann" in ann
    assert "€5,000" in ann.splitlines()[2]
    assert "overdue" not in bob
    assert bob.splitlines()[2].split()[:3] == ["30d", "€0", "1"]  # D4, without an amount


def test_what_closed_deals_teach_is_written_and_the_rest_of_the_settings_stays(run: Any) -> None:
    printed = run("forecast", "learn", "--prior", "2", "--write")
    # Offer: OLD and D1, both won: (2 + 1) / (2 + 2); Talk: OLDER lost, D1 won: (1 + 1) / 4
    assert '"Offer" = 0.7500  # 2 of 2 won' in printed
    text = Path("kamstream.toml").read_text()
    assert tomllib.loads(text)["stage_probabilities"] == {"Offer": 0.75, "Talk": 0.5, "Pitch": 0.2}
    assert {**tomllib.loads(text), "stage_probabilities": 0} == {**tomllib.loads(SETTINGS), "stage_probabilities": 0}
    assert "# pay" in text
    run("forecast", "learn", "--prior", "2", "--write")
    assert Path("kamstream.toml").read_text() == text
    assert str(Settings.load().stage_probabilities["Offer"]) == "3/4"


def test_calibration_compares_what_was_expected_with_what_came(run: Any) -> None:
    rows = [json.loads(line) for line in run("forecast", "calibration", "--json").splitlines()]
    assert [row["deals"] for row in rows] == [0, 0, 0, 0, 0, 3, 0, 0, 0, 0]
    assert (rows[5]["expected"], rows[5]["won"]) == (0.5, pytest.approx(2 / 3))
    assert "3 closed deals: mean squared error 0.250" in run("forecast", "calibration")


def test_pay_of_a_quarter_that_runs(run: Any) -> None:
    said = run("pay", "--kam", "ann", "--period", "2025Q4", "--as-of", "2025-11-24T12:00:00Z")
    assert said.splitlines() == [
        "ann, 2025Q4 (2025-10-01 to 2025-12-31)",
        "base salary               60,000.00 a year × 1/4 = 15,000.00",
        "variable share            15,000.00 × 20 % = 3,000.00",
        "revenue:qtd               30000 of 60000 = 50 % attained → payout 0 % (up to 50 %)",
        "  part                    3,000.00 × weight 3/4 × 0 % = 0.00",
        "nps:90d                   100 of 50 = 200 % attained → payout 200 % (from 150 % on)",
        "  part                    3,000.00 × weight 1/4 × 200 % = 1,500.00",
        "variable pay              1,500.00",
        "as of 2025-11-24T12:00:00Z: the period is not over",
        "all amounts in EUR",
    ]


def test_pay_if_deals_came_in(run: Any) -> None:
    words = ("pay", "--kam", "ann", "--period", "2025Q4", "--as-of", "2025-11-24T12:00:00Z")
    said = json.loads(run(*words, "--what-if", "D2=won,B/D3=won:10000", "--json"))
    # 30,000 + 20,000 + 10,000 of 60,000: the whole of 3/4 × 3,000
    assert (said["pay"], said["what_if"]["pay"], said["final"]) == (1_500, 3_750, False)
    assert said["what_if"]["goals"][0]["value"] == 60_000
    assert "difference                +2,250.00" in run(*words, "--what-if", "D2=won", "--what-if", "B/D3=won:10000")
    lost = json.loads(run(*words, "--what-if", "D2=lost", "--json"))
    assert lost["what_if"]["pay"] == 1_500


def test_pay_of_a_period_that_is_over_is_final(run: Any) -> None:
    said = json.loads(run("pay", "--kam", "bob", "--period", "2025-10", "--as-of", "2025-12-01T00:00:00Z", "--json"))
    assert (said["as_of"], said["final"], said["base"], said["pay"]) == ("2025-10-31T23:59:59.999Z", True, 3_000, 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("pay", "--kam", "ann", "--period", "2025Q7"), "is no period"),
        (("pay", "--kam", "ann", "--period", "2025Q4", "--as-of", "2025-09-01T00:00:00Z"), "has not begun"),
        (("pay", "--kam", "ann", "--period", "2025Q4", "--what-if", "D2"), "write D1=won"),
        (("pay", "--kam", "ann", "--period", "2025Q4", "--what-if", "D9=won"), "no deal 'D9'"),
        (("pay", "--kam", "ann", "--period", "2025Q4", "--what-if", "D1=lost"), "stands won"),
        (("pay", "--kam", "ann", "--period", "2025Q4", "--what-if", "D4=won"), "write D4=won:12000"),
        (("pay", "--kam", "zoe", "--period", "2025Q4"), "no target.* for kam zoe, qtd"),
        (("pay", "--kam", "bob", "--period", "2025", "--as-of", "yesterday"), "is no time"),
        (("goals", "--scope", "kam"), "name the kam with --id"),
        (("scorecard", "--scope", "team", "--id", "x"), "is no scope"),
        (("scorecard", "--scope", "account", "--id", "Z"), "nothing is known of account 'Z'"),
    ],
)
def test_what_is_wrong_is_told(run: Any, words: tuple[str, ...], says: str) -> None:
    clock = () if "--as-of" in words or words[0] != "pay" else ("--as-of", "2025-11-24T12:00:00Z")
    with pytest.raises(UserError, match=says.replace("(", "\\(")):
        run(*words, *clock)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            '[[targets]]\nscope = "kam"\nid = "a"\nkpi = "revenue"\nwindow = "91d"\ntarget = 1',
            "targets: revenue: window",
        ),
        ('[scorecard.x]\nmeasures = [{ kpi = "npss", window = "90d", worst = 0, best = 1 }]', "'npss' is no KPI"),
        (
            '[scorecard.x]\nmeasures = [{ kpi = "sla_resolution", window = "90d", worst = 0, best = 1 }]',
            "scorecard: sla_resolution is not computed",
        ),
    ],
)
def test_a_goal_that_no_table_has_is_told(run: Any, wrong: str, says: str) -> None:
    Path("kamstream.toml").write_text(wrong)
    with pytest.raises(UserError, match=says):
        run("goals")
