"""A review's material by hand, small enough to work everything out that a page says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kamstream.alerts import AlertRecord
from kamstream.engine import Value
from kamstream.goals import Board, Card, Goal, Measure, Perspective
from kamstream.report import Earlier, Life, LookBack, Material, OpenDeal, Outlook, Subject
from kamstream.windows import DAY, parse, to_ms

NOW = to_ms("2026-11-24T14:20:00Z")
NAME = 'Smith & <script>alert("x")</script> Söhne'
CARD = Card(
    (
        Perspective("finance", 1, (Measure("revenue", "90d", 0, 100_000, 3),)),
        Perspective("process", 1, (Measure("response_time.p90", "90d", 86_400, 0), Measure("nps", "90d", 0, 50))),
    )
)
VALUES = {
    "revenue:90d": Value(80_000.0, 12),
    "response_time.p90:90d": Value(43_200.0, 40),
    "nps:90d": Value(None, 0),
    "conversion_rate:90d": Value(0.625, 8),
    "open_tickets:now": Value(3, 3),
    "weighted_pipeline:90d": Value(1_234_567.0, 4),
}
BEFORE = {
    "revenue:90d": Earlier(64_000.0, 10),
    "response_time.p90:90d": Earlier(21_600.0, 38),
    "nps:90d": Earlier(20.0, 5),
    "conversion_rate:90d": Earlier(0.5, 4),
    "open_tickets:now": Earlier(3, 3),
}
GOALS = [Goal("revenue", "90d", 100_000, shared=True), Goal("response_time.p90", "90d", 50_000)]


def alert(alert_id: str, **fields: Any) -> AlertRecord:
    """A transition of an alert about the account's response time."""
    known: dict[str, Any] = {"alert_id": alert_id, "rule": "r", "scope": "account", "id": "A-1", "n": 40}
    known |= {"status": "firing", "value": 43_200, "threshold": 28_800, "kpi": "response_time.p90", "window": "90d"}
    known |= {"since": NOW - 3 * DAY, "at": NOW - 3 * DAY, "severity": "critical", "summary": "", "unit": "s"}
    return AlertRecord(**(known | {"reason": "threshold", "name": NAME, "kam_id": "kam-1"} | fields))


def material(**changes: Any) -> Material:
    """The whole of it, but for ``changes``."""
    board = Board(CARD, {("account", "A-1"): GOALS})
    week = [(NOW / 1000 - 7 * 86_400 * back, 64_000.0 + 2_000 * (8 - back)) for back in range(8, -1, -1)]
    over = alert("b", kpi="oldest_wait", window="now", status="resolved", reason="no-data", severity="warning",
                 at=NOW - 5 * DAY)  # fmt: skip
    today = NOW // DAY
    return replace(
        Material(
            subject=Subject("account", "A-1", NAME, "Amélie <b>Laurent</b>", "industry", "key", "DE"),
            as_of=NOW,
            window=parse("90d"),
            currency="EUR",
            values=VALUES,
            card=board.scorecard("account", "A-1", VALUES, NOW),
            goals=[one.said() for one in board.progress("account", "A-1", VALUES, None, NOW)],
            back=LookBack(BEFORE, {"revenue:90d": week}, to_ms("2024-01-01T00:00:00Z")),
            alerts=[
                Life(alert("a"), 43_200, NOW - 3 * DAY, None),
                Life(over, 50_000, NOW - 5 * DAY - 7_200_000, NOW - 5 * DAY),
            ],
            outlooks=[Outlook("90d", 1_234_567.0, 4, 500_000.0, 7, 1_000_000.0, 1.234567)],
            deals=[
                OpenDeal("A-1", NAME, "D-<late>", None, "Offer", today - 9, 5_000.0, 0.5, 2_500.0, True),
                OpenDeal("A-1", NAME, "D-2", None, None, today + 30, None, 0.25, 0.0, False),
            ],
        ),
        **changes,
    )


def empty() -> Material:
    """An account of which nothing is known but its name."""
    values = {field: Value(None if "rate" in field or "." in field else 0, 0) for field in VALUES}
    board = Board(CARD, {})
    card = board.scorecard("account", "A-1", {}, NOW)
    return material(
        subject=Subject("account", "A-1", "Nobody"), values=values, card=card, goals=[], back=LookBack({}, {}),
        alerts=[], outlooks=[], deals=None,
    )  # fmt: skip
