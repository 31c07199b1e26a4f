"""The harness's own parts: what they let through, no run would find."""

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kamstream.engine import TableChange, Value
from kamstream.windows import to_text
from tests.faults import load, verdict
from tests.faults.crew import Crew
from tests.faults.kinds import KINDS, copy_data
from tests.faults.load import SHAPES, Load, Sending, settings_file, without_late_namesakes
from tests.faults.record import table
from tests.faults.truth import Truth
from tests.faults.verdict import Verdict


class Taken:
    """Stands in for a producer; ``values`` are those of the records it took."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []

    def send(self, topic: str, value: bytes | None, *_: Any, **__: Any) -> Any:
        self.values.append(value)
        return SimpleNamespace(get=lambda timeout: None)

    def close(self, timeout: float) -> None:
        """Nothing to close."""


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    made = Taken()
    monkeypatch.setattr(load, "KafkaProducer", lambda **_: made)
    return made


SENDINGS = [Sending("t", b"A", b"%d" % number) for number in range(100)]


def test_a_load_that_is_held_back_sends_a_tenth_and_the_rest_when_it_goes_on(taken: Taken) -> None:
    sending = Load("nowhere", SENDINGS, 0.5)
    sending.hold()
    sending.start()
    time.sleep(0.6)
    # A burst may go over the border by less than itself.
    assert 10 <= len(taken.values) < 60
    assert sending.is_alive()
    sending.go_on()
    sending.join(10)
    assert taken.values == [each.value for each in SENDINGS]


def test_what_was_held_back_comes_in_its_time(taken: Taken) -> None:
    sending = Load("nowhere", SENDINGS, 1.0)
    sending.hold()
    sending.start()
    time.sleep(1.2)
    begun = time.monotonic()
    sending.go_on()
    sending.join(10)
    assert 0.5 < time.monotonic() - begun < 5


def test_a_load_that_is_held_back_can_be_ended(taken: Taken) -> None:
    sending = Load("nowhere", SENDINGS, 0.5)
    sending.hold()
    sending.start()
    ending = threading.Thread(target=sending.finish)
    ending.start()
    ending.join(10)
    assert not sending.is_alive()
    assert len(taken.values) < 100


DAY = 86_400_000


def opened(number: int, day: int, deal: str) -> dict[str, Any]:
    time = to_text(1_700_000_000_000 + day * DAY)
    return {"id": f"z{number}-0", "subject": "A", "time": time, "data": {"deal_id": deal}}


def test_a_name_taken_again_long_after_is_left_out() -> None:
    first, soon, late = opened(1, 0, "e1"), opened(2, 10, "e1"), opened(3, 21, "e1")
    # What the first life itself says after a long gap stays.
    gap, other = {**opened(1, 40, "e1"), "id": "a1-1"}, opened(4, 30, "e4")
    assert without_late_namesakes([first, late, soon, gap, other], 10 * DAY) == [first, soon, gap, other]


def test_older_data_of_redis_takes_the_place_of_newer(tmp_path: Path) -> None:
    server, kept = tmp_path / "server", tmp_path / "kept"
    (server / "appendonlydir").mkdir(parents=True)
    (server / "redis.log").write_text("log")
    (server / "appendonlydir" / "a.1.incr.aof").write_text("old")
    copy_data(server, kept)
    (server / "appendonlydir" / "a.1.incr.aof").write_text("old and new")
    (server / "appendonlydir" / "a.2.incr.aof").write_text("new")
    copy_data(kept, server)
    there = {path.name: path.read_text() for path in server.rglob("*") if path.is_file()}
    assert there == {"redis.log": "log", "a.1.incr.aof": "old"}


def test_older_data_of_a_redis_6_is_a_single_file(tmp_path: Path) -> None:
    server, kept = tmp_path / "server", tmp_path / "kept"
    server.mkdir()
    (server / "appendonly.aof").write_text("old")
    copy_data(server, kept)
    (server / "appendonly.aof").write_text("old and new")
    copy_data(kept, server)
    assert (server / "appendonly.aof").read_text() == "old"


def test_who_takes_the_place_of_a_named_worker_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(
        "tests.faults.crew.Worker", lambda *_: SimpleNamespace(name=_[3].get("KAMSTREAM_INSTANCE_ID", ""))
    )
    crew = Crew(tmp_path, tmp_path / "kamstream.toml", {}, said.append)
    named = crew.start(KAMSTREAM_INSTANCE_ID="w1", KAMSTREAM_CRASH="after-apply:1")
    assert crew.replace(named).name == "w1"
    assert crew.replace(crew.start()).name == ""
    assert said[1] == "worker 2 starts KAMSTREAM_INSTANCE_ID=w1"


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ([("01", None, 0), ("02", 3.0, 2)], ""),
        ([("02", 3.0, 2), ("01", None, 0)], ""),  # a zombie's last words
        ([("02", None, 0), ("02", 3.0, 2)], ""),
        ([("01", 3.0, 2), ("02", None, 0)], "account A nps:7d was told as [(None, 0)] as of 02, not (3.0, 2)"),
        ([], "account A nps:7d was told as [] as of no T, not (3.0, 2)"),
    ],
)
def test_the_value_told_as_of_the_newest_time_is_the_one_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[tuple[str, float | None, int]], wrong: str
) -> None:
    path = tmp_path / "kamstream.toml"
    settings_file(path, SHAPES["wide"], "f")
    head = {"scope": "account", "id": "A", "kpi": "nps", "window": "7d"}
    rows = [{**head, "value": value, "n": n, "as_of": as_of} for as_of, value, n in said]
    records = [SimpleNamespace(value=json.dumps(row).encode()) for row in rows]
    monkeypatch.setattr(verdict, "read_topic", lambda *_: iter(records))
    truth = Truth(tables={("account", "A"): TableChange("account", "A", 0, {"nps:7d": Value(3, 2)}, full=True)})
    assert Verdict(path, None, "", time.sleep)._told(truth) == ([wrong] if wrong else [])


def test_every_kind_says_what_it_does_and_begins_with_workers() -> None:
    for name, (script, least, most) in KINDS.items():
        assert script.__doc__, name
        assert 1 <= least <= most, name


def test_the_table_counts_runs_by_kind_and_outcome(tmp_path: Path) -> None:
    runs = tmp_path / "runs.csv"
    runs.write_text(
        "at,commit,engine,kind,seed,workers,records,fail_stops,outcome,seconds,why\n"
        "x,y,old,pause,1,3,100,0,exact,9,\n"
        "x,y,old,pause,2,4,100,0,wrong,9,why\n"
    )
    lines = table(runs).splitlines()
    assert lines[2] == "| pause | 0 | 0 | 0 | 0 | 2 (1) | 7 | 200 |"
    assert lines[3] == lines[2].replace("pause", "all")


def test_scorecards_and_goals_are_held_against_the_true_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kamstream.toml"
    settings_file(path, SHAPES["wide"], "f")
    monkeypatch.setattr(verdict, "LATER", 0.0)
    judging = Verdict(path, None, "", time.sleep)
    values = {"nps:90d": Value(30, 4), "csat:90d": Value(None, 0)}
    truth = Truth(tables={("account", "A"): TableChange("account", "A", 0, values, full=True)})
    board = judging._settings.board()
    card = board.scorecard("account", "A", {"nps:90d": (30.0, 4)}, 0)
    assert any(measure["kpi"] == "nps" for part in card["perspectives"] for measure in part["measures"])
    reader = SimpleNamespace(scorecard=lambda *_: card, goals=lambda *_: [])
    monkeypatch.setattr(judging, "_reader", reader)
    assert judging.documents(truth) == []
    other = dict.fromkeys(("nps:90d", "conversion_rate:90d", "revenue:90d", "nps:365d"), (1.0, 1))
    reader.scorecard = lambda *_: board.scorecard("account", "A", other, 0)
    assert [line[:22] for line in judging.documents(truth)] == ["scorecard of account A"]
    reader.scorecard = lambda *_: None
    assert [line[:22] for line in judging.documents(truth)] == ["scorecard of account A"]
