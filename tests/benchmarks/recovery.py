"""Recovery: kill -9 with a changelog of so many rows, start again, and wait until a new event shows in Redis.

Measured from outside, alike for kamstream and Kafka Streams: from the start of the process until the value of an event
appended while nobody was there stands in Redis, beside the same on an empty changelog. The killed one's session (10 s)
is over by then: that wait is failover's. Rows a second are by the time that the contenders' own logs give.
"""

import re
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaProducer

from kamstream.live.layout import Layout
from kamstream.windows import to_text
from tests.benchmarks import proc
from tests.benchmarks.bed import Bed, Job
from tests.benchmarks.contenders import Contender, Start
from tests.benchmarks.throughput import PATIENCE, BenchmarkError, check, settle
from tests.benchmarks.truth import Truth

FIELD = "interaction_frequency:24h"


@dataclass(frozen=True)
class Recovery:
    """``ready``: seconds from the start of the process until a new event is visible; ``empty``: the same without state.

    ``whole``: seconds until every account stands in a Redis that was empty at the start; ``correct``: with its values.
    Resident bytes: ``before``, of the one that was killed, and its ``peak``; ``peak_back``, of the one that came back,
    until Redis was whole.
    """

    contender: str
    accounts: int
    rows: int
    ready: float
    whole: float
    empty: float
    correct: bool
    restoring: float
    before: int
    peak: int
    peak_back: int

    @property
    def rate(self) -> float:
        """Rows a second while they are read back."""
        return self.rows / self.restoring if self.restoring else float("nan")


def recover(contender: Contender, bed: Bed, job: Job, truth: Truth) -> Recovery:
    """Let a contender do the job, kill it, and see how long it takes to come back."""
    with tempfile.TemporaryDirectory(prefix="kamstream-bench-") as name:
        folder = Path(name)
        empty = from_nothing(contender, bed, folder)
        with bed.redis() as client:
            client.flushall()
        start = contender.start(bed, job, uuid.uuid4().hex[:8], folder)
        child = start_child(start, folder)
        try:
            began = time.monotonic()
            while bed.committed(start.group, job.topics()) < job.events:
                time.sleep(0.2)
                check(child, began, contender)
            settle(child, began, contender)
            before, peak = proc.resident_bytes(child.pid), proc.peak_bytes(child.pid)
            child.kill()
            # A restart within the session timeout waits for its end; that is no part of recovering.
            bed.await_empty(start.group)
            assert start.changelog is not None
            rows = bed.rows(start.changelog)
            with bed.redis() as client:
                client.flushall()
            ready, whole, child = back(start, bed, job, folder, len(truth.accounts), truth.time)
            peak_back = proc.peak_bytes(child.pid)
            correct, restoring = right(bed, job, truth), restored(child.log.read_text(errors="replace"))
        finally:
            child.close()
            bed.clean(job, start.group, [])
            for prefix in start.topics:
                bed.delete_starting(prefix)
            # The probe belongs to no truth.
            bed.delete_starting(job.prefix)
            bed.loaded.pop(job, None)
        return Recovery(
            *(contender.name, job.accounts, rows, ready, whole, empty, correct, restoring),
            *(before, peak, peak_back),
        )


def restored(log: str) -> float:
    """Seconds of restoring, by a log: kamstream takes its partitions one by one, Kafka Streams says the whole time."""
    if told := re.findall(r"RESTORED \d+ (\d+)", log):
        return max(map(int, told)) / 1000
    return sum(map(float, re.findall(r"rows from \d+ records in ([\d.]+) s", log)))


def right(bed: Bed, job: Job, truth: Truth, patience: float = 30.0) -> bool:
    """Whether all values in Redis are what they were before; the last ones may still be on their way."""
    deadline = time.monotonic() + patience
    while bed.checksum(job, truth.fields, truth.accounts) != truth.checksum:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def start_child(start: Start, folder: Path) -> proc.Child:
    """The contender's process."""
    return proc.Child(start.command, dict(start.env), folder / f"log-{time.monotonic_ns()}", folder)


def from_nothing(contender: Contender, bed: Bed, folder: Path) -> float:
    """Seconds from a start on empty topics until an event is visible."""
    job = Job(0, 1, seed=int(time.time()))
    bed.make_topics(job.prefix)
    start = contender.start(bed, job, uuid.uuid4().hex[:8], folder)
    ready, _, child = back(start, bed, job, folder, 0, 1_780_000_000_000)
    child.close()
    bed.clean(job, start.group, [])
    bed.delete_starting(job.prefix)
    for prefix in start.topics:
        bed.delete_starting(prefix)
    return ready


def interaction(account: str, now: int) -> bytes:
    """An event that shows in ``FIELD``, the first of its account."""
    return (
        f'{{"specversion":"1.0","id":"{account}","source":"bench","type":"interaction.logged","subject":"{account}",'
        f'"time":"{to_text(now)}","data":{{"interaction_id":"1","direction":"inbound","channel":"chat"}}}}'
    ).encode()


def back(start: Start, bed: Bed, job: Job, folder: Path, accounts: int, now: int) -> tuple[float, float, proc.Child]:
    """Append an event, start, and wait until it shows, then until all accounts do."""
    probe = f"probe-{uuid.uuid4().hex[:8]}"
    producer = KafkaProducer(bootstrap_servers=bed.bootstrap, acks="all")
    producer.send(f"{job.prefix}.interactions", interaction(probe, now), key=probe.encode()).get(10)
    producer.close()
    layout, began = Layout(job.prefix), time.monotonic()
    child = start_child(start, folder)
    try:
        with bed.redis() as client:
            ready = wait(began, child, lambda: client.hget(layout.values("account", probe), FIELD) is not None)
            pattern = f"{job.prefix}:kpi:account:{{*}}"

            def all_there() -> bool:
                seen = sum(1 for key in client.scan_iter(pattern, count=20_000) if key.endswith(b"}"))
                return seen >= accounts

            whole = wait(began, child, all_there, pause=0.25)
    except BaseException:
        child.close()
        raise
    return ready, whole, child


def wait(began: float, child: proc.Child, there: Callable[[], bool], pause: float = 0.005) -> float:
    """Seconds from ``began`` until ``there`` says so."""
    while not there():
        if child.ended:
            raise BenchmarkError(child.last_words())
        if time.monotonic() - began > PATIENCE:
            raise BenchmarkError(f"not back after {PATIENCE:g} s: {child.last_words()}")
        time.sleep(pause)
    return time.monotonic() - began
