"""`kamstream why` from a file and from the topics: what it prints, and what it says of mistakes."""

import json
from pathlib import Path
from typing import Any

import pytest

from kamstream.cli import main as cli
from kamstream.publish import Publisher
from kamstream.publish.topics import create
from kamstream.settings import Settings


def event(type_: str, id_: str, time: str, account: str = "ACC-1", **data: Any) -> str:
    attributes = {"specversion": "1.0", "type": type_, "subject": account, "source": "crm", "id": id_, "time": time}
    return json.dumps(attributes | {"data": data})


EVENTS = (
    event("account.updated", "p1", "2026-01-01T00:00:00Z", name="Acme", kam_id="kam-7"),
    event("deal.opened", "o1", "2026-01-02T00:00:00Z", deal_id="d1", amount=100.5),
    event("deal.opened", "o2", "2026-01-02T00:00:00Z", deal_id="d2", amount=80, owner_id="bob"),
    event("deal.won", "w1", "2026-01-03T00:00:00Z", deal_id="d1", amount=120, currency="EUR"),
    event("deal.lost", "l2", "2026-01-04T00:00:00Z", deal_id="d2"),
    event("deal.opened", "o3", "2026-01-05T00:00:00Z", account="ACC-2", deal_id="d3"),
    event("deal.won", "w3", "2026-01-09T00:00:00Z", account="ACC-2", deal_id="d3", amount=7.25, currency="EUR"),
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(EVENTS))
    return str(path)


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr, as a shell would see them."""
    monkeypatch.setattr("sys.argv", ["kamstream", "why", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    code = left.value.code
    said = capsys.readouterr()
    return int(code or 0), said.out, said.err


@pytest.mark.parametrize(
    ("asked", "value", "arithmetic", "events"),
    [
        (
            ("--id", "ACC-1", "--field", "conversion_rate:90d"),
            (0.5, 2),
            "1 won / 2 won or lost = 0.5",
            [["crm/o1", "crm/w1"], ["crm/o2", "crm/l2"]],
        ),
        (
            ("--scope", "kam", "--id", "kam-7", "--field", "conversion_rate:90d"),
            (1.0, 1),
            "1 won / 1 won or lost = 1",
            [["crm/o1", "crm/w1"]],
        ),
        (
            ("--scope", "company", "--field", "revenue:7d"),
            (127.25, 2),
            "the amounts of 2 won deals together = 127.25",
            [["crm/o1", "crm/w1"], ["crm/o3", "crm/w3"]],
        ),
        (
            ("--id", "ACC-1", "--field", "conversion_rate:90d", "--as-of", "2026-01-03T12:00:00Z"),
            (1.0, 1),
            "1 won / 1 won or lost = 1",
            [["crm/o1", "crm/w1"]],
        ),
        (
            ("--id", "ACC-2", "--field", "deal_cycle_time.p90:7d"),
            (344_255.148, 1),
            "number 1 of 1 by duration took 345,600 s = 344,255.148 s in the table (within 1 %)",
            [["crm/o3", "crm/w3"]],
        ),
    ],
)
def test_json_gives_the_value_and_then_its_facts(
    asked: tuple[str, ...],
    value: tuple[float, int],
    arithmetic: str,
    events: list[list[str]],
    file: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, out, _ = run(capsys, monkeypatch, *asked, "--file", file, "--json")
    head, *facts = map(json.loads, out.splitlines())
    assert code == 0
    assert (head["value"], head["n"]) == value
    assert head["arithmetic"] == arithmetic
    assert [[cause["event"] for cause in fact["events"]] for fact in facts] == events


def test_the_previous_window_and_the_second_sums_stand_apart(
    file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    growth = ("--id", "ACC-1", "--field", "revenue_growth:3d", "--as-of", "2026-01-06T00:00:00Z")
    _, out, _ = run(capsys, monkeypatch, *growth, "--file", file, "--json")
    head, fact = map(json.loads, out.splitlines())
    assert (head["value"], head["n"], fact["part"]) == (-1.0, 1, "before")
    assert head["arithmetic"] == "0.00 / 120.00 in the window before - 1 = -1"


def test_a_pipe_gets_whole_lines_with_everything_in_them(
    file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out, _ = run(capsys, monkeypatch, "--id", "ACC-1", "--field", "conversion_rate:90d", "--file", file)
    assert "1 won / 2 won or lost = 0.5 (n 2, ratio)" in out
    lost = next(line for line in out.splitlines() if "crm/l2" in line)
    assert "bob" in lost
    assert "lost_amount 80" in lost
    assert "crm/o2 (deal.opened 2026-01-02T00:00:00Z), crm/l2 (deal.lost 2026-01-04T00:00:00Z)" in lost


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (("--id", "ACC-9", "--field", "revenue:90d"), 1, "no accepted event knows the account ACC-9"),
        (("--scope", "kam", "--id", "eve", "--field", "revenue:90d"), 1, "no accepted event knows the kam eve"),
        (("--id", "ACC-1", "--field", "turnover:90d"), 2, "'turnover' is no KPI"),
        (("--id", "ACC-1", "--field", "revenue"), 2, "name a window: revenue:90d"),
        (("--id", "ACC-1", "--field", "revenue:90x"), 2, "'90x' is no window"),
        (("--id", "ACC-1", "--field", "revenue:999d"), 2, "revenue:999d: horizon is 800 days"),
        (("--id", "ACC-1", "--field", "open_tickets:90d"), 2, "write open_tickets:now"),
        (("--id", "ACC-1", "--field", "weighted_pipeline:24h"), 2, "looks days ahead"),
        (("--field", "revenue:90d"), 2, "say whose value: --id"),
        (("--scope", "team", "--id", "x", "--field", "revenue:90d"), 2, "'team' is no scope"),
        (("--id", "ACC-1", "--field", "revenue:90d", "--as-of", "noon"), 2, "'noon' is no time"),
    ],
)
def test_a_mistake_is_one_clear_line(
    asked: tuple[str, ...],
    code: int,
    said: str,
    file: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left, out, err = run(capsys, monkeypatch, *asked, "--file", file)
    assert (left, out) == (code, "")
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.integration
def test_from_the_topics_it_tells_the_same_as_from_the_file(
    kafka: str, prefix: str, file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAMSTREAM_KAFKA", kafka)
    monkeypatch.setenv("KAMSTREAM_PREFIX", prefix)
    monkeypatch.setenv("KAMSTREAM_REDIS", "redis://127.0.0.1:1/0")
    settings = Settings.load(None, partitions=3)
    create(settings)
    with Publisher(settings) as publisher:
        assert not [refusal for line in EVENTS if (refusal := publisher.publish(line.encode()))]
    for asked in (
        ("--id", "ACC-1", "--field", "conversion_rate:90d", "--as-of", "2026-01-09T00:00:00Z"),
        ("--scope", "kam", "--id", "kam-7", "--field", "average_deal_size:30d"),
        ("--scope", "company", "--field", "revenue_growth:3d"),
    ):
        told = run(capsys, monkeypatch, *asked, "--json")
        assert told == run(capsys, monkeypatch, *asked, "--json", "--file", file)
        assert told[0] == 0
        assert len(told[1].splitlines()) > 1
