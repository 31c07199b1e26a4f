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
from kamstream.worker.flush import SLICE, Flusher
from kamstream.worker.metrics import Metrics
from kamstream.worker.partition import Partition
from kamstream.worker.projection import NoProjection
from kamstream.worker.state import State
from kamstream.worker.takeover import Takeover
from kamstream.worker.topics import sources
from kamstream.worker.values import Rows
from kamstream.worker.watermark import Watermark
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

    async def send_batch(self, batch: Any, topic: str, partition: int) -> asyncio.Future[Any]:
        """A batch of the changelog."""
        sent = asyncio.get_running_loop().create_future()
        sent.set_result(SimpleNamespace(offset=self.end))
        self.end += batch.record_count()
        return sent

    async def send_packed(self, topic: str, batches: Iterable[tuple[int, Any]]) -> None:
        """What is told."""
        assert topic == NAMES.kpis
        for _, batch in batches:
            said = [json.loads(value) for _, _, value, _ in read(built(batch))]
            self.values += [(row["id"], row["kpi"], row["value"]) for row in said]


class Life:
    """A partition that begins after ``flushes`` of others, and whose engine changes what a test says."""

    def __init__(self, flushes: int, *, tells: bool = True) -> None:
        self.sender: Any = Noting()
        metrics = Metrics(CollectorRegistry())
        engine = CountingEngine(0)
        log = Changelog(self.sender, "log", 0)
        self.partition = Partition(0, engine, JsonDecoder(), NAMES, log, 1, metrics)
        at = dict.fromkeys(sources(NAMES), 0)
        mark = Watermark(7, "A", flushes, 0, 0, at, ())
        self.partition.begin(Takeover({}, mark, 0, {}, dict(at), at, at, ()))
        self.partition.state = State.LIVE
        reader: Any = None
        self.flusher = Flusher(self.sender, NAMES, reader, Rows({}, 1) if tells else None, metrics)

    def flush(self, *changes: TableChange) -> Told:
        """What is told of these changes, at once."""
        made: Any = SimpleNamespace(rows=(), rollups=(), changes=changes, steps=(), time=1, more=False)
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
