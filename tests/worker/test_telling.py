"""What a flush tells to the topic of values, over the life of a partition: by a flusher with a sender that notes it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kamstream.engine import TableChange, Value
from kamstream.events.topics import topic_names
from kamstream.worker.changelog import Changelog
from kamstream.worker.config import Parts, WorkerConfig
from kamstream.worker.fleet import Fleet
from kamstream.worker.flush import SLICE, TELL_EVERY, FencedError, Flusher, Untold
from kamstream.worker.metrics import Metrics
from kamstream.worker.partition import Partition
from kamstream.worker.projection import NoProjection
from kamstream.worker.state import State
from kamstream.worker.takeover import Takeover
from kamstream.worker.topics import sources
from kamstream.worker.values import Rows
from kamstream.worker.watermark import KEY, Watermark, decode
from tests.worker.support.engine import CountingEngine, JsonDecoder
from tests.worker.test_parcels import built, read

NAMES = topic_names("kam")
VALUE, NONE = Value(3, 2), Value(None, 0)
Told = list[tuple[str, str, float | None]]


@dataclass
class Noting:
    """A sender whose batches are acknowledged at once."""

    values: Told = field(default_factory=list)
    end: int = 0
    log: list[Any] = field(default_factory=list)
    told: list[asyncio.Future[Any]] = field(default_factory=list)
    late: bool = False

    async def send_batch(self, batch: Any, topic: str, partition: int) -> asyncio.Future[Any]:
        """A batch of the changelog."""
        sent = asyncio.get_running_loop().create_future()
        self.log.append(batch)
        sent.set_result(SimpleNamespace(offset=self.end))
        self.end += batch.record_count()
        return sent

    async def queue_packed(self, topic: str, batches: Iterable[tuple[int, Any]]) -> list[asyncio.Future[Any]]:
        """What is told; acknowledged when the test says so."""
        assert topic == NAMES.kpis
        for _, batch in batches:
            said = [json.loads(value) for _, _, value, _ in read(built(batch))]
            self.values += [(row["id"], row["kpi"], row["value"]) for row in said]
        sent = asyncio.get_running_loop().create_future()
        self.told.append(sent)
        if not self.late:
            sent.set_result(None)
        return [sent]


class Life:
    """A partition that begins after ``flushes`` of others, and whose engine changes what a test says."""

    def __init__(self, flushes: int, *, tells: bool = True, at: int = 0) -> None:
        self.sender: Any = Noting()
        metrics = Metrics(CollectorRegistry())
        engine = CountingEngine(0)
        log = Changelog(self.sender, "log", 0)
        self.partition = Partition(0, engine, JsonDecoder(), NAMES, log, 1, metrics)
        places = dict.fromkeys(sources(NAMES), 0)
        mark = Watermark(7, "A", flushes, at, 0, places, ())
        self.partition.begin(Takeover({}, mark, 0, {}, dict(places), places, places, ()))
        self.partition.state = State.LIVE
        reader: Any = None
        self.flusher = Flusher(self.sender, NAMES, reader, Rows({}, 1) if tells else None, metrics)

    async def _fenced(self, *_: Any) -> None:
        raise FencedError

    def flush(self, *changes: TableChange, time: int = 1, fenced: bool = False) -> Told:
        """What is told of these changes, at once; FencedError where he is ``fenced`` off by then."""
        made: Any = SimpleNamespace(rows=[], rollups=(), changes=changes, steps=(), time=time, more=False)
        if fenced:
            self.flusher._inspect = self._fenced  # type: ignore[method-assign]
        self.partition.engine.flush = lambda **_: made  # type: ignore[method-assign]

        async def go() -> None:
            self.partition.flushing = asyncio.Lock()
            await self.flusher.flush(self.partition, NoProjection())
            await self.flusher.tell_rest(self.partition)

        self.sender.values = []
        asyncio.run(go())
        return list(self.sender.values)


def whole(id: str, **values: Value) -> TableChange:
    """A whole table."""
    return TableChange("account", id, 1, {f"{name}:7d": value for name, value in values.items()}, full=True)


def part(id: str, **values: Value) -> TableChange:
    """A change in part."""
    return TableChange("account", id, 1, {f"{name}:7d": value for name, value in values.items()})


def gone(id: str) -> TableChange:
    """An id that goes."""
    return TableChange("account", id, 1, {}, full=True, gone=True)


def test_the_first_owner_does_not_tell_that_there_is_no_data_yet() -> None:
    life = Life(0)
    assert life.flush(whole("A", a=VALUE, b=NONE), whole("B", a=NONE, b=NONE)) == [("A", "a", 3)]
    assert life.flush(part("A", a=NONE, b=VALUE)) == [("A", "a", None), ("A", "b", 3)]
    assert life.flush(part("A", b=NONE)) == [("A", "b", None)]


def test_it_tells_so_of_an_id_that_went_and_came_again() -> None:
    life = Life(0)
    assert life.flush(whole("A", a=VALUE)) == [("A", "a", 3)]
    assert life.flush(gone("A")) == []
    assert life.flush(whole("A", a=NONE, b=VALUE)) == [("A", "a", None), ("A", "b", 3)]


@pytest.mark.parametrize("flushes", [1, 40])
def test_who_takes_over_tells_everything_since_the_one_before_may_have(flushes: int) -> None:
    assert Life(flushes).flush(whole("A", a=VALUE, b=NONE)) == [("A", "a", 3), ("A", "b", None)]


def test_without_that_output_nothing_is_told_nor_kept() -> None:
    life = Life(0, tells=False)
    assert life.flush(whole("A", a=VALUE)) == []
    assert life.flusher.untold_due(life.partition) is None
    assert len(life.flusher._untold) == 0


def test_many_are_told_in_their_order() -> None:
    ids = [f"A{n}" for n in range(2 * SLICE + 1)]
    assert Life(0).flush(*(whole(id, a=VALUE) for id in ids)) == [(id, "a", 3) for id in ids]


def told_time(life: Life) -> int | None:
    """The T that ``kam:health`` tells of its partition."""
    fleet = Fleet(WorkerConfig("nowhere"), Parts(None, None), NAMES, pytest.fail, life.partition._metrics)  # type: ignore[arg-type]
    told: int | None = fleet.facts(life.partition)["T"]
    return told


def test_the_time_that_is_told_is_durable() -> None:
    """An owner who is deposed before his flush takes what he applied with him: the next one's T would be older."""
    life = Life(0)
    life.partition.engine.advance(5_000)
    assert told_time(life) is None
    life.flush(whole("A", a=VALUE), time=5_000)
    assert told_time(life) == 5_000
    life.partition.engine.advance(9_000)
    assert told_time(life) == 5_000
    life.sender.end += 1
    with pytest.raises(FencedError):
        life.flush(whole("A", a=VALUE), time=9_000, fenced=True)
    assert told_time(life) == 5_000


def test_the_next_owner_begins_with_the_time_that_was_told() -> None:
    """Also one whose engine derives its state anew."""
    life = Life(4, at=7_000)
    assert told_time(life) == 7_000
    life.flush(whole("A", a=VALUE), time=1_000)
    assert told_time(life) == 7_000
    ((_, mark),) = [(key, value) for _, key, value, _ in read(built(life.sender.log[-1])) if key == KEY]
    assert decode(mark).time == 7_000
    life.flush(whole("A", a=NONE), time=8_000)
    assert told_time(life) == 8_000


def test_a_flush_does_not_wait_for_the_values_but_the_end_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told last is awaited before more is told, and its failure ends the worker."""
    life, clock = Life(0), iter(range(0, 1_000_000, TELL_EVERY))
    life.sender.late = True
    life.partition.engine.flush = lambda **_: made  # type: ignore[method-assign]
    made: Any = SimpleNamespace(rows=[], rollups=(), changes=[whole("A", a=VALUE)], steps=(), time=1, more=False)
    monkeypatch.setattr("kamstream.worker.flush.monotonic_ms", lambda: next(clock))

    async def flushed() -> asyncio.Task[None]:
        task = asyncio.create_task(life.flusher.flush(life.partition, NoProjection()))
        for _ in range(10):
            await asyncio.sleep(0)
        return task

    async def go() -> None:
        assert (await flushed()).done()
        second = await flushed()
        assert not second.done()
        assert len(life.sender.told) == 1
        life.sender.told[0].set_result(None)
        await second
        rest = asyncio.create_task(life.flusher.tell_rest(life.partition))
        await asyncio.sleep(0.01)
        assert not rest.done()
        life.sender.told[1].set_result(None)
        await rest
        await (await flushed())
        life.sender.told[2].set_exception(RuntimeError("refused"))
        made.changes = ()
        with pytest.raises(RuntimeError, match="refused"):
            await (await flushed())

    asyncio.run(go())


def test_who_was_deposed_tells_nothing_over_the_next_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kamstream.worker.flush.monotonic_ms", lambda: 0)
    life = Life(1)
    untold = life.flusher._untold[life.partition] = Untold(0)
    untold.due = 1_000
    untold.add([part("ACC-1", nps=Value(1, 1))])
    life.partition.close()
    asyncio.run(life.flusher.tell_rest(life.partition))
    assert life.sender.values == []
    life.partition.open = True
    asyncio.run(life.flusher.tell_rest(life.partition))
    assert life.sender.values
