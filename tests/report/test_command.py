"""The command over a small history, with answers worked out by hand from ``tests/goals/lines.py``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kamstream.cli.main import app
from kamstream.engine import Config
from kamstream.engine.offline import Offline
from kamstream.errors import UserError
from kamstream.events import Decoder, Event
from kamstream.live import Layout, connect
from kamstream.publish import Publisher
from kamstream.publish.topics import create
from kamstream.report import look_back
from kamstream.settings import Settings
from kamstream.windows import DAY, parse, to_ms
from tests.dashboard.seed import Seed
from tests.goals.lines import write_history
from tests.goals.test_commands import SETTINGS
from tests.report.reading import Page

ALERTS = """
rules:
  - name: poor-conversion
    kpi: conversion_rate
    window: 30d
    scope: account
    fire: "< 50%"
  - name: no-revenue
    kpi: revenue
    window: 30d
    scope: account
    fire: "< 1"
managers:
  ann: {name: "Ann Archer", language: en, notify: []}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A directory with settings, rules and a history; the history's name."""
    (tmp_path / "kamstream.toml").write_text('alerts_file = "alerts.yml"\n' + SETTINGS)
    (tmp_path / "alerts.yml").write_text(ALERTS)
    monkeypatch.chdir(tmp_path)
    return write_history(tmp_path / "history.jsonl")


def run(*words: str) -> Any:
    """What a command did; its error is raised."""
    result = CliRunner().invoke(app, ["report", *words], catch_exceptions=True)
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def test_the_review_of_an_account_out_of_a_file(here: str) -> None:
    assert run("--id", "A", "--file", here).stdout == "review-account-A-2025-11-24.html\n"
    read = Page(Path("review-account-A-2025-11-24.html").read_text(encoding="utf-8"))
    assert "Acme Account manager Ann Archer Number A Period 27 August 2025 to 24 November 2025" in read.text
    # D1 won at 30,000; nothing in the 90 days before; the only other win was on 1 December 2024
    assert "Revenue Amount of the deals won €30,000 1 €0 0" in read.sections["figures"]
    assert "quarter to date agreed with the client €30,000 1 at least €50,000 60% €50,642" in read.sections["goals"]
    assert "30 days €5,000 1 €7,000 1 — —" in read.sections["outlook"]  # D2: 20,000 × 25 %
    assert "D2 — 10 Dec 2025 €20,000 25% €5,000" in read.sections["deals"]
    # No revenue in the 30 days up to 10 November, when D1 was won, since the last win left them in December 2024.
    assert "Revenue 30 days ◆ warning €0 €1" in read.sections["alerts"]
    assert "10 Nov, 08:00" in read.sections["alerts"]
    assert "late" not in read.sections


def test_the_reviews_of_a_kam_and_of_the_company(here: str) -> None:
    kam = Page(run("--scope", "kam", "--id", "ann", "--file", here, "--lang", "fr", "--out", "-").stdout)
    assert "Revue de portefeuille Ann Archer" in kam.text
    assert "D3 Bolt Offer 1er nov. 2025 23 j 5 000 € 50 % 2 500 €" in kam.sections["late"]
    company = Page(run("--scope", "company", "--file", here, "--out", "-").stdout)
    assert "D4 Bolt Talk 1 Dec 2025 — 50% €0" in company.sections["deals"]
    assert "Revenue 30 days Bolt ◆ warning" in company.sections["alerts"]


def test_the_review_as_it_was(here: str) -> None:
    read = Page(run("--id", "A", "--file", here, "--out", "-", "--as-of", "2025-11-09T00:00:00Z").stdout)
    assert "As of 9 Nov 2025, 00:00 UTC" in read.text
    assert "Revenue Amount of the deals won €0 0" in read.sections["figures"]
    assert "D1 Offer — €10,000 50% €5,000" in read.sections["deals"]
    active = read.sections["alerts"].partition("Resolved")[0]
    assert "Revenue 30 days ◆ warning" in active


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--id", "A", "--lang", "de", "--file", "x"), 2, "write en or fr"),
        (("--file", "x"), 2, "name the account"),
        (("--scope", "team", "--id", "x"), 2, "is no scope"),
        (("--id", "A", "--window", "91d", "--file", "x"), 2, "not among the settings' windows"),
        (("--id", "A", "--as-of", "2025-11-09T00:00:00Z"), 2, "needs --file"),
        (("--id", "A", "--file", "nowhere.jsonl"), 1, "nowhere.jsonl"),
        (("--id", "Z", "--file", "history.jsonl"), 1, "nothing is known of account 'Z'"),
        (("--id", "A", "--file", "history.jsonl", "--out", "no/where.html"), 1, "cannot write no/where.html"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(here: str, words: tuple[str, ...], code: int, says: str) -> None:
    with pytest.raises(UserError, match=says) as refused:
        run(*words)
    assert refused.value.exit_code == code
    assert "\n" not in str(refused.value)


def test_the_previous_window_is_what_the_engine_says_of_its_end() -> None:
    events = [
        event({"id": str(n), "type": "deal.opened", "subject": "A", "time": to_ms("2025-01-01T00:00:00Z") + n * DAY},
              {"deal_id": f"D{n}", "amount": 1000 + n, "currency": "EUR"})
        for n in range(200)
    ]  # fmt: skip
    events += [
        event({"id": f"w{n}", "type": "deal.won", "subject": "A", "time": to_ms("2025-01-03T09:00:00Z") + n * DAY},
              {"deal_id": f"D{n}", "amount": 1000 + n, "currency": "EUR"})
        for n in range(0, 200, 3)
    ]  # fmt: skip
    now, window = events[-1].time, parse("30d")
    back = look_back(events, Config(windows=(window,)), "account", "A", now, window, ["revenue:30d"])
    ends = (now // DAY - 29) * DAY - 1
    then = Offline(Config(windows=(window,)), until=ends)
    for one in events:
        then.apply(one)
    then.settle()
    expected = then.engine.table("account", "A").values
    assert expected["revenue:30d"].n == 10
    for name in ("revenue:30d", "conversion_rate:30d", "average_deal_size:30d", "revenue_growth:30d"):
        assert tuple(back.before[name]) == tuple(expected[name])
    # A win that was amended since then counts as it is known now.
    late = event({"id": "late", "type": "deal.updated", "subject": "A", "time": now}, {"deal_id": "D150", "amount": 9})
    again = look_back([*events, late], Config(windows=(window,)), "account", "A", now, window, [])
    assert again.before["revenue:30d"].value == expected["revenue:30d"].value - 1150 + 9  # type: ignore[operator]
    assert again.before["revenue_growth:30d"] == back.before["revenue_growth:30d"]
    # Charts begin once the events reach back over the whole window.
    assert back.histories["revenue:30d"][0][0] * 1000 >= to_ms("2025-01-30T00:00:00Z")


def event(envelope: dict[str, Any], data: dict[str, Any]) -> Event:
    """An event, decoded as from a line."""
    said = {"specversion": "1.0", "source": "crm", **envelope, "data": data}
    seconds, rest = divmod(envelope["time"], 1000)
    said["time"] = datetime.fromtimestamp(seconds, UTC).strftime(f"%Y-%m-%dT%H:%M:%S.{rest:03}Z")
    found = Decoder(Settings().decoding()).decode_line(json.dumps(said).encode(), now=2**42)
    assert isinstance(found, Event), found
    return found


@pytest.mark.integration
def test_the_live_review_reads_redis_and_says_what_that_does_not_keep(
    here: str, redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(redis_url, prefix, monkeypatch, kafka="127.0.0.1:1")
    result = run("--id", "A", "--out", "-")
    assert "single deals and some comparisons are left out" in result.stderr
    read = Page(result.stdout)
    assert "Revenue Amount of the deals won €30,000 3 €20,000 — +50% ▲ better" in read.sections["figures"]
    assert (
        "NPS Share of promoters minus share of detractors in surveys, from −100 to 100 40 9 — — —"
        in (read.sections["figures"])
    )
    assert "Conversion rate 30 days ▲ critical 20% 8 50%" in read.sections["alerts"]
    assert "Single deals are not kept" in read.sections["deals"]
    quiet = run("--id", "A", "--out", "-", "--only-redis")
    assert (quiet.stderr, quiet.stdout) == ("", result.stdout)
    with pytest.raises(UserError, match="Redis has no table of account 'B'"):
        run("--id", "B")


@pytest.mark.integration
def test_the_live_review_takes_from_the_topics_what_redis_does_not_keep(
    here: str, kafka: str, redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(redis_url, prefix, monkeypatch, kafka=kafka)
    settings = Settings.load()
    create(settings)
    with Publisher(settings) as publisher:
        for line in Path(here).read_bytes().splitlines():
            assert publisher.publish(line) is None
    result = run("--id", "A", "--out", "-")
    assert result.stderr == ""
    read = Page(result.stdout)
    assert "D2 — 10 Dec 2025 €20,000 25% €5,000" in read.sections["deals"]
    assert "Revenue Amount of the deals won €30,000 3 €0 0" in read.sections["figures"]


def live(redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch, kafka: str) -> None:
    """Live tables of the account A as a worker would have written them, and the addresses as variables."""
    for name, value in (("REDIS", redis_url), ("PREFIX", prefix), ("KAFKA", kafka), ("PARTITIONS", "4")):
        monkeypatch.setenv(f"KAMSTREAM_{name}", value)
    client = connect(redis_url)
    seed, layout = Seed(client, prefix), Layout(prefix)
    words = {"as_of": "2025-11-24T12:00:00Z", "name": "Acme", "kam_id": "ann"}
    fields: dict[str, tuple[float | None, int]] = {
        "revenue:90d": (30_000.0, 3), "nps:90d": (40.0, 9), "conversion_rate:30d": (0.2, 8),
    }  # fmt: skip
    seed.table("account", "A", fields, **words)
    day = to_ms("2025-08-20T00:00:00Z") // 1000
    seed.history("account", "A", "revenue:90d", [(day, 20_000.0), (day + 80 * 86_400, 30_000.0)])
    at = "2025-11-20T00:00:00Z"
    seed.alert("a", id="A", kpi="conversion_rate", value=0.3, threshold=0.5, severity="critical", summary="", since=at,
               at=at, unit="ratio")  # fmt: skip
    assert client.exists(layout.alerts)
