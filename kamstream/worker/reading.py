"""Reading topics outside the consumer group: stretches of a log as they are kept, and where logs begin and end."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    NoError,
    OffsetOutOfRangeError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest

from kamstream.events.topics import OFFSET, PARTITION, TOPIC
from kamstream.worker.batches import feed, offset_after, records_of
from kamstream.worker.replay import BetterHintError, Record, Replay
from kamstream.worker.watermark import KEY, Mark, decode

logger = logging.getLogger(__name__)

#: Seconds until a broker that is away is tried again.
AGAIN = 1.0
#: How far from the end the newest watermark is looked for first; then ten times as far, and so on.
NEAR = 2_000
#: How often a better hint may turn up; each is of a newer reign than the one before.
HINTS = 50


#: Bytes of batches asked for at once; the next ones are on their way while these are read.
PIECE = 4 << 20
#: Milliseconds until a broker answers a question for what is not there yet.
FETCH_WAIT_MS = 100


class Reader:
    """Asks where logs begin and end, and reads stretches of them."""

    def __init__(self, consumer: AIOKafkaConsumer, piece: int = PIECE) -> None:
        self._consumer = consumer
        self._piece_bytes = piece

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

    async def pieces(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The batches that hold the records of [start, end), some of them in one piece of bytes."""
        tp = TopicPartition(topic, partition)
        if start >= end:
            return
        coming = asyncio.ensure_future(self._piece(tp, start))
        try:
            at = start
            while at < end:
                piece, after = await coming
                if after < end:
                    coming = asyncio.ensure_future(self._piece(tp, after))
                yield piece
                at = after
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _piece(self, tp: TopicPartition, at: int) -> tuple[bytes, int]:
        """The batches from an offset on, and the offset after the last whole one."""
        while True:
            try:
                piece = await self._fetch(tp, at)
            except OffsetOutOfRangeError:
                ((first, end),) = (await self.bounds([(tp.topic, tp.partition)])).values()
                if not at < first <= end:
                    raise
                at = first  # its beginning was deleted meanwhile
            except KafkaError as error:
                if not error.retriable:
                    raise
                logger.warning("%s[%d]: %s; it is asked for again", tp.topic, tp.partition, error)
                await asyncio.sleep(AGAIN)
            else:
                after = offset_after(piece)
                if after is not None:
                    return piece, after

    async def _fetch(self, tp: TopicPartition, at: int) -> bytes:
        """What the leader of a partition holds from an offset on. KafkaError when it does not say.

        A consumer would make an object of every record before anybody could look at it.
        """
        client = self._consumer._client
        if client.cluster.leader_for_partition(tp) in (None, -1):
            await client.add_topic(tp.topic)
            await client.force_metadata_update()
        node = client.cluster.leader_for_partition(tp)
        if node is None or node == -1:
            raise LeaderNotAvailableError(tp)
        most = self._piece_bytes
        asked = [(tp.topic, [(tp.partition, at, most)])]
        answer = await client.send(node, FetchRequest(FETCH_WAIT_MS, 1, most, 0, asked))
        ((_, ((_, code, *_, piece),)),) = answer.topics
        error = for_code(code)
        if error is not NoError:
            client.force_metadata_update()
            raise error(tp)
        return bytes(piece or b"")

    async def records(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        """The records of [start, end), in batches."""
        async with aclosing(self.pieces(topic, partition, start, end)) as pieces:
            async for piece in pieces:
                found = records_of(piece, start, end)
                if found:
                    yield found

    async def replay(self, topic: str, partition: int) -> tuple[Replay, int]:
        """Read a whole changelog partition; the replay, and the end up to which it was read."""
        (first, end), *_ = (await self.bounds([(topic, partition)])).values()
        # A short log is read in one go: what waits for a watermark there is little.
        hint = await self._newest_mark(topic, partition, first, end) if end - first > NEAR else None
        for _ in range(HINTS):
            replay = Replay(hint)
            try:
                async with aclosing(self.pieces(topic, partition, first, end)) as pieces:
                    async for piece in pieces:
                        feed(replay, piece, first, end)
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
async def open_reader(bootstrap: str, piece: int = PIECE) -> AsyncIterator[Reader]:
    """A reader, of use until the end of the block."""
    async with started(bootstrap) as consumer:
        yield Reader(consumer, piece)
