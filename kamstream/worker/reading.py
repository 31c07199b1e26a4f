"""Reading topics outside the consumer group: changelog partitions in batches, and where logs begin and end."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from kamstream.events.topics import OFFSET, PARTITION, TOPIC
from kamstream.worker.replay import BetterHintError, Replay
from kamstream.worker.watermark import KEY, Mark, decode

logger = logging.getLogger(__name__)

#: Seconds until a broker that is away is tried again.
AGAIN = 1.0
#: How far from the end the newest watermark is looked for first; then ten times as far, and so on.
NEAR = 2_000
#: How often a better hint may turn up; each is of a newer reign than the one before.
HINTS = 50


class Reader:
    """Asks where logs begin and end, and reads stretches of them.

    Every stretch has a consumer of its own: one that is assigned twice may never stop (its fetcher can swallow the
    cancellation while it waits for the fetches of the first assignment to end).
    """

    def __init__(self, bootstrap: str, consumer: AIOKafkaConsumer) -> None:
        self._bootstrap = bootstrap
        self._consumer = consumer

    async def bounds(self, tps: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], tuple[int, int]]:
        """Of each topic partition: its first offset and its end (the offset the next record gets)."""
        wanted = [TopicPartition(*tp) for tp in tps]
        while True:
            try:
                first = await self._consumer.beginning_offsets(wanted)
                end = await self._consumer.end_offsets(wanted)
                break
            except (KafkaTimeoutError, KafkaConnectionError) as error:
                logger.warning("waiting for Kafka: %s", error)
        return {(tp.topic, tp.partition): (first[tp], end[tp]) for tp in wanted}

    async def records(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Any]]:
        """The records of [start, end), in batches."""
        if start >= end:
            return
        tp = TopicPartition(topic, partition)
        async with started(self._bootstrap) as consumer:
            consumer.assign([tp])
            consumer.seek(tp, start)
            at = start
            while at < end:
                batch = (await consumer.getmany(tp, timeout_ms=200)).get(tp, [])
                if batch and batch[-1].offset >= end:
                    batch = [record for record in batch if record.offset < end]
                if batch:
                    yield batch
                # Beyond the last record there may be control records only.
                at = max(at, await consumer.position(tp))

    async def replay(self, topic: str, partition: int) -> tuple[Replay, int]:
        """Read a whole changelog partition; the replay, and the end up to which it was read."""
        (first, end), *_ = (await self.bounds([(topic, partition)])).values()
        # A short log is read in one go: what waits for a watermark there is little.
        hint = await self._newest_mark(topic, partition, first, end) if end - first > NEAR else None
        for _ in range(HINTS):
            replay = Replay(hint)
            try:
                async for batch in self.records(topic, partition, first, end):
                    replay.feed(batch)
            except BetterHintError as better:
                hint = better.mark
            else:
                return replay, end
        raise RuntimeError(f"{topic}[{partition}]: more than {HINTS} reigns contradict each other")

    async def verdicts(self, topic: str, count: int, inputs: Sequence[str], partition: int) -> dict[str, set[int]]:
        """The offsets in one partition of the inputs that stand in the dead letters: their verdict is final."""
        found: dict[str, set[int]] = defaultdict(set)
        for (name, number), (first, end) in (await self.bounds([(topic, n) for n in range(count)])).items():
            async for batch in self.records(name, number, first, end):
                for record in batch:
                    said = dict(record.headers)
                    source = (said.get(TOPIC) or b"").decode("utf-8", "replace")
                    if source in inputs and said.get(PARTITION) == b"%d" % partition:
                        found[source].add(int(said.get(OFFSET) or b"-1"))
        return found

    async def _newest_mark(self, topic: str, partition: int, first: int, end: int) -> Mark | None:
        distance, upto = NEAR, end
        while upto > first:
            start = max(first, end - distance)
            found: Mark | None = None
            async for batch in self.records(topic, partition, start, upto):
                for record in batch:
                    if record.key == KEY and record.value is not None:
                        mark = Mark.at(record.offset, decode(record.value))
                        if found is None or mark.succeeds(found) or mark.said.epoch > found.said.epoch:
                            found = mark
            if found is not None:
                return found
            upto, distance = start, distance * 10
        return None


@asynccontextmanager
async def started(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group, stopped at the end of the block."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        fetch_max_bytes=64 << 20,
        max_partition_fetch_bytes=16 << 20,
    )
    while True:
        try:
            await consumer.start()
            break
        except KafkaConnectionError as error:
            logger.warning("waiting for Kafka: %s", error)
            await asyncio.sleep(AGAIN)
    try:
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def open_reader(bootstrap: str) -> AsyncIterator[Reader]:
    """A reader, of use until the end of the block."""
    async with started(bootstrap) as consumer:
        yield Reader(bootstrap, consumer)
