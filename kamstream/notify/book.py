"""The notifier's book: what has been told to whom, in the compacted topic `kam.notices`.

It has as many partitions as `kam.alerts`, and a case is noted in the partition its alert came from: whoever
takes over a partition of the alerts reads the same one of the book.
"""

import asyncio
import logging
from collections import defaultdict

import msgspec
import stamina
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from kamstream.errors import UserError
from kamstream.notify import actions
from kamstream.notify.case import Case, decode, encode
from kamstream.notify.desk import Key

log = structlog.get_logger(__name__)


def topic(prefix: str) -> str:
    """The name of the topic."""
    return f"{prefix}.notices"


async def ensure_topics(bootstrap: str, prefix: str) -> None:
    """Make the notifier's own two topics where they are missing; UserError when `kam.alerts` is not there."""
    # aiokafka logs each failed attempt as well; without this the command line would show both.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        alerts = f"{prefix}.alerts"
        described = await admin.describe_topics([alerts])
        parts = described[0]["partitions"]
        if described[0]["error_code"] or not parts:
            raise UserError(f"no topic {alerts}: run `kamstream topics create` first")
        copies = len(parts[0]["replicas"])
        compact = {"cleanup.policy": "compact", "min.compaction.lag.ms": "86400000"}  # as `topics create` makes them
        for name, partitions in ((topic(prefix), len(parts)), (actions.topic(prefix), 1)):
            made = await admin.create_topics([NewTopic(name, partitions, copies, topic_configs=compact)])
            for _, code, *_ in made.topic_errors:
                if code and for_code(code) is not TopicAlreadyExistsError:
                    raise UserError(f"cannot create {name}: {for_code(code).__name__}")
    finally:
        await admin.close()


class Book:
    """Reads and writes notes of cases."""

    def __init__(self, producer: AIOKafkaProducer, bootstrap: str, prefix: str) -> None:
        """The producer must be started and wait for all replicas."""
        self._producer = producer
        self._bootstrap = bootstrap
        self._topic = topic(prefix)
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def note(self, key: Key, case: Case | None) -> None:
        """Write a case, or forget it (None); returns when the broker has it, and tries until it has."""
        value = None if case is None else encode(case)
        # One at a time: a send that waits for metadata or is tried again would let a newer note pass it.
        async with self._turns[key.partition]:
            await self._write(key, value)

    async def _write(self, key: Key, value: bytes | None) -> None:
        async for attempt in stamina.retry_context(on=KafkaError, attempts=None, timeout=None, wait_max=10):
            with attempt:
                await self._producer.send_and_wait(
                    self._topic, value, key=key.alert_id.encode(), partition=key.partition
                )

    async def read(self, partitions: set[int]) -> dict[Key, Case]:
        """Every case noted in these partitions."""
        found: dict[Key, Case] = {}
        if not partitions:
            return found
        places = [TopicPartition(self._topic, partition) for partition in sorted(partitions)]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    for record in batch:
                        _apply(found, record.partition, record.key or b"", record.value)
        finally:
            await consumer.stop()
        return found


def _apply(found: dict[Key, Case], partition: int, name: bytes, value: bytes | None) -> None:
    key = Key(partition, name.decode())
    if value is None:
        found.pop(key, None)
        return
    try:
        found[key] = decode(value)
    except msgspec.MsgspecError as error:
        log.warning("note left aside", alert_id=key.alert_id, error=str(error))
