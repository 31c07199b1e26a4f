"""One measured run over a preloaded backlog.

It begins when the first records are committed, so that starting up is not counted, and ends when all are: a
contender commits what is durable. CPU seconds go on until the results stand in Redis. The same for all.
"""

import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import proc
from tests.benchmarks.bed import Bed, Job
from tests.benchmarks.contenders import Contender
from tests.benchmarks.truth import Truth

#: Seconds: between two looks, without any CPU to speak of until it counts as done, and at most for a whole run.
LOOK, QUIET, PATIENCE = 0.1, 2.0, 900.0
#: CPU seconds a second that an idle contender may use.
IDLE = 0.15


class BenchmarkError(Exception):
    """A run did not get to its end."""


@dataclass(frozen=True)
class Result:
    """What one run gave: CPU seconds per million events, peak memory in bytes; ``correct`` is None without results."""

    contender: str
    accounts: int
    events: int
    rate: float
    cpu: float
    peak: int
    seconds: float
    start_cpu: float
    correct: bool | None
    checksum: str
    rows: int | None
    load_average: float


def run(contender: Contender, bed: Bed, job: Job, truth: Truth | None) -> Result:
    """Let a contender do the job once, and look at what it did."""
    with tempfile.TemporaryDirectory(prefix="kamstream-bench-") as name:
        folder, number = Path(name), uuid.uuid4().hex[:8]
        with bed.redis() as client:
            client.flushall()
        start = contender.start(bed, job, number, folder)
        child = proc.Child(start.command, {**start.env}, folder / "log", folder)
        try:
            return watch(contender, bed, job, truth, child, start.group, start.changelog)
        finally:
            child.close()
            bed.clean(job, start.group, [])
            for prefix in start.topics:
                bed.delete_starting(prefix)


def watch(
    contender: Contender, bed: Bed, job: Job, truth: Truth | None, child: proc.Child, group: str, changelog: str | None
) -> Result:
    """Follow a run until its results are there."""
    began, first, cpu_first, at_first = time.monotonic(), 0, 0.0, 0.0
    done = 0
    while done < job.events:
        time.sleep(LOOK)
        check(child, began, contender)
        at, cpu = time.monotonic(), proc.cpu_seconds(child.pid)
        done = bed.committed(group, job.topics())
        if done and not first:
            first, cpu_first, at_first = done, cpu, at
    seconds = at - at_first
    cpu_end = settle(child, began, contender)
    checksum = correct = None
    if truth is not None and contender.results:
        checksum = bed.checksum(job, truth.fields, truth.accounts)
        while checksum != truth.checksum and time.monotonic() - at < 60:
            cpu_end = settle(child, began, contender)
            checksum = bed.checksum(job, truth.fields, truth.accounts)
        correct = checksum == truth.checksum
    events = job.events - first
    return Result(
        contender.name,
        job.accounts,
        job.events,
        # A contender that commits everything at once leaves nothing between; then only a longer job can tell.
        events / seconds if seconds > 0 and events else float("nan"),
        (cpu_end - cpu_first) / events * 1e6 if events else float("nan"),
        proc.peak_bytes(child.pid),
        seconds,
        cpu_first,
        correct,
        checksum or "",
        bed.rows(changelog) if changelog else None,
        proc.machine()["load_average"],  # type: ignore[arg-type]  # a float among other figures
    )


def settle(child: proc.Child, began: float, contender: Contender) -> float:
    """Wait until a contender does nothing any more; its CPU seconds then."""
    cpu = proc.cpu_seconds(child.pid)
    since = time.monotonic()
    while time.monotonic() - since < QUIET:
        time.sleep(LOOK)
        check(child, began, contender)
        now = proc.cpu_seconds(child.pid)
        if now - cpu > IDLE * QUIET:
            cpu, since = now, time.monotonic()
    return cpu


def check(child: proc.Child, began: float, contender: Contender) -> None:
    """BenchmarkError when a contender died or takes too long."""
    if child.ended:
        raise BenchmarkError(f"{contender.name} ended: {child.last_words()}")
    if time.monotonic() - began > PATIENCE:
        raise BenchmarkError(f"{contender.name} was not done after {PATIENCE:g} s: {child.last_words()}")
