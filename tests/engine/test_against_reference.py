"""Every value equals a brute-force recount of the log, whatever arrives, in whatever order."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kamstream.engine import Engine, TableChange, Value
from kamstream.engine.offline import Offline
from kamstream.engine.scopes import ScopeId
from tests.engine.driver import Rows, computed, config_of, events_of, keep, rows_of
from tests.reference import Settings, assert_same, recount
from tests.reference.histories import NASTY, NOW, TO_DATE, as_of_times, histories
from tests.reference.long_histories import START, long_history

DAY = 86_400_000
LONG = replace(NASTY, horizon="800d", windows=("365d", "24h"))
THOROUGH = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("shape", [NASTY, TO_DATE, LONG], ids=["short", "to date", "long"])
@pytest.mark.parametrize("seed", range(3))
def test_a_long_nasty_history_equals_its_recount_at_any_time(seed: int, shape: Settings) -> None:
    log = long_history(seed, events=1000, settings=shape)
    random = Random(seed)
    for as_of in (None, *(START + random.randrange(1300 * DAY) for _ in range(4))):
        assert_same(computed(log, shape, as_of), recount(log, shape, as_of))


@THOROUGH
@given(histories(NASTY), as_of_times(NASTY))
def test_a_small_dense_history_equals_its_recount(log: list[dict[str, Any]], as_of: int | None) -> None:
    assert_same(computed(log, NASTY, as_of), recount(log, NASTY, as_of))


@THOROUGH
@given(histories(TO_DATE), as_of_times(TO_DATE))
def test_windows_to_date_equal_their_recount(log: list[dict[str, Any]], as_of: int | None) -> None:
    assert_same(computed(log, TO_DATE, as_of), recount(log, TO_DATE, as_of))


@THOROUGH
@given(histories(NASTY, max_events=24), st.randoms(use_true_random=False))
def test_splits_flushes_restarts_and_ticks_change_nothing(log: list[dict[str, Any]], random: Random) -> None:
    """Between any two events the state may be flushed, written, read back, and time may tick on."""
    config, now = config_of(NASTY), NOW + DAY
    offline, stored, told = Offline(config), {}, Told()
    for event in events_of(log, NASTY):
        chance = random.random()
        if chance < 0.4:
            _flush_into(stored, offline, random.choice((None, 0, 1)), told)
        if chance < 0.2:
            engine = Engine(config)
            assert engine.restore(dict(stored))
            offline.engine, told = engine, Told()
        elif chance < 0.3:
            offline.engine.advance(offline.engine.time + random.choice((1, 3_600_000, DAY)))
        offline.apply(event)
        if chance > 0.8:
            told.compare(offline.engine)
    now = max(now, offline.engine.time)
    offline.engine.advance(now)
    _flush_into(stored, offline, None, told)
    expected = recount(log, NASTY, now)
    assert_same(rows_of(offline), expected)
    assert_same(told.rows(), expected)
    again = Offline(config)
    assert again.engine.restore(stored)
    again.settle()
    assert_same(rows_of(again), expected)


class Told:
    """The tables as their changes tell them, one by one."""

    def __init__(self) -> None:
        self.tables: dict[ScopeId, dict[str, Value]] = {}

    def take(self, change: TableChange) -> None:
        key = (change.scope, change.id)
        if change.gone:
            self.tables.pop(key, None)
        elif change.full:
            self.tables[key] = dict(change.values)
        else:
            before = self.tables[key]
            assert change.old == {field: before[field] for field in change.values}
            assert all(before[field] != value for field, value in change.values.items())
            before |= change.values

    def compare(self, engine: Engine) -> None:
        """Whole tables, asked for in between, are what the changes up to here add up to."""
        for (scope, id), table in self.tables.items():
            assert engine.published(scope, id).values == table

    def rows(self) -> Rows:
        """What was told, in the shape of the reference."""
        return {
            (*key, *_split(field)): (value.value, value.n)
            for key, table in self.tables.items()
            for field, value in table.items()
        }


def _split(field: str) -> tuple[str, str]:
    kpi, _, window = field.rpartition(":")
    return kpi, window


def _flush_into(stored: dict[bytes, bytes], offline: Offline, most: int | None, told: Told) -> None:
    """Flush as the worker does, until all is at rest: rows are stored, rollups come back, and their rows are stored."""
    engine = offline.engine
    while True:
        engine.refresh_waits()
        flush = engine.flush(most=most)
        for change in flush.changes:
            told.take(change)
        offline._flushes += 1
        keep(stored, flush.rows)
        for _, key, payload in flush.rollups:
            engine.receive(key, payload, (1, offline._flushes))
        if not (flush.rows or flush.rollups or (flush.more and most is None)):
            return


def test_sums_of_other_settings_are_passed_over() -> None:
    """Settings have changed: what partitions told each other under the old ones still lies in the topic."""
    log = long_history(5, events=400, settings=NASTY)
    before, after = Offline(config_of(replace(NASTY, windows=("2d",)))), Offline(config_of(NASTY))
    for event in events_of(log, NASTY):
        before.apply(event)
    told = before.engine.flush(most=0).rollups
    assert len(told) > 20
    for number, (_, key, payload) in enumerate(told, 1):
        after.engine.receive(key, payload, (1, number))
    assert list(after.engine.ids()) == [("company", "all")]
    for event in events_of(log, NASTY):
        after.apply(event)
    after.settle()
    assert_same(rows_of(after), recount(log, NASTY))
