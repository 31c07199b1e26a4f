"""`kamstream alerts` as a person uses it."""

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from kamstream.cli import alerts as command
from kamstream.cli.alerts import app
from kamstream.errors import UserError
from kamstream.live import Layout, connect
from tests.notify.support import FIRING

RULES = """
rules:
  - {name: waiting, kpi: oldest_wait, window: now, scope: account, fire: "> 4h", no_data: resolve}
"""
CASES = """
cases:
  - {name: it fires, rule: waiting, given: [{at: 0m, value: 5h}], expect: [{at: 0m, status: firing}]}
"""
OPENED = {
    "specversion": "1.0", "id": "1", "source": "crm", "type": "ticket.opened", "subject": "ACC-1",
    "time": "2026-01-01T00:00:00Z", "datacontenttype": "application/json",
    "data": {"ticket_id": "T1", "priority": "normal", "opened_by": "customer"},
}  # fmt: skip


def run(*args: str) -> None:
    app(list(args), standalone_mode=False)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own with the rules in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alerts.yml").write_text(RULES)
    (tmp_path / "cases.yml").write_text(CASES)
    return tmp_path


def test_check_counts_what_is_there_or_names_every_mistake(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("check", "alerts.yml")
    assert capsys.readouterr().out == "alerts.yml: 1 rules, 0 routes, 0 managers, 0 silences\n"
    (here / "alerts.yml").write_text(
        RULES.replace("4h", "4 h!") + "routes: [{notify: ['nothing://x', 'json://${HOST}']}]"
    )
    with pytest.raises(UserError) as caught:
        run("check", "alerts.yml")
    assert [line.split(": ")[:2] for line in str(caught.value).splitlines()] == [
        ["alerts.yml:3", "rules[0].fire"],
        ["alerts.yml:4", "routes[0].notify[0]"],
    ]


def test_cases_are_tested_and_a_failed_one_fails_the_command(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("test", "alerts.yml", "cases.yml")
    assert capsys.readouterr().out == "ok  it fires\n"
    (here / "cases.yml").write_text(CASES.replace("5h", "3h"))
    with pytest.raises(UserError, match="1 of 1 cases failed"):
        run("test", "alerts.yml", "cases.yml")
    assert "expected firing at 0s, got nothing more" in capsys.readouterr().out


def test_a_back_test_counts_what_would_have_fired(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A customer waits from midnight to six: above the four hours at 04:05, seen to be over at 06:05."""
    reply = OPENED | {
        "id": "2", "type": "ticket.replied", "time": "2026-01-01T06:00:00Z",
        "data": {"ticket_id": "T1", "by": "agent", "public": True},
    }  # fmt: skip
    later = OPENED | {"id": "3", "subject": "ACC-2", "time": "2026-01-01T06:30:00Z"}
    (here / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in (OPENED, reply, later)))
    run("backtest", "alerts.yml", "events.jsonl", "--json")
    out, err = capsys.readouterr()
    assert err == ""
    assert [json.loads(line) for line in out.splitlines()] == [
        {"by": "rule", "name": "waiting", "fired": 1, "active": 0, "flaps": 0, "clear_s": 7200},
        {"by": "manager", "name": "-", "fired": 1, "active": 0, "flaps": 0, "clear_s": 7200},
    ]


@pytest.mark.integration
def test_an_alert_is_listed_and_taken_on_and_a_silence_comes_and_goes(
    kafka: str, redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"KAFKA": kafka, "REDIS": redis_url, "PREFIX": prefix}.items():
        monkeypatch.setenv(f"KAMSTREAM_{name}", value)
    asyncio.run(_topic(kafka, f"{prefix}.alerts"))
    alert = dataclasses.replace(FIRING, alert_id="a1")
    connect(redis_url).hset(Layout(prefix).alerts, "a1", alert.to_json())

    run("list")
    assert "4h 12m" in (first := capsys.readouterr().out)
    assert "Ana" not in first
    run("ack", "a1", "--by", "Ana", "--note", "calling them")
    run("list", "--json")
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(one["alert_id"], one["acknowledged_by"]) for one in said] == [("a1", "Ana")]
    run("ack", "a1", "--undo")
    with pytest.raises(UserError, match="no alert a2 fires"):
        run("ack", "a2")

    run("silence", "account=ACC-1", "rule=slow", "--for", "2h", "--reason", "moving", "--by", "Ana")
    silence_id = capsys.readouterr().out.splitlines()[-1].split()[0]
    run("silence")
    assert f"{silence_id}  20" in (listed := capsys.readouterr().out)
    assert "account=ACC-1 rule=slow  moving" in listed
    run("silence", "--end", silence_id)
    capsys.readouterr()
    run("silence")
    assert capsys.readouterr().out == "No silence is set.\n"
    with pytest.raises(UserError, match="'colour=red' is no match"):
        run("silence", "colour=red")


async def _topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 2, 1)])
    await admin.close()


def test_the_list_is_worth_having_without_kafka(
    redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"KAFKA": "127.0.0.1:1", "REDIS": redis_url, "PREFIX": prefix}.items():
        monkeypatch.setenv(f"KAMSTREAM_{name}", value)
    run("list")
    assert capsys.readouterr().out == "No alert fires.\n"
    connect(redis_url).hset(Layout(prefix).alerts, "a1", FIRING.to_json())
    run("list")
    out, err = capsys.readouterr()
    assert "a1" in out
    assert "who took them on is not known: no Kafka" in err


def test_wrong_words_are_wrong_usage() -> None:
    for text in ("soon", "0"):
        with pytest.raises(UserError) as caught:
            command._duration(text)
        assert caught.value.exit_code == 2
