"""What the benchmarks lean on, without a broker: the other contenders' arithmetic, what processes cost, the report."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kamstream.events import Decoder, Event
from kamstream.kpis import CATALOGUE
from kamstream.live.layout import number
from tests.benchmarks import bounded, corejob, failover, latency, price, proc, recovery, report, scale
from tests.benchmarks.latency import Latency
from tests.benchmarks.throughput import BenchmarkError
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


def test_every_part_has_a_table():
    said = {
        "machine": {"cores": 2, "cpu": "some <cpu>", "memory_gb": 1},
        "date": "2026-01-01T00:00:00Z",
        "commit": "abc",
        "throughput": [run("kamstream", 100.0)],
        "recovery": [
            {"accounts": 9, "contender": "kamstream", "rows": 1_000, "rate": 7_000.0, "ready": 1.25, "whole": 2.0,
             "correct": True, "peak": 5 << 20, "peak_back": 3 << 20},
        ],
        "failover": [
            {"accounts": 9, "rows": 1_000, "session": 10.0, "moved": 4, "first": 11.0, "last": 12.26, "others": 0.5},
        ],
        "latency": [{"rate": 10, "contender": "kamstream", "milliseconds": {"alert": [1.0, 2.0, 3.0]}, "probes": 4}],
        "followed": 40_000,
        "memory": {"accounts": 700, "tickets": 300, "events": 33},
        "scale": [
            {"accounts": 10, "events": 200, "cpu": 8.0, "values": 1.0, "bytes": 900.0},
            {"accounts": 1_000, "events": 20_000, "cpu": 12.0, "values": 2.0, "bytes": 800.0},
        ],
        "bounded": [
            {"events": 10_000, "accounts": 9, "fifth": 100 << 20, "end": 104 << 20, "peak": 130 << 20, "growth": 4.0,
             "cpu": 9.0},
        ],
        "price": {"events": 10, "core": 12.0, "noise": 0.1, "kpis": {"nps": 0.25, "revenue": 1.5}},
    }  # fmt: skip
    text = report.markdown(said)
    assert all(f"**{title}**" in text for title in report.TABLES)
    for row in (
        "| 9 | kamstream | 1,000 | 7,000 | 1.2 s | 2.0 s | 5 MB → 3 MB | equal |",
        "| 9 | 1,000 | 10 s | 4 | 11.0 s | 12.3 s | 0.5 s |",
        "| 1,000 | 20,000 | 12.0 | 2.0 | 1.50 | 800 |",
        "| 10,000 | 9 | 100 MB | 104 MB | +4.0 % | 130 MB | 9.0 |",
        "| one more interaction of an account | 33 |",
    ):
        assert row in text
    assert text.index("| revenue | +1.50 |") < text.index("| nps | +0.25 |"), "the dearest first"
    assert "revenue" in report.plots(said)["price.svg"]
    assert "that kamstream follows: 40,000 events/s" in text


@pytest.mark.parametrize("beyond", [Latency("x", 30, 1, {"redis": (9.0, 2_001.0, 2_500.0)}, 1.0, 0.0),
                                    Latency("x", 30, 1, {"redis": (9.0, 99.0, 100.0)}, 1.0, 2.1),
                                    BenchmarkError("values did not come")])  # fmt: skip
def test_the_highest_rate_is_the_last_that_is_followed(monkeypatch, beyond):
    tried = []

    def measured(contender, bed, rate, seconds):
        tried.append(rate)
        if rate < 30:
            return Latency("x", rate, 1, {"redis": (9.0, 1_999.0, 5_000.0), "alert": (1.0, 2.0, 3.0)}, 1.0, 0.1)
        if isinstance(beyond, BenchmarkError):
            raise beyond
        return beyond

    monkeypatch.setattr(latency, "measure", measured)
    assert latency.highest(None, None, (10, 20, 30, 40)) == 20  # type: ignore[arg-type]  # nothing is started
    assert tried == [10, 20, 30]


def test_every_kpi_is_priced_by_itself():
    variants = price.variants()
    assert set(variants) == {"", *(kpi.name for kpi in CATALOGUE)}
    for name, kpis in variants.items():
        assert (name in kpis) == (name not in ("", *corejob.KPIS))
        price.config(kpis)
    assert len({event.type for event in price.events(3_000)}) > 12


def test_each_account_of_the_larger_job_has_the_history_of_one_of_the_smaller():
    def by_account(copies: int) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = {}
        for line in scale.lines(30, copies):
            subject = re.search(rb'"subject":"ACC-(\d+-\d+)"', line)
            assert subject
            found.setdefault(subject[1], []).append(line.replace(subject[1], b""))
        return found

    small, large = by_account(1), by_account(3)
    assert sum(map(len, small.values())) == 30 * scale.EACH
    assert len(large) == 3 * len(small)
    assert all(lines == small[b"000" + account[3:]] for account, lines in large.items())


def test_the_long_job_lies_in_the_past_and_is_as_long_as_it_says():
    decode, times = Decoder(settings().decoding()).decode_line, []
    for _, line in bounded.LongJob(4_000, 40).lines():
        event = decode(line, now=1_767_225_600_000)
        assert isinstance(event, Event), event
        times.append(event.time)
    assert (max(times) - min(times)) / corejob.DAY == pytest.approx(bounded.DAYS, rel=0.1)


def test_each_partition_has_a_probe():
    assert sorted(failover.probes()) == list(range(8))


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
