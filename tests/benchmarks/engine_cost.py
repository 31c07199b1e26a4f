"""What the engine costs on the core job: CPU, rows, bytes and memory, and how fast it restores.

    python -m tests.benchmarks.engine_cost --events 200000 --accounts 2000

CPU is process time in microseconds an event: decoding, applying, flushing rows, computing the changed values. A flush
comes after every ``--flush`` events, as it would once a second. The cyclic collector is off and what was imported is
frozen, as in the worker; ``--gc`` leaves it on.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import os
import pstats
from time import process_time

import msgspec

from kamstream.engine import Config, Engine
from kamstream.engine.engine import Flush
from kamstream.events import Decoder, Event, Rules
from kamstream.kpis import CATALOGUE
from kamstream.windows import parse
from tests.benchmarks import corejob

FAR = 2**60


class Cost(msgspec.Struct):
    """Sums over a run: seconds of CPU, counts, bytes."""

    events: int = 0
    applied: int = 0
    decode: float = 0
    apply: float = 0
    rows_time: float = 0
    values_time: float = 0
    rows: int = 0
    row_bytes: int = 0
    changes: int = 0
    fields: int = 0


def config(full: bool = False) -> Config:
    """The core job's settings, or all KPIs and scopes."""
    if full:
        return Config(windows=tuple(parse(name) for name in corejob.WINDOWS))
    kpis = tuple(kpi for kpi in CATALOGUE if kpi.name in corejob.KPIS)
    return Config(windows=tuple(parse(name) for name in corejob.WINDOWS), kpis=kpis, scopes=corejob.SCOPES)


def run(
    engine: Engine, cost: Cost, count: int, accounts: int, flush: int, stored: dict[bytes, bytes] | None, seed: int = 1
) -> None:
    """Put the job through an engine; its rows are kept in ``stored`` as compaction would keep them."""
    decoder = Decoder(Rules())
    lines: list[bytes] = []
    for _, line in corejob.events(count, accounts, seed):
        lines.append(line)
        if len(lines) == flush:
            _batch(engine, cost, decoder, lines, stored)
            lines = []
    _batch(engine, cost, decoder, lines, stored)


def _batch(engine: Engine, cost: Cost, decoder: Decoder, lines: list[bytes], stored: dict[bytes, bytes] | None) -> None:
    begin = process_time()
    events = [decoder.decode_line(line, now=FAR) for line in lines]
    decoded = process_time()
    applied = 0
    for event in events:
        assert isinstance(event, Event)
        applied += engine.apply(event) == "applied"
    done = process_time()
    made = engine.flush(evaluate=False, most=0)
    rows_made = process_time()
    changed = engine.flush(evaluate=False)
    end = process_time()
    cost.events += len(lines)
    cost.applied += applied
    cost.decode += decoded - begin
    cost.apply += done - decoded
    cost.rows_time += rows_made - done
    cost.values_time += end - rows_made
    _count(cost, made, changed, stored)


def _count(cost: Cost, made: Flush, changed: Flush, stored: dict[bytes, bytes] | None) -> None:
    for key, value in [*made.rows, *changed.rows]:
        cost.rows += 1
        cost.row_bytes += len(key) + len(value or b"")
        if stored is not None:
            if value is None:
                stored.pop(key, None)
            else:
                stored[key] = value
    cost.changes += len(changed.changes)
    cost.fields += sum(len(change.values) for change in changed.changes)


def resident() -> int:
    """Bytes of memory of this process."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--flush", type=int, default=100_000)
    parser.add_argument("--full", action="store_true", help="all KPIs and scopes")
    parser.add_argument("--gc", action="store_true")
    parser.add_argument("--restore", action="store_true", help="keep the rows and restore an engine from them")
    parser.add_argument("--profile", action="store_true")
    chosen = parser.parse_args()
    if not chosen.gc:
        gc.collect()
        gc.freeze()
        gc.disable()
    engine, cost = Engine(config(chosen.full)), Cost()
    stored: dict[bytes, bytes] | None = {} if chosen.restore else None
    before = resident()
    profile = cProfile.Profile() if chosen.profile else None
    arguments = (engine, cost, chosen.events, chosen.accounts, chosen.flush, stored)
    if profile:
        profile.runcall(run, *arguments)
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    else:
        run(*arguments)
    _report(cost, resident() - before, chosen.accounts, engine, stored is None)
    if stored is not None:
        _restore(config(chosen.full), stored)


def _report(cost: Cost, grown: int, accounts: int, engine: Engine, alone: bool) -> None:
    each = 1e6 / cost.events
    print(
        f"events {cost.events}, applied {cost.applied}; us/event: decode {cost.decode * each:.2f}, "
        f"apply {cost.apply * each:.2f}, rows {cost.rows_time * each:.2f}, values {cost.values_time * each:.2f}"
    )
    print(
        f"rows/event {cost.rows / cost.events:.3f}, bytes/event {cost.row_bytes / cost.events:.0f}, "
        f"changes/event {cost.changes / cost.events:.3f}, fields/change {cost.fields / max(1, cost.changes):.1f}"
    )
    if alone:
        print(f"memory {grown / 2**20:.0f} MiB, {grown / accounts:.0f} bytes an account")


def _restore(settings: Config, stored: dict[bytes, bytes]) -> None:
    begin = process_time()
    engine = Engine(settings)
    assert engine.restore(stored)
    ready = process_time() - begin
    print(f"restored {len(stored)} rows in {ready:.2f} s, {len(stored) / ready:,.0f} rows/s")
    begin = process_time()
    made = engine.flush(evaluate=False, most=5_000)
    print(f"values of {len(made.changes)} accounts still as bytes: {(process_time() - begin) * 1e6 / 5000:.1f} us each")


if __name__ == "__main__":
    main()
