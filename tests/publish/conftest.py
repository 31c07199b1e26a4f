"""An installation of each test's own on the session's broker, and a way to see what arrived."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from kamstream.publish.topics import create
from kamstream.settings import Settings

Records = Callable[[str], list[Any]]


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    """Settings of an installation whose topics do not exist yet; 4 partitions."""
    return Settings.load(None, prefix=prefix, partitions=4, kafka=kafka)


@pytest.fixture
def installed(settings: Settings) -> Settings:
    """Settings of an installation with its topics."""
    create(settings)
    return settings


@pytest.fixture
def records(kafka: str) -> Records:
    """Everything in a topic, up to its end now, in the order of partitions and offsets."""

    def read(topic: str) -> list[Any]:
        with KafkaConsumer(bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest") as consumer:
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            consumer.seek_to_beginning(*partitions)
            found: list[Any] = []
            while any(consumer.position(partition) < ends[partition] for partition in partitions):
                for batch in consumer.poll(timeout_ms=1000).values():
                    found += batch
        return sorted(found, key=lambda record: (record.partition, record.offset))

    return read


def event(number: int = 1, *, account: str = "ACC-1", **changes: Any) -> bytes:
    """A valid ``ticket.opened``, with other attributes where ``changes`` names some."""
    attributes = {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "crm",
        "type": "ticket.opened",
        "subject": account,
        "time": "2026-01-05T10:00:00Z",
        "data": {"ticket_id": f"t{number}"},
    }
    return json.dumps(attributes | changes).encode()
