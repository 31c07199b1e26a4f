"""A load, a worker that is killed again and again at random moments, and every value is what ``compute`` says."""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kamstream.live import Health, RedisAway
from kamstream.windows import to_ms
from tests.e2e.commands import Place, place
from tests.faults.crew import Crew
from tests.faults.load import PARTITIONS, SHAPES, Load, reference_settings, sending_of, settings_file
from tests.reference.long_histories import long_history

KILLS, EVENTS, SECONDS = 12, 4_000, 30.0
SHAPE = SHAPES["wide"]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def until(holds: Callable[[], bool], crew: Crew, seconds: float, told: Callable[[], str] = str) -> None:
    """Ask again and again; an assertion error with ``told()`` after so many seconds. Crashed workers come back."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not so within {seconds:g} s: {told()}"
        time.sleep(0.1)  # between two looks at other processes
        crew.tend()


def health(here: Place) -> list[Health]:
    try:
        return here.reader.health()
    except RedisAway:
        return []


def test_every_value_is_exact_after_kills_at_random_moments(
    tmp_path: Path, kafka: str, redis_url: str, prefix: str
) -> None:
    seed = random.randrange(1 << 30)
    dice, told = random.Random(seed), [f"seed {seed}"]
    settings_file(tmp_path / "shape.toml", SHAPE, prefix)
    text = (tmp_path / "shape.toml").read_text().replace(f'prefix = "{prefix}"\n', "")
    here = place(tmp_path, kafka, redis_url, prefix, text)
    assert here.run("topics", "create").returncode == 0
    history = history_of(seed)
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in history))
    expected = here.rows("compute", str(file))
    # A shorter session than the product's: with 10 s, most of the test would be waiting for the dead to be missed.
    crew = Crew(tmp_path, here.settings, {"FAULTS_SESSION": "2"}, told.append)
    load = Load(kafka, [sending_of(event, prefix) for event in history], SECONDS)
    load.start()
    try:
        for _ in range(KILLS):
            crew.start()
            wait = time.monotonic() + dice.uniform(0.8, 3.5)
            until(lambda wait=wait: time.monotonic() >= wait, crew, 60)
            crew.kill(crew.workers[0])
        crew.start()
        until(lambda: not load.is_alive(), crew, 60)
        load.finish()
        now = expected_time(here, file)
        found: dict[tuple[str, str, str, str], Any] = {}

        def same() -> bool:
            found.clear()
            if at_rest(here, now):
                found.update(values(here))
            return found == expected

        until(same, crew, 60, lambda: f"{told} {differing(found, expected)} {health(here)}")
        assert not crew.fail_stops
    finally:
        crew.close()


def history_of(seed: int) -> list[dict[str, Any]]:
    """A long nasty history without a record that would be refused."""
    settings = reference_settings(SHAPE._replace(horizon="16d"))
    events = long_history(seed, events=EVENTS, accounts=SHAPE.accounts, days=SHAPE.days, settings=settings)
    return [event for event in events if event["data"].get("currency") != "XXX"]


def values(here: Place) -> dict[tuple[str, str, str, str], Any]:
    """Every value in Redis, in the shape of ``compute``'s rows."""
    rows: dict[tuple[str, str, str, str], Any] = {}
    for scope in ("account", "kam", "company"):
        for table in here.reader.tables(scope, here.reader.ids(scope)):
            for name, value in table.values.items():
                kpi, _, window = name.rpartition(":")
                rows[scope, table.id, kpi, window] = (value.value, value.n)
    return rows


def expected_time(here: Place, file: Path) -> int:
    """T of the file: the largest accepted event time (ms), as ``compute`` prints it."""
    done = here.run("compute", str(file), "--scope", "company", "--json")
    return to_ms(json.loads(done.stdout.splitlines()[0])["as_of"])


def at_rest(here: Place, now: int) -> bool:
    """Whether every partition has a worker that has read all, and stands at T = ``now``."""
    rows = {row.partition: row for row in health(here) if time.time() * 1000 - row.at < 4_000}
    return len(rows) == PARTITIONS and all(
        row.state == "live" and row.lag == 0 and row.time == now for row in rows.values()
    )


def differing(found: dict[Any, Any], expected: dict[Any, Any]) -> list[str]:
    """The first differences."""
    wrong = [key for key in sorted(found.keys() | expected.keys()) if found.get(key) != expected.get(key)]
    return [f"{' '.join(key)}: {found.get(key)}, not {expected.get(key)}" for key in wrong[:10]]
