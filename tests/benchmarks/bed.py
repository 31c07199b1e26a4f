"""The test bed: a real Kafka and a real Redis, the core job's events in topics, and what can be seen from outside.

Everything that is measured is measured from here, alike for every contender: progress is what its consumer group has
committed, results are what stands in Redis.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from kamstream.events import murmur2, topic_of
from kamstream.events.topics import app_id, topic_names
from kamstream.live.layout import Layout
from kamstream.local import local_services
from kamstream.local.jars import cache_dir
from kamstream.publish.topics import create
from kamstream.settings import KafkaSection, Settings
from tests.benchmarks import corejob

PARTITIONS = 8
#: The topics of the core job, without the prefix.
INPUTS = ("interactions", "deals", "tickets")
ACCOUNTS_AT_ONCE = 500


@dataclass(frozen=True)
class Job:
    """So many events of so many accounts, under a topic prefix of their own."""

    events: int
    accounts: int
    seed: int = 1

    @property
    def prefix(self) -> str:
        """The prefix of its topics and Redis keys."""
        return f"core-{self.events}-{self.accounts}"

    def topics(self) -> list[str]:
        """Its input topics."""
        return [f"{self.prefix}.{name}" for name in INPUTS]

    def file(self) -> Path:
        """Its events as ``account TAB event`` lines, made once and kept in the cache folder."""
        source = hashlib.sha256(Path(corejob.__file__).read_bytes()).hexdigest()[:8]
        path = cache_dir() / "bench" / f"{self.prefix}-{self.seed}-{source}.tsv"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            unfinished = path.with_suffix(".part")
            with unfinished.open("wb") as out:
                for account, line in corejob.events(self.events, self.accounts, self.seed):
                    out.write(account.encode() + b"\t" + line + b"\n")
            unfinished.rename(path)
        return path

    def lines(self) -> Iterator[tuple[bytes, bytes]]:
        """The events as (account, JSON), in the order of their arrival."""
        with self.file().open("rb") as lines:
            for line in lines:
                account, _, event = line.rstrip(b"\n").partition(b"\t")
                yield account, event


def topic_for(event: bytes, prefix: str) -> str:
    """The input topic of an event."""
    at = event.index(b'"type":"') + 8
    return topic_of(event[at : event.index(b'"', at)].decode(), prefix)


@dataclass
class Bed:
    """A running Kafka and Redis."""

    bootstrap: str
    redis_url: str
    admin: KafkaAdminClient
    loaded: dict[Job, dict[TopicPartition, int]] = field(default_factory=dict)

    # -- input

    def load(self, job: Job) -> None:
        """Make the job's topics and fill them, once."""
        if job in self.loaded:
            return
        self.make_topics(job.prefix)
        asyncio.run(publish_all(self.bootstrap, job))
        tps = [TopicPartition(topic, number) for topic in job.topics() for number in range(PARTITIONS)]
        self.loaded[job] = self.ends(tps)
        assert sum(self.loaded[job].values()) == job.events, "not everything arrived"

    def make_topics(self, prefix: str) -> None:
        """All topics of an installation."""
        create(Settings(prefix=prefix, partitions=PARTITIONS, kafka=KafkaSection(bootstrap=self.bootstrap)))

    def ends(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Where partitions end."""
        answer = self.admin.list_partition_offsets(dict.fromkeys(tps, OffsetSpec.LATEST))
        return {tp: result.offset for tp, result in answer.items()}

    # -- progress

    def committed(self, group: str, topics: Sequence[str]) -> int:
        """How many records of some topics a group has behind it."""
        try:
            offsets = self.admin.list_group_offsets(group).get(group, {})
        except KafkaError:  # no such group yet
            return 0
        return sum(at.offset for tp, at in offsets.items() if tp.topic in topics and at.offset > 0)

    def rows(self, topic: str) -> int:
        """How many records a topic holds, compaction aside."""
        return sum(self.ends([TopicPartition(topic, number) for number in range(PARTITIONS)]).values())

    def await_empty(self, group: str, patience: float = 60.0) -> None:
        """Wait until the broker has noticed that a group's members are gone (a killed one's session has to end)."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            described = self.admin.describe_groups([group])
            if not described[group]["members"]:
                return
            time.sleep(0.2)

    # -- results

    def redis(self) -> "redis.Redis":
        """A client of the Redis."""
        return redis.Redis.from_url(self.redis_url)

    def checksum(self, job: Job, fields: Sequence[str], accounts: Sequence[str]) -> str:
        """A hash over the values that stand in Redis, nulls too, in the order of accounts and fields."""
        digest, layout = hashlib.sha256(), Layout(job.prefix)
        with self.redis() as client:
            for at in range(0, len(accounts), ACCOUNTS_AT_ONCE):
                chunk = accounts[at : at + ACCOUNTS_AT_ONCE]
                pipe = client.pipeline(transaction=False)
                for id in chunk:
                    pipe.hmget(layout.values("account", id), list(fields))
                for id, values in zip(chunk, pipe.execute(), strict=True):
                    digest.update(line_of(id, values))
        return digest.hexdigest()[:16]

    # -- between runs

    def clean(self, job: Job, group: str, topics: Sequence[str]) -> None:
        """Forget what a run left behind: its group, its topics, its tables."""
        with self.redis() as client:
            client.flushall()
        with suppress(KafkaError):
            self.admin.delete_groups([group])
        self.delete(topics)

    def delete(self, topics: Sequence[str]) -> None:
        """Delete those of these topics that exist, and wait until they are gone."""
        doomed = [name for name in topics if name in set(self.admin.list_topics())]
        if not doomed:
            return
        self.admin.delete_topics(doomed)
        deadline = time.monotonic() + 30
        while set(doomed) & set(self.admin.list_topics()) and time.monotonic() < deadline:
            time.sleep(0.1)

    def delete_starting(self, prefix: str) -> None:
        """Delete the topics whose names start so."""
        self.delete([name for name in self.admin.list_topics() if name.startswith(prefix)])

    def reset_kamstream(self, prefix: str) -> None:
        """A kamstream installation as new, but for its inputs."""
        names = topic_names(prefix)
        self.delete([names.changelog, names.rollups, names.time, names.kpis, names.alerts])
        for _ in range(50):
            try:
                self.make_topics(prefix)
                break
            except (KafkaError, UnknownTopicOrPartitionError):  # still being deleted
                time.sleep(0.2)
        with suppress(KafkaError):
            self.admin.delete_groups([app_id(prefix)])


def line_of(id: str, values: Sequence[bytes | None]) -> bytes:
    """What a table adds to a checksum."""
    return id.encode() + b"=" + b",".join(b"-" if value is None else value for value in values) + b"\n"


@contextmanager
def test_bed() -> Iterator[Bed]:
    """Kafka and Redis for the length of the block (or those that ``KAMSTREAM_KAFKA`` and ``KAMSTREAM_REDIS`` name)."""
    with local_services() as services:
        assert services.bootstrap is not None
        assert services.redis_url is not None
        admin = KafkaAdminClient(bootstrap_servers=services.bootstrap)
        try:
            yield Bed(services.bootstrap, services.redis_url, admin)
        finally:
            admin.close()


async def publish_all(bootstrap: str, job: Job) -> None:
    """Fill a job's topics, in the order of arrival within each partition."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=256 << 10, acks="all", linger_ms=0)
    await producer.start()
    try:
        batches: dict[tuple[str, int], BatchBuilder] = {}
        places: dict[bytes, int] = {}
        sent: list[asyncio.Future[object]] = []

        async def send(key: tuple[str, int], batch: BatchBuilder) -> None:
            sent.append(await producer.send_batch(batch, key[0], partition=key[1]))
            if len(sent) > 200:
                await asyncio.gather(*sent)
                sent.clear()

        for account, event in job.lines():
            place = places.get(account)
            if place is None:
                place = places[account] = murmur2(account) % PARTITIONS
            key = (topic_for(event, job.prefix), place)
            batch = batches.get(key)
            if batch is None:
                batch = batches[key] = producer.create_batch()
            if batch.append(timestamp=None, key=account, value=event) is None:
                await send(key, batch)
                batch = batches[key] = producer.create_batch()
                batch.append(timestamp=None, key=account, value=event)
        for key, batch in batches.items():
            await send(key, batch)
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
