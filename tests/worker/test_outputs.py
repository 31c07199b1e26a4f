"""What the settings leave out of what is published is not made, and who asks for it is told so."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from kamstream.cli.dashboard import dashboard
from kamstream.cli.main import app
from kamstream.errors import UserError
from kamstream.events.topics import topic_names
from kamstream.live import LiveReader, connect
from kamstream.publish import Publisher
from kamstream.publish.topics import create
from kamstream.settings import Settings
from kamstream.worker.entry import config_of, real_parts
from tests.e2e.commands import Place
from tests.faults.truth import read_topic
from tests.goals.lines import write_history
from tests.worker.support.bench import wait_until


def test_everything_is_published_unless_the_settings_say_what(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().outputs == ("kpis", "scorecards", "updates")
    assert Settings.load(outputs=["kpis"]).outputs == ("kpis",)
    monkeypatch.setenv("KAMSTREAM_OUTPUTS", "updates, scorecards")
    assert Settings.load().outputs == ("updates", "scorecards")
    monkeypatch.setenv("KAMSTREAM_OUTPUTS", "")
    assert Settings.load().outputs == ()
    with pytest.raises(UserError, match=r"settings: outputs.0: .* 'kpis', 'scorecards' or 'updates'"):
        Settings.load(outputs=["scorecard"])


@pytest.mark.parametrize("output", ["kpis", "scorecards"])
def test_each_output_is_made_only_where_it_is_named(output: str) -> None:
    for outputs in ((output,), tuple({"kpis", "scorecards", "updates"} - {output})):
        settings = Settings.load(outputs=outputs)
        made = {"kpis": config_of(settings).tell_values, "scorecards": real_parts(settings, {}).board is not None}
        assert made[output] is (output in outputs)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("scorecard", "leave scorecards and goals out of Redis .outputs.; with --file they are computed from events"),
        ("goals", "leave scorecards and goals out of Redis .outputs.; with --file they are computed from events"),
        ("report --scope account --id A", "leave scorecards and goals out of Redis .outputs.; with --file the review"),
        ("kpis show --watch", "--watch follows the stream of updates, which the settings leave out .outputs."),
    ],
)
def test_who_asks_for_what_is_left_out_is_told_so(words: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMSTREAM_OUTPUTS", "")
    error = CliRunner().invoke(app, words.split()).exception
    assert isinstance(error, UserError)
    with pytest.raises(UserError, match=says):
        raise error


def test_a_dashboard_without_updates_says_how_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAMSTREAM_REDIS", f"unix://{tmp_path}/nothing.sock")
    for outputs, said in (("kpis", True), ("updates", False)):
        monkeypatch.setenv("KAMSTREAM_OUTPUTS", outputs)
        with pytest.raises(UserError, match="does not answer"):
            dashboard(host="127.0.0.1", port=0, stale_after=15.0, settings=None)
        assert ("the page reads 300 ids a second" in capsys.readouterr().err) is said


@pytest.mark.integration
@pytest.mark.timeout(120)
def test_a_worker_with_no_outputs_writes_tables_and_nothing_beside_them(
    kafka: str, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    file = tmp_path / "kamstream.toml"
    connection = f'prefix = "{prefix}"\npartitions = 2\nkafka = "{kafka}"\nredis = "{redis_url}"\nclock = "event"\n'
    file.write_text(connection + "outputs = []\n")
    settings = Settings.load(file)
    create(settings)
    with Publisher(settings) as publisher:
        for line in Path(write_history(tmp_path / "history.jsonl")).read_bytes().splitlines():
            assert publisher.publish(line) is None
    reader = LiveReader(connect(redis_url), prefix)
    with Place(file, reader).worker():
        wait_until(lambda: len(reader.ids("company")) == 1 and len(reader.ids("account")) == 2, 60)
    assert [key for kind in ("scorecard", "goals", "updates") for key in _keys(reader, f"{prefix}:{kind}*")] == []
    assert list(read_topic(kafka, (topic_names(prefix).kpis,))) == []


def _keys(reader: LiveReader, pattern: str) -> list[str]:
    return [str(key) for key in reader._client.scan_iter(pattern)]
