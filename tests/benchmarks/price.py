"""What each KPI costs: CPU of the offline engine per event, with the KPI and without it.

    python -m tests.benchmarks.price [EVENTS] [ROUNDS]

The events are a simulated portfolio's, which has every type of event. The core job's KPIs are priced by what is saved
without them, every other one by what it adds to them: KPIs that share sums (the mean and the percentiles of a duration)
cost less together. Windows are the core job's, by account; the values are computed at every flush, of 2,000 events. The
rounds go through all variants in turn, and the least of each counts; ``noise`` is how far the core job's own rounds are
apart.
"""

import gc
import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import islice
from statistics import median
from time import process_time
from typing import Any

import msgspec

from kamstream.engine import Config, Engine
from kamstream.events import Decoder, Event
from kamstream.kpis import CATALOGUE
from kamstream.settings import Settings
from kamstream.simulate import Plan, play
from tests.benchmarks import corejob

EVENTS, ROUNDS = 60_000, 5
FLUSH = 2_000
ACCOUNTS, DAYS, END = 400, 365, 1_767_225_600_000
#: What the KPIs need that are kept only with these sections of the settings.
SECTIONS: dict[str, Any] = {
    "calendars": {"default": {"time_zone": "Europe/Paris", "hours": {"mon-fri": ["09:00-12:00", "13:00-18:00"]}}},
    "service_levels": [
        {"priority": priority, "first_response": "4h", "resolution": "24h"}
        for priority in ("low", "normal", "high", "urgent")
    ],
}


def config(kpis: Sequence[str]) -> Config:
    """The core job's windows and scope with these KPIs, and the sections that they need."""
    options = {kpi.option for kpi in CATALOGUE if kpi.name in kpis and kpi.option}
    more = {name: SECTIONS[name] for name in options}
    return Settings(kpis=tuple(kpis), windows=corejob.WINDOWS, scopes=corejob.SCOPES, clock="event", **more).config()


def variants() -> dict[str, tuple[str, ...]]:
    """By KPI, the core job without it or with it; under the empty name the core job itself."""
    core = corejob.KPIS
    found = {"": core} | {name: tuple(kpi for kpi in core if kpi != name) for name in core}
    return found | {kpi.name: (*core, kpi.name) for kpi in CATALOGUE if kpi.name not in core}


def events(count: int) -> list[Event]:
    """The first events of the portfolio, decoded."""
    encode, decode = msgspec.json.Encoder().encode, Decoder(Settings().decoding()).decode_line
    found = []
    for record in islice(play(Plan(ACCOUNTS, DAYS, END, 1, "EUR", {})), count):
        event = decode(encode(record), now=1 << 50)
        assert isinstance(event, Event), event
        found.append(event)
    return found


def run(chosen: Config, stream: Sequence[Event]) -> float:
    """Microseconds of CPU an event."""
    engine = Engine(chosen)
    begin = process_time()
    for number, event in enumerate(stream, 1):
        engine.apply(event, number)
        if number % FLUSH == 0:
            engine.flush(evaluate=False)
    engine.flush(evaluate=False)
    return (process_time() - begin) / len(stream) * 1e6


def prices(count: int, rounds: int) -> dict[str, Any]:
    """Microseconds an event: ``core`` of the core job, ``noise``, and by KPI its price."""
    stream, wanted = events(count), {name: config(kpis) for name, kpis in variants().items()}
    gc.collect()
    gc.freeze()
    gc.disable()
    times: dict[str, list[float]] = {name: [] for name in wanted}
    for _ in range(rounds):
        for name, chosen in wanted.items():
            times[name].append(run(chosen, stream))
            gc.collect()
    core = min(times[""])
    sign = {name: -1 if name in corejob.KPIS else 1 for name in wanted}
    return {
        "events": len(stream),
        "core": core,
        "noise": median(times[""]) - core,
        "kpis": {name: sign[name] * (min(each) - core) for name, each in times.items() if name},
    }


def measure(*, quick: bool) -> dict[str, Any]:
    """The prices, found in a fresh process."""
    size = ["10000", "2"] if quick else []
    command = [sys.executable, "-m", "tests.benchmarks.price", *size]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


if __name__ == "__main__":
    said = [int(word) for word in sys.argv[1:]]
    print(json.dumps(prices(*(said or (EVENTS, ROUNDS)))))
