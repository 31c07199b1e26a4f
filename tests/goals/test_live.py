"""Without a file the commands ask the installation: events come from the topics, documents from Redis."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kamstream.cli.main import app
from kamstream.errors import UserError
from kamstream.live import Layout, connect
from kamstream.publish import Publisher
from kamstream.publish.topics import create
from kamstream.settings import Settings
from tests.goals.lines import write_history
from tests.goals.test_commands import SETTINGS
from tests.goals.test_documents import BOARD, NOW, PROFILE, VALUES

pytestmark = pytest.mark.integration


def said(*words: str) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=True)
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_pay_and_forecast_of_the_topics_are_those_of_the_same_events_in_a_file(
    kafka: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    connection = f'prefix = "{prefix}"\npartitions = 4\nkafka = "{kafka}"\n'
    Path("kamstream.toml").write_text(connection + SETTINGS)
    history = write_history(tmp_path / "history.jsonl")
    settings = Settings.load()
    create(settings)
    with Publisher(settings) as publisher:
        for line in Path(history).read_bytes().splitlines():
            assert publisher.publish(line) is None
    as_of = ("--as-of", "2025-11-24T12:00:00Z")
    for words in (
        ("pay", "--kam", "ann", "--period", "2025Q4", "--what-if", "D2=won", *as_of),
        ("forecast", "show", "--scope", "kam", "--id", "ann", *as_of),
        ("forecast", "learn", *as_of),
    ):
        assert said(*words) == said(*words, "--file", history)


def test_scorecard_and_goals_are_shown_as_they_stand_in_redis(
    redis_url: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("kamstream.toml").write_text(f'prefix = "{prefix}"\nredis = "{redis_url}"\n')
    client, layout = connect(redis_url), Layout(prefix)
    for kind, text in BOARD.documents("account", "A", VALUES, PROFILE, NOW):
        assert text is not None
        client.set(layout.document(kind, "account", "A"), text)
    of = ("--scope", "account", "--id", "A")
    assert json.loads(said("scorecard", *of, "--json"))["score"] == 25
    assert said("scorecard", *of).startswith("account A, 2026-11-16T00:00:00Z: 25.0 of 100")
    assert [json.loads(line)["kpi"] for line in said("goals", *of, "--json").splitlines()] == [
        "revenue", "oldest_wait", "nps",
    ]  # fmt: skip
    assert "attained beyond measure" in said("goals", *of)
    with pytest.raises(UserError, match="Redis has no scorecard of account 'B'"):
        said("scorecard", "--scope", "account", "--id", "B")
