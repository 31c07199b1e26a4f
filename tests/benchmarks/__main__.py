"""The benchmarks: the core job for kamstream, Kafka Streams, Quix Streams and stock Faust, and the floors.

    python -m tests.benchmarks [--quick] [--accounts 2000,200000] [--events N] [--runs N] [--only throughput,latency]
    python -m tests.benchmarks --report       # results/README.md and plots from the newest saved run

The full run (1,000,000 events, 2,000 and 200,000 accounts, three runs of each) takes about an hour, ``--quick``
about eight minutes; ``--events 2000000`` leaves the least of warming up in the figures.

Parts: ``throughput``, ``latency``; ``recovery`` (the same worker again after kill -9), ``failover`` (the other one of
two); ``memory`` (an account, an open ticket, an event), ``scale`` (CPU at 10,000 and 1,000,000 accounts), ``bounded``
(memory over a backlog of 10,000,000 events), ``price`` (CPU of each KPI). The last four are of kamstream alone, and all
but ``bounded`` of its engine offline.

**The job** is the same for all: the events of ``corejob`` in three topics of 8 partitions, seven KPIs over five
windows by account, each event counted once whatever its order, state durable in a changelog, offsets committed once a
second, changed values to Redis at most once a second. In every run the values in Redis are compared with those of the
engine offline.

**How it is measured.** From outside: progress is what the consumer group has committed, CPU is that of the contender's
processes with all their threads (from /proc; broker and Redis are excluded), memory is their peak. A run begins with
the first commit, so starting up (imports, class loading) is not counted; events a second are those until all are
committed, CPU goes on until the values stand in Redis. Runs of all contenders are interleaved; medians are shown.
Latency is an open loop: probes among events at a fixed rate, from the broker's append time to the value or the alert.

**Fairness.** Whatever was in doubt was decided in favour of the others.
- One kamstream worker is one process, so one core and a bit; Kafka Streams has one row with 1 and one with 2 threads.
- kamstream writes values, n and metadata, the others the values only; ``kamstream-all`` publishes all that it can
  beside them: value changes in a topic and in a stream, scorecards. All write only what changed, in pipelines, and no
  values before they have caught up (``kafka-streams-2-eager`` writes once a second from the start).
- Kafka Streams keeps accounts as objects and writes their changed rows behind, once a commit, small and compact, into
  a logged in-memory store (``--contenders kafka-streams-2-rocksdb``: RocksDB, slower). It has a hand-written JSON
  reader, batches of 256 KB, 4 GB of heap and the parallel collector; it remembers duplicates as 64-bit hashes,
  kamstream the texts; its T is a variable in the process instead of a topic; and it does not check the contract (key,
  partition, depth, fields) nor write dead letters.
- Quix Streams gets typed msgspec decoding and small rows, and keeps its panes in memory, too. Stock Faust is written as
  its guide shows it: a Record, an agent, one table write per event.
- The slow ones get a part of the events (the column says how many); their state stays smaller by that.
- Memory is touched once before the first run: on a virtual machine that was just started the first to use a page
  would pay seconds of CPU per GB for it.
- The machine is shared with broker and Redis: CPU seconds per million events are the steady figure, events a second are
  not. The load average at the start stands beside the results.
"""

import argparse
import datetime
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.benchmarks import bounded, failover, latency, memory, price, proc, recovery, report, scale
from tests.benchmarks.bed import Bed, Job, test_bed
from tests.benchmarks.contenders import OUTPUTS, ROOT, Contender, Kamstream, PythonApp
from tests.benchmarks.environments import quix_python
from tests.benchmarks.java import KafkaStreams
from tests.benchmarks.throughput import BenchmarkError, run
from tests.benchmarks.truth import truth_of

PARTS = ("throughput", "recovery", "failover", "latency", "memory", "scale", "bounded", "price")
#: Events of a full and of a quick run, and the parts of them that the slow contenders get.
FULL, QUICK, LONG = 1_000_000, 100_000, 10_000_000
MOST_QUIX, MOST_FAUST = 200_000, 30_000
console = Console(width=None if sys.stdout.isatty() else 140)


def contenders(chosen: argparse.Namespace) -> list[tuple[Contender, int]]:
    """Who takes part, each with the most events it is given."""
    everything: list[tuple[Contender, int]] = [
        (PythonApp("floor: aiokafka + decode", "floor", results=False), chosen.events),
        (Kamstream(), chosen.events),
        (Kamstream(outputs=OUTPUTS), chosen.events),
        (KafkaStreams(1), chosen.events),
        (KafkaStreams(2), chosen.events),
        (KafkaStreams(2, eager=True), chosen.events),
        (KafkaStreams(2, store="rocksdb"), chosen.events),
        (PythonApp("quix", "quix", python=quix_python()), MOST_QUIX),
        (PythonApp("faust", "stock_faust"), min(MOST_FAUST, chosen.events // 10)),
    ]
    named = set(chosen.contenders.split(",")) if chosen.contenders else set()
    usual = {"kafka-streams-2-eager", "kafka-streams-2-rocksdb"}
    return [
        (each, most)
        for each, most in everything
        if (each.name.partition(":")[0] in named if named else each.name not in usual)
    ]


def throughput(bed: Bed, chosen: argparse.Namespace, found: report.Report) -> None:
    """Interleaved runs over every size."""
    some = contenders(chosen)
    with console.status("touching the machine's memory"):
        proc.touch_memory()
    for accounts in chosen.accounts:
        jobs = {each.name: Job(min(most, chosen.events), accounts) for each, most in some}
        for job in dict.fromkeys(jobs.values()):
            with console.status(f"preparing {job.events:,} events of {accounts:,} accounts"):
                truth_of(job)
                bed.load(job)
        for number in range(chosen.runs):
            for each, _ in some:
                job = jobs[each.name]
                with console.status(f"{each.name}, {accounts:,} accounts, run {number + 1} of {chosen.runs}"):
                    result = attempt(found, partial(run, each, bed, job, truth_of(job)))
                if result is not None:
                    found["throughput"].append(asdict(result))
                    right = {True: "equal", False: "DIFFERENT", None: "-"}[result.correct]
                    console.print(
                        f"{accounts:>9,} {each.name:<28} {result.rate:>10,.0f}/s {result.cpu:>7.1f} CPU-s/M"
                        f" {result.peak / 2**20:>7,.0f} MB  {right}  load {result.load_average:.1f}"
                    )
        for job in dict.fromkeys(jobs.values()):
            bed.loaded.pop(job, None)
            bed.delete_starting(job.prefix)


def recoveries(bed: Bed, chosen: argparse.Namespace, found: report.Report) -> None:
    """kamstream and Kafka Streams, each once per size: the rows are what counts, of which many accounts make more."""
    for accounts in chosen.accounts:
        job = Job(chosen.events if chosen.quick else max(chosen.events // 2, 10 * accounts), accounts)
        truth = truth_of(job)
        named = chosen.contenders.split(",") if chosen.contenders else None
        for each in [one for one in (Kamstream(), KafkaStreams(2)) if named is None or one.name in named]:
            with console.status(f"recovery: {each.name}, {accounts:,} accounts"):
                bed.load(job)
                one = attempt(found, partial(recovery.recover, each, bed, job, truth))
            if one is not None:
                found["recovery"].append({**asdict(one), "rate": one.rate})
                console.print(
                    f"{accounts:>9,} {each.name:<28} {one.rows:>10,} rows: {one.rate:,.0f}/s, ready {one.ready:.1f} s"
                    f" (empty {one.empty:.1f} s), whole {one.whole:.1f} s, {'equal' if one.correct else 'DIFFERENT'};"
                    f" {report.megabytes(one.before)} (peak {report.megabytes(one.peak)}) before, "
                    f"at most {report.megabytes(one.peak_back)} after"
                )


def failovers(bed: Bed, chosen: argparse.Namespace, found: report.Report) -> None:
    """Two workers, of which one is killed, once per size."""
    for accounts in chosen.accounts:
        job = Job(chosen.events if chosen.quick else max(chosen.events // 2, 10 * accounts), accounts)
        with console.status(f"failover: {accounts:,} accounts"):
            bed.load(job)
            one = attempt(found, partial(failover.measure, bed, job, truth_of(job)))
        if one is not None:
            found["failover"].append(asdict(one))
            console.print(
                f"{accounts:>9,} failover of {one.moved} partitions: back after {one.first:.1f}..{one.last:.1f} s, "
                f"the others {one.others:.1f} s, of which the session {one.session:.0f} s"
            )


def backlogs(bed: Bed, chosen: argparse.Namespace, found: report.Report) -> None:
    """One long backlog."""
    events = LONG if not chosen.quick else QUICK
    with console.status(f"a backlog of {events:,} events"):
        one = attempt(found, partial(bounded.measure, bed, events))
    if one is not None:
        found["bounded"].append(asdict(one))
        console.print(
            f"{one.accounts:>9,} backlog of {events:,}: {report.megabytes(one.fifth)} after a fifth, "
            f"{report.megabytes(one.end)} at the end ({one.growth:+.1f} %), {one.cpu:.1f} CPU-s/M"
        )


def latencies(bed: Bed, chosen: argparse.Namespace, found: report.Report) -> None:
    """At 2,000 events a second and at half of the highest rate that kamstream follows."""
    fast = partial(Kamstream, flush="10ms", redis="50ms", rules=latency.RULES)
    half = chosen.rate
    if not half:
        with console.status("latency: the highest rate that kamstream follows"):
            found["followed"] = latency.highest(fast(), bed, latency.RATES[: 1 if chosen.quick else None])
        console.print(f"{found['followed']:>9,} events/s is the highest rate tried that kamstream follows")
        half = found["followed"] // 2
    named = chosen.contenders.split(",") if chosen.contenders else None
    everyone = (fast(), fast(outputs=OUTPUTS), KafkaStreams(2, redis_ms=50))
    some = [each for each in everyone if named is None or each.name in named]
    for rate in dict.fromkeys((2_000, half or 2_000)):
        for each in some:
            with console.status(f"latency: {each.name} at {rate:,} events/s"):
                one = attempt(found, partial(latency.measure, each, bed, rate, chosen.seconds))
            if one is None:
                continue
            found["latency"].append(asdict(one))
            for what, (p50, p99, most) in one.milliseconds.items():
                console.print(f"{rate:>9,} {each.name:<28} {what:<12} p50 {p50:,.0f} p99 {p99:,.0f} max {most:,.0f} ms")
            console.print(
                f"{'':>9} {each.name:<28} {one.cpu:.1f} CPU-s/M; the load was {one.behind * 1000:.0f} ms late"
            )


def attempt(found: report.Report, measured: Callable[[], Any]) -> Any:
    """What it gives; None, with the reason said and kept, when the contender failed."""
    try:
        return measured()
    except BenchmarkError as error:
        found["failed"].append(str(error)[:500])
        console.print(str(error), style="red", markup=False)
        return None


def numbers(text: str) -> tuple[int, ...]:
    """A comma-separated list of numbers."""
    return tuple(int(part) for part in text.split(","))


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """What was asked for, with sizes filled in."""
    parser = argparse.ArgumentParser(description="The benchmarks; python -m tests.benchmarks --report renders them.")
    parser.add_argument(
        "--quick", action="store_true", help="100,000 events, 2,000 accounts, one run: 5 minutes, mostly start-up"
    )
    parser.add_argument("--accounts", type=numbers, help="sizes (default: 2000,200000)")
    parser.add_argument("--events", type=int, help=f"events of the core job (default: {FULL:,})")
    parser.add_argument("--runs", type=int, help="runs of each contender and size (default: 3)")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts: {','.join(PARTS)}")
    parser.add_argument("--contenders", help="by name, e.g. kamstream,kafka-streams-2,kafka-streams-2-rocksdb")
    parser.add_argument("--seconds", type=float, help="seconds of probes per latency run (default: 30)")
    parser.add_argument("--rate", type=int, help="the second rate of the latency runs (default: half of the highest)")
    parser.add_argument("--report", action="store_true", help="only render the newest saved run")
    chosen = parser.parse_args(words)
    chosen.accounts = chosen.accounts or ((2_000,) if chosen.quick else (2_000, 200_000))
    chosen.events = chosen.events or (QUICK if chosen.quick else FULL)
    chosen.runs = chosen.runs or (1 if chosen.quick else 3)
    chosen.seconds = chosen.seconds or (10.0 if chosen.quick else 30.0)
    chosen.parts = chosen.only.split(",")
    if wrong := [part for part in chosen.parts if part not in PARTS]:
        parser.error(f"no such part: {', '.join(wrong)}")
    return chosen


def commit() -> str:
    """The commit that is measured; a plus sign where the tree has changes."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + (
        "+" if git("status", "--porcelain", "kamstream") else ""
    )


def main(words: Sequence[str]) -> int:
    """Run what was asked for; 1 when a contender failed or any result was wrong."""
    chosen = arguments(words)
    if chosen.report:
        path = report.newest()
        if path is None:
            console.print("nothing has been measured yet: make bench")
            return 1
        for written in report.write_report(json.loads(path.read_text())):
            console.print(f"wrote {written.relative_to(Path.cwd()) if written.is_relative_to(Path.cwd()) else written}")
        return 0
    found: report.Report = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": commit(),
        "quick": chosen.quick or chosen.events < FULL,
        "machine": proc.machine(),
        "throughput": [],
        "recovery": [],
        "failover": [],
        "latency": [],
        "bounded": [],
        "failed": [],
    }
    began = time.monotonic()
    served: dict[str, Callable[[Bed, argparse.Namespace, report.Report], None]] = {
        "throughput": throughput,
        "recovery": recoveries,
        "failover": failovers,
        "latency": latencies,
        "bounded": backlogs,
    }
    if wanted := [measure for part, measure in served.items() if part in chosen.parts]:
        with test_bed() as bed:
            for measure in wanted:
                measure(bed, chosen, found)
    if "memory" in chosen.parts:
        found["memory"] = memory.measure()
    if "scale" in chosen.parts:
        found["scale"] = scale.measure((1, 10) if chosen.quick else (1, 100))
    if "price" in chosen.parts:
        found["price"] = price.measure(quick=chosen.quick)
    found["minutes"] = round((time.monotonic() - began) / 60, 1)
    report.show(found, console)
    console.print(f"saved as {report.save(found)} after {found['minutes']} minutes")
    wrong = any(each["correct"] is False for each in found["throughput"] + found["recovery"])
    return 1 if wrong or found["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
