"""The published answers of a real data set come out of ``publish`` → Kafka → worker → Redis, and of ``compute``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data import crm
from tests.e2e.commands import Place, awaited, place

SETTINGS = """
reporting_currency = "USD"
windows = ["92d", "365d"]
clock = "event"
"""
WON, LOST, REVENUE = 4238, 2473, 10_005_534.0


@pytest.fixture
def crm_file(tmp_path: Path) -> Path:
    """The data set as a file of events; what cannot be an event is counted."""
    events, left_out = crm.events()
    assert left_out == {"no account": 1088, "no engage date": 163, "no account, no engage date": 337}
    file = tmp_path / "crm.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    return file


def check(rows: dict[tuple[str, str, str, str], tuple[float | None, int]]) -> None:
    """The published figures, and those counted from the file per account and per agent."""
    company = {(kpi, window): pair for (scope, _, kpi, window), pair in rows.items() if scope == "company"}
    assert company["conversion_rate", "92d"] == (1196 / 1985, 1985)
    assert company["revenue", "92d"] == (2_802_496.0, 1196)
    assert company["revenue", "365d"] == (REVENUE, WON)
    for scope, column in (("account", "account"), ("kam", "sales_agent")):
        expected = crm.expected(column)
        assert {id for s, id, _, _ in rows if s == scope} == set(expected)
        for id, (won, lost, revenue) in expected.items():
            assert rows[scope, id, "revenue", "365d"] == (float(revenue), won)
            assert rows[scope, id, "conversion_rate", "365d"][1] == won + lost


def test_compute_gives_the_published_answers(tmp_path: Path, crm_file: Path) -> None:
    settings = tmp_path / "kamstream.toml"
    settings.write_text(SETTINGS)
    here = Place(settings, None)  # type: ignore[arg-type] # compute needs no Redis
    check(here.rows("compute", str(crm_file)))


@pytest.mark.integration
def test_the_worker_gives_the_published_answers(
    tmp_path: Path, crm_file: Path, kafka: str, redis_url: str, prefix: str
) -> None:
    here = place(tmp_path, kafka, redis_url, prefix, SETTINGS)
    assert here.run("topics", "create").returncode == 0
    published = here.run("publish", str(crm_file))
    assert (published.returncode, published.stderr) == (0, "")
    with here.worker():
        awaited(lambda: live_like_computed(here, crm_file), "Redis to equal compute")
    check(here.rows("kpis", "show"))


def live_like_computed(here: Place, crm_file: Path) -> bool:
    """Whether every value and n in Redis equals that of ``compute``."""
    (table,) = here.reader.tables("company", ["all"]) or [None]
    if table is None or table.values["revenue:365d"] != (REVENUE, WON):
        return False
    return here.rows("kpis", "show") == here.rows("compute", str(crm_file))
