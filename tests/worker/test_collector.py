"""The cyclic collector has nothing to find on the hot path, and finds a partition that was dropped."""

import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kamstream.engine import Engine
from kamstream.events import Decoder, Rules
from kamstream.events.topics import topic_names
from kamstream.live import merged
from kamstream.worker import collector
from kamstream.worker.changelog import Changelog
from kamstream.worker.metrics import Metrics
from kamstream.worker.partition import Partition
from kamstream.worker.takeover import Takeover
from kamstream.worker.topics import sources
from kamstream.worker.values import Rows
from kamstream.worker.watermark import Watermark
from tests.benchmarks import corejob
from tests.benchmarks.engine_cost import config

NAMES = topic_names("kam")
DEALS = NAMES.inputs[1]


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """The collector as it was before."""
    thresholds = gc.get_threshold()
    yield
    gc.enable()
    gc.set_threshold(*thresholds)
    gc.unfreeze()


class LineDecoder:
    """The real decoder, for lines instead of records."""

    def __init__(self) -> None:
        self._decoder = Decoder(Rules())

    def decode(self, *, value: bytes | None, **rest: Any) -> Any:
        return self._decoder.decode_line(value or b"", now=2**60)


def partition() -> Partition:
    engine = Engine(config(full=True))
    made = Partition(0, engine, LineDecoder(), NAMES, Changelog(Any, "log", 0), 1, Metrics(CollectorRegistry()))
    at = dict.fromkeys(sources(NAMES), 0)
    made.begin(Takeover({}, Watermark(1, "A", 0, 0, 0, {}, ()), 0, {}, dict(at), at, at, ()))
    return made


class Among:
    """Something that can be asked whether it is still there, as compiled accounts cannot."""


def work(one: Partition, rows: Rows, lines: list[bytes], start: int) -> int:
    """Batches as the worker takes them: apply, flush, merge changes, encode values; how many values."""
    values = 0
    for begin in range(0, len(lines), 500):
        records = [
            SimpleNamespace(
                topic=DEALS, partition=0, offset=start + begin + n, key=b"A", value=line, headers=(), timestamp=0
            )
            for n, line in enumerate(lines[begin : begin + 500])
        ]
        one.take(DEALS, records)
        made = one.engine.flush(evaluate=True, most=500)
        _, taken = one.start_flush(more=made.more)
        values += sum(batch.record_count() for _, batch in rows.packed(merged(made.changes), start))
        for target, key, payload in made.rollups:
            assert target >= 0
            one.engine.receive(key, payload, (1, start))
        del taken
    return values


def test_the_hot_path_makes_no_cycles() -> None:
    lines = [line for _, line in corejob.events(6_000, 200, 1)]
    # Some are refused.
    lines[::2_000] = [b"{"] * 3
    one, rows = partition(), Rows({}, 2)
    work(one, rows, lines[:2_000], 0)
    gc.collect()
    gc.freeze()
    gc.disable()
    assert work(one, rows, lines[2_000:], 2_000) > 1_000
    assert len(gc.get_objects()) > 1_000, "nothing was made"
    assert gc.collect() == 0


def test_only_the_young_are_looked_at_by_themselves() -> None:
    collector.tune()
    seen: list[int] = []
    many = collector.THRESHOLDS[0] * (collector.THRESHOLDS[1] + 20)

    def note(phase: str, info: dict[str, int]) -> None:
        seen.append(info["generation"])

    gc.callbacks.append(note)
    try:
        kept = [[] for _ in range(many)]  # type: ignore[var-annotated]
    finally:
        gc.callbacks.remove(note)
    assert len(kept) == many
    assert set(seen) == {0, 1}


def test_what_is_made_while_the_worker_is_busy_is_never_looked_at() -> None:
    collector.tune()
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        seen.append(info["generation"])

    gc.callbacks.append(note)
    many = 3 * collector.THRESHOLDS[0]
    try:
        collector.spare(busy=True)
        kept = [[] for _ in range(many)]  # type: ignore[var-annotated]
        assert seen == []
        before = gc.get_freeze_count()
        collector.spare(busy=False)
        assert gc.get_freeze_count() - before > len(kept)
        assert seen == []
        assert gc.isenabled()
        more = [[] for _ in range(many)]  # type: ignore[var-annotated]
    finally:
        gc.callbacks.remove(note)
    assert len(more) == many
    assert seen


def test_cycles_do_not_pile_up_for_as_long_as_a_worker_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "MOST", 1_000)
    collector.tune()
    gc.collect()
    collector.spare(busy=True)
    among = Among()
    among.itself = among  # type: ignore[attr-defined]
    gone = weakref.ref(among)
    del among
    collector.spare(busy=True)
    assert gone() is not None, "few objects are not looked at"
    before = gc.get_freeze_count()
    kept = [[] for _ in range(1_100)]  # type: ignore[var-annotated]
    collector.spare(busy=True)
    assert gone() is None
    assert gc.get_freeze_count() - before > len(kept), "what lives on is looked at again"
    assert not gc.isenabled()
    assert gc.get_count()[0] < 100


def test_a_partition_that_was_dropped_is_freed_although_it_was_set_aside() -> None:
    collector.tune()
    one = partition()
    work(one, Rows({}, 2), [line for _, line in corejob.events(500, 20, 1)], 0)
    collector.settle()
    # Among its accounts, which are held by what they hold: the largest part of it.
    among = Among()
    one.engine._intake.accounts["among"] = among  # type: ignore[assignment]
    gone = weakref.ref(among)
    del one, among
    gc.collect()
    assert gone() is not None, "an engine's accounts are no cycle any more: sweep() is not needed"
    collector.sweep()
    assert gone() is None
