"""The partitions of this worker: taking them over, feeding them, flushing them, giving them up.

All of it runs on one event loop; only the live tables are written in another thread.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

from kamstream.events.topics import TopicNames
from kamstream.goals.desk import Desk
from kamstream.live.errors import RedisAway
from kamstream.worker import collector
from kamstream.worker.changelog import Changelog
from kamstream.worker.config import Parts, WorkerConfig
from kamstream.worker.documents import Allowance, Documents
from kamstream.worker.flush import FencedError, Flusher
from kamstream.worker.metrics import Metrics
from kamstream.worker.partition import Partition
from kamstream.worker.projection import NoProjection, TableProjection
from kamstream.worker.protocols import TableId
from kamstream.worker.reading import Reader
from kamstream.worker.rounds import Pace, Rounds
from kamstream.worker.sending import Sender
from kamstream.worker.state import State
from kamstream.worker.takeover import take_over

logger = logging.getLogger(__name__)

#: With so much applied and not flushed yet, a partition takes no more until a flush is through.
MAX_RECORDS, MAX_LETTER_BYTES = 100_000, 16 << 20
#: Partitions that fall due within so many seconds, and this part of the interval, are flushed together.
GATHER, ALIKE = 0.001, 0.25
#: A deposed owner waits so long for the group to tell it, then ends.
DEPOSED = 60.0
#: Seconds between two notes that a partition recovers.
NOTE = 1.0
#: What is said of a partition before there is anything to say.
RECOVERING = {"T": None, "lag": None, "events_per_second": 0.0, "last_flush": None, "state": State.RECOVERING}


@dataclass
class Owned:
    """A partition, its live tables, and the task that writes them."""

    partition: Partition
    projection: TableProjection | NoProjection
    writing: "asyncio.Task[None]"


@dataclass(frozen=True)
class Wiring:
    """What the fleet talks through, made when the app has started its producer.

    ``partitions``: the count of all co-partitioned topics; ``letters``: that of the dead letters.
    """

    sender: Sender
    reader: Reader
    flusher: Flusher
    partitions: int
    letters: int


class Fleet:
    """All partitions that this worker owns now. ``give_up`` ends the process."""

    def __init__(
        self,
        config: WorkerConfig,
        parts: Parts,
        names: TopicNames,
        give_up: Callable[[BaseException], NoReturn],
        metrics: Metrics,
    ) -> None:
        self._config = config
        self._parts = parts
        self._names = names
        self._give_up = give_up
        self._metrics = metrics
        self._allowance = Allowance()
        self._owned: dict[int, Owned] = {}
        self._recovering: frozenset[int] = frozenset()
        self._accepting = False
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="live-tables")
        self._rounds = Rounds(self._executor)
        self._flushes = Pace()
        self._alarm: asyncio.TimerHandle | None = None
        self.wiring: Wiring | None = None

    # -- what Faust asks

    def next_offset(self, topic: str, partition: int) -> int | None:
        """The offset to be read next."""
        owned = self._owned.get(partition)
        return None if owned is None else owned.partition.positions.get(topic)

    def durable_offset(self, topic: str, partition: int) -> int | None:
        """The offset after the last durable one."""
        owned = self._owned.get(partition)
        return None if owned is None else owned.partition.durable.get(topic)

    # -- the way in

    async def take(self, topic: str, number: int, records: Sequence[Any], carrier: Any) -> bool:
        """Apply a carrier; returns once the partition may be given more. Ends the process on any error.

        False: it does not follow what was applied, since one before it was dropped in a rebalance; it has to be read
        again from ``next_offset``.
        """
        try:
            owned = self._owned.get(number)
            if owned is None or not self._accepting or not owned.partition.open:
                carrier.ack()  # dropped; whoever owns the partition reads it again
                return True
            partition = owned.partition
            if getattr(records, "begin", 0) > partition.positions[topic]:
                carrier.ack()
                return False
            partition.take(topic, records)
            partition.hold(carrier)
            self._parts.crash("after-apply")
            self.flush_if_due(owned)
            while partition.open and full(partition):
                await self._flush(owned)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # an exception that left an agent would lose its events
            self._give_up(error)
        return True

    # -- flushing

    def flush_if_due(self, owned: Owned) -> None:
        """Have a partition flushed as soon as there is something to flush and it is time."""
        partition = owned.partition
        due = self._due_at(partition)
        if due is not None:
            self._wake_at(due)
        elif time.monotonic() - partition.last_flush >= self._config.idle_watermark and is_free(partition):
            self._spawn(self._flush(owned, force=True))

    def _due_at(self, partition: Partition) -> float | None:
        """When (monotonic s) a partition is to be flushed; None: nothing to flush, or a flush is on its way."""
        assert self.wiring is not None
        if not is_free(partition):
            return None
        if partition.touched:
            due = partition.last_flush + self._config.flush_interval
            return 0.0 if partition.more else max(due, self._flushes.next_at)
        return self.wiring.flusher.untold_due(partition)

    def _wake_at(self, due: float) -> None:
        """Begin a round of flushes then; not at once, since what was fetched together is taken one after the other."""
        due = max(due, time.monotonic() + GATHER)
        if self._alarm is not None:
            if self._alarm.when() <= due:
                return
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(due, self._begin_round)

    def _begin_round(self) -> None:
        self._alarm = None
        if not self._accepting:
            return  # partitions come and go; the timekeeper asks again afterwards
        now = time.monotonic()
        soon = now + GATHER + self._config.flush_interval * ALIKE
        due = {owned.partition.number: self._due_at(owned.partition) for owned in self._owned.values()}
        if any(at is not None and at <= now + GATHER for at in due.values()):
            members = [number for number, at in due.items() if at is not None and at <= soon]
            self._spawn(self._round([self._owned[number] for number in members]))
            for number in members:
                del due[number]
        later = [at for at in due.values() if at is not None]
        if later:
            self._wake_at(min(later))

    async def _round(self, due: Sequence[Owned]) -> None:
        """Flush partitions side by side: what they send at the same time goes out in one request."""
        assert self.wiring is not None
        began, before = time.monotonic(), self.wiring.flusher.spent
        await asyncio.gather(*(self._flush(owned) for owned in due))
        self._flushes.spent(began, self.wiring.flusher.spent - before)
        for owned in due:
            self.flush_if_due(owned)

    async def _flush(self, owned: Owned, *, force: bool = False, last: bool = False) -> None:
        assert self.wiring is not None
        try:
            await self.wiring.flusher.flush(owned.partition, owned.projection, force=force)
            if last:
                await self.wiring.flusher.tell_rest(owned.partition)
        except FencedError as error:
            logger.warning("%s: this worker owns it no more", error)
            owned.partition.close()
            asyncio.get_running_loop().call_later(DEPOSED, self._still_deposed, owned)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # half a flush must not be followed by anything
            self._give_up(error)

    def _still_deposed(self, owned: Owned) -> None:
        if self._owned.get(owned.partition.number) is owned:
            number = owned.partition.number
            self._give_up(RuntimeError(f"partition {number} was taken by a worker outside this group"))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- changes of ownership

    async def quiesce(self) -> None:
        """Take no more carriers and make durable what was taken."""
        self._accepting = False
        await asyncio.gather(*(self._flush(owned, last=True) for owned in self._owned.values()))

    async def take_over(self, numbers: frozenset[int]) -> None:
        """Own exactly these partitions: drop others, keep those that nobody wrote to meanwhile, recover the rest."""
        assert self.wiring is not None
        async with self._changing:
            self._accepting = False
            before = len(self._owned)
            for number in sorted(self._owned):
                if number not in numbers or not await self._untouched(self._owned[number].partition):
                    await self._drop(number)
            if len(self._owned) < before:
                collector.sweep()
            async with self._noted(numbers - self._owned.keys()):
                for number in sorted(self._recovering):
                    await self._recover(number)
            collector.settle()
            self._accepting = True

    @asynccontextmanager
    async def _noted(self, numbers: Set[int]) -> AsyncIterator[None]:
        """Say that these partitions recover, until the end of the block."""
        self._recovering = frozenset(numbers)
        noting = asyncio.get_running_loop().create_task(self._note())
        try:
            yield
        finally:
            noting.cancel()
            await asyncio.gather(noting, return_exceptions=True)
            self._recovering = frozenset()

    async def _note(self) -> None:
        note, loop = self._parts.recovering, asyncio.get_running_loop()
        while note is not None:
            for number in sorted(self._recovering - self._owned.keys()):
                try:
                    await loop.run_in_executor(self._executor, note, number)
                except RedisAway:
                    break  # the recovery does not need it
            await asyncio.sleep(NOTE)

    async def _untouched(self, partition: Partition) -> bool:
        """Whether what is in memory is exactly what the changelog says."""
        assert self.wiring is not None
        topic, number = self._names.changelog, partition.number
        ((_, end),) = (await self.wiring.reader.bounds([(topic, number)])).values()
        return partition.open and not partition.flushing.locked() and end == partition.changelog.next

    async def _recover(self, number: int) -> None:
        wiring, parts = self.wiring, self._parts
        assert wiring is not None
        log = Changelog(wiring.sender, self._names.changelog, number, parts.crash)
        takeover = await take_over(wiring.reader, log, self._names)
        engine = parts.engine(number, wiring.partitions)
        partition = Partition(number, engine, parts.decoder, self._names, log, wiring.partitions, self._metrics)
        if not partition.begin(takeover):
            letters, inputs = self._names.dead_letters, self._names.inputs
            partition.refused = await wiring.reader.verdicts(letters, wiring.letters, inputs, number)
        await wiring.flusher.send_rollups(partition, engine.all_rollups())
        projection = self._projection(partition, wiring.partitions)
        writing = asyncio.get_running_loop().create_task(self._write(projection))
        self._owned[number] = Owned(partition, projection, writing)

    def _projection(self, partition: Partition, partitions: int) -> TableProjection | NoProjection:
        if self._parts.writer is None:
            return NoProjection()
        loop, engine = asyncio.get_running_loop(), partition.engine

        async def on_loop(ids: Sequence[TableId]) -> list[Any]:
            found = [engine.published(scope, id) for scope, id in ids]
            self._metrics.redis_values.inc(sum(len(table.values) for table in found))
            return found

        def tables(ids: Sequence[TableId]) -> list[Any]:
            # Called in the writer's thread; the engine belongs to the loop.
            return asyncio.run_coroutine_threadsafe(on_loop(ids), loop).result()

        writer = self._parts.writer(partition.number, partition.epoch, partitions, tables)
        facts, board = self.facts, self._parts.board
        documents = None if board is None else Documents(Desk(board), engine, self._allowance)
        interval = int(self._config.redis_interval * 1000)
        return TableProjection(
            *(partition.number, engine, writer, self._executor, lambda: facts(partition)),
            *(interval, self._metrics, documents, self._rounds),
        )

    async def _write(self, projection: TableProjection | NoProjection) -> None:
        try:
            await projection.run()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # a bug in the writer is no reason to show stale values
            self._give_up(error)

    async def _drop(self, number: int) -> None:
        owned = self._owned.pop(number)
        owned.partition.close()
        self._metrics.outage.end(number)
        owned.writing.cancel()
        await asyncio.gather(owned.writing, return_exceptions=True)

    async def stop(self) -> None:
        """Let the live tables go; everything durable was made so by ``quiesce``."""
        for owned in self._owned.values():
            owned.writing.cancel()
        await asyncio.gather(*(owned.writing for owned in self._owned.values()), return_exceptions=True)
        await asyncio.gather(*(owned.projection.finish(2.0) for owned in self._owned.values()))
        self._executor.shutdown(wait=False, cancel_futures=True)

    # -- looking in

    @property
    def accepting(self) -> bool:
        """Whether carriers are taken: not during a rebalance or recovery."""
        return self._accepting

    def owned(self) -> list[Owned]:
        """What is owned now."""
        return list(self._owned.values())

    def partitions(self) -> list[Partition]:
        """The partitions owned now. From any thread."""
        return [owned.partition for owned in list(self._owned.values())]

    def all_facts(self) -> dict[int, dict[str, Any]]:
        """The facts of every partition; those that recover have hardly any. From any thread."""
        known = {number: self.facts(owned.partition) for number, owned in list(self._owned.items())}
        return dict.fromkeys(self._recovering, RECOVERING) | known

    def facts(self, partition: Partition) -> dict[str, Any]:
        """What ``kam:health`` says of a partition."""
        owned = self._owned.get(partition.number)
        ready = partition.live and owned is not None and owned.projection.whole
        return {
            # What is not durable the next owner may not know: his T would be an older one.
            "T": partition.time or None,
            "lag": partition.lag,
            "events_per_second": round(partition.rate, 1),
            "last_flush": partition.last_flush_ms,
            "state": State.LIVE if ready else State.CATCHING_UP,
        }


def is_free(partition: Partition) -> bool:
    """Whether a flush may begin."""
    return partition.open and not partition.flushing.locked()


def full(partition: Partition) -> bool:
    """Whether so much waits for a flush that no more is taken."""
    waiting = partition.unflushed
    return waiting.records > MAX_RECORDS or waiting.letter_bytes > MAX_LETTER_BYTES
