"""What the benchmarks lean on, without a broker: the other contenders' arithmetic, what processes cost, the report."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kamstream.events import Decoder, Event
from kamstream.live.layout import number
from tests.benchmarks import corejob, proc, recovery, report
from tests.benchmarks.truth import settings

sys.path.insert(0, str(Path(__file__).with_name("apps")))
import logic

EVENTS = [line for _, line in corejob.events(4_000, 40)]


def test_the_other_contenders_compute_what_the_engine_computes():
    from kamstream.engine.past import Past

    chosen = settings()
    decode, past = Decoder(chosen.decoding()).decode_line, Past(chosen.config())
    panes: dict[str, tuple[dict, dict]] = {}
    entities: dict[tuple[str, str], list] = {}
    seen: set[tuple[str, str]] = set()
    for line in EVENTS:
        event = decode(line, now=1 << 50)
        assert isinstance(event, Event)
        past.apply(event)
        if (event.account, event.id) in seen:
            continue
        seen.add((event.account, event.id))
        data = json.loads(line)["data"]
        todo = [((logic.INTERACTION, event.time, 0), 1)] if event.type == "interaction.logged" else []
        if key := logic.entity_of(event.type, data):
            records = entities.setdefault((event.account, key), [])
            todo += logic.changes(key, records, logic.record_of(event.type, event.time, event.id, data))
        for fact, sign in todo:
            for there, width in zip(panes.setdefault(event.account, ({}, {})), (logic.HOUR, logic.DAY), strict=True):
                logic.post(there.setdefault(fact[1] // width, logic.new_pane()), fact, sign)
    past.settle(past.time)
    assert len(panes) == 40
    for account, there in panes.items():
        wanted = past.values("account", account, past.time)
        assert wanted is not None
        assert tuple(wanted) == logic.FIELDS
        mine = logic.values_of(*there, past.time)
        assert [None if x is None else logic.number(x) for x in mine] == [
            None if value.value is None else number(value.value) for value in wanted.values()
        ]


@pytest.mark.parametrize("value", [0.0, 3.0, 0.625, 1e-7, 123456.789, 1e16, 5])
def test_numbers_are_written_as_kamstream_writes_them(value):
    assert logic.number(value) == number(value)


def test_the_core_job_is_what_the_issue_says():
    kinds = [re.search(rb'"type":"(\w+)', line)[1] for line in EVENTS]
    shares = {kind: kinds.count(kind) / len(kinds) for kind in (b"ticket", b"interaction", b"deal")}
    assert shares[b"ticket"] == pytest.approx(0.5, abs=0.04)
    assert shares[b"interaction"] == pytest.approx(0.3, abs=0.04)
    assert shares[b"deal"] == pytest.approx(0.2, abs=0.04)
    assert 0.003 < 1 - len(set(EVENTS)) / len(EVENTS) < 0.02
    assert [line for _, line in corejob.events(4_000, 40)] == EVENTS, "the same seed gives the same events"


def test_cpu_seconds_are_those_of_a_process_and_its_children(tmp_path):
    busy = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\n"
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])\nprint(flush=True)\ninput()\n"
    child = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        assert 0.35 < proc.cpu_seconds(child.pid) < 2.0
        assert proc.peak_bytes(child.pid) > 4 << 20
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def run(contender: str, rate: float, correct: bool | None = True) -> dict[str, object]:
    return {
        "accounts": 2_000, "contender": contender, "events": 100, "rate": rate, "cpu": 1e6 / rate, "peak": 1 << 20,
        "correct": correct,
    }  # fmt: skip


def test_a_report_shows_medians_and_any_wrong_result():
    runs = [run("kamstream", rate) for rate in (100.0, 900.0, 300.0)] + [run("other", 50.0), run("other", 60.0, False)]
    heading, rows = report.throughput_table({"throughput": runs})
    shown = [dict(zip(heading, row, strict=True)) for row in rows]
    assert [row["events/s"] for row in shown] == ["300", "55"]
    assert [row["results"] for row in shown] == ["equal", "DIFFERENT"]


def test_plots_leave_out_what_was_wrong_or_has_no_rate():
    runs = [run("kamstream", 100.0), run("wrong", 50.0, False), run("too <short>", math.nan, None)]
    pictures = report.plots({"throughput": runs})
    assert sorted(pictures) == ["cpu-2000.svg", "rate-2000.svg"]
    for svg in pictures.values():
        assert "kamstream" in svg
        assert "wrong" not in svg
        assert "short" not in svg


@pytest.mark.parametrize(
    ("log", "seconds"),
    [
        ("partition 0: 7 rows from 9 records in 0.25 s (0 un\npartition 1: 7 rows from 9 records in 0.50 s (0", 0.75),
        ("RESTORED 10 400\nRESTORED 30 900\n", 0.9),
        ("nothing of the kind", 0.0),
    ],
)
def test_the_time_of_restoring_is_read_from_the_logs(log, seconds):
    assert recovery.restored(log) == pytest.approx(seconds)
