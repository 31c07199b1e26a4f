"""The atomic flush: what a partition applied becomes durable, then is told, then is acknowledged.

Rows and watermark → rollups → alerts → live tables (handed over, never waited for) → value changes (those that are
due) → commit.
Everything after the watermark can be repeated: rollups carry their flush number and are sent again at takeover,
alert steps stand in the engine's outbox and have deterministic ids, live tables are written anew at takeover, and so
are the values told: of their acknowledgements a flush waits for those of the slice before at most. One flush at a
time; what is applied meanwhile belongs to the next. Any failure ends the process.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from kamstream.events.topics import TopicNames
from kamstream.live.pending import Pending
from kamstream.worker import crash
from kamstream.worker.crash import CrashPoint
from kamstream.worker.metrics import Metrics
from kamstream.worker.partition import Partition, Unflushed
from kamstream.worker.protocols import FlushLike, Rollup
from kamstream.worker.reading import Reader
from kamstream.worker.rollups import pack
from kamstream.worker.sending import Sender, all_of, now_ms
from kamstream.worker.values import Rows
from kamstream.worker.watermark import KEY, Watermark, decode

if TYPE_CHECKING:
    from kamstream.alerts import AlertRecord
    from kamstream.engine import TableChange

logger = logging.getLogger(__name__)

#: The values of so many ids of a partition are computed in one flush at most: what the event loop is held up by at a
#: time, with all partitions flushed together.
MOST = 250
#: The values of so many ids are made ready to be told at a time: some milliseconds.
SLICE = 1_000
#: A partition's changed values are told at most every so many milliseconds, those of a quiet one at once.
TELL_EVERY = 1_000


class FencedError(Exception):
    """Another worker owns the partition now: its fence lies behind our rows."""


class Projection(Protocol):
    """Where changes for the live tables go; taking them in never waits."""

    def offer(
        self, changes: "Sequence[TableChange]", steps: "Sequence[AlertRecord]", *, live: bool, more: bool
    ) -> None: ...


class Flusher:
    """Flushes partitions through one sender; ``rows`` makes what tells values (None: they are not told)."""

    def __init__(
        self,
        sender: Sender,
        topics: TopicNames,
        reader: Reader,
        rows: Rows | None,
        metrics: Metrics,
        crash_point: CrashPoint = crash.none,
    ) -> None:
        self._sender = sender
        self._topics = topics
        self._reader = reader
        self._rows = rows
        self._metrics = metrics
        self._crash = crash_point
        #: What an owner leaves behind untold the next one tells anew.
        self._untold: WeakKeyDictionary[Partition, Untold] = WeakKeyDictionary()
        #: Seconds of CPU that flushes took of the event loop, in all; not those in which another process had the core.
        self.spent = 0.0

    async def flush(self, partition: Partition, projection: Projection, *, force: bool = False) -> None:
        """Make everything applied so far durable, tell it, and acknowledge it.

        ``force`` writes a watermark even when there is nothing new. Raises ``FencedError`` when the partition was lost;
        nothing was told then.
        """
        async with partition.flushing:
            if not partition.open:
                return
            self._crash("before-flush")
            began, before, live = time.monotonic(), time.thread_time(), partition.live
            # A partition that catches up only keeps which ids changed: their values are wanted once, at its end.
            made = partition.engine.flush(evaluate=live, most=MOST if live else 0)
            self.spent += time.thread_time() - before
            positions, taken = partition.start_flush(more=live and made.more)
            if not force and not worth_writing(partition, made, positions):
                release(taken)
                await self._tell_values(partition)
                return
            if taken.letters:
                await self._letters(taken)
            try:
                await self._durable(partition, made, positions)
            except FencedError:
                release(taken)
                raise
            self._crash("after-flush")
            await self._tell(partition, made, projection, live=live)
            self._crash("before-commit")
            partition.durable = positions
            release(taken)
            self._metrics.flush_seconds.observe(time.monotonic() - began)

    async def _letters(self, taken: Unflushed) -> None:
        """Dead letters are durable before the watermark behind them is written."""
        topic = self._topics.dead_letters
        sent = [
            await self._sender.send(topic, each.key, each.value, timestamp=each.timestamp, headers=each.headers)
            for each in taken.letters
        ]
        await all_of(sent)

    async def _durable(self, partition: Partition, made: FlushLike, positions: Mapping[str, int]) -> None:
        rows = made.rows
        if partition.repairs:
            # The later of a key wins.
            rows, partition.repairs = [*partition.repairs.items(), *rows], {}
            made.rows.clear()
        count = len(rows)
        partition.flush_number += 1
        # An engine that derives its state anew begins before what was told.
        t = max(partition.time, made.time)
        mark = Watermark(
            epoch=partition.epoch,
            owner=partition.owner,
            flush=partition.flush_number,
            time=t,
            rows=count,
            offsets=dict(positions),
            good=partition.good,
            fence=partition.fence,
        )
        written = await partition.changelog.append(rows, mark)
        partition.last_flush_ms = now_ms()
        self._metrics.changelog_rows.inc(count)
        self._metrics.changelog_bytes.inc(written.size)
        for start, end in written.foreign:
            await self._inspect(partition, start, end)
        partition.time = t

    async def _inspect(self, partition: Partition, start: int, end: int) -> None:
        """Somebody wrote between our rows: a new owner, or an old one that does not know yet.

        The old one's rows will not be believed, but compaction would keep them and drop the good ones before them:
        the keys they lie on are written anew with the next flush.
        """
        log = partition.changelog
        keys: set[bytes] = set()
        # Our own repeated batches may lie there too, acknowledged without their place.
        async for batch in self._reader.records(log.topic, log.partition, start, end):
            for record in batch:
                if record.key != KEY:
                    assert record.key is not None
                    keys.add(record.key)
                elif record.value is not None:
                    said = decode(record.value)
                    if said.epoch > partition.epoch:
                        raise FencedError(f"partition {partition.number}: epoch {said.epoch} follows {partition.epoch}")
        logger.warning("partition %d: %d keys were written by an owner of the past", partition.number, len(keys))
        if keys:
            replay, _ = await self._reader.replay(log.topic, log.partition)
            partition.repairs |= {key: replay.rows.get(key) for key in keys}
            partition.touched = True

    async def _tell(self, partition: Partition, made: FlushLike, projection: Projection, *, live: bool) -> None:
        if made.rollups:
            await self.send_rollups(partition, made.rollups)
        self._crash("after-rollups")
        if made.steps:
            await self._alert(made.steps)
        self._crash("after-alert")
        projection.offer(made.changes, made.steps, live=live, more=made.more)
        self._crash("after-redis")
        if made.changes and self._rows is not None:
            untold = self._untold.get(partition)
            if untold is None:
                untold = self._untold[partition] = Untold(partition.number, first=partition.first)
            untold.add(made.changes)
        await self._tell_values(partition)

    async def _alert(self, steps: "Sequence[AlertRecord]") -> None:
        await all_of([await self._sender.send(self._topics.alerts, step.id.encode(), step.to_json()) for step in steps])
        for step in steps:
            self._metrics.alerts.labels(step.status).inc()

    async def _tell_values(self, partition: Partition) -> None:
        """Tell the changed values if they are due; the changes of one id go together."""
        untold = self._untold.get(partition)
        if untold is not None:
            if untold.on_the_way and all(sent.done() for sent in untold.on_the_way):
                await untold.arrived()
            await self._send_values(untold, untold.take(monotonic_ms()))

    async def _send_values(self, untold: "Untold", changes: "Sequence[TableChange]") -> None:
        """Have values sent, without waiting until the last are there: the next owner tells all anew anyway."""
        assert self._rows is not None
        for at in range(0, len(changes), SLICE):
            batches = self._rows.packed(changes[at : at + SLICE], now_ms(), nulls=untold.nulls)
            await untold.arrived()
            untold.on_the_way = await self._sender.queue_packed(self._topics.kpis, batches)

    async def tell_rest(self, partition: Partition) -> None:
        """Tell all values, also those that are not due; returns when all replicas have them."""
        async with partition.flushing:
            untold = self._untold.get(partition)
            # Who was deposed must not tell older values over those of the next owner.
            if untold is not None and partition.open:
                await self._send_values(untold, untold.take_all())
                await untold.arrived()

    def untold_due(self, partition: Partition) -> float | None:
        """When (monotonic s) there are values to be told without anything to flush."""
        untold = self._untold.get(partition)
        return untold.due / 1000 if untold else None

    async def send_rollups(self, partition: Partition, rollups: Iterable[Rollup]) -> None:
        """Send rows of sums to the partitions that own their persons; returns when all are durable."""
        epoch, flush = partition.epoch, partition.flush_number
        rows = ((target, key, pack(epoch, flush, payload)) for target, key, payload in rollups)
        await self._sender.send_rows(self._topics.rollups, rows)


class Untold:
    """Changed values of a partition that are not told yet; ``due`` is when (monotonic ms) they may be.

    ``nulls``: fields of whole tables that have no data are told too. They need not be where nobody told any value of
    this partition before (``first``): who finds no record knows as much. An id that went was told, and may come again.

    >>> untold = Untold(3)
    >>> untold.take(50_000), untold.due
    ([], 0)
    """

    def __init__(self, number: int, *, first: bool = False) -> None:
        self.nulls = not first
        self._waiting = Pending(0)
        #: The partitions of a worker take turns: each has its own part of the interval.
        self._turn = number * 377 % TELL_EVERY
        self.due = 0
        #: What was sent last, one slice at most: its acknowledgements are to come.
        self.on_the_way: list[asyncio.Future[Any]] = []

    async def arrived(self) -> None:
        """Wait until all replicas have what was sent; what went wrong with it is raised."""
        sent, self.on_the_way = self.on_the_way, []
        await all_of(sent)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, changes: "Sequence[TableChange]") -> None:
        """Take changes in, the later over the earlier."""
        self.nulls = self.nulls or any(change.gone for change in changes)
        self._waiting.add(changes)

    def take(self, now: int) -> "list[TableChange]":
        """All of them if they are due; the next ones have to wait then."""
        if not self._waiting or now < self.due:
            return []
        self.due = (now - self._turn) // TELL_EVERY * TELL_EVERY + TELL_EVERY + self._turn
        return self.take_all()

    def take_all(self) -> "list[TableChange]":
        """All of them, due or not."""
        return self._waiting.take(0)


def monotonic_ms() -> int:
    """The clock by which values are told (ms)."""
    return int(time.monotonic() * 1000)


def worth_writing(partition: Partition, made: FlushLike, positions: Mapping[str, int]) -> bool:
    """Whether a flush holds anything: a tick that moved nothing but T does not."""
    moved = positions != partition.durable
    return bool(moved or made.rows or made.rollups or made.changes or made.steps or partition.repairs)


def release(taken: Unflushed) -> None:
    """Acknowledge the carriers of a flush: Faust may commit now."""
    for carrier in taken.carriers:
        carrier.ack()
