"""Memory per account, open entity and event: the engine's, in a process of its own, from its resident memory.

python -m tests.benchmarks.memory accounts|tickets|events
"""

import gc
import json
import os
import subprocess
import sys

from kamstream.engine import Engine
from kamstream.events import Decoder, Event
from tests.benchmarks import proc
from tests.benchmarks.truth import settings

FEW = 500
#: How many there are of each.
COUNTS = {"accounts": 40_000, "tickets": 100_000, "events": 400_000}


def event(id: str, type: str, account: str, data: str, at: int) -> bytes:
    """An event's JSON."""
    clock = f"{at // 3600 % 24:02d}:{at // 60 % 60:02d}:{at % 60:02d}"
    return (
        f'{{"specversion":"1.0","id":"{id}","source":"crm","type":"{type}","subject":"{account}",'
        f'"time":"2026-01-01T{clock}Z","data":{data}}}'
    ).encode()


def grown(kind: str) -> float:
    """Bytes per account (with one interaction each), or per open ticket or interaction more of a few accounts."""
    chosen = settings()
    decode, engine = Decoder(chosen.decoding()).decode_line, Engine(chosen.config())

    def feed(number: int, account: str) -> None:
        data, type = '{"interaction_id":"1","direction":"inbound","channel":"chat"}', "interaction.logged"
        if kind == "tickets":
            data, type = f'{{"ticket_id":"T{number}","owner_id":"agent-1"}}', "ticket.opened"
        there = decode(event(f"e{number}", type, account, data, number % 86_000), now=1 << 50)
        assert isinstance(there, Event), there
        engine.apply(there, number)
        if number % 5_000 == 0:
            engine.flush(evaluate=False)

    for number in range(FEW):
        feed(number, f"ACC-{number}")
    engine.flush(evaluate=False)
    gc.collect()
    before = proc.resident_bytes(os.getpid())
    count = COUNTS[kind]
    for number in range(FEW, FEW + count):
        feed(number, f"ACC-{number if kind == 'accounts' else number % FEW}")
    engine.flush(evaluate=False)
    gc.collect()
    return (proc.resident_bytes(os.getpid()) - before) / count


def measure() -> dict[str, float]:
    """All, each in a fresh process."""
    found = {}
    for kind in COUNTS:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.memory", kind], capture_output=True, text=True, check=True
        )
        found[kind] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(round(grown(sys.argv[1]))))
