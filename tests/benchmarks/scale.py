"""What an event costs as accounts grow: the engine offline, 20 events an account, 10,000 and 1,000,000 accounts.

    python -m tests.benchmarks.scale COPIES

The larger job is the smaller one a hundred times over: each of its events befalls a hundred accounts, one after the
other. So every account has the same history in both, and what differs comes of their number alone. CPU is process time
of decoding, applying and flushing, with a flush after every 40,000 events as once a second, and of computing all values
once at the end, as a worker does that has caught up. Each size has a process of its own, collecting as the worker does.
"""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from time import process_time

from kamstream.engine import Engine
from kamstream.events import Decoder, Event
from kamstream.worker import collector
from tests.benchmarks import corejob, proc
from tests.benchmarks.truth import settings

ACCOUNTS, EACH = 10_000, 20
FLUSH = 40_000
SUBJECT = b'"subject":"ACC-'


def lines(accounts: int, copies: int) -> Iterator[bytes]:
    """The events; copies are told apart by what stands before the account's number."""
    for _, line in corejob.events(accounts * EACH, accounts):
        at = line.index(SUBJECT) + len(SUBJECT)
        before, after = line[:at], line[at:]
        for copy in range(copies):
            yield b"%b%03d-%b" % (before, copy, after)


def cost(accounts: int, copies: int) -> dict[str, float]:
    """CPU seconds per million events, and bytes an account in the end."""
    chosen = settings()
    decode, engine = Decoder(chosen.decoding()).decode_line, Engine(chosen.config())
    collector.tune()
    gc.collect()
    gc.freeze()
    resident = proc.resident_bytes(os.getpid())
    stream, events, used = lines(accounts, copies), 0, 0.0
    while some := list(islice(stream, FLUSH)):
        begin = process_time()
        for line in some:
            event = decode(line, now=1 << 50)
            assert isinstance(event, Event), event
            engine.apply(event, events)
        engine.flush(evaluate=False, most=0)
        used += process_time() - begin
        events += len(some)
    begin = process_time()
    while engine.flush(evaluate=False, most=500).more:
        pass
    values = process_time() - begin
    return {
        "accounts": accounts * copies,
        "events": events,
        "cpu": (used + values) / events * 1e6,
        "values": values / events * 1e6,
        "bytes": (proc.resident_bytes(os.getpid()) - resident) / (accounts * copies),
    }


def measure(copies: Sequence[int]) -> list[dict[str, float]]:
    """Each size in a fresh process."""
    found = []
    for each in copies:
        command = [sys.executable, "-m", "tests.benchmarks.scale", str(each)]
        found.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    return found


if __name__ == "__main__":
    print(json.dumps(cost(ACCOUNTS, int(sys.argv[1]))))
