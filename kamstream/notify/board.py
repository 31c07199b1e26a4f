"""Posting acknowledgements and silences, and reading those that stand: for command line and dashboard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from kamstream.errors import UserError
from kamstream.notify import actions
from kamstream.notify.actions import Action
from kamstream.notify.book import ensure_topics


async def post(bootstrap: str, prefix: str, key: str, action: Action | None) -> None:
    """Write an action, or take it back (None); UserError when Kafka is not there."""
    async with _kafka(bootstrap):
        await ensure_topics(bootstrap, prefix)
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        try:
            await producer.start()
            await actions.publish(producer, prefix, key, action)
        finally:
            await producer.stop()


async def posted(bootstrap: str, prefix: str) -> dict[str, Action]:
    """The actions that stand, by key; UserError when Kafka is not there."""
    async with _kafka(bootstrap):
        await ensure_topics(bootstrap, prefix)
        found: dict[str, Action] = {}
        async with reading(bootstrap, prefix) as (consumer, here):
            end = (await consumer.end_offsets([here]))[here]
            while await consumer.position(here) < end:
                for record in (await consumer.getmany(timeout_ms=500)).get(here, []):
                    key, action = actions.read(record.key, record.value)
                    found.pop(key, None)
                    if action is not None:
                        found[key] = action
    return found


@asynccontextmanager
async def reading(bootstrap: str, prefix: str) -> AsyncIterator[tuple[AIOKafkaConsumer, TopicPartition]]:
    """A consumer at the beginning of the topic."""
    here = TopicPartition(actions.topic(prefix), 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        consumer.assign([here])
        await consumer.seek_to_beginning(here)
        yield consumer, here
    finally:
        await consumer.stop()


@asynccontextmanager
async def _kafka(bootstrap: str) -> AsyncIterator[None]:
    try:
        yield
    except KafkaError as error:
        raise UserError(f"no Kafka at {bootstrap}: {type(error).__name__}") from error
