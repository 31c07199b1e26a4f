"""Failover: kill -9 of one of two workers; how long until events of the partitions it had are visible again.

Two kamstream workers share the core job's partitions, with its state. One is killed while both are idle; at the same
moment one event for each partition is appended. Timed is, for each, until its value stands in Redis: the broker's
session timeout of the dead one, the rebalance, and reading its partitions' state back.
"""

import re
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaProducer

from kamstream.events import murmur2
from kamstream.live.layout import Layout
from kamstream.worker.config import WorkerConfig
from tests.benchmarks import proc
from tests.benchmarks.bed import PARTITIONS, Bed, Job
from tests.benchmarks.contenders import Kamstream
from tests.benchmarks.recovery import FIELD, interaction, start_child
from tests.benchmarks.throughput import PATIENCE, BenchmarkError, check, settle
from tests.benchmarks.truth import Truth

#: The process in a field of the workers' health.
WORKER = re.compile(r"-(\d+):")


@dataclass(frozen=True)
class Failover:
    """Seconds: the session timeout; until the first and the last event of the dead worker's partitions, and the last of
    all, were visible. ``moved``: partitions the dead one had; ``rows``: of the whole changelog.
    """

    accounts: int
    rows: int
    session: float
    moved: int
    first: float
    last: float
    others: float


def measure(bed: Bed, job: Job, truth: Truth) -> Failover:
    """Let two workers do the job, kill the one that was there first, and look when its partitions are back."""
    contender = Kamstream()
    with tempfile.TemporaryDirectory(prefix="kamstream-bench-") as name, bed.redis() as client:
        folder = Path(name)
        client.flushall()
        start = contender.start(bed, job, uuid.uuid4().hex[:8], folder)
        first = start_child(start, folder)
        second = None
        try:
            began = time.monotonic()
            while bed.committed(start.group, job.topics()) < job.events:
                time.sleep(0.2)
                check(first, began, contender)
            settle(first, began, contender)
            second = start_child(start, folder)
            mine = shared(bed, job, first, second)
            settle(second, time.monotonic(), contender)
            assert start.changelog is not None
            rows = bed.rows(start.changelog)
            first.kill()
            times = visible_again(bed, job, second, truth.time)
        finally:
            first.close()
            if second is not None:
                second.close()
            bed.clean(job, start.group, [])
            bed.delete_starting(job.prefix)
            bed.loaded.pop(job, None)
    lost, kept = [times[n] for n in mine], [each for n, each in times.items() if n not in mine]
    session = WorkerConfig.session_timeout
    return Failover(job.accounts, rows, session, len(mine), min(lost), max(lost), max(kept))


def shared(bed: Bed, job: Job, first: proc.Child, second: proc.Child) -> set[int]:
    """Wait until both workers have partitions and all are ready; the partitions of the first."""
    deadline, layout = time.monotonic() + PATIENCE, Layout(job.prefix)
    with bed.redis() as client:
        while time.monotonic() < deadline:
            found = {field.decode(): value for field, value in client.hgetall(layout.health).items()}
            # A field is the worker's host and process, then the partition.
            owners = {int(field.rpartition(":")[2]): int(WORKER.findall(field)[-1]) for field in found}
            ready = all(b'"live"' in value for value in found.values())
            mine = {number for number, owner in owners.items() if owner in proc.family(first.pid)}
            theirs = {number for number, owner in owners.items() if owner in proc.family(second.pid)}
            if ready and mine and theirs and len(found) == len(mine | theirs) == PARTITIONS:
                return mine
            for child in (first, second):
                if child.ended:
                    raise BenchmarkError(child.last_words())
            time.sleep(0.2)
    raise BenchmarkError(f"the workers do not share the partitions: {sorted(found)}")


def probes() -> dict[int, str]:
    """By partition, an account that belongs there."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < PARTITIONS:
        account = f"probe-{number}"
        found.setdefault(murmur2(account.encode()) % PARTITIONS, account)
        number += 1
    return found


def visible_again(bed: Bed, job: Job, child: proc.Child, now: int) -> dict[int, float]:
    """Append an event for each partition; seconds until each is visible."""
    began, accounts, layout = time.monotonic(), probes(), Layout(job.prefix)
    producer = KafkaProducer(bootstrap_servers=bed.bootstrap, acks="all")
    for number, account in accounts.items():
        producer.send(f"{job.prefix}.interactions", interaction(account, now), key=account.encode(), partition=number)
    producer.flush()
    producer.close()
    times: dict[int, float] = {}
    with bed.redis() as client:
        while len(times) < PARTITIONS:
            for number, account in accounts.items():
                if number not in times and client.hget(layout.values("account", account), FIELD) is not None:
                    times[number] = time.monotonic() - began
            if child.ended or time.monotonic() - began > PATIENCE:
                raise BenchmarkError(f"{PARTITIONS - len(times)} partitions are not back: {child.last_words()}")
            time.sleep(0.01)
    return times
