"""What happens without a record arriving: ticks, announcements of T, due flushes, and whether a partition keeps up."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiokafka.errors import IllegalStateError

from kamstream.worker import collector
from kamstream.worker.config import WorkerConfig
from kamstream.worker.fleet import Fleet
from kamstream.worker.partition import Partition
from kamstream.worker.state import State
from kamstream.worker.topics import sources

logger = logging.getLogger(__name__)

#: Seconds between rounds, and at least between announcements.
ROUND, ANNOUNCE = 0.05, 0.25
#: Seconds between two looks at open waits.
WAITS = 60.0
#: A live partition that is so far behind (ms) catches up; one that catches up is live again below the other.
FAR_BEHIND_MS, CLOSE_MS = 60_000, 30_000


class Ends(Protocol):
    """Where sources end, as the consumer knows."""

    def lag(self, tp: Any, at: int) -> int: ...
    def position(self, tp: Any) -> Awaitable[int | None]: ...


class Timekeeper:
    """Goes round the partitions; ``beat`` and ``progress`` (monotonic seconds) are what the watchdog looks at."""

    def __init__(
        self, config: WorkerConfig, fleet: Fleet, names: Any, ends: Ends, now: Callable[[], float] = time.time
    ) -> None:
        self._config = config
        self._fleet = fleet
        self._names = names
        self._sources = sources(names)
        self._ends = ends
        self._now = now
        self._announced = 0
        self._announcing: asyncio.Task[None] | None = None
        self._announced_at = 0.0
        self._waits_at = 0.0
        self._looked_at = 0.0
        self.beat = self.progress = time.monotonic()

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await asyncio.sleep(ROUND)
            self.beat = time.monotonic()
            if not self._fleet.accepting:
                self.progress = self.beat
                for owned in self._fleet.owned():
                    owned.partition.progress = self.beat
                continue
            now = int(self._now() * 1000)
            if self.beat - self._looked_at >= 1.0:
                await self._look(now)
            self._tick(now)
            self._announce()
            for owned in self._fleet.owned():
                self._fleet.flush_if_due(owned)

    # -- time

    def _tick(self, now: int) -> None:
        """Move the live partitions to the wall clock; all to the same multiple of the tick."""
        step = max(1, int(self._config.tick * 1000))
        time_now = now - now % step
        if self._config.clock != "wall":
            return
        for owned in self._fleet.owned():
            # Each by its own T: one that becomes live later must not wait for the next step of the clock.
            if owned.partition.live:
                owned.partition.tick(time_now)

    def _announce(self) -> None:
        """Tell all partitions the highest T that events brought about here, if it was not told from here yet.

        That one of them heard it from another worker says nothing of the rest: that worker may have died over it.
        """
        if self._announcing is not None:
            if not self._announcing.done():
                return
            self._announcing.result()
        partitions = [owned.partition for owned in self._fleet.owned()]
        if not partitions or self.beat - self._announced_at < ANNOUNCE:
            return
        first = max(partitions, key=lambda each: each.event_time)
        if first.event_time > self._announced:
            self._announced_at = self.beat
            self._announcing = asyncio.create_task(self._send(first.number, first.event_time))

    async def _send(self, number: int, at: int) -> None:
        wiring = self._fleet.wiring
        assert wiring is not None
        key, value = b"%d" % number, b"%d" % at
        rows = ((to, key, value) for to in range(wiring.partitions))
        await wiring.sender.send_rows(self._names.time, rows)
        self._announced = max(self._announced, at)

    # -- keeping up

    async def _look(self, now: int) -> None:
        """Once a second: lag, rate, state, and whether anything moves."""
        elapsed, self._looked_at = self.beat - self._looked_at, self.beat
        moved, lag = False, 0
        for owned in self._fleet.owned():
            partition = owned.partition
            partition.measure(self._lag(partition), elapsed)
            lag += partition.lag
            advanced = partition.durable != partition.seen
            partition.seen = partition.durable
            if advanced or partition.lag == 0:
                partition.progress = self.beat
            moved |= advanced
            await self._judge(partition, now)
        self._refresh_waits()
        collector.spare(any(not owned.partition.live or owned.partition.more for owned in self._fleet.owned()))
        if lag == 0 or moved:
            self.progress = self.beat

    def _refresh_waits(self) -> None:
        """Have what only time moves computed anew: once a minute, or where T stands still, when nothing comes."""
        due = self.beat - self._waits_at >= WAITS
        if due:
            self._waits_at = self.beat
        for owned in self._fleet.owned():
            partition = owned.partition
            if partition.live and (due or (self._config.clock == "event" and partition.quiet)):
                before = partition.waits_at
                partition.waits_at = partition.engine.time
                if before != partition.waits_at:
                    partition.engine.refresh_waits()
                    partition.touched = True

    def _lag(self, partition: Partition) -> int:
        return sum(
            self._ends.lag((topic, partition.number), partition.positions.get(topic, 0)) for topic in self._sources
        )

    async def _judge(self, partition: Partition, now: int) -> None:
        age = now - partition.last_record_ms if partition.last_record_ms else 0
        if partition.live:
            if partition.lag > 0 and age > FAR_BEHIND_MS:
                logger.info("partition %d is %d s behind: catching up", partition.number, age // 1000)
                partition.state = State.CATCHING_UP
        elif await self._passed(partition) and (partition.lag == 0 or age < CLOSE_MS):
            logger.info("partition %d is live", partition.number)
            partition.state = State.LIVE
            # A former owner may have brought T about and died before everybody was told.
            partition.event_time = max(partition.event_time, partition.engine.time)
            # Rules were not evaluated and nobody was told anything: do both now.
            partition.touched = True

    async def _passed(self, partition: Partition) -> bool:
        """Whether the partition has read past where its sources ended at takeover."""
        for topic, end in partition.ends.items():
            if partition.positions[topic] >= end:
                continue
            # What is left may be control records, which no carrier holds.
            try:
                here = await self._ends.position((topic, partition.number))
            except IllegalStateError:
                return False  # just taken away
            if here is None or here < end or not partition.quiet:
                return False
        return True
