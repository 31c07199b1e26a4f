"""When the page says that its values are old."""

import pytest

from kamstream.dashboard.freshness import judge
from kamstream.live import Health
from tests.dashboard.make import health

NOW = 1_000_000


@pytest.mark.parametrize(
    ("name", "reports", "state", "words"),
    [
        ("all report", [health(0, NOW - 900), health(1, NOW)], "live", ""),
        ("at the limit", [health(0, NOW - 15_000)], "live", ""),
        ("beyond the limit", [health(0, NOW - 15_001)], "stale", "No update for 15s"),
        ("one of two silent", [health(0, NOW - 200_000), health(1, NOW)], "stale", "1 of 2 partitions silent for 3m"),
        ("moved to another worker", [health(0, NOW - 200_000), health(0, NOW, worker="v")], "live", ""),
        ("catching up", [health(0, NOW, state="catching-up", lag=1200), health(1, NOW)], "catching-up", "1,200 events"),
        ("recovering", [health(0, NOW, state="recovering")], "catching-up", "catching up"),
        ("silent while catching up", [health(0, 1, state="catching-up")], "stale", "silent"),
        ("no worker ever", [], "empty", "No worker has reported"),
    ],
)
def test_freshness(name: str, reports: list[Health], state: str, words: str) -> None:
    fresh = judge(reports, now=NOW, stale_after=15_000)
    assert fresh.state == state
    assert words in fresh.banner
    assert bool(fresh.banner) is (state != "live")
    assert fresh.stale is (state == "stale")


def test_redis_away_outweighs_what_was_last_read() -> None:
    fresh = judge([health(0, NOW)], now=NOW + 4000, stale_after=15_000, away_since=NOW, trouble="Redis is off")
    assert (fresh.state, fresh.label, fresh.stale) == ("away", "Stale, 4s", True)
    assert fresh.banner.startswith("Redis is off, for 4s now.")
    assert fresh.as_of == NOW
