"""A backlog of 10,000,000 events of 2,000 accounts: the worker's memory after the first fifth and at the end.

What a worker has to remember is what lies within two horizons of 800 days: the ids of accepted events, and entities.
So the events are spread over 8,000 days, of which a fifth is as long as that; then memory has to stay where it is,
however long the backlog and however far behind the worker.
"""

import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import corejob, proc
from tests.benchmarks.bed import Bed, Job
from tests.benchmarks.contenders import Kamstream
from tests.benchmarks.recovery import start_child
from tests.benchmarks.throughput import check, settle

DAYS, ACCOUNTS = 8_000, 2_000
#: The core job begins in 2026; so many days later lie in the future, 28 years earlier they fall on the same weekdays.
EARLIER = 28
TIME = b'"time":"'


@dataclass(frozen=True)
class LongJob(Job):
    """The core job, much longer and longer ago."""

    @property
    def prefix(self) -> str:
        """The prefix of its topics and Redis keys."""
        return f"long-{self.events}-{self.accounts}"

    def lines(self) -> Iterator[tuple[bytes, bytes]]:
        """The events, made anew each time: kept in a file they would need gigabytes."""
        for account, line in corejob.events(self.events, self.accounts, self.seed, DAYS):
            at = line.index(TIME) + len(TIME)
            yield account.encode(), b"%b%d%b" % (line[:at], int(line[at : at + 4]) - EARLIER, line[at + 4 :])


@dataclass(frozen=True)
class Bounded:
    """Resident bytes of the worker after a fifth of the events and when all are done, the peak, and the growth in %."""

    events: int
    accounts: int
    fifth: int
    end: int
    peak: int
    growth: float
    cpu: float


def measure(bed: Bed, events: int) -> Bounded:
    """Preload the backlog, then watch the worker's memory."""
    job, contender = LongJob(events, ACCOUNTS), Kamstream()
    bed.load(job)
    with tempfile.TemporaryDirectory(prefix="kamstream-bench-") as name, bed.redis() as client:
        folder = Path(name)
        client.flushall()
        start = contender.start(bed, job, uuid.uuid4().hex[:8], folder)
        child = start_child(start, folder)
        try:
            began, done, fifth = time.monotonic(), 0, 0
            while done < events:
                time.sleep(0.1)
                check(child, began, contender)
                done = bed.committed(start.group, job.topics())
                if not fifth and done >= events / 5:
                    fifth = proc.resident_bytes(child.pid)
            end = proc.resident_bytes(child.pid)
            cpu = settle(child, began, contender)
            peak = proc.peak_bytes(child.pid)
        finally:
            child.close()
            bed.clean(job, start.group, [])
            bed.delete_starting(job.prefix)
            bed.loaded.pop(job, None)
    return Bounded(events, ACCOUNTS, fifth, end, peak, (end / fifth - 1) * 100, cpu / events * 1e6)
