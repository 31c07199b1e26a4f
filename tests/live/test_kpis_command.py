"""`kamstream kpis`: the catalogue, rows and pages from a real Redis, and a feed that is visibly stale."""

import json
import time
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from kamstream.cli.kpis import Choice, Page, app, follow
from kamstream.dashboard.freshness import Freshness
from kamstream.engine import Value
from kamstream.errors import UserError
from kamstream.kpis import CATALOGUE
from kamstream.live import LiveReader, LiveTable, Meta, connect
from kamstream.local.server import Server
from tests.live.desk import T0, Desk, change

VALUES = {
    "oldest_wait__now": Value(11_520.25, 1),
    "conversion_rate__90d": Value(0.625, 8),
    "revenue__90d": Value(1_234_567, 5),
    "revenue__30d": Value(0, 0),
    "nps__90d": Value(None, 0),
}


@pytest.fixture
def desk(redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Desk:
    """Two accounts and the company in Redis, and settings that point there."""
    desk = Desk()
    desk.put(
        change("ACC-1", full=True, **VALUES),
        change("ACC-2", full=True, revenue__90d=Value(3.5, 1)),
        change("all", "company", full=True, revenue__90d=Value(1_234_570.5, 6)),
    )
    desk.writer(redis_url, prefix).project_all(desk.tables)
    monkeypatch.setenv("KAMSTREAM_REDIS", redis_url)
    monkeypatch.setenv("KAMSTREAM_PREFIX", prefix)
    monkeypatch.chdir(tmp_path)
    return desk


def run(*arguments: str) -> list[dict[str, object]]:
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_list_is_the_catalogue() -> None:
    rows = run("list")
    assert [row["kpi"] for row in rows] == [kpi.name for kpi in CATALOGUE]
    by_name = {row["kpi"]: row for row in rows}
    assert by_name["open_tickets"]["windows"] == ["now"]
    assert by_name["weighted_pipeline"]["windows"] == ["7d", "30d", "90d", "365d"]
    assert (by_name["revenue"]["unit"], by_name["revenue"]["better"]) == ("money", "higher")
    assert "weighted_pipeline" in CliRunner().invoke(app, ["list"]).stdout


@pytest.mark.integration
def test_rows_are_those_of_the_contract_nulls_included(desk: Desk) -> None:
    rows = run("show", "--scope", "account", "--id", "ACC-1")
    base = {"scope": "account", "id": "ACC-1", "as_of": "2026-11-24T14:20:00Z"}
    assert rows == [
        base | {"kpi": "oldest_wait", "window": "now", "value": 11_520.25, "n": 1, "unit": "s"},
        base | {"kpi": "conversion_rate", "window": "90d", "value": 0.625, "n": 8, "unit": "ratio"},
        base | {"kpi": "revenue", "window": "30d", "value": 0, "n": 0, "unit": "money"},
        base | {"kpi": "revenue", "window": "90d", "value": 1_234_567, "n": 5, "unit": "money"},
        base | {"kpi": "nps", "window": "90d", "value": None, "n": 0, "unit": "points"},
    ]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        ([], [("ACC-1", 5), ("ACC-2", 1), ("all", 1)]),
        (["--scope", "company"], [("all", 1)]),
        (["--kpi", "revenue,nps", "--id", "ACC-1"], [("ACC-1", 3)]),
        (["--window", "30d", "--id", "ACC-1"], [("ACC-1", 2)]),  # the gauge comes with any window
    ],
)
def test_flags_choose_rows(flags: list[str], shown: list[tuple[str, int]], desk: Desk) -> None:
    ids = [row["id"] for row in run("show", *flags)]
    assert [(id, ids.count(id)) for id in dict.fromkeys(ids)] == shown


@pytest.mark.integration
def test_the_page_is_readable_and_says_that_no_worker_reports(desk: Desk) -> None:
    shown = CliRunner().invoke(app, ["show", "--id", "ACC-1"], env={"COLUMNS": "160"}).stdout
    for part in ("ACC-1 · Name of ACC-1", "3h 12m", "62.5%", "€1,234,567", "—", "n 8", "No worker has reported"):
        assert part in shown, part


@pytest.mark.integration
@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--scope", "region"], 2, "'region' is no scope"),
        (["--kpi", "profit"], 2, "'profit' is no KPI"),
        (["--window", "90x"], 2, "'90x' is no window"),
        (["--id", "ACC-9"], 1, "no live table for ACC-9"),
        (["--redis", "redis://127.0.0.1:1/0"], 1, "does not answer"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(flags: list[str], code: int, message: str, desk: Desk) -> None:
    with pytest.raises(UserError, match=message) as refusal:
        CliRunner().invoke(app, ["show", *flags], catch_exceptions=False)
    assert (refusal.value.exit_code, "\n" in str(refusal.value)) == (code, False)


HEALTH = {"T": T0, "lag": 0, "events_per_second": 1, "last_flush": T0, "state": "live"}


@pytest.mark.integration
@pytest.mark.parametrize(("silence", "stale"), [(0, False), (14, False), (16, True), (7200, True)])
def test_a_worker_that_fell_silent_makes_the_page_stale(
    silence: int, stale: bool, desk: Desk, redis_url: str, prefix: str
) -> None:
    desk.writer(redis_url, prefix, epoch=2, now=lambda: time.time() - silence).health(HEALTH)
    shown = CliRunner().invoke(app, ["show", "--id", "ACC-1"], env={"COLUMNS": "160"}).stdout
    first = shown.splitlines()[0]
    assert first.startswith("account ACC-1") is not stale, first
    said = CliRunner().invoke(app, ["show", "--id", "ACC-1", "--json"]).stderr
    assert (said == "") is not stale


@pytest.mark.integration
def test_watching_shows_a_change_then_an_outage_then_the_return(own_redis: Server) -> None:
    desk = Desk()
    desk.put(change("ACC-1", full=True, revenue__90d=Value(5, 1)))
    writer = desk.writer(own_redis.address, "kam", now=time.time)
    writer.project_all(desk.tables)
    writer.health(HEALTH)
    seen: list[tuple[object, str]] = []

    def draw(tables: list[LiveTable], feed: Freshness) -> None:
        page = tables[0].values["revenue:90d"].value, feed.state
        if page in seen[-1:]:
            return
        seen.append(page)
        if page == (5, "live"):
            writer.write(desk.put(change("ACC-1", revenue__90d=Value(6, 2))))
        elif page == (6, "live") and len(seen) == 2:
            own_redis.stop()
        elif page == (6, "away"):
            own_redis.start()

    choice = Choice(("account",), (), (), ())
    reader = LiveReader(connect(own_redis.address), "kam")
    deadline = time.monotonic() + 30
    follow(reader, choice, draw, until=lambda: len(seen) == 4 or time.monotonic() > deadline)
    assert seen == [(5, "live"), (6, "live"), (6, "away"), (6, "live")]


def test_stale_values_are_dim_on_the_page() -> None:
    table = LiveTable("account", "A", {"revenue:90d": Value(7, 1)}, Meta(T0, T0, 1))
    page = Page(Choice(("account",), (), (), ()), "EUR")
    dim = [
        segment.style is not None and bool(segment.style.dim)
        for feed in (Freshness("live", "", ""), Freshness("stale", "Stale", "Stale for 2h"))
        for segment in Console(width=80).render(page.render([table], feed))
        if "€7" in segment.text
    ]
    assert dim == [False, True]
