"""Ticks, announcements, and when a partition counts as live; the clock is moved by hand."""

import asyncio
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kamstream.events.topics import topic_names
from kamstream.worker.changelog import Changelog
from kamstream.worker.config import WorkerConfig
from kamstream.worker.metrics import Metrics
from kamstream.worker.partition import Partition
from kamstream.worker.state import State
from kamstream.worker.takeover import Takeover
from kamstream.worker.timekeeper import Timekeeper
from kamstream.worker.topics import sources
from kamstream.worker.watermark import Watermark
from tests.worker.support.engine import CountingEngine, JsonDecoder

NAMES = topic_names("kam")
DEALS = NAMES.inputs[1]
METRICS = Metrics(CollectorRegistry())


class Sent:
    """A sender that remembers."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, bytes, bytes | None]] = []

    async def send_rows(self, topic: str, rows: Iterable[tuple[int, bytes, bytes | None]]) -> None:
        assert topic == NAMES.time
        self.rows += rows


def partition(number: int = 0, **ends: int) -> Partition:
    made = Partition(number, CountingEngine(number), JsonDecoder(), NAMES, Changelog(Any, "log", number), 2, METRICS)
    mark = Watermark(1, "A", 0, 0, 0, {}, ())
    at = dict.fromkeys(sources(NAMES), 0)
    made.begin(Takeover({}, mark, 0, {}, dict(at), at, {**at, **ends}, ()))
    return made


def record(offset: int, time: int, stamp: int = 0, topic: str = DEALS) -> Any:
    return SimpleNamespace(
        topic=topic, partition=0, offset=offset, key=b"A", value=b'{"time": %d}' % time, headers=(), timestamp=stamp
    )


class Stage:
    """A timekeeper over partitions, with the lag that is set."""

    def __init__(self, *partitions: Partition, clock: Any = "wall") -> None:
        self.sent = Sent()
        self.lag_of: dict[str, int] = {}
        wiring = SimpleNamespace(sender=self.sent, partitions=2)
        owned = [SimpleNamespace(partition=each) for each in partitions]
        fleet: Any = SimpleNamespace(owned=lambda: owned, wiring=wiring, accepting=True, flush_if_due=lambda one: None)
        config = WorkerConfig("localhost:1", clock=clock, tick=1.0)
        self.keeper = Timekeeper(config, fleet, NAMES, self)

    def lag(self, tp: Any, at: int) -> int:
        return self.lag_of.get(tp[0], 0)

    async def position(self, tp: Any) -> int:
        return 10

    def look(self, now: int) -> None:
        asyncio.run(self.keeper._look(now))

    def announce(self) -> list[tuple[int, int]]:
        """What one announcement sends: (to, time)."""

        async def go() -> None:
            self.keeper.beat += 1
            self.keeper._announce()
            if self.keeper._announcing is not None:
                await self.keeper._announcing
                self.keeper._announcing = None

        self.sent.rows.clear()
        asyncio.run(go())
        return [(to, int(value or b"")) for to, _, value in self.sent.rows]


def test_ticks_move_live_partitions_to_the_same_whole_tick() -> None:
    live, behind = partition(0), partition(1)
    live.state = State.LIVE
    Stage(live, behind).keeper._tick(7_300)
    assert (live.engine.time, behind.engine.time) == (7_000, 0)


def test_with_the_clock_of_events_nothing_ticks() -> None:
    live = partition()
    live.state = State.LIVE
    Stage(live, clock="event").keeper._tick(7_300)
    assert live.engine.time == 0


def test_a_rise_that_events_brought_is_announced_to_every_partition_once() -> None:
    one = partition()
    stage = Stage(one)
    one.take(DEALS, [record(0, 500)])
    assert stage.announce() == [(0, 500), (1, 500)]
    assert stage.announce() == []
    one.take(DEALS, [record(1, 400)])
    assert stage.announce() == []


def test_an_announced_time_moves_the_engine_and_is_not_announced_again() -> None:
    one = partition()
    said = SimpleNamespace(topic=NAMES.time, partition=0, offset=0, key=b"1", value=b"900", headers=(), timestamp=0)
    one.take(NAMES.time, [said])
    assert one.engine.time == 900
    assert Stage(one).announce() == []


def test_what_one_partition_heard_of_a_worker_that_died_is_told_to_all() -> None:
    # It brought T to 900 by an event of this partition, told this partition, and died before it told the other one.
    one = partition(**{DEALS: 1})
    said = SimpleNamespace(topic=NAMES.time, partition=0, offset=0, key=b"1", value=b"900", headers=(), timestamp=0)
    one.take(NAMES.time, [said])
    one.take(DEALS, [record(0, 900)])
    stage = Stage(one)
    stage.look(0)
    assert one.live
    assert stage.announce() == [(0, 900), (1, 900)]
    assert stage.announce() == []


def test_what_is_no_time_is_passed_over() -> None:
    one = partition()
    said = SimpleNamespace(topic=NAMES.time, partition=0, offset=0, key=b"1", value=b"soon", headers=(), timestamp=0)
    one.take(NAMES.time, [said])
    assert (one.engine.time, one.positions[NAMES.time]) == (0, 1)


@pytest.mark.parametrize(
    ("name", "read", "stamp", "lag", "state"),
    [
        ("nothing was there at takeover", 0, 0, 0, State.LIVE),
        ("what was there has been read, just now", 10, 99_000, 0, State.LIVE),
        ("what was there has been read, but a minute of new is left", 10, 30_000, 5, State.CATCHING_UP),
        ("some of what was there is left", 9, 99_000, 1, State.CATCHING_UP),
    ],
)
def test_a_partition_is_live_when_it_has_read_what_was_there(
    name: str, read: int, stamp: int, lag: int, state: State
) -> None:
    one = partition(**{DEALS: 10 if read else 0})
    if read:
        one.take(DEALS, [record(offset, 1, stamp) for offset in range(read)])
    stage = Stage(one)
    stage.lag_of[DEALS] = lag
    stage.look(100_000)
    assert one.state is state


def test_a_live_partition_that_falls_a_minute_behind_catches_up_and_comes_back() -> None:
    one = partition()
    one.take(DEALS, [record(0, 1, 1_000)])
    stage = Stage(one)
    stage.look(2_000)
    assert one.live
    stage.lag_of[DEALS] = 7
    stage.look(50_000)
    assert one.live
    stage.look(62_000)
    assert one.state is State.CATCHING_UP
    one.take(DEALS, [record(1, 2, 61_000)])
    stage.look(63_000)
    assert one.live
    assert one.touched


def test_control_records_at_the_end_do_not_keep_a_partition_from_being_live() -> None:
    one = partition(**{DEALS: 10})
    one.take(DEALS, [record(offset, 1, 99_000) for offset in range(9)])
    stage = Stage(one)
    stage.look(100_000)
    assert not one.live
    stage.look(101_000)
    assert one.live


def test_records_that_were_applied_before_are_passed_over() -> None:
    one = partition()
    one.take(DEALS, [record(0, 1), record(1, 1)])
    one.take(DEALS, [record(0, 1), record(1, 1), record(2, 1)])
    one.take(DEALS, [record(1, 1)])
    assert one.engine.counts == {"A": 3}
    assert one.positions[DEALS] == 3


def test_offsets_with_a_final_verdict_are_not_applied() -> None:
    one = partition()
    one.refused = {DEALS: {1, 2}}
    one.take(DEALS, [record(0, 1), record(1, 1)])
    one.take(DEALS, [record(2, 1)])
    assert one.engine.counts == {"A": 1}
    assert one.positions[DEALS] == 3


def test_the_collector_looks_at_nothing_while_a_partition_catches_up(monkeypatch: pytest.MonkeyPatch) -> None:
    busy: list[bool] = []
    monkeypatch.setattr("kamstream.worker.collector.spare", busy.append)
    one, other = partition(0), partition(1)
    one.state = other.state = State.LIVE
    stage = Stage(one, other)
    stage.look(0)
    other.more = True
    stage.look(0)
    other.more, other.state = False, State.CATCHING_UP
    stage.keeper._judge = lambda *_: asyncio.sleep(0)  # type: ignore[assignment, method-assign]
    stage.look(0)
    assert busy == [False, True, True]
