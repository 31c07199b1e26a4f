"""The documents beside a table: what stands in Redis as scorecard and goals."""

from __future__ import annotations

import json

from kamstream.entities.fact import Profile
from kamstream.goals import Board, Card, Goal, Measure, Perspective
from kamstream.windows import to_ms

NOW = to_ms("2026-11-16T00:00:00Z")
CARD = Card(
    (
        Perspective(
            "finance", 1, (Measure("revenue", "mtd", 0, 40_000, 1, ("account",)), Measure("nps", "30d", 0, 50))
        ),
        Perspective("process", 1, (Measure("open_tickets", "now", 10, 0, 1, ("kam",)),)),
    )
)
BOARD = Board(CARD, {("account", "A"): [Goal("revenue", "mtd", 40_000), Goal("oldest_wait", "now", 3600)]})
VALUES = {"revenue:mtd": (10_000.0, 3), "nps:30d": (None, 0), "oldest_wait:now": (0.0, 1), "open_tickets:now": (5, 5)}
PROFILE = Profile("Acme", "ann", targets=(("nps", "30d", 40.0), ("revenue", "mtd", 1.0), ("gibberish", "30d", 1.0)))


def documents(scope: str, id: str, profile: Profile | None = None) -> dict[str, object]:
    return {
        kind: None if text is None else json.loads(text)
        for kind, text in BOARD.documents(scope, id, VALUES, profile, NOW)
    }


def test_goals_say_value_target_attainment_pace_and_whether_they_are_shared() -> None:
    goals = documents("account", "A", PROFILE)["goals"]
    assert goals == [
        {
            "kpi": "revenue", "window": "mtd", "target": 40_000, "value": 10_000, "attainment": 0.25, "pace": 20_000,
            "shared": False, "n": 3, "met": False, "pace_attainment": 0.5, "unit": "money", "better": "higher",
        },
        {  # nobody waits at all: better than any ratio
            "kpi": "oldest_wait", "window": "now", "target": 3600, "value": 0, "attainment": None, "pace": None,
            "shared": False, "n": 1, "met": True, "pace_attainment": None, "unit": "s", "better": "lower",
        },
        {  # of the profile; its other target is the settings' own, and one is of no KPI
            "kpi": "nps", "window": "30d", "target": 40, "value": None, "attainment": None, "pace": None,
            "shared": True, "n": 0, "met": None, "pace_attainment": None, "unit": "points", "better": "higher",
        },
    ]  # fmt: skip


def test_an_id_without_goals_has_no_goals_document() -> None:
    assert documents("kam", "ann")["goals"] is None


def test_each_scope_has_its_own_card() -> None:
    account, kam, company = (documents(scope, "A")["scorecard"] for scope in ("account", "kam", "company"))
    assert isinstance(account, dict)
    assert isinstance(kam, dict)
    assert isinstance(company, dict)
    assert (account["score"], kam["score"], company["score"]) == (25, 50, None)
    assert [one["name"] for one in account["perspectives"]] == ["finance"]
    assert (account["scope"], account["id"], account["as_of"]) == ("account", "A", "2026-11-16T00:00:00Z")
    assert kam["perspectives"][1]["measures"] == [
        {
            "kpi": "open_tickets", "window": "now", "value": 5, "n": 5, "worst": 10, "best": 0, "weight": 1,
            "score": 50, "share": 1, "contribution": 50,
        }
    ]  # fmt: skip


def test_a_change_concerns_an_id_when_its_card_or_a_goal_is_about_a_changed_field() -> None:
    cases = [
        ("account", "B", None, {"revenue:mtd"}, True),  # on the card of accounts
        ("kam", "ann", None, {"revenue:mtd"}, False),  # and not on that of KAMs
        ("kam", "ann", None, {"open_tickets:now"}, True),
        ("account", "A", None, {"oldest_wait:now"}, True),  # a goal of A
        ("account", "B", None, {"oldest_wait:now"}, False),
        ("account", "B", Profile("B", "ann", targets=(("oldest_wait", "now", 60.0),)), {"oldest_wait:now"}, True),
        ("account", "A", None, set(), False),
    ]
    for scope, id, profile, changed, concerned in cases:
        assert BOARD.concerns(scope, id, profile, changed) is concerned, (scope, id, changed)
