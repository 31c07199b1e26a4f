"""Writing to Kafka so that nothing is lost: every send is awaited, an outage is waited out, the rest ends the process.

The idempotent producer retries a batch that it took for as long as it must. What can still time out is the queue in
front of it while the broker is away; then nothing was taken, and trying again is safe.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError
from aiokafka.producer.message_accumulator import BatchBuilder

from kamstream.worker.parcels import pack

Headers = Sequence[tuple[str, bytes | None]]


class Sender:
    """A thin layer over one started, idempotent aiokafka producer."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def send_batch(self, batch: BatchBuilder, topic: str, partition: int) -> "asyncio.Future[Any]":
        """Queue a batch; the future gives its metadata with the base offset once all replicas have it."""
        batch.close()
        while True:
            try:
                sent: asyncio.Future[Any] = await self._producer.send_batch(batch, topic, partition=partition)
            except KafkaTimeoutError:
                continue  # the broker is away and the queue in front of it full: the batch was not taken
            return sent

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        timestamp: int | None = None,
        headers: Headers = (),
    ) -> "asyncio.Future[Any]":
        """Queue one record; the future is done once all replicas have it."""
        while True:
            try:
                sent: asyncio.Future[Any] = await self._producer.send(
                    topic, value, key=key, partition=partition, timestamp_ms=timestamp, headers=list(headers)
                )
            except KafkaTimeoutError:
                continue  # as above
            return sent

    async def send_rows(self, topic: str, rows: Iterable[tuple[int, bytes, bytes | None]]) -> None:
        """Send (partition, key, value) rows in batches and wait until all replicas have them."""
        await self.send_packed(topic, pack(rows, now_ms()))

    async def send_packed(self, topic: str, batches: Iterable[tuple[int, BatchBuilder]]) -> None:
        """Send batches, each to its partition, and wait until all replicas have them."""
        await all_of(await self.queue_packed(topic, batches))

    async def queue_packed(
        self, topic: str, batches: Iterable[tuple[int, BatchBuilder]]
    ) -> "list[asyncio.Future[Any]]":
        """Queue batches, each to its partition; the futures are done once all replicas have them."""
        return [await self.send_batch(batch, topic, partition) for partition, batch in batches]

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(await self._producer.partitions_for(topic))


async def all_of(futures: Sequence["asyncio.Future[Any]"]) -> list[Any]:
    """Wait for every acknowledgement; the first failure is raised."""
    if len(futures) < 2:
        return [await each for each in futures]
    return list(await asyncio.gather(*futures))


def now_ms() -> int:
    """The wall clock, for the timestamps of records."""
    return int(time.time() * 1000)
